/* SPDX-License-Identifier: GPL-2.0-or-later */
/* APM ports and delivery of SMIs. */
#include "hw/pc/smi.h"

#include "accel/accel.h"
#include "core/log.h"
#include "target/i386/cpu.h"

TRACE_EVENT(apm_command, "0x%02x");

static uint64_t apm_read(void *opaque, uint64_t offset, unsigned size)
{
    const ApmPorts *apm = opaque;
    return offset == 0 ? apm->apmc : apm->apms;
}

static void apm_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    ApmPorts *apm = opaque;
    if (offset == 1) {
        apm->apms = value;
        return;
    }
    trace(apm_command, (unsigned)value);
    apm->apmc = value;
    apm->command(apm->owner, value);
}

static const MemoryOps apm_ops = { .read = apm_read, .write = apm_write, .valid = { 1, 2 }, .impl = { 1, 1 } };

const StateField apm_ports_state[] = { STATE_U8(ApmPorts, apmc), STATE_U8(ApmPorts, apms), { } };

void apm_ports_init(ApmPorts *apm, Device *owner, MemoryRegion *io, void (*command)(Device *owner, uint8_t value))
{
    apm->owner = owner;
    apm->command = command;
    memory_region_init_io(&apm->region, OBJECT(owner), &apm_ops, apm, "apm-io", 2);
    memory_region_add(io, 0xb2, &apm->region);
}

void apm_ports_reset(ApmPorts *apm)
{
    apm->apmc = apm->apms = 0;
}

void smi_raise(bool all)
{
    Cpu *cpu;
    if (all) {
        CPU_FOREACH(cpu) {
            cpu_interrupt(cpu, INTERRUPT_SMI);
        }
    } else if ((cpu = current_cpu ? current_cpu : cpu_by_index(0))) {
        cpu_interrupt(cpu, INTERRUPT_SMI);
    }
}
