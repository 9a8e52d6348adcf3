# SPDX-License-Identifier: GPL-2.0-or-later
"""82078 floppy controller: commands, DMA and FIFO transfers, media of all sizes, changes, misuse, saving in the middle."""
import os
import tempfile
import unittest

import i8257
import pc
import qtest

SECTOR = 512
SRB, DOR, TDR, MSR, FIFO, DIR = 0x3f1, 0x3f2, 0x3f3, 0x3f4, 0x3f5, 0x3f7
DSR, CCR = MSR, DIR
RQM, DIO, NONDMA, BUSY = 0x80, 0x40, 0x20, 0x10
DSKCHG = 0x80
READ, WRITE, SEEK, RECALIBRATE, SENSE, READ_ID, FORMAT = 0xe6, 0xc5, 0x0f, 0x07, 0x08, 0x4a, 0x4d
MEMORY = 0x20000
# Size of the image: heads, tracks, sectors, data rate, CMOS type of the drive it makes.
MEDIA = {
    2949120: (2, 80, 36, 3, 5), 1474560: (2, 80, 18, 0, 4), 1228800: (2, 80, 15, 0, 2), 737280: (2, 80, 9, 2, 4),
    368640: (2, 40, 9, 1, 2),
}


def data_of(n, count=1):
    """What sector @n of the image holds."""
    return b''.join(i.to_bytes(4, 'little') + bytes((i * 7 + k) & 0xff for k in range(4, SECTOR)) for i in range(n, n + count))


class Floppy:
    """The controller by ports."""
    def __init__(self, vm):
        self.vm = vm
        self.rate = 0

    def reset(self, rate=0, unit=0):
        """As drivers do: reset, four interrupts sensed, SPECIFY, data rate."""
        self.vm.outb(DOR, 0)
        self.vm.outb(DOR, 0x1c | unit)
        for n in range(4):
            assert self.command(SENSE, results=2)[0] == 0xc0 | n
        self.command(0x03, 0xaf, 0x02)
        self.vm.outb(CCR, rate)
        return self

    def msr(self, wanted, mask=0xff):
        for _ in range(200000):
            value = self.vm.inb(MSR)
            if value & mask == wanted:
                return value
        raise AssertionError(f'MSR stays {value:#x}, wanted {wanted:#x}')

    def send(self, *bytes_):
        for b in bytes_:
            self.msr(RQM, RQM | DIO)
            self.vm.outb(FIFO, b)

    def results(self, count):
        out = []
        for _ in range(count):
            self.msr(RQM | DIO, RQM | DIO | NONDMA)
            out.append(self.vm.inb(FIFO))
        assert self.vm.inb(MSR) == RQM, 'all results are out'
        return out

    def command(self, *bytes_, results=0):
        self.send(*bytes_)
        return self.results(results)

    def seek(self, track, unit=0):
        self.command(SEEK, unit, track)
        return self.command(SENSE, results=2)

    def setup_dma(self, size, to_memory, addr=MEMORY, mode=0x40):
        dma = i8257.Controller(self.vm, False)
        dma.write(10, 6)
        dma.write(11, mode | (4 if to_memory else 8) | 2)
        dma.put(4, addr & 0xffff)
        self.vm.outb(0x81, addr >> 16)
        dma.put(5, size - 1)
        dma.write(10, 2)
        return dma

    def data(self, command, track, head, sector, last, unit=0):
        return (command, head << 2 | unit, track, head, sector, 2, last, 0x1b, 0xff)

    def transfer(self, command, track, head, sector, last, unit=0):
        """A data command by DMA. Returns ST0, ST1, ST2, C, H, R, N."""
        return self.command(*self.data(command, track, head, sector, last, unit), results=7)


