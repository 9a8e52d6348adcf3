#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
OVMF in flash: its shell comes up on both boards; what it keeps in its variables is there after a restart; it starts a kernel
from a FAT disk and by -kernel; its secure-boot build, behind SMM, takes keys and then refuses what they have not signed.
"""
import glob
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from guest import GUESTS, Guest

OVMF = '/usr/share/OVMF'
SECURE = ['-global', 'driver=cfi.pflash01,property=secure,value=on']
GUIDS = {'db': 'd719b2cb-3d3a-4596-a3bc-dad00e67656f', 'KEK': '8be4df61-93ca-11d2-aa0d-00e098032b8c', 'PK': '8be4df61-93ca-11d2-aa0d-00e098032b8c'}
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
        if any('/' in name for _, name in files):
            subprocess.run(['mmd', '-i', image, '::EFI', '::EFI/BOOT'], check=True)
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

    def test_secure_boot(self):
        tools('cpio', 'openssl', 'cert-to-efi-sig-list', 'sign-efi-sig-list', 'sbsign', 'mkfs.vfat', 'mcopy')
        program = '/usr/lib/efitools/x86_64-linux-gnu/UpdateVars.efi'
        if not os.path.exists(program):
            self.skipTest('no efitools')
        if not os.path.exists(f'{GUESTS}/amd64/vmlinuz') or not glob.glob('/lib/modules/*/kernel/fs/efivarfs/efivarfs.ko'):
            self.skipTest('no guest kernel, or not its efivarfs module')
        folder = os.path.dirname(self.vars)

        def run(*command):
            subprocess.run(command, check=True, capture_output=True, cwd=folder)
        for key, signer in (('PK', 'PK'), ('KEK', 'PK'), ('db', 'KEK')):
            run('openssl', 'req', '-new', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', f'/CN=test {key}/', '-days', '3650', '-sha256', '-keyout',
                f'{key}.key', '-out', f'{key}.crt')
            run('cert-to-efi-sig-list', '-g', '77fa9abd-0359-4d32-bd60-28f4e78f784b', f'{key}.crt', f'{key}.esl')
            run('sign-efi-sig-list', '-k', f'{signer}.key', '-c', f'{signer}.crt', key, f'{key}.esl', f'{key}.auth')
        run('sbsign', '--key', 'db.key', '--cert', 'db.crt', '--output', 'signed.efi', program)
        self.enroll(folder)
        # From now on not even firmware's own shell starts, which nobody has signed.
        for path, wanted in ((program, r'"UEFI QEMU HARDDISK[^\n]*\n?[^\n]*(Access Denied|Security Violation)'), (f'{folder}/signed.efi', 'Usage: ')):
            with self.subTest(path), Guest(['-M', 'q35,smm=on', '-vga', 'std', *self.flash('OVMF_CODE_4M.secboot.fd'), *SECURE,
                                            *self.fat((path, 'EFI/BOOT/BOOTX64.EFI'))], kernel=False, memory='256') as g:
                m = g.expect(r'Usage: |(Access Denied|Security Violation)[^\n]*\n[^\n]*Internal Shell')
                self.assertRegex(g.log[:m.end()], wanted)

    def enroll(self, folder):
        """While there are no keys, Linux, which no key has signed either, may set them."""
        os.makedirs(f'{folder}/extra/keys')
        for key in GUIDS:
            with open(f'{folder}/{key}.auth', 'rb') as source, open(f'{folder}/extra/keys/{key}', 'wb') as f:
                f.write(b'\x27\0\0\0' + source.read())         # kept, for boot and run time, authenticated by time
        shutil.copy(glob.glob('/lib/modules/*/kernel/fs/efivarfs/efivarfs.ko')[0], f'{folder}/extra/keys')
        with open(f'{folder}/extra/keys/go', 'w', encoding='ascii') as f:
            f.write('insmod /keys/efivarfs.ko\nmount -t efivarfs none /mnt\n')
            f.writelines(f'cat /keys/{key} >/mnt/{key}-{guid}\n' for key, guid in GUIDS.items())
        extra = subprocess.run(['cpio', '-o', '-H', 'newc', '--quiet'], input='\n'.join(['keys', 'keys/efivarfs.ko', 'keys/go', *(f'keys/{k}' for k in GUIDS)]).encode(),
                               cwd=f'{folder}/extra', check=True, capture_output=True).stdout
        with open(f'{GUESTS}/amd64/initrd.gz', 'rb') as source, open(f'{folder}/initrd', 'wb') as f:
            initrd = source.read()
            f.write(initrd + b'\0' * (-len(initrd) % 4) + extra)
        with Guest(['-M', 'q35,smm=on', '-vga', 'std', *self.flash('OVMF_CODE_4M.secboot.fd'), *SECURE, '-kernel', f'{GUESTS}/amd64/vmlinuz',
                    '-initrd', f'{folder}/initrd', '-append', 'console=ttyS0 panic=-1'], kernel=False, memory='512') as g:
            g.prompt()
            g.shell('sh -e /keys/go')                   # one short line: a terminal of 80 columns echoes it whole
            self.assertIn('PK-', g.shell('ls /mnt'))


if __name__ == '__main__':
    unittest.main()
