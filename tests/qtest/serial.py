#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""16550A UART: registers, both directions, FIFOs and triggers, timeout, interrupts, loopback, breaks, misuse."""
import fcntl
import os
import select
import socket
import tempfile
import unittest

import pc
import qtest

PORT, IRQ = 0x3f8, 4
RBR = THR = DLL = 0
IER = DLM = 1
IIR = FCR = 2
LCR, MCR, LSR, MSR, SCR = 3, 4, 5, 6, 7
RDI, THRI, RLSI, MSI = 1, 2, 4, 8
I_NONE, I_MSI, I_THRI, I_RDI, I_RLSI, I_TIMEOUT, I_FIFOS = 0x01, 0x00, 0x02, 0x04, 0x06, 0x0c, 0xc0
DLAB, BREAK = 0x80, 0x40
DTR, RTS, OUT1, OUT2, LOOP = 1, 2, 4, 8, 16
DR, OE, BI, THRE, TEMT = 0x01, 0x02, 0x10, 0x20, 0x40


class Serial(qtest.Case):
    def boot(self, chardev_options=''):
        with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
            listener.bind(folder + '/s')
            listener.listen(1)
            self.m = self.start('-M', 'pc', '-chardev', f'socket,id=s,path={folder}/s{chardev_options}',
                                '-serial', 'chardev:s')
            self.host, _ = listener.accept()
        self.host.settimeout(qtest.TIMEOUT_S)
        self.addCleanup(self.host.close)
        self.m.irq_intercept_in(pc.IOAPIC['pc'])

    def setUp(self):
        self.boot()

    def read(self, register):
        return self.m.inb(PORT + register)

    def write(self, register, value):
        self.m.outb(PORT + register, value)

    def irq(self):
        return self.m.irq(IRQ)

    def send(self, data):
        """Bytes of the host, waiting until the first has arrived."""
        self.host.sendall(data)
        while not self.read(LSR) & DR:
            pass

    def receive_all(self, count):
        """Waits until @count bytes came in, without reading LSR's errors away."""
        data = b''
        while len(data) < count:
            while not self.read(LSR) & DR:
                pass
            data += bytes([self.read(RBR)])
        return data

    def fill(self, data):
        """Bytes of the host, waiting until all are in the FIFO: loops back what cannot be seen from outside."""
        self.write(MCR, LOOP)
        for byte in data:
            self.write(THR, byte)

    def test_reset_state(self):
        expected = {RBR: 0, IER: 0, IIR: I_NONE, LCR: 0, MCR: OUT2, LSR: THRE | TEMT, MSR: 0xb0, SCR: 0}
        self.assertEqual({r: self.read(r) for r in expected}, expected)
        self.write(LCR, DLAB)
        self.assertEqual((self.read(DLL), self.read(DLM)), (12, 0))

    def test_registers_hold_their_bits(self):
        rows = [(IER, 0x0f, 'IER'), (LCR, 0x7f, 'LCR'), (MCR, 0x1f, 'MCR'), (SCR, 0xff, 'SCR')]
        for register, mask, name in rows:
            self.write(register, 0xff & ~(DLAB if register == LCR else 0))
            self.assertEqual(self.read(register), mask, name)
            self.write(register, 0)
            self.assertEqual(self.read(register), 0, name)

    def test_divisor(self):
        self.write(LCR, DLAB | 3)
        self.write(DLL, 0x34)
        self.write(DLM, 0x12)
        self.assertEqual((self.read(DLL), self.read(DLM)), (0x34, 0x12))
        self.write(LCR, 3)
        self.assertEqual(self.read(IER), 0, 'behind DLAB')

    def test_sends(self):
        for byte in b'Hello':
            self.assertEqual(self.read(LSR) & THRE, THRE)
            self.write(THR, byte)
        data = b''
        while len(data) < 5:
            data += self.host.recv(100)
        self.assertEqual(data, b'Hello')

    def test_receives(self):
        self.send(b'x')
        self.assertEqual(self.read(LSR), THRE | TEMT | DR)
        self.assertEqual(self.read(RBR), ord('x'))
        self.assertEqual(self.read(LSR), THRE | TEMT)
        self.assertEqual(self.read(RBR), ord('x'), 'the register keeps the last byte')

    def test_without_fifo_one_byte_at_a_time_and_none_lost(self):
        data = bytes(range(1, 200))
        self.host.sendall(data)
        self.assertEqual(self.receive_all(len(data)), data)
        self.assertEqual(self.read(LSR) & OE, 0)

    def test_with_fifo_none_lost(self):
        self.write(FCR, 0x81)
        data = bytes(range(256)) * 4
        self.host.sendall(data)
        self.assertEqual(self.receive_all(len(data)), data)
        self.assertEqual(self.read(LSR) & OE, 0)

    def test_fifo_bits(self):
        self.assertEqual(self.read(IIR), I_NONE)
        self.write(FCR, 0xc0)
        self.assertEqual(self.read(IIR), I_NONE, 'FCR needs its bit 0')
        self.write(FCR, 1)
        self.assertEqual(self.read(IIR), I_NONE | I_FIFOS)
        self.assertEqual(self.read(RBR), 0, 'an empty FIFO reads 0')

    def test_trigger_levels(self):
        for level, count in ((0, 1), (1, 4), (2, 8), (3, 14)):
            self.write(MCR, LOOP)
            self.write(FCR, 0)
            self.write(FCR, level << 6 | 1)
            self.write(IER, RDI)
            for n in range(1, 16):
                self.write(THR, n)
                expected = I_FIFOS | (I_RDI if n >= count else I_NONE)
                self.assertEqual(self.read(IIR), expected, f'{n} bytes, trigger {count}')
            while self.read(LSR) & DR:
                self.read(RBR)
            self.assertEqual(self.read(IIR), I_FIFOS | I_NONE)
            self.write(IER, 0)

    def test_receive_interrupt(self):
        self.write(IER, RDI)
        self.assertEqual(self.irq(), 0)
        self.send(b'x')
        self.assertEqual((self.irq(), self.read(IIR)), (1, I_RDI))
        self.assertEqual(self.irq(), 1, 'reading IIR does not end it')
        self.read(RBR)
        self.assertEqual((self.irq(), self.read(IIR)), (0, I_NONE))

    def test_character_timeout(self):
        self.write(LCR, DLAB | 3)
        self.write(DLL, 12)                     # 9600 baud 8N1: four characters are 4.17 ms
        self.write(LCR, 3)
        self.write(FCR, 0x81)
        self.write(IER, RDI)
        self.fill(b'xy')
        self.assertEqual((self.irq(), self.read(IIR)), (0, I_FIFOS | I_NONE))
        self.m.clock_step(4100000)
        self.assertEqual(self.irq(), 0)
        self.m.clock_step(100000)
        self.assertEqual((self.irq(), self.read(IIR)), (1, I_FIFOS | I_TIMEOUT))
        self.read(RBR)
        self.assertEqual((self.irq(), self.read(IIR)), (0, I_FIFOS | I_NONE), 'a read restarts it')
        self.m.clock_step(4200000)
        self.assertEqual(self.read(IIR), I_FIFOS | I_TIMEOUT)
        self.read(RBR)
        self.m.clock_step(10**8)
        self.assertEqual(self.read(IIR), I_FIFOS | I_NONE, 'an empty FIFO has none')

    def test_transmitter_empty_interrupt(self):
        self.write(IER, THRI)
        self.assertEqual(self.irq(), 1, 'enabling it interrupts at once')
        self.assertEqual(self.read(IIR), I_THRI)
        self.assertEqual((self.irq(), self.read(IIR)), (0, I_NONE), 'reading IIR ends it')
        self.write(THR, ord('a'))
        self.assertEqual((self.irq(), self.read(IIR)), (1, I_THRI))
        self.write(IER, 0)
        self.write(IER, THRI)
        self.assertEqual(self.read(IIR), I_THRI, 'and again')

    def test_priorities(self):
        self.write(MCR, LOOP)
        self.write(IER, RDI | THRI | RLSI | MSI)
        self.write(THR, 1)
        self.write(THR, 2)                      # overrun
        self.write(MCR, LOOP | RTS)             # a modem line changes
        order = []
        for end in (lambda: self.read(LSR), lambda: self.read(RBR), lambda: None, lambda: self.read(MSR)):
            order.append(self.read(IIR))
            end()
        self.assertEqual(order[:3], [I_RLSI, I_RDI, I_THRI])
        self.assertEqual(self.read(IIR), I_NONE)

    def test_overrun_without_fifo_keeps_the_newest(self):
        self.fill(b'ab')
        self.assertEqual(self.read(LSR) & (DR | OE), DR | OE)
        self.assertEqual(self.read(LSR) & OE, 0, 'reading LSR clears it')
        self.assertEqual(self.read(RBR), ord('b'))

    def test_overrun_with_fifo_keeps_the_oldest(self):
        self.write(FCR, 1)
        self.fill(bytes(range(20)))
        self.assertEqual(self.read(LSR) & OE, OE)
        self.assertEqual(self.receive_all(16), bytes(range(16)))

    def test_clearing_fifos(self):
        self.write(FCR, 1)
        self.fill(b'abc')
        self.write(FCR, 3)
        self.assertEqual(self.read(LSR), THRE | TEMT)
        self.fill(b'abc')
        self.write(FCR, 0)
        self.assertEqual(self.read(LSR), THRE | TEMT, 'switching them clears too')

    def test_loopback_of_modem_lines(self):
        for mcr, msr in ((0, 0), (DTR, 0x20), (RTS, 0x10), (OUT1, 0x40), (OUT2, 0x80), (0x0f, 0xf0)):
            self.write(MCR, LOOP | mcr)
            self.read(MSR)
            self.assertEqual(self.read(MSR), msr, hex(mcr))
        self.write(MCR, 0)
        self.assertEqual(self.read(MSR) & 0xf0, 0xb0)

    def test_loopback_is_closed_both_ways(self):
        self.write(MCR, LOOP)
        self.write(THR, ord('l'))
        self.assertEqual(self.read(RBR), ord('l'))
        self.assertEqual(select.select([self.host], [], [], 0)[0], [], 'nothing goes out')

    def test_changes_of_modem_lines(self):
        self.write(MCR, LOOP)
        self.read(MSR)
        self.write(IER, MSI)
        for mcr, delta in ((DTR, 0x02), (DTR | RTS, 0x01), (DTR | RTS | OUT2, 0x08), (DTR | RTS | OUT2 | OUT1, 0),
                           (DTR | RTS | OUT2, 0x04)):
            self.write(MCR, LOOP | mcr)
            self.assertEqual(self.irq(), int(delta != 0), hex(mcr))
            self.assertEqual(self.read(MSR) & 15, delta, hex(mcr))
            self.assertEqual((self.read(MSR) & 15, self.irq()), (0, 0))

    def test_break_from_the_host(self):
        self.boot(',mux=on')
        self.write(IER, RLSI)
        self.host.sendall(b'\x01b')             # the multiplexer's key for it
        while self.read(IIR) != I_RLSI:
            pass
        self.assertEqual(self.read(LSR) & (BI | DR), BI | DR)
        self.assertEqual(self.read(LSR) & BI, 0)
        self.assertEqual(self.read(RBR), 0)

    def test_wide_accesses(self):
        self.m.outl(PORT + 4, 0x5a000000)
        self.assertEqual(self.m.inl(PORT + 4) >> 24, 0x5a)
        self.m.outw(PORT + 7, 0x1234)
        self.assertEqual(self.read(SCR), 0x34)
        self.m.inw(PORT), self.m.inl(PORT + 1), self.m.inl(PORT + 5)

    def test_every_value_in_every_register(self):
        for value in range(256):
            for register in range(8):
                self.write(register, value)
                self.read(register)
        self.m.clock_step(10**9)
        for register, value in ((LCR, 3), (MCR, LOOP), (IER, 0), (FCR, 7)):
            self.write(register, value)
        self.write(THR, 0x42)
        self.assertEqual(self.read(RBR), 0x42)

    def test_divisor_0(self):
        self.write(LCR, DLAB | 3)
        self.write(DLL, 0)
        self.write(DLM, 0)
        self.write(LCR, 3)
        self.write(FCR, 0x81)
        self.write(IER, RDI)
        self.fill(b'x')
        self.m.clock_step(10**6)
        self.assertEqual(self.read(IIR), I_FIFOS | I_TIMEOUT)

    def test_system_reset(self):
        self.write(FCR, 1)
        self.fill(b'abc')
        self.write(IER, 0x0f)
        self.m.qmp('system_reset')
        self.m.qmp.event('RESET')
        self.assertEqual((self.read(IER), self.read(IIR), self.read(LSR), self.read(MCR), self.irq()),
                         (0, I_NONE, THRE | TEMT, OUT2, 0))


