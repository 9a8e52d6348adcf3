#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""CPUs that come and go: device_add and device_del, the ACPI registers by which a guest hears of it, what monitors show."""
import os
import unittest

import qtest

BOARDS = {'pc': (0xaf00, 0xafe0, 2), 'q35': (0xcd8, 0x620, 8)}      # registers, GPE0 block, bytes of its status half
TYPE = 'qemu64-x86_64-cpu'
ENABLED, INSERTING, REMOVING, EJECT = 1, 2, 4, 8
NEXT, OST_EVENT, OST_STATUS, ID = range(4)


class Registers:
    def __init__(self, m, board):
        self.m, (self.base, self.gpe, self.gpe_bytes) = m, BOARDS[board]

    def select(self, cpu):
        self.m.outl(self.base, cpu)

    def status(self, cpu=None):
        if cpu is not None:
            self.select(cpu)
        return self.m.inb(self.base + 4)

    def control(self, value):
        self.m.outb(self.base + 4, value)

    def command(self, n):
        self.m.outb(self.base + 5, n)

    def data(self):
        return self.m.inl(self.base + 8)

    def news(self):
        """GPE 2, which is cleared."""
        pending = self.m.inb(self.gpe) >> 2 & 1
        self.m.outb(self.gpe, 4)
        return pending


