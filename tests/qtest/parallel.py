#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Parallel port: registers, the printer's handshake, interrupts, chardevs, bad command lines."""
import os
import tempfile
import unittest

import qtest

DATA, STATUS, CONTROL = range(3)
READY, STROBE, INIT, SELECT, IRQ_EN, INPUT = 0xd8, 1, 4, 8, 16, 32
IDLE = SELECT | INIT


class Parallel(qtest.Case):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix='rhea-parallel-')
        self.addCleanup(folder.cleanup)
        self.out = os.path.join(folder.name, 'printed')
        self.m = self.start('-M', 'pc', '-nodefaults', '-chardev', f'file,id=p,path={self.out}', '-device', 'isa-parallel,chardev=p')
        self.m.irq_intercept_in('/machine/i440fx/ioapic')

    def read(self, reg):
        return self.m.inb(0x378 + reg)

    def write(self, reg, value):
        self.m.outb(0x378 + reg, value)

    def strobe(self, byte, extra=0):
        self.write(DATA, byte)
        self.write(CONTROL, IDLE | extra | STROBE)
        self.write(CONTROL, IDLE | extra)

    def test_reset_values(self):
        self.assertEqual([self.read(r) for r in range(8)], [0xff, READY | 1, 0xcc] + 5 * [0xff])
        self.assertEqual(self.m.inw(0x378), 0xd9ff)
        for r in range(3, 8):
            self.write(r, 0x55)
        self.assertEqual([self.read(r) for r in range(8)], [0xff, READY | 1, 0xcc] + 5 * [0xff])

    def test_bytes_are_printed_with_a_handshake(self):
        for byte in b'Hello':
            self.write(DATA, byte)
            self.assertEqual(self.read(DATA), byte)
            self.write(CONTROL, IDLE | STROBE)
            self.assertEqual(self.read(STATUS) & 0x80, 0, 'busy while strobed')
            self.assertEqual(self.read(STATUS) & 0xc0, 0x40, 'and stays so')
            self.write(CONTROL, IDLE | STROBE)          # no new edge: no new byte
            self.write(CONTROL, IDLE)
            self.assertEqual([self.read(STATUS) & 0xc0 for _ in range(4)], [0x40, 0x00, 0xc0, 0xc0], 'nACK low once, then ready')
        with open(self.out, 'rb') as f:
            self.assertEqual(f.read(), b'Hello')

    def test_nothing_is_printed_while_not_selected_or_in_reset(self):
        for control in INIT, SELECT:
            self.write(CONTROL, control)
            self.write(CONTROL, control | STROBE)
            self.write(CONTROL, control)
        self.assertEqual(self.read(STATUS), READY)
        with open(self.out, 'rb') as f:
            self.assertEqual(f.read(), b'')

    def test_interrupt(self):
        self.strobe(0x41, IRQ_EN)
        self.assertEqual(self.m.irq(7), 1)
        self.m.state_cycle()
        self.assertEqual(self.m.irq(7), 1)
        self.read(STATUS)
        self.assertEqual(self.m.irq(7), 0)
        self.strobe(0x41)
        self.assertEqual(self.m.irq(7), 0, 'not enabled')
        self.strobe(0x41, IRQ_EN)
        self.write(CONTROL, IRQ_EN)
        self.assertEqual(self.m.irq(7), 0, 'reset of the printer ends it')

    def test_save_and_load_amid_a_strobe(self):
        self.write(DATA, 0x5a)
        self.write(CONTROL, IDLE | STROBE)
        self.m.state_cycle()
        self.assertEqual([self.read(r) for r in range(3)], [0x5a, 0x59, 0xcd])
        self.write(CONTROL, IDLE | INPUT)
        self.assertEqual(self.read(DATA), 0xff, 'nobody drives the lines')

    def test_ports_by_index(self):
        m = self.start('-M', 'pc', '-nodefaults', *3 * ('-device', 'isa-parallel'))
        for base in 0x378, 0x278, 0x3bc:
            self.assertEqual(m.inb(base + 2), 0xcc, hex(base))
        self.assertEqual(m.pci_read(1, 3, 0x5f, 1), 0x90, 'the power management function shows LPT1')
        m = self.start('-M', 'pc', '-nodefaults', '-device', 'isa-parallel,iobase=0x300,irq=5')
        self.assertEqual(m.inb(0x302), 0xcc)

    def test_bad_command_lines(self):
        for args, wanted in ((4 * ('-device', 'isa-parallel'), "'index' of isa-parallel is 3"),
                             (('-device', 'isa-parallel,irq=16'), 'interrupt 16'),
                             (('-device', 'isa-parallel,iobase=0xfffc'), "'iobase'"),
                             (('-device', 'isa-parallel,chardev=x'), "'x'")):
            with self.assertRaises(qtest.EmulatorDied) as died:
                self.start('-M', 'pc', '-nodefaults', *args)
            self.assertIn(wanted, str(died.exception))


if __name__ == '__main__':
    unittest.main()
