# SPDX-License-Identifier: GPL-2.0-or-later
"""ide-cd: packet protocol by PIO and DMA, MMC commands, tray and medium from both sides, misuse, saving in the middle."""
import os
import tempfile
import unittest

import ide
import qtest
from ide import ABRT, ACTIVE, COMMAND, COUNT, DEVICE, DRDY, DRQ, ERR, ERROR, FEATURES, INTR, LBA_HIGH, LBA_MID, READY, STATUS

BLOCK, RAW = 2048, 2352
BLOCKS = 1000
NOT_READY, ILLEGAL, ATTENTION = 2, 5, 6
PACKET, IDENTIFY_PACKET = 0xa0, 0xa1
CD, TO_HOST = 1, 2              # interrupt reason
TUR, SENSE, INQUIRY, START_STOP, PREVENT, CAPACITY = [0], [3, 0, 0, 0, 18], [0x12, 0, 0, 0, 96], 0x1b, 0x1e, [0x25]
CHECK = DRDY | ERR


def block(n):
    return n.to_bytes(4, 'big') + bytes((n * 3 + i * 7) & 0xff for i in range(4, BLOCK))


def blocks(n, count):
    return b''.join(block(i) for i in range(n, n + count))


def read10(lba, count):
    return [0x28, 0, *lba.to_bytes(4, 'big'), 0, *count.to_bytes(2, 'big')]


def read12(lba, count):
    return [0xa8, 0, *lba.to_bytes(4, 'big'), *count.to_bytes(4, 'big')]


def read_cd(lba, count, parts):
    return [0xbe, 0, *lba.to_bytes(4, 'big'), *count.to_bytes(3, 'big'), parts]


class Drive(ide.Disk):
    """A CD drive by ports; unit 0 of its channel."""

    def send(self, cdb, limit=0xfffe, features=0):
        """PACKET up to the point where the drive has the command."""
        self.write(DEVICE, 0xa0)
        self.write(FEATURES, features)
        self.write(LBA_MID, limit & 0xff)
        self.write(LBA_HIGH, limit >> 8)
        self.write(COMMAND, PACKET)
        assert self.wait() & DRQ and self.read(COUNT) & 7 == CD, 'the drive should ask for the command'
        self.data_out(bytes(cdb).ljust(12, b'\0'))

    def drain(self, chunks=None):
        """Reads DRQ blocks until there are no more; returns the data."""
        data = b''
        while self.wait() & DRQ:
            assert self.read(COUNT) & 7 == TO_HOST
            n = self.read(LBA_MID) | self.read(LBA_HIGH) << 8
            if chunks is not None:
                chunks.append(n)
            data += self.data_in((n + 1) & ~1)[:n]
        return data

    def packet(self, cdb, limit=0xfffe):
        """Runs a packet by PIO. Returns (STATUS, data)."""
        self.send(cdb, limit)
        data = self.drain()
        assert self.read(COUNT) & 7 == CD | TO_HOST
        return self.read(STATUS), data

    def sense(self):
        _, data = self.packet(SENSE)
        return data[2], data[12]

    def packet_dma(self, cdb, entries):
        """Runs a packet by bus master DMA. Returns (STATUS, BMISP)."""
        self.prds(entries)
        self.vm.outb(self.bm + 2, ide.DMA_ERROR | INTR)
        self.vm.outb(self.bm, ide.TO_MEMORY)
        self.send(cdb, features=1)
        self.vm.outb(self.bm, ide.TO_MEMORY | ide.START)
        return self.dma_end(ide.TO_MEMORY)


