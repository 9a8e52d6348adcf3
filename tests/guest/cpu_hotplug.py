#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""CPUs come and go under Debian's kernel, which hears of it by ACPI, and work while they are there."""
import unittest

from guest import start_with_qmp

PRESENT = 'cat /sys/devices/system/cpu/present'
ONLINE = 'cat /sys/devices/system/cpu/online'
TYPE = 'qemu64-x86_64-cpu'


class CpuHotplug(unittest.TestCase):
    def wait_for(self, g, what, text):
        g.shell(f'until [ "$({what})" = {text} ]; do true; done')

    def online(self, g, cpu):
        """Brings it into service, and has it compute and take timer interrupts."""
        g.shell(f'echo 1 > /sys/devices/system/cpu/cpu{cpu}/online')
        self.assertEqual(g.shell(f"taskset {1 << cpu:x} sh -c 'i=0; while [ $i -lt 3000 ]; do i=$((i + 1)); done; echo $i; sleep 0.01'"),
                         '3000')
        self.assertEqual(g.shell(f'taskset {1 << cpu:x} cut -d" " -f39 /proc/self/stat'), str(cpu), 'it ran there')
        column = f'NR == 1 {{ for (i = 1; i <= NF; i++) if ($i == "CPU{cpu}") n = i + 1 }}'
        self.assertGreater(int(g.shell(f"awk '{column} /LOC/ {{ print $n }}' /proc/interrupts")), 0, 'timer interrupts')

    def come_and_go(self, g, qmp, cpu, kept):
        for _ in range(2):
            qmp('device_add', driver=TYPE, id='late', socket_id=0, core_id=cpu, thread_id=0)
            self.wait_for(g, PRESENT, f'{kept},{cpu}' if cpu > 2 else f'0-{cpu}')
            self.online(g, cpu)
            self.assertEqual(int(g.shell('nproc')), 3)
            self.assertEqual(g.shell(f'cat /sys/devices/system/cpu/cpu{cpu}/topology/core_id'), str(cpu))
            qmp('device_del', id='late')
            self.assertEqual(qmp.event('DEVICE_DELETED')['data']['device'], 'late')
            self.wait_for(g, PRESENT, kept)

    def check(self, machine):
        g, qmp = start_with_qmp(self, ('-M', machine, '-smp', '2,maxcpus=4'))
        g.prompt()
        self.assertEqual(g.shell('cat /sys/devices/system/cpu/possible'), '0-3')
        self.come_and_go(g, qmp, 2, '0-1')
        self.come_and_go(g, qmp, 3, '0-1')
        # One of the machine's own goes, and comes back.
        path = [c['qom-path'] for c in qmp('query-cpus-fast') if c['cpu-index'] == 1][0]
        qmp('device_del', id=path)
        qmp.event('DEVICE_DELETED')
        self.wait_for(g, PRESENT, '0')
        qmp('device_add', driver=TYPE, socket_id=0, core_id=1, thread_id=0)
        self.wait_for(g, PRESENT, '0-1')
        self.online(g, 1)
        # A restart begins with those that are there.
        qmp('device_add', driver=TYPE, id='late', socket_id=0, core_id=2, thread_id=0)
        self.wait_for(g, PRESENT, '0-2')
        qmp('system_reset')
        g.prompt()
        self.assertEqual(g.shell(ONLINE), '0-2')
        said = [e['data']['info'] for e in qmp.events if e['event'] == 'ACPI_DEVICE_OST']
        self.assertEqual({(i['slot'], i['slot-type']) for i in said}, {(n, 'CPU') for n in '123'}, 'the guest said how it went')
        self.assertNotRegex(g.shell('dmesg'), 'BUG:|WARNING|Eject incomplete|ACPI Error')

    def test_pc(self):
        self.check('pc')

    def test_q35(self):
        self.check('q35')


if __name__ == '__main__':
    unittest.main()
