#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest whose devices and vCPUs are saved, reset and loaded, again and again, while it works: it does not notice."""
import os
import socket
import tempfile
import unittest

from guest import Guest

CYCLES = 60
WORK = ('for i in $(seq 1 25); do dd if=/dev/zero bs=64k count=20 2>/dev/null | md5sum; done | sort | uniq -c; '
        'echo d"on"e')
MD5 = '1045bfd216ae1ae480dd0ef626f5ff39'        # of 1,310,720 zero bytes


class State(unittest.TestCase):
    def cycle_under_load(self, machine, cpus):
        with tempfile.TemporaryDirectory() as d:
            path = os.path.join(d, 'qtest')
            args = ['-M', machine, '-smp', str(cpus), '-accel', 'tcg', '-qtest', f'unix:{path},server=on,wait=off',
                    '-qtest-log', '/dev/null']
            with Guest(args) as g, socket.socket(socket.AF_UNIX) as s:
                g.prompt()
                s.connect(path)
                replies = s.makefile('r')
                g.send(WORK)
                for _ in range(CYCLES):
                    s.sendall(b'state_cycle\n')
                    reply = replies.readline().split()
                    self.assertEqual(reply[0], 'OK', reply)
                    self.assertGreater(int(reply[1]), 15, 'devices with their vCPUs')
                g.expect(r'\n *25 ' + MD5)
                g.expect(r'done\n')
                g.prompt()
                self.assertEqual(g.shell('nproc'), str(cpus))
                self.assertNotRegex(g.shell('dmesg'), r'BUG:|Oops|Call Trace|soft lockup|rcu.*stall')
                g.send('poweroff -f')
                self.assertEqual(g.wait_exit(), 0)
                replies.close()

    def test_q35(self):
        self.cycle_under_load('q35', 2)

    def test_pc(self):
        self.cycle_under_load('pc', 1)


if __name__ == '__main__':
    unittest.main()
