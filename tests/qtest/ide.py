# SPDX-License-Identifier: GPL-2.0-or-later
"""PIIX3 IDE and the ATA disk: registers, PIO, bus master DMA, resets, and what a guest can do wrong."""
import os
import resource
import shlex
import shutil
import subprocess
import tempfile
import unittest
import unittest.mock

import pc
import qtest

DATA, ERROR, COUNT, LBA_LOW, LBA_MID, LBA_HIGH, DEVICE, STATUS = range(8)
FEATURES, COMMAND = ERROR, STATUS
ERR, DRQ, DSC, DRDY, BSY = 0x01, 0x08, 0x10, 0x40, 0x80
READY = DRDY | DSC
ABRT = 0x04
NIEN, SRST, HOB = 0x02, 0x04, 0x80
START, TO_MEMORY = 0x01, 0x08
ACTIVE, DMA_ERROR, INTR = 0x01, 0x02, 0x04
SECTOR = 512
SECTORS = 20 * 16 * 63 + 100        # more than a whole number of cylinders
BMDMA = 0xc000
PRD_LAST = 1 << 31


def pattern(lba, count=1):
    """What sector @lba of the test disk holds: its number, and bytes that depend on it."""
    out = b''
    for n in range(lba, lba + count):
        out += n.to_bytes(4, 'little') + bytes((n * 7 + i * 13) & 0xff for i in range(4, SECTOR))
    return out


