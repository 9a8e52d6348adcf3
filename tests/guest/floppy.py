#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""SeaBIOS boots GRUB from floppies; Linux's driver reads, writes and changes them."""
import hashlib
import os
import random
import shutil
import subprocess
import tempfile
import unittest

from guest import Guest

GRUB = '/usr/lib/grub/i386-pc'
SECTOR = 512


class Floppy(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix='rhea-floppy-')
        self.addCleanup(shutil.rmtree, self.dir)
        self.image, self.monitor = f'{self.dir}/floppy.img', f'{self.dir}/hmp'

    def hmp(self, line):
        subprocess.run(['socat', '-', f'UNIX-CONNECT:{self.monitor}'], input=line.encode() + b'\n', check=True,
                       stdout=subprocess.DEVNULL)

    def grub_floppy(self, size):
        """GRUB's core behind its boot sector; it prints the last sector, which the BIOS reads by cylinder, head, sector."""
        if not os.path.exists(f'{GRUB}/boot.img') or not shutil.which('grub-mkimage'):
            self.skipTest('no GRUB for BIOS here')
        with open(f'{self.dir}/grub.cfg', 'w') as f:
            f.write('serial --unit=0 --speed=115200\nterminal_output serial\necho from GRUB: $root\n'
                    f'cat (fd0){size // SECTOR - 1}+1\necho done\n')
        subprocess.run(['grub-mkimage', '-O', 'i386-pc', '-o', f'{self.dir}/core.img', '-p', '(fd0)', '-c', f'{self.dir}/grub.cfg',
                        'biosdisk', 'serial', 'echo', 'cat', 'terminal'], check=True)
        with open(self.image, 'wb') as out:
            for name in (f'{GRUB}/boot.img', f'{self.dir}/core.img'):
                with open(name, 'rb') as f:
                    out.write(f.read())
            out.truncate(size)
            out.seek(size - SECTOR)
            out.write(b'the last sector speaks'.ljust(SECTOR, b'\n'))

    def test_grub(self):
        for size in (1474560, 2949120, 1228800):
            with self.subTest(size=size):
                self.grub_floppy(size)
                with Guest(['-M', 'pc', '-fda', self.image, '-boot', 'a'], kernel=False) as g:
                    g.expect('from GRUB')
                    g.expect('the last sector speaks')
                    g.expect('done')

    def test_linux(self):
        data = random.Random(5).randbytes(1474560)
        with open(self.image, 'wb') as f:
            f.write(data)
        other = random.Random(6).randbytes(737280)
        with open(f'{self.dir}/other.img', 'wb') as f:
            f.write(other)
        with Guest(['-M', 'pc', '-drive', f'if=floppy,format=raw,file={self.image}', '-monitor',
                    f'unix:{self.monitor},server=on,wait=off']) as g:
            g.prompt()
            g.shell('i=0; while [ ! -b /dev/fd0 ] && [ $i -lt 300 ]; do usleep 100000; i=$((i+1)); done')
            self.assertEqual(g.shell('md5sum < /dev/fd0').split()[0], hashlib.md5(data).hexdigest())
            g.shell('dd if=/dev/urandom of=/tmp1 bs=512 count=100 2>/dev/null; dd if=/tmp1 of=/dev/fd0 bs=512 seek=1000 2>/dev/null; sync')
            written = g.shell('md5sum < /tmp1').split()[0]
            self.hmp(f'change floppy0 {self.dir}/other.img raw')
            self.assertEqual(g.shell('md5sum < /dev/fd0').split()[0], hashlib.md5(other).hexdigest(), 'the new medium')
            self.hmp('quit')
            self.assertEqual(g.wait_exit(), 0)
        with open(self.image, 'rb') as f:
            f.seek(1000 * SECTOR)
            self.assertEqual(hashlib.md5(f.read(100 * SECTOR)).hexdigest(), written)


if __name__ == '__main__':
    unittest.main()
