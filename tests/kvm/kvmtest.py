# SPDX-License-Identifier: GPL-2.0-or-later
"""
What the tests under KVM share: are they possible here, and firmware images made of a few lines of assembly.

A firmware is 64 KiB that end below 4 GiB and are also seen at F0000h; its source begins at F000:0000 in real mode, where
the reset vector jumps to. It ends the emulator by isa-debug-exit (port 0x501), or says something on port 0x402.
"""
import fcntl
import os
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'qtest'))
import qtest                                        # noqa: E402

KVM_CREATE_VM = 0xae01
IRQCHIPS = ('off', 'split', 'on')
BOARDS = ('pc', 'q35')
EXIT_DEVICE = ('-device', 'isa-debug-exit')         # port 0x501; exit status 2 * value + 1

REAL = '''
.code16
.globl _start
_start: cli
    cld
    xorw %ax, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movw $0x7000, %sp
'''
# 32-bit code with flat segments; EXIT ends with al
PROTECTED = REAL + '''
    lgdtl %cs:gdtr
    movl $1, %eax
    movl %eax, %cr0
    ljmpl $0x08, $0xf0000 + start32
.balign 8
gdt: .quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00af9b000000ffff
gdtr: .word . - gdt - 1
    .long 0xf0000 + gdt
.code32
start32:
    movw $0x10, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movl $0x7000, %esp
'''
EXIT = '''
    movw $0x501, %dx
    outb %al, %dx
1:  hlt
    jmp 1b
'''

# A second CPU, in real mode, counts the NMIs that it gets: an IPI that needs no end of interrupt.
TWO_CPUS = '''
    movl $0x050206ff, 0x8000              /* incw 0x502; 3: hlt; jmp 3b */
    movl $0x00fdebf4, 0x8004
    movw $count, 8
    movw $0xf000, 10
    movl $0, 0x500
    movl $0x1ff, 0xfee000f0
    movl $0x01000000, 0xfee00310
    movl $0x4500, 0xfee00300
    movl $0x4608, 0xfee00300
5:  cmpw $0, 0x502
    je 5b
    jmp 4f
.code16
count: incw 0x500
    iret
.code32
4:
'''
IPI = '''
    movw 0x500, %bx
    movl $0x4400, 0xfee00300
2:  cmpw %bx, 0x500
    je 2b
'''


def why_not():
    """A word on why there is no KVM for the tests; None: there is."""
    try:
        fd = os.open('/dev/kvm', os.O_RDWR)
    except OSError as e:
        return f'/dev/kvm: {e.strerror}'
    try:
        os.close(fcntl.ioctl(fd, KVM_CREATE_VM, 0))
    except OSError as e:
        return f'KVM makes no machine: {e.strerror}'
    finally:
        os.close(fd)
    return None


def assemble(source, folder):
    """64 KiB of firmware from @source."""
    path = os.path.join(folder, 'guest')
    with open(path + '.s', 'w') as f:
        f.write(source)
    subprocess.run(['as', '--32', path + '.s', '-o', path + '.o'], check=True)
    subprocess.run(['ld', '-m', 'elf_i386', '-Ttext=0', '--oformat=binary', '-e', '_start', path + '.o', '-o', path + '.raw'],
                   check=True)
    with open(path + '.raw', 'rb') as f:
        code = f.read()
    assert len(code) <= 0xfff0, len(code)
    return code.ljust(0xfff0, b'\xf4') + b'\xea\x00\x00\x00\xf0'.ljust(16, b'\xf4')


class Case(qtest.Case):
    def tmp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        return folder.name

    def start_guest(self, source, *args, irqchip='on', board='pc'):
        """A machine under KVM whose firmware is @source."""
        folder = self.tmp()
        path = os.path.join(folder, 'bios')
        with open(path, 'wb') as f:
            f.write(assemble(source, folder))
        return self.start('-accel', f'kvm,kernel-irqchip={irqchip}', '-M', board, '-nodefaults', '-bios', path, *EXIT_DEVICE, *args,
                          accel=None)

    def run_guest(self, source, *args, **options):
        """Runs it to its end; returns what it gave to isa-debug-exit."""
        machine = self.start_guest(source, '-S', *args, **options)      # it must not end before we are connected
        machine.qmp.send_text('{"execute": "cont"}\n')
        return machine.wait_exit() >> 1


def main():
    word = why_not()
    if word:
        print(f'skipped: {word}')
        sys.exit(77)
    unittest.main()
