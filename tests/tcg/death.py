#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Death reports: boot sectors that each die in their own way, and what the report must name as the cause.

Each row is assembled into a boot sector and started from the first disk. The rows share a prologue: real mode, 32-bit
protected mode with a flat GDT, paging, or long mode, with an IDT at 8000h that a row fills in part.
"""
import json
import os
import shutil
import subprocess
import tempfile
import unittest

BUILD = os.environ.get('RHEA_BUILD', 'build')
EMULATOR = os.environ.get('RHEA_EMULATOR', os.path.join(BUILD, 'qemu-system-x86_64'))

REAL = '''
.code16
.globl _start
_start: cli
    xorw %ax, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movw $0x7000, %sp
'''
# 32-bit code; GDT: 08 code, 10 data, 18 64-bit code, 20 absent code, 28 TSS (limit in tss_limit), 30 user code, 38 user data
PROTECTED = REAL + '''
    lgdtl gdtr
    lidtl idtr
    movl $1, %eax
    movl %eax, %cr0
    ljmpl $0x08, $start32
.balign 4
gdt:
    .quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00af9b000000ffff, 0x00cf1b000000ffff, 0x0000890090000000 + TSS_LIMIT
    .quad 0x00cffb000000ffff, 0x00cff3000000ffff, 0x00009b000000ffff
gdt_end:
gdtr: .word gdt_end - gdt - 1
    .long gdt
idtr: .word IDT_LIMIT
    .long 0x8000
none: .long 0, 0
.code32
start32:
    movw $0x10, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movl $0x7000, %esp
    movl $0x8000, %edi
    xorl %eax, %eax
    movl $0x800, %ecx
    rep stosl
'''
# Page tables at 10000h: identity for 4 MiB by 4 KiB pages (2-level), a page directory at 10000h, the table at 11000h.
PAGED = PROTECTED + '''
    movl $0x10000, %edi
    xorl %eax, %eax
    movl $0x800, %ecx
    rep stosl
    movl $0x11003, 0x10000
    movl $0x11000, %edi
    movl $3, %eax
    movl $1024, %ecx
1:  stosl
    addl $4096, %eax
    loop 1b
    movl $0x10000, %eax
    movl %eax, %cr3
'''
PAGING_ON = '''
    movl %cr0, %eax
    orl $0x80010000, %eax
    movl %eax, %cr0
'''
# Long mode: PML4 10000h, PDPT 11000h, PD 12000h with 2 MiB pages, of which the first four are mapped.
LONG = PROTECTED + '''
    movl $0x10000, %edi
    xorl %eax, %eax
    movl $0xc00, %ecx
    rep stosl
    movl $0x11003, 0x10000
    movl $0x12003, 0x11000
    movl $0x000083, 0x12000
    movl $0x200083, 0x12008
    movl $0x400083, 0x12010
    movl $0x10000, %eax
    movl %eax, %cr3
    movl $0x20, %eax
    movl %eax, %cr4
    movl $0xc0000080, %ecx
    movl $0x900, %eax
    xorl %edx, %edx
    wrmsr
''' + PAGING_ON + '''
    ljmpl $0x18, $start64
.code64
start64:
'''


def gate(vector, selector=8, attr=0x8e00, offset='handler', wide=False):
    """Code that writes a gate. @wide: a 16-byte one."""
    at = 0x8000 + vector * (16 if wide else 8)
    return f'''
    movl $({offset}), %eax
    movw %ax, {at}
    movw ${selector}, {at + 2}
    movw ${attr:#x}, {at + 4}
    shrl $16, %eax
    movw %ax, {at + 6}
'''


# name, prologue, code, what the cause must say, further definitions
ROWS = [
    ('no IDT', PROTECTED, 'lidtl none\n int3', 'IDT limit is 0: vector 3 has no gate', {}),
    ('no IVT', REAL, 'lidtl 1f\n int $0x10\n 1: .long 0, 0', 'IVT limit is 0: vector 16 has no entry', {}),
    ('empty gate', PROTECTED, 'int3', 'IDT entry 3 has type 0, which is no gate', {}),
    ('call gate in the IDT', PROTECTED, gate(6, attr=0x8c00) + 'ud2', 'IDT entry 6 has type 12', {}),
    ('absent gate', PROTECTED, gate(6, attr=0x0e00) + 'ud2', 'the gate of vector 6 is not present', {}),
    ('null code selector in the gate', PROTECTED, gate(6, selector=0) + 'ud2', 'the gate of vector 6 has a null code selector', {}),
    ('gate beyond the GDT', PROTECTED, gate(6, selector=0x800) + 'ud2',
     'the gate of vector 6 names code selector 0x800, outside of its descriptor table', {}),
    ('gate to data', PROTECTED, gate(6, selector=0x10) + 'ud2', 'names selector 0x10, which is not a code segment', {}),
    ('gate to absent code', PROTECTED, gate(6, selector=0x20) + 'ud2', 'names code selector 0x20, which is not present', {}),
    ('gate to user code', PROTECTED, gate(6, selector=0x33) + 'ud2', 'names code selector 0x33, less privileged', {}),
    ('handler beyond the code segment', PROTECTED, gate(6, selector=0x40, offset='0x12345678') + 'ud2',
     'the target offset 0x12345678 is beyond the code segment\'s limit 0xffff', {}),
    ('GDT gone', PROTECTED, gate(6) + 'lgdtl none\n ud2', 'names code selector 0x8, outside of its descriptor table', {}),
    ('stack at the end of its segment', REAL, 'movw $1, %sp\n movw $0x1234, %bx\n pushw %bx',
     'the stack at SP 0xffff goes beyond the stack segment\'s limit 0xffff', {}),
    ('stack not mapped', PAGED, gate(14) + 'movl $0, 0x11000 + 4 * 0x300\n' + PAGING_ON + 'movl $0x301000, %esp\n pushl %eax',
     'the handler\'s stack frame could not be written: writing address 0x300', {}),
    ('page-fault handler not mapped', PAGED, gate(14, offset='0x200000') + 'movl $0, 0x11000 + 4 * 0x200\n' +
     'movl $0, 0x11000 + 4 * 5\n movl $0, 0x11000 + 4 * 0x201\n' + PAGING_ON + 'movl 0x201000, %eax',
     'the page-fault handler itself cannot run', {}),
    ('code not mapped', PAGED, 'movl $0, 0x10000\n' + PAGING_ON + 'nop', 'the IDT could not be read: reading address 0x80', {}),
    ('reserved bit in a page-table entry', LONG, 'movabsq $0x0000200000400083, %rax\n movq %rax, 0x12010\n movq %cr3, %rax\n' +
     'movq %rax, %cr3\n movq 0x400000, %rax', 'has reserved bits 0x200000000000 set', {}),
    ('non-canonical jump', LONG, 'movabsq $0x8000000000000000, %rax\n jmpq *%rax', 'the target address 0x8000000000000000 is not canonical', {}),
    ('non-canonical data', LONG, 'movabsq $0x8000000000000000, %rax\n movq (%rax), %rax',
     'the data address 0x8000000000000000 is not canonical', {}),
    ('non-canonical handler', LONG, gate(6, selector=0x18, wide=True) + 'movl $0x80000000, 0x8000 + 6 * 16 + 8\n ud2',
     'is not canonical', {}),
    ('32-bit handler in long mode', LONG, gate(6, selector=8, wide=True) + 'ud2', 'is not a 64-bit code segment', {}),
    ('TSS too short', PROTECTED, gate(0x80, attr=0xee00) + 'movw $0x28, %ax\n ltr %ax\n pushl $0x3b\n pushl $0x6000\n pushl $2\n pushl $0x33\n'
     'pushl $1f\n iretl\n 1: int $0x80', 'the TSS limit is 0x3: no stack pointer at offset 0x4', {'TSS_LIMIT': 3}),
    ('null stack in the TSS', PROTECTED, gate(0x80, attr=0xee00) + 'movw $0x28, %ax\n ltr %ax\n movl $0, 0x9008\n pushl $0x3b\n'
     'pushl $0x6000\n pushl $2\n pushl $0x33\n pushl $1f\n iretl\n 1: int $0x80', 'the TSS gives a null stack segment for privilege 0', {}),
    ('task gate without a TSS', PROTECTED, gate(6, selector=0x10, attr=0x8500) + 'ud2', 'selector 0x10 does not name an available TSS', {}),
    ('INT through a privileged gate', PROTECTED, gate(0x80) + 'movw $0x28, %ax\n ltr %ax\n pushl $0x3b\n pushl $0x6000\n pushl $2\n pushl $0x33\n'
     'pushl $1f\n iretl\n 1: int $0x80', 'the gate of vector 128 has DPL 0', {}),
    ('unknown MSR', PROTECTED, 'movl $0x12345678, %ecx\n rdmsr', 'there is no MSR 0x12345678 in this CPU model', {}),
    ('far jump to data', PROTECTED, 'ljmpl $0x10, $0', 'selector 0x10 has a descriptor of type 0x13', {}),
    ('IRET to nowhere', PROTECTED, 'pushl $2\n pushl $0\n pushl $0\n iretl', 'the target code selector is null', {}),
    ('reserved bit of CR4', PROTECTED, 'movl $0x8000, %eax\n movl %eax, %cr4', 'reserved or inconsistent bits in the value 0x8000 for CR4', {}),
    ('load through null DS', PROTECTED, 'xorl %eax, %eax\n movw %ax, %ds\n movl 0x1234, %eax', 'the access at offset 0x1234 is not allowed', {}),
]

# instruction, feature named by the hint
HINTS = [
    ('crc32b %al, %eax', 'sse4.2'), ('popcntl %eax, %eax', 'popcnt'), ('pshufb %xmm0, %xmm1', 'ssse3'),
    ('vaddps %ymm0, %ymm1, %ymm2', 'avx'), ('andnl %eax, %ebx, %ecx', 'bmi1'), ('rdrand %eax', 'rdrand'),
    ('movbel (%ebx), %eax', 'movbe'), ('rdpid %eax', 'rdpid'),
]


def assemble(directory, source, definitions):
    options = {'TSS_LIMIT': 0x67, 'IDT_LIMIT': 0x7ff, **definitions}
    base = os.path.join(directory, 'sector')
    text = source + '\nhandler: hlt\n jmp handler\n .org 510\n .word 0xaa55\n'
    for name, value in options.items():
        text = text.replace(name, hex(value))
    with open(base + '.s', 'w') as f:
        f.write(text)
    subprocess.run(['as', '--32', '-o', base + '.o', base + '.s'] if '.code64' not in source else
                   ['as', '--64', '-o', base + '.o', base + '.s'], check=True)
    subprocess.run(['ld', '-m', 'elf_i386' if '.code64' not in source else 'elf_x86_64', '-Ttext', '0x7c00', '--oformat', 'binary',
                    '-o', base + '.bin', base + '.o'], check=True, stderr=subprocess.DEVNULL)
    with open(base + '.bin', 'ab') as f:
        f.truncate(1 << 20)
    return base + '.bin'


def run(image, *args, **kw):
    return subprocess.run([EMULATOR, '-M', 'pc', '-nodefaults', '-display', 'none', '-no-reboot', '-m', '16', '-drive',
                           f'file={image},format=raw', *args], capture_output=True, text=True, timeout=60, **kw)


@unittest.skipUnless(shutil.which('as') and shutil.which('ld'), 'no assembler')
class Death(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)

    def image(self, source, definitions=None):
        return assemble(self.directory.name, source, definitions or {})

    def test_each_death_names_its_cause(self):
        self.assertGreaterEqual(len(ROWS), 20)
        for name, prologue, code, cause, definitions in ROWS:
            with self.subTest(name):
                r = run(self.image(prologue + code, definitions))
                said = [line for line in r.stderr.splitlines() if line.startswith('Cause: ')]
                self.assertEqual(len(said), 1, r.stderr)
                self.assertIn(cause, said[0])
                self.assertIn('Last events, oldest first:', r.stderr)
                self.assertIn('Code at ', r.stderr)
                self.assertEqual(r.returncode, 0, 'a triple fault under -no-reboot ends as QEMU does')

    def test_page_walk_is_shown_level_by_level(self):
        row = next(r for r in ROWS if r[0] == 'reserved bit in a page-table entry')
        text = run(self.image(row[1] + row[2])).stderr
        for word in ('Page walk of 0x400000', 'PML4E', 'PDPTE', 'PDE', 'reserved bits set'):
            self.assertIn(word, text)

    def test_monitors_tell_the_report(self):
        row = ROWS[0]
        commands = [{'execute': 'qmp_capabilities'}]
        cmd = [EMULATOR, '-M', 'pc', '-nodefaults', '-display', 'none', '-no-shutdown', '-no-reboot', '-m', '16', '-drive',
               f'file={self.image(row[1] + row[2])},format=raw', '-qmp', 'stdio']
        with subprocess.Popen(cmd, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as p:
            p.stdin.write(json.dumps(commands[0]) + '\n')
            p.stdin.flush()
            for line in p.stdout:
                if json.loads(line).get('event') in ('SHUTDOWN', 'RESET', 'STOP'):
                    break
            p.stdin.write(json.dumps({'execute': 'x-rhea-query-death', 'id': 'd'}) + '\n')
            p.stdin.write(json.dumps({'execute': 'human-monitor-command', 'id': 'h', 'arguments': {'command-line': 'info death'}}) + '\n')
            p.stdin.write(json.dumps({'execute': 'quit'}) + '\n')
            p.stdin.flush()
            replies = {r.get('id'): r for r in map(json.loads, p.stdout)}
        self.assertIn(row[3], replies['d']['return']['cause'])
        self.assertEqual(replies['d']['return']['reason'], 'triple-fault')
        self.assertIn(row[3], replies['h']['return'])

    def test_missing_feature_is_named_once(self):
        self.assertGreaterEqual(len(HINTS), 5)
        for insn, feature in HINTS:
            with self.subTest(insn):
                code = gate(6) + f'movl $0x600, %eax\n movl %eax, %cr4\n movl $0x9000, %ebx\n {insn}'
                code = code.replace('handler', 'skip') + '\n hlt\n skip: lidtl none\n int3'
                r = run(self.image(PROTECTED + code), '-cpu', 'qemu64')
                hints = [line for line in r.stderr.splitlines() if '#UD' in line and 'CPU 0' in line]
                self.assertEqual(len(hints), 1, r.stderr)
                self.assertIn(f'lacks {feature};', hints[0])
                self.assertIn(f'+{feature}', hints[0])
                self.assertIn("'" + insn[:4], hints[0].lower())

    def test_reboot_goes_on_without_no_reboot(self):
        # the sector counts boots in CMOS 70h and dies until the third
        code = '''movb $0x70, %al
        outb %al, $0x70
        inb $0x71, %al
        incb %al
        movb %al, %bl
        movb $0x70, %al
        outb %al, $0x70
        movb %bl, %al
        outb %al, $0x71
        cmpb $3, %al
        je 2f
        lidtl 1f
        int3
        1: .long 0, 0
        2: movw $0x501, %dx
        movb $7, %al
        outb %al, %dx
        '''
        image = self.image(REAL + code)
        r = subprocess.run([EMULATOR, '-M', 'pc', '-nodefaults', '-display', 'none', '-m', '16', '-drive', f'file={image},format=raw',
                            '-device', 'isa-debug-exit'], capture_output=True, text=True, timeout=300)
        self.assertEqual(r.returncode, 15)
        self.assertEqual(r.stderr.count('Cause: IVT limit is 0: vector 3 has no entry'), 2)


if __name__ == '__main__':
    unittest.main()
