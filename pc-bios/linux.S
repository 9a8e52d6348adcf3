/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Boot ROM for -kernel: loads a Linux kernel from fw_cfg and enters it. 16-bit code, at offset 0 of any segment.
 *
 * BIOS finds the Plug and Play header, lists us as a boot device and calls boot() -> each part (setup, command line,
 * kernel, initrd) is copied by fw_cfg DMA straight to its physical address, so no protected mode is needed here ->
 * jump to the kernel's real-mode entry. If a part cannot be read, a message is printed and the BIOS goes on to the next
 * boot device.
 * Specs: Plug and Play BIOS 1.0A, 3.2 (expansion header), 4.1.3 (bootstrap entry vector);
 * Linux Documentation/arch/x86/boot.rst, "Running the Kernel"; hw/firmware/fw_cfg.h. Keys are those of that header.
 */
#define KERNEL_ADDR     0x07
#define KERNEL_SIZE     0x08
#define INITRD_ADDR     0x0a
#define INITRD_SIZE     0x0b
#define KERNEL_DATA     0x11
#define INITRD_DATA     0x12
#define CMDLINE_ADDR    0x13
#define CMDLINE_SIZE    0x14
#define CMDLINE_DATA    0x15
#define SETUP_ADDR      0x16
#define SETUP_SIZE      0x17
#define SETUP_DATA      0x18
#define RNG_SEED_ADDR   0x8010
#define RNG_SEED_SIZE   0x8011
#define RNG_SEED_DATA   0x8012

#define SETUP_DATA_LIST 0x250           /* in the setup header: physical address of the first node */

#define DMA_PORT_LOW    0x518
#define DMA_READ        0x02
#define DMA_SELECT      0x08
#define DMA_ERROR_BE    0x01000000      /* the error bit as it is in memory */

#define ROM_BYTES       1024

/* Frame on the BIOS's stack, at %bp. */
#define CONTROL         0               /* DMA descriptor: control, length, address high, low; all big-endian */
#define LENGTH          4
#define ADDRESS_HIGH    8
#define ADDRESS_LOW     12
#define VALUE           16              /* a 32-bit item */
#define FRAME_BYTES     20

        .code16
        .text
        .globl  _start
_start:
rom:
        .byte   0x55, 0xaa
        .byte   ROM_BYTES / 512
        lretw                           /* initialisation entry: nothing to do */

        .org    0x18
        .word   0                       /* not a PCI device's ROM */
        .word   pnp - rom

pnp:
        .ascii  "$PnP"
        .byte   1                       /* revision */
        .byte   (pnp_end - pnp) / 16
        .word   0                       /* no further header */
        .byte   0
        .byte   0                       /* checksum: set by mkrom.py */
        .long   0                       /* device id */
        .word   manufacturer - rom
        .word   product - rom
        .byte   0, 0, 0                 /* device type */
        .byte   0                       /* indicators */
        .word   0                       /* no boot connection vector */
        .word   0                       /* no disconnect vector */
        .word   boot - rom              /* bootstrap entry vector */
        .word   0
        .word   0
pnp_end:

manufacturer:
        .asciz  "Rhea"
product:
        .asciz  "Linux kernel loader"

/* Each part: keys of its address, size and data. */
parts:
        .word   SETUP_ADDR, SETUP_SIZE, SETUP_DATA
        .word   CMDLINE_ADDR, CMDLINE_SIZE, CMDLINE_DATA
        .word   KERNEL_ADDR, KERNEL_SIZE, KERNEL_DATA
        .word   INITRD_ADDR, INITRD_SIZE, INITRD_DATA
        .word   RNG_SEED_ADDR, RNG_SEED_SIZE, RNG_SEED_DATA
parts_end:

failed_text:
        .asciz  "Linux kernel loader: fw_cfg does not answer\r\n"

boot:
        pushal
        pushw   %ds
        cld
        pushw   %cs
        popw    %ds
        subw    $FRAME_BYTES, %sp
        movw    %sp, %bp

        movw    $parts - rom, %si
1:      movw    2(%si), %ax
        call    fetch_value
        jc      failed
        movl    %eax, %ecx              /* size; 0: there is no such part */
        jecxz   2f
        movw    0(%si), %ax
        pushl   %ecx
        call    fetch_value
        popl    %ecx
        jc      failed
        movl    %eax, %edi
        movw    4(%si), %ax
        call    fetch
        jc      failed
2:      addw    $6, %si
        cmpw    $parts_end - rom, %si
        jb      1b

        movw    $RNG_SEED_ADDR, %ax     /* 0: there is none */
        call    fetch_value
        jc      failed
        movl    %eax, %esi
        movw    $CMDLINE_ADDR, %ax
        call    fetch_value
        jc      failed
        movl    %eax, %ebx
        movw    $SETUP_ADDR, %ax
        call    fetch_value
        jc      failed

        /* The stack ends below the command line, which stands in the same 64 KiB as setup or right behind it. */
        subl    %eax, %ebx
        subl    $16, %ebx
        shrl    $4, %eax
        cli
        movw    %ax, %ss
        movl    %ebx, %esp
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %fs
        movw    %ax, %gs
        testl   %esi, %esi
        jz      3f
        movl    %esi, SETUP_DATA_LIST
3:      addw    $0x20, %ax              /* the entry is 0x200 behind the boot sector's start */
        pushw   %ax
        pushw   $0
        lretw

failed:
        movw    $failed_text - rom, %si
1:      lodsb
        testb   %al, %al
        jz      2f
        movb    $0x0e, %ah              /* teletype output */
        movw    $0x0007, %bx
        int     $0x10
        jmp     1b
2:      addw    $FRAME_BYTES, %sp
        popw    %ds
        popal
        lretw

/* fetch_value: %ax key -> %eax the item's 32-bit value. Carry: error. Uses %ecx, %edx, %edi. */
fetch_value:
        movl    $4, %ecx
        xorl    %edi, %edi
        movw    %ss, %di
        shll    $4, %edi
        movzwl  %bp, %edx
        leal    VALUE(%edi, %edx), %edi
        call    fetch
        movl    VALUE(%bp), %eax
        ret

/* fetch: %ax key, %ecx bytes to physical address %edi. Carry: error. Uses %eax, %edx. */
fetch:
        shll    $16, %eax
        orl     $(DMA_SELECT | DMA_READ), %eax
        bswapl  %eax
        movl    %eax, CONTROL(%bp)
        movl    %ecx, %eax
        bswapl  %eax
        movl    %eax, LENGTH(%bp)
        movl    $0, ADDRESS_HIGH(%bp)
        movl    %edi, %eax
        bswapl  %eax
        movl    %eax, ADDRESS_LOW(%bp)

        xorl    %eax, %eax
        movw    %ss, %ax
        shll    $4, %eax
        movzwl  %bp, %edx
        addl    %edx, %eax
        bswapl  %eax
        movw    $DMA_PORT_LOW, %dx
        outl    %eax, %dx               /* starts the transfer; the port's high half is zero after each */
1:      movl    CONTROL(%bp), %eax
        testl   $~DMA_ERROR_BE, %eax
        jnz     1b
        testl   %eax, %eax
        jz      2f
        stc
        ret
2:      clc
        ret

        .org    ROM_BYTES
