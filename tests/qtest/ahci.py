# SPDX-License-Identifier: GPL-2.0-or-later
"""AHCI: registers, PIO, DMA, queued and packet commands, errors, interrupts, resets, saving in the middle, misuse."""
import os
import tempfile
import unittest

import cdrom
import ide
import pc
import qtest
from ide import ABRT, DRDY, DRQ, ERR, READY, SECTOR, SECTORS, pattern

BAR = 0xe0000000
CAP, GHC, IS, PI, VS = 0x00, 0x04, 0x08, 0x0c, 0x10
HR, IE, AE = 1, 2, 1 << 31
P_CLB, P_FB, P_IS, P_IE, P_CMD, P_TFD, P_SIG = 0x00, 0x08, 0x10, 0x14, 0x18, 0x20, 0x24
P_SSTS, P_SCTL, P_SERR, P_SACT, P_CI = 0x28, 0x2c, 0x30, 0x34, 0x38
ST, SUD, POD, CLO, FRE, FR, CR = 1, 2, 4, 8, 1 << 4, 1 << 14, 1 << 15
DHRS, PSS, SDBS, OFS, IFS, HBDS, HBFS, TFES = 1, 2, 8, 1 << 24, 1 << 27, 1 << 28, 1 << 29, 1 << 30
LIST, RECEIVED, TABLES = 0x0, 0x1000, 0x2000      # of a port's memory
DATA = 0x400000
WRITE = 1 << 6
IN_THE_MIDDLE = range(200000)


class Port:
    """One port with its command list and tables in guest memory."""

    def __init__(self, vm, number):
        self.vm, self.number = vm, number
        self.regs, self.memory = BAR + 0x100 + 0x80 * number, 0x100000 + 0x10000 * number

    def read(self, reg):
        return self.vm.readl(self.regs + reg)

    def write(self, reg, value):
        self.vm.writel(self.regs + reg, value)

    def start(self):
        for reg, at in ((P_CLB, LIST), (P_FB, RECEIVED)):
            self.write(reg, self.memory + at)
            self.write(reg + 4, 0)
        self.write(P_SERR, 0xffffffff)
        self.write(P_CMD, SUD | POD | FRE)
        self.write(P_CMD, SUD | POD | FRE | ST)
        self.write(P_IS, 0xffffffff)
        return self

    def restart(self):
        """What software does after an error."""
        self.write(P_CMD, SUD | POD | FRE)
        for _ in IN_THE_MIDDLE:
            if not self.read(P_CMD) & CR:
                break
        self.write(P_CMD, SUD | POD | FRE | ST)
        self.write(P_IS, 0xffffffff)

    def prepare(self, slot, fis, prds=(), flags=5, packet=b''):
        table = self.memory + TABLES + 0x400 * slot
        self.vm.write(table, bytes(fis).ljust(0x40, b'\0') + packet.ljust(0x40, b'\0') +
                      b''.join(a.to_bytes(8, 'little') + bytes(4) + (n - 1).to_bytes(4, 'little') for a, n in prds))
        self.vm.write(self.memory + LIST + 32 * slot,
                      (flags | len(prds) << 16).to_bytes(4, 'little') + bytes(4) + table.to_bytes(8, 'little') + bytes(16))

    def wait(self, slots):
        """Until the commands of @slots are over or one has failed; returns PxIS, which it clears."""
        for _ in IN_THE_MIDDLE:
            status = self.read(P_IS)
            if status & (TFES | HBFS | IFS) or not (self.read(P_CI) | self.read(P_SACT)) & slots:
                break
        else:
            raise AssertionError('the command does not end')
        status = self.read(P_IS)
        self.write(P_IS, status)
        return status

    def issue(self, *slots, queued=False):
        bits = sum(1 << s for s in slots)
        if queued:
            self.write(P_SACT, bits)
        self.write(P_CI, bits)
        return bits

    def command(self, fis, prds=(), slot=0, flags=5, packet=b''):
        """Runs an ATA command; returns (PxTFD, PxIS, bytes moved)."""
        self.prepare(slot, fis, prds, flags, packet)
        status = self.wait(self.issue(slot))
        return self.read(P_TFD), status, self.vm.readl(self.memory + LIST + 32 * slot + 4)

    def packet(self, cdb, prds=(), dma=True):
        fis = h2d(0xa0, features=1 if dma else 0, lba=0xfffe00, device=0)
        return self.command(fis, prds, flags=0x25, packet=bytes(cdb))

    def received(self, offset, size):
        return self.vm.read(self.memory + RECEIVED + offset, size)


