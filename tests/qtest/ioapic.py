#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""IO APIC registers through IOREGSEL and IOWIN. What is sent to local APICs is tested in tests/unit/hw/test-intc.c."""
import unittest

import pc
import qtest

ID, VERSION, ARBITRATION, TABLE = 0, 1, 2, 0x10


class IoApic(qtest.Case):
    def setUp(self):
        self.m = self.start('-M', 'pc')
        self.ioapic = pc.IoApic(self.m)

    def line(self, pin, level):
        self.m.set_irq_in(pc.IOAPIC['pc'], '', pin, level)

    def test_reset_state(self):
        self.assertEqual(self.m.readl(pc.IoApic.BASE), 0)
        self.assertEqual(self.ioapic.read(ID), 0)
        self.assertEqual(self.ioapic.read(VERSION), 0x170020)
        for pin in range(24):
            self.assertEqual(self.ioapic.entry(pin), pc.IoApic.MASK, pin)

    def test_id_has_four_bits(self):
        self.ioapic.write(ID, 0xffffffff)
        self.assertEqual(self.ioapic.read(ID), 0x0f000000)
        self.assertEqual(self.ioapic.read(ARBITRATION), 0x0f000000)

    def test_version_and_arbitration_are_read_only(self):
        self.ioapic.write(VERSION, 0)
        self.ioapic.write(ARBITRATION, 0x05000000)
        self.assertEqual((self.ioapic.read(VERSION), self.ioapic.read(ARBITRATION)), (0x170020, 0))

    def test_entries_hold_their_bits(self):
        for pin in range(24):
            self.ioapic.set_entry(pin, 0xa5 << 56 | pc.IoApic.MASK | 0x2f30 + pin)
        for pin in range(24):
            self.assertEqual(self.ioapic.entry(pin), 0xa5 << 56 | pc.IoApic.MASK | 0x2f30 + pin, pin)

    def test_delivery_status_and_remote_irr_are_read_only(self):
        self.ioapic.set_entry(5, pc.IoApic.MASK | 0x1000 | pc.IoApic.REMOTE_IRR | pc.IoApic.LEVEL | 0x35)
        self.assertEqual(self.ioapic.entry(5), pc.IoApic.MASK | pc.IoApic.LEVEL | 0x35)

    def test_registers_that_are_not_there(self):
        for index in (3, 0x0f, 0x40, 0x7f, 0xff):
            self.ioapic.write(index, 0xffffffff)
            self.assertEqual(self.ioapic.read(index), 0, hex(index))

    def test_select_keeps_eight_bits(self):
        self.m.writel(pc.IoApic.BASE, 0x12345601)
        self.assertEqual((self.m.readl(pc.IoApic.BASE), self.m.readl(pc.IoApic.BASE + 0x10)), (1, 0x170020))

    def test_a_level_sets_remote_irr_until_its_eoi(self):
        ioapic = self.ioapic
        ioapic.set_entry(20, pc.IoApic.LEVEL | 0x51)
        self.assertFalse(ioapic.entry(20) & pc.IoApic.REMOTE_IRR)
        self.line(20, 1)
        self.assertTrue(ioapic.entry(20) & pc.IoApic.REMOTE_IRR)
        self.line(20, 0)
        self.assertTrue(ioapic.entry(20) & pc.IoApic.REMOTE_IRR, 'the line alone does not clear it')
        self.m.writel(pc.IoApic.BASE + 0x40, 0x52)
        self.assertTrue(ioapic.entry(20) & pc.IoApic.REMOTE_IRR, 'another vector')
        self.m.writel(pc.IoApic.BASE + 0x40, 0x51)
        self.assertFalse(ioapic.entry(20) & pc.IoApic.REMOTE_IRR)

    def test_a_level_that_stays_is_sent_again_on_eoi(self):
        self.ioapic.set_entry(20, pc.IoApic.LEVEL | 0x51)
        self.line(20, 1)
        self.m.writel(pc.IoApic.BASE + 0x40, 0x51)
        self.assertTrue(self.ioapic.entry(20) & pc.IoApic.REMOTE_IRR)

    def test_a_masked_level_waits(self):
        self.ioapic.set_entry(20, pc.IoApic.LEVEL | pc.IoApic.MASK | 0x51)
        self.line(20, 1)
        self.assertFalse(self.ioapic.entry(20) & pc.IoApic.REMOTE_IRR)
        self.ioapic.set_entry(20, pc.IoApic.LEVEL | 0x51)
        self.assertTrue(self.ioapic.entry(20) & pc.IoApic.REMOTE_IRR)

    def test_an_edge_leaves_no_remote_irr(self):
        self.ioapic.set_entry(20, 0x51)
        self.line(20, 1)
        self.assertEqual(self.ioapic.entry(20), 0x51)

    def test_edge_mode_clears_a_stuck_remote_irr(self):
        self.ioapic.set_entry(20, pc.IoApic.LEVEL | 0x51)
        self.line(20, 1)
        self.ioapic.set_entry(20, pc.IoApic.MASK | 0x51)
        self.assertEqual(self.ioapic.entry(20), pc.IoApic.MASK | 0x51)

    def test_old_version_has_no_eoi_register(self):
        self.m = self.start('-M', 'pc', '-global', 'ioapic.version=0x11')
        self.ioapic = pc.IoApic(self.m)
        self.assertEqual(self.ioapic.read(VERSION), 0x170011)
        self.ioapic.set_entry(20, pc.IoApic.LEVEL | 0x51)
        self.line(20, 1)
        self.line(20, 0)
        self.m.writel(pc.IoApic.BASE + 0x40, 0x51)
        self.assertTrue(self.ioapic.entry(20) & pc.IoApic.REMOTE_IRR)

    def test_no_other_version(self):
        with self.assertRaises(qtest.EmulatorDied) as caught:
            self.start('-M', 'pc', '-global', 'ioapic.version=0x12')
        self.assertIn('0x11 or 0x20', str(caught.exception))

    def test_narrow_accesses_do_not_write(self):
        self.ioapic.set_entry(3, pc.IoApic.MASK | 0x33)
        self.m.writel(pc.IoApic.BASE, TABLE + 6)
        self.m.writeb(pc.IoApic.BASE + 0x10, 0)
        self.m.writew(pc.IoApic.BASE + 0x10, 0)
        self.assertEqual(self.m.readw(pc.IoApic.BASE + 0x10), 0)
        self.assertEqual(self.m.readl(pc.IoApic.BASE + 0x10), pc.IoApic.MASK | 0x33)

    def test_offsets_without_register(self):
        for offset in (4, 8, 0x14, 0x20, 0x44, 0xfc, 0xffc):
            self.m.writel(pc.IoApic.BASE + offset, 0xffffffff)
            self.assertEqual(self.m.readl(pc.IoApic.BASE + offset), 0, hex(offset))
        self.m.writeq(pc.IoApic.BASE + 0x10, 2**64 - 1)
        self.m.readq(pc.IoApic.BASE + 0xff8)

    def test_every_entry_value_is_survived(self):
        for mode in range(8):
            for bits in (0, pc.IoApic.LEVEL, 1 << 11, pc.IoApic.LOW):
                self.ioapic.set_entry(7, mode << 8 | bits | 0x61)
                self.line(7, 1)
                self.line(7, 0)
                self.m.writel(pc.IoApic.BASE + 0x40, 0x61)

    def test_system_reset(self):
        self.ioapic.write(ID, 0x03000000)
        self.ioapic.set_entry(4, 0x44)
        self.m.qmp('system_reset')
        self.m.qmp.event('RESET')
        self.assertEqual((self.ioapic.read(ID), self.ioapic.entry(4)), (0, pc.IoApic.MASK))


if __name__ == '__main__':
    unittest.main()