class CdCase(qtest.Case):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix='rhea-cd-')
        self.addCleanup(self.folder.cleanup)
        self.image = self.make_image('cd.iso', BLOCKS)

    def make_image(self, name, count):
        path = os.path.join(self.folder.name, name)
        with open(path, 'wb') as f:
            f.write(blocks(0, min(count, BLOCKS)))
            f.truncate(count * BLOCK)
        return path

    def drive(self, *args):
        """A pc with the test CD in the drive where -cdrom puts it."""
        self.vm = self.start('-M', 'pc', '-nodefaults', '-cdrom', self.image, *args)
        return Drive(self.vm, 1)

    def check(self, drive, cdb, key, asc):
        self.assertEqual(drive.packet(cdb), (CHECK, b''))
        self.assertEqual(drive.read(ERROR), key << 4)
        self.assertEqual(drive.sense(), (key, asc))

    def check_alive(self, drive):
        self.vm.outb(drive.control, ide.SRST)
        self.vm.outb(drive.control, 0)
        drive.wait()
        self.assertEqual(drive.packet(read10(7, 1)), (READY, block(7)))


class Protocol(CdCase):
    def test_signature(self):
        d = self.drive()
        self.assertEqual([d.read(r) for r in range(1, 8)], [0, 1, 1, 0x14, 0xeb, 0xa0, READY])
        for code in (0xec, 0x20):
            d.write(LBA_MID, 0)
            self.assertEqual(d.command(code), CHECK)
            self.assertEqual((d.read(ERROR), d.read(LBA_MID), d.read(LBA_HIGH)), (ABRT, 0x14, 0xeb))
        for how in ('SRST', 'DEVICE RESET', 'EXECUTE DEVICE DIAGNOSTIC'):
            if how == 'SRST':
                self.vm.outb(d.control, ide.SRST)
                self.assertEqual(d.read(STATUS), ide.BSY)
                self.vm.outb(d.control, 0)
            else:
                d.write(COMMAND, 0x08 if how == 'DEVICE RESET' else 0x90)
            self.assertEqual((d.wait(), d.read(ERROR), d.read(LBA_MID), d.read(LBA_HIGH)), (0, 1, 0x14, 0xeb), how)

    def test_identify(self):
        d = self.drive()
        self.assertEqual(d.command(IDENTIFY_PACKET), READY | DRQ)
        data = d.data_in(512)
        word = [int.from_bytes(data[i:i + 2], 'little') for i in range(0, 512, 2)]
        swapped = b''.join(w.to_bytes(2, 'big') for w in word)
        self.assertEqual((word[0], word[49], word[63], word[88]), (0x85c0, 0x300, 0x7, 0x203f))
        self.assertEqual((swapped[20:40], swapped[54:94]), (b'QM00003'.ljust(20), b'QEMU DVD-ROM'.ljust(40)))
        d.write(FEATURES, 3)
        d.write(COUNT, 0x42)
        self.assertEqual(d.command(0xef), READY, 'SET FEATURES: UDMA 2')
        d.command(IDENTIFY_PACKET)
        self.assertEqual(int.from_bytes(d.data_in(512)[176:178], 'little'), 0x043f)

    def test_drq_blocks(self):
        d = self.drive()
        for limit, count, wanted in ((0xfffe, 2, [4096]), (1000, 2, [1000] * 4 + [96]), (0xffff, 33, [65534, 2050]),
                                     (0x3ff, 3, [1022] * 6 + [12]), (2048, 100, [2048] * 100), (2, 1, [2] * 1024)):
            with self.subTest(limit=limit, count=count):
                chunks = []
                d.send(read10(5, count), limit)
                self.assertEqual(d.drain(chunks), blocks(5, count))
                self.assertEqual(chunks, wanted)
                self.assertEqual(d.read(STATUS), READY)

    def test_interrupts(self):
        d = self.drive()
        ioapic = '/machine/i440fx/ioapic'
        self.vm.irq_intercept_in(ioapic)
        d.read(STATUS)
        d.send(read10(0, 2), 2048)
        for n in range(2):
            self.assertTrue(d.wait() & DRQ)
            self.assertEqual(self.vm.irq(15), 1, f'DRQ block {n}')
            d.read(STATUS)
            self.assertEqual(self.vm.irq(15), 0)
            d.data_in(2048)
        d.wait()
        self.assertEqual(self.vm.irq(15), 1, 'the end')

    def test_odd_length(self):
        d = self.drive()
        for n in (1, 5, 35):
            chunks = []
            d.send([0x12, 0, 0, 0, n])
            self.assertEqual(len(d.drain(chunks)), n)
            self.assertEqual(chunks, [n])
            self.assertEqual(d.read(STATUS), READY)

    def test_misuse(self):
        d = self.drive()
        d.send(read10(0, 4), 2048)
        d.wait()
        d.data_out(bytes(8))
        self.assertEqual(d.data_in(2048), block(0), 'writing while reading does nothing')
        d.write(COMMAND, PACKET)
        d.wait()
        self.assertEqual(d.data_in(2048), block(1), 'a command in the middle of one is not looked at')
        d.write(COMMAND, 0x08)
        self.assertEqual(d.wait(), 0, 'but DEVICE RESET is')
        self.assertEqual(d.data_in(4), bytes(4))
        self.check_alive(d)
        d.write(FEATURES, 2)
        self.assertEqual(d.command(PACKET), CHECK, 'overlapped')
        self.assertEqual(d.read(ERROR), ABRT)
        for code in range(256):
            d.write(COMMAND, code)
            d.wait()
            self.vm.outb(d.control, ide.SRST)
            self.vm.outb(d.control, 0)
        for code in range(256):
            d.send([code] + [0xff] * 11)
            d.drain()
        d.packet([PREVENT])
        d.packet([START_STOP, 0, 0, 0, 3])
        d.packet(SENSE)
        self.check_alive(d)


