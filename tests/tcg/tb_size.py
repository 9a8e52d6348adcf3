#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
A guest that generates code without end, in bounded memory: tb-size is honoured, and what is thrown away comes back right.

A boot sector writes small functions over 64 MiB, each different, calls each, and adds up what they return. It does so round
after round, and prints the sum. The emulator's memory, apart from the guest's, must stay below a limit.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import death                                        # noqa: E402

MIB = 1 << 20
with open(death.EMULATOR, 'rb') as emulator:
    SANITIZED = b'__asan_init' in emulator.read()   # has memory of its own
ROUNDS, FUNCTIONS, FIRST, STEP = 3, 200000, 0x1000000, 320
# 32-bit code: function i at FIRST + i * STEP: MOV EAX, i * 3 + round; RET
GENERATOR = death.PROTECTED + f'''
    xorl %ebx, %ebx             # sum
    xorl %ebp, %ebp             # round
2:  xorl %esi, %esi
    movl ${FIRST}, %edi
1:  movb $0xb8, (%edi)
    leal (%esi, %esi, 2), %eax
    addl %ebp, %eax
    movl %eax, 1(%edi)
    movb $0xc3, 5(%edi)
    call *%edi
    addl %eax, %ebx
    addl ${STEP}, %edi
    incl %esi
    cmpl ${FUNCTIONS}, %esi
    jb 1b
    incl %ebp
    cmpl ${ROUNDS}, %ebp
    jb 2b
    movl $8, %ecx               # the sum as hexadecimal digits on the debug port
3:  roll $4, %ebx
    movl %ebx, %eax
    andl $15, %eax
    addb $'0', %al
    cmpb $'9', %al
    jbe 4f
    addb $39, %al
4:  outb %al, $0xe9
    loop 3b
    movb $'\\n', %al
    outb %al, $0xe9
5:  hlt
    jmp 5b
'''


def memory_of(pid):
    """Resident bytes by what is mapped: the guest's RAM, the rest."""
    ram = rest = size = 0
    with open(f'/proc/{pid}/smaps', encoding='ascii', errors='replace') as f:
        for line in f:
            m = re.match(r'([0-9a-f]+)-([0-9a-f]+) ', line)
            if m:
                size = int(m.group(2), 16) - int(m.group(1), 16)
            m = re.match(r'Pss: +(\d+) kB', line)
            if m:
                is_ram = 128 * MIB <= size <= 132 * MIB
                ram, rest = (ram + int(m.group(1)), rest) if is_ram else (ram, rest + int(m.group(1)))
    return ram * 1024, rest * 1024


class TbSize(unittest.TestCase):
    def run_guest(self, accel):
        with tempfile.TemporaryDirectory() as folder:
            image = death.assemble(folder, GENERATOR, {})
            cmd = [death.EMULATOR, '-accel', accel, '-m', '128', '-nodefaults', '-display', 'none', '-drive', f'file={image},format=raw',
                   '-debugcon', 'stdio']
            with subprocess.Popen(cmd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as p:
                text = p.stdout.readline()
                while text and not re.fullmatch(r'[0-9a-f]{8}\n', text):
                    text = p.stdout.readline()
                memory = memory_of(p.pid)
                p.kill()
        return int(text, 16), memory

    def test_endless_code(self):
        want = sum(i * 3 + r for r in range(ROUNDS) for i in range(FUNCTIONS)) & 0xffffffff
        for accel, limit in (('tcg,tb-size=4', 24 * MIB), ('tcg,tb-size=32', 52 * MIB), ('tcg,tb-size=4,jit=off', 24 * MIB)):
            with self.subTest(accel=accel):
                total, (ram, rest) = self.run_guest(accel)
                self.assertEqual(total, want)
                self.assertGreater(ram, FUNCTIONS * STEP)
                if not SANITIZED:
                    self.assertLess(rest, limit, 'memory apart from the guest\'s')

    def test_shares(self):
        """By default an eighth of the host's memory, at most 1 GiB. vCPUs divide it; half is for decoded, half for translated code."""
        default = min(os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') // 8, 1 << 30)
        for accel, cpus, total in (('tcg', 1, default), ('tcg', 4, default), ('tcg,tb-size=64', 8, 64 * MIB)):
            with self.subTest(accel=accel, cpus=cpus):
                cmd = [death.EMULATOR, '-accel', accel, '-smp', str(cpus), '-m', '128', '-nodefaults', '-display', 'none', '-S',
                       '-monitor', 'stdio']
                with subprocess.Popen(cmd, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as p:
                    shares = []
                    while len(shares) < cpus:       # a vCPU's thread says so only when it has its share
                        p.stdin.write('info jit\ninfo status\n')
                        text = ''
                        while 'VM status' not in text:
                            line = p.stdout.readline()
                            self.assertTrue(line, 'the emulator runs')
                            text += line
                        shares = [int(n) for n in re.findall(r'gen code size +\d+/(\d+)', text)]
                    p.stdin.write('quit\n')
                self.assertEqual(shares, [total // cpus // 2] * cpus)


if __name__ == '__main__':
    if not shutil.which('as') or not shutil.which('ld'):
        print('skipped: needs as and ld')
        sys.exit(77)
    unittest.main()
