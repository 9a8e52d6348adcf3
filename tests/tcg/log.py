#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the translator tells: -d in_asm, op, out_asm, int, exec, cpu; -perfmap; -jitdump. By a boot sector in long mode."""
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import death                                        # noqa: E402

START = 0x7e00
# A loop at START, INT 40h through a gate, "." on the debug port, rest.
GUEST = death.LONG + death.gate(0x40, 0x18, offset='back', wide=True) + f'''
    movl ${START}, %edi
    movl $loop_code, %esi
    movl $(loop_end - loop_code), %ecx
    rep movsb
    movl $1000, %ecx
    movl ${START}, %edi
    call *%rdi
    int $0x40
loop_code:
1:  addl $3, %edx
    xorl %edx, %ebx
    decl %ecx
    jnz 1b
    ret
loop_end:
back:
    movb $'.', %al
    outb %al, $0xe9
2:  hlt
    jmp 2b
'''


class Log(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.folder = directory.name
        self.image = death.assemble(self.folder, GUEST, {})

    def run_guest(self, *args, look=lambda pid: None):
        cmd = [os.path.abspath(death.EMULATOR), '-m', '16', '-nodefaults', '-display', 'none', '-drive', f'file={self.image},format=raw',
               '-debugcon', 'stdio', '-no-reboot', *args]
        with subprocess.Popen(cmd, stdout=subprocess.PIPE, cwd=self.folder) as p:
            said = p.stdout.read(1)
            while said and said != b'.':
                said = p.stdout.read(1)
            seen = look(p.pid)
            p.kill()
        self.assertEqual(said, b'.')
        return seen

    def log(self, items):
        path = os.path.join(self.folder, 'log')
        self.run_guest('-accel', 'tcg', '-d', items, '-D', path)
        with open(path, encoding='utf-8') as f:
            return f.read()

    def test_both_codes(self):
        text = self.log('in_asm,op,out_asm')
        self.assertRegex(text, r'IN:\n0x0+7e00:  add +edx, 3\n0x0+7e03:  xor +ebx, edx\n')
        self.assertRegex(text, r'OP: 0x0+7e00 mode 0x[0-9a-f]+ CPL 0 TLB \d\n +0  ADD +size 4  translated, \d+ bytes at \+\d+\n +3  XOR ')
        self.assertRegex(text, r'INT +size \d  in C, ')
        out = re.search(r'OP: 0x0+7e00.*?\nOUT: \[size=(\d+)\]\n(.*?)\n\n', text, re.S)
        self.assertGreater(int(out.group(1)), 20)
        self.assertRegex(out.group(2), r'0x[0-9a-f]+:  (add +edx, 3|lea +edx, )')
        self.assertIn('-- slow paths', out.group(2))
        self.assertNotIn('Trace ', text)

    def test_interrupts(self):
        text = self.log('int')
        self.assertRegex(text, r'INT 64 error none 0000 at 0018:0*7[c-f][0-9a-f]{2} cpl 0')
        self.assertNotIn('IN:', text)

    def test_each_block(self):
        text = self.log('exec,cpu,nochain')
        self.assertGreaterEqual(text.count('Trace 0: 0x0000000000007e00 '), 999)
        self.assertRegex(text, r'RCX=00000000000003e7[^\n]*\n(.*\n){3}RIP=0000000000007e00')

    def test_perfmap(self):
        def look(pid):
            path = f'/tmp/perf-{pid}.map'
            self.addCleanup(os.unlink, path)
            with open(path, encoding='ascii') as f, open(f'/proc/{pid}/maps', encoding='utf-8') as maps:
                code = [[int(n, 16) for n in line.split()[0].split('-')] for line in maps if 'rhea-translated' in line and ' r-x' in line]
                return f.read().splitlines(), [m for m in code] or None
        lines, code = self.run_guest('-accel', 'tcg', '-perfmap', look=look)
        self.assertIsNotNone(code)
        self.assertTrue(any(line.endswith(' guest-0x7e00') for line in lines))
        for line in lines:
            m = re.fullmatch(r'([0-9a-f]+) ([0-9a-f]+) guest-0x[0-9a-f]+(-slow)?', line)
            start, size = int(m.group(1), 16), int(m.group(2), 16)
            self.assertTrue(any(low <= start and start + size <= high for low, high in code), line)

    def test_jitdump(self):
        pid = self.run_guest('-accel', 'tcg', '-jitdump', look=lambda pid: pid)
        with open(os.path.join(self.folder, f'jit-{pid}.dump'), 'rb') as f:
            data = f.read()
        magic, version, size, machine, _, owner, _, _ = struct.unpack_from('=IIIIIIQQ', data)
        self.assertEqual((magic, version, size, machine, owner), (0x4a695444, 1, 40, 62, pid))
        at, names = 40, []
        while at < len(data):
            kind, size, _, owner, _, vma, address, code_bytes, index = struct.unpack_from('=IIQIIQQQQ', data, at)
            name = data[at + 56:at + size - code_bytes]
            self.assertEqual((kind, owner, address, index, name[-1:]), (0, pid, vma, len(names), b'\0'))
            names.append(name[:-1].decode())
            at += size
        self.assertEqual(at, len(data))
        self.assertIn('guest-0x7e00', names)


if __name__ == '__main__':
    if not shutil.which('as') or not shutil.which('ld'):
        print('skipped: needs as and ld')
        sys.exit(77)
    unittest.main()