class Commands(CdCase):
    def test_replies(self):
        d = self.drive()
        for name, cdb, wanted in (
                ('INQUIRY', INQUIRY, '058000211f000000' + b'QEMU    QEMU DVD-ROM    2.5+'.hex()),
                ('pages', [0x12, 1, 0, 0, 96], '050000020083'),
                ('identification', [0x12, 1, 0x83, 0, 96], '0583001802000014' + b'QM00003'.ljust(20).hex()),
                ('READ CAPACITY', CAPACITY, '000003e700000800'),
                ('TOC', [0x43, 0, 0, 0, 0, 0, 0, 1, 0], '00120101001401000000000000' + '16aa00000003e8'),
                ('TOC, MSF', [0x43, 2, 0, 0, 0, 0, 1, 1, 0], '00120101001401000000020000' + '16aa0000000f19'),
                ('TOC, lead-out', [0x43, 0, 0, 0, 0, 0, 0xaa, 1, 0], '000a0101' + '0016aa00000003e8'),
                ('TOC, cut', [0x43, 0, 0, 0, 0, 0, 0, 0, 4], '00120101'),
                ('sessions', [0x43, 0, 0, 0, 0, 0, 0, 1, 0, 0x40], '000a01010000000000000000'),
                ('raw TOC', [0x43, 0, 0, 0, 0, 0, 0, 1, 0, 0x80],
                 '002e0101' '011400a000000000010000' '011400a100000000010000' '011400a20000000000' '03e8'
                 '01140001000000000000' '00'),
                ('error recovery', [0x5a, 0, 1, 0, 0, 0, 0, 1, 0], '000e7000000000000106000500000000'),
                ('capabilities', [0x5a, 0, 0x2a, 0, 0, 0, 0, 1, 0],
                 '001c7000000000002a143b007160290002c00002020002c0000000000000'),
                ('GET CONFIGURATION', [0x46, 0, 0, 0, 0, 0, 0, 1, 0], '0000001000000008000003080010000000080100'),
                ('events', [0x4a, 1, 0, 0, 0x10, 0, 0, 1, 0], '0004041000020000'),
                ('no such events', [0x4a, 1, 0, 0, 2, 0, 0, 1, 0], '00008010'),
                ('disc information', [0x51, 0, 0, 0, 0, 0, 0, 1, 0], '00200e0101010120' + '00' * 26),
                ('MECHANISM STATUS', [0xbd, 0, 0, 0, 0, 0, 0, 0, 0, 8], '0000000000010000'),
                ('disc structures', [0xad, 0, 0, 0, 0, 0, 0, 0xff, 8], '0012000000400804014000080340' '00c004400804'),
                ('TEST UNIT READY', TUR, ''), ('SEEK', [0x2b, 0, 0, 0, 3, 0xe7], ''), ('SPEED', [0xbb, 0, 255, 255], ''),
                ('no blocks', read10(0xffffffff, 0), ''), ('no parts', read_cd(0, 1, 0), '')):
            with self.subTest(name):
                self.assertEqual(d.packet(cdb), (READY, bytes.fromhex(wanted)))

    def test_refusals(self):
        d = self.drive()
        for cdb, asc in (([0xff], 0x20), ([0x2a], 0x20), ([0x12, 1, 0x80, 0, 96], 0x24), ([0x12, 0, 1, 0, 96], 0x24),
                         ([0x5a, 0, 0x08, 0, 0, 0, 0, 1, 0], 0x24), ([0x5a, 0, 0xea, 0, 0, 0, 0, 1, 0], 0x39),
                         ([0x43, 0, 0, 0, 0, 0, 5, 1, 0], 0x24), ([0x43, 0, 4, 0, 0, 0, 0, 1, 0], 0x24),
                         ([0x46, 0, 0, 3, 0, 0, 0, 1, 0], 0x24), ([0x4a, 0, 0, 0, 0x10, 0, 0, 1, 0], 0x24),
                         ([0x51, 1, 0, 0, 0, 0, 0, 1, 0], 0x24), ([0xad, 0, 0, 0, 0, 0, 0, 0, 8], 0x30),
                         (read10(BLOCKS, 1), 0x21), (read10(BLOCKS - 1, 2), 0x21), (read10(0xffffffff, 0xffff), 0x21),
                         (read12(0, 0xffffffff), 0x21), (read_cd(BLOCKS, 1, 0x10), 0x21), (read_cd(0, 1, 0x58), 0x24),
                         ([0x2b, 0, 0, 0, 3, 0xe8], 0x21)):
            with self.subTest(cdb=cdb):
                self.check(d, cdb, ILLEGAL, asc)
                self.assertEqual(d.sense(), (0, 0), 'told once')

    def test_reads(self):
        d = self.drive()
        self.assertEqual(d.packet(read10(BLOCKS - 1, 1)), (READY, block(BLOCKS - 1)))
        self.assertEqual(d.packet(read12(100, 200)), (READY, blocks(100, 200)))
        self.assertEqual(d.packet(read_cd(9, 3, 0x10)), (READY, blocks(9, 3)))
        for lba, count, msf in ((7, 1, b'\0\x02\x07'), (75 * 8 + 3, 80, b'\0\x10\x03')):
            status, data = d.packet(read_cd(lba, count, 0xf8))
            self.assertEqual((status, len(data)), (READY, count * RAW))
            self.assertEqual(data[:16], b'\0' + b'\xff' * 10 + b'\0' + msf + b'\x01')
            got = b''.join(data[i + 16:i + 16 + BLOCK] for i in range(0, len(data), RAW))
            self.assertEqual(got, blocks(lba, count))

    def test_dvd(self):
        image = self.make_image('dvd.iso', 80 * 60 * 75 + 1)
        self.vm = self.start('-M', 'pc', '-nodefaults', '-cdrom', image)
        d = Drive(self.vm, 1)
        status, data = d.packet([0x46, 0, 0, 0, 0, 0, 0, 1, 0])
        self.assertEqual((status, data[6:8]), (READY, b'\0\x10'), 'profile')
        status, data = d.packet([0xad, 0, 0, 0, 0, 0, 0, 0, 8, 4])
        self.assertEqual((status, len(data), data[:4]), (READY, 2052, bytes.fromhex('08020000')))
        self.assertEqual(data[8:16].hex(), '00030000' + f'{0x30000 + 80 * 60 * 75:08x}', 'first and last sector')
        self.check(d, [0xad, 0, 0, 0, 0, 0, 0, 3, 8], ILLEGAL, 0x24)

    def test_names(self):
        self.vm = self.start('-M', 'pc', '-nodefaults', '-device', 'ide-cd,serial=S9,ver=7,model=Rhea CD,wwn=0x5000123456789abc')
        d = Drive(self.vm, 1)
        d.command(IDENTIFY_PACKET)
        data = d.data_in(512)
        swapped = b''.join(data[i + 1:i + 2] + data[i:i + 1] for i in range(0, 512, 2))
        self.assertEqual((swapped[20:40], swapped[54:94]), (b'S9'.ljust(20), b'Rhea CD'.ljust(40)))
        self.assertEqual(d.packet(INQUIRY)[1][32:], b'7   ')
        self.assertEqual(d.packet([0x12, 1, 0x83, 0, 96])[1][-8:].hex(), '5000123456789abc')


