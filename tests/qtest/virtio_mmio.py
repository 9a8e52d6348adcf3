#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""virtio-mmio and split rings, driven through virtio-rng: reset, work, drivers that break the rules, state."""
import os
import tempfile
import unittest

import qtest
import virtio_ring as v
from virtio_ring import Driver, NEXT, WRITE, INDIRECT

BUFFER = 0x200000
MODERN = ('-global', 'virtio-mmio.force-legacy=off')
RAM_END = 128 << 20


class VirtioCase(qtest.Case):
    def machine(self, *args, modern=True):
        return self.start('-nodefaults', '-M', 'microvm', *(MODERN if modern else ()), *args)

    def rng(self, *args, modern=True, **options):
        m = self.machine('-device', 'virtio-rng-device', *args, modern=modern)
        return m, Driver(m, legacy=not modern, **options)

    def fill(self, d, buffers=((BUFFER, 32, True),), head=0):
        d.offer(d.chain(buffers, head))
        return d.take()


class Registers(VirtioCase):
    def test_empty_transports(self):
        for modern, version in ((False, 1), (True, 2)):
            m = self.machine(modern=modern)
            for n in range(24):
                d = Driver(m, v.BASE + 0x200 * n)
                self.assertEqual([d.get(r) for r in (v.MAGIC, v.VERSION, v.DEVICE_ID, v.VENDOR)],
                                 [0x74726976, version, 0, 0x554d4551])
                d.set(v.STATUS, 1)
                d.set(v.QUEUE_NOTIFY, 0)
                self.assertEqual({d.get(r) for r in range(0x10, 0x200, 4)}, {0})

    def test_after_reset(self):
        for modern, features in ((False, 0x39000000), (True, 0x10130000000)):
            m, d = self.rng(modern=modern)
            for again in (False, True):
                self.assertEqual([d.get(r) for r in (v.MAGIC, v.VERSION, v.DEVICE_ID, v.VENDOR)],
                                 [0x74726976, 2 if modern else 1, 4, 0x554d4551])
                self.assertEqual(d.offered(), features)
                self.assertEqual([d.get(r) for r in (v.STATUS, v.ISR, v.QUEUE_READY, v.QUEUE_PFN)], [0, 0, 0, 0])
                if not again:
                    d.start()
                    self.assertEqual(self.fill(d), (0, 32))
                    self.assertEqual(d.get(v.ISR), 1)
                    m.qmp('system_reset')
                    m.qmp.event('RESET')

    def test_queues_that_are_none(self):
        m, d = self.rng()
        for n, entries in ((0, 8), (1, 0), (1023, 0), (0xffffffff, 0)):
            d.set(v.QUEUE_SEL, n)
            self.assertEqual(d.get(v.QUEUE_NUM_MAX), entries)
        d.set(v.QUEUE_NUM, 4)
        d.set(v.QUEUE_READY, 1)
        self.assertEqual(d.get(v.QUEUE_READY), 0)
        d.start()
        for n in (1, 1024, 0xffffffff):
            d.set(v.QUEUE_NOTIFY, n)
        self.assertEqual(self.fill(d), (0, 32))

    def test_only_words_reach_registers(self):
        m, d = self.rng()
        self.assertEqual([m.readb(d.base), m.readw(d.base), m.readl(d.base + 2)], [0, 0, 0])
        m.writeb(d.base + v.STATUS, 1)
        self.assertEqual(d.get(v.STATUS), 0)
        self.assertEqual(m.readq(d.base), 0x274726976)

    def test_there_is_no_configuration(self):
        m, d = self.rng()
        self.assertEqual([m.readb(d.base + 0x101), m.readw(d.base + 0x102), d.get(v.CONFIG)], [0xff, 0xffff, 0xffffffff])
        d.set(v.CONFIG, 0)
        self.assertEqual(d.get(v.CONFIG), 0xffffffff)

    def test_features_need_version_1(self):
        m, d = self.rng()
        d.start(features=v.F_VERSION_1 | 1 << 50 | 1 << 3)      # what is not offered, is not taken
        self.assertTrue(d.get(v.STATUS) & v.FEATURES_OK)
        self.assertEqual(self.fill(d), (0, 32))
        m, d = self.rng('-global', 'virtio-rng-device.iommu_platform=on')
        self.assertTrue(d.offered() & 1 << 33)
        d.start()
        self.assertFalse(d.get(v.STATUS) & v.FEATURES_OK)
        d.start(features=v.F_VERSION_1 | 1 << 33)
        self.assertTrue(d.get(v.STATUS) & v.FEATURES_OK)

    def test_one_device_a_transport(self):
        m = self.machine(*['-device', 'virtio-rng-device'] * 24)
        self.assertEqual({Driver(m, v.BASE + 0x200 * n).get(v.DEVICE_ID) for n in range(24)}, {4})
        for args in (['-device', 'virtio-rng-device'] * 25,
                     ['-device', 'virtio-rng-device,bus=virtio-mmio-bus.3'] * 2):
            m = qtest.Machine('-nodefaults', '-M', 'microvm', *args, accel=None, qmp=False)
            self.addCleanup(m.close)
            self.assertEqual(m.wait_exit(), 1)
            self.assertRegex(m.stderr(), r'-device virtio-rng-device')

    def test_properties_that_cannot_be(self):
        for args, error in ((['-device', 'virtio-rng-device,period=0'], "'period'"),
                            (['-device', 'virtio-rng-device,max-bytes=9223372036854775808'], "'max-bytes'"),
                            (['-device', 'virtio-rng-device,packed=on'], "'packed'"),
                            (['-device', 'virtio-rng-device,rng=none'], 'none'),
                            (['-object', 'rng-random,id=r,filename=/nonexistent/random'], '/nonexistent/random')):
            m = qtest.Machine('-nodefaults', '-M', 'microvm', *args, accel=None, qmp=False)
            self.addCleanup(m.close)
            self.assertEqual(m.wait_exit(), 1)
            self.assertIn(error, m.stderr())


