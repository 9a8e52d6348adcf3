#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""HPET on a clock that the test moves: counter, one-shot and periodic timers, 32 bits, routing, levels, legacy, FSB."""
import unittest

import pc
import qtest

BASE = 0xfed00000
CAP, CONFIG, STATUS, COUNTER = 0x00, 0x10, 0x20, 0xf0
ENABLE, LEGACY = 1, 2
LEVEL, INT, PERIODIC, PERIODIC_CAP, CAP_64, SETVAL, BITS_32 = 2, 4, 8, 0x10, 0x20, 0x40, 0x100
FSB, FSB_CAP = 0x4000, 0x8000
TICK_NS = 10
M64 = 2**64 - 1


def route(gsi):
    return gsi << 9


class Hpet(qtest.Case):
    def boot(self, *args):
        self.m = self.start('-M', 'q35', *args)
        self.m.irq_intercept_in(pc.IOAPIC['q35'])
        ioapic = pc.IoApic(self.m)
        for pin in (2, 8, 16, 20):
            ioapic.set_entry(pin, 0x30 + pin)   # unmasked edges: somebody listens

    def setUp(self):
        self.boot()

    def read(self, offset):
        return self.m.readq(BASE + offset)

    def write(self, offset, value):
        self.m.writeq(BASE + offset, value)

    def config(self, n, value=None):
        if value is None:
            return self.read(0x100 + 0x20 * n)
        self.write(0x100 + 0x20 * n, value)

    def comparator(self, n, value=None):
        if value is None:
            return self.read(0x108 + 0x20 * n)
        self.write(0x108 + 0x20 * n, value)

    def step(self, ticks):
        self.m.clock_step(ticks * TICK_NS)

    def edges(self, *pins):
        """Rising edges of @pins since the last call."""
        count = sum(1 for p, level in self.m.irq_log if p in pins and level)
        del self.m.irq_log[:]
        return count

    def test_reset_state(self):
        self.assertEqual(self.read(CAP), 0x009896808086a201)
        for offset in (0x08, CONFIG, 0x18, STATUS, 0x28, COUNTER, 0xf8, 0x118, 0x160, 0x3f8):
            self.assertEqual(self.read(offset), 0, hex(offset))
        for n in range(3):
            self.assertEqual(self.config(n), 0xff0104 << 32 | PERIODIC_CAP | CAP_64)
            self.assertEqual(self.comparator(n), M64)
            self.assertEqual(self.read(0x110 + 0x20 * n), 0)

    def test_counter_runs_only_while_enabled(self):
        self.step(100)
        self.assertEqual(self.read(COUNTER), 0)
        self.write(CONFIG, ENABLE)
        self.step(100)
        self.assertEqual(self.read(COUNTER), 100)
        self.write(CONFIG, 0)
        self.step(100)
        self.assertEqual(self.read(COUNTER), 100)
        self.write(CONFIG, ENABLE)
        self.step(10)
        self.assertEqual(self.read(COUNTER), 110)

    def test_counter_is_written_while_halted(self):
        self.write(COUNTER, 0x123456789a)
        self.assertEqual(self.read(COUNTER), 0x123456789a)
        self.assertEqual((self.m.readl(BASE + COUNTER), self.m.readl(BASE + COUNTER + 4)), (0x3456789a, 0x12))
        self.m.writel(BASE + COUNTER + 4, 0x7f)
        self.write(CONFIG, ENABLE)
        self.step(6)
        self.assertEqual(self.read(COUNTER), 0x7f345678a0)

    def test_counter_wraps_at_64_bits(self):
        self.write(COUNTER, M64 - 5)
        self.write(CONFIG, ENABLE)
        self.step(10)
        self.assertEqual(self.read(COUNTER), 4)

    def test_one_shot(self):
        self.config(0, INT | route(16))
        self.comparator(0, 1000)
        self.write(CONFIG, ENABLE)
        self.step(999)
        self.assertEqual(self.edges(16), 0)
        self.step(1)
        self.assertEqual(self.edges(16), 1)
        self.assertEqual((self.m.irq(16), self.comparator(0)), (0, 1000), 'a pulse; the comparator stays')
        self.step(10**7)
        self.assertEqual(self.edges(16), 0)

    def test_periodic(self):
        self.config(1, INT | PERIODIC | SETVAL | route(20))
        self.comparator(1, 500)                 # first match
        self.comparator(1, 1000)                # period
        self.write(CONFIG, ENABLE)
        self.step(499)
        self.assertEqual(self.edges(20), 0)
        self.step(1)
        self.assertEqual(self.edges(20), 1)
        self.assertEqual(self.comparator(1), 1500)
        self.step(10 * 2000)
        self.assertEqual(self.comparator(1), 21500)
        self.assertGreaterEqual(self.edges(20), 2)

    def test_every_period_interrupts(self):
        self.config(1, INT | PERIODIC | SETVAL | route(20))
        self.comparator(1, 20000)
        self.write(CONFIG, ENABLE)
        self.step(20000 * 50)
        self.assertEqual(self.edges(20), 50)

    def test_setval_holds_for_one_write(self):
        self.config(0, PERIODIC | SETVAL)
        self.assertEqual(self.config(0) & SETVAL, SETVAL)
        self.comparator(0, 7)
        self.assertEqual(self.config(0) & SETVAL, 0)

    def test_disabled_interrupts_do_not_come(self):
        for config, enable in ((route(16), ENABLE), (INT | route(16), 0)):
            self.boot()
            self.config(0, config)
            self.comparator(0, 100)
            self.write(CONFIG, enable)
            self.step(1000)
            self.assertEqual(self.edges(16), 0)

    def test_32_bit_mode(self):
        self.config(0, INT | BITS_32 | route(16))
        self.write(0x108, 0x500000064)
        self.assertEqual(self.comparator(0), 0x64)
        self.write(COUNTER, 0x700000000)
        self.write(CONFIG, ENABLE)
        self.step(99)
        self.assertEqual(self.edges(16), 0)
        self.step(1)
        self.assertEqual(self.edges(16), 1)

    def test_32_bit_mode_ignores_the_high_half(self):
        self.config(0, INT | BITS_32 | route(16))
        self.comparator(0, 1000)
        self.m.writel(BASE + 0x10c, 5)
        self.assertEqual(self.comparator(0), 1000)

    def test_32_bit_periodic_across_the_wrap(self):
        self.write(COUNTER, 2**32 - 50000)
        self.config(0, INT | PERIODIC | SETVAL | BITS_32 | route(16))
        self.comparator(0, 2**32 - 40000)
        self.comparator(0, 20000)
        self.write(CONFIG, ENABLE)
        self.step(100000)
        self.assertEqual(self.edges(16), 5)
        self.assertEqual(self.comparator(0), 60000)

    def test_64_bit_comparator_in_halves(self):
        self.config(0, INT | route(16))
        self.m.writel(BASE + 0x108, 0x20)
        self.m.writel(BASE + 0x10c, 0x1)
        self.assertEqual(self.comparator(0), 0x100000020)
        self.write(COUNTER, 0x100000000)
        self.write(CONFIG, ENABLE)
        self.step(0x20)
        self.assertEqual(self.edges(16), 1)

    def test_a_comparator_written_too_late_matches_at_once(self):
        self.write(CONFIG, ENABLE)
        self.config(0, INT | route(16))
        self.step(5000)
        self.comparator(0, 4900)
        self.step(10)
        self.assertEqual(self.edges(16), 1)

    def test_level_triggered(self):
        self.config(0, INT | LEVEL | route(16))
        self.comparator(0, 100)
        self.write(CONFIG, ENABLE)
        self.step(100)
        self.assertEqual((self.m.irq(16), self.read(STATUS)), (1, 1))
        self.write(STATUS, 0x6)
        self.assertEqual(self.m.irq(16), 1, 'others\' bits')
        self.write(STATUS, 0x1)
        self.assertEqual((self.m.irq(16), self.read(STATUS)), (0, 0))

    def test_level_triggered_and_periodic_comes_again_after_each_clear(self):
        self.config(0, INT | LEVEL | PERIODIC | SETVAL | route(16))
        self.comparator(0, 10000)
        self.write(CONFIG, ENABLE)
        for _ in range(5):
            self.step(35000)                    # several matches while it is up
            self.assertEqual((self.m.irq(16), self.read(STATUS)), (1, 1))
            self.write(STATUS, 1)
            self.assertEqual(self.m.irq(16), 0)

    def test_status_is_set_with_the_interrupt_disabled(self):
        self.config(0, LEVEL | route(16))
        self.comparator(0, 100)
        self.write(CONFIG, ENABLE)
        self.step(200)
        self.assertEqual((self.read(STATUS), self.m.irq(16)), (1, 0))

    def test_two_levels_on_one_gsi(self):
        for n in (0, 1):
            self.config(n, INT | LEVEL | route(16))
            self.comparator(n, 100)
        self.write(CONFIG, ENABLE)
        self.step(100)
        self.assertEqual(self.read(STATUS), 3)
        self.write(STATUS, 1)
        self.assertEqual(self.m.irq(16), 1)
        self.write(STATUS, 2)
        self.assertEqual(self.m.irq(16), 0)

    def test_halting_lowers_the_line(self):
        self.config(0, INT | LEVEL | route(16))
        self.comparator(0, 100)
        self.write(CONFIG, ENABLE)
        self.step(100)
        self.write(CONFIG, 0)
        self.assertEqual(self.m.irq(16), 0)

    def test_a_route_that_is_not_there_does_not_stick(self):
        self.config(0, route(16))
        for gsi in (0, 1, 3, 9, 15, 24, 31):
            self.config(0, route(gsi))
            self.assertEqual(self.config(0) >> 9 & 31, 16, gsi)
        self.config(0, route(23))
        self.assertEqual(self.config(0) >> 9 & 31, 23)

    def test_legacy_replacement(self):
        for n, pins in ((0, pc.PIT_PIN), (1, (8,))):
            self.boot()
            self.config(n, INT)
            self.comparator(n, 1000)
            self.write(CONFIG, ENABLE | LEGACY)
            self.edges()
            self.step(1000)
            self.assertEqual(self.edges(*pins), 1, n)

    def test_legacy_replacement_silences_the_pit_and_the_rtc(self):
        self.write(CONFIG, ENABLE | LEGACY)
        self.m.outb(0x43, 0x34)
        self.m.outb(0x40, 0xa9)
        self.m.outb(0x40, 0x04)
        for index, value in ((0x0a, 0x26), (0x0b, 0x42)):
            self.m.outb(0x70, index)
            self.m.outb(0x71, value)
        self.edges()
        self.step(10**7)
        self.assertEqual(self.edges(8, *pc.PIT_PIN), 0)
        self.write(CONFIG, ENABLE)
        self.step(10**6)
        self.assertGreater(self.edges(*pc.PIT_PIN), 0, 'and back')

    def test_fsb(self):
        self.boot('-global', 'hpet.msi=on')
        self.assertEqual(self.config(0) & FSB_CAP, FSB_CAP)
        self.config(0, INT | FSB)
        self.write(0x110, 0x00100000 << 32 | 0x4321)
        self.comparator(0, 100)
        self.write(CONFIG, ENABLE)
        self.step(99)
        self.assertEqual(self.m.readl(0x100000), 0)
        self.step(1)
        self.assertEqual(self.m.readl(0x100000), 0x4321)

    def test_without_fsb_its_enable_bit_is_0(self):
        self.config(0, FSB)
        self.assertEqual(self.config(0) & (FSB | FSB_CAP), 0)

    def test_more_timers(self):
        self.boot('-global', 'hpet.timers=5')
        self.assertEqual(self.read(CAP) >> 8 & 31, 4)
        self.assertEqual(self.comparator(4), M64)
        self.assertEqual(self.comparator(5), 0)

    def test_a_bad_number_of_timers_is_refused(self):
        for count in (2, 33):
            with self.assertRaises(qtest.EmulatorDied) as caught:
                self.start('-M', 'q35', '-global', f'hpet.timers={count}')
            self.assertIn('timers', str(caught.exception))

    def test_system_reset(self):
        self.config(0, INT | LEVEL | route(16))
        self.comparator(0, 100)
        self.write(CONFIG, ENABLE | LEGACY)
        self.step(100)
        self.m.qmp('system_reset')
        self.m.qmp.event('RESET')
        self.assertEqual((self.read(CONFIG), self.read(STATUS), self.read(COUNTER), self.m.irq(16)), (0, 0, 0, 0))
        self.assertEqual((self.config(0) & 0xffffffff, self.comparator(0)), (PERIODIC_CAP | CAP_64, M64))

    def test_misuse(self):
        self.write(CAP, M64)
        self.assertEqual(self.read(CAP), 0x009896808086a201)
        self.write(CONFIG, M64)
        self.assertEqual(self.read(CONFIG), 3)
        self.write(CONFIG, 0)
        self.config(0, M64)
        self.assertEqual(self.config(0) & 0xffffffff & ~(SETVAL | 31 << 9),
                         PERIODIC_CAP | CAP_64 | LEVEL | INT | PERIODIC | BITS_32)
        for offset in range(0, 0x400, 8):
            self.write(offset, M64)
            self.read(offset)
            self.m.writel(BASE + offset + 4, 0)
        self.m.readb(BASE + 3), self.m.readw(BASE + 0xf2), self.m.readq(BASE + 0xf4), self.m.readl(BASE + 0x3fc)
        self.m.writeb(BASE + 0x10, 0), self.m.writew(BASE + 0x108, 1), self.m.writeq(BASE + 0x10c, M64)
        for period in (0, 1, 2):
            self.write(CONFIG, 0)
            self.config(0, INT | PERIODIC | SETVAL | route(16))
            self.comparator(0, period)
            self.write(CONFIG, ENABLE)
            self.m.clock_step(10**6)

    def test_a_period_of_one_tick_does_not_stop_the_world(self):
        self.config(0, INT | PERIODIC | SETVAL | route(16))
        self.comparator(0, 1)
        self.write(CONFIG, ENABLE)
        self.m.clock_step(10**7)
        self.assertLess(self.edges(16), 1001)


class Idle(qtest.Case):
    def test_a_timer_whose_interrupt_is_masked_sleeps(self):
        m = self.start('-M', 'q35')
        m.writeq(BASE + 0x100, INT | PERIODIC | SETVAL | route(16))
        m.writeq(BASE + 0x108, 100000)
        m.writeq(BASE + CONFIG, ENABLE)
        m.clock_step(10**9)
        with self.assertRaises(qtest.QtestError):
            m.clock_step()
        m.irq_intercept_in(pc.IOAPIC['q35'])
        pc.IoApic(m).set_entry(16, 0x40)
        m.clock_step(10**7)
        self.assertEqual(sum(level for pin, level in m.irq_log if pin == 16), 10)


if __name__ == '__main__':
    unittest.main()