class Dma(CdCase):
    def setup_dma(self):
        d = self.drive()
        d.enable_bus_master()
        return d

    def test_read(self):
        d = self.setup_dma()
        for lba, count, sizes in ((3, 1, [2048]), (5, 4, [0x1000, 0x1000]), (0, 300, [0x10000] * 9 + [300 * BLOCK - 9 * 0x10000]),
                                  (9, 1, [2, 1022, 1024])):
            with self.subTest(lba=lba, count=count):
                entries, at = [], 0x200000
                for size in sizes:
                    entries.append((at, size & 0xffff))
                    at += size + 0x100
                    self.vm.memset(at - 0x100, 4, 0xee)
                self.assertEqual(d.packet_dma(read10(lba, count), entries), (READY, INTR))
                got = b''.join(self.vm.read(a, n) for (a, _), n in zip(entries, sizes))
                self.assertEqual(got, blocks(lba, count))
                self.assertEqual(self.vm.read(entries[-1][0] + sizes[-1], 4), b'\xee' * 4)

    def test_reply_and_raw(self):
        d = self.setup_dma()
        self.vm.memset(0x200000, 0x100, 0xee)
        self.assertEqual(d.packet_dma(INQUIRY, [(0x200000, 96)]), (READY, INTR | ACTIVE), 'less than the list holds')
        self.assertEqual(self.vm.read(0x200008, 4), b'QEMU')
        self.assertEqual(self.vm.read(0x200024, 4), b'\xee' * 4)
        self.assertEqual(d.packet_dma(read_cd(7, 1, 0xf8), [(0x200000, RAW)]), (READY, INTR))
        self.assertEqual(self.vm.read(0x200010, BLOCK), block(7))

    def test_errors(self):
        d = self.setup_dma()
        self.assertEqual(d.packet_dma(read10(BLOCKS, 1), [(0x200000, 2048)])[0], CHECK)
        self.assertEqual(d.sense(), (ILLEGAL, 0x21))
        status, bm = d.packet_dma(read10(0, 2), [(0x200000, 2048)])
        self.assertEqual((status, bm & (ACTIVE | INTR)), (READY, 0), 'a list too short: no interrupt')
        status, bm = d.packet_dma(read10(0, 1), [(0xd0000000, 2048)])
        self.assertTrue(status & ERR and bm & ide.DMA_ERROR)
        self.vm.outl(d.bm + 4, 0xd0000000)
        self.check_alive(d)

    def test_stop_in_the_middle(self):
        d = self.setup_dma()
        for _ in range(10):
            d.prds([(0x200000 + i * 0x10000, 0) for i in range(20)])
            self.vm.outb(d.bm, ide.TO_MEMORY)
            d.send(read10(0, 600), features=1)
            self.vm.outb(d.bm, ide.TO_MEMORY | ide.START)
            self.vm.outb(d.bm, ide.TO_MEMORY)
            d.wait()
        self.check_alive(d)


