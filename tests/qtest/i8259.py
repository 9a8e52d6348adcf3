#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""8259A pair: initialisation, edges and levels, priorities, end of interrupt, poll, masks, misuse."""
import unittest

import pc
import qtest


class I8259(qtest.Case):
    def setUp(self):
        self.m = self.start('-M', 'pc')
        paths = pc.devices(self.m, 'isa-i8259')
        self.assertEqual(len(paths), 2)
        self.path = {self.m.qmp('qom-get', path=p, property='master'): p for p in paths}
        self.pics = pc.Pics(self.m)
        self.master, self.slave = self.pics.master, self.pics.slave

    def line(self, irq, level):
        self.m.set_irq_in(self.path[irq < 8], '', irq % 8, level)

    def pulse(self, *irqs):
        for irq in irqs:
            self.line(irq, 1)
            self.line(irq, 0)

    def test_reset_state(self):
        m = self.start('-M', 'pc')
        for base, elcr in ((0x20, 0x4d0), (0xa0, 0x4d1)):
            self.assertEqual((m.inb(base), m.inb(base + 1), m.inb(elcr)), (0, 0, 0), hex(base))

    def test_init_clears_masks_requests_and_service(self):
        self.master.imr = 0xa5
        self.assertEqual(self.master.imr, 0xa5)
        self.pulse(5)
        self.assertEqual(self.master.irr(), 0x20)
        self.master.init(0x08, 0x04)
        self.assertEqual((self.master.imr, self.master.irr(), self.master.isr()), (0, 0, 0))

    def test_each_form_of_init_sequence(self):
        rows = [(0x11, 'cascade with ICW4'), (0x10, 'cascade without ICW4'), (0x13, 'single with ICW4'),
                (0x12, 'single without ICW4')]
        for icw1, claim in rows:
            with self.subTest(claim):
                self.master.init(0x08, 0x04, 0x01, icw1)
                self.master.imr = 0x5a              # the first byte that is no ICW is the mask
                self.assertEqual(self.master.imr, 0x5a)

    def test_a_new_icw1_starts_over(self):
        self.m.outb(0x20, 0x11)
        self.m.outb(0x21, 0x08)
        self.master.init(0x08, 0x04)
        self.master.imr = 0x77
        self.assertEqual(self.master.imr, 0x77)

    def test_an_edge_is_latched_once(self):
        self.pulse(3)
        self.assertEqual(self.master.irr(), 8)
        self.master.imr = 0
        self.assertEqual(self.master.poll(), 3)
        self.assertEqual((self.master.irr(), self.master.isr()), (0, 8))

    def test_a_line_that_stays_high_is_one_edge(self):
        self.master.imr = 0
        self.line(3, 1)
        self.assertEqual(self.master.poll(), 3)
        self.master.command(0x20)
        self.line(3, 1)
        self.assertIsNone(self.master.poll())
        self.line(3, 0)
        self.line(3, 1)
        self.assertEqual(self.master.poll(), 3)

    def test_a_level_follows_its_line(self):
        self.m.outb(0x4d0, 0x20)
        self.master.imr = 0
        self.line(5, 1)
        self.assertEqual(self.master.irr(), 0x20)
        self.assertEqual(self.master.poll(), 5)
        self.assertEqual((self.master.irr(), self.master.isr()), (0x20, 0x20), 'the request outlives the acknowledge')
        self.assertIsNone(self.master.poll(), 'not while in service')
        self.master.command(0x20)
        self.assertEqual(self.master.poll(), 5, 'again after EOI')
        self.master.command(0x20)
        self.line(5, 0)
        self.assertEqual(self.master.irr(), 0)
        self.assertIsNone(self.master.poll())

    def test_levels_survive_initialisation(self):
        self.m.outb(0x4d1, 0x08)
        self.line(11, 1)
        self.slave.init(0x70, 0x02)
        self.assertEqual(self.slave.irr(), 0x08)

    def test_elcr_has_no_bits_for_edge_only_inputs(self):
        self.m.outb(0x4d0, 0xff)
        self.m.outb(0x4d1, 0xff)
        self.assertEqual((self.m.inb(0x4d0), self.m.inb(0x4d1)), (0xf8, 0xde))

    def test_priority_falls_with_the_number(self):
        self.master.imr = 0
        self.pulse(6, 3, 7, 1)
        order = []
        while (irq := self.master.poll()) is not None:
            order.append(irq)
            self.master.command(0x20)
        self.assertEqual(order, [1, 3, 6, 7])

    def test_service_blocks_equal_and_lower(self):
        self.master.imr = 0
        self.pulse(3)
        self.assertEqual(self.master.poll(), 3)
        self.pulse(3, 4)
        self.assertIsNone(self.master.poll())
        self.pulse(1)
        self.assertEqual(self.master.poll(), 1)
        self.assertEqual(self.master.isr(), 0x0a)
        self.master.command(0x20)
        self.assertEqual(self.master.isr(), 0x08, 'EOI ends the one of highest priority')
        self.master.command(0x20)
        self.assertEqual(self.master.poll(), 3)

    def test_specific_eoi(self):
        self.master.imr = 0
        self.pulse(4)
        self.master.poll()
        self.pulse(2 - 1)
        self.master.poll()
        self.master.command(0x64)
        self.assertEqual(self.master.isr(), 0x02)
        self.master.command(0x60)
        self.assertEqual(self.master.isr(), 0x02, 'not in service: nothing')

    def test_rotation_on_eoi(self):
        rows = [(0xa0, 3, [4, 3], 'non-specific: the one served becomes lowest'),
                (0xe3, 3, [4, 3], 'specific'), (0x20, 3, [3, 4], 'none')]
        for command, served, order, claim in rows:
            with self.subTest(claim):
                self.pics.init()
                self.master.imr = 0
                self.pulse(served)
                self.master.poll()
                self.master.command(command)
                self.pulse(3, 4)
                self.assertEqual([self.master.poll(), (self.master.command(0x20), self.master.poll())[1]], order)

    def test_set_priority(self):
        self.master.imr = 0
        self.master.command(0xc4)               # 4 is lowest, 5 highest
        self.pulse(0, 4, 5)
        order = []
        while (irq := self.master.poll()) is not None:
            order.append(irq)
            self.master.command(0x20)
        self.assertEqual(order, [5, 0, 4])

    def test_automatic_eoi(self):
        self.master.init(0x08, 0x04, 0x03)
        self.pulse(2 + 1)
        self.assertEqual(self.master.poll(), 3)
        self.assertEqual(self.master.isr(), 0)

    def test_rotation_on_automatic_eoi(self):
        self.master.init(0x08, 0x04, 0x03)
        self.master.command(0x80)
        self.pulse(3)
        self.master.poll()
        self.pulse(3, 4)
        self.assertEqual([self.master.poll(), self.master.poll()], [4, 3])
        self.master.command(0x00)               # and off again: 4 stays as it is
        self.pulse(5, 4)
        self.assertEqual([self.master.poll(), self.master.poll()], [4, 5])

    def test_masks(self):
        self.master.imr = 0xff
        self.pulse(6)
        self.assertIsNone(self.master.poll())
        self.assertEqual(self.master.irr(), 0x40, 'latched while masked')
        self.master.imr = 0xbf
        self.assertEqual(self.master.poll(), 6)

    def test_special_mask_mode(self):
        self.master.imr = 0
        self.pulse(3)
        self.master.poll()
        self.pulse(5)
        self.assertIsNone(self.master.poll())
        self.master.command(0x68)
        self.master.imr = 0x08                  # the one in service no longer blocks
        self.assertEqual(self.master.poll(), 5)
        self.master.command(0x48)
        self.pulse(6)
        self.assertIsNone(self.master.poll())

    def test_special_mask_needs_its_enable_bit(self):
        self.master.imr = 0
        self.pulse(3)
        self.master.poll()
        self.master.command(0x28)               # SMM without ESMM
        self.master.imr = 0x08
        self.pulse(5)
        self.assertIsNone(self.master.poll())

    def test_the_slave_interrupts_through_input_2(self):
        self.master.imr = self.slave.imr = 0
        self.pulse(12)
        self.assertEqual(self.master.irr(), 0x04)
        self.assertEqual(self.master.poll(), 2)
        self.assertEqual(self.slave.poll(), 4)
        self.assertEqual((self.master.isr(), self.slave.isr()), (0x04, 0x10))
        self.slave.command(0x20)
        self.master.command(0x20)
        self.assertEqual((self.master.isr(), self.slave.isr(), self.master.irr()), (0, 0, 0))

    def test_a_higher_request_of_the_slave_waits_for_the_master(self):
        self.master.imr = self.slave.imr = 0
        self.pulse(12)
        self.master.poll()
        self.slave.poll()
        self.pulse(9)
        self.assertEqual(self.master.irr(), 0x04)
        self.assertIsNone(self.master.poll(), 'input 2 is in service')
        self.master.command(0x62)
        self.assertEqual(self.master.poll(), 2)
        self.assertEqual(self.slave.poll(), 1)

    def test_special_fully_nested_mode_lets_it_through(self):
        self.master.init(0x08, 0x04, 0x11)
        self.slave.imr = 0
        self.pulse(12)
        self.master.poll()
        self.slave.poll()
        self.pulse(9)
        self.assertEqual(self.master.poll(), 2)

    def test_a_masked_slave_is_silent(self):
        self.master.imr = 0
        self.slave.imr = 0xff
        self.pulse(9)
        self.assertEqual((self.slave.irr(), self.master.irr()), (0x02, 0))
        self.slave.imr = 0
        self.assertEqual(self.master.irr(), 0x04)

    def test_poll_reads_by_either_port_and_once(self):
        self.master.imr = 0
        self.pulse(3)
        self.master.command(0x0c)
        self.assertEqual(self.m.inb(0x21), 0x83)
        self.assertEqual(self.m.inb(0x21), 0, 'back to the mask')

    def test_wide_accesses(self):
        self.m.outw(0x20, 0x5a0b)               # OCW3 below, mask above
        self.assertEqual(self.master.imr, 0x5a)
        self.assertEqual(self.m.inw(0x20), 0x5a00)
        self.m.outl(0x4d0, 0xffffffff)
        self.assertEqual(self.m.inw(0x4d0), 0xdef8)

    def test_every_command_is_survived(self):
        for value in range(256):
            self.m.outb(0x20, value)
            self.m.outb(0xa0, value)
            self.m.outb(0x21, 255 - value)
            self.m.outb(0xa1, value)
            self.pulse(value % 16 if value % 16 != 2 else 3)
            self.m.inb(0x20), self.m.inb(0xa1)
        self.pics.init()
        self.master.imr = 0
        self.pulse(1)
        self.assertEqual(self.master.poll(), 1)

    def test_system_reset(self):
        self.m.outb(0x4d0, 0x20)
        self.master.imr = 0x12
        self.m.qmp('system_reset')
        self.m.qmp.event('RESET')
        self.assertEqual((self.m.inb(0x21), self.m.inb(0x4d0)), (0, 0))

    def test_board_without(self):
        for board in ('pc', 'q35'):
            m = self.start('-M', board + ',pic=off', '-nodefaults', '-S')
            m.outb(0x21, 0x12)
            self.assertEqual([m.inb(port) for port in (0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1)], [0xff] * 6)
            m.outb(0x43, 0x34)                  # the timer's output still rises into the IO APIC
            self.assertNotIn('i8259', m.qmp.hmp('info irq'))
            self.assertIn('for ioapic:\n 2: ', m.qmp.hmp('info irq'))


if __name__ == '__main__':
    unittest.main()
