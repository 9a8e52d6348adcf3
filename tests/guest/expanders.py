#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Devices behind expander bridges under Debian's kernel: roots, windows, interrupts, NUMA nodes; names of devices."""
import os
import tempfile
import unittest

from guest import Guest, start_with_qmp

EDU = '1234:11e8'


class Expanders(unittest.TestCase):
    def setUp(self):
        f = self.enterContext(tempfile.NamedTemporaryFile())
        self.text = os.urandom(16).hex()
        f.write(self.text.encode().ljust(1 << 20, b'.'))
        f.flush()
        self.disk = ('-drive', f'if=none,id=d,format=raw,file={f.name}', '-device', 'ide-hd,drive=d,bus=a.0')

    def check_disk_and_interrupts(self, g):
        """The disk behind the expander is read by interrupts of the pin, which go the way the root's _PRT says."""
        self.assertEqual(g.shell('head -c 32 /dev/sda'), self.text)
        counts = g.shell("grep 'ahci\\[0000:4' /proc/interrupts").split()
        self.assertIn('IO-APIC', counts)
        self.assertGreater(sum(int(n) for n in counts[1:] if n.isdigit()), 4, 'interrupts of identify and reads')

    def windows(self, g, root):
        text = g.shell(f"dmesg | grep 'pci_bus 0000:{root}: root bus resource'")
        return [line.split('[')[-1].rstrip(']').split() for line in text.splitlines()]

    def test_q35(self):
        with Guest(['-M', 'q35', '-smp', '2', '-object', 'memory-backend-ram,id=m0,size=256M', '-object',
                    'memory-backend-ram,id=m1,size=256M', '-numa', 'node,memdev=m0,cpus=0', '-numa', 'node,memdev=m1,cpus=1',
                    '-device', 'pxb-pcie,id=x,bus_nr=64,addr=6,numa_node=1', '-device', 'pcie-root-port,id=rp,bus=x,addr=3',
                    '-device', 'ahci,id=a,bus=rp', *self.disk, '-device', 'pcie-root-port,id=rp2,bus=x,addr=1d,chassis=1',
                    '-device', 'edu,bus=rp2', '-device', 'pxb-pcie,id=y,bus_nr=128,addr=7'],
                   append='console=ttyS0 panic=-1 pci=nomsi') as g:
            g.prompt()
            self.assertEqual(g.shell('ls -d /sys/devices/pci*').split(),
                             [f'/sys/devices/pci0000:{n}' for n in ('00', '40', '80')])
            self.assertEqual(g.shell('cat /sys/bus/pci/devices/0000:41:00.0/numa_node'), '1')
            self.check_disk_and_interrupts(g)
            self.assertEqual(g.shell(f"grep -l 0x11e8 /sys/bus/pci/devices/*/device").split('/')[5], '0000:42:00.0')
            kinds = {w[0] for w in self.windows(g, '40')}
            self.assertIn('mem', kinds, 'a memory window')
            self.assertEqual(g.shell("dmesg | grep -c -E 'conflict|no compatible bridge|can.t claim' || true"), '0')
            self.assertIn('[bus 40-', g.shell("dmesg | grep 'PCI Root Bridge.*PC40'"))

    def test_pc(self):
        with Guest(['-M', 'pc', '-device', 'pxb,id=x,bus_nr=64,addr=6', '-device', 'ahci,id=a,bus=x,addr=3', *self.disk],
                   append='console=ttyS0 panic=-1 pci=nomsi') as g:
            g.prompt()
            self.assertEqual(g.shell('ls -d /sys/devices/pci*').split(), [f'/sys/devices/pci0000:{n}' for n in ('00', '40')])
            self.check_disk_and_interrupts(g)
            self.assertEqual(g.shell("dmesg | grep -c -E 'conflict|no compatible bridge|can.t claim' || true"), '0')

    def test_names(self):
        for machine, ports, late in (('pc', ('-device', 'pci-bridge,id=b,chassis_nr=1'), 'pci.0'),
                                     ('q35', ('-device', 'pcie-root-port,id=b', '-device', 'pcie-root-port,id=c,chassis=1'), 'c')):
            with self.subTest(machine=machine):
                g, qmp = start_with_qmp(self, ['-M', machine, '-device', 'edu,acpi-index=5,addr=9', *ports,
                                               '-device', 'edu,bus=b,acpi-index=12'])
                g.prompt()
                names = 'cat /sys/bus/pci/devices/*/acpi_index'
                self.assertEqual(sorted(g.shell(names).split()), ['12', '5'])
                qmp('device_add', driver='edu', id='late', bus=late, acpi_index=77)
                g.shell(f'until {names} | grep -q 77; do true; done')
                qmp('device_del', id='late')
                qmp.event('DEVICE_DELETED')
                with self.assertRaisesRegex(Exception, 'acpi-index=12 already'):
                    qmp('device_add', driver='edu', id='late', bus=late, acpi_index=12)
                with self.assertRaisesRegex(Exception, 'at most 16383'):
                    qmp('device_add', driver='edu', id='late', bus=late, acpi_index=20000)


if __name__ == '__main__':
    unittest.main()
