#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Input from the monitor to the guest's keyboard and mouse: send-key, input-send-event, sendkey, mouse_*, query-mice."""
import unittest

import qtest

DATA, COMMAND = 0x60, 0x64


def keys(*names):
    return [{'type': 'number' if isinstance(n, int) else 'qcode', 'data': n} for n in names]


def key(name, down):
    return {'type': 'key', 'data': {'key': keys(name)[0], 'down': down}}


def button(name, down):
    return {'type': 'btn', 'data': {'button': name, 'down': down}}


def move(axis, value, kind='rel'):
    return {'type': kind, 'data': {'axis': axis, 'value': value}}


class InputCase(qtest.Case):
    def setUp(self):
        self.m = self.start('-M', 'pc', '-device', 'edu,id=edu')
        self.q = self.m.qmp
        self.m.outb(COMMAND, 0x60)
        self.m.outb(DATA, 0x43)                 # translation, both interrupts, both ports on
        self.mouse(0xf4)

    def drain(self):
        data = []
        while (status := self.m.inb(COMMAND)) & 1:
            data.append(('m' if status & 0x20 else '') + f'{self.m.inb(DATA):02x}')
        return ' '.join(data)

    def mouse(self, *values):
        out = []
        for value in values:
            self.m.outb(COMMAND, 0xd4)
            self.m.outb(DATA, value)
            out.append(self.drain())
        return ' '.join(out)

    def events(self, *events, **arguments):
        self.q('input-send-event', events=list(events), **arguments)
        return self.drain()

    def error(self, command, **arguments):
        with self.assertRaises(qtest.QmpError) as e:
            self.q(command, **arguments)
        self.assertEqual(self.drain(), '', 'all or nothing')
        return e.exception.desc

    def timeline(self, step_ms, until_ms):
        """What comes when, as "MS:BYTES"."""
        out = []
        for ms in range(0, until_ms, step_ms):
            if data := self.drain():
                out.append(f'{ms}:{data}')
            self.m.clock_step(step_ms * 1_000_000)
        return out


class Keys(InputCase):
    def test_pressed_in_order_released_in_reverse(self):
        self.q('send-key', keys=keys('ctrl', 'alt', 'delete'))
        self.assertEqual(self.timeline(5, 100), ['0:1d', '10:38', '20:e0 53', '30:e0 d3', '40:b8', '50:9d'])

    def test_hold_time_and_queue(self):
        self.q('send-key', keys=keys('a'), hold_time=30)
        self.q('send-key', keys=keys('b'), hold_time=30)
        self.assertEqual(self.timeline(5, 150), ['0:1e', '30:9e', '60:30', '90:b0'])

    def test_numbers(self):
        self.q('send-key', keys=keys(0x1e, 0xc8))
        self.assertEqual(self.timeline(10, 60), ['0:1e', '10:e0 48', '20:e0 c8', '30:9e'])
        self.q('send-key', keys=keys(0x1e0, -5, 'unmapped'))
        self.assertEqual(self.timeline(10, 100), [])

    def test_a_held_key_repeats(self):
        self.events(key('a', True))
        self.assertEqual(self.timeline(1, 600), ['500:1e', '592:1e'])
        self.assertEqual(self.events(key('a', False)), '9e')
        self.assertEqual(self.timeline(10, 1000), [])

    def test_repeat_survives_saving(self):
        self.events(key('a', True))
        self.m.clock_step(400_000_000)
        self.m.state_cycle()
        self.assertEqual(self.timeline(10, 150), ['100:1e'])

    def test_send_key_errors(self):
        self.assertIn("'hold-time'", self.error('send-key', keys=keys('a'), hold_time=-1))
        self.assertIn("does not accept value 'foo'", self.error('send-key', keys=keys('foo')))
        self.q('send-key', keys=[])
        self.assertEqual(self.timeline(10, 50), [])

    def test_flood(self):
        for _ in range(2000):
            self.q('send-key', keys=keys('a'))
        self.assertEqual(self.m.inb(COMMAND) & 1, 1)
        n = sum(len(t.split(':')[1].split()) for t in self.timeline(10, 12_000))
        self.assertTrue(1000 <= n <= 1030 and n % 2 == 0, n)
        self.q('send-key', keys=keys('b'))
        self.assertEqual(self.timeline(10, 50), ['0:30', '10:b0'])

    def test_sendkey(self):
        h = self.q.hmp
        self.assertEqual(h('sendkey ctrl-alt-f1'), '')
        self.assertEqual(self.timeline(10, 80), ['0:1d', '10:38', '20:3b', '30:bb', '40:b8', '50:9d'])
        self.assertEqual(h('sendkey 0x1e 50'), '')
        self.assertEqual(self.timeline(10, 110), ['0:1e', '50:9e'])
        self.assertEqual(h('sendkey <'), '')
        self.assertEqual(self.timeline(10, 40), ['0:56', '10:d6'])
        for line, part in (('sendkey a-foo', "unknown key 'foo'"), ('sendkey deleet', "did you mean 'delete'"), ('sendkey a-', "unknown key ''"),
                           ('sendkey 0x1000', "'0x1000'"), ('sendkey 0xz', "'0xz'"), ('sendkey', "'keys' is missing"),
                           ('sendkey ' + '-'.join('a' * 17), 'more than 16'), ('sendkey a -5', "'hold-time'")):
            self.assertIn(part, h(line), line)
        self.assertEqual(self.timeline(10, 50), [])