def h2d(command, lba=0, count=0, features=0, device=0x40, flags=0x80, control=0):
    low, high = (lba & 0xffffff).to_bytes(3, 'little'), (lba >> 24).to_bytes(3, 'little')
    return bytes([0x27, flags, command, features & 0xff, *low, device, *high, features >> 8, count & 0xff, count >> 8, 0, control])


def fpdma(write, lba, count, tag):
    return h2d(0x61 if write else 0x60, lba, tag << 3, features=count & 0xffff)


class AhciCase(qtest.Case):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix='rhea-ahci-')
        self.addCleanup(self.folder.cleanup)
        self.image, self.iso = os.path.join(self.folder.name, 'disk.img'), os.path.join(self.folder.name, 'cd.iso')
        with open(self.image, 'wb') as f:
            f.write(pattern(0, 300))
            f.truncate(SECTORS * SECTOR)
        with open(self.iso, 'wb') as f:
            f.write(cdrom.blocks(0, cdrom.BLOCKS))

    def boot(self, *args, drive=''):
        """q35 with the disk on port 0 and the CD on port 2. Returns the disk's port, at work."""
        self.vm = self.start('-M', 'q35', '-nodefaults', '-m', '256', '-drive', f'file={self.image},format=raw,if=ide{drive}',
                             '-cdrom', self.iso, *args)
        self.enable()
        self.cd = Port(self.vm, 2).start()
        return Port(self.vm, 0).start()

    def enable(self, command=pc.COMMAND_IO | pc.COMMAND_MEMORY | pc.COMMAND_MASTER):
        self.config = pc.Config(self.vm, 31, 2)
        self.config.write(0x24, BAR)
        self.config.write(0x20, 0xc000)
        self.config.command(command)
        self.vm.writel(BAR + GHC, AE)

    def check_alive(self, port):
        port.restart()
        self.assertEqual(port.command(h2d(0x25, 5, 2), [(DATA, 2 * SECTOR)])[0], READY)
        self.assertEqual(self.vm.read(DATA, 2 * SECTOR), pattern(5, 2))


