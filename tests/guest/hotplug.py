#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""PCI devices come and go under Debian's kernel: on the root bus, behind bridges, ports and switches; ACPI and native."""
import unittest

from guest import start_with_qmp

EDU = '1234:11e8'
LIST = "for d in /sys/bus/pci/devices/*; do echo ${d##*/} $(cut -c3- $d/vendor):$(cut -c3- $d/device); done"


class Hotplug(unittest.TestCase):
    def start(self, *args):
        g, self.qmp = start_with_qmp(self, args)
        g.prompt()
        return g

    def wait_for(self, g, present, where=''):
        g.shell(f"until {'' if present else '! '}({LIST}) | grep -q '{where}.* {EDU}'; do true; done")

    def come_and_go(self, g, bus, where):
        for _ in range(2):
            self.qmp('device_add', driver='edu', id='late', bus=bus)
            self.wait_for(g, True, where)
            at = g.shell(f"({LIST}) | grep '{EDU}'").split()[0]
            bar = g.shell(f"head -1 /sys/bus/pci/devices/{at}/resource | cut -d' ' -f1")
            self.assertNotEqual(int(bar, 16), 0, 'the guest has given the device an address')
            self.qmp('device_del', id='late')
            self.assertEqual(self.qmp.event('DEVICE_DELETED')['data']['device'], 'late')
            self.wait_for(g, False)

    def test_root_bus_and_bridge_of_pc(self):
        g = self.start('-M', 'pc', '-device', 'pci-bridge,id=br,chassis_nr=1,addr=5')
        self.come_and_go(g, 'pci.0', '0000:00:')
        self.come_and_go(g, 'br', '0000:01:')

    def test_ports_of_q35_by_acpi(self):
        g = self.start('-M', 'q35', '-device', 'pcie-root-port,id=rp,addr=4', '-device', 'pci-bridge,id=br,addr=5,chassis_nr=2,mem-reserve=4M')
        self.come_and_go(g, 'rp', '0000:01:')
        self.come_and_go(g, 'br', '0000:02:')
        self.assertNotIn('pciehp', g.shell('dmesg'))

    def test_native_hotplug_of_q35(self):
        g = self.start('-M', 'q35', '-global', 'ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off',
                       '-device', 'pcie-root-port,id=rp,addr=4', '-device', 'ioh3420,id=rp2,addr=5,chassis=2',
                       '-device', 'x3130-upstream,id=up,bus=rp2', '-device', 'xio3130-downstream,id=dn,bus=up,chassis=3')
        self.come_and_go(g, 'rp', '0000:01:')
        self.come_and_go(g, 'dn', '0000:04:')
        self.assertIn('pciehp', g.shell('dmesg'))

    def test_standard_controller(self):
        """Linux waits 5 s after the button before it acts, so one round each."""
        for machine, bridge, off in (('pc', 'pci-bridge,chassis_nr=1', 'PIIX4_PM'), ('q35', 'pcie-pci-bridge', 'ICH9-LPC')):
            with self.subTest(machine=machine):
                g = self.start('-M', machine, '-global', f'{off}.acpi-pci-hotplug-with-bridge-support=off',
                               '-device', f'{bridge},id=br,addr=5', '-device', 'edu,bus=br,addr=1')
                self.assertIn('shpchp', g.shell('ls /sys/bus/pci_express/drivers /sys/bus/pci/drivers/shpchp; dmesg | grep shpchp'))
                self.wait_for(g, True, '0000:01:01.0')
                self.qmp('device_add', driver='edu', id='late', bus='br', addr='3')
                self.wait_for(g, True, '0000:01:03.0')
                self.assertNotEqual(g.shell('head -1 /sys/bus/pci/devices/0000:01:03.0/resource').split()[0], f'0x{0:016x}')
                self.qmp('device_del', id='late')
                self.assertEqual(self.qmp.event('DEVICE_DELETED')['data']['device'], 'late')
                self.wait_for(g, False, '0000:01:03.0')
                self.wait_for(g, True, '0000:01:01.0')


if __name__ == '__main__':
    unittest.main()
