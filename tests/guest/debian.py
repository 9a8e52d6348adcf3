#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
A whole Debian on a disk boots to its login prompt, works and powers off; what its programs print is what they print on the host:
files, a Java machine, JavaScript, LuaJIT and the objects of a package that its gcc builds. scripts/make-debian-guest makes it.
"""
import hashlib
import os
import subprocess
import sys
import tempfile
import unittest

from guest import GUESTS, Guest

FOLDER = f'{GUESTS}/debian'
KINDS = [('pc', '1', 'qemu64'), ('q35', '4', 'max')]
STEPS = ['javac', 'java', 'node', 'luajit', 'zlib']     # in this order: java wants javac's classes
# What no log of the kernel has, if machine and processor do as they should.
COMPLAINTS = r'BUG:|Oops|Call Trace|WARNING: CPU|soft lockup|rcu.*stall|ata[0-9].*(error|exception|failed)|segfault|traps:'


class Debian(Guest):
    """Debian with the disk @image, root logged in, its shell at the prompt."""

    def __init__(self, image, machine, cpus, cpu, *args):
        super().__init__(['-M', machine, '-smp', cpus, '-cpu', cpu, '-accel', 'tcg', '-drive', f'if=ide,format=raw,file={image}',
                          '-kernel', f'{FOLDER}/vmlinuz', '-initrd', f'{FOLDER}/initrd.img', '-append', 'root=/dev/sda console=ttyS0 quiet',
                          *args], memory='2048', kernel=False)

    def __enter__(self):
        super().__enter__()
        try:
            self.log_in()
        except BaseException:
            self.__exit__()
            raise
        return self

    def log_in(self):
        self.expect(r'debian login: ')
        self.send('root')
        self.expect(r'Password: ')
        self.send('rhea')
        self.expect(r'root@debian:~# ')
        self.send("exec env PS1='guest''# ' sh")        # plain lines: no editing, no colours
        self.prompt()
        self.shell('dmesg -n 1')                        # what the kernel has to say would break into the lines

    def poweroff(self, test):
        test.assertEqual(self.shell(f"dmesg | grep -E '{COMPLAINTS}' || true"), '')
        self.send('systemctl poweroff')
        test.assertEqual(self.wait_exit(), 0)


class WholeDebian(unittest.TestCase):
    def setUp(self):
        self.dir = self.enterContext(tempfile.TemporaryDirectory(prefix='rhea-debian-'))
        self.image = f'{self.dir}/disk.raw'

    def each_kind(self, check):
        for kind in KINDS:
            with self.subTest(kind=kind):
                subprocess.run(['cp', '--sparse=always', '--reflink=auto', f'{FOLDER}/disk.raw', self.image], check=True)
                check(kind)

    def expected(self, step):
        with open(f'{FOLDER}/expected/{step}', encoding='utf-8') as f:
            return f.read().strip()

    def test_login_and_poweroff(self):
        def check(kind):
            with Debian(self.image, *kind) as g:
                self.assertEqual(g.shell('nproc'), kind[1])
                self.assertEqual(g.shell('systemctl is-system-running --wait'), 'running')
                g.poweroff(self)
            fsck = subprocess.run(['/sbin/e2fsck', '-fn', self.image], capture_output=True, text=True)
            self.assertEqual(fsck.returncode, 0, fsck.stdout)
        self.each_kind(check)

    def test_files(self):
        def check(kind):
            monitor = f'{self.dir}/hmp'
            with Debian(self.image, *kind, '-monitor', f'unix:{monitor},server=on,wait=off') as g:
                self.assertEqual(g.shell('/steps/step usr'), self.expected('usr'))
                g.shell('dd if=/dev/urandom of=/root/written bs=1000 count=20000 2>/dev/null; sync')
                written = g.shell('sha256sum /root/written').split()[0]
                # quit, not poweroff: what was synced must be in the image without the guest's help
                subprocess.run(['socat', '-', f'UNIX-CONNECT:{monitor}'], input=b'quit\n', check=True, stdout=subprocess.DEVNULL)
                self.assertEqual(g.wait_exit(), 0)
            # The journal has what the file system's own place has not yet.
            subprocess.run(['/sbin/e2fsck', '-fy', self.image], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            data = subprocess.run(['/sbin/debugfs', '-R', 'cat /root/written', self.image], capture_output=True).stdout
            self.assertEqual(len(data), 20_000_000)
            self.assertEqual(hashlib.sha256(data).hexdigest(), written)
        self.each_kind(check)

    def test_programs(self):
        def check(kind):
            with Debian(self.image, *kind) as g:
                for step in STEPS:
                    with self.subTest(step=step):
                        self.assertEqual(g.shell(f'/steps/step {step}'), self.expected(step))
                g.poweroff(self)
        self.each_kind(check)


if __name__ == '__main__':
    if not os.path.exists(f'{FOLDER}/disk.raw'):
        print('skipped: no Debian there: scripts/make-debian-guest makes it')
        sys.exit(77)
    unittest.main()
