#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Frame buffers without a VGA: bochs-display and ramfb. The VGAs: vga.py."""
import random
import struct
import unittest

import firmware
import picture
import qtest
from picture import FRAME_BUFFER, MMIO

DATA = random.Random(5).randbytes(1 << 20)
VBE, EXT = MMIO + 0x500, MMIO + 0x600


def five(v):
    return v << 3 | v >> 2


def rgb16(c):
    return five(c >> 11) << 16 | (c >> 5 & 63) * 65 // 16 << 8 | five(c & 31)


def rows(width, height, bits, start=0, line=None, order='little'):
    n = bits // 8
    line = line or width * n
    def pixel(at):
        c = int.from_bytes(DATA[at:at + n], order)
        return rgb16(c) if bits == 16 else c & 0xffffff
    return [[pixel(start + y * line + x * n) for x in range(width)] for y in range(height)]


class BochsDisplay(picture.VgaCase):
    def setUp(self):
        self.m = self.start('-M', 'pc', '-vga', 'none', '-device', 'bochs-display,id=screen,addr=2')
        self.v = picture.Vga(self.m)
        self.m.write(FRAME_BUFFER, DATA)

    def mode(self, width, height, bits, enable=0x41, virtual=0, x=0, y=0):
        for index, value in ((1, width), (2, height), (3, bits), (6, virtual), (8, x), (9, y), (4, enable)):
            self.m.writew(VBE + 2 * index, value)

    def test_identity(self):
        self.assertEqual([self.m.pci_read(2, 0, at, 4) for at in (0, 8)], [0x11111234, 0x03800002])
        self.m.pci_write(2, 0, 0x10, 4, 0xffffffff)
        self.assertEqual(self.m.pci_read(2, 0, 0x10, 4), 0xff000008)
        self.assertEqual(self.m.read(MMIO, 8), b'\0\xff\xff\xff\xff\xff\xff\0', 'EDID')

    def test_registers(self):
        self.assertEqual([self.m.readw(VBE + 2 * i) for i in range(12)], [0xb0c5] + [0] * 9 + [256, 0xffff])
        for i in range(12):
            self.m.writew(VBE + 2 * i, 0xa000 + i)
        self.assertEqual([self.m.readw(VBE + 2 * i) for i in range(12)], [0xb0c5] + [0xa001 + i for i in range(9)] + [256, 0xffff])
        self.m.writel(VBE + 2, 0x00020001)
        self.assertEqual(self.m.readl(VBE + 2) & 0xffff, 1)
        self.assertEqual(self.m.readw(VBE + 4), 2)
        self.assertEqual((self.m.readl(EXT), self.m.readl(EXT + 4), self.m.readl(EXT + 8)), (8, 0x1e1e1e1e, 0xffffffff))

    def test_pictures(self):
        for bits in (16, 32):
            self.mode(320, 200, bits)
            self.assertPicture(self.v.shot(), rows(320, 200, bits), f'{bits} bits')
        self.mode(320, 200, 32, virtual=400, x=5, y=7)
        self.assertPicture(self.v.shot(device='screen'), rows(320, 200, 32, 7 * 1600 + 20, 1600), 'panned')
        self.m.writel(EXT + 4, 0xbebebebe)
        self.mode(320, 200, 16)
        self.assertPicture(self.v.shot(), rows(320, 200, 16, order='big'), 'big-endian')

    def test_modes_that_are_none_change_nothing(self):
        self.mode(320, 200, 32)
        before = self.v.shot()
        for mode in ((320, 240, 24), (320, 240, 8), (10, 240, 32), (320, 10, 32), (16000, 12000, 32), (65535, 65535, 32),
                     (320, 240, 32, 0x40), (320, 240, 32, 0x41, 65535, 65535, 65535), (320, 240, 32, 0x41, 0, 0, 13000)):
            self.mode(*mode)
            self.assertIsNone(before.difference(self.v.shot()), mode)

    def test_what_changes(self):
        self.mode(320, 200, 32)
        want = rows(320, 200, 32)
        self.v.shot()
        r = random.Random(2)
        for _ in range(20):
            x, y, c = r.randrange(320), r.randrange(200), r.randrange(1 << 24)
            want[y][x] = c
            self.m.writel(FRAME_BUFFER + (y * 320 + x) * 4, c)
            self.assertPicture(self.v.shot(), want)

    def test_saving_and_reset(self):
        self.mode(320, 200, 32)
        self.m.state_cycle()
        self.assertPicture(self.v.shot(), rows(320, 200, 32))
        self.m.qmp('system_reset')
        self.m.qmp.event('RESET')
        picture.Vga(self.m)
        self.assertEqual(self.m.readw(VBE + 8), 0)

    def test_memory_size(self):
        m = self.start('-M', 'pc', '-vga', 'none', '-device', 'bochs-display,addr=2,vgamem=5M')
        m.pci_write(2, 0, 0x10, 4, 0xffffffff)
        self.assertEqual(m.pci_read(2, 0, 0x10, 4), 0xff800008, 'up to a power of two')
        for size in ('1', '3M', '512M'):
            with self.assertRaises(qtest.EmulatorDied) as died:
                self.start('-M', 'pc', '-device', f'bochs-display,vgamem={size}')
            self.assertIn('vgamem is from 4M to 256M', str(died.exception))

    def test_plugged_and_pulled(self):
        m = self.start('-M', 'pc')
        m.qmp('device_add', driver='bochs-display', id='late')
        picture.Vga(m, None).shot(device='late')
        slot = m.qmp('qom-get', path='/machine/peripheral/late', property='addr') >> 3
        m.qmp('device_del', id='late')
        m.outl(0xae10, 0)                       # the guest's part of ACPI hot-plug: bus 0, eject
        m.outl(0xae08, 1 << slot)
        m.qmp.event('DEVICE_DELETED')
        with self.assertRaises(qtest.QmpError):
            m.qmp('screendump', filename='/dev/null', device='late')