class CpuHotplug(qtest.Case):
    def each_board(self, *args):
        for board in BOARDS:
            with self.subTest(board=board):
                m = self.start('-M', board, *args)
                yield m, Registers(m, board)

    def add(self, m, name, **ids):
        m.qmp('device_add', driver=TYPE, id=name, **({'socket_id': 0, 'thread_id': 0} | ids))

    def refused(self, words, command, m, **arguments):
        with self.assertRaises(qtest.QmpError) as e:
            m.qmp(command, **arguments)
        for word in words:
            self.assertIn(word, e.exception.desc)

    def cpus(self, m):
        return {c['cpu-index']: c['qom-path'] for c in m.qmp('query-cpus-fast')}

    def test_registers_as_observed_on_qemu(self):
        """What QEMU 11.1 answered, step by step, with a CPU that -device put into place 3 of 4, the third left free."""
        for m, r in self.each_board('-smp', '2,maxcpus=4', '-device', f'{TYPE},socket-id=0,core-id=3,thread-id=0'):
            self.assertEqual([m.inb(r.base + i) for i in range(14)], [0] * 4 + [1] + [0] * 7 + [0xff] * 2)
            self.assertEqual((m.inl(r.base + 4), m.inw(r.base + 4)), (1, 1))
            self.assertEqual([r.status(i) for i in range(4)], [1, 1, 0, 1])
            r.command(ID)
            self.assertEqual((r.data(), m.inl(r.base)), (3, 0))
            r.select(9)
            self.assertEqual((r.data(), r.status(), m.inl(r.base)), (0, 0, 0))
            r.select(3)
            r.command(NEXT)
            self.assertEqual((r.data(), m.inl(r.base)), (3, 0))
            r.command(OST_EVENT)
            self.assertEqual(r.data(), 0)
            r.command(7)
            self.assertEqual(r.data(), 0)
            r.control(EJECT)
            self.assertEqual((r.status(), m.inb(r.base + 5), m.inw(r.base + 8), m.inb(r.base + 8)), (0, 0, 0, 0))
            self.assertEqual(m.qmp.event('DEVICE_DELETED')['data'], {'path': '/machine/peripheral-anon/device[0]'})
            self.assertEqual(set(self.cpus(m)), {0, 1})

    def test_apic_ids_have_gaps(self):
        for m, r in self.each_board('-smp', '1,maxcpus=6,sockets=2,cores=3'):
            r.command(ID)
            ids = []
            for i in range(6):
                r.select(i)
                ids.append(r.data())
            self.assertEqual(ids, [0, 1, 2, 4, 5, 6])
            m.qmp('device_add', driver=TYPE, id='by', apic_id=5)
            self.assertIn(4, self.cpus(m))
            self.assertEqual([c['props']['core-id'] for c in m.qmp('query-cpus-fast')], [0, 1])
            self.refused(['apic-id=3'], 'device_add', m, driver=TYPE, apic_id=3)
            self.refused(['core-id=0', 'apic-id=6', '2'], 'device_add', m, driver=TYPE, apic_id=6, core_id=0)

    def test_coming_and_going(self):
        for m, r in self.each_board('-smp', '2,maxcpus=4'):
            r.news()
            self.add(m, 'late', core_id=2)
            self.assertEqual(self.cpus(m)[2], '/machine/peripheral/late')
            place = [c for c in m.qmp('query-hotpluggable-cpus') if c['props']['core-id'] == 2][0]
            self.assertEqual(place['qom-path'], '/machine/peripheral/late')
            self.assertEqual(r.news(), 1)
            self.assertEqual([r.status(i) for i in range(4)], [1, 1, 1 | INSERTING, 0])
            r.select(0)
            r.command(NEXT)
            self.assertEqual(r.data(), 2)
            r.control(INSERTING)
            self.assertEqual(r.status(), ENABLED)
            self.assertEqual(m.qmp('qom-get', path='/machine/peripheral/late', property='hotplugged'), True)

            r.command(OST_EVENT)
            m.outl(r.base + 8, 1)
            r.command(OST_STATUS)
            m.outl(r.base + 8, 0x1234)
            info = {'slot': '2', 'slot-type': 'CPU', 'source': 1, 'status': 0x1234, 'device': 'late'}
            self.assertEqual(m.qmp.event('ACPI_DEVICE_OST')['data']['info'], info)
            self.assertEqual(m.qmp('query-acpi-ospm-status')[2], info)
            self.assertEqual(m.qmp('query-acpi-ospm-status')[3], {'slot': '3', 'slot-type': 'CPU', 'source': 0, 'status': 0})

            m.qmp('device_del', id='late')
            self.assertEqual(r.news(), 1)
            r.select(3)
            r.command(NEXT)
            self.assertEqual((r.data(), r.status()), (2, ENABLED | REMOVING))
            r.control(REMOVING)
            self.assertEqual(r.status(), ENABLED)
            r.control(EJECT)
            self.assertEqual(r.status(), 0, 'gone for the guest at once')
            self.assertEqual(m.qmp.event('DEVICE_DELETED')['data'], {'device': 'late', 'path': '/machine/peripheral/late'})
            self.assertEqual(set(self.cpus(m)), {0, 1})

    def test_the_machines_own_go_too_but_the_first(self):
        for m, r in self.each_board('-smp', '3'):
            self.refused(['CPU 0'], 'device_del', m, id=self.cpus(m)[0])
            r.select(0)
            r.control(EJECT)
            self.assertEqual(r.status(), ENABLED)
            m.qmp('device_del', id=self.cpus(m)[1])
            r.select(1)
            r.control(EJECT)
            m.qmp.event('DEVICE_DELETED')
            self.assertEqual(set(self.cpus(m)), {0, 2})
            self.assertEqual(m.qmp.hmp('info cpus').count('CPU #'), 2)
            self.assertIn('CPU#2', m.qmp.hmp('info registers -a'))
            self.assertIn('invalid CPU index', m.qmp.hmp('cpu 1'))
            self.add(m, 'again', core_id=1)
            self.assertEqual(set(self.cpus(m)), {0, 1, 2})

    def test_firmware_hears_of_the_count(self):
        for m, r in self.each_board('-smp', '1,maxcpus=3', '-device', f'{TYPE},socket-id=0,core-id=2,thread-id=0'):
            def counts():
                m.outb(0x70, 0x5f)
                cmos = m.inb(0x71)
                m.outw(0x510, 5)
                return m.inb(0x511), cmos
            self.assertEqual(counts(), (2, 1))
            self.add(m, 'late', core_id=1)
            self.assertEqual(counts(), (3, 2))
            r.select(1)
            r.control(EJECT)
            m.qmp.event('DEVICE_DELETED')
            self.assertEqual(counts(), (2, 1))

    def test_mistakes(self):
        m = self.start('-M', 'q35', '-smp', '1,maxcpus=4,dies=2')
        self.refused(['core-id', 'not set'], 'device_add', m, driver=TYPE, id='a', socket_id=0, die_id=0, thread_id=0)
        self.refused(['die-id', 'not set'], 'device_add', m, driver=TYPE, id='a', socket_id=0, core_id=0, thread_id=0)
        self.refused(['core-id=2', '0 to 1'], 'device_add', m, driver=TYPE, id='a', socket_id=0, die_id=0, core_id=2, thread_id=0)
        self.refused(['CPU 0', 'there already'], 'device_add', m, driver=TYPE, id='a', socket_id=0, die_id=0, core_id=0, thread_id=0)
        self.refused([TYPE, 'max-x86_64-cpu'], 'device_add', m, driver='max-x86_64-cpu', socket_id=0, die_id=0, core_id=1, thread_id=0)
        self.refused(['node-id=1'], 'device_add', m, driver=TYPE, socket_id=0, die_id=0, core_id=1, thread_id=0, node_id=1)
        self.add(m, 'a', die_id=1, core_id=0)
        self.refused(['Duplicate'], 'device_add', m, driver=TYPE, id='a', socket_id=0, die_id=0, core_id=1, thread_id=0)
        self.assertEqual(set(self.cpus(m)), {0, 2}, 'a refused CPU leaves nothing behind')
        m = self.start('-M', 'pc,acpi=off', '-smp', '1,maxcpus=2')
        self.refused(['ACPI'], 'device_add', m, driver=TYPE, socket_id=0, core_id=1, thread_id=0)
        self.refused(['ACPI'], 'query-acpi-ospm-status', m)
        m = self.start('-M', 'pc,acpi=off', '-smp', '1,maxcpus=2', '-device', f'{TYPE},socket-id=0,core-id=1,thread-id=0,id=c')
        self.assertEqual(self.cpus(m)[1], '/machine/peripheral/c')
        self.refused(['ACPI'], 'device_del', m, id='c')

    def test_features_of_cpu_option(self):
        m = self.start('-M', 'q35', '-cpu', 'qemu64,-sse3,+smep', '-smp', '1,maxcpus=3')
        self.add(m, 'same', core_id=1)
        self.add(m, 'other', core_id=2, smep=False)
        value = lambda cpu, name: m.qmp('qom-get', path=f'/machine/peripheral/{cpu}', property=name)    # noqa: E731
        self.assertEqual([value(c, n) for c in ('same', 'other') for n in ('sse3', 'smep')], [False, True, False, False])

    def test_many_times_leave_nothing(self):
        m = self.start('-M', 'q35', '-smp', '1,maxcpus=2')
        r = Registers(m, 'q35')
        threads = lambda: len(os.listdir(f'/proc/{m.process.pid}/task'))        # noqa: E731
        before = threads()
        for i in range(200):
            self.add(m, 'c', core_id=1)
            self.assertGreater(threads(), before)
            if i % 2:
                m.qmp('stop')
            r.select(1)
            r.control(EJECT)
            m.qmp.event('DEVICE_DELETED')
            if i % 2:
                m.qmp('cont')
        self.assertEqual(threads(), before)

    def test_state_is_the_guests(self):
        """A stopped guest's registers hold over a system reset, as QEMU's do."""
        for m, r in self.each_board('-smp', '1,maxcpus=2'):
            self.add(m, 'c', core_id=1)
            m.qmp('system_reset')
            m.qmp.event('RESET')
            self.assertEqual(r.status(1), ENABLED | INSERTING)


if __name__ == '__main__':
    unittest.main()
