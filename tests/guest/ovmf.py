#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
OVMF in flash: its shell comes up on both boards; what it keeps in its variables is there after a restart; it starts a kernel
from a FAT disk and by -kernel; its secure-boot build, behind SMM, takes keys and then refuses what they have not signed.
"""

import os
import re
import shutil
import subprocess
import tempfile
import unittest

from guest import GUESTS, Guest

OVMF = '/usr/share/OVMF'
ESCAPES = re.compile(r'\x1b\[[0-9;]*[A-Za-z]')


def tools(*names):
    for name in names:
        if not shutil.which(name):
            raise unittest.SkipTest(f'no {name}')


class Ovmf(unittest.TestCase):
    def setUp(self):
        if not os.path.exists(f'{OVMF}/OVMF_CODE_4M.fd'):
            self.skipTest('no OVMF (Debian package ovmf)')
        folder = tempfile.TemporaryDirectory(prefix='rhea-ovmf-')
        self.addCleanup(folder.cleanup)
        self.vars = f'{folder.name}/vars.fd'
        shutil.copy(f'{OVMF}/OVMF_VARS_4M.fd', self.vars)

    def flash(self, code):
        return ['-drive', f'if=pflash,format=raw,readonly=on,file={OVMF}/{code}', '-drive', f'if=pflash,format=raw,file={self.vars}']

    def shell(self, machine, *commands, code='OVMF_CODE_4M.fd', args=(), flash=None):
        """Output of @commands in the shell, without the terminal's escapes; the last one ends the machine."""
        with Guest(['-M', machine, '-vga', 'std', *(flash or self.flash(code)), *args], kernel=False, memory='256') as g:
            out = []
            for command in commands:
                g.expect(r'(Shell|FS0:\\)> ')
                g.p.stdin.write(command.encode() + b'\r')
                start = g.seen
                if command.startswith('reset'):
                    self.assertEqual(g.wait_exit(), 0)
                else:
                    end = g.expect(r'(?=(Shell|FS0:\\)> )').start()
                    g.seen = end
                    out.append(ESCAPES.sub('', g.log[start:end]))
            return out

    def fat(self, *files):
        """A FAT disk with files, (path, name) each."""
        tools('mkfs.vfat', 'mcopy')
        image = f'{os.path.dirname(self.vars)}/fat.img'
        with open(image, 'wb') as f:
            f.truncate(64 << 20)
        subprocess.run(['mkfs.vfat', image], check=True, capture_output=True)
        for path, name in files:
            subprocess.run(['mcopy', '-i', image, path, f'::{name}'], check=True)
        return ['-drive', f'format=raw,file={image}']

    def text(self, name, content):
        path = f'{os.path.dirname(self.vars)}/{name}'
        with open(path, 'w', encoding='ascii') as f:
            f.write(content)
        return path

    def test_variables_survive(self):
        for machine in ('q35', 'pc'):
            with self.subTest(machine=machine):
                guid = '5f0b4b9e-71d8-4c64-9e0f-0123456789ab'
                name = f'Rhea{machine}'
                self.shell(machine, f'setvar {name} -guid {guid} -bs -nv =0x2A001122', 'reset -s')
                out = self.shell(machine, f'setvar {name} -guid {guid}', 'reset -s')
                self.assertRegex(out[0].upper(), r'22 11 00 2A')

    def test_flash_by_machine_properties(self):
        flash = ['-blockdev', f'driver=file,filename={OVMF}/OVMF_CODE_4M.fd,node-name=f0,read-only=on',
                 '-blockdev', f'driver=file,filename={self.vars},node-name=f1']
        self.shell('q35,pflash0=f0,pflash1=f1', 'setvar Kept -guid 5f0b4b9e-71d8-4c64-9e0f-0123456789ab -bs -nv =0x77665544', 'reset -s', flash=flash)
        out = self.shell('q35', 'setvar Kept -guid 5f0b4b9e-71d8-4c64-9e0f-0123456789ab', 'reset -s')
        self.assertRegex(out[0], r'44 55 66 77')

    def test_kernel_from_a_fat_disk(self):
        kernel = f'{GUESTS}/amd64/vmlinuz'
        if not os.path.exists(kernel):
            self.skipTest('no guest kernel (scripts/make-guest)')
        script = self.text('startup.nsh', 'fs0:\r\nvmlinuz.efi initrd=initrd.gz console=ttyS0 panic=-1\r\n')
        disk = self.fat((kernel, 'vmlinuz.efi'), (f'{GUESTS}/amd64/initrd.gz', 'initrd.gz'), (script, 'startup.nsh'))
        for machine in ('pc', 'q35'):
            with self.subTest(machine=machine), Guest(['-M', machine, '-vga', 'std', *self.flash('OVMF_CODE_4M.fd'), *disk], kernel=False, memory='512') as g:
                g.prompt()
                self.assertIn('efi', g.shell('ls /sys/firmware'))
                self.assertIn('initrd=initrd.gz', g.shell('cat /proc/cmdline'))

    def test_kernel_by_option(self):
        if not os.path.exists(f'{GUESTS}/amd64/vmlinuz'):
            self.skipTest('no guest kernel (scripts/make-guest)')
        for machine in ('pc', 'q35'):
            with self.subTest(machine=machine), Guest(['-M', machine, '-vga', 'std', *self.flash('OVMF_CODE_4M.fd')], append='console=ttyS0 panic=-1 by=option') as g:
                g.prompt()
                self.assertIn('efi', g.shell('ls /sys/firmware'))
                self.assertIn('by=option', g.shell('cat /proc/cmdline'))


if __name__ == '__main__':
    unittest.main()
