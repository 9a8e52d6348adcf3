/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VMware's backdoor at I/O port 0x5658: a 32-bit IN with a magic number in EAX runs the command in CX, whose
 * arguments and
 * results are the vCPU's registers. What the commands are is in VMware's open-vm-tools, backdoor_def.h.
 */
#ifndef HW_MISC_VMPORT_H
#define HW_MISC_VMPORT_H

#include "hw/isa/isa.h"

typedef struct VmportRegs { uint32_t eax, ebx, ecx, edx, esi, edi; } VmportRegs;

/** VmportFn: one command. The result is @r->eax; other registers change as @r does. */
typedef void VmportFn(void *opaque, VmportRegs *r);
enum { VMPORT_GET_VERSION = 10, VMPORT_BIOS_UUID = 19, VMPORT_RAM_SIZE = 20, VMPORT_TIME = 23,
    VMPORT_ABSPOINTER_DATA = 39,
    VMPORT_ABSPOINTER_STATUS = 40, VMPORT_ABSPOINTER_COMMAND = 41, VMPORT_HZ = 45, VMPORT_TIME_FULL = 46,
    VMPORT_VCPU_INFO = 68, VMPORT_COMMANDS = 100 };

/** vmport_create: the device, with the commands of its own. */
Device *vmport_create(IsaBus *bus);
bool vmport_exists(void);
/** vmport_register: @fn serves @command, which nobody serves yet; NULL: nobody does any more. */
void vmport_register(unsigned command, VmportFn *fn, void *opaque);

/** vmmouse_create: VMware's mouse; @i8042: whose mouse tells the guest to look. After vmport_create(). */
void vmmouse_create(IsaBus *bus, Device *i8042);

#endif
