#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""8042 keyboard controller with keyboard and mouse: commands, answers, interrupts, misuse. Keys: tests/unit/hw/test-ps2.c."""
import unittest

import pc
import qtest

DATA, COMMAND = 0x60, 0x64
OBF, SYS, CMD, UNLOCKED, AUX = 0x01, 0x04, 0x08, 0x10, 0x20
ACK = 0xfa


class I8042(qtest.Case):
    def setUp(self):
        self.m = self.start('-M', 'pc')
        self.m.irq_intercept_in(pc.IOAPIC['pc'])

    def command(self, value, argument=None):
        self.m.outb(COMMAND, value)
        if argument is not None:
            self.m.outb(DATA, argument)

    def drain(self):
        """All bytes that wait: numbers, those of the mouse plus 0x100."""
        data = []
        while (status := self.m.inb(COMMAND)) & OBF:
            data.append(self.m.inb(DATA) | (0x100 if status & AUX else 0))
        return data

    def keyboard(self, *values):
        data = []
        for value in values:
            self.m.outb(DATA, value)
            data += self.drain()
        return data

    def mouse(self, *values):
        data = []
        for value in values:
            self.command(0xd4, value)
            data += self.drain()
        self.assertTrue(all(d >= 0x100 for d in data), data)
        return [d - 0x100 for d in data]

    def test_reset_state(self):
        self.assertEqual(self.m.inb(COMMAND) & ~CMD, UNLOCKED)
        self.assertEqual(self.m.inb(DATA), 0)
        self.command(0x20)
        self.assertEqual(self.drain(), [0x03])
        self.assertEqual((self.m.irq(1), self.m.irq(12)), (0, 0))

    def test_controller_commands(self):
        rows = [((0xaa,), [0x55], 'self test'), ((0xab,), [0x00], 'keyboard port test'), ((0xa9,), [0x00], 'mouse port test'),
                ((0xc0,), [0x80], 'input port: not locked'), ((0x60, 0x47), [], 'write configuration'),
                ((0x20,), [0x47], 'read it'), ((0xa7,), [], 'stop the mouse'), ((0x20,), [0x67], 'shows'),
                ((0xa8,), [], 'let it go'), ((0xad,), [], 'stop the keyboard'), ((0x20,), [0x57], 'shows'),
                ((0xae,), [], 'let it go'), ((0x20,), [0x47], 'shows'), ((0xd2, 0x5a), [0x5a], 'as if from the keyboard'),
                ((0xd3, 0xa5), [0x1a5], 'as if from the mouse'), ((0xff,), [], 'nothing'), ((0xd0,), [0xcf], 'output port')]
        for words, answer, claim in rows:
            self.command(*words)
            self.assertEqual(self.drain(), answer, claim)

    def test_self_test_sets_the_system_flag(self):
        self.assertEqual(self.m.inb(COMMAND) & SYS, 0)
        self.command(0xaa)
        self.assertEqual(self.m.inb(COMMAND) & (SYS | OBF), SYS | OBF)

    def test_keyboard_commands(self):
        rows = [((0xff,), [ACK, 0xaa], 'reset'), ((0xee,), [0xee], 'echo'), ((0xf2,), [ACK, 0xab, 0x83], 'identify'),
                ((0xf0, 0), [ACK, ACK, 2], 'set 2 at first'), ((0xf0, 1), [ACK, ACK], 'choose set 1'),
                ((0xf0, 0), [ACK, ACK, 1], 'shows'), ((0xf6,), [ACK], 'defaults'), ((0xf0, 0), [ACK, ACK, 2], 'set 2 again'),
                ((0xf0, 4), [ACK, 0xfe], 'there is no set 4'), ((0xed, 7), [ACK, ACK], 'lamps'),
                ((0xf3, 0x20), [ACK, ACK], 'repeat rate'), ((0xf5,), [ACK], 'stop scanning'), ((0xf4,), [ACK], 'scan'),
                ((0xe0,), [0xfe], 'no such command'), ((0xed, 0xf4), [ACK, ACK], 'a command instead of an argument')]
        for words, answer, claim in rows:
            self.assertEqual(self.keyboard(*words), answer, claim)

    def test_translation_changes_what_is_sent(self):
        self.command(0x60, 0x47)
        self.assertEqual(self.keyboard(0xf2), [ACK, 0xab, 0x41])
        self.assertEqual(self.keyboard(0xf0, 0), [ACK, ACK, 0x41])

    def test_mouse_commands(self):
        rows = [((0xff,), [ACK, 0xaa, 0], 'reset'), ((0xf2,), [ACK, 0], 'identify'), ((0xe9,), [ACK, 0, 2, 100], 'status'),
                ((0xe8, 3), [ACK, ACK], 'resolution'), ((0xf3, 40), [ACK, ACK], 'rate'), ((0xe7,), [ACK], 'scaling 2:1'),
                ((0xf4,), [ACK], 'enable'), ((0xe9,), [ACK, 0x30, 3, 40], 'status'), ((0xf0,), [ACK], 'remote mode'),
                ((0xe9,), [ACK, 0x70, 3, 40], 'status'), ((0xeb,), [ACK, 8, 0, 0], 'poll'), ((0xea,), [ACK], 'stream mode'),
                ((0xee,), [ACK], 'wrap mode'), ((0x55,), [0x55], 'echoes'), ((0xf2,), [0xf2], 'commands too'),
                ((0xec,), [ACK], 'until told'), ((0xf6,), [ACK], 'defaults'), ((0xe9,), [ACK, 0, 2, 100], 'status'),
                ((0xe1,), [0xfe], 'no such command')]
        for words, answer, claim in rows:
            self.assertEqual(self.mouse(*words), answer, claim)

    def test_interrupts(self):
        self.m.outb(DATA, 0xee)
        self.assertEqual((self.m.irq(1), self.m.irq(12)), (1, 0))
        self.m.inb(DATA)
        self.assertEqual(self.m.irq(1), 0)
        self.command(0xd4, 0xf2)
        self.assertEqual((self.m.irq(1), self.m.irq(12)), (0, 1))
        self.m.inb(DATA)
        self.assertEqual(self.m.irq(12), 1, 'the next byte')
        self.m.inb(DATA)
        self.assertEqual(self.m.irq(12), 0)

    def test_each_byte_is_an_edge(self):
        self.m.outb(DATA, 0xf2)
        self.drain()
        self.assertEqual([e for e in self.m.irq_log if e[0] == 1], [(1, 1), (1, 0)] * 3)

    def test_interrupts_are_enabled_by_the_configuration(self):
        self.command(0x60, 0x00)
        self.m.outb(DATA, 0xee)
        self.assertEqual(self.m.irq(1), 0)
        self.command(0x60, 0x01)
        self.assertEqual(self.m.irq(1), 1, 'for the byte that waits')
        self.command(0x60, 0x02)
        self.assertEqual(self.m.irq(1), 0)

    def test_a_stopped_port_holds_its_bytes(self):
        self.command(0xa7)
        self.command(0xd4, 0xf2)                # sending lets it go
        self.assertEqual(self.drain(), [0x1fa, 0x100])
        self.command(0x60, 0x33)
        self.m.outb(DATA, 0xee)
        self.assertEqual(self.drain(), [0xee])
        self.command(0x20)
        self.assertEqual(self.drain(), [0x23], 'the keyboard is let go, the mouse not')

    def test_an_answer_waits_for_the_buffer(self):
        self.m.outb(DATA, 0xf2)
        self.command(0x20)
        self.assertEqual(self.drain(), [ACK, 0x03, 0xab, 0x83])

    def test_reset_by_pulse(self):
        for value in (0xf0, 0xfe):
            self.command(value)
            self.assertTrue(self.m.qmp.event('RESET')['data']['guest'])

    def test_reset_clears(self):
        self.command(0x60, 0x47)
        self.m.outb(DATA, 0xf2)
        self.command(0xd1, 0xdd)
        self.m.qmp('system_reset')
        self.m.qmp.event('RESET')
        self.assertEqual(self.drain(), [])
        self.command(0x20)
        self.assertEqual(self.drain(), [0x03])
        self.command(0xd0)
        self.assertEqual(self.drain(), [0xcf])

    def test_every_command_byte(self):
        for value in range(256):
            if value & 0xf1 == 0xf0 or value == 0xd1:
                continue                        # these reset
            self.command(value, value)
            self.drain()
            self.keyboard(value)
            self.command(0xd4, value)
            self.drain()
        self.command(0xae)
        self.assertEqual(self.keyboard(0xff), [ACK, 0xaa])

    def test_commands_that_nobody_reads(self):
        for _ in range(1000):
            self.m.outb(DATA, 0xf2)
            self.command(0xd4, 0xe9)
            self.command(0x20)
        self.drain()
        self.assertEqual(self.keyboard(0xee), [0xee])

    def test_wide_accesses(self):
        self.m.outw(DATA, 0xeeee), self.m.outl(COMMAND, 0x20202020)
        self.m.inw(DATA), self.m.inl(COMMAND), self.m.inw(COMMAND)
        self.drain()
        self.assertEqual(self.keyboard(0xee), [0xee])


class Port92(qtest.Case):
    def test_holds_its_bits(self):
        m = self.start('-M', 'pc')
        self.assertEqual(m.inb(0x92), 0)
        m.outb(0x92, 0x02)
        self.assertEqual(m.inb(0x92), 0x02)
        m.outb(0x92, 0xfc)
        self.assertEqual(m.inb(0x92), 0xfc)

    def test_bit_0_resets_when_it_rises(self):
        m = self.start('-M', 'pc')
        m.outb(0x92, 0x01)
        self.assertTrue(m.qmp.event('RESET')['data']['guest'])

    def test_wide_accesses(self):
        m = self.start('-M', 'pc')
        m.outw(0x91, 0x0200)
        self.assertEqual(m.inb(0x92), 2)
        m.inl(0x90), m.inw(0x92)


if __name__ == '__main__':
    unittest.main()
