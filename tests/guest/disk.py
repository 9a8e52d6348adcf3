#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A file system on an IDE or AHCI disk: what the host put there reads right in the guest, what the guest syncs is in the image."""
import hashlib
import os
import random
import shutil
import subprocess
import tempfile
import unittest

from guest import Guest

MIB = 1 << 20


def make_tree(root):
    """Some hundred files of many sizes; returns {name: md5}."""
    rng, sums = random.Random(7), {}
    for d in range(8):
        os.makedirs(f'{root}/d{d}')
        for f in range(24):
            data = rng.randbytes(rng.choice([0, 1, 511, 512, 513, 4095, 4096, 70000, 300001]))
            name = f'd{d}/f{f}'
            with open(f'{root}/{name}', 'wb') as out:
                out.write(data)
            sums[name] = hashlib.md5(data).hexdigest()
    with open(f'{root}/big', 'wb') as out:
        data = rng.randbytes(24 * MIB)
        out.write(data)
        sums['big'] = hashlib.md5(data).hexdigest()
    return sums


class Disk(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix='rhea-disk-')
        self.addCleanup(shutil.rmtree, self.dir)
        self.image = f'{self.dir}/disk.raw'
        os.mkdir(f'{self.dir}/tree')
        self.sums = make_tree(f'{self.dir}/tree')
        subprocess.run(['truncate', '-s', '96M', self.image], check=True)
        subprocess.run(['/sbin/mke2fs', '-q', '-t', 'ext4', '-d', f'{self.dir}/tree', self.image], check=True)

    def check_guest(self, args, prepare=''):
        monitor = f'{self.dir}/hmp'
        with Guest([*args, '-monitor', f'unix:{monitor},server=on,wait=off']) as g:
            g.prompt()
            if prepare:
                g.shell(prepare)
            g.shell('i=0; while [ ! -b /dev/sda ] && [ $i -lt 300 ]; do usleep 100000; i=$((i+1)); done; mount /dev/sda /mnt')
            listed = g.shell('cd /mnt; find . -type f | xargs md5sum; cd /').splitlines()
            self.assertEqual({n[2:]: s for s, n in (line.split('  ') for line in listed)}, self.sums)
            g.shell('dd if=/dev/urandom of=/mnt/written bs=1000 count=3000 2>/dev/null; md5sum /mnt/written; sync')
            written = g.shell('md5sum /mnt/written').split()[0]
            # quit, not poweroff: what was synced must be in the image without the guest's help
            subprocess.run(['socat', '-', f'UNIX-CONNECT:{monitor}'], input=b'quit\n', check=True, stdout=subprocess.DEVNULL)
            self.assertEqual(g.wait_exit(), 0)
        data = subprocess.run(['/sbin/debugfs', '-R', 'cat /written', self.image], capture_output=True).stdout
        self.assertEqual(len(data), 3000000)
        self.assertEqual(hashlib.md5(data).hexdigest(), written)

    def test_hda_with_dma(self):
        self.check_guest(['-M', 'pc', '-hda', self.image])

    def test_blockdev_on_two_cpus(self):
        self.check_guest(['-M', 'pc', '-smp', '2', '-blockdev', f'driver=file,node-name=f0,filename={self.image}',
                          '-blockdev', '{"driver": "raw", "node-name": "d0", "file": "f0"}', '-device', 'ide-hd,drive=d0'])

    def test_ahci(self):
        self.check_guest(['-M', 'q35', '-hda', self.image])

    def test_ahci_on_pc(self):
        self.check_guest(['-M', 'pc', '-smp', '2', '-device', 'ahci,id=ahci', '-drive',
                          f'if=none,id=d,format=raw,file={self.image}', '-device', 'ide-hd,drive=d,bus=ahci.3'])


if __name__ == '__main__':
    unittest.main()
