#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Debian's kernels boot to a shell on both boards: boot.py [MACHINE ARCH CPUS [TIMES]]

Without arguments: one boot of each kind that the suite covers. With them: that kind, TIMES in a row.
"""
import os
import re
import sys
import unittest

from guest import GUESTS, Guest

KINDS = [(m, a, n) for a in ('amd64', 'i386') for m in ('pc', 'q35') for n in (1, 2, 4)]
# Whatever the kernel says of firmware that it does not like.
COMPLAINTS = re.compile(r'ACPI (BIOS )?(Error|Exception|Warning).*|\[Firmware Bug\].*|.*(BUG:|Oops|Call Trace|WARNING: CPU).*')
PCI_DEVICES = {
    'pc': ['0000:00:00.0 8086 1237', '0000:00:01.0 8086 7000', '0000:00:01.1 8086 7010', '0000:00:01.3 8086 7113'],
    'q35': ['0000:00:00.0 8086 29c0', '0000:00:1f.0 8086 2918', '0000:00:1f.3 8086 2930'],
}
LIST_PCI = "cd /sys/bus/pci/devices; for d in *; do echo $d $(cut -c3- $d/vendor) $(cut -c3- $d/device); done; cd /"


def boot(test, machine, arch, cpus, complaints=True):
    with Guest(['-M', machine, '-smp', str(cpus)], arch=arch) as g:
        g.prompt()
        test.assertEqual(g.shell('nproc'), str(cpus))
        test.assertEqual(g.shell('uname -m'), 'x86_64' if arch == 'amd64' else 'i686')
        devices = g.shell(LIST_PCI).splitlines()
        for wanted in PCI_DEVICES[machine]:
            test.assertIn(wanted, devices)
        test.assertRegex(g.shell('ls -1 /sys/firmware/acpi/tables'), r'(?s)APIC.*DSDT.*FACP.*HPET')
        if complaints:
            log = g.shell('dmesg')
            test.assertEqual([m.group(0) for m in COMPLAINTS.finditer(log)], [])
            test.assertRegex(log, r'\[    0\.0+\] random: crng init done')     # from the boot ROM's seed
        g.send('poweroff -f')
        test.assertEqual(g.wait_exit(), 0)


class Boot(unittest.TestCase):
    def test_each_kind(self):
        for machine, arch, cpus in KINDS:
            with self.subTest(machine=machine, arch=arch, cpus=cpus):
                if not os.path.exists(f'{GUESTS}/{arch}/initrd.gz'):
                    self.skipTest(f'no {arch} guest: scripts/make-guest makes it')
                boot(self, machine, arch, cpus)

    def test_without_acpi(self):
        with Guest(['-M', 'pc'], append='console=ttyS0 acpi=off panic=-1') as g:
            g.prompt()
            self.assertIn('8086 1237', g.shell(LIST_PCI))

    def test_isapc(self):
        with Guest(['-M', 'isapc', '-cpu', 'qemu64'], append='console=ttyS0 panic=-1 noapic nolapic') as g:
            g.prompt()
            self.assertEqual(g.shell('ls /sys/bus/pci/devices'), '')
            self.assertRegex(g.shell('cat /proc/interrupts'), r'XT-PIC +timer')

    def test_reboot_comes_back(self):
        with Guest(['-M', 'q35']) as g:
            g.prompt()
            g.send('reboot -f')
            g.expect(r'Linux version')
            g.prompt()

    def test_reboot_exits_under_no_reboot(self):
        with Guest(['-M', 'pc', '-no-reboot']) as g:
            g.prompt()
            g.send('reboot -f')
            self.assertEqual(g.wait_exit(), 0)
            self.assertEqual(g.log.count('Linux version'), 1)


if __name__ == '__main__':
    if len(sys.argv) > 3:
        times = int(sys.argv[4]) if len(sys.argv) > 4 else 1
        for i in range(times):
            boot(unittest.TestCase(), sys.argv[1], sys.argv[2], int(sys.argv[3]))
            print(f'boot {i + 1} of {times}: {sys.argv[1]} {sys.argv[2]} -smp {sys.argv[3]}', flush=True)
    else:
        unittest.main()