class Registers(AhciCase):
    def test_identity(self):
        self.boot()
        c = self.config
        self.assertEqual((c.read(0), c.read(8), c.read(0x3d, 1)), (0x29228086, 0x01060102, 1))
        self.assertEqual((c.bar_size(0x24), c.bar_size(0x20)), (0x1000, 0x20))
        self.assertEqual((c.find_capability(5), c.find_capability(0x12)), (0x80, 0xa8))
        self.assertEqual((c.read(0xa8), c.read(0xac)), (0x00100012, 0x48))

    def test_hba(self):
        p = self.boot()
        values = [self.vm.readl(BAR + r) for r in (CAP, GHC, IS, PI, VS)]
        self.assertEqual(values[:2] + values[3:], [0xc0141f05, AE, 0x3f, 0x10000])
        self.vm.writel(BAR + GHC, IE)
        self.assertEqual(self.vm.readl(BAR + GHC), AE | IE, 'AE stays')
        for r in (CAP, PI, VS):
            self.vm.writel(BAR + r, 0xffffffff)
        self.assertEqual([self.vm.readl(BAR + r) for r in (CAP, PI, VS)], [0xc0141f05, 0x3f, 0x10000])
        self.vm.writel(BAR + GHC, HR)
        self.assertEqual((self.vm.readl(BAR + GHC), p.read(P_CMD), p.read(P_IE)), (AE, SUD | POD, 0), 'reset')
        self.assertEqual(self.vm.readl(BAR + 0x100 + 0x80 * 6), 0, 'no seventh port')
        self.vm.outl(0xc010, 0x118)
        self.assertEqual((self.vm.inl(0xc010), self.vm.inl(0xc014)), (0x118, SUD | POD), 'index and data')
        self.vm.outl(0xc014, SUD | POD | FRE)
        self.assertEqual(p.read(P_CMD), SUD | POD | FRE | FR)
        self.vm.outl(0xc010, 0xffffffff)
        self.vm.inl(0xc014)

    def test_ports(self):
        self.boot()
        for n, ssts, sig in ((0, 0x113, 0x101), (1, 0, 0xffffffff), (2, 0x113, 0xeb140101), (5, 0, 0xffffffff)):
            p = Port(self.vm, n)
            self.assertEqual((p.read(P_SSTS), p.read(P_SIG)), (ssts, sig), f'port {n}')
        p = Port(self.vm, 1)
        self.assertEqual(p.read(P_TFD), 0x7f)
        for reg, mask in ((P_CLB, 0xfffffc00), (P_CLB + 4, 0xffffffff), (P_FB, 0xffffff00), (P_IE, 0xfdc000ff)):
            p.write(reg, 0xffffffff)
            self.assertEqual(p.read(reg), mask)
        p.start()
        p.write(P_CI, 0xffffffff)
        p.write(P_SACT, 0xffffffff)
        self.vm.state_cycle()
        p.write(P_CMD, SUD | POD)
        self.assertEqual((p.read(P_CI), p.read(P_SACT)), (0, 0), 'an empty port does nothing')

    def test_where_drives_go(self):
        with open(self.image + '2', 'wb') as f:
            f.truncate(1 << 20)
        self.vm = self.start('-M', 'q35', '-nodefaults', '-hdb', self.image + '2', '-device', 'ahci,id=more', '-drive',
                             f'if=none,id=d,file={self.image},format=raw', '-device', 'ide-hd,drive=d,bus=more.3,id=x')
        text = self.vm.qmp.hmp('info block')
        self.assertIn('ide1-hd0 ', text)
        self.assertIn('Attached to:      x\n', text)
        self.enable()
        self.assertEqual(Port(self.vm, 1).read(P_SIG), 0x101)
        for args, words in ((('-drive', 'if=ide,index=6,media=cdrom'), 'does not support if=ide,bus=6,unit=0'),
                            (('-drive', 'if=ide,bus=0,unit=1,media=cdrom'), 'unit 1 too big'),
                            (('-device', 'ide-cd,bus=ide.0', '-device', 'ide-cd,bus=ide.0'), 'ide.0')):
            with self.assertRaises(qtest.EmulatorDied) as caught:
                self.start('-M', 'q35', '-nodefaults', *args)
            self.assertIn(words, str(caught.exception))

    def test_default_cd(self):
        for machine, name in (('pc', 'ide1-cd0'), ('q35', 'ide2-cd0')):
            vm = self.start('-M', machine)
            self.assertIn(f'{name}: [not inserted]\n', vm.qmp.hmp('info block'))
            vm = self.start('-M', machine, '-nodefaults')
            self.assertEqual(vm.qmp.hmp('info block'), '')
        vm = self.start('-M', 'q35,sata=off')
        self.assertEqual(pc.Config(vm, 31, 2).read(0), 0xffffffff)


