#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Watchdogs (i6300esb, ib700, TCO), pvpanic, and what -action makes of them."""
import unittest

import qtest

S = 1_000_000_000
BAR = 0xe0000000


class Ib700(qtest.Case):
    def test_counts_down_in_two_seconds_a_step(self):
        for code, seconds in (0xf, 0), (0xe, 2), (0x0, 30):
            m = self.start('-M', 'pc', '-nodefaults', '-device', 'ib700', '-action', 'watchdog=none')
            m.outb(0x443, code)
            if seconds:
                m.clock_step(seconds * S - 1)
                self.assertNotIn('WATCHDOG', [e['event'] for e in m.qmp.events])
            m.state_cycle()
            m.clock_step(1)
            self.assertEqual(m.qmp.event('WATCHDOG')['data'], {'action': 'none'})
            self.assertEqual(m.inb(0x443), 0xff, 'write-only')

    def test_disabled_and_restarted(self):
        m = self.start('-M', 'pc', '-nodefaults', '-device', 'ib700', '-action', 'watchdog=pause')
        m.outb(0x443, 0xe)
        m.clock_step(S)
        m.outb(0x443, 0xe)
        m.clock_step(S + S // 2)
        m.outb(0x441, 0)
        m.clock_step(100 * S)
        self.assertEqual(m.qmp('query-status')['status'], 'running')
        m.outb(0x443, 0xe)
        m.clock_step(2 * S)
        m.qmp.event('STOP')
        self.assertEqual(m.qmp('query-status')['status'], 'watchdog')


class I6300esb(qtest.Case):
    def start_esb(self, action='none'):
        m = self.start('-M', 'pc', '-nodefaults', '-device', 'i6300esb,addr=5', '-action', f'watchdog={action}')
        m.pci_write(5, 0, 0x10, 4, BAR)
        m.pci_write(5, 0, 4, 2, 2)
        return m

    def unlock(self, m):
        m.writeb(BAR + 0xc, 0x80)
        m.writeb(BAR + 0xc, 0x86)

    def preload(self, m, first, second):
        self.unlock(m)
        m.writel(BAR, first)
        self.unlock(m)
        m.writel(BAR + 4, second)

    def test_identity(self):
        m = self.start_esb()
        self.assertEqual([m.pci_read(5, 0, r, 4) for r in (0, 8, 0x2c)], [0x25ab8086, 0x08800000, 0x11001af4])

    def test_two_stages(self):
        m = self.start_esb('reset')
        self.preload(m, 1000, 2000)                     # of 32768 PCI clocks each
        m.pci_write(5, 0, 0x68, 1, 2)
        tick = 32768 * S // 33_000_000
        m.clock_step(1000 * tick)
        m.state_cycle()                                 # saves the deadline
        m.clock_step(1990 * tick)
        self.assertNotIn('WATCHDOG', [e['event'] for e in m.qmp.events])
        m.clock_step(20 * tick)
        m.qmp.event('WATCHDOG')
        m.qmp.event('RESET')
        m.pci_write(5, 0, 0x10, 4, BAR)
        m.pci_write(5, 0, 4, 2, 2)
        self.assertEqual(m.readw(BAR + 0xc), 0x1200, 'timed out: survives the reset')
        self.unlock(m)
        m.writew(BAR + 0xc, 0x200)
        self.assertEqual(m.readw(BAR + 0xc), 0)

    def test_reloaded_in_time(self):
        m = self.start_esb()
        self.preload(m, 1000, 1000)
        m.pci_write(5, 0, 0x60, 2, 4)                   # 1 MHz
        m.pci_write(5, 0, 0x68, 1, 2)
        tick = 32 * S // 33_000_000
        for _ in range(10):
            m.clock_step(1500 * tick)
            self.unlock(m)
            m.writew(BAR + 0xc, 0x100)
        self.assertNotIn('WATCHDOG', [e['event'] for e in m.qmp.events])
        m.clock_step(2100 * tick)
        m.qmp.event('WATCHDOG')

    def test_locked(self):
        m = self.start_esb()
        m.writel(BAR, 1)
        m.writel(BAR + 4, 1)                            # without the unlock sequence: no effect
        m.writeb(BAR + 0xc, 0x86)
        m.writel(BAR, 1)
        m.pci_write(5, 0, 0x68, 1, 2)
        m.clock_step(10 * S)
        self.assertNotIn('WATCHDOG', [e['event'] for e in m.qmp.events])
        m.pci_write(5, 0, 0x68, 1, 3)
        m.pci_write(5, 0, 0x68, 1, 0)
        self.assertEqual(m.pci_read(5, 0, 0x68, 1), 3, 'LOCK holds it on')
        m.state_cycle()
        m.pci_write(5, 0, 0x68, 1, 0)
        self.assertEqual(m.pci_read(5, 0, 0x68, 1), 3)

    def test_output_off(self):
        m = self.start_esb()
        self.preload(m, 1, 1)
        m.pci_write(5, 0, 0x60, 2, 0x20)
        m.pci_write(5, 0, 0x68, 1, 6)                   # free running
        m.clock_step(S)
        self.assertNotIn('WATCHDOG', [e['event'] for e in m.qmp.events])


class Pvpanic(qtest.Case):
    def devices(self, *args, events=''):
        m = self.start('-M', 'pc', '-nodefaults', '-device', f'pvpanic{events}', *args)
        yield m, m.inb, lambda v, m=m: m.outb(0x505, v)
        m = self.start('-M', 'pc', '-nodefaults', '-device', f'pvpanic-pci,addr=5{events}', *args)
        m.pci_write(5, 0, 0x10, 4, BAR)
        m.pci_write(5, 0, 4, 2, 2)
        yield m, lambda port, m=m: m.readb(BAR), lambda v, m=m: m.writeb(BAR, v)

    def test_events_offered(self):
        for events, wanted in ('', 7), (',events=1', 1):
            for m, read, write in self.devices(events=events):
                self.assertEqual(read(0x505), wanted)

    def test_panic_pauses_or_ends(self):
        for m, read, write in self.devices('-action', 'panic=pause'):
            write(1)
            self.assertEqual(m.qmp.event('GUEST_PANICKED')['data']['action'], 'pause')
            m.qmp.event('STOP')
            self.assertEqual(m.qmp('query-status')['status'], 'guest-panicked')
        for m, read, write in self.devices('-action', 'panic=exit-failure'):
            m.expect_death = True
            write(1)
            self.assertEqual(m.wait_exit(), 1)

    def test_crash_kernel_and_shutdown(self):
        for m, read, write in self.devices('-no-shutdown'):
            write(2)
            self.assertEqual(m.qmp.event('GUEST_CRASHLOADED')['data'], {'action': 'run'})
            write(0xf8)                                 # unknown events
            self.assertEqual(m.qmp('query-status')['status'], 'running')
            write(4)
            m.qmp.event('GUEST_PVSHUTDOWN')
            self.assertEqual(m.qmp.event('SHUTDOWN')['data'], {'guest': True, 'reason': 'guest-shutdown'})


if __name__ == '__main__':
    unittest.main()
