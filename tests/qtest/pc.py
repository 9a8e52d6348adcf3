# SPDX-License-Identifier: GPL-2.0-or-later
"""
What tests of PC devices share: finding a device, and the interrupt controllers as instruments.

A device's interrupt is best observed at the IO APIC (irq_intercept_in of IOAPIC[board]), or in the 8259's IRR with the
input made level-triggered (ELCR), where a bit is the line's level.
"""
IOAPIC = {'pc': '/machine/i440fx/ioapic', 'q35': '/machine/q35/ioapic'}
PIT_PIN = (2, 0)            # the PIT's pin at the IO APIC; counted before or after the board's change of 0 to 2


def children(m, path):
    return [(p['name'], p['type'][6:-1]) for p in m.qmp('qom-list', path=path) if p['type'].startswith('child<')]


def devices(m, kind):
    """QOM paths of all devices of @kind that have no id, in order of creation."""
    found = [name for name, t in children(m, '/machine/unattached') if t == kind]
    return ['/machine/unattached/' + name for name in sorted(found, key=lambda n: int(n[n.index('[') + 1:-1]))]


def pit_edges(m):
    """Rising edges of the PIT's interrupt that an intercepted IO APIC has seen."""
    return sum(1 for pin, level in m.irq_log if pin in PIT_PIN and level)


class Pic:
    """One 8259A."""
    def __init__(self, m, base, elcr):
        self.m, self.base, self.elcr = m, base, elcr

    def init(self, icw2, icw3, icw4=0x01, icw1=0x11):
        self.m.outb(self.base, icw1)
        self.m.outb(self.base + 1, icw2)
        if not icw1 & 2:
            self.m.outb(self.base + 1, icw3)
        if icw1 & 1:
            self.m.outb(self.base + 1, icw4)

    def command(self, value):
        self.m.outb(self.base, value)

    def irr(self):
        self.m.outb(self.base, 0x0a)
        return self.m.inb(self.base)

    def isr(self):
        self.m.outb(self.base, 0x0b)
        return self.m.inb(self.base)

    def poll(self):
        """Acknowledges by a poll command: number of the request, or None."""
        self.m.outb(self.base, 0x0c)
        value = self.m.inb(self.base)
        return value & 7 if value & 0x80 else None

    @property
    def imr(self):
        return self.m.inb(self.base + 1)

    @imr.setter
    def imr(self, value):
        self.m.outb(self.base + 1, value)


class Pics:
    """The pair as PC firmware sets it up: vectors 8 and 0x70, all masked, edge-triggered."""
    def __init__(self, m):
        self.m = m
        self.master, self.slave = Pic(m, 0x20, 0x4d0), Pic(m, 0xa0, 0x4d1)
        self.init()

    def init(self):
        self.master.init(0x08, 0x04)
        self.slave.init(0x70, 0x02)
        self.master.imr = self.slave.imr = 0xff

    def level_mode(self, irq):
        """From now on level(irq) is the level of the line."""
        port = 0x4d1 if irq >= 8 else 0x4d0
        self.m.outb(port, self.m.inb(port) | 1 << irq % 8)

    def requested(self, irq):
        return (self.slave if irq >= 8 else self.master).irr() >> irq % 8 & 1

    level = requested


class IoApic:
    """Indirect registers of the IO APIC."""
    BASE = 0xfec00000
    MASK, LEVEL, REMOTE_IRR, LOW = 1 << 16, 1 << 15, 1 << 14, 1 << 13

    def __init__(self, m, base=BASE):
        self.m, self.base = m, base

    def read(self, index):
        self.m.writel(self.base, index)
        return self.m.readl(self.base + 0x10)

    def write(self, index, value):
        self.m.writel(self.base, index)
        self.m.writel(self.base + 0x10, value)

    def entry(self, pin):
        return self.read(0x11 + 2 * pin) << 32 | self.read(0x10 + 2 * pin)

    def set_entry(self, pin, value):
        self.write(0x11 + 2 * pin, value >> 32)
        self.write(0x10 + 2 * pin, value & 0xffffffff)
