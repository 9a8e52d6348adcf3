#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""isapc: the devices of an AT without PCI; isa-ide and isa-vga."""
import os
import tempfile
import unittest

import picture
import qtest


class Isapc(qtest.Case):
    def test_what_is_there_and_what_not(self):
        m = self.start('-M', 'isapc', '-m', '16')
        m.outl(0xcf8, 0x80000000)
        self.assertEqual(m.inl(0xcfc), 0xffffffff, 'no PCI')
        self.assertEqual(m.readl(0xfec00000), 0xffffffff, 'no IO APIC')
        self.assertEqual(m.readl(0xfed00000), 0xffffffff, 'no HPET')
        self.assertEqual(m.qmp('query-cpus-fast')[0]['qom-type'], '486-x86_64-cpu')
        m.outb(0x21, 0x5a)
        self.assertEqual(m.inb(0x21), 0x5a, '8259')
        for port, wanted in ((0x1f6, 0), (0x176, 0)):   # registers without a disk
            self.assertEqual(m.inb(port + 1) & 0x89, wanted, hex(port))

    def test_memory(self):
        m = self.start('-M', 'isapc', '-m', '16')
        self.assertEqual(m.read(0xffff0, 1), b'\xea', 'the BIOS begins with a far jump')
        self.assertEqual(m.read(0xfffffff0, 16), m.read(0xffff0, 16))
        for address in 0x1000, 0x9fff0, 0xc8000, 0xe8000, 0x100000, 0xfffff0:
            m.writel(address, 0x12345678)
            self.assertEqual(m.readl(address), 0x12345678, hex(address))
        self.assertEqual(m.readl(0x1000000), 0xffffffff, 'behind RAM')

    def test_interrupt_and_disk(self):
        with tempfile.NamedTemporaryFile() as image:
            image.write(bytes(range(256)) * 2 + bytes(1 << 20))
            image.flush()
            m = self.start('-M', 'isapc', '-m', '16', '-drive', f'file={image.name},format=raw,if=ide,index=2')
            m.outb(0x20, 0x11), m.outb(0x21, 0x08), m.outb(0x21, 0x04), m.outb(0x21, 0x01)
            m.outb(0xa0, 0x11), m.outb(0xa1, 0x70), m.outb(0xa1, 0x02), m.outb(0xa1, 0x01)
            m.outb(0x376, 0)
            for reg, value in ((2, 1), (3, 0), (4, 0), (5, 0), (6, 0xe0), (7, 0x20)):     # read sector 0
                m.outb(0x170 + reg, value)
            m.state_cycle()
            for _ in range(10000):
                if m.inb(0x376) & 0x88 == 8:
                    break
            self.assertEqual(m.inb(0x376) & 0x89, 0x08, 'data is ready')
            m.outb(0xa0, 0x0a)                          # OCW3: read IRR
            self.assertEqual(m.inb(0xa0) & 0x80, 0x80, 'IRQ 15')
            self.assertEqual([m.inw(0x170) for _ in range(4)], [0x0100, 0x0302, 0x0504, 0x0706])

    def test_vga(self):
        m = self.start('-M', 'isapc', '-m', '16', '-vga', 'none', '-device', 'isa-vga,vgamem_mb=2')
        m.outw(0x1ce, 0), self.assertEqual(m.inw(0x1cf) & 0xfff0, 0xb0c0)
        m.writel(0xe01ffffc, 0xa5a5a5a5)
        self.assertEqual(m.readl(0xe01ffffc), 0xa5a5a5a5)
        self.assertEqual(m.readl(0xe0200000), 0xffffffff)
        m.outb(0x3c2, 1)                                # colour: the CRTC is at 0x3d4
        m.outb(0x3d4, 0x0f), m.outb(0x3d5, 0x5a)
        m.state_cycle()
        self.assertEqual(m.inb(0x3d5), 0x5a)
        picture.Vga(m, None).shot()

    def test_cirrus(self):
        m = self.start('-M', 'isapc', '-m', '16', '-vga', 'cirrus')
        m.outb(0x3c2, 1)
        wanted = {(0x3c4, 0x06): 0x0f, (0x3c4, 0x0f): 0x18, (0x3c4, 0x15): 3, (0x3c4, 0x17): 0x38, (0x3c4, 0x1f): 0x22,
                  (0x3d4, 0x27): 0xa0, (0x3ce, 0x18): 0}
        self.assertEqual({at: (m.outb(*at), m.inb(at[0] + 1))[1] for at in wanted}, wanted)
        v = picture.Vga(m, None)
        v.sequencer(6, 0x12)
        # 640 x 480 packed, 8 bits a pixel; the CPU writes through the banks at 0xa0000, as there is nothing else
        v.mode(640, 480, crtc={0x13: 80, 0x1a: 0, 0x1b: 0, 0x1d: 0, 0x0c: 0, 0x0d: 0}, sequencer={4: 0x0e, 7: 1},
               graphics={5: 0x40, 6: 5, 0x0b: 0}, attribute={0x10: 0x41})
        m.outb(0x3c8, 1)
        for value in (63, 0, 0):
            m.outb(0x3c9, value)
        for bank in range(5):
            v.graphics(9, bank * 16)
            m.memset(0xa0000, 0x10000, bank & 1)
        m.state_cycle()
        shot = v.shot()
        self.assertEqual((shot.width, shot.height), (640, 480))
        self.assertEqual([shot.at(0, y) for y in (0, 150, 250)], [0, 0xff0000, 0])
        self.assertIn('name="vgabios-cirrus.bin"', m.qmp.hmp('info roms'))

    def test_bad_command_lines(self):
        for args, wanted in ((('-m', '4G'), 'at most 3584M'), (('-smp', '2'), '1'),
                             (('-device', 'edu'), "No 'PCI' bus"), (('-device', 'isa-vga'), 'already'), (('-device', 'isa-cirrus-vga'), 'has an isa-vga already'),
                             (('-vga', 'none', '-device', 'isa-cirrus-vga,vgamem_mb=3'), 'isa-cirrus-vga: vgamem_mb is 4'),
                             (('-device', 'isa-ide,irq=16'), 'interrupt 16'), (('-device', 'isa-ide,iobase=0xfffc'), 'last port')):
            with self.subTest(args=args), self.assertRaises(qtest.EmulatorDied) as died:
                self.start('-M', 'isapc', *args)
            self.assertIn(wanted, str(died.exception))


if __name__ == '__main__':
    unittest.main()