class Commands(AhciCase):
    def test_identify(self):
        p = self.boot()
        self.assertEqual(p.command(h2d(0xec, device=0), [(DATA, SECTOR)]), (READY, DHRS | PSS, SECTOR))
        word = [self.vm.readw(DATA + 2 * i) for i in range(256)]
        self.assertEqual((word[75], word[76], word[100]), (31, 0x100, SECTORS))
        self.assertEqual(p.received(0x20, 20).hex(), '5f60580000000000' '0000000000000058' '00020000')
        self.assertEqual(p.received(0x40, 8).hex(), '3440500000000000')

    def test_reads(self):
        p = self.boot()
        for name, fis, count in (('DMA', h2d(0x25, 5, 4), 4), ('PIO', h2d(0x20, 7, 3), 3), ('MULTIPLE', h2d(0x29, 0, 40), 40),
                                 ('28 bits', h2d(0xc8, 9, 2), 2), ('large', h2d(0x25, 0, 300), 300)):
            for cuts in ([], [2], [512, 700]):
                with self.subTest(name, cuts=cuts):
                    edges = [0, *cuts, count * SECTOR]
                    prds = [(DATA + 0x40000 * i, b - a) for i, (a, b) in enumerate(zip(edges, edges[1:]))]
                    status = p.command(fis, prds)
                    self.assertEqual((status[0], status[1] & ~PSS, status[2]), (READY, DHRS, count * SECTOR))
                    self.assertEqual(b''.join(self.vm.read(*prd) for prd in prds), pattern(fis[4], count))

    def test_writes(self):
        p = self.boot()
        for n, (code, lba, count) in enumerate(((0x35, 400, 5), (0x34, 500, 3), (0xca, 600, 1), (0x39, 700, 40))):
            data = bytes((i * 5 + n) & 0xff for i in range(count * SECTOR))
            self.vm.write(DATA, data)
            self.assertEqual(p.command(h2d(code, lba, count), [(DATA, 100), (DATA + 100, len(data) - 100)], flags=5 | WRITE)[0],
                             READY)
            self.assertEqual(p.command(h2d(0xea))[0], READY)
            with open(self.image, 'rb') as f:
                f.seek(lba * SECTOR)
                self.assertEqual(f.read(len(data)), data)

    def test_table_and_data_differ(self):
        p = self.boot()
        self.assertEqual(p.command(h2d(0x25, 5, 2), [(DATA, 0x1000)]), (READY, DHRS, 2 * SECTOR), 'a table longer than the data')
        self.vm.memset(DATA, 0x1000, 0xee)
        status = p.command(h2d(0x25, 5, 4), [(DATA, 2 * SECTOR)])
        self.assertEqual(status[1:], (DHRS | OFS, 2 * SECTOR), 'a shorter one overflows')
        self.assertEqual(self.vm.read(DATA, 2 * SECTOR + 2), pattern(5, 2) + b'\xee\xee')
        status = p.command(h2d(0x20, 5, 2), [(DATA, SECTOR)])
        self.assertEqual(status[1] & (OFS | TFES), OFS, 'PIO')
        status = p.command(h2d(0x30, 5, 2), [(DATA, SECTOR)], flags=5 | WRITE)
        self.assertTrue(status[1] & TFES, 'nothing is invented for a write')
        self.check_alive(p)
        with open(self.image, 'rb') as f:
            f.seek(6 * SECTOR)
            self.assertEqual(f.read(SECTOR), pattern(6))

    def test_slots_in_order(self):
        p = self.boot()
        for slot in range(32):
            p.prepare(slot, h2d(0x25, slot, 1), [(DATA + SECTOR * slot, SECTOR)])
        p.issue(*range(32))
        p.wait(0xffffffff)
        self.assertEqual(self.vm.read(DATA, 32 * SECTOR), pattern(0, 32))

    def test_errors(self):
        p = self.boot()
        for name, fis in (('unknown', h2d(0xff)), ('beyond the end', h2d(0x25, SECTORS, 1)), ('far PIO', h2d(0x20, SECTORS - 1, 2))):
            with self.subTest(name):
                p.prepare(3, h2d(0xec), [(DATA, SECTOR)])
                p.prepare(1, fis, [(DATA, 2 * SECTOR)])
                status = p.wait(p.issue(1))
                self.assertEqual((status & ~PSS, p.read(P_TFD) & ~0x10), (TFES | DHRS, ABRT << 8 | DRDY | ERR))
                self.assertEqual(p.read(P_CI), 2, 'the command that failed keeps its bit')
                p.write(P_CI, 8)
                self.assertEqual(p.read(P_CI), 10, 'and nothing runs')
                p.write(P_CMD, SUD | POD | FRE)
                self.assertEqual((p.read(P_CI), p.read(P_CMD) & CR), (0, 0), 'until ST is cleared')
                self.check_alive(p)

    def test_misuse(self):
        p = self.boot()
        p.prepare(0, bytes([0x41]) + h2d(0x25)[1:])
        self.assertEqual(p.wait(p.issue(0)), IFS, 'no command FIS')
        p.restart()
        p.write(P_CLB, 0xd0000000)
        self.assertEqual(p.wait(p.issue(0)), HBFS, 'a list that is not there')
        p.start()
        p.restart()
        p.prepare(0, h2d(0x25, 5, 2), [(0xd0000000, 2 * SECTOR)])
        self.assertTrue(p.wait(p.issue(0)) & TFES, 'memory that is not there')
        p.restart()
        p.prepare(0, h2d(0x60, 5, 0, features=2), [(0xd0000000, 2 * SECTOR)])
        self.assertTrue(p.wait(p.issue(0, queued=True)) & TFES)
        p.restart()
        for code in range(256):
            p.prepare(0, h2d(code, 1, 1), [(DATA, SECTOR)])
            p.issue(0)
            for _ in IN_THE_MIDDLE:
                if not p.read(P_CI) & 1 or p.read(P_IS) & TFES:
                    break
            p.restart()
        p.write(P_CMD, SUD | POD | FRE)
        p.write(P_CI, 1)
        p.write(P_SACT, 1)
        self.assertEqual((p.read(P_CI), p.read(P_SACT)), (0, 0), 'not without ST')
        for offset in range(0, 0x400, 4):
            self.vm.writel(BAR + offset, 0xffffffff)
            self.vm.readl(BAR + offset)
        for offset in range(0, 0x200):
            self.vm.writeb(BAR + offset, 0)
            self.vm.readb(BAR + offset)
        self.vm.writel(BAR + GHC, HR)
        self.vm.writel(BAR + GHC, AE)
        self.check_alive(p.start())

    def test_bus_master_off(self):
        p = self.boot()
        self.config.command(pc.COMMAND_MEMORY)
        p.prepare(0, h2d(0xec), [(DATA, SECTOR)])
        self.assertEqual(p.wait(p.issue(0)), HBFS)
        self.enable()
        self.check_alive(p)