class FdcCase(qtest.Case):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix='rhea-fdc-')
        self.addCleanup(self.folder.cleanup)

    def make_image(self, size=1474560, name=None):
        path = os.path.join(self.folder.name, name or f'{len(os.listdir(self.folder.name))}.img')
        with open(path, 'wb') as f:
            f.write(data_of(0, size // SECTOR))
        return path

    def floppy(self, *args, size=1474560, rate=0, options=''):
        self.image = self.make_image(size)
        self.vm = self.start('-M', 'pc', '-nodefaults', '-drive', f'if=floppy,format=raw,file={self.image}{options}', *args)
        return Floppy(self.vm).reset(rate)

    def sectors(self, n, count):
        with open(self.image, 'rb') as f:
            f.seek(n * SECTOR)
            return f.read(count * SECTOR)

    def check_alive(self, f):
        f.reset()
        f.setup_dma(SECTOR, True)
        self.assertEqual(f.transfer(READ, 1, 0, 3, 18), [0x20, 0, 0, 1, 0, 4, 2])
        self.assertEqual(self.vm.read(MEMORY, SECTOR), data_of(38))


class Controller(FdcCase):
    def test_where(self):
        for machine, args, there in (('pc', (), True), ('q35', (), False), ('q35', ('-drive', 'if=floppy'), True)):
            vm = self.start('-M', machine, '-nodefaults', *args)
            self.assertEqual(vm.inb(MSR), RQM if there else 0xff, (machine, args))
        for machine, name in (('pc', 'floppy0: [not inserted]\n'), ('q35', None)):
            vm = self.start('-M', machine)
            text = vm.qmp.hmp('info block')
            self.assertIn(name, text) if name else self.assertNotIn('floppy', text)

    def test_cmos(self):
        for size, (_, _, _, _, cmos) in MEDIA.items():
            vm = self.start('-M', 'pc', '-nodefaults', '-fda', self.make_image(size))
            vm.outb(0x70, 0x10)
            self.assertEqual(vm.inb(0x71), cmos << 4)
        vm = self.start('-M', 'pc', '-nodefaults', '-fda', self.make_image(), '-fdb', self.make_image(1228800, 'b.img'))
        vm.outb(0x70, 0x10)
        self.assertEqual(vm.inb(0x71), 0x42)
        vm.outb(0x70, 0x14)
        self.assertEqual(vm.inb(0x71) & 0xc1, 0x41, 'two drives')
        vm = self.start('-M', 'pc')
        vm.outb(0x70, 0x10)
        self.assertEqual(vm.inb(0x71), 0x50, 'an empty drive takes 2.88 MB')
        vm = self.start('-M', 'pc', '-nodefaults')
        vm.outb(0x70, 0x14)
        self.assertEqual(vm.inb(0x71) & 0xc1, 0)

    def test_reset(self):
        f = self.floppy()
        self.vm.irq_intercept_in('/machine/i440fx/ioapic')
        self.vm.outb(DOR, 0)
        self.assertEqual(self.vm.inb(MSR), 0)
        self.vm.outb(FIFO, SENSE)
        self.vm.outb(DOR, 0x0c)
        self.assertEqual((self.vm.inb(MSR), self.vm.irq(6)), (RQM, 1))
        for n in range(4):
            self.assertEqual(f.command(SENSE, results=2), [0xc0 | n, 0])
            self.assertEqual(self.vm.irq(6), 0)
        self.assertEqual(f.command(SENSE, results=1), [0x80], 'no more to tell')
        self.vm.outb(DSR, 0x80)
        self.assertEqual((self.vm.irq(6), f.command(SENSE, results=2)), (1, [0xc0, 0]), 'by the data rate register')
        self.vm.outb(DSR, 0x80)
        self.vm.outb(DOR, 0x04)
        self.assertEqual(self.vm.irq(6), 0, 'DMAGATE lets it through, or not')
        self.vm.qmp('system_reset')
        self.vm.qmp.event('RESET')
        self.assertEqual([self.vm.inb(p) for p in (SRB, DOR, TDR, MSR)], [0xc0, 0x0c, 0, RQM])
        self.check_alive(f)

    def test_small_commands(self):
        f = self.floppy()
        for cmd, wanted in (((0x10,), [0x90]), ((0x18,), [0x41]), ((0x94,), [0x10]), ((0x14,), [0]), ((0x04, 0), [0x38]),
                            ((0x04, 4), [0x3c]), ((0x17, 2), [2]), ((0x1f,), [0x80]), ((0x00,), [0x80]), ((0xff,), [0x80])):
            with self.subTest(command=hex(cmd[0])):
                self.assertEqual(f.command(*cmd, results=len(wanted)), wanted)
        f.command(0x13, 0, 0x57, 5)
        f.command(0x12, 0x84)
        f.command(0x03, 0xdf, 0x02)
        self.assertEqual(f.seek(7), [0x20, 7])
        self.assertEqual(f.command(0x0e, results=10), [7, 0, 0, 0, 0xdf, 2, 0, 4, 0x57, 5], 'DUMPREG')
        f.command(0x94, results=1)
        f.reset()
        self.assertEqual(f.command(0x0e, results=10)[7:9], [0x84, 0x57], 'locked: a reset keeps CONFIGURE')
        f.command(0x14, results=1)
        f.reset()
        self.assertEqual(f.command(0x0e, results=10)[8], 0x60)

    def test_seeks(self):
        f = self.floppy()
        self.assertEqual(self.vm.inb(DIR) & DSKCHG, DSKCHG, 'a medium that is new')
        self.assertEqual(f.seek(5), [0x20, 5])
        self.assertEqual(self.vm.inb(DIR) & DSKCHG, 0, 'a step with it clears that')
        f.command(0x8f, 0, 2)
        self.assertEqual(f.command(SENSE, results=2), [0x20, 3], 'RELATIVE SEEK out')
        f.command(0xcf, 0, 9)
        self.assertEqual(f.command(SENSE, results=2), [0x20, 12], 'and in')
        f.command(RECALIBRATE, 0)
        self.assertEqual(f.command(SENSE, results=2), [0x20, 0])
        f.command(RECALIBRATE, 1)
        self.assertEqual(f.command(SENSE, results=2), [0x71, 0], 'there is no second drive')
        f.command(SEEK, 0, 0xff)
        self.assertLess(f.command(SENSE, results=2)[1], 0xff)

    def test_read_id(self):
        f = self.floppy()
        f.seek(3)
        f.send(READ_ID, 4)
        self.assertEqual(self.vm.inb(MSR), BUSY, 'the medium turns')
        self.vm.state_cycle()
        self.vm.clock_step(20000000)
        self.assertEqual(f.results(7), [0x24, 0, 0, 3, 1, 1, 2])
        self.vm.outb(CCR, 2)
        self.assertEqual(f.command(READ_ID, 0, results=7)[:2], [0x60, 1], 'no mark is found at another rate')

    def test_misuse(self):
        f = self.floppy()
        for code in range(256):
            self.vm.outb(FIFO, code)
            for value in (0xff, 0, 0x55, 0xaa, 1, 2, 3, 4, 5, 6):
                self.vm.outb(FIFO, value)
            self.vm.clock_step(20000000)
            for _ in range(16):
                self.vm.inb(FIFO)
            self.vm.outb(DOR, 0)
            self.vm.outb(DOR, 0x0c)
        for port in range(0x3f0, 0x3f8):
            for value in (0xff, 0x0c):
                self.vm.outb(port, value)
                self.vm.inb(port)
        self.check_alive(f)


class Transfers(FdcCase):
    def test_media(self):
        for size, (heads, tracks, sectors, rate, _) in MEDIA.items():
            with self.subTest(size=size):
                f = self.floppy(size=size, rate=rate)
                f.setup_dma(SECTOR, True)
                self.assertEqual(f.transfer(READ, tracks - 1, heads - 1, sectors, sectors)[:3], [0x20, 0, 0])
                self.assertEqual(self.vm.read(MEMORY, SECTOR), data_of(size // SECTOR - 1), 'the last sector')
                count = 2 * sectors
                f.setup_dma(count * SECTOR, True)
                self.assertEqual(f.transfer(READ, 1, 0, 1, sectors), [0x20, 0, 0, 2, 0, 1, 2])
                self.assertEqual(self.vm.read(MEMORY, count * SECTOR), data_of(2 * sectors, count), 'a cylinder')
                f.setup_dma(SECTOR, True)
                for track, sector in ((0, sectors + 1), (tracks, 1), (0, 0)):
                    self.assertEqual(f.transfer(READ, track, 0, sector, 0xff)[:2], [0x60, 4], 'no such sector')

    def test_other_sizes(self):
        for size in (SECTOR, 1000000, 1474560 + SECTOR, 4000000 // SECTOR * SECTOR):
            f = self.floppy(size=size)
            for rate in range(4):
                f.vm.outb(CCR, rate)
                f.setup_dma(SECTOR, True)
                if f.transfer(READ, 0, 0, 1, 8)[:3] == [0x20, 0, 0]:
                    break
            else:
                self.fail(f'an image of {size} bytes is not read')
            self.assertEqual(self.vm.read(MEMORY, SECTOR), data_of(0))

    def test_where_reads_end(self):
        f = self.floppy()
        for name, command, start, count, wanted, got in (
                ('a sector', READ, (2, 0, 5), 1, [0x20, 0, 0, 2, 0, 6, 2], 1), ('the last of a head', READ, (2, 0, 18), 1,
                                                                            [0x24, 0, 0, 2, 1, 1, 2], 1),
                ('on to head 1', READ, (2, 0, 17), 4, [0x24, 0, 0, 2, 1, 3, 2], 4),
                ('the last of a cylinder', READ, (2, 1, 18), 1, [0x20, 0, 0, 3, 0, 1, 2], 1),
                ('beyond it', READ, (2, 1, 18), 2, [0x60, 0x80, 0, 3, 0, 1, 2], 1),
                ('one head only', READ & 0x7f, (2, 0, 18), 2, [0x60, 0x80, 0, 3, 0, 1, 2], 1)):
            with self.subTest(name):
                self.vm.memset(MEMORY, 5 * SECTOR, 0xee)
                f.setup_dma(count * SECTOR, True)
                self.assertEqual(f.transfer(command, *start, 18), wanted)
                track, head, sector = start
                self.assertEqual(self.vm.read(MEMORY, got * SECTOR + 1), data_of((track * 2 + head) * 18 + sector - 1, got) +
                                 b'\xee')

    def test_partial_sectors(self):
        f = self.floppy()
        self.vm.memset(MEMORY, SECTOR, 0xee)
        f.setup_dma(100, True)
        self.assertEqual(f.transfer(READ, 0, 0, 1, 18)[:3], [0x20, 0, 0])
        self.assertEqual(self.vm.read(MEMORY, 101), data_of(0)[:100] + b'\xee', 'the count ends it')
        self.vm.write(MEMORY, b'\x77' * SECTOR)
        f.setup_dma(100, False)
        self.assertEqual(f.transfer(WRITE, 0, 0, 2, 18)[:3], [0x20, 0, 0])
        f.setup_dma(SECTOR, True)
        f.transfer(READ, 0, 0, 2, 18)
        self.assertEqual(self.vm.read(MEMORY, SECTOR), b'\x77' * 100 + bytes(412), 'the rest is zeros')

    def test_writes(self):
        f = self.floppy()
        data = data_of(5000, 20)
        self.vm.write(MEMORY, data)
        f.setup_dma(len(data), False)
        self.assertEqual(f.transfer(WRITE, 9, 0, 10, 18), [0x24, 0, 0, 9, 1, 12, 2])
        self.vm.qmp('quit')
        self.vm.wait_exit()
        self.assertEqual(self.sectors(9 * 36 + 9, 20), data)
        self.assertEqual(self.sectors(9 * 36 + 8, 1) + self.sectors(9 * 36 + 29, 1), data_of(9 * 36 + 8) + data_of(9 * 36 + 29))

    def test_format(self):
        f = self.floppy()
        ids = b''.join(bytes([4, 1, n, 2]) for n in range(1, 19))
        self.vm.write(MEMORY, ids)
        f.setup_dma(len(ids), False)
        self.assertEqual(f.command(FORMAT, 4, 2, 18, 0x1b, 0xf6, results=7)[:3], [0x24, 0, 0])
        f.setup_dma(18 * SECTOR, True)
        f.transfer(READ, 4, 1, 1, 18)
        self.assertEqual(self.vm.read(MEMORY, 18 * SECTOR), b'\xf6' * 18 * SECTOR)
        f.setup_dma(SECTOR, True)
        f.transfer(READ, 4, 0, 18, 18)
        self.assertEqual(self.vm.read(MEMORY, SECTOR), data_of(4 * 36 + 17))

    def test_write_protected(self):
        f = self.floppy(options=',read-only=on')
        f.setup_dma(SECTOR, False)
        self.assertEqual(f.transfer(WRITE, 0, 0, 1, 18)[:2], [0x60, 2])
        self.assertEqual(f.command(FORMAT, 0, 2, 18, 0x1b, 0xf6, results=7)[:2], [0x60, 2])
        self.assertEqual(f.command(0x04, 0, results=1)[0] & 0x40, 0x40)
        self.check_alive(f)

    def test_verify_and_track(self):
        f = self.floppy()
        self.assertEqual(f.transfer(0x16, 3, 0, 2, 18), [0x20, 0, 0, 4, 0, 1, 2], 'VERIFY needs no DMA')
        self.assertEqual(f.command(0x16, 0x80, 3, 0, 2, 2, 18, 0x1b, 3, results=7), [0x20, 0, 0, 3, 0, 5, 2], 'with a count')
        f.setup_dma(18 * SECTOR, True)
        self.assertEqual(f.transfer(0x42, 3, 1, 9, 18)[:3], [0x24, 0, 0])
        self.assertEqual(self.vm.read(MEMORY, 18 * SECTOR), data_of(3 * 36 + 18, 18), 'READ TRACK begins at sector 1')

    def test_by_fifo(self):
        f = self.floppy()
        self.vm.irq_intercept_in('/machine/i440fx/ioapic')
        f.command(0x03, 0xaf, 0x03)
        f.send(*f.data(READ, 5, 0, 17, 18))
        got = b''
        for _ in range(20 * SECTOR):
            f.msr(RQM | DIO | NONDMA | BUSY)
            got += bytes([self.vm.inb(FIFO)])
        self.assertEqual(got, data_of(5 * 36 + 16, 20))
        self.assertEqual(f.results(7), [0x60, 0x80, 0, 6, 0, 1, 2], 'nobody gives a terminal count')
        f.send(*f.data(WRITE & 0x7f, 6, 0, 18, 18))
        for b in data_of(9000):
            f.msr(RQM | NONDMA | BUSY)
            self.vm.outb(FIFO, b)
        f.results(7)
        f.command(0x03, 0xaf, 0x02)
        f.setup_dma(SECTOR, True)
        f.transfer(READ, 6, 0, 18, 18)
        self.assertEqual(self.vm.read(MEMORY, SECTOR), data_of(9000))

    def test_dma_comes_late(self):
        """The channel is masked when the command is given."""
        f = self.floppy()
        dma = f.setup_dma(2 * SECTOR, True)
        dma.write(10, 6)
        f.send(*f.data(READ, 1, 0, 3, 18))
        self.assertEqual(self.vm.inb(MSR), BUSY)
        self.vm.state_cycle()
        for _ in range(200000):
            if dma.read(8) & 0x40:
                break
        else:
            self.fail('no DREQ')
        self.vm.state_cycle()
        dma.write(10, 2)
        self.assertEqual(f.results(7), [0x20, 0, 0, 1, 0, 5, 2])
        self.assertEqual(self.vm.read(MEMORY, 2 * SECTOR), data_of(38, 2))
        self.assertEqual(dma.read(8), 4, 'the count was reached')
        self.assertEqual((dma.read(15) & 4, dma.get(5)), (4, 0xffff), 'and masks the channel')

    def test_dma_modes(self):
        f = self.floppy()
        dma = f.setup_dma(SECTOR, True, mode=0x50)
        f.transfer(READ, 0, 0, 1, 18)
        self.assertEqual((dma.read(15) & 4, dma.get(5), dma.get(4)), (0, SECTOR - 1, MEMORY & 0xffff), 'auto-init')
        f.setup_dma(SECTOR, True, addr=MEMORY + SECTOR - 1, mode=0x60)
        f.transfer(READ, 0, 0, 2, 18)
        self.assertEqual(self.vm.read(MEMORY, SECTOR), data_of(1)[::-1], 'downwards')
        f.setup_dma(SECTOR, True, addr=0x2ff00)
        self.vm.memset(0x20000, 0x100, 0xee)
        self.vm.memset(0x30000, 0x100, 0xee)
        f.transfer(READ, 0, 0, 3, 18)
        self.assertEqual(self.vm.read(0x2ff00, 0x100) + self.vm.read(0x20000, 0x100), data_of(2), 'wraps within 64 KiB')
        self.assertEqual(self.vm.read(0x30000, 0x100), b'\xee' * 0x100)
        f.setup_dma(SECTOR, True, addr=0x800000)
        self.vm.memset(0x800000, SECTOR, 0xee)
        f.transfer(READ, 0, 0, 4, 18)
        self.assertEqual(self.vm.read(0x800000, SECTOR), data_of(3), 'the page has eight bits')
        f.setup_dma(SECTOR, False)
        f.send(*f.data(READ, 0, 0, 1, 18))
        self.vm.qmp('query-status')
        self.assertEqual(self.vm.inb(MSR), BUSY, 'the wrong direction moves nothing')
        self.check_alive(f)

    def test_reset_in_the_middle(self):
        f = self.floppy()
        for _ in range(20):
            f.setup_dma(36 * SECTOR, True)
            f.send(*f.data(READ, 1, 0, 1, 18))
            self.vm.outb(DOR, 0)
            f.vm.outb(DOR, 0x1c)
            self.vm.memset(MEMORY, SECTOR, 0xee)
            f.msr(RQM)
            self.assertEqual(self.vm.read(MEMORY, SECTOR), b'\xee' * SECTOR)
            self.check_alive(f)

    def test_state(self):
        f = self.floppy()
        f.command(0x03, 0xaf, 0x03)
        f.send(READ, 0, 7)
        self.vm.state_cycle()
        f.send(0, 1, 2, 18, 0x1b, 0xff)
        got = b''
        for i in range(3 * SECTOR):
            f.msr(RQM | DIO | NONDMA | BUSY)
            got += bytes([self.vm.inb(FIFO)])
            if i % 500 == 0:
                self.vm.state_cycle()
        self.assertEqual(got, data_of(7 * 36, 3))
        f.reset()
        f.setup_dma(36 * SECTOR, True)
        f.send(*f.data(READ, 8, 0, 1, 18))
        self.vm.state_cycle()
        f.msr(RQM | DIO | BUSY)
        self.vm.state_cycle()
        self.assertEqual(f.results(7)[:3], [0x20, 0, 0])
        self.assertEqual(self.vm.read(MEMORY, 36 * SECTOR), data_of(8 * 36, 36))
        f.send(SENSE)
        self.assertEqual(self.vm.inb(FIFO), 0x80)


class Media(FdcCase):
    def test_change(self):
        f = self.floppy()
        f.seek(5)
        self.assertEqual(self.vm.inb(DIR) & DSKCHG, 0)
        other = self.make_image(737280, 'other.img')
        self.assertEqual(self.vm.qmp.hmp('eject floppy0'), '')
        self.assertEqual(self.vm.inb(DIR) & DSKCHG, DSKCHG)
        f.setup_dma(SECTOR, True)
        self.assertEqual(f.transfer(READ, 0, 0, 1, 9)[:2], [0x60, 1], 'empty')
        self.assertEqual(f.seek(6), [0x20, 6])
        self.assertEqual(self.vm.inb(DIR) & DSKCHG, DSKCHG, 'a step without medium does not clear it')
        self.assertEqual(self.vm.qmp.hmp(f'change floppy0 {other} raw'), '')
        self.assertEqual(f.transfer(READ, 0, 0, 1, 9)[:2], [0x60, 1], 'it has another rate')
        self.vm.outb(CCR, 2)
        f.setup_dma(2 * SECTOR, True)
        self.assertEqual(f.transfer(READ, 0, 0, 9, 9)[:3], [0x24, 0, 0])
        self.assertEqual(self.vm.read(MEMORY, 2 * SECTOR), data_of(8, 2))
        self.assertEqual(self.vm.inb(DIR) & DSKCHG, 0)
        self.vm.qmp('blockdev-change-medium', device='floppy0', filename=self.image, format='raw', read_only_mode='read-only')
        self.vm.outb(CCR, 0)
        f.setup_dma(SECTOR, False)
        self.assertEqual(f.transfer(WRITE, 0, 0, 1, 18)[:2], [0x60, 2], 'write protected')
        with self.assertRaisesRegex(qtest.QmpError, 'does not have a tray'):
            self.vm.qmp('blockdev-open-tray', device='floppy0')

    def test_second_drive(self):
        f = self.floppy('-fdb', self.make_image(1228800, 'b.img'))
        f.setup_dma(SECTOR, True)
        self.assertEqual(f.transfer(READ, 1, 0, 15, 15, unit=1)[:3], [0x25, 0, 0])
        self.assertEqual(self.vm.read(MEMORY, SECTOR), data_of(44))
        f.setup_dma(SECTOR, True)
        self.assertEqual(f.transfer(READ, 1, 0, 1, 15, unit=2)[:2], [0x62, 1], 'no third')

    def test_devices(self):
        image = self.make_image()
        drive = ('-drive', f'if=none,id=d,format=raw,file={image},read-only=on')
        self.vm = self.start('-M', 'q35', '-nodefaults', '-device', 'isa-fdc,id=fdc', *drive, '-device', 'floppy,drive=d,unit=1')
        f = Floppy(self.vm).reset()
        f.setup_dma(SECTOR, True)
        self.assertEqual(f.transfer(READ, 0, 0, 1, 18, unit=1)[:3], [0x21, 0, 0])
        for args, words in (((*drive, '-device', 'floppy,drive=d,unit=2'), 'only 2 units'),
                            ((*drive, '-device', 'floppy,drive=d', '-device', 'floppy,unit=0'), 'unit 0 is in use'),
                            ((*drive, '-device', 'floppy,drive=d,drive-type=14'), 'drive-type'),
                            ((*drive, '-device', 'floppy,drive=d,logical_block_size=4096,physical_block_size=4096'), 'block size'),
                            (('-device', 'isa-fdc'), 'DMA channel 2 is in use'),
                            (('-drive', 'if=floppy,index=2'), 'does not support if=floppy'),
                            (('-fda', '/nowhere.img'), 'Could not open')):
            with self.subTest(args=args):
                with self.assertRaises(qtest.EmulatorDied) as caught:
                    self.start('-M', 'pc', '-nodefaults', *args)
                self.assertIn(words, str(caught.exception))


if __name__ == '__main__':
    unittest.main()