class Medium(CdCase):
    def events(self):
        self.vm.qmp('query-status')
        moved = [e['data']['tray-open'] for e in self.vm.qmp.events if e['event'] == 'DEVICE_TRAY_MOVED']
        self.vm.qmp.events.clear()
        return moved

    def media_event(self, d):
        data = d.packet([0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8])[1]
        return data[4], data[5]

    def check_new_medium(self, d, first):
        """What a drive tells of a medium that has just come in."""
        self.assertEqual(self.media_event(d), (2, 2), 'new medium, present')
        self.assertEqual(self.media_event(d), (0, 2), 'told once')
        self.check(d, TUR, NOT_READY, 0x3a)
        self.assertEqual(d.packet(INQUIRY)[0], READY, 'INQUIRY comes through')
        self.check(d, TUR, ATTENTION, 0x28)
        self.assertEqual(d.packet(read10(0, 1)), (READY, first))

    def other(self):
        path = os.path.join(self.folder.name, 'other.iso')
        with open(path, 'wb') as f:
            f.write(b'other' + bytes(10 * BLOCK - 5))
        return path, b'other' + bytes(BLOCK - 5)

    def test_empty(self):
        self.vm = self.start('-M', 'pc', '-nodefaults', '-device', 'ide-cd,id=cd', '-drive', 'if=ide,media=cdrom,index=0')
        for channel, name in ((1, 'cd'), (0, 'ide0-cd0')):
            d = Drive(self.vm, channel)
            self.assertEqual(d.packet(INQUIRY)[0], READY)
            for cdb in (TUR, CAPACITY, read10(0, 1), [0x43, 0, 0, 0, 0, 0, 0, 1, 0], [0x51, 0, 0, 0, 0, 0, 0, 1, 0]):
                self.check(d, cdb, NOT_READY, 0x3a)
            self.assertEqual(self.media_event(d), (0, 0))
            self.assertIn(f'{name}: [not inserted]\n', self.vm.qmp.hmp('info block'))
        self.vm.qmp('blockdev-change-medium', id='cd', filename=self.image, format='raw')
        self.check_new_medium(Drive(self.vm, 1), block(0))

    def test_guest_moves_the_tray(self):
        d = self.drive()
        self.assertEqual(d.packet([START_STOP, 0, 0, 0, 2])[0], READY)
        self.assertEqual(self.events(), [True])
        self.check(d, TUR, NOT_READY, 0x3a)
        self.assertEqual(self.media_event(d), (0, 1))
        self.assertIn('tray open', self.vm.qmp.hmp('info block'))
        self.assertEqual(d.packet([START_STOP, 0, 0, 0, 2])[0], READY)
        self.assertEqual(self.events(), [], 'it is open already')
        self.assertEqual(d.packet([START_STOP, 0, 0, 0, 3])[0], READY)
        self.assertEqual(self.events(), [False])
        self.assertEqual(d.packet(read10(1, 1)), (READY, block(1)), 'the same medium')
        d.packet([PREVENT, 0, 0, 0, 1])
        self.check(d, [START_STOP, 0, 0, 0, 2], NOT_READY, 0x53)
        self.assertEqual(d.packet([0x5a, 0, 0x2a, 0, 0, 0, 0, 1, 0])[1][14], 0x2b, 'locked')
        for power in (0x10, 0x30):
            self.assertEqual(d.packet([START_STOP, 0, 0, 0, power | 2])[0], READY, 'a power condition moves nothing')
        self.assertEqual(self.events(), [])

    def test_change(self):
        d = self.drive()
        path, first = self.other()
        self.assertEqual(self.vm.qmp.hmp(f'change ide1-cd0 {path} raw'), '')
        self.assertEqual(self.events(), [True, False])
        self.check_new_medium(d, first)
        self.assertEqual(self.vm.qmp.hmp('eject ide1-cd0'), '')
        self.assertEqual(self.events(), [True])
        self.assertEqual(self.media_event(d), (0, 1))
        self.check(d, TUR, NOT_READY, 0x3a)
        self.vm.qmp('blockdev-change-medium', device='ide1-cd0', filename=self.image, format='raw')
        self.assertEqual(self.events(), [False])
        self.check_new_medium(d, block(0))
        info = [b for b in self.vm.qmp('query-block') if b['device'] == 'ide1-cd0'][0]
        self.assertEqual((info['removable'], info['locked'], info['tray_open']), (True, False, False))
        self.assertTrue(info['inserted']['ro'])
        with self.assertRaisesRegex(qtest.QmpError, 'No such file'):
            self.vm.qmp('blockdev-change-medium', device='ide1-cd0', filename='/nowhere')
        self.assertEqual(d.packet(read10(0, 1)), (READY, block(0)), 'a change that fails changes nothing')

    def test_locked(self):
        d = self.drive()
        d.packet([PREVENT, 0, 0, 0, 1])
        for command in ('eject', 'blockdev-open-tray'):
            with self.assertRaisesRegex(qtest.QmpError, "'ide1-cd0' is locked and force was not specified"):
                self.vm.qmp(command, device='ide1-cd0')
            self.assertEqual(self.media_event(d), (1, 2), 'the guest hears of the wish')
        self.assertEqual(d.packet(read10(0, 1)), (READY, block(0)))
        self.assertEqual(self.events(), [])
        self.assertEqual(self.vm.qmp.hmp('eject -f ide1-cd0'), '')
        self.assertEqual(self.events(), [True])

    def test_step_by_step(self):
        path, first = self.other()
        self.vm = self.start('-M', 'pc', '-nodefaults', '-drive', f'if=none,id=d,file={self.image},format=raw,read-only=on',
                             '-device', 'ide-cd,id=cd,drive=d', '-blockdev',
                             f'driver=file,node-name=new,filename={path},read-only=on', '-device', 'ide-cd,id=other,bus=ide.0')
        d = Drive(self.vm, 1)
        q = self.vm.qmp
        for command, words, arguments in (
                ('blockdev-remove-medium', "Tray of device 'cd' is not open", {'id': 'cd'}),
                ('blockdev-insert-medium', "Tray of device 'cd' is not open", {'id': 'cd', 'node_name': 'new'}),
                ('blockdev-insert-medium', "Node 'nnew' not found", {'id': 'cd', 'node_name': 'nnew'}),
                ('eject', 'Need exactly one', {}), ('eject', 'Need exactly one', {'id': 'cd', 'device': 'd'}),
                ('eject', "'ccd' not found", {'id': 'ccd'}), ('eject', "'dd' not found", {'device': 'dd'})):
            with self.subTest(words):
                with self.assertRaisesRegex(qtest.QmpError, words):
                    q(command, **arguments)
        q('blockdev-open-tray', id='cd')
        q('blockdev-open-tray', id='cd')
        with self.assertRaisesRegex(qtest.QmpError, "There already is a medium in device 'cd'"):
            q('blockdev-insert-medium', id='cd', node_name='new')
        q('blockdev-remove-medium', id='cd')
        q('blockdev-insert-medium', id='cd', node_name='new')
        q('blockdev-open-tray', id='other')
        with self.assertRaisesRegex(qtest.QmpError, "Node 'new' is already in use"):
            q('blockdev-insert-medium', id='other', node_name='new')
        q('blockdev-close-tray', id='cd')
        self.assertEqual(self.events(), [True, True, False])
        self.check_new_medium(d, first)

    def test_fixed_disk(self):
        disk = os.path.join(self.folder.name, 'disk')
        with open(disk, 'wb') as f:
            f.truncate(1 << 20)
        self.vm = self.start('-M', 'pc', '-nodefaults', '-hda', disk)
        for command in ('eject', 'blockdev-open-tray', 'blockdev-close-tray'):
            with self.assertRaisesRegex(qtest.QmpError, "Device 'ide0-hd0' is not removable"):
                self.vm.qmp(command, device='ide0-hd0')

    def test_change_in_the_middle_of_a_read(self):
        d = self.drive()
        d.send(read10(0, 300), 0x8000)
        d.wait()
        self.vm.qmp.hmp('eject -f ide1-cd0')
        d.drain()
        self.assertEqual(d.read(STATUS), CHECK, 'what was not in the buffer yet is gone')
        self.assertEqual(d.sense(), (NOT_READY, 0x3a))