class Queued(AhciCase):
    def test_reads_and_writes(self):
        p = self.boot()
        for slot in range(32):
            self.vm.write(DATA + 0x10000 * slot, bytes([slot]) * SECTOR * 3)
            p.prepare(slot, fpdma(slot % 2, 1000 + 3 * slot if slot % 2 else slot, 3, slot), [(DATA + 0x10000 * slot, 3 * SECTOR)],
                      flags=5 | (WRITE if slot % 2 else 0))
        status = p.wait(p.issue(*range(32), queued=True))
        self.assertEqual(status & (SDBS | TFES), SDBS)
        self.assertEqual((p.read(P_CI), p.read(P_SACT), p.read(P_TFD)), (0, 0, READY))
        self.assertEqual(p.received(0x58, 4).hex(), 'a1405000')
        for slot in range(0, 32, 2):
            self.assertEqual(self.vm.read(DATA + 0x10000 * slot, 3 * SECTOR), pattern(slot, 3))
        self.assertEqual(p.command(h2d(0xea))[0], READY)
        with open(self.image, 'rb') as f:
            for slot in range(1, 32, 2):
                f.seek((1000 + 3 * slot) * SECTOR)
                self.assertEqual(f.read(3 * SECTOR), bytes([slot]) * SECTOR * 3)

    def test_many_entries(self):
        p = self.boot()
        p.prepare(31, fpdma(False, 3, 8, 31), [(DATA + 128 * i, 64) for i in range(8 * SECTOR // 64 + 1)][:48] +
                  [(DATA + 0x10000, 8 * SECTOR - 48 * 64)])
        self.assertEqual(p.wait(p.issue(31, queued=True)), SDBS)
        got = b''.join(self.vm.read(DATA + 128 * i, 64) for i in range(48)) + self.vm.read(DATA + 0x10000, 8 * SECTOR - 48 * 64)
        self.assertEqual(got, pattern(3, 8))

    def test_errors(self):
        p = self.boot()
        for name, fis, prds in (('beyond the end', fpdma(False, SECTORS, 1, 4), [(DATA, SECTOR)]),
                                ('another tag', fpdma(False, 0, 1, 5), [(DATA, SECTOR)]),
                                ('a short table', fpdma(False, 0, 2, 4), [(DATA, SECTOR)]),
                                ('all of 65536 sectors', fpdma(False, 0, 0, 4), [(DATA, SECTOR)])):
            with self.subTest(name):
                p.prepare(4, fis, prds)
                self.assertTrue(p.wait(p.issue(4, queued=True)) & TFES)
                self.assertEqual((p.read(P_SACT), p.read(P_CI)), (1 << 4, 0), 'SACT tells which')
                self.assertEqual(p.read(P_TFD) & 0xff01, ABRT << 8 | ERR)
                self.check_alive(p)

    def test_reset_in_flight(self):
        p = self.boot()
        for how in ('ST', 'COMRESET', 'HBA', 'machine'):
            for _ in range(5):
                for slot in range(32):
                    p.prepare(slot, fpdma(False, 0, 128, slot), [(DATA, 128 * SECTOR)])
                p.issue(*range(32), queued=True)
                if how == 'ST':
                    p.write(P_CMD, SUD | POD | FRE)
                elif how == 'COMRESET':
                    p.write(P_SCTL, 1)
                    p.write(P_SCTL, 0)
                elif how == 'HBA':
                    self.vm.writel(BAR + GHC, HR)
                else:
                    self.vm.qmp('system_reset')
                    self.vm.qmp.event('RESET')
                    self.enable()
                for _ in IN_THE_MIDDLE:
                    if how == 'COMRESET' or not p.read(P_CMD) & CR:
                        break
                else:
                    self.fail('CR stays')
                p.start()
                self.assertEqual((p.read(P_CI), p.read(P_SACT)), (0, 0), how)
                self.check_alive(p)


class Packets(AhciCase):
    def test_reads(self):
        self.boot()
        for dma in (True, False):
            self.vm.memset(DATA, 0x1000, 0)
            status = self.cd.packet(cdrom.INQUIRY, [(DATA, 36)], dma)
            self.assertEqual((status[0], status[1] & ~PSS, status[2]), (READY, DHRS, 36))
            self.assertEqual(self.vm.read(DATA + 8, 4), b'QEMU')
            status = self.cd.packet(cdrom.read10(7, 100), [(DATA, 0x8000), (DATA + 0x8000, 100 * 2048 - 0x8000)], dma)
            self.assertEqual((status[0], status[2]), (READY, 100 * 2048))
            self.assertEqual(self.vm.read(DATA, 100 * 2048), cdrom.blocks(7, 100))
        self.assertEqual(self.cd.command(h2d(0xa1, device=0), [(DATA, SECTOR)])[0], READY)
        self.assertEqual(self.vm.readw(DATA), 0x85c0)

    def test_check_condition(self):
        self.boot()
        status = self.cd.packet(cdrom.read10(cdrom.BLOCKS, 1), [(DATA, 2048)])
        self.assertEqual((status[0], status[1] & TFES), (0x5000 | DRDY | ERR, TFES))
        self.cd.restart()
        self.assertEqual(self.cd.packet(cdrom.SENSE, [(DATA, 18)])[0], READY)
        self.assertEqual((self.vm.readb(DATA + 2), self.vm.readb(DATA + 12)), (5, 0x21))
        self.assertEqual(self.cd.packet(cdrom.TUR)[0], READY)


class Interrupts(AhciCase):
    def test_intx(self):
        p = self.boot()
        self.vm.irq_intercept_in('/machine/q35/ioapic')
        p.command(h2d(0xec), [(DATA, SECTOR)])
        self.vm.writel(BAR + IS, 0xffffffff)
        self.assertEqual(self.high(), set(), 'nothing is enabled')
        p.write(P_IE, DHRS)
        self.vm.writel(BAR + GHC, AE | IE)
        p.prepare(0, h2d(0xec), [(DATA, SECTOR)])
        p.issue(0)
        for _ in IN_THE_MIDDLE:
            if not p.read(P_CI):
                break
        self.assertEqual((self.vm.readl(BAR + IS), len(self.high())), (1, 1))
        self.vm.writel(BAR + IS, 1)
        self.assertEqual(self.vm.readl(BAR + IS), 1, 'the port still asks')
        p.write(P_IS, 0xffffffff)
        self.assertEqual(len(self.high()), 1)
        self.vm.writel(BAR + IS, 1)
        self.assertEqual((self.vm.readl(BAR + IS), self.high()), (0, set()))

    def high(self):
        return {n for n, level in self.vm.irqs.items() if level and n not in (0, 2, 8)}

    def test_msi(self):
        """A message is a write to memory; here to RAM, where it can be seen."""
        p = self.boot()
        c = self.config
        c.write(0x84, 0x800000)
        c.write(0x88, 0)
        c.write(0x8c, 0x1234, 2)
        c.write(0x82, 0x81, 2)
        p.write(P_IE, DHRS)
        self.vm.writel(BAR + GHC, AE | IE)
        for expect in ('the first', 'the next'):
            self.vm.writel(0x800000, 0)
            p.prepare(0, h2d(0xec), [(DATA, SECTOR)])
            p.issue(0)
            for _ in IN_THE_MIDDLE:
                if not p.read(P_CI):
                    break
            self.assertEqual(self.vm.readl(0x800000), 0x1234, expect)
            self.vm.writel(0x800000, 0)
            self.vm.writel(BAR + IS, 1)
            self.assertEqual(self.vm.readl(0x800000), 0x1234, 'again: the port still asks')
            p.write(P_IS, 0xffffffff)
            self.vm.writel(BAR + IS, 1)


class Resets(AhciCase):
    def test_signature(self):
        self.boot()
        for port, sig in ((Port(self.vm, 0), '010000'), (self.cd, '0114eb')):
            port.write(P_CMD, SUD | POD)
            port.write(P_SCTL, 0x301)
            self.assertEqual(port.read(P_SSTS), 0)
            port.write(P_SCTL, 0x300)
            self.assertEqual(port.read(P_SSTS), 0x113)
            self.vm.memset(port.memory + RECEIVED, 0x100, 0)
            port.start()
            self.assertEqual(port.received(0x40, 2).hex(), '3440')
            self.assertEqual(port.received(0x44, 3).hex(), sig)
            self.assertEqual(port.received(0x4c, 1), b'\x01')

    def test_soft_reset(self):
        p = self.boot()
        p.prepare(0, h2d(0, flags=0, control=4), flags=0x505)
        p.issue(0)
        for _ in IN_THE_MIDDLE:
            if not p.read(P_CI):
                break
        self.assertTrue(p.read(P_TFD) & 0x80, 'busy while SRST is set')
        self.vm.memset(p.memory + RECEIVED, 0x100, 0)
        p.prepare(1, h2d(0, flags=0, control=0))
        self.assertEqual(p.wait(p.issue(1)) & DHRS, DHRS)
        self.assertEqual(p.received(0x40, 2).hex(), '3440')
        self.assertEqual(p.read(P_TFD) & 0xff, READY)
        self.check_alive(p)

    def test_state(self):
        p = self.boot()
        p.write(P_IE, DHRS)
        p.prepare(0, h2d(0x29, 0, 200), [(DATA, 200 * SECTOR)])
        p.issue(0)
        self.vm.state_cycle()
        p.wait(1)
        self.assertEqual(self.vm.read(DATA, 200 * SECTOR), pattern(0, 200), 'PIO')
        for slot in range(32):
            p.prepare(slot, fpdma(False, slot, 8, slot), [(DATA + 0x10000 * slot, 8 * SECTOR)])
        p.issue(*range(32), queued=True)
        self.vm.state_cycle()
        p.wait(0xffffffff)
        for slot in range(32):
            self.assertEqual(self.vm.read(DATA + 0x10000 * slot, 8 * SECTOR), pattern(slot, 8), 'queued')
        self.cd.prepare(0, h2d(0xa0, lba=0x080000), [(DATA, 100 * 2048)], flags=0x25, packet=bytes(cdrom.read10(3, 100)))
        self.cd.issue(0)
        self.vm.state_cycle()
        self.cd.wait(1)
        self.assertEqual(self.vm.read(DATA, 100 * 2048), cdrom.blocks(3, 100), 'packet')
        p.prepare(2, h2d(0xff))
        p.wait(p.issue(2))
        self.vm.state_cycle()
        self.assertEqual((p.read(P_CI), p.read(P_IE), p.read(P_TFD) & ERR), (4, DHRS, ERR), 'failed')
        self.check_alive(p)


if __name__ == '__main__':
    unittest.main()
