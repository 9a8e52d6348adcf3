#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Small guests under KVM, in every place where interrupt controllers can be; and SeaBIOS to the end of its boot menu."""
import os
import time

import kvmtest
from kvmtest import BOARDS, EXIT, IRQCHIPS, PROTECTED, REAL

# Ten ticks of the PIT through the 8259 pair wake HLT.
TICKS = REAL + '''
    movw $tick, 0x80
    movw $0xf000, 0x82
    movw $0, 0x500
    movb $0x11, %al
    outb %al, $0x20
    movb $0x20, %al
    outb %al, $0x21
    movb $4, %al
    outb %al, $0x21
    movb $1, %al
    outb %al, $0x21
    movb $0xfe, %al
    outb %al, $0x21
    movb $0x34, %al
    outb %al, $0x43
    movw $11932, %ax
    outb %al, $0x40
    movb %ah, %al
    outb %al, $0x40
    sti
2:  hlt
    cmpw $10, 0x500
    jb 2b
    movb $0x21, %al
''' + EXIT + '''
tick: pushw %ax
    incw 0x500
    movb $0x20, %al
    outb %al, $0x20
    popw %ax
    iret
'''

# A string to a port by REP OUTSB, and one back by REP INSB (CMOS register 0x38 again and again).
STRING_IO = REAL + '''
    movw %cs, %ax
    movw %ax, %ds
    movw $text, %si
    movw $0x402, %dx
    movw $13, %cx
    rep outsb
    movb $0x38, %al
    outb %al, $0x70
    movw $0x71, %dx
    movw $0x600, %di
    movw $8, %cx
    rep insb
    movw %es, %ax
    movw %ax, %ds
    movb 0x600, %al
    cmpb %al, 0x607
    jne 3f
    movb $0x22, %al
    jmp 4f
3:  movb $0x7f, %al
4:
''' + EXIT + '''
text: .ascii "said by REP!\\n"
'''

# What is ROM stays as it is; RAM behind it can be had by the chip set's PAM registers, and keeps what is written.
ROM_AND_PAM = REAL + '''
    movw $0xf000, %ax
    movw %ax, %ds
    movb marker, %bl
    notb marker
    cmpb marker, %bl
    jne 3f
    movl $0x80000000 + PAM_BASE, %eax     /* C0000-C7FFF: readable and writable RAM */
    movw $0xcf8, %dx
    outl %eax, %dx
    movw $0xcfc + PAM_BYTE, %dx
    movb $0x33, %al
    outb %al, %dx
    movw $0xc000, %ax
    movw %ax, %ds
    movl $0x12345678, 0x100
    cmpl $0x12345678, 0x100
    jne 3f
    movb $0x11, %al                       /* readable only: the write goes nowhere */
    outb %al, %dx
    movl $0, 0x100
    cmpl $0x12345678, 0x100
    jne 3f
    movb $0x23, %al
    jmp 4f
3:  movb $0x7f, %al
4:
''' + EXIT + '''
marker: .byte 0x5a
'''

# A local APIC timer interrupt, an IPI to itself, and a second vCPU started through INIT and SIPI.
APIC = PROTECTED + '''
    movl $0, 0x500
    movl $0xf0000 + apic_tick, %eax       /* IDT at 0x3000: vectors 0x40 and 0x41 */
    movw %ax, 0x3200
    movw %ax, 0x3208
    shrl $16, %eax
    movw %ax, 0x3206
    movw %ax, 0x320e
    movl $0x00080000, %eax
    movw $0x0008, 0x3202
    movw $0x0008, 0x320a
    movw $0x8e00, 0x3204
    movw $0x8e00, 0x320c
    lidt 0xf0000 + idtr
    movl $0x1ff, 0xfee000f0               /* enabled */
    movl $0x20040, 0xfee00320             /* timer: periodic, vector 0x40 */
    movl $0xb, 0xfee003e0
    movl $1000000, 0xfee00380
    sti
3:  hlt
    cmpl $5, 0x500
    jb 3b
    movl $0x10000, 0xfee00320
    movl $0, 0x500
    movl $0x44041, 0xfee00300             /* to itself, vector 0x41 */
4:  cmpl $1, 0x500
    jb 4b
    cli
    movl $ap_end - ap, %ecx               /* the other vCPU's first steps, at 0x8000 */
    movl $0xf0000 + ap, %esi
    movl $0x8000, %edi
    rep movsb
    movl $0, 0x600
    movl $0x01000000, 0xfee00310
    movl $0x4500, 0xfee00300              /* INIT */
    movl $2000000, %ecx
5:  loop 5b
    movl $0x4608, 0xfee00300              /* start-up at 0x8000 */
6:  pause
    cmpl $0x55aa, 0x600
    jne 6b
    movb $0x24, %al
''' + EXIT + '''
apic_tick: incl 0x500
    movl $0, 0xfee000b0
    popl %ebx                             /* IRET of same privilege, in steps: hosts may not emulate it */
    addl $4, %esp
    popfl
    jmp *%ebx
idtr: .word 0x7ff
    .long 0x3000
.code16
ap: xorw %ax, %ax
    movw %ax, %ds
    movl $0x55aa, 0x600
7:  hlt
    jmp 7b
ap_end:
'''