class Ports(qtest.Case):
    def test_four_ports_at_their_usual_places(self):
        m = self.start('-M', 'pc', *['-serial', 'null'] * 4)
        m.irq_intercept_in(pc.IOAPIC['pc'])
        for port, irq in ((0x3f8, 4), (0x2f8, 3), (0x3e8, 4), (0x2e8, 3)):
            m.outb(port + IER, THRI)
            self.assertEqual(m.irq(irq), 1, hex(port))
            m.inb(port + IIR)
            self.assertEqual(m.irq(irq), 0, hex(port))

    def test_other_place_by_properties(self):
        m = self.start('-M', 'pc', '-nodefaults', '-device', 'isa-serial,iobase=0x1e8,irq=7')
        m.irq_intercept_in(pc.IOAPIC['pc'])
        m.outb(0x1e8 + SCR, 0x77)
        self.assertEqual(m.inb(0x1e8 + SCR), 0x77)
        m.outb(0x1e8 + IER, THRI)
        self.assertEqual(m.irq(7), 1)

    def test_a_busy_host_is_waited_for(self):
        with tempfile.TemporaryDirectory() as folder:
            for end in ('.in', '.out'):
                os.mkfifo(f'{folder}/f{end}')
            out = os.open(f'{folder}/f.out', os.O_RDWR | os.O_NONBLOCK)
            self.addCleanup(os.close, out)
            fcntl.fcntl(out, fcntl.F_SETPIPE_SZ, 4096)
            m = self.start('-M', 'pc', '-chardev', f'pipe,id=p,path={folder}/f', '-serial', 'chardev:p')
            m.outb(PORT + FCR, 1)
            sent = 0
            while m.inb(PORT + LSR) & THRE and sent < 10000:
                m.outb(PORT, sent % 251)
                sent += 1
            self.assertIn(sent, (4097, 4098), 'the pipe is full')
            for _ in range(15):
                m.outb(PORT, sent % 251)
                sent += 1
            data = b''
            while len(data) < sent:
                select.select([out], [], [])
                data += os.read(out, 100000)
            self.assertEqual(data, bytes(n % 251 for n in range(sent)))
            while not m.inb(PORT + LSR) & THRE:
                pass

    def test_bad_properties(self):
        for text, words in (('index=4', 'index'), ('irq=16', '16'), ('baudbase=0', 'baudbase')):
            with self.assertRaises(qtest.EmulatorDied) as caught:
                self.start('-M', 'pc', '-device', 'isa-serial,' + text)
            self.assertIn(words, str(caught.exception))


if __name__ == '__main__':
    unittest.main()
