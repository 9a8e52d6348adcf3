#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Debug console and debug exit: one port each, for firmware and test guests."""
import os
import tempfile
import unittest

import qtest


class DebugCon(qtest.Case):
    def boot(self, *options):
        handle, self.path = tempfile.mkstemp()
        os.close(handle)
        self.addCleanup(os.unlink, self.path)
        self.m = self.start('-M', 'pc', '-chardev', f'file,id=d,path={self.path}',
                            '-device', ','.join(('isa-debugcon,chardev=d', *options)))

    def written(self):
        with open(self.path, 'rb') as f:
            return f.read()

    def test_writes_bytes(self):
        self.boot()
        for byte in b'boot\n':
            self.m.outb(0xe9, byte)
        self.assertEqual(self.written(), b'boot\n')

    def test_reads_as_its_mark(self):
        self.boot()
        self.assertEqual(self.m.inb(0xe9), 0xe9)

    def test_other_port_and_mark(self):
        self.boot('iobase=0x402', 'readback=0x42')
        self.assertEqual((self.m.inb(0x402), self.m.inb(0xe9)), (0x42, 0xff))
        self.m.outb(0x402, 0x58)
        self.assertEqual(self.written(), b'X')

    def test_wide_accesses(self):
        self.boot()
        self.m.outw(0xe9, 0x4241)
        self.m.outl(0xe9, 0x44434241)
        self.assertEqual(self.written(), b'AA')
        self.m.inl(0xe8)

    def test_needs_a_chardev(self):
        for option, words in (('', 'chardev'), (',chardev=no', "'no'")):
            with self.assertRaises(qtest.EmulatorDied) as caught:
                self.start('-M', 'pc', '-device', 'isa-debugcon' + option)
            self.assertIn(words, str(caught.exception))


class DebugExit(qtest.Case):
    def test_the_status_is_twice_the_value_plus_1(self):
        for size, value, status in (('b', 0, 1), ('b', 0x10, 0x21), ('w', 0x2a, 0x55), ('b', 0xff, 0xff)):
            m = self.start('-M', 'pc', '-device', 'isa-debug-exit')
            m.lines.send(f'out{size} 0x501 {value}\n'.encode())
            self.assertEqual(m.wait_exit(), status, value)

    def test_reads_as_0(self):
        m = self.start('-M', 'pc', '-device', 'isa-debug-exit,iobase=0xf4,iosize=4')
        self.assertEqual((m.inb(0xf4), m.inl(0xf4), m.inb(0x501)), (0, 0, 0xff))
        m.lines.send(b'outl 0xf4 3\n')
        self.assertEqual(m.wait_exit(), 7)

    def test_a_size_of_0_is_refused(self):
        with self.assertRaises(qtest.EmulatorDied) as caught:
            self.start('-M', 'pc', '-device', 'isa-debug-exit,iosize=0')
        self.assertIn('iosize', str(caught.exception))


if __name__ == '__main__':
    unittest.main()
