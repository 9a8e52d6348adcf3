#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Linux sees the nodes of -numa: CPUs, memory, distances, latencies, on both boards; and says nothing bad of the tables."""
import unittest

from guest import Guest

NODES = ['-smp', '4', '-object', 'memory-backend-ram,id=a,size=320M', '-object', 'memory-backend-ram,id=b,size=192M',
         '-numa', 'node,memdev=a,cpus=0-1,cpus=3,initiator=0', '-numa', 'node,memdev=b,cpus=2,initiator=1', '-numa', 'dist,src=0,dst=1,val=33',
         '-numa', 'hmat-lb,initiator=0,target=0,hierarchy=memory,data-type=access-latency,latency=7',
         '-numa', 'hmat-lb,initiator=0,target=0,hierarchy=memory,data-type=access-bandwidth,bandwidth=300M']


class Numa(unittest.TestCase):
    def test_nodes(self):
        for machine in ('pc', 'q35'):
            with self.subTest(machine=machine), Guest(['-M', f'{machine},hmat=on', *NODES], memory='512') as g:
                g.prompt()
                node = '/sys/devices/system/node/node'
                self.assertEqual(g.shell(f'cat {node}0/cpulist {node}1/cpulist').split(), ['0-1,3', '2'])
                self.assertEqual(g.shell(f'cat {node}0/distance {node}1/distance').split(), ['10', '33', '33', '10'])
                sizes = [int(kb) for kb in g.shell(f"awk '/MemTotal/ {{ print $4 }}' {node}0/meminfo {node}1/meminfo").split()]
                self.assertTrue(200 << 10 < sizes[0] < 320 << 10 and 100 << 10 < sizes[1] <= 192 << 10, sizes)
                log = g.shell('dmesg | grep -iE "srat|slit|hmat|acpi.*(error|warn|bug)|firmware bug"')
                self.assertIn('ACPI: SRAT: Node 1 PXM 1', log)
                self.assertIn('hmat', log.lower())
                self.assertNotRegex(log.lower(), r'acpi.*(error|warn)|firmware bug')
                initiator = f'{node}0/access0/initiators'
                self.assertEqual(g.shell(f'cat {initiator}/read_latency {initiator}/read_bandwidth').split(), ['7', '300'])


if __name__ == '__main__':
    unittest.main()