class Disk:
    """One channel of the controller, by ports."""
    def __init__(self, vm, channel=0):
        self.vm = vm
        self.base, self.control = ((0x1f0, 0x3f6), (0x170, 0x376))[channel]
        self.bm = BMDMA + 8 * channel

    def enable_bus_master(self, command=pc.COMMAND_IO | pc.COMMAND_MASTER):
        config = pc.Config(self.vm, 1, 1)
        config.write(0x20, BMDMA)
        config.command(command)

    def read(self, reg):
        return self.vm.inb(self.base + reg)

    def write(self, reg, value):
        self.vm.outb(self.base + reg, value)

    def wait(self):
        """STATUS when the disk is no longer busy (its requests are the host's, not the guest clock's)."""
        for _ in range(200000):
            status = self.vm.inb(self.control)
            if not status & BSY:
                return status
        raise AssertionError('the disk stays busy')

    def task(self, lba, count, device=0xe0):
        self.write(COUNT, count & 0xff)
        self.write(LBA_LOW, lba & 0xff)
        self.write(LBA_MID, lba >> 8 & 0xff)
        self.write(LBA_HIGH, lba >> 16 & 0xff)
        self.write(DEVICE, device | lba >> 24 & 0xf)

    def task48(self, lba, count, device=0xe0):
        self.write(DEVICE, device)
        for reg, value in ((COUNT, count), (LBA_LOW, lba), (LBA_MID, lba >> 8), (LBA_HIGH, lba >> 16)):
            high = {COUNT: count >> 8, LBA_LOW: lba >> 24, LBA_MID: lba >> 32, LBA_HIGH: lba >> 40}[reg]
            self.write(reg, high & 0xff)
            self.write(reg, value & 0xff)

    def command(self, code):
        """Gives a command and waits until it is not busy; returns STATUS, with the interrupt taken."""
        self.write(COMMAND, code)
        self.wait()
        return self.read(STATUS)

    def data_in(self, size, width=2):
        read = {2: self.vm.inw, 4: self.vm.inl}[width]
        return b''.join(read(self.base).to_bytes(width, 'little') for _ in range(size // width))

    def data_out(self, data, width=2):
        write = {2: self.vm.outw, 4: self.vm.outl}[width]
        for i in range(0, len(data), width):
            write(self.base, int.from_bytes(data[i:i + width], 'little'))

    def read_pio(self, count, block=1):
        out = b''
        while count:
            n = min(block, count)
            assert self.wait() & DRQ, 'data should be ready'
            out += self.data_in(n * SECTOR)
            count -= n
        return out

    def prds(self, entries, table=0x80000, last=True):
        for i, (addr, size) in enumerate(entries):
            end = PRD_LAST if last and i == len(entries) - 1 else 0
            self.vm.writel(table + 8 * i, addr)
            self.vm.writel(table + 8 * i + 4, size & 0xffff | end)
        self.vm.outl(self.bm + 4, table)

    def dma(self, code, to_memory, start_first=False):
        """Runs a DMA command whose task file and table are set. Returns (STATUS, BMISP)."""
        direction = TO_MEMORY if to_memory else 0
        self.vm.outb(self.bm + 2, DMA_ERROR | INTR)
        self.vm.outb(self.bm, direction)
        if start_first:
            self.vm.outb(self.bm, direction | START)
        self.write(COMMAND, code)
        if not start_first:
            self.vm.outb(self.bm, direction | START)
        return self.dma_end(direction)

    def dma_end(self, direction):
        """Waits for the end of a transfer that runs. Returns (STATUS, BMISP)."""
        for _ in range(200000):
            bm = self.vm.inb(self.bm + 2)
            if bm & INTR or not bm & ACTIVE:
                break
        else:
            raise AssertionError('the transfer does not end')
        self.wait()
        bm = self.vm.inb(self.bm + 2)
        self.vm.outb(self.bm, direction)
        return self.read(STATUS), bm


class IdeCase(qtest.Case):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix='rhea-ide-')
        self.addCleanup(self.folder.cleanup)
        self.image = os.path.join(self.folder.name, 'disk.img')
        with open(self.image, 'wb') as f:
            f.write(pattern(0, 300))
            f.truncate(SECTORS * SECTOR)

    def disk(self, *args, drive='', device=None):
        """A pc with the test disk as master of the first channel."""
        if device is None:
            args = ('-drive', f'file={self.image},format=raw,if=ide{drive}', *args)
        else:
            args = ('-drive', f'file={self.image},format=raw,if=none,id=d{drive}',
                    '-device', f'ide-hd,drive=d,bus=ide.0{device}', *args)
        self.vm = self.start('-M', 'pc', '-nodefaults', *args)
        return Disk(self.vm)

    def image_sectors(self, lba, count):
        with open(self.image, 'rb') as f:
            f.seek(lba * SECTOR)
            return f.read(count * SECTOR)

    def check_alive(self, disk):
        """The disk still answers as it should."""
        self.vm.outb(disk.control, SRST)
        self.vm.outb(disk.control, 0)
        self.assertEqual(disk.wait(), READY)
        disk.task(5, 1)
        disk.write(COMMAND, 0x20)
        self.assertEqual(disk.read_pio(1), pattern(5))


class Registers(IdeCase):
    def test_after_reset(self):
        d = self.disk()
        self.assertEqual([d.read(r) for r in range(1, 8)], [0, 1, 1, 0, 0, 0xa0, READY], 'signature of a disk')
        self.assertEqual(self.vm.inb(d.control), READY, 'alternate status')
        d.write(DEVICE, 0xb0)
        self.assertEqual((d.read(STATUS), d.read(ERROR)), (0, 0), 'nobody is unit 1')
        empty = Disk(self.vm, 1)
        self.assertEqual([empty.read(r) for r in range(8)], [0] * 8, 'nobody is on the second channel')

    def test_registers_keep_what_is_written(self):
        d = self.disk()
        for reg in (COUNT, LBA_LOW, LBA_MID, LBA_HIGH):
            for value in (0x55, 0xaa, 0xff, 0x00):
                d.write(reg, value)
                self.assertEqual(d.read(reg), value)
            d.write(reg, 0x12)
            d.write(reg, 0x34)
            self.vm.outb(d.control, HOB)
            self.assertEqual(d.read(reg), 0x12, 'HOB shows what was written before')
            d.write(FEATURES, 0)
            self.assertEqual(d.read(reg), 0x34, 'a write takes HOB back')
        d.write(DEVICE, 0x4f)
        self.assertEqual(d.read(DEVICE), 0xef, 'bits 7 and 5 are ones')

    def test_identify(self):
        d = self.disk(device=',serial=S1,model=Rhea Test,ver=9,wwn=0x5000123456789abc,rotation_rate=7200')
        self.assertEqual(d.command(0xec), READY | DRQ)
        words = d.data_in(SECTOR)
        word = [int.from_bytes(words[i:i + 2], 'little') for i in range(0, SECTOR, 2)]

        def text(first, count):
            return b''.join(w.to_bytes(2, 'big') for w in word[first:first + count])
        self.assertEqual(d.read(STATUS), READY, 'all data is out')
        self.assertEqual(text(10, 10), b'S1'.ljust(20))
        self.assertEqual(text(23, 4), b'9'.ljust(8))
        self.assertEqual(text(27, 20), b'Rhea Test'.ljust(40))
        self.assertEqual((word[1], word[3], word[6]), (20, 16, 63), 'geometry')
        self.assertEqual(word[60] | word[61] << 16, SECTORS, 'LBA28 capacity')
        self.assertEqual(word[100] | word[101] << 16, SECTORS, 'LBA48 capacity')
        self.assertEqual(word[108:112], [0x5000, 0x1234, 0x5678, 0x9abc], 'WWN')
        self.assertEqual(word[217], 7200, 'rotation rate')
        self.assertEqual(word[88], 0x203f, 'UDMA5 is selected')
        self.assertEqual(word[0], 0x0040)

    def test_default_names(self):
        d = self.disk()
        d.command(0xec)
        data = d.data_in(SECTOR)
        swapped = b''.join(data[i + 1:i + 2] + data[i:i + 1] for i in range(0, SECTOR, 2))
        self.assertEqual(swapped[20:40], b'QM00001'.ljust(20))
        self.assertEqual(swapped[46:54], b'2.5+    ')
        self.assertEqual(swapped[54:94], b'QEMU HARDDISK'.ljust(40))

    def test_set_features_changes_identify(self):
        d = self.disk()

        def word(n):
            d.command(0xec)
            data = d.data_in(SECTOR)
            return int.from_bytes(data[2 * n:2 * n + 2], 'little')

        def set_features(feature, count=0):
            d.write(FEATURES, feature)
            d.write(COUNT, count)
            return d.command(0xef)
        for mode, w63, w88 in ((0x22, 0x0407, 0x003f), (0x42, 0x0007, 0x043f), (0x08, 0x0007, 0x003f)):
            self.assertEqual(set_features(3, mode), READY)
            self.assertEqual((word(63), word(88)), (w63, w88), f'transfer mode {mode:#x}')
        for wrong in (0x23, 0x46, 0x80):
            self.assertEqual(set_features(3, wrong), DRDY | ERR, f'transfer mode {wrong:#x} is none')
        self.assertEqual(word(85) & 0x20, 0x20, 'the write cache is on')
        self.assertEqual(set_features(0x82), READY)
        self.assertEqual(word(85) & 0x20, 0)
        self.assertEqual(set_features(0x02), READY)
        self.assertEqual(word(85) & 0x20, 0x20)
        self.assertEqual(set_features(0x77), DRDY | ERR, 'an unknown feature')

    def test_every_command_byte(self):
        """No command byte hangs or kills; the disk works afterwards."""
        d = self.disk()
        for code in range(256):
            with self.subTest(command=hex(code)):
                d.task(0, 1)
                d.write(COMMAND, code)
                d.wait()
        self.check_alive(d)

    def test_unknown_commands_abort(self):
        d = self.disk()
        for code in (0x00, 0x08, 0x0f, 0xa0, 0xa1, 0xc0, 0xff):
            with self.subTest(command=hex(code)):
                self.assertEqual(d.command(code), DRDY | ERR)
                self.assertEqual(d.read(ERROR), ABRT)

    def test_small_commands(self):
        d = self.disk()
        for code in (0x10, 0xe0, 0xe1, 0xe2, 0xe3, 0xe6, 0x94, 0xe7, 0xea):
            with self.subTest(command=hex(code)):
                self.assertEqual(d.command(code) & ~DSC, DRDY)
        self.assertEqual(d.command(0xe5), READY)
        self.assertEqual(d.read(COUNT), 0xff, 'CHECK POWER MODE: active')
        d.task(0, 0)
        self.assertEqual(d.command(0xf8), READY, 'READ NATIVE MAX ADDRESS')
        low = d.read(LBA_LOW) | d.read(LBA_MID) << 8 | d.read(LBA_HIGH) << 16
        self.assertEqual(low | (d.read(DEVICE) & 0xf) << 24, SECTORS - 1)
        d.task48(0, 0)
        self.assertEqual(d.command(0x27), READY)
        low = d.read(LBA_LOW) | d.read(LBA_MID) << 8 | d.read(LBA_HIGH) << 16
        self.assertEqual(low, SECTORS - 1)
        self.vm.outb(d.control, HOB)
        self.assertEqual([d.read(r) for r in (LBA_LOW, LBA_MID, LBA_HIGH)], [0, 0, 0])
        for code, lba, want in ((0x40, SECTORS - 1, READY), (0x40, SECTORS, DRDY | ERR), (0x70, 0, READY),
                                (0x70, SECTORS, DRDY | ERR)):
            d.task(lba, 1)
            self.assertEqual(d.command(code), want, f'{code:#x} of sector {lba}')

    def test_diagnostic(self):
        d = self.disk()
        d.task(0x123456, 7)
        self.assertEqual(d.command(0x90), READY)
        self.assertEqual([d.read(r) for r in range(1, 7)], [1, 1, 1, 0, 0, 0xa0])

    def test_smart(self):
        d = self.disk()

        def smart(feature, count=1, low=0, key=0xc24f):
            d.task(low | key << 8, count, 0xa0)
            d.write(FEATURES, feature)
            return d.command(0xb0)
        self.assertEqual(smart(0xda), READY)
        self.assertEqual((d.read(LBA_MID), d.read(LBA_HIGH)), (0x4f, 0xc2), 'healthy')
        for feature, low in ((0xd0, 0), (0xd1, 0), (0xd5, 1), (0xd5, 6)):
            self.assertEqual(smart(feature, 1, low), READY | DRQ)
            self.assertEqual(sum(d.data_in(SECTOR)) & 0xff, 0, f'check sum of {feature:#x}')
        self.assertEqual(smart(0xda, key=0x1234), DRDY | ERR, 'without the key')
        self.assertEqual(smart(0xd5, 1, 0x55), DRDY | ERR, 'a log that is not there')
        self.assertEqual(smart(0xd9), READY)
        self.assertEqual(smart(0xd0), DRDY | ERR, 'disabled')
        self.assertEqual(smart(0xd8), READY)
        self.assertEqual(smart(0xd0), READY | DRQ, 'enabled again')


class Pio(IdeCase):
    def test_read(self):
        d = self.disk()
        for code, lba, count, block in ((0x20, 0, 1, 1), (0x21, 7, 3, 1), (0x20, 40, 256, 1), (0xc4, 3, 37, 16)):
            with self.subTest(command=hex(code), lba=lba, count=count):
                d.task(lba, count)
                d.write(COMMAND, code)
                self.assertEqual(d.read_pio(count, block), pattern(lba, count))
                self.assertEqual(d.wait(), READY)
                self.assertEqual(d.read(COUNT), 0, 'COUNT is what is left')
        for code, block in ((0x24, 1), (0x29, 16)):
            d.task48(11, 20)
            d.write(COMMAND, code)
            self.assertEqual(d.read_pio(20, block), pattern(11, 20))

    def test_read_by_cylinder_head_sector(self):
        d = self.disk()
        for c, h, s in ((0, 0, 1), (0, 3, 63), (0, 4, 2)):
            lba = (c * 16 + h) * 63 + s - 1
            d.task(s | c << 8, 1, 0xa0 | h)
            d.write(COMMAND, 0x20)
            self.assertEqual(d.read_pio(1), pattern(lba))
        for what, s, h, count in (('sector 0', 0, 0, 1), ('a sector beyond the track', 64, 0, 1)):
            d.task(s, count, 0xa0 | h)
            self.assertEqual(d.command(0x20), DRDY | ERR, what)
        d.task(1, 10, 0xa0 | 3)
        self.assertEqual(d.command(0x91), READY, 'another logical geometry')
        d.task(10, 1, 0xa0 | 3)
        d.write(COMMAND, 0x20)
        self.assertEqual(d.read_pio(1), pattern(3 * 10 + 9))
        d.task(1, 0, 0xa0)
        self.assertEqual(d.command(0x91), DRDY | ERR, 'no sectors')

    def test_write(self):
        d = self.disk()
        for code, lba, count, block in ((0x30, 2, 1, 1), (0x30, 100, 4, 1), (0xc5, 200, 21, 16), (0x34, 260, 2, 1),
                                        (0x39, 270, 17, 16)):
            with self.subTest(command=hex(code), lba=lba, count=count):
                data = bytes((i * 31 + lba) & 0xff for i in range(count * SECTOR))
                (d.task48 if code in (0x34, 0x39) else d.task)(lba, count)
                d.write(COMMAND, code)
                for at in range(0, count, block):
                    self.assertTrue(d.wait() & DRQ)
                    d.data_out(data[at * SECTOR:min(at + block, count) * SECTOR], 4)
                self.assertEqual(d.wait(), READY)
                self.assertEqual(d.command(0xe7), READY, 'flush')
                self.assertEqual(self.image_sectors(lba, count), data)
                self.assertEqual(self.image_sectors(lba - 1, 1), pattern(lba - 1), 'the sector before is untouched')

    def test_set_multiple(self):
        d = self.disk()
        for n, works in ((0, True), (1, True), (2, True), (3, False), (16, True), (32, False), (128, False)):
            d.write(COUNT, n)
            self.assertEqual(d.command(0xc6), READY if works else DRDY | ERR, f'{n} sectors')
        d.write(COUNT, 4)
        d.command(0xc6)
        d.task(9, 10)
        d.write(COMMAND, 0xc4)
        self.assertEqual(d.read_pio(10, 4), pattern(9, 10))
        d.write(COUNT, 0)
        d.command(0xc6)
        d.task(0, 1)
        self.assertEqual(d.command(0xc4), DRDY | ERR, 'READ MULTIPLE while it is off')

    def test_out_of_range(self):
        d = self.disk()
        for code in (0x20, 0xc4, 0x24):
            for lba, count in ((SECTORS, 1), (SECTORS + 5, 2), (0xfffffff, 1)):
                with self.subTest(command=hex(code), lba=lba):
                    (d.task48 if code == 0x24 else d.task)(lba, count)
                    self.assertEqual(d.command(code), DRDY | ERR)
                    self.assertEqual(d.read(ERROR), ABRT)
        d.task48((1 << 48) - 1, 1)
        self.assertEqual(d.command(0x24), DRDY | ERR)
        d.task(SECTORS - 1, 2)
        d.write(COMMAND, 0x20)
        self.assertTrue(d.wait() & DRQ, 'the last sector can still be read')
        d.data_in(SECTOR)
        self.assertEqual(d.wait(), DRDY | ERR, 'the one after it cannot')
        d.task(SECTORS, 1)
        d.write(COMMAND, 0x30)
        self.assertTrue(d.wait() & DRQ)
        d.data_out(bytes(SECTOR), 4)
        self.assertEqual(d.wait(), DRDY | ERR, 'a write beyond the end')
        self.assertEqual(os.path.getsize(self.image), SECTORS * SECTOR, 'the image has not grown')

    def test_data_port_widths(self):
        d = self.disk()
        for width in (2, 4):
            d.task(1, 1)
            d.write(COMMAND, 0x20)
            d.wait()
            self.assertEqual(d.data_in(SECTOR, width), pattern(1))
        d.task(1, 1)
        d.write(COMMAND, 0x20)
        d.wait()
        self.assertEqual(self.vm.inb(d.base), pattern(1)[0], 'a byte access shows the low half of a word')
        self.assertEqual(d.data_in(508), pattern(1)[2:510], 'and moves the word')
        self.assertEqual(self.vm.inl(d.base), 0, 'a dword where a word is left')
        self.assertEqual(self.vm.inw(d.base), int.from_bytes(pattern(1)[510:], 'little'), 'takes nothing')
        self.assertEqual(self.vm.inw(d.base), 0, 'there is no more')
        self.vm.outw(d.base, 0x1234)
        self.assertEqual(d.wait(), READY)

    def test_data_port_wrong_way(self):
        d = self.disk()
        d.task(1, 1)
        d.write(COMMAND, 0x20)
        d.wait()
        for _ in range(300):
            self.vm.outw(d.base, 0xffff)
        self.assertEqual(d.data_in(SECTOR), pattern(1), 'writing does not disturb a read')
        d.task(1, 1)
        d.write(COMMAND, 0x30)
        self.assertEqual(d.data_in(20), bytes(20), 'nor reading a write')
        d.data_out(bytes(SECTOR))
        self.assertEqual(d.wait(), READY)
        self.assertEqual(self.image_sectors(1, 1), bytes(SECTOR))

    def test_registers_are_frozen_while_data_is_due(self):
        d = self.disk()
        d.task(1, 2)
        d.write(COMMAND, 0x20)
        d.wait()
        d.write(LBA_LOW, 77)
        d.write(COMMAND, 0xec)
        self.assertEqual(d.read_pio(2), pattern(1, 2))

    def test_interrupts(self):
        d = self.disk()
        self.vm.irq_intercept_in(pc.Board(self.vm, 'pc').ioapic_path)
        d.task(0, 2)
        d.write(COMMAND, 0x20)
        d.wait()
        self.assertEqual(self.vm.irq(14), 1, 'data is ready')
        d.wait()
        self.assertEqual(self.vm.irq(14), 1, 'alternate status leaves it')
        d.read(STATUS)
        self.assertEqual(self.vm.irq(14), 0, 'STATUS takes it')
        d.data_in(SECTOR)
        d.wait()
        self.assertEqual(self.vm.irq(14), 1, 'the next sector')
        d.data_in(SECTOR)
        d.read(STATUS)
        self.vm.outb(d.control, NIEN)
        d.command(0x10)
        d.write(COMMAND, 0x10)
        self.assertEqual(self.vm.irq(14), 0, 'nIEN keeps it')
        self.vm.outb(d.control, 0)
        self.assertEqual(self.vm.irq(14), 1, 'until it is cleared')

    def test_late_interrupts(self):
        """win2k-install-hack: the 16th interrupt of writing comes a millisecond late, STATUS does not."""
        d = self.disk(device=',win2k-install-hack=on')
        self.vm.irq_intercept_in(pc.Board(self.vm, 'pc').ioapic_path)
        d.task(0, 17)
        d.write(COMMAND, 0x30)
        for n in range(1, 18):
            self.assertTrue(d.wait() & DRQ)
            d.read(STATUS)
            d.data_out(bytes(SECTOR), 4)
            d.wait()
            if n == 16:
                self.assertEqual(self.vm.irq(14), 0, 'held back')
                self.vm.state_cycle()
                self.assertEqual(self.vm.irq(14), 0, 'still')
                self.vm.command('clock_step', '999999')
                self.assertEqual(self.vm.irq(14), 0, 'not yet')
                self.vm.command('clock_step', '1')
            self.assertEqual(self.vm.irq(14), 1, f'interrupt {n}')
        self.assertEqual(d.read(STATUS), READY)


class Dma(IdeCase):
    def setup_dma(self, **options):
        d = self.disk(**options)
        d.enable_bus_master()
        return d

    def test_read(self):
        d = self.setup_dma()
        for code, start_first in ((0xc8, False), (0xc9, True), (0x25, False)):
            for lba, entries in ((0, [(0x100000, 512)]), (5, [(0x100000, 0x1000)]),
                                 (8, [(0x100000, 0x200), (0x180000, 0x400)]), (0, [(0x100000, 0)]),
                                 (9, [(0x100002, 2), (0x200000, 0x1fe), (0x300000, 0x200)])):
                total = sum(size or 0x10000 for _, size in entries)
                with self.subTest(command=hex(code), entries=entries):
                    for addr, size in entries:
                        self.vm.memset(addr - 2, (size or 0x10000) + 4, 0xee)
                    (d.task48 if code == 0x25 else d.task)(lba, total // SECTOR)
                    d.prds(entries)
                    self.assertEqual(d.dma(code, True, start_first), (READY, INTR), 'all is read, the table is used up')
                    got = b''.join(self.vm.read(addr, size or 0x10000) for addr, size in entries)
                    self.assertEqual(got, pattern(lba, total // SECTOR))
                    for addr, size in entries:
                        behind = self.vm.read(addr + (size or 0x10000), 2)
                        self.assertEqual(behind, b'\xee\xee', 'what follows is untouched')

    def test_write(self):
        d = self.setup_dma()
        for code, lba, count in ((0xca, 3, 1), (0xcb, 17, 8), (0x35, 31, 130)):
            data = bytes((i * 5 + lba) & 0xff for i in range(count * SECTOR))
            self.vm.write(0x100000, data)
            (d.task48 if code == 0x35 else d.task)(lba, count)
            d.prds([(0x100000 + at, min(0x8000, len(data) - at)) for at in range(0, len(data), 0x8000)])
            self.assertEqual(d.dma(code, False), (READY, INTR))
            self.assertEqual(d.command(0xea), READY)
            self.assertEqual(self.image_sectors(lba, count), data)

    def test_large(self):
        """More than one request's worth, 32 MiB being the most a command can say."""
        d = self.setup_dma()
        with open(self.image, 'r+b') as f:
            f.seek(5000 * SECTOR)
            f.write(b'some far sector')
        d.task48(0, 0x3000)
        d.prds([(0x200000 + at, 0) for at in range(0, 0x3000 * SECTOR, 0x10000)])
        self.assertEqual(d.dma(0x25, True), (READY, INTR))
        self.assertEqual(self.vm.read(0x200000, 300 * SECTOR), pattern(0, 300))
        self.assertEqual(self.vm.read(0x200000 + 5000 * SECTOR, 15), b'some far sector')

    def test_many_tiny_entries(self):
        d = self.setup_dma()
        d.task(4, 8)
        d.prds([(0x100000 + 4 * i, 2) for i in range(8 * SECTOR // 2)], table=0x90000)
        self.assertEqual(d.dma(0xc8, True), (READY, INTR))
        got = self.vm.read(0x100000, 8 * SECTOR * 2)
        self.assertEqual(b''.join(got[i:i + 2] for i in range(0, len(got), 4)), pattern(4, 8))

    def test_table_too_long(self):
        d = self.setup_dma()
        d.task(2, 1)
        d.prds([(0x100000, 0x1000)])
        self.assertEqual(d.dma(0xc8, True), (READY, INTR | ACTIVE), 'ACTIVE stays: the table had more')
        self.assertEqual(self.vm.read(0x100000, SECTOR), pattern(2))

    def test_table_too_short(self):
        d = self.setup_dma()
        for entries in ([(0x100000, 2)], [(0x100000, 0x200)], [(0x100000, 0x3fe)]):
            with self.subTest(entries=entries):
                self.vm.memset(0x100000, 0x1000, 0xee)
                d.task(2, 2)
                d.prds(entries)
                status, bm = d.dma(0xc8, True)
                self.assertEqual(bm & (ACTIVE | INTR), 0, 'no interrupt, and no longer active')
                self.assertEqual(status & (BSY | DRQ), 0)
                self.assertEqual(self.vm.read(0x100000 + entries[0][1], 2), b'\xee\xee', 'nothing beyond the entry')
        self.check_alive(d)

    def test_entry_bits(self):
        d = self.setup_dma()
        d.task(2, 1)
        self.vm.writel(0x80000, 0x100001)
        self.vm.writel(0x80004, 0xffff0201)         # bit 0 of address and size, reserved bits
        self.vm.outl(d.bm + 4, 0x80003)
        self.assertEqual(self.vm.inl(d.bm + 4), 0x80000, 'the table is dword aligned')
        self.assertEqual(d.dma(0xc8, True), (READY, INTR))
        self.assertEqual(self.vm.read(0x100000, SECTOR), pattern(2))

    def test_memory_that_is_not_there(self):
        d = self.setup_dma()
        for what, entries in (('data', [(0xd0000000, 0x200)]),
                              ('part of the data', [(0x100000, 0x100), (0xd0000000, 0x100)]),
                              ('a device', [(0xfee00000, 0x200)]), ('ROM', [(0xffff0000, 0x200)])):
            for code, to_memory in ((0xc8, True), (0xca, False)):
                with self.subTest(what=what, to_memory=to_memory):
                    d.task(2, 1)
                    d.prds(entries)
                    status, bm = d.dma(code, to_memory)
                    self.assertEqual(status & (BSY | DRQ), 0)
        d.task(2, 1)
        self.vm.outl(d.bm + 4, 0xd0000000)
        status, bm = d.dma(0xc8, True)
        self.assertEqual(bm & (DMA_ERROR | ACTIVE), DMA_ERROR, 'a table that cannot be read')
        self.assertTrue(status & ERR)
        self.check_alive(d)

    def test_bus_master_off(self):
        d = self.disk()
        d.enable_bus_master(pc.COMMAND_IO)
        self.vm.memset(0x100000, SECTOR, 0xee)
        d.task(2, 1)
        d.prds([(0x100000, 0x200)])
        status, bm = d.dma(0xc8, True)
        self.assertEqual(bm & (DMA_ERROR | ACTIVE), DMA_ERROR)
        self.assertEqual(self.vm.read(0x100000, SECTOR), b'\xee' * SECTOR, 'nothing reaches memory')
        d.enable_bus_master()
        self.check_alive(d)

    def test_out_of_range(self):
        d = self.setup_dma()
        self.vm.memset(0x100000, 0x1000, 0xee)
        for lba, count in ((SECTORS, 1), (SECTORS - 1, 2), (0xfffffff, 1)):
            d.task(lba, count)
            d.prds([(0x100000, 0x400)])
            status, _ = d.dma(0xc8, True)
            self.assertEqual(status, DRDY | ERR)
            self.assertEqual(self.vm.read(0x100000, 0x400), b'\xee' * 0x400, 'nothing is transferred')

    def test_stop_in_the_middle(self):
        d = self.setup_dma()
        for _ in range(20):
            d.task48(0, 0x800)
            d.prds([(0x200000 + at, 0) for at in range(0, 0x800 * SECTOR, 0x10000)])
            self.vm.outb(d.bm, TO_MEMORY)
            d.write(COMMAND, 0x25)
            self.vm.outb(d.bm, TO_MEMORY | START)
            self.vm.outb(d.bm, TO_MEMORY)
            self.assertEqual(self.vm.inb(d.bm + 2) & ACTIVE, 0)
        self.check_alive(d)

    def test_reset_in_the_middle(self):
        d = self.setup_dma()
        for how in ('soft', 'machine'):
            for _ in range(10):
                d.enable_bus_master()
                d.task48(0, 0x800)
                d.prds([(0x200000 + at, 0) for at in range(0, 0x800 * SECTOR, 0x10000)])
                d.write(COMMAND, 0x25)
                self.vm.outb(d.bm, TO_MEMORY | START)
                if how == 'soft':
                    self.vm.outb(d.control, SRST)
                    self.assertEqual(d.read(STATUS), BSY)
                    self.vm.outb(d.control, 0)
                    d.wait()
                else:
                    self.vm.qmp('system_reset')
                    self.vm.qmp.event('RESET')
                self.vm.memset(0x200000, 0x1000, 0xee)
                self.assertEqual(d.wait(), READY)
                self.assertEqual([d.read(r) for r in (COUNT, LBA_LOW, LBA_MID, LBA_HIGH)], [1, 1, 0, 0])
                self.assertEqual(self.vm.read(0x200000, 0x1000), b'\xee' * 0x1000, 'nothing arrives after the reset')
        self.check_alive(d)

    def test_reset_while_data_is_due(self):
        d = self.disk()
        for code in (0x20, 0x30, 0xec):
            d.task(1, 4)
            d.write(COMMAND, code)
            d.wait()
            self.vm.inw(d.base)
            self.check_alive(d)

    def test_trim(self):
        d = self.setup_dma(drive=',discard=unmap')
        entries = (10, 5), (0, 0), (100, 64)
        self.vm.memset(0x100000, SECTOR, 0)
        for i, (lba, count) in enumerate(entries):
            self.vm.writeq(0x100000 + 8 * i, lba | count << 48)
        d.task48(0, 1)
        d.write(FEATURES, 1)
        d.prds([(0x100000, SECTOR)])
        self.assertEqual(d.dma(0x06, False), (READY, INTR))
        self.assertEqual(self.image_sectors(9, 1), pattern(9))
        self.assertEqual(self.image_sectors(15, 85), pattern(15, 85))
        for lba, count in ((10, 5), (100, 64)):
            found = self.image_sectors(lba, count)
            self.assertIn(found, (bytes(count * SECTOR), pattern(lba, count)), 'a hint, honoured whole or not at all')
        self.vm.writeq(0x100000, SECTORS | 1 << 48)
        d.task48(0, 1)
        d.write(FEATURES, 1)
        d.prds([(0x100000, SECTOR)])
        self.assertEqual(d.dma(0x06, False)[0], DRDY | ERR, 'beyond the end')

    def test_registers(self):
        d = self.setup_dma()
        self.vm.outb(d.bm, 0xf6)
        self.assertEqual(self.vm.inb(d.bm), 0, 'only START and the direction can be written')
        self.vm.outb(d.bm + 2, 0xff)
        self.assertEqual(self.vm.inb(d.bm + 2), 0x60)
        self.assertEqual(self.vm.inb(d.bm + 1), 0xff, 'between registers')
        for size, read in ((2, self.vm.inw), (4, self.vm.inl)):
            for offset in range(0, 16):
                read(BMDMA + offset)
        self.vm.outl(d.bm + 4, 0xffffffff)
        self.assertEqual(self.vm.inl(d.bm + 4), 0xfffffffc)
        self.vm.outb(d.bm, START)
        self.assertEqual(self.vm.inb(d.bm + 2) & ACTIVE, ACTIVE, 'START alone waits for the device')
        self.vm.outb(d.bm, 0)
        self.check_alive(d)


class Plugging(IdeCase):
    def start_fails(self, *args):
        vm = self.start('-M', 'pc', '-nodefaults', *args, accel='qtest', qmp=False)
        self.fail(f'{args} should be refused')

    def test_wrong_devices(self):
        drive = ('-drive', f'file={self.image},format=raw,if=none,id=d')
        for args, words in (
                (('-device', 'ide-hd'), 'No drive'),
                (('-device', 'ide-hd,drive=dd', *drive), "did you mean 'd'"),
                (('-device', 'ide-hd,drve=d', *drive), "did you mean 'drive'"),
                ((*drive, '-device', 'ide-hd,drive=d,bus=ide.0,unit=2'), 'supports only 2 units'),
                ((*drive, '-device', 'ide-hd,drive=d,bus=ide.7'), 'ide.7'),
                ((*drive, '-device', 'ide-hd,drive=d', '-device', 'ide-hd,drive=d'), 'already in use'),
                ((*drive, '-device', 'ide-hd,drive=d,logical_block_size=4096,physical_block_size=4096'),
                 'logical_block_size'),
                ((*drive, '-device', 'ide-hd,drive=d,physical_block_size=777'), 'physical_block_size'),
                ((*drive, '-device', 'ide-hd,drive=d,cyls=100000,heads=16,secs=63'), 'cyls must be between'),
                ((*drive, '-device', 'ide-hd,drive=d,cyls=10,heads=16'), 'secs must be between'),
                ((*drive, '-device', 'ide-hd,drive=d,werror=ask'), 'ask'),
                (('-drive', 'if=none,id=d', '-device', 'ide-hd,drive=d'), 'drive is empty'),
                (('-drive', f'file={self.image},format=raw,if=none,id=d,read-only=on', '-device', 'ide-hd,drive=d'),
                 'read-only'),
                (('-drive', f'file={self.image},format=raw,if=ide', '-device', 'ide-hd,drive=ide0-hd0'), 'if=ide'),
                (('-device', 'piix3-ide'), '0x1f0'),
                (('-drive', 'if=sd'), 'machine type does not support if=sd,bus=0,unit=0'),
                (('-drive', f'file={self.image},format=raw,if=ide,bus=0,unit=2'), 'unit 2 too big'),
                ((*drive, '-device', 'ide-hd,drive=d,bootindex=1,bus=ide.0', '-device', 'isa-serial,bootindex=1'),
                 'bootindex')):
            with self.subTest(args=args):
                with self.assertRaises(qtest.EmulatorDied) as caught:
                    self.start('-M', 'pc', '-nodefaults', *args)
                self.assertIn('exit status 1,', str(caught.exception))
                self.assertIn(words, str(caught.exception))

    def test_second_emulator_is_locked_out(self):
        self.disk()
        with self.assertRaises(qtest.EmulatorDied) as caught:
            self.start('-M', 'pc', '-nodefaults', '-hda', self.image)
        self.assertIn('lock', str(caught.exception))

    @unittest.skipUnless(shutil.which('qemu-io'), 'no qemu-io here')
    def test_qemu_is_locked_out(self):
        """Image locks are where QEMU's are."""
        self.disk()
        write = ['qemu-io', '-f', 'raw', '-c', 'write 0 512', self.image]
        done = subprocess.run(write, capture_output=True, text=True)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn('lock', done.stderr)
        self.vm.qmp('quit')
        self.vm.wait_exit()
        self.assertEqual(subprocess.run(write, capture_output=True).returncode, 0, 'nobody has it any more')

    def test_units_and_channels(self):
        images = []
        for i in range(4):
            images.append(os.path.join(self.folder.name, f'{i}.img'))
            with open(images[i], 'wb') as f:
                f.write(bytes([i + 1]) * SECTOR * 8)
        args = []
        for i, image in enumerate(images):
            args += ['-drive', f'file={image},format=raw,if=ide,index={i}']
        self.vm = self.start('-M', 'pc', '-nodefaults', *args)
        for i in range(4):
            d = Disk(self.vm, i // 2)
            d.task(0, 1, 0xe0 | (i % 2) << 4)
            d.write(COMMAND, 0x20)
            self.assertEqual(d.read_pio(1), bytes([i + 1]) * SECTOR, f'index {i}')

    def test_q35_takes_the_controller(self):
        self.vm = self.start('-M', 'q35', '-nodefaults', '-device', 'piix3-ide,id=pata,addr=5', '-drive',
                             f'file={self.image},format=raw,if=none,id=d', '-device', 'ide-hd,drive=d,bus=pata.0')
        d = Disk(self.vm)
        d.task(1, 1)
        d.write(COMMAND, 0x20)
        self.assertEqual(d.read_pio(1), pattern(1))

    def test_info_block(self):
        self.disk()
        text = self.vm.qmp.hmp('info block')
        self.assertRegex(text, r'^ide0-hd0 \(#block\d+\): .*disk\.img \(raw\)\n    Attached to:      /machine/')
        self.assertIn('Cache mode:       writeback', text)


class HostErrors(IdeCase):
    """The host's file cannot grow or be written beyond its 100th sector: what werror makes of it, and who is told."""
    BAD = 150

    def limited(self, policy):
        wrapper = os.path.join(self.folder.name, 'emulator')
        with open(wrapper, 'w') as f:
            f.write(f'#!/bin/sh\ntrap "" XFSZ\nulimit -S -f 100\nexec {shlex.quote(os.path.abspath(qtest.emulator()))} "$@"\n')
        os.chmod(wrapper, 0o755)
        with unittest.mock.patch.dict(os.environ, {'RHEA_EMULATOR': wrapper}):
            disk = self.disk(drive=f',id=d0,werror={policy}')
        disk.enable_bus_master()
        return disk

    def write(self, disk, lba):
        self.vm.write(0x10000, pattern(77))
        disk.prds([(0x10000, SECTOR)])
        disk.task(lba, 1)
        self.vm.outb(disk.bm + 2, DMA_ERROR | INTR)
        self.vm.outb(disk.bm, 0)
        disk.write(COMMAND, 0xca)
        self.vm.outb(disk.bm, START)

    def io_error(self):
        data = self.vm.qmp.event('BLOCK_IO_ERROR')['data']
        self.assertEqual((data['device'], data['operation'], data['reason']), ('d0', 'write', 'File too large'))
        self.assertEqual(data.get('nospace'), False if data['action'] == 'stop' else None)
        self.assertIn('ide', self.vm.qmp('qom-get', path=data['qom-path'], property='type'))
        self.assertTrue(data['node-name'])
        return data['action']

    def test_reported(self):
        disk = self.limited('report')
        self.write(disk, self.BAD)
        self.assertEqual(self.io_error(), 'report')
        status, _ = disk.dma_end(0)
        self.assertTrue(status & ERR)
        self.write(disk, 5)
        self.assertEqual(disk.dma_end(0)[0], READY)
        self.assertEqual(self.image_sectors(5, 1), pattern(77))

    def test_ignored(self):
        disk = self.limited('ignore')
        self.write(disk, self.BAD)
        self.assertEqual(self.io_error(), 'ignore')
        self.assertEqual(disk.dma_end(0)[0], READY)
        self.assertEqual(self.image_sectors(self.BAD, 1), pattern(self.BAD))

    def test_stop_and_go_on(self):
        disk = self.limited('stop')
        self.write(disk, self.BAD)
        self.assertEqual(self.io_error(), 'stop')
        self.vm.qmp.event('STOP')
        self.assertEqual(self.vm.qmp('query-status')['status'], 'io-error')
        self.assertEqual(self.image_sectors(self.BAD, 1), pattern(self.BAD))
        resource.prlimit(self.vm.process.pid, resource.RLIMIT_FSIZE, (-1, -1))
        self.vm.qmp('cont')
        self.assertEqual(disk.dma_end(0)[0], READY)
        self.assertEqual(self.image_sectors(self.BAD, 1), pattern(77))


if __name__ == '__main__':
    unittest.main()
