/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * VMware's backdoor port (vmport.h).
 *
 *   IN from 0x5658 -> the vCPU's registers (KVM: fetched from the kernel) -> command -> registers written back; EAX
 * is the
 *   value read. Without the magic number, or for an unknown command, the port reads as ones.
 */
#include "hw/misc/vmport.h"

#include "accel/kvm/kvm.h"
#include "core/log.h"
#include "hw/machine.h"
#include "target/i386/cpu.h"

TRACE_EVENT(vmport_command, "command %u ebx 0x%x");

#define VMPORT_PORT 0x5658
#define VMPORT_MAGIC 0x564d5868u
#define VMPORT_NO_COMMAND UINT32_MAX
enum { VERSION_OF_VMX = 6, VMX_TYPE_UNSET = 1, VMX_TYPE_WORKSTATION = 2, RAM_SIZE_EBX = 0x1177, VCPU_INFO_UNKNOWN = 0,
    VCPU_INFO_LEGACY_X2APIC = 1 << 3, VCPU_INFO_RESERVED = 1u << 31 };

typedef struct Vmport {
    IsaDevice isa;
    MemoryRegion port;
    uint32_t version;
    uint8_t vmx_type;
    bool set_eax, signal_unsupported, report_type, commands_v2;
} Vmport;

static Vmport *machine_vmport;
static struct { VmportFn *fn; void *opaque; } commands[VMPORT_COMMANDS];

void vmport_register(unsigned command, VmportFn *fn, void *opaque)
{
    g_assert(command < VMPORT_COMMANDS && (!fn || !commands[command].fn));
    commands[command].fn = fn;
    commands[command].opaque = opaque;
}

bool vmport_exists(void)
{
    return machine_vmport != NULL;
}

/* Registers of the vCPU whose access this is. */

static bool regs_load(Cpu *cpu, struct kvm_regs *kernel, VmportRegs *r)
{
    if (accel_is("kvm")) {
        if (kvm_vcpu_ioctl(cpu, KVM_GET_REGS, kernel) < 0) {
            return false;
        }
        *r = (VmportRegs){ kernel->rax, kernel->rbx, kernel->rcx, kernel->rdx, kernel->rsi, kernel->rdi };
    } else {
        const uint64_t *regs = CPU_X86(cpu)->regs;
        *r = (VmportRegs){ regs[R_RAX], regs[R_RBX], regs[R_RCX], regs[R_RDX], regs[R_RSI], regs[R_RDI] };
    }
    return true;
}

/* EAX is the instruction's own result. Writing a 32-bit register clears the upper half of the 64-bit one. */
static void regs_store(Cpu *cpu, struct kvm_regs *kernel, const VmportRegs *old, const VmportRegs *r)
{
    const uint32_t before[] = { old->ebx, old->ecx, old->edx, old->esi, old->edi };
    const uint32_t after[] = { r->ebx, r->ecx, r->edx, r->esi, r->edi };
    bool kvm_side = accel_is("kvm"), changed = false;
    uint64_t *regs = CPU_X86(cpu)->regs;
    uint64_t *places[2][5] = {
        { &regs[R_RBX], &regs[R_RCX], &regs[R_RDX], &regs[R_RSI], &regs[R_RDI] },
        { (uint64_t *)&kernel->rbx, (uint64_t *)&kernel->rcx, (uint64_t *)&kernel->rdx, (uint64_t *)&kernel->rsi,
          (uint64_t *)&kernel->rdi },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(after); i++) {
        if (before[i] != after[i]) {
            *places[kvm_side][i] = after[i];
            changed = true;
        }
    }
    if (kvm_side && changed) {
        kernel->rax = r->eax;                           /* not every kernel ends the IN after registers were set */
        kvm_vcpu_ioctl(cpu, KVM_SET_REGS, kernel);
    }
}

static uint64_t vmport_read(void *opaque, uint64_t offset, unsigned size)
{
    struct kvm_regs kernel;
    VmportRegs r, old;

    if (offset != 0 || !current_cpu || !regs_load(current_cpu, &kernel, &r)) {
        return UINT64_MAX;
    }
    unsigned command = r.ecx & 0xffff;
    if (r.eax != VMPORT_MAGIC) {
        return UINT64_MAX;
    }
    trace(vmport_command, command, r.ebx);
    if (command >= VMPORT_COMMANDS || !commands[command].fn) {
        LOG(LOG_UNIMP, "vmport: command %u\n", command);
        return machine_vmport->signal_unsupported ? UINT64_MAX : r.eax;
    }
    old = r;
    commands[command].fn(commands[command].opaque, &r);
    regs_store(current_cpu, &kernel, &old, &r);
    return r.eax;
}