class Work(VirtioCase):
    def second_ioapic(self, m):
        for child in m.qmp('qom-list', path='/machine/unattached'):
            path = '/machine/unattached/' + child['name']
            if child['type'] == 'child<ioapic>' and m.qmp('qom-get', path=path, property='base') == 0xfec10000:
                return path
        self.fail('there is one IO APIC only')

    def test_buffers_are_filled(self):
        for modern in (True, False):
            m, d = self.rng(modern=modern)
            m.irq_intercept_in(self.second_ioapic(m))
            d.start()
            m.memset(BUFFER, 0x3000, 0)
            self.assertEqual(self.fill(d, [(BUFFER, 64, True), (BUFFER + 0x1000, 64, True)]), (0, 128))
            first, second = m.read(BUFFER, 128), m.read(BUFFER + 0x1000, 128)
            self.assertGreater(len(set(first[:64] + second[:64])), 20)
            self.assertEqual(first[64:] + second[64:], bytes(128))
            self.assertEqual((d.get(v.ISR), m.irq(23)), (1, 1))
            d.set(v.ACK, 1)
            self.assertEqual((d.get(v.ISR), m.irq(23)), (0, 0))

    def test_many_times_around(self):
        m, d = self.rng(size=4)
        d.start()
        for n in range(40):
            self.assertEqual(self.fill(d, [(BUFFER + 16 * n, 16, True)], n % 4), (n % 4, 16))
        self.assertEqual(len({m.read(BUFFER + 16 * n, 16) for n in range(40)}), 40)

    def test_several_at_once(self):
        m, d = self.rng()
        d.start()
        for n in range(8):
            d.offer(d.chain([(BUFFER + 0x100 * n, 0x100, True)], n), notify=n == 7)
        self.assertEqual([d.take() for _ in range(8)], [(n, 0x100) for n in range(8)])

    def test_large_buffer_is_filled_in_part(self):
        m, d = self.rng()
        d.start()
        head, filled = self.fill(d, [(BUFFER, 0x40000, True)])
        self.assertEqual((head, filled), (0, 0x10000))
        self.assertEqual(m.read(BUFFER + 0x10000, 64), bytes(64))

    def test_only_to_read(self):
        m, d = self.rng()
        d.start()
        self.assertEqual(self.fill(d, [(BUFFER, 32, False)]), (0, 0))

    def test_indirect_table(self):
        m, d = self.rng()
        d.start(v.F_VERSION_1 | v.F_INDIRECT)
        m.write(BUFFER, d.packed(BUFFER + 0x1000, 16, WRITE | NEXT, 2) + d.packed(0, 0, 0) + d.packed(BUFFER + 0x2000, 8, WRITE))
        d.put_desc(5, BUFFER, 48, INDIRECT)
        d.offer(5)
        self.assertEqual(d.take(), (5, 24))

    def test_driver_wants_no_interrupt(self):
        for modern in (True, False):
            m, d = self.rng(modern=modern)
            d.start()
            m.writew(d.avail, 1)
            self.fill(d)
            self.assertEqual(d.get(v.ISR), 0)
            m.writew(d.avail, 0)
            self.fill(d)
            self.assertEqual(d.get(v.ISR), 1)

    def test_legacy_driver_hears_of_an_empty_ring(self):
        m, d = self.rng(modern=False)
        d.start(v.F_NOTIFY_ON_EMPTY)
        m.writew(d.avail, 1)
        self.fill(d)
        self.assertEqual(d.get(v.ISR), 1)

    def test_event_index(self):
        m, d = self.rng()
        d.start(v.F_VERSION_1 | v.F_EVENT_IDX)
        m.writew(d.avail + 4 + 2 * d.size, 2)               # used_event: the third
        seen = []
        for n in range(5):
            self.fill(d, head=n)
            self.assertEqual(m.readw(d.used + 4 + 8 * d.size), n + 1)       # avail_event
            seen.append(d.acknowledge())
        self.assertEqual(seen, [1, 0, 1, 0, 0])             # the first: it has not been told anything before

    def test_queue_reset(self):
        m, d = self.rng()
        d.start()
        d.set(v.QUEUE_RESET, 1)                             # was not taken
        self.assertEqual(d.get(v.QUEUE_READY), 1)
        d.start(v.F_VERSION_1 | v.F_RING_RESET)
        self.fill(d)
        d.set(v.QUEUE_RESET, 1)
        self.assertEqual((d.get(v.QUEUE_READY), d.get(v.QUEUE_RESET)), (0, 0))
        d.set_queue()
        self.assertEqual(self.fill(d), (0, 32))

    def test_quota(self):
        m = self.machine('-device', 'virtio-rng-device,max-bytes=20,period=1000')
        d = Driver(m)
        d.start()
        self.assertEqual(self.fill(d, [(BUFFER, 16, True)]), (0, 16))
        self.assertEqual(self.fill(d, [(BUFFER, 16, True)]), (0, 4))
        d.offer(d.chain([(BUFFER, 16, True)]))
        m.clock_step(999_000_000)
        self.assertEqual(d.used_index(), 2)
        m.state_cycle()
        m.clock_step(1_000_001)
        self.assertEqual(d.take(), (0, 16))


