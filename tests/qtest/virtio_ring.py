# SPDX-License-Identifier: GPL-2.0-or-later
"""A driver's side of virtio-mmio and of split rings, honest unless told otherwise."""
import struct

BASE = 0xfeb00000
LAST = BASE + 23 * 0x200        # where microvm's first virtio device without bus= is
(MAGIC, VERSION, DEVICE_ID, VENDOR, DEVICE_FEATURES, DEVICE_FEATURES_SEL, DRIVER_FEATURES, DRIVER_FEATURES_SEL, PAGE_SIZE,
 QUEUE_SEL, QUEUE_NUM_MAX, QUEUE_NUM, QUEUE_ALIGN, QUEUE_PFN, QUEUE_READY, QUEUE_NOTIFY, ISR, ACK, STATUS, DESC, AVAIL, USED,
 QUEUE_RESET, GENERATION, CONFIG) = (
    0x00, 0x04, 0x08, 0x0c, 0x10, 0x14, 0x20, 0x24, 0x28, 0x30, 0x34, 0x38, 0x3c, 0x40, 0x44, 0x50, 0x60, 0x64, 0x70, 0x80,
    0x90, 0xa0, 0xc0, 0xfc, 0x100)
ACKNOWLEDGE, DRIVER, DRIVER_OK, FEATURES_OK, NEEDS_RESET = 1, 2, 4, 8, 0x40
F_NOTIFY_ON_EMPTY, F_INDIRECT, F_EVENT_IDX, F_VERSION_1, F_RING_RESET = (1 << n for n in (24, 28, 29, 32, 40))
NEXT, WRITE, INDIRECT = 1, 2, 4


class Driver:
    """A virtio device behind the transport at @base, driven through queue 0 with its rings at @ring."""
    def __init__(self, machine, base=LAST, ring=0x100000, legacy=False, size=8):
        self.m, self.base, self.ring, self.legacy, self.size = machine, base, ring, legacy, size

    def get(self, register):
        return self.m.readl(self.base + register)

    def set(self, register, value):
        self.m.writel(self.base + register, value)

    def set64(self, register, value):
        self.set(register, value & 0xffffffff)
        self.set(register + 4, value >> 32)

    def offered(self):
        self.set(DEVICE_FEATURES_SEL, 1)
        high = self.get(DEVICE_FEATURES)
        self.set(DEVICE_FEATURES_SEL, 0)
        return high << 32 | self.get(DEVICE_FEATURES)

    def start(self, features=None):
        """Reset, negotiation, queue 0, DRIVER_OK."""
        self.set(STATUS, 0)
        self.set(STATUS, ACKNOWLEDGE)
        self.set(STATUS, ACKNOWLEDGE | DRIVER)
        features = (0 if self.legacy else F_VERSION_1) if features is None else features
        for half in range(1 if self.legacy else 2):
            self.set(DRIVER_FEATURES_SEL, half)
            self.set(DRIVER_FEATURES, features >> 32 * half & 0xffffffff)
        status = ACKNOWLEDGE | DRIVER | (0 if self.legacy else FEATURES_OK)
        self.set(STATUS, status)
        self.set_queue()
        self.set(STATUS, status | DRIVER_OK)

    def set_queue(self, desc=None, avail=None, used=None):
        """The rings, cleared; addresses given instead of the usual ones are left as they are."""
        self.desc = self.ring if desc is None else desc
        self.avail = self.ring + 16 * self.size if avail is None else avail
        self.used = (self.ring + 18 * self.size + 6 + 0xfff & ~0xfff) if used is None else used
        self.m.memset(self.ring, 0x3000, 0)
        self.next_avail = self.next_used = 0
        self.set(QUEUE_SEL, 0)
        self.set(QUEUE_NUM, self.size)
        if self.legacy:
            self.set(PAGE_SIZE, 4096)
            self.set(QUEUE_ALIGN, 4096)
            self.set(QUEUE_PFN, self.ring >> 12)
        else:
            self.set64(DESC, self.desc)
            self.set64(AVAIL, self.avail)
            self.set64(USED, self.used)
            self.set(QUEUE_READY, 1)

    @staticmethod
    def packed(addr, length, flags, following=0):
        return struct.pack('<QIHH', addr & 0xffffffffffffffff, length, flags, following)

    def put_desc(self, n, addr, length, flags, following=0):
        self.m.write(self.desc + 16 * n, self.packed(addr, length, flags, following))

    def chain(self, buffers, first=0):
        """Descriptors from @first on for [(address, length, device writes?)]; returns the head."""
        for i, (addr, length, write) in enumerate(buffers):
            last = i == len(buffers) - 1
            self.put_desc(first + i, addr, length, (WRITE if write else 0) | (0 if last else NEXT), first + i + 1)
        return first

    def offer(self, head, notify=True):
        self.m.writew(self.avail + 4 + 2 * (self.next_avail % self.size), head)
        self.next_avail = self.next_avail + 1 & 0xffff
        self.m.writew(self.avail + 2, self.next_avail)
        if notify:
            self.set(QUEUE_NOTIFY, 0)

    def used_index(self):
        return self.m.readw(self.used + 2)

    def take(self):
        """The next used entry as (head, bytes), waited for; None if the device gave up."""
        for _ in range(100000):
            if self.used_index() != self.next_used:
                entry = struct.unpack('<II', self.m.read(self.used + 4 + 8 * (self.next_used % self.size), 8))
                self.next_used = self.next_used + 1 & 0xffff
                return entry
            if self.get(STATUS) & NEEDS_RESET:
                return None
        raise TimeoutError('the device returns nothing')

    def acknowledge(self):
        isr = self.get(ISR)
        self.set(ACK, isr)
        return isr
