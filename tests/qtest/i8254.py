#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""8254 timer and port 0x61 on a clock that the test moves: modes, counts, latches, read-back, BCD, gate 2, interrupts."""
import unittest

import pc
import qtest

HZ = 1193182
LSB, MSB, WORD = 0x10, 0x20, 0x30
COUNT, STATUS = 0xd0, 0xe0      # read-back commands: one, or the other
OUT, NULL_COUNT = 0x80, 0x40


class I8254(qtest.Case):
    def setUp(self):
        self.m = self.start('-M', 'pc')
        self.m.irq_intercept_in(pc.IOAPIC['pc'])

    def program(self, channel, mode, count, access=WORD, bcd=0):
        """Control word and count; the test's time starts here."""
        self.m.outb(0x43, channel << 6 | access | mode << 1 | bcd)
        self.write(channel, count, access)
        self.zero = self.m.clock_step(1)

    def write(self, channel, count, access=WORD):
        if access != MSB:
            self.m.outb(0x40 + channel, count & 0xff)
        if access != LSB:
            self.m.outb(0x40 + channel, count >> 8)

    def at(self, tick):
        """Moves to the middle of clock @tick after program()."""
        self.m.clock_set(self.zero + (2 * tick + 1) * 10**9 // (2 * HZ))

    def count(self, channel=2):
        self.m.outb(0x43, channel << 6)
        return self.m.inb(0x40 + channel) | self.m.inb(0x40 + channel) << 8

    def status(self, channel=2):
        self.m.outb(0x43, STATUS | 2 << channel)
        return self.m.inb(0x40 + channel)

    def out2(self):
        return self.m.inb(0x61) >> 5 & 1

    def gate2(self, level):
        self.m.outb(0x61, level)

    def test_mode_0_interrupt_on_terminal_count(self):
        self.gate2(1)
        self.program(2, 0, 100)
        rows = [(0, 100, 0), (1, 99, 0), (99, 1, 0), (100, 0, 1), (101, 0xffff, 1), (102, 0xfffe, 1)]
        for tick, count, out in rows:
            self.at(tick)
            self.assertEqual((self.count(), self.out2()), (count, out), tick)

    def test_mode_0_goes_on_through_65536(self):
        self.gate2(1)
        self.program(2, 0, 0)
        for tick, count, out in ((1, 0xffff, 0), (65535, 1, 0), (65536, 0, 1), (65537, 0xffff, 1)):
            self.at(tick)
            self.assertEqual((self.count(), self.out2()), (count, out), tick)

    def test_mode_2_rate_generator(self):
        self.gate2(1)
        self.program(2, 2, 5)
        for tick, count in ((0, 5), (1, 4), (4, 1), (5, 5), (9, 1), (10, 5), (5000, 5)):
            self.at(tick)
            self.assertEqual(self.count(), count, tick)

    def test_mode_3_square_wave(self):
        self.gate2(1)
        rows = [(10, [(0, 10, 1), (1, 8, 1), (4, 2, 1), (5, 10, 0), (9, 2, 0), (10, 10, 1), (15, 10, 0)], 'even'),
                (5, [(0, 4, 1), (1, 2, 1), (2, 0, 1), (3, 4, 0), (4, 2, 0), (5, 4, 1)], 'odd: high a clock longer')]
        for reload, expected, claim in rows:
            self.program(2, 3, reload)
            for tick, count, out in expected:
                self.at(tick)
                self.assertEqual((self.count(), self.out2()), (count, out), f'{claim}, clock {tick}')

    def test_modes_6_and_7_are_2_and_3(self):
        for written, mode in ((6, 2), (7, 3)):
            self.program(2, written, 100)
            self.assertEqual(self.status() >> 1 & 7, mode)

    def test_access_by_one_byte(self):
        self.gate2(1)
        for access, value, reload in ((LSB, 0x34, 0x34), (MSB, 0x1200, 0x1200)):
            self.program(2, 2, value, access)
            self.assertEqual(self.status() & 0x3f, access | 2 << 1)
            self.at(0)
            self.assertEqual(self.m.inb(0x42), reload >> 8 if access == MSB else reload)
            self.at(1)
            self.assertEqual(self.m.inb(0x42), (reload - 1) >> 8 if access == MSB else reload - 1)

    def test_a_latched_count_waits_to_be_read(self):
        self.gate2(1)
        self.program(2, 2, 1000)
        self.at(10)
        self.m.outb(0x43, 0x80)
        self.at(20)
        self.m.outb(0x43, 0x80)                 # a second latch changes nothing
        self.assertEqual(self.m.inb(0x42) | self.m.inb(0x42) << 8, 990)
        self.at(30)
        self.assertEqual(self.m.inb(0x42) | self.m.inb(0x42) << 8, 970, 'then the count itself')

    def test_read_back_of_status_and_count(self):
        self.gate2(1)
        self.program(2, 2, 1000)
        self.at(10)
        self.m.outb(0x43, 0xc8)                 # both, of channel 2: status comes first
        self.assertEqual(self.m.inb(0x42), OUT | WORD | 2 << 1)
        self.assertEqual(self.m.inb(0x42) | self.m.inb(0x42) << 8, 990)

    def test_read_back_of_several_channels(self):
        for channel, mode in ((0, 2), (1, 3), (2, 0)):
            self.program(channel, mode, 1000 + channel)
        self.m.outb(0x43, COUNT | 0x0e)
        self.m.clock_step(10**6)
        self.assertEqual([self.m.inb(0x40 + c) | self.m.inb(0x40 + c) << 8 for c in range(2)], [1000, 1000])
        self.m.outb(0x43, STATUS | 0x0e)
        self.assertEqual([self.m.inb(0x40 + c) >> 1 & 7 for c in range(3)], [2, 3, 0])

    def test_bcd(self):
        self.gate2(1)
        self.program(2, 0, 0x1000, bcd=1)
        for tick, count, out in ((0, 0x1000, 0), (1, 0x0999, 0), (999, 1, 0), (1000, 0, 1), (1001, 0x9999, 1)):
            self.at(tick)
            self.assertEqual((self.count(), self.out2()), (count, out), tick)
        self.program(2, 0, 0, bcd=1)
        self.at(9999)
        self.assertEqual((self.count(), self.out2()), (1, 0), '0 stands for 10000')
        self.assertEqual(self.status() & 1, 1)

    def test_gate_2_holds_mode_0(self):
        self.gate2(1)
        self.program(2, 0, 100)
        self.at(40)
        self.gate2(0)
        self.at(500)
        self.assertEqual((self.count(), self.out2()), (60, 0))
        self.gate2(1)
        self.at(500 + 59)
        self.assertEqual(self.out2(), 0)
        self.at(500 + 61)
        self.assertEqual(self.out2(), 1)

    def test_gate_2_low_raises_out_of_mode_3_and_restarts_it(self):
        self.gate2(1)
        self.program(2, 3, 100)
        self.at(60)
        self.assertEqual(self.out2(), 0)
        self.gate2(0)
        self.assertEqual(self.out2(), 1)
        self.at(70)
        self.gate2(1)
        self.at(70 + 45)
        self.assertEqual(self.out2(), 1)
        self.at(70 + 55)
        self.assertEqual(self.out2(), 0)

    def test_mode_1_waits_for_its_trigger(self):
        self.gate2(0)
        self.program(2, 1, 100)
        self.at(500)
        self.assertEqual(self.out2(), 1, 'no trigger yet')
        self.gate2(1)
        self.assertEqual(self.out2(), 0)
        self.at(500 + 98)
        self.gate2(0)                           # the level does not matter
        self.assertEqual(self.out2(), 0)
        self.at(500 + 102)
        self.assertEqual(self.out2(), 1)
        self.gate2(1)
        self.assertEqual(self.out2(), 0, 'triggered again')

    def test_mode_4_and_5_strobe_for_one_clock(self):
        for mode in (4, 5):
            self.gate2(mode == 4)
            self.program(2, mode, 100)
            self.gate2(1)
            for tick, out in ((0, 1), (99, 1), (100, 0), (101, 1), (300, 1)):
                self.at(tick)
                self.assertEqual(self.out2(), out, f'mode {mode}, clock {tick}')

    def test_a_control_word_sets_out_and_null_count(self):
        self.gate2(1)
        for mode, out in ((0, 0), (1, OUT), (2, OUT), (3, OUT), (4, OUT), (5, OUT)):
            self.m.outb(0x43, 0x80 | WORD | mode << 1)
            self.assertEqual(self.status(), out | NULL_COUNT | WORD | mode << 1)
        self.program(2, 0, 5)
        self.assertEqual(self.status() & NULL_COUNT, 0)

    def test_mode_0_stops_between_the_bytes_of_a_count(self):
        self.gate2(1)
        self.program(2, 0, 100)
        self.at(50)
        self.m.outb(0x42, 20)
        self.at(500)
        self.assertEqual(self.out2(), 0)
        self.m.outb(0x42, 0)
        self.zero = self.m.clock_step(1)
        self.at(19)
        self.assertEqual(self.out2(), 0)
        self.at(20)
        self.assertEqual(self.out2(), 1)

    def test_a_new_count_of_mode_2_waits_for_the_end_of_the_period(self):
        self.gate2(1)
        self.program(2, 2, 100)
        self.at(250)
        self.write(2, 1000)
        self.assertEqual(self.status() & NULL_COUNT, NULL_COUNT)
        self.at(299)
        self.assertEqual(self.count(), 1)
        self.at(300)
        self.assertEqual((self.count(), self.status() & NULL_COUNT), (1000, 0))

    def interrupts(self, clocks):
        before = pc.pit_edges(self.m)
        self.m.clock_step(clocks * 10**9 // HZ)
        return pc.pit_edges(self.m) - before

    def test_interrupt_0_of_periodic_modes(self):
        ioapic = pc.IoApic(self.m)
        ioapic.set_entry(2, 0x30)               # unmasked: nobody may sleep
        for mode in (2, 3):
            self.program(0, mode, 1193)
            self.interrupts(10)
            self.assertEqual(self.interrupts(11930), 10, f'mode {mode}')

    def test_interrupt_0_of_modes_0_and_4_comes_once(self):
        pc.IoApic(self.m).set_entry(2, 0x30)
        for mode in (0, 4):
            self.m.outb(0x43, WORD | mode << 1)
            self.interrupts(10)
            self.program(0, mode, 1000)
            self.assertEqual((self.interrupts(990), self.interrupts(20), self.interrupts(200000)), (0, 1, 0), mode)

    def test_the_pic_latches_it(self):
        pics = pc.Pics(self.m)
        self.program(0, 2, 1000)
        pics.init()
        self.assertEqual(pics.requested(0), 0)
        self.m.clock_step(10**6)
        self.assertEqual(pics.requested(0), 1)

    def test_each_acknowledge_makes_room_for_the_next(self):
        pics = pc.Pics(self.m)
        self.program(0, 2, 1193)
        pics.init()
        pics.master.imr = 0xfe
        got = 0
        for _ in range(20):
            self.m.clock_step(1000000)
            if pics.master.poll() == 0:
                got += 1
                pics.master.command(0x20)
        self.assertEqual(got, 20)

    def test_wide_and_odd_accesses(self):
        self.m.outl(0x40, 0x34000000 | 0x040404)        # channel 0, 1, 2, then the control word
        self.m.outw(0x40, 0x0304)
        self.m.inl(0x40), self.m.inw(0x41), self.m.inw(0x43), self.m.inl(0x61)
        self.assertEqual(self.m.inb(0x43), 0, 'the control word cannot be read')
        for value in range(256):
            self.m.outb(0x43, value)
            for channel in range(3):
                self.m.outb(0x40 + channel, value)
                self.m.inb(0x40 + channel)
            self.m.clock_step(1000)
        self.m.outb(0x61, 0xff)
        self.assertEqual(self.m.inb(0x61) & 0xcf, 0x03)

    def test_a_count_of_one_does_not_stop_the_world(self):
        pc.IoApic(self.m).set_entry(2, 0x30)
        for mode in (0, 2, 3, 4):
            self.program(0, mode, 1)
            self.assertLessEqual(self.interrupts(HZ // 1000), 101)

    def test_system_reset(self):
        self.program(0, 0, 5)
        self.m.qmp('system_reset')
        self.m.qmp.event('RESET')
        self.assertEqual(self.status(0) & 0x0e, 3 << 1)


class Idle(qtest.Case):
    """A timer that nobody would notice is not armed: this is ours alone."""
    def test_a_masked_latched_timer_sleeps(self):
        m = self.start('-M', 'q35,hpet=off')
        pics = pc.Pics(m)
        m.outb(0x43, 0x34)
        m.outb(0x40, 0xa9)
        m.outb(0x40, 0x04)                      # 1 kHz
        m.clock_step(10**9)
        self.assertEqual(pics.requested(0), 1)
        with self.assertRaises(qtest.QtestError) as caught:
            m.clock_step()
        self.assertIn('no timer', str(caught.exception))
        pics.master.imr = 0xfe
        self.assertEqual(pics.master.poll(), 0)
        now = m.clock_step(1)
        self.assertLess(m.clock_step() - now, 1100000, 'awake again')

    def test_unmasking_at_the_io_apic_wakes_it(self):
        m = self.start('-M', 'q35,hpet=off')
        m.irq_intercept_in(pc.IOAPIC['q35'])
        m.outb(0x43, 0x34)
        m.outb(0x40, 0xa9)
        m.outb(0x40, 0x04)
        m.clock_step(10**9)
        pc.IoApic(m).set_entry(2, 0x30)
        before = pc.pit_edges(m)
        m.clock_step(10**7)
        self.assertAlmostEqual(pc.pit_edges(m) - before, 10, delta=1)


if __name__ == '__main__':
    unittest.main()