class Hostile(VirtioCase):
    """Whatever the driver writes, the device breaks at most itself, says so, and works again after a reset."""
    @staticmethod
    def breaches():
        d = Driver.packed
        yield 'head beyond the ring', lambda r: r.offer(8)
        yield 'index jumps', lambda r: (setattr(r, 'next_avail', 99), r.offer(0))
        yield 'next beyond the table', lambda r: (r.put_desc(0, BUFFER, 16, WRITE | NEXT, 8), r.offer(0))
        yield 'loop of one', lambda r: (r.put_desc(0, BUFFER, 16, WRITE | NEXT, 0), r.offer(0))
        yield 'loop of two', lambda r: (r.put_desc(0, BUFFER, 16, WRITE | NEXT, 1), r.put_desc(1, BUFFER, 16, WRITE | NEXT, 0),
                                        r.offer(0))
        yield 'no bytes', lambda r: (r.put_desc(0, BUFFER, 0, WRITE), r.offer(0))
        yield 'behind RAM', lambda r: (r.put_desc(0, RAM_END, 16, WRITE), r.offer(0))
        yield 'across the end of RAM', lambda r: (r.put_desc(0, RAM_END - 8, 16, WRITE), r.offer(0))
        yield 'across the end of addresses', lambda r: (r.put_desc(0, -8, 16, WRITE), r.offer(0))
        yield 'registers of the device', lambda r: (r.put_desc(0, r.base, 16, WRITE), r.offer(0))
        yield 'read behind write', lambda r: (r.chain([(BUFFER, 16, True), (BUFFER, 16, False)]), r.offer(0))
        yield 'four gigabytes', lambda r: (r.put_desc(0, BUFFER, 0xffffffff, WRITE), r.offer(0))
        yield 'table of no bytes', lambda r: (r.put_desc(0, BUFFER, 0, INDIRECT), r.offer(0))
        yield 'table of a half', lambda r: (r.put_desc(0, BUFFER, 24, INDIRECT), r.offer(0))
        yield 'table and more', lambda r: (r.put_desc(0, BUFFER, 16, INDIRECT | NEXT, 1), r.offer(0))
        yield 'table not in RAM', lambda r: (r.put_desc(0, RAM_END, 16, INDIRECT), r.offer(0))
        yield 'table of gigabytes', lambda r: (
            r.m.write(BUFFER, b''.join(d(BUFFER + 0x10000, 1, WRITE | NEXT, n + 1) for n in range(1100))),
            r.put_desc(0, BUFFER, 0xfffffff0, INDIRECT), r.offer(0))
        yield 'table in a table', lambda r: (r.m.write(BUFFER, d(BUFFER, 16, INDIRECT)), r.put_desc(0, BUFFER, 16, INDIRECT),
                                             r.offer(0))
        yield 'loop in a table', lambda r: (r.m.write(BUFFER, d(BUFFER + 0x1000, 16, WRITE | NEXT, 0)),
                                            r.put_desc(0, BUFFER, 16, INDIRECT), r.offer(0))

    def check_broken(self, m, d):
        for _ in range(3):                                  # its main loop has been around
            m.qmp('query-status')
        self.assertTrue(d.get(v.STATUS) & v.NEEDS_RESET)
        self.assertEqual(d.get(v.ISR) & 2, 2)
        d.set(v.QUEUE_NOTIFY, 0)
        m.state_cycle()
        self.assertTrue(d.get(v.STATUS) & v.NEEDS_RESET)

    def test_each_breach(self):
        m, d = self.rng()
        for name, breach in self.breaches():
            with self.subTest(name):
                d.start()
                breach(d)
                self.check_broken(m, d)
                self.assertEqual(d.used_index(), 0)
                d.start()
                self.assertEqual(self.fill(d), (0, 32))

    def test_each_breach_by_a_legacy_driver(self):
        m, d = self.rng(modern=False)
        for name, breach in self.breaches():
            with self.subTest(name):
                d.start()
                breach(d)
                m.qmp('query-status')
                self.assertEqual((d.used_index(), d.get(v.ISR)), (0, 0))
                d.start()
                self.assertEqual(self.fill(d), (0, 32))

    def test_rings_elsewhere(self):
        m, d = self.rng()
        for where in (0xfec00000, d.base, RAM_END, 1 << 63, (1 << 64) - 4):
            for ring in ('desc', 'avail', 'used'):
                with self.subTest(ring=ring, where=hex(where)):
                    d.start()
                    d.set(v.QUEUE_READY, 0)
                    d.set_queue(**{ring: where})
                    if ring == 'avail':
                        d.set(v.QUEUE_NOTIFY, 0)
                    else:
                        d.offer(0 if ring == 'desc' else d.chain([(BUFFER, 16, True)]))
                    for _ in range(100):
                        m.qmp('query-status')
                    self.assertTrue(d.get(v.STATUS) & v.NEEDS_RESET)
                    d.start()
                    self.assertEqual(self.fill(d), (0, 32))

    def test_rings_move_while_in_use(self):
        m, d = self.rng()
        d.start()
        d.set64(v.DESC, 0xfee00000)                         # while it is ready: nothing
        d.set(v.QUEUE_NUM, 4)
        self.assertEqual(self.fill(d), (0, 32))

    def test_sizes(self):
        m, d = self.rng()
        for bad in (0, 3, 16, 1 << 16, 0xffffffff):
            d.start()
            d.set(v.QUEUE_READY, 0)
            d.set(v.QUEUE_NUM, bad)
            d.set(v.QUEUE_READY, 1)
            self.assertEqual(self.fill(d), (0, 32))

    def test_legacy_page_sizes(self):
        m, d = self.rng(modern=False)
        for bad in (0, 3, 0xffffffff):
            d.start()
            d.set(v.PAGE_SIZE, bad)
            self.assertEqual(d.get(v.QUEUE_PFN), d.ring >> 12)
            self.assertEqual(self.fill(d), (0, 32))
        d.set(v.QUEUE_PFN, 0)
        self.assertEqual(d.get(v.STATUS), 0)