# Long mode: a sum in 64-bit registers. (Hosts that run kernel-mode code by emulation do not know vector instructions.)
LONG = PROTECTED + '''
    movl $0x2003, 0x1000
    movl $0, 0x1004
    movl $0x4003, 0x2000
    movl $0, 0x2004
    movl $0x83, 0x4000                    /* the first 2 MiB, 1:1 */
    movl $0, 0x4004
    movl $0x1000, %eax
    movl %eax, %cr3
    movl $0x620, %eax                     /* PAE, OSFXSR, OSXMMEXCPT */
    movl %eax, %cr4
    movl $0xc0000080, %ecx
    rdmsr
    orl $0x100, %eax
    wrmsr
    movl $0x80000001, %eax
    movl %eax, %cr0
    ljmp $0x18, $0xf0000 + start64
.code64
start64:
    movabs $0x123456789abcdef0, %rax
    movabs $0xfedcba9876543210, %r15
    addq %r15, %rax
    movabs $0x1111111111111100, %rbx
    cmpq %rbx, %rax
    jne 3f
    movb $0x25, %al
    jmp 4f
3:  movb $0x7f, %al
4:
''' + EXIT


class Guests(kvmtest.Case):
    def test_pit_interrupts_wake_hlt(self):
        for irqchip in IRQCHIPS:
            for board in BOARDS:
                self.assertEqual(self.run_guest(TICKS, irqchip=irqchip, board=board), 0x21, (irqchip, board))

    def test_string_io(self):
        for irqchip in IRQCHIPS:
            path = os.path.join(self.tmp(), 'said')
            self.assertEqual(self.run_guest(STRING_IO, '-debugcon', f'file:{path}', '-global', 'isa-debugcon.iobase=0x402',
                                            irqchip=irqchip), 0x22)
            with open(path, 'rb') as f:
                self.assertEqual(f.read(), b'said by REP!\n')

    def test_rom_and_shadow_ram(self):
        for board, base, byte in (('pc', 0x58, 2), ('q35', 0x90, 1)):
            source = ROM_AND_PAM.replace('PAM_BASE', hex(base)).replace('PAM_BYTE', str(byte))
            self.assertEqual(self.run_guest(source, board=board), 0x23, board)

    def test_local_apic_and_second_vcpu(self):
        for irqchip in IRQCHIPS:
            for board in BOARDS:
                self.assertEqual(self.run_guest(APIC, '-smp', '2', irqchip=irqchip, board=board), 0x24, (irqchip, board))

    def test_nmi_that_comes_while_one_is_served(self):
        """A round ends when the handler has counted, before its IRET: the next NMI waits, and HLT must not sleep over it."""
        source = PROTECTED + kvmtest.TWO_CPUS + '    movl $3000, %ecx\n1:' + kvmtest.IPI + '''
    decl %ecx
    jnz 1b
    movb $0x26, %al
''' + EXIT
        for irqchip in IRQCHIPS:
            self.assertEqual(self.run_guest(source, '-smp', '2', irqchip=irqchip), 0x26, irqchip)

    def test_long_mode(self):
        for irqchip in IRQCHIPS:
            self.assertEqual(self.run_guest(LONG, irqchip=irqchip), 0x25, irqchip)

    def test_seabios_ends_its_boot_menu(self):
        for irqchip in IRQCHIPS:
            for board in BOARDS:
                path = os.path.join(self.tmp(), 'debug')
                m = self.start('-accel', f'kvm,kernel-irqchip={irqchip}', '-M', board, '-smp', '2', '-boot', 'menu=on,splash-time=100',
                               '-debugcon', f'file:{path}', '-global', 'isa-debugcon.iobase=0x402', accel=None)
                text = ''
                while 'No bootable device.' not in text:
                    self.assertIsNone(m.process.poll(), m.stderr())
                    time.sleep(0.1)
                    with open(path, errors='replace') as f:
                        text = f.read()
                self.assertIn('Press', text)
                self.assertIn('Found 2 cpu(s)', text)


if __name__ == '__main__':
    kvmtest.main()
