#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's kernel goes to sleep (S3) and is woken by the monitor, a key, and on pc the RTC's alarm too."""
import unittest

from guest import start_with_qmp

SPACE = [{'type': 'qcode', 'data': 'spc'}]


class Sleep(unittest.TestCase):
    def start(self, *args):
        g, self.qmp = start_with_qmp(self, args)
        g.prompt()
        return g

    def sleep(self, g, before=''):
        g.send(f'{before} echo mem > /sys/power/state; echo "woken=""$?"')
        self.qmp.event('SUSPEND')
        self.assertEqual(self.qmp('query-status')['status'], 'suspended')

    def woken(self, g):
        self.qmp.event('WAKEUP')
        g.expect('woken=0')
        g.prompt()
        self.assertEqual(self.qmp('query-status')['status'], 'running')

    def sleep_until(self, g, command, **arguments):
        self.sleep(g)
        self.qmp(command, **arguments)
        self.woken(g)

    def test_monitor_key_and_alarm(self):
        g = self.start('-M', 'pc', '-smp', '2')
        self.sleep_until(g, 'system_wakeup')
        self.sleep_until(g, 'send-key', keys=SPACE)
        self.sleep(g, 'echo 0 > /sys/class/rtc/rtc0/wakealarm; echo +3 > /sys/class/rtc/rtc0/wakealarm;')
        self.woken(g)

    def test_q35(self):
        """Again and again: the power management block stays where it was."""
        g = self.start('-M', 'q35', '-smp', '2')
        for _ in range(3):
            self.sleep_until(g, 'system_wakeup')
        self.sleep_until(g, 'send-key', keys=SPACE)


if __name__ == '__main__':
    unittest.main()