class State(VirtioCase):
    def slow_source(self):
        """An RNG whose numbers come out of a pipe that is empty, and the end to fill it."""
        folder = self.enterContext(tempfile.TemporaryDirectory())
        path = os.path.join(folder, 'source')
        os.mkfifo(path)
        fd = os.open(path, os.O_RDWR)
        self.addCleanup(os.close, fd)
        m = self.machine('-object', f'rng-random,id=r,filename={path}', '-device', 'virtio-rng-device,rng=r')
        return m, Driver(m), fd

    def test_bytes_are_those_of_the_source(self):
        m, d, source = self.slow_source()
        d.start()
        d.offer(d.chain([(BUFFER, 4, True), (BUFFER + 0x100, 4, True)]))
        self.assertEqual(d.used_index(), 0)
        os.write(source, b'abcdefgh')
        self.assertEqual(d.take(), (0, 8))
        self.assertEqual((m.read(BUFFER, 4), m.read(BUFFER + 0x100, 4)), (b'abcd', b'efgh'))

    def test_saved_while_waiting(self):
        m, d, source = self.slow_source()
        d.start(v.F_VERSION_1 | v.F_EVENT_IDX)
        d.offer(d.chain([(BUFFER, 4, True)]))
        d.offer(d.chain([(BUFFER + 0x100, 4, True)], 3))
        m.state_cycle()
        self.assertEqual((d.get(v.STATUS), d.get(v.QUEUE_READY)), (0x0f, 1))
        os.write(source, b'abcd')                           # perhaps for the request of before
        os.write(source, b'efghijkl')
        self.assertEqual([d.take(), d.take()], [(0, 4), (3, 4)])

    def test_chain_that_changed_meanwhile(self):
        m, d, source = self.slow_source()
        d.start()
        d.offer(d.chain([(BUFFER, 4, True)]))
        d.put_desc(0, RAM_END, 4, WRITE)
        m.state_cycle()
        for _ in range(3):
            m.qmp('query-status')
        self.assertTrue(d.get(v.STATUS) & v.NEEDS_RESET)

    def test_reset_while_waiting(self):
        m, d, source = self.slow_source()
        for reset in (lambda: d.set(v.STATUS, 0), lambda: (m.qmp('system_reset'), m.qmp.event('RESET'))):
            d.start()
            d.offer(d.chain([(BUFFER, 4, True)]))
            reset()
            m.memset(BUFFER, 16, 0)
            os.write(source, b'abcd')
            for _ in range(3):
                m.qmp('query-status')
            self.assertEqual((m.read(BUFFER, 4), d.get(v.ISR)), (bytes(4), 0))

    def test_stopped_machine_keeps_still(self):
        m, d, source = self.slow_source()
        d.start()
        d.offer(d.chain([(BUFFER, 4, True)]))
        m.qmp('stop')
        os.write(source, b'abcd')
        for _ in range(3):
            m.qmp('query-status')
        self.assertEqual(d.used_index(), 0)
        m.qmp('cont')
        os.write(source, b'efgh')
        self.assertEqual(d.take(), (0, 4))

    def test_device_goes_while_waiting(self):
        m, d, source = self.slow_source()
        d.start()
        d.offer(d.chain([(BUFFER, 4, True)]))
        m.qmp('quit')
        self.assertEqual(m.wait_exit(), 0)


if __name__ == '__main__':
    unittest.main()
