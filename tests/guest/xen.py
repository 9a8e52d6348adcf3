#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Xen (multiboot 1) with Debian's kernel as dom0, to its shell, on both boards. Needs a package xen-hypervisor-*-amd64."""
import glob
import gzip
import os
import tempfile
import unittest

from guest import GUESTS, Guest


class Xen(unittest.TestCase):
    def setUp(self):
        images = sorted(glob.glob('/boot/xen-*-amd64.gz'))
        if not images:
            self.skipTest('no Xen (Debian package xen-hypervisor-4.17-amd64)')
        if not os.path.exists(f'{GUESTS}/amd64/vmlinuz'):
            self.skipTest('no guest kernel (scripts/make-guest)')
        folder = tempfile.TemporaryDirectory(prefix='rhea-xen-')
        self.addCleanup(folder.cleanup)
        self.xen = f'{folder.name}/xen'
        with gzip.open(images[-1]) as source, open(self.xen, 'wb') as f:
            f.write(source.read())

    def test_dom0_reaches_its_shell(self):
        for machine in ('pc', 'q35'):
            args = ['-M', machine, '-vga', 'std', '-kernel', self.xen, '-append', 'com1=115200,8n1 console=com1 dom0_mem=400M noreboot',
                    '-initrd', f'{GUESTS}/amd64/vmlinuz console=hvc0 panic=-1,{GUESTS}/amd64/initrd.gz']
            with self.subTest(machine=machine), Guest(args, kernel=False, memory='768') as g:
                g.prompt()
                self.assertIn('(XEN) Xen version', g.log)
                self.assertEqual(g.shell('cat /sys/hypervisor/type'), 'xen')
                self.assertIn('Hypervisor detected: Xen PV', g.shell('dmesg | grep Hypervisor'))


if __name__ == '__main__':
    unittest.main()