class Ramfb(picture.VgaCase):
    AT = 0x400000

    def setUp(self):
        self.m = self.start('-M', 'pc', '-vga', 'none', '-device', 'ramfb,id=screen')
        self.v = picture.Vga(self.m, None)
        self.fw = firmware.FwCfg(self.m)
        self.m.write(self.AT, DATA)

    def configure(self, fourcc, width, height, stride=0, address=AT):
        key, size = self.fw.directory()['etc/ramfb']
        self.assertEqual(size, 28)
        config = struct.pack('>QIIIII', address, struct.unpack('<I', fourcc)[0], 0, width, height, stride)
        self.m.write(firmware.BUFFER_AT, config)
        self.assertEqual(self.fw.dma(key << 16 | firmware.SELECT | firmware.WRITE, 28, firmware.BUFFER_AT), 0)

    def test_formats(self):
        for fourcc, bits in ((b'XR24', 32), (b'AR24', 32), (b'RG24', 24), (b'RG16', 16)):
            self.configure(fourcc, 320, 200)
            self.assertPicture(self.v.shot(), rows(320, 200, bits), fourcc)
        self.configure(b'XB24', 320, 200)
        swapped = [[(c & 0xff) << 16 | c & 0xff00 | c >> 16 for c in row] for row in rows(320, 200, 32)]
        self.assertPicture(self.v.shot(device='screen'), swapped, 'blue first')
        self.configure(b'XR24', 320, 200, 1400)
        self.assertPicture(self.v.shot(), rows(320, 200, 32, line=1400), 'stride')

    def test_what_changes(self):
        self.configure(b'XR24', 64, 64)
        want = rows(64, 64, 32)
        self.assertPicture(self.v.shot(), want)
        want[5][3] = 0x123456
        self.m.writel(self.AT + (5 * 64 + 3) * 4, 0x123456)
        self.assertPicture(self.v.shot(), want)

    def test_what_is_no_frame_buffer(self):
        self.configure(b'XR24', 64, 64)
        before = self.v.shot()
        for arguments in ((b'nope', 64, 100), (b'XR24', 10, 100), (b'XR24', 64, 0), (b'XR24', 1 << 31, 1 << 31), (b'XR24', 64, 100, 64)):
            self.configure(*arguments)
            self.assertIsNone(before.difference(self.v.shot()), arguments)

    def test_addresses_that_are_no_ram(self):
        for address in (0xfec00000, 1 << 63, (1 << 64) - 4096, 0xb8000):
            self.configure(b'XR24', 64, 64, address=address)
            self.assertPicture(self.v.shot(), [[0] * 64] * 64, hex(address))
        self.configure(b'XR24', 64, 64, address=(128 << 20) - 64 * 4)
        self.assertPicture(self.v.shot(), [[0] * 64] * 64, 'the end of RAM')

    def test_saving_and_reset(self):
        self.configure(b'XR24', 64, 64)
        self.v.shot()
        self.m.state_cycle()
        self.assertPicture(self.v.shot(), rows(64, 64, 32))
        self.m.qmp('system_reset')
        self.m.qmp.event('RESET')
        key, _ = self.fw.directory()['etc/ramfb']
        self.assertEqual(self.fw.item(key, 28), bytes(28))

    def test_bios(self):
        self.assertIn('vgaroms/vgabios-ramfb.bin', self.fw.directory())
        m = self.start('-M', 'pc', '-vga', 'none', '-device', 'ramfb,use-legacy-x86-rom=off')
        self.assertNotIn('vgaroms/vgabios-ramfb.bin', firmware.FwCfg(m).directory())

    def test_only_one(self):
        with self.assertRaises(qtest.EmulatorDied) as died:
            self.start('-M', 'pc', '-device', 'ramfb', '-device', 'ramfb')
        self.assertIn('one already', str(died.exception))


if __name__ == '__main__':
    unittest.main()
