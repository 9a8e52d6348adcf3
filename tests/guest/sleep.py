#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's kernel goes to sleep (S3) and is woken by the monitor, on pc by a key and the RTC's alarm too."""
import os
import socket
import sys
import tempfile
import unittest

from guest import Guest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'qtest'))
import qtest  # noqa: E402


class Sleep(unittest.TestCase):
    def start(self, *args):
        folder = tempfile.mkdtemp(prefix='rhea-sleep-')
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(f'{folder}/qmp')
        listener.listen(1)
        g = Guest(['-qmp', f'unix:{folder}/qmp', *args], append='console=ttyS0 panic=-1')
        self.enterContext(g)
        sock, _ = listener.accept()
        listener.close()
        self.qmp = qtest.Qmp(sock, lambda: AssertionError('the emulator died'))
        self.addCleanup(sock.close)
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

    def test_monitor_key_and_alarm(self):
        g = self.start('-M', 'pc', '-smp', '2')
        self.sleep(g)
        self.qmp('system_wakeup')
        self.woken(g)
        self.sleep(g)
        self.qmp('send-key', keys=[{'type': 'qcode', 'data': 'spc'}])
        self.woken(g)
        self.sleep(g, 'echo 0 > /sys/class/rtc/rtc0/wakealarm; echo +3 > /sys/class/rtc/rtc0/wakealarm;')
        self.woken(g)

    def test_q35(self):
        """Once: the power management registers are not where they were then, on QEMU's q35 neither."""
        g = self.start('-M', 'q35', '-smp', '2')
        self.sleep(g)
        self.qmp('system_wakeup')
        self.woken(g)


if __name__ == '__main__':
    unittest.main()