class Mouse(InputCase):
    def test_motion_and_buttons(self):
        rows = [((move('x', 5), move('y', 7)), 'm28 m05 mf9'), ((move('x', -5), move('y', -7)), 'm18 mfb m07'),
                ((button('left', True),), 'm09 m00 m00'), ((button('right', True), move('x', 1)), 'm0b m01 m00'),
                ((button('middle', True),), 'm0f m00 m00'), ((button('left', False), button('right', False), button('middle', False)), 'm08 m00 m00'),
                ((move('x', 300),), 'm08 m7f m00 m08 m7f m00 m08 m2e m00'), ((button('wheel-up', True),), 'm08 m00 m00')]
        for events, report in rows:
            self.assertEqual(self.events(*events), report, events)

    def test_wheel_and_five_buttons(self):
        self.mouse(0xf3, 200, 0xf3, 100, 0xf3, 80)
        self.assertEqual(self.mouse(0xf2), 'mfa m03')
        self.assertEqual(self.events(button('wheel-up', True)), 'm08 m00 m00 mff')
        self.assertEqual(self.events(button('wheel-up', False)), 'm08 m00 m00 m00')
        self.assertEqual(self.events(button('wheel-down', True)), 'm08 m00 m00 m01')
        self.mouse(0xf3, 200, 0xf3, 200, 0xf3, 80)
        self.assertEqual(self.mouse(0xf2), 'mfa m04')
        for name, fourth in (('wheel-up', 'm0f'), ('wheel-down', 'm01'), ('side', 'm10'), ('extra', 'm20'), ('wheel-left', 'm41'), ('wheel-right', 'm7f')):
            self.assertEqual(self.events(button(name, True)), f'm08 m00 m00 {fourth}', name)
            self.assertEqual(self.events(button(name, False)), 'm08 m00 m00 m00', name)

    def test_values_are_limited(self):
        for value in (2**63 - 1, -2**63, 2**31, 40000):
            self.events(move('x', value), move('y', value))
        self.assertLess(len(self.drain().split()), 1000)

    def test_hmp(self):
        h = self.q.hmp
        for line, report in (('mouse_move 5 7', 'm28 m05 mf9'), ('mouse_move -3 -2 1', 'm18 mfd m02 m08 m00 m00'), ('mouse_button 1', 'm09 m00 m00'),
                             ('mouse_button 7', 'm0f m00 m00'), ('mouse_button 0', 'm08 m00 m00'), ('mouse_set 2', '')):
            self.assertEqual(h(line), '')
            self.assertEqual(self.drain(), report, line)
        for line, part in (('mouse_move 1', "'dy' is missing"), ('mouse_move a 1', "'dx' takes a number"), ('mouse_move 1 99999', "'dy'"),
                           ('mouse_set 99', "Mouse at index '99' not found"), ('mouse_set 1', "'QEMU PS/2 Keyboard' is not a mouse"),
                           ('mouse_button', "'state' is missing")):
            self.assertIn(part, h(line))
        self.assertEqual(self.drain(), '')

    def test_list(self):
        self.assertEqual(self.q('query-mice'), [{'name': 'QEMU PS/2 Mouse', 'index': 2, 'current': True, 'absolute': False}])
        self.assertEqual(self.q.hmp('info mice'), '* Mouse #2: QEMU PS/2 Mouse\n')


class Delivery(InputCase):
    def test_nobody_takes_it(self):
        self.assertEqual(self.error('input-send-event', events=[move('x', 5, 'abs')]), 'Input handler not found for event type abs')
        self.assertEqual(self.error('input-send-event', events=[button('left', True), move('x', 5, 'abs')]),
                         'Input handler not found for event type abs')
        touch = {'type': 'mtt', 'data': {'type': 'begin', 'slot': 0, 'tracking-id': 0, 'axis': 'x', 'value': 0}}
        self.assertEqual(self.error('input-send-event', events=[touch]), 'Input handler not found for event type mtt')

    def test_consoles(self):
        self.assertIn("'nope' not found", self.error('input-send-event', device='nope', events=[]))
        self.assertIn("'edu' is no display device", self.error('input-send-event', device='edu', events=[]))
        path = [p['name'] for p in self.q('qom-list', path='/machine/unattached') if p['type'] == 'child<VGA>']
        self.assertEqual(self.events(key('a', True), device='/machine/unattached/' + path[0], head=0), '1e')
        self.assertIn('head', self.error('input-send-event', device='/machine/unattached/' + path[0], head=4, events=[]))

    def test_a_stopped_machine_hears_nothing(self):
        self.q('stop')
        self.assertEqual(self.error('input-send-event', events=[key('a', True)]), 'VM not running')
        self.q('send-key', keys=keys('a'))
        self.q.hmp('mouse_move 5 5')
        self.q('cont')
        self.assertEqual(self.timeline(10, 100), [])

    def test_without_keyboard_controller(self):
        m = self.start('-M', 'pc,i8042=off')
        self.assertEqual(m.qmp('query-mice'), [])
        self.assertEqual(m.qmp.hmp('info mice'), 'No mouse devices connected\n')
        m.qmp('send-key', keys=keys('a'))
        with self.assertRaises(qtest.QmpError) as e:
            m.qmp('input-send-event', events=[button('left', True)])
        self.assertIn('event type btn', e.exception.desc)
        self.assertEqual(m.qmp.hmp('mouse_move 1 1'), '')


if __name__ == '__main__':
    unittest.main()
