#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's kernel on microvm: with and without ACPI and PCI Express, one and two CPUs, virtio-rng, a virtio disk."""
import hashlib
import os
import re
import tempfile
import unittest

from guest import Guest

# Without a PIT that ACPI would tell of, the kernel measures the TSC once, in some milliseconds; a busy host spoils that.
CONSOLE = 'console=ttyS0 panic=-1 tsc=reliable tsc_early_khz=2000000 lpj=4000000'
MODERN = ['-global', 'virtio-mmio.force-legacy=off']


class Microvm(unittest.TestCase):
    def prompt(self, g):
        g.prompt()
        g.shell('stty columns 500')             # the shell's echo of a long command stays in one line

    def read_random(self, g):
        self.assertEqual(g.shell('cat /sys/class/misc/hw_random/rng_current'), 'virtio_rng.0')
        self.assertEqual(g.shell('dd if=/dev/hwrng bs=64 count=64 2>/dev/null | wc -c'), '4096')
        twice = g.shell('for i in 1 2; do dd if=/dev/hwrng bs=16 count=1 2>/dev/null | hexdump -v -e \'16/1 "%02x" "\\n"\'; done')
        self.assertEqual(len(set(twice.split())), 2)
        counts = re.search(r'^ *\d+: ([ \d]+) IO-APIC.*virtio0', g.shell('cat /proc/interrupts'), re.M).group(1)
        self.assertGreater(sum(map(int, counts.split())), 0)

    def test_with_acpi(self):
        for options, args, cpus in (('', [], 1), (',pcie=on', MODERN, 2), (',ioapic2=off', MODERN, 1),
                                    (',pcie=on,ioapic2=off,pic=off', [], 2)):
            with self.subTest(options), \
                    Guest(['-M', 'microvm' + options, '-smp', str(cpus), *args, '-device', 'virtio-rng-device',
                           *(['-device', 'edu'] if 'pcie' in options else [])], append=CONSOLE) as g:
                self.prompt(g)
                self.assertEqual(g.shell('nproc'), str(cpus))
                self.read_random(g)
                if 'pcie' in options:
                    self.assertIn('0x11e8', g.shell('cat /sys/bus/pci/devices/0000:00:01.0/device'))
                self.assertNotRegex(g.shell('dmesg'), r'ACPI (BIOS )?(Error|Exception|Warning)')
                g.send('poweroff -f')
                self.assertEqual(g.wait_exit(), 0)

    def test_without_acpi(self):
        for options, cpus in (('', 2), (',auto-kernel-cmdline=off,x-option-roms=off', 1)):
            with self.subTest(options), \
                    Guest(['-M', 'microvm,acpi=off' + options, '-smp', str(cpus), '-no-reboot', '-device', 'virtio-rng-device'],
                          append='console=ttyS0 panic=-1') as g:
                self.prompt(g)
                self.assertEqual(g.shell('nproc'), str(cpus))
                added = '' if options else ' virtio_mmio.device=512@0xfeb00e00:12'
                self.assertEqual(g.shell('cat /proc/cmdline'), 'console=ttyS0 panic=-1' + added)
                g.send('reboot -f')
                self.assertEqual(g.wait_exit(), 0)

    def test_disk(self):
        for transport in ([], MODERN):
            with self.subTest(transport), tempfile.NamedTemporaryFile() as image:
                image.write(os.urandom(1 << 20) + b'from the host'.ljust(512, b'\0'))
                image.truncate(64 << 20)
                image.flush()
                with Guest(['-M', 'microvm', '-smp', '2', *transport, '-drive', f'id=d,if=none,format=raw,file={image.name}',
                            '-device', 'virtio-blk-device,drive=d,serial=rhea'], append=CONSOLE) as g:
                    self.prompt(g)
                    self.assertEqual(g.shell('cat /sys/block/vda/size /sys/block/vda/serial').split(), [str(64 << 11), 'rhea'])
                    self.assertEqual(g.shell('dd if=/dev/vda bs=512 skip=2048 count=1 2>/dev/null | strings'), 'from the host')
                    g.shell('dd if=/dev/urandom of=/dev/vda bs=64k count=256 conv=fsync 2>/dev/null')
                    g.shell('echo 3 >/proc/sys/vm/drop_caches')
                    md5 = g.shell('dd if=/dev/vda bs=64k count=256 2>/dev/null | md5sum').split()[0]
                    g.shell('echo from the guest | dd of=/dev/vda bs=512 seek=131071 conv=sync,fsync 2>/dev/null')
                    g.send('poweroff -f')
                    self.assertEqual(g.wait_exit(), 0)
                image.seek(0)
                self.assertEqual(hashlib.md5(image.read(16 << 20)).hexdigest(), md5)
                image.seek((64 << 20) - 512)
                self.assertEqual(image.read(15), b'from the guest\n')

    def test_reboot_comes_back(self):
        with Guest(['-M', 'microvm'], append=CONSOLE) as g:
            g.prompt()
            g.send('reboot -f')
            g.expect(r'Linux version')
            g.prompt()
            g.send('poweroff -f')
            self.assertEqual(g.wait_exit(), 0)


if __name__ == '__main__':
    unittest.main()