/* OUT does what IN does, as VMware's; its result is in EAX too. */
static void vmport_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    if (machine_vmport->set_eax && current_cpu && !accel_is("kvm")) {
        CPU_X86(current_cpu)->regs[R_RAX] = (uint32_t)vmport_read(opaque, offset, size);
    } else if (current_cpu) {
        vmport_read(opaque, offset, size);
    }
}

static const MemoryOps vmport_ops = {
    .read = vmport_read, .write = vmport_write, .valid = { 1, 4 }, .impl = { 1, 4 },
};

/* Commands */

static void get_version(void *opaque, VmportRegs *r)
{
    const Vmport *s = opaque;
    r->ebx = VMPORT_MAGIC;
    if (s->report_type) {
        r->ecx = s->vmx_type;
    }
    r->eax = s->version;
}

static void get_uuid(void *opaque, VmportRegs *r)
{
    uint32_t word[4];
    memcpy(word, current_machine->uuid, sizeof(word));
    *r = (VmportRegs){ .eax = GUINT32_FROM_LE(word[0]), .ebx = GUINT32_FROM_LE(word[1]),
        .ecx = GUINT32_FROM_LE(word[2]),
        .edx = GUINT32_FROM_LE(word[3]), .esi = r->esi, .edi = r->edi };
}

static void get_ram_size(void *opaque, VmportRegs *r)
{
    r->ebx = RAM_SIZE_EBX;
    r->eax = current_machine->ram_size;
}

static void get_time(void *opaque, VmportRegs *r)
{
    int64_t us = clock_ns(CLOCK_HOST) / 1000;
    r->eax = us / 1000000;
    r->ebx = us % 1000000;
    r->ecx = 1000000;                           /* most that the clock can be off, in microseconds */
    r->edx = 0;
}

static void get_time_full(void *opaque, VmportRegs *r)
{
    int64_t us = clock_ns(CLOCK_HOST) / 1000;
    r->eax = VMPORT_MAGIC;
    r->esi = (uint64_t)(us / 1000000) >> 32;
    r->edx = us / 1000000;
    r->ebx = us % 1000000;
    r->ecx = 1000000;
}

static void get_vcpu_info(void *opaque, VmportRegs *r)
{
    r->eax = cpu_has(CPU_X86(current_cpu), FEATURE_X2APIC) ? VCPU_INFO_LEGACY_X2APIC : VCPU_INFO_UNKNOWN;
}

static const struct { unsigned command; VmportFn *fn; bool v2; } own_commands[] = {
    { VMPORT_GET_VERSION, get_version, false }, { VMPORT_RAM_SIZE, get_ram_size, false },
    { VMPORT_BIOS_UUID, get_uuid, true }, { VMPORT_TIME, get_time, true }, { VMPORT_TIME_FULL, get_time_full, true },
    { VMPORT_VCPU_INFO, get_vcpu_info, true },
};

static bool vmport_realize(Device *dev, GError **err)
{
    Vmport *s = DEVICE(Vmport, dev);

    memory_region_init_io(&s->port, OBJECT(dev), &vmport_ops, s, "vmport", 4);      /* a doubleword is read whole */
    isa_register_ioport(&s->isa, &s->port, VMPORT_PORT);
    machine_vmport = s;
    for (size_t i = 0; i < G_N_ELEMENTS(own_commands); i++) {
        if (!own_commands[i].v2 || s->commands_v2) {
            vmport_register(own_commands[i].command, own_commands[i].fn, s);
        }
    }
    return true;
}

static const Property vmport_properties[] = {
    PROP_BOOL("x-read-set-eax", Vmport, set_eax, true, "OUT gives its result in EAX"),
    PROP_BOOL("x-signal-unsupported-cmd", Vmport, signal_unsupported, true, "Unknown commands give all ones"),
    PROP_BOOL("x-report-vmx-type", Vmport, report_type, true, "The version comes with the product's type"),
    PROP_BOOL("x-cmds-v2", Vmport, commands_v2, true, "UUID, time and vCPU information are offered"),
    PROP_UINT32("vmware-vmx-version", Vmport, version, VERSION_OF_VMX, "Version of the product"),
    PROP_UINT8("vmware-vmx-type", Vmport, vmx_type, VMX_TYPE_WORKSTATION, "Type of the product"),
    { }
};
static const StateField vmport_state[] = { { } };

static const DeviceType vmport_type = {
    .name = "vmport", .parent = &isa_device_type.type, .size = sizeof(Vmport), .category = CATEGORY_MISC,
    .description = "VMware's backdoor port", .not_user_creatable = true, .no_hotplug = true,
    .properties = vmport_properties, .state = vmport_state, .realize = vmport_realize,
};
TYPE_REGISTER(vmport_type);

Device *vmport_create(IsaBus *bus)
{
    return &isa_create(bus, &vmport_type)->device;
}
