#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The qtest protocol itself: every command, and what it says to mistakes."""
import unittest

import qtest

RAM = 0x10000       # somewhere in low memory


class Protocol(qtest.Case):
    def setUp(self):
        self.m = self.start('-M', 'pc', '-m', '32M')

    def test_memory_of_every_width(self):
        m = self.m
        m.writeq(RAM, 0x1122334455667788)
        self.assertEqual((m.readb(RAM), m.readw(RAM), m.readl(RAM), m.readq(RAM)),
                         (0x88, 0x7788, 0x55667788, 0x1122334455667788))
        m.writeb(RAM, 1)
        m.writew(RAM + 2, 0x203)
        m.writel(RAM + 4, 0x4050607)
        self.assertEqual(m.read(RAM, 8), bytes((1, 0x77, 3, 2, 7, 6, 5, 4)))

    def test_blocks(self):
        m = self.m
        data = bytes(i & 0xff for i in range(100000))
        m.write(RAM, data)
        self.assertEqual(m.read(RAM, len(data)), data)
        m.command('write', hex(RAM), 4, '0x01ff')
        self.assertEqual(m.command('read', hex(RAM), 5), ['0x01ff000004'])
        m.memset(RAM, 3, 0xaa)
        self.assertEqual(m.read(RAM, 4), b'\xaa\xaa\xaa\0')

    def test_ports(self):
        m = self.m
        m.pci_select(0, 0, 0)
        self.assertEqual(m.inl(0xcf8), 0x80000000)
        self.assertEqual(m.inl(0xcfc) & 0xffff, 0x8086)
        self.assertEqual(m.inw(0xcfc), 0x8086)
        self.assertEqual(m.inb(0xcfd), 0x80)

    def test_clock_stands_still_until_told(self):
        m = self.m
        self.assertEqual(m.clock_step(0), 0)
        self.assertEqual(m.clock_step(1000), 1000)
        self.assertEqual(m.clock_step(1), 1001)
        self.assertEqual(m.clock_set(5000), 5000)
        self.assertEqual(m.clock_set(4000), 5000, 'time does not go back')
        for value in (0x30, 0x00, 0x10):        # 8254: counter 0, mode 0, 4096 ticks of 838 ns
            m.outb(0x43 if value == 0x30 else 0x40, value)
        self.assertAlmostEqual(m.clock_step(), 5000 + 4096 * 1e9 / 1193182, delta=2000, msg='the next timer')

    def test_endianness(self):
        self.assertEqual(self.m.command('endianness'), ['little'])

    def test_mistakes(self):
        rows = [
            ('outq 0x80 1', "Unknown command 'outq'"), ('outbb 0x80 1', "did you mean 'outb'?"),
            ('outb 0x80', 'outb needs 2 arguments, not 1'), ('outb 0x80 x', "'x'"), ('inb', 'needs 1'),
            ('read 0x1000 0', 'size 0'), ('read 0x1000 99999999999', 'size 99999999999'), ('write 0x1000 4 zz', 'hexadecimal'),
            ('write 0x1000 4 0x123', 'hexadecimal'), ('b64write 0x1000 4 AAAA', '4 bytes announced, 3 given'),
            ('irq_intercept_in /nothing', "there is no object '/nothing'"), ('irq_intercept_in /machine', 'is no device'),
            ('set_irq_in /nothing x 0 1', "there is no object '/nothing'"), ('module_load a b', 'module'),
            ('clock_step x', "'x'"), ('clock_set 99999999999999999999', '9999'),
        ]
        for line, words in rows:
            with self.subTest(line), self.assertRaises(qtest.QtestError) as caught:
                self.m.command(line)
            self.assertIn(words, str(caught.exception))
        self.assertEqual(self.m.command('endianness'), ['little'], 'the connection lives on')

    def test_empty_lines_and_blanks(self):
        self.m.lines.send(b'\n  \n\t endianness \r\n')
        self.assertEqual(self.m.lines.line(), 'OK little')

    def test_half_lines(self):
        for part in (b'endi', b'ann', b'ess', b'\nendianness', b'\n'):
            self.m.lines.send(part)
        self.assertEqual([self.m.lines.line(), self.m.lines.line()], ['OK little'] * 2)

    def test_cpus_are_there_but_do_not_run(self):
        cpus = self.m.qmp('query-cpus-fast')
        self.assertEqual(len(cpus), 1)
        self.assertEqual(self.m.qmp('query-status'), {'running': True, 'status': 'running'})
        self.m.qmp('stop')
        self.assertEqual(self.m.qmp('query-status')['status'], 'paused')
        self.m.qmp('cont')
        self.assertIn('EIP=0000fff0', self.m.qmp.hmp('info registers'))


class OtherAccelerator(qtest.Case):
    def test_a_device_that_does_not_exist_is_an_exit_not_a_hang(self):
        with self.assertRaises(qtest.EmulatorDied) as caught:
            self.start('-M', 'pc', '-device', 'no-such-device')
        self.assertIn('no-such-device', str(caught.exception))


if __name__ == '__main__':
    unittest.main()
