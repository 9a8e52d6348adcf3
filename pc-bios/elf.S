/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Boot ROM for ELF and multiboot kernels of -kernel: loads them from fw_cfg and enters them in 32-bit protected mode.
 *
 * The host has laid out everything (hw/firmware/elf_boot.c): the kernel and the modules as two blocks, and a low block
 * at 0x80000 that begins with the header below and holds the boot information. What only the firmware knows is added
 * here: the memory map of INT 15h E820 and the address of the ACPI RSDP. Then: no interrupts, flat segments, EAX the
 * magic, EBX the boot information, jump to the entry. If fw_cfg does not answer, the BIOS goes on to the next device.
 * Specs: Multiboot 0.6.96, 3.2; Xen docs/misc/pvh.pandoc; Plug and Play BIOS 1.0A; hw/firmware/fw_cfg.h.
 */
#define KERNEL_ADDR     0x07
#define KERNEL_SIZE     0x08
#define INITRD_ADDR     0x0a
#define INITRD_SIZE     0x0b
#define KERNEL_ENTRY    0x10
#define KERNEL_DATA     0x11
#define INITRD_DATA     0x12
#define SETUP_ADDR      0x16
#define SETUP_SIZE      0x17
#define SETUP_DATA      0x18

#define DMA_PORT_LOW    0x518
#define DMA_READ        0x02
#define DMA_SELECT      0x08
#define DMA_ERROR_BE    0x01000000      /* the error bit as it is in memory */

#define ROM_BYTES       1024

/* Header of the low block; offsets are within the block. */
#define LOW_SEGMENT     0x8000
#define LOW_MAGIC       0               /* value of EAX */
#define LOW_INFO        4               /* offset of what EBX points to */
#define LOW_MAP         8               /* offset of the map: entries of 24 bytes */
#define LOW_MAP_END     12
#define LOW_PREFIX      16              /* dword before each 20 bytes of E820 */
#define LOW_COUNT       20              /* offset of where the map's size goes */
#define LOW_UNIT        24              /* what an entry counts there */
#define LOW_RSDP        28              /* offset of where the RSDP's address goes; 0: nowhere */

#define ENTRY_BYTES     24
#define SMAP            0x534d4150

/* Frame on the BIOS's stack, at %bp. */
#define CONTROL         0               /* DMA descriptor: control, length, address high, low; all big-endian */
#define LENGTH          4
#define ADDRESS_HIGH    8
#define ADDRESS_LOW     12
#define VALUE           16              /* a 32-bit item */
#define FAR_POINTER     20              /* 16:32, and the 6 bytes for LGDT */
#define GDT_POINTER     28
#define FRAME_BYTES     36

#define CODE_SELECTOR   8
#define DATA_SELECTOR   16

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
        .asciz  "ELF kernel loader"

/* Each part: keys of its address, size and data. */
parts:
        .word   SETUP_ADDR, SETUP_SIZE, SETUP_DATA
        .word   KERNEL_ADDR, KERNEL_SIZE, KERNEL_DATA
        .word   INITRD_ADDR, INITRD_SIZE, INITRD_DATA
parts_end:

/* Flat segments; the accessed bits are set already, for a ROM cannot be written. */
        .balign 8
gdt:
        .quad   0
        .quad   0x00cf9b000000ffff
        .quad   0x00cf93000000ffff
gdt_end:

failed_text:
        .asciz  "ELF kernel loader: fw_cfg does not answer\r\n"

boot:
        pushal
        pushw   %ds
        pushw   %es
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
        movw    $KERNEL_ENTRY, %ax
        call    fetch_value             /* stays in VALUE */
        jc      failed

        movw    $LOW_SEGMENT, %ax
        movw    %ax, %es
        call    memory_map
        call    find_rsdp

        /* Protected mode. The ROM's address: %cs << 4. */
        cli
        xorl    %esi, %esi
        movw    %cs, %si
        shll    $4, %esi
        movw    $gdt_end - gdt - 1, GDT_POINTER(%bp)
        leal    gdt - rom(%esi), %eax
        movl    %eax, GDT_POINTER + 2(%bp)
        leal    protected - rom(%esi), %eax
        movl    %eax, FAR_POINTER(%bp)
        movw    $CODE_SELECTOR, FAR_POINTER + 4(%bp)
        movl    VALUE(%bp), %ecx
        movl    %es:LOW_MAGIC, %edx
        movl    %es:LOW_INFO, %ebx
        addl    $LOW_SEGMENT << 4, %ebx
        lgdtl   GDT_POINTER(%bp)
        movl    %cr0, %eax
        orb     $1, %al
        movl    %eax, %cr0
        ljmpl   *FAR_POINTER(%bp)

        .code32
protected:
        movl    $DATA_SELECTOR, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %fs
        movl    %eax, %gs
        movl    %eax, %ss
        movl    $LOW_SEGMENT << 4, %esp         /* of use to a kernel that pushes before it has a stack */
        movl    %edx, %eax
        xorl    %esi, %esi
        xorl    %edi, %edi
        xorl    %ebp, %ebp
        jmp     *%ecx
        .code16

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
        popw    %es
        popw    %ds
        popal
        lretw

/* memory_map: E820 records into %es's map, their number times the unit where LOW_COUNT says. */
memory_map:
        xorl    %ebx, %ebx
        movl    %es:LOW_MAP, %edi
        xorl    %esi, %esi
1:      leal    ENTRY_BYTES(%edi), %eax
        cmpl    %es:LOW_MAP_END, %eax
        ja      2f
        movl    %es:LOW_PREFIX, %eax
        movl    %eax, %es:(%di)
        addw    $4, %di
        movl    $0xe820, %eax
        movl    $20, %ecx
        movl    $SMAP, %edx
        pushl   %esi
        pushw   %bp
        int     $0x15
        popw    %bp
        popl    %esi
        jc      2f
        cmpl    $SMAP, %eax
        jne     2f
        addw    $20, %di
        addl    %es:LOW_UNIT, %esi
        testl   %ebx, %ebx
        jnz     1b
2:      movl    %es:LOW_COUNT, %edi
        movl    %esi, %es:(%di)
        ret

/* find_rsdp: its address, from the BIOS area, goes where LOW_RSDP says. */
find_rsdp:
        movl    %es:LOW_RSDP, %edi
        testw   %di, %di
        jz      3f
        movw    $0xe000, %ax
1:      movw    %ax, %ds
        cmpl    $0x20445352, 0          /* "RSD PTR " */
        jne     2f
        cmpl    $0x20525450, 4
        jne     2f
        movzwl  %ax, %eax
        shll    $4, %eax
        movl    %eax, %es:(%di)
        jmp     3f
2:      incw    %ax
        jnz     1b
3:      pushw   %cs
        popw    %ds
        ret

/* fetch_value: %ax key -> %eax and VALUE the item's 32 bits. Carry: error. Uses %ecx, %edx, %edi. */
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
