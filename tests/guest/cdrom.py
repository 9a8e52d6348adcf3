#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""CDs boot under SeaBIOS: GRUB (grub-mkrescue) and isolinux start Debian's kernel from them; the guest reads and ejects."""
import hashlib
import os
import random
import shutil
import subprocess
import tempfile
import unittest

from guest import GUESTS, Guest

APPEND = 'console=ttyS0 panic=-1'
ISOLINUX, SYSLINUX_MODULES = '/usr/lib/ISOLINUX/isolinux.bin', '/usr/lib/syslinux/modules/bios'


class Cdrom(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix='rhea-cdrom-')
        self.addCleanup(shutil.rmtree, self.dir)
        self.tree, self.image, self.monitor = f'{self.dir}/tree', f'{self.dir}/cd.iso', f'{self.dir}/hmp'
        os.makedirs(f'{self.tree}/boot/grub')
        for name in ('vmlinuz', 'initrd.gz'):
            shutil.copy(f'{GUESTS}/amd64/{name}', f'{self.tree}/boot/{name}')
        self.data = random.Random(3).randbytes(5000001)
        with open(f'{self.tree}/data', 'wb') as f:
            f.write(self.data)

    def tool(self, *command):
        if not shutil.which(command[0]):
            self.skipTest(f'no {command[0]} here')
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def grub_cd(self):
        with open(f'{self.tree}/boot/grub/grub.cfg', 'w') as f:
            f.write('serial --unit=0 --speed=115200\nterminal_output serial\nset timeout=0\n'
                    f'menuentry guest {{\n linux /boot/vmlinuz {APPEND}\n initrd /boot/initrd.gz\n}}\n')
        self.tool('grub-mkrescue', '-o', self.image, self.tree)

    def isolinux_cd(self):
        if not os.path.exists(ISOLINUX):
            self.skipTest('no isolinux here')
        os.mkdir(f'{self.tree}/isolinux')
        shutil.copy(ISOLINUX, f'{self.tree}/isolinux')
        shutil.copy(f'{SYSLINUX_MODULES}/ldlinux.c32', f'{self.tree}/isolinux')
        with open(f'{self.tree}/isolinux/isolinux.cfg', 'w') as f:
            f.write(f'SERIAL 0\nDEFAULT guest\nLABEL guest\n KERNEL /boot/vmlinuz\n APPEND initrd=/boot/initrd.gz {APPEND}\n')
        self.tool('xorriso', '-as', 'mkisofs', '-quiet', '-o', self.image, '-b', 'isolinux/isolinux.bin', '-c', 'isolinux/boot.cat',
                  '-no-emul-boot', '-boot-load-size', '4', '-boot-info-table', '-R', self.tree)

    def check_boot(self, *args):
        with Guest([*args, '-cdrom', self.image, '-boot', 'd', '-monitor', f'unix:{self.monitor},server=on,wait=off'],
                   kernel=False) as g:
            g.prompt()
            g.shell('i=0; while [ ! -b /dev/sr0 ] && [ $i -lt 300 ]; do usleep 100000; i=$((i+1)); done; mount -t iso9660 -o ro '
                    '/dev/sr0 /mnt')
            self.assertEqual(g.shell('md5sum /mnt/data').split()[0], hashlib.md5(self.data).hexdigest())
            g.shell('umount /mnt')
            log = g.shell('dmesg')
            self.assertNotRegex(log, r'(?i)ata\d.*(error|exception|failed)')
            g.send('poweroff -f')
            self.assertEqual(g.wait_exit(), 0)

    def test_grub(self):
        self.grub_cd()
        self.check_boot('-M', 'pc')

    def test_grub_ahci(self):
        self.grub_cd()
        self.check_boot('-M', 'q35')

    def test_isolinux(self):
        self.isolinux_cd()
        self.check_boot('-M', 'pc')


if __name__ == '__main__':
    unittest.main()