class Life(CdCase):
    def test_reset(self):
        d = self.drive()
        d.packet([PREVENT, 0, 0, 0, 1])
        d.packet([0xff])
        d.send(read10(0, 30), 2048)
        d.wait()
        self.vm.qmp('system_reset')
        self.vm.qmp.event('RESET')
        self.assertEqual([d.read(r) for r in range(1, 8)], [0, 1, 1, 0x14, 0xeb, 0xa0, READY])
        self.assertEqual(d.sense(), (0, 0))
        self.assertEqual(self.vm.qmp.hmp('eject ide1-cd0'), '', 'no longer locked')

    def test_state(self):
        d = self.drive()
        d.enable_bus_master()
        d.write(FEATURES, 0)
        d.write(LBA_MID, 0xfe)
        d.write(LBA_HIGH, 0x0f)
        d.write(COMMAND, PACKET)
        d.wait()
        d.data_out(bytes(read10(5, 200))[:6])
        self.assertTrue(self.vm.state_cycle())
        d.data_out(bytes(read10(5, 200)).ljust(12, b'\0')[6:])
        got = b''
        while d.wait() & DRQ:
            n = d.read(LBA_MID) | d.read(LBA_HIGH) << 8
            half = n // 4 * 2
            got += d.data_in(half)
            self.vm.state_cycle()
            got += d.data_in(n - half)
            self.vm.state_cycle()
        self.assertEqual((d.read(STATUS), got), (READY, blocks(5, 200)))
        d.packet([0xff])
        self.vm.state_cycle()
        self.assertEqual(d.sense(), (ILLEGAL, 0x20))
        d.prds([(0x200000, BLOCK)])
        self.vm.outb(d.bm, ide.TO_MEMORY)
        d.send(read10(9, 1), features=1)
        self.vm.state_cycle()
        self.vm.outb(d.bm, ide.TO_MEMORY | ide.START)
        d.wait()
        for _ in range(200000):
            if self.vm.inb(d.bm + 2) & INTR:
                break
        self.assertEqual(self.vm.read(0x200000, BLOCK), block(9), 'DMA that was armed after the load')
        d.packet([PREVENT, 0, 0, 0, 1])
        self.vm.state_cycle()
        with self.assertRaisesRegex(qtest.QmpError, 'locked'):
            self.vm.qmp('eject', device='ide1-cd0')
        self.vm.qmp('eject', device='ide1-cd0', force=True)
        self.vm.state_cycle()
        self.assertIn('tray open', self.vm.qmp.hmp('info block'))

    def test_hotplug_is_none(self):
        with self.assertRaises(qtest.EmulatorDied) as caught:
            self.start('-M', 'pc', '-nodefaults', '-device', 'ide-cd,drive=nope')
        self.assertIn("can't find value 'nope'", str(caught.exception))
        with self.assertRaises(qtest.EmulatorDied) as caught:
            self.start('-M', 'pc', '-nodefaults', '-cdrom', '/nowhere.iso')
        self.assertIn("Could not open '/nowhere.iso'", str(caught.exception))


if __name__ == '__main__':
    unittest.main()
