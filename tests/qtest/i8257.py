# SPDX-License-Identifier: GPL-2.0-or-later
"""8237A DMA controllers: registers, flip-flop, masks, page registers, reset and save. Transfers are in fdc.py."""
import unittest

import qtest

PAGES = {0: 0x87, 1: 0x83, 2: 0x81, 3: 0x82, 4: 0x8f, 5: 0x8b, 6: 0x89, 7: 0x8a}


class Controller:
    """One of the two, by ports."""
    def __init__(self, vm, second):
        self.vm, self.base, self.step = vm, 0xc0 if second else 0, 2 if second else 1

    def read(self, reg):
        return self.vm.inb(self.base + reg * self.step)

    def write(self, reg, value):
        self.vm.outb(self.base + reg * self.step, value)

    def put(self, reg, value):
        self.write(12, 0)
        self.write(reg, value & 0xff)
        self.write(reg, value >> 8)

    def get(self, reg):
        self.write(12, 0)
        return self.read(reg) | self.read(reg) << 8


class Dma(qtest.Case):
    def both(self):
        for machine in ('pc', 'q35'):
            self.vm = self.start('-M', machine, '-nodefaults')
            for second in (False, True):
                with self.subTest(machine=machine, second=second):
                    yield Controller(self.vm, second)

    def test_after_reset(self):
        for c in self.both():
            self.assertEqual((c.read(15), c.read(8)), (0x0f, 0), 'all masked, nothing reached')
            self.assertEqual([c.get(reg) for reg in range(8)], [0] * 8)

    def test_addresses_and_counts(self):
        for c in self.both():
            for reg in range(8):
                c.put(reg, 0x1234 + reg)
            self.assertEqual([c.get(reg) for reg in range(8)], [0x1234 + reg for reg in range(8)])
            c.write(12, 0)
            c.write(0, 0xaa)
            self.assertEqual(c.read(0), 0x12, 'one flip-flop for all')
            c.write(0, 0xbb)
            self.assertEqual(c.get(0), 0x12bb)

    def test_masks(self):
        for c in self.both():
            c.write(14, 0)
            self.assertEqual(c.read(15), 0)
            for n in range(4):
                c.write(10, 4 | n)
                self.assertEqual(c.read(15), (2 << n) - 1)
            c.write(10, 2)
            self.assertEqual(c.read(15), 0x0b)
            c.write(15, 0xf5)
            self.assertEqual(c.read(15), 0x05)
            c.write(0, 0x11)
            c.write(13, 0)
            self.assertEqual(c.read(15), 0x0f, 'master clear')
            c.write(0, 0x22)
            self.assertEqual(c.get(0) & 0xff, 0x22, 'also of the flip-flop')

    def test_pages(self):
        self.vm = self.start('-M', 'pc', '-nodefaults')
        for n, port in PAGES.items():
            self.vm.outb(port, 0x10 + n)
        self.assertEqual([self.vm.inb(port) for port in PAGES.values()], [0x10 + n for n in PAGES])
        for port in (0x84, 0x85, 0x86, 0x88, 0x8c, 0x8d, 0x8e):
            self.vm.outb(port, 0x5a)
            self.assertEqual(self.vm.inb(port), 0x5a)

    def test_every_register(self):
        for c in self.both():
            for value in (0, 0xff, 0x55):
                for reg in range(16):
                    c.write(reg, value)
                    c.read(reg)
            c.write(13, 0)
            self.assertEqual(c.read(15), 0x0f)

    def test_state_and_reset(self):
        for c in self.both():
            for reg in range(8):
                c.put(reg, 0x4321 - reg)
            c.write(15, 0x06)
            c.write(12, 0)
            c.read(0)
            self.vm.state_cycle()
            self.assertEqual(c.read(0), 0x43, 'in the middle of a word')
            self.assertEqual(([c.get(reg) for reg in range(8)], c.read(15)), ([0x4321 - reg for reg in range(8)], 0x06))
            self.vm.qmp('system_reset')
            self.vm.qmp.event('RESET')
            self.assertEqual(([c.get(reg) for reg in range(8)], c.read(15)), ([0] * 8, 0x0f))


if __name__ == '__main__':
    unittest.main()
