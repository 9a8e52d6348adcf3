#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""MC146818 clock and CMOS RAM, with the guest's time on the virtual clock: formats, setting, flags, interrupts."""
import unittest

import pc
import qtest

SECONDS, SECONDS_ALARM, MINUTES, MINUTES_ALARM, HOURS, HOURS_ALARM, WEEKDAY, DAY, MONTH, YEAR, A, B, C, D = range(14)
CENTURY = 0x32
SET, PIE, AIE, UIE, SQWE, BINARY, H24 = 0x80, 0x40, 0x20, 0x10, 0x08, 0x04, 0x02
IRQF, PF, AF, UF = 0x80, 0x40, 0x20, 0x10
UIP = 0x80
S = 10**9


class Rtc(qtest.Case):
    def boot(self, base='2024-01-31T22:10:05', *args):
        self.m = self.start('-M', 'q35', '-rtc', f'base={base},clock=vm', *args)
        self.m.irq_intercept_in(pc.IOAPIC['q35'])

    def read(self, index):
        self.m.outb(0x70, index)
        return self.m.inb(0x71)

    def write(self, index, value):
        self.m.outb(0x70, index)
        self.m.outb(0x71, value)

    def now(self):
        return tuple(self.read(i) for i in (CENTURY, YEAR, MONTH, DAY, HOURS, MINUTES, SECONDS))

    def irq(self):
        return self.m.irq(8)

    def step(self, seconds):
        self.m.clock_step(int(seconds * S))

    def test_power_on_state(self):
        self.boot()
        self.assertEqual((self.read(A), self.read(B), self.read(C), self.read(D)), (0x26, H24, 0, 0x80))

    def test_time_of_day_in_each_format(self):
        self.boot()
        rows = [(H24, (0x20, 0x24, 0x01, 0x31, 0x22, 0x10, 0x05), 'BCD, 24 hours'),
                (0, (0x20, 0x24, 0x01, 0x31, 0x90, 0x10, 0x05), 'BCD, 12 hours: bit 7 is PM'),
                (BINARY | H24, (20, 24, 1, 31, 22, 10, 5), 'binary, 24 hours'),
                (BINARY, (20, 24, 1, 31, 0x8a, 10, 5), 'binary, 12 hours')]
        for b, expected, claim in rows:
            with self.subTest(claim):
                self.write(B, b)
                self.assertEqual(self.now(), expected)
        self.assertEqual(self.read(WEEKDAY), 4, 'a Wednesday')

    def test_noon_and_midnight_in_12_hours(self):
        for hour, written in ((0, 0x12), (1, 0x01), (11, 0x11), (12, 0x92), (13, 0x81), (23, 0x91)):
            self.boot(f'2024-01-31T{hour:02}:00:00')
            self.write(B, 0)
            self.assertEqual(self.read(HOURS), written, hour)
            self.write(HOURS, written)
            self.write(B, H24 | BINARY)
            self.assertEqual(self.read(HOURS), hour)

    def test_time_goes_on(self):
        self.boot('1999-12-31T23:59:58')
        self.step(1.5)
        self.assertEqual(self.now(), (0x19, 0x99, 0x12, 0x31, 0x23, 0x59, 0x59))
        self.step(1)
        self.assertEqual(self.now(), (0x20, 0x00, 0x01, 0x01, 0, 0, 0))
        self.assertEqual(self.read(WEEKDAY), 7, 'a Saturday')
        self.step(59 * 86400)
        self.assertEqual(self.now()[2:4], (0x02, 0x29), 'a leap year')

    def test_a_date_is_set_in_any_order_while_stopped(self):
        self.boot()                             # 31 January: month first would be 31 February
        self.write(B, SET | H24)
        self.step(3)
        for index, value in ((MONTH, 0x02), (DAY, 0x15), (HOURS, 0x07), (SECONDS, 0x59), (YEAR, 0x30)):
            self.write(index, value)
            self.assertEqual(self.read(index), value)
        self.step(3)
        self.assertEqual(self.read(SECONDS), 0x59, 'SET stops it')
        self.write(B, H24)
        self.assertEqual(self.now(), (0x20, 0x30, 0x02, 0x15, 0x07, 0x10, 0x59))
        self.step(1)
        self.assertEqual(self.now()[4:], (0x07, 0x11, 0x00))

    def test_a_register_is_set_while_running(self):
        self.boot()
        self.write(MINUTES, 0x45)
        self.write(CENTURY, 0x19)
        self.assertEqual(self.now(), (0x19, 0x24, 0x01, 0x31, 0x22, 0x45, 0x05))
        self.step(60)
        self.assertEqual(self.now()[5:], (0x46, 0x05))

    def test_the_weekday_follows_from_the_date(self):
        self.boot()
        self.write(WEEKDAY, 7)
        self.step(1)
        self.assertEqual(self.read(WEEKDAY), 4)

    def test_far_years(self):
        self.boot()
        for century, year in ((0x99, 0x99), (0x16, 0x01)):
            self.write(B, SET | H24)
            self.write(CENTURY, century)
            self.write(YEAR, year)
            self.write(B, H24)
            self.step(1)
            self.assertEqual(self.now()[:4], (century, year, 0x01, 0x31))

    def test_divider_reset_stops_and_starts_half_a_second_off(self):
        self.boot()
        self.write(A, 0x66)
        self.step(10)
        self.assertEqual(self.read(SECONDS), 0x05)
        self.write(A, 0x26)
        self.step(0.4)
        self.assertEqual(self.read(SECONDS), 0x05)
        self.step(0.2)
        self.assertEqual(self.read(SECONDS), 0x06)

    def test_update_in_progress_shortly_before_a_second(self):
        self.boot()
        self.write(A, 0x66)
        self.write(A, 0x26)                     # now half a second is over
        for ns, uip in ((499000000, 0), (744000, 0), (50000, UIP), (200000, UIP), (10000, 0)):
            self.m.clock_step(ns)
            self.assertEqual(self.read(A) & UIP, uip, ns)
        self.write(A, 0xa6)
        self.assertEqual(self.read(A), 0x26, 'cannot be written')

    def test_no_update_in_progress_while_stopped(self):
        self.boot()
        self.write(A, 0x66)
        self.write(A, 0x26)
        self.m.clock_step(499900000)
        self.assertEqual(self.read(A) & UIP, UIP)
        self.write(B, SET | H24)
        self.assertEqual(self.read(A) & UIP, 0)

    def test_update_ended_interrupt(self):
        self.boot()
        self.read(C)
        self.write(B, UIE | H24)
        self.assertEqual(self.irq(), 0)
        self.step(1)
        self.assertEqual(self.irq(), 1)
        self.assertEqual(self.read(C) & ~PF, IRQF | UF)
        self.assertEqual((self.irq(), self.read(C) & ~PF), (0, 0), 'reading C clears')
        self.step(1)
        self.assertEqual(self.irq(), 1)

    def test_set_clears_uie(self):
        self.boot()
        self.write(B, SET | UIE | AIE | H24)
        self.assertEqual(self.read(B), SET | AIE | H24)

    def test_the_flag_of_an_update_shows_without_its_interrupt(self):
        self.boot()
        self.read(C)
        self.step(1)
        self.assertEqual(self.read(C) & ~PF, UF)
        self.assertEqual(self.irq(), 0)

    def alarm(self, hour, minute, second, b=H24 | AIE):
        self.write(B, b)
        self.write(HOURS_ALARM, hour)
        self.write(MINUTES_ALARM, minute)
        self.write(SECONDS_ALARM, second)
        self.read(C)

    def test_alarms(self):
        rows = [((0x22, 0x10, 0x07), 2, 'all three given'), ((0xff, 0xff, 0x07), 2, 'every minute'),
                ((0xc0, 0x11, 0x00), 55, 'every hour'), ((0xff, 0xff, 0xff), 1, 'every second'),
                ((0x21, 0x00, 0x00), 22 * 3600 + 49 * 60 + 55, 'the next day'), ((0x23, 0xff, 0xff), 49 * 60 + 55, '23:xx')]
        for registers, seconds, claim in rows:
            with self.subTest(claim):
                self.boot()
                self.alarm(*registers)
                self.step(seconds - 0.9)
                self.assertEqual(self.irq(), 1 if seconds < 0.9 else 0)
                self.step(0.95)
                self.assertEqual(self.irq(), 1)
                self.assertEqual(self.read(C) & (IRQF | AF), IRQF | AF)
                self.assertEqual(self.irq(), 0)

    def test_alarm_in_12_hours(self):
        self.boot()
        self.alarm(0x90, 0x10, 0x07, AIE)
        self.step(2.1)
        self.assertEqual(self.irq(), 1)

    def test_an_impossible_alarm_never_comes(self):
        self.boot()
        self.alarm(0x25, 0x61, 0x61)
        self.step(3 * 86400)
        self.assertEqual((self.irq(), self.read(C) & AF), (0, 0))

    def test_periodic_interrupt_rates(self):
        self.boot()
        rows = [(6, 1024), (15, 2), (3, 8192), (1, 256), (2, 128)]
        for rate, hz in rows:
            with self.subTest(f'rate {rate}: {hz} Hz'):
                self.write(A, 0x20 | rate)
                self.write(B, PIE | H24)
                self.read(C)
                count, steps = 0, 16
                for _ in range(steps):
                    self.m.clock_step(S // hz)
                    if self.irq():
                        count += 1
                        self.assertEqual(self.read(C) & (IRQF | PF), IRQF | PF)
                self.assertGreaterEqual(count, steps - 1)
                self.write(B, H24)

    def test_periodic_interrupts_that_nobody_fetches_merge(self):
        self.boot()
        self.write(B, PIE | H24)
        self.step(1)
        self.assertEqual([e for e in self.m.irq_log if e[0] == 8], [(8, 1)])
        self.read(C)
        self.step(0.01)
        self.assertEqual(self.irq(), 1)

    def test_rate_0_is_off(self):
        self.boot()
        self.write(A, 0x20)
        self.write(B, PIE | H24)
        self.step(5)
        self.assertEqual(self.irq(), 0)

    def test_enabling_a_pending_event_interrupts_at_once(self):
        self.boot()
        self.read(C)
        self.step(1.5)
        self.write(B, UIE | H24)
        self.assertEqual(self.irq(), 1)

    def test_cmos_ram(self):
        self.boot()
        for index in range(0x60, 0x80):
            self.write(index, 255 - index)
        for index in range(0x60, 0x80):
            self.assertEqual(self.read(index), 255 - index)
            self.assertEqual(self.read(0x80 | index), 255 - index, 'bit 7 is the NMI mask')

    def test_index_is_write_only_and_c_and_d_read_only(self):
        self.boot()
        self.m.outb(0x70, 0x10)
        self.assertEqual(self.m.inb(0x70), 0xff)
        self.write(D, 0)
        self.assertEqual(self.read(D), 0x80)
        self.write(C, 0xff)
        self.assertEqual(self.read(C) & 0x0f, 0)

    def test_reset_keeps_time_and_ram_but_no_interrupts(self):
        self.boot()
        self.write(0x7e, 0x42)
        self.write(B, PIE | AIE | SQWE | H24)
        self.step(1)
        self.assertEqual(self.irq(), 1)
        self.m.qmp('system_reset')
        self.m.qmp.event('RESET')
        self.assertEqual(self.read(B), H24)
        self.assertEqual((self.read(0x7e), self.irq(), self.read(SECONDS)), (0x42, 0, 0x06))

    def test_base_year(self):
        self.boot('2024-01-31T22:10:05', '-global', 'mc146818rtc.base_year=1980')
        self.assertEqual(self.now()[:2], (0x00, 0x44))

    def test_wide_accesses_and_nonsense(self):
        self.boot()
        self.m.outw(0x70, 0x427e)
        self.assertEqual(self.m.inw(0x70), 0x42ff)
        self.m.outl(0x70, 0xffffffff)
        for b in (0, BINARY, H24, BINARY | H24):
            self.write(B, b)
            for index in (*range(10), CENTURY):
                self.write(index, 0xff)
                self.read(index)
                self.step(1)
        self.write(B, BINARY | H24)
        for index, value in ((CENTURY, 255), (YEAR, 255), (MONTH, 255)):
            self.write(index, value)
        self.step(1)
        self.now()

    def test_nothing_enabled_arms_nothing(self):
        m = self.start('-M', 'q35,hpet=off', '-global', 'mc146818rtc.base_year=0')
        m.clock_step(10**9)                     # the PIT's first edge is latched by then
        with self.assertRaises(qtest.QtestError):
            m.clock_step()


if __name__ == '__main__':
    unittest.main()
