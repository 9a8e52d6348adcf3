#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""OVMF in flash: its shell comes up on both boards, and what it keeps in its variables is there after a restart."""
import os
import re
import shutil
import tempfile
import unittest

from guest import Guest

OVMF = '/usr/share/OVMF'
ESCAPES = re.compile(r'\x1b\[[0-9;]*[A-Za-z]')


class Ovmf(unittest.TestCase):
    def setUp(self):
        if not os.path.exists(f'{OVMF}/OVMF_CODE_4M.fd'):
            self.skipTest('no OVMF (Debian package ovmf)')
        folder = tempfile.TemporaryDirectory(prefix='rhea-ovmf-')
        self.addCleanup(folder.cleanup)
        self.vars = f'{folder.name}/vars.fd'
        shutil.copy(f'{OVMF}/OVMF_VARS_4M.fd', self.vars)

    def shell(self, machine, *commands, code='OVMF_CODE_4M.fd', args=()):
        """Output of @commands in the shell, without the terminal's escapes; the last one ends the machine."""
        with Guest(['-M', machine, '-vga', 'std', '-drive', f'if=pflash,format=raw,readonly=on,file={OVMF}/{code}',
                    '-drive', f'if=pflash,format=raw,file={self.vars}', *args], kernel=False, memory='256') as g:
            out = []
            for command in commands:
                g.expect(r'Shell> ')
                g.p.stdin.write(command.encode() + b'\r')
                start = g.seen
                if command.startswith('reset'):
                    self.assertEqual(g.wait_exit(), 0)
                else:
                    end = g.expect(r'(?=Shell> )').start()
                    g.seen = end
                    out.append(ESCAPES.sub('', g.log[start:end]))
            return out

    def test_variables_survive(self):
        for machine in ('q35', 'pc'):
            with self.subTest(machine=machine):
                guid = '5f0b4b9e-71d8-4c64-9e0f-0123456789ab'
                name = f'Rhea{machine}'
                self.shell(machine, f'setvar {name} -guid {guid} -bs -nv =0x2A001122', 'reset -s')
                out = self.shell(machine, f'setvar {name} -guid {guid}', 'reset -s')
                self.assertRegex(out[0].upper(), r'22 11 00 2A')


if __name__ == '__main__':
    unittest.main()
