/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System instructions without a family of their own: CLI STI, HLT MONITOR MWAIT, descriptor tables, selector checks, control
 * and debug registers, TLB, caches, CLAC STAC, UD.
 *
 * Privilege, mode and feature are checked by the decoder from the row; what is left (IOPL, CR4 bits) is checked here.
 * Spec: SDM vol. 2 under each name.
 */
#include "core/thread.h"
#include "target/i386/exec/exec.h"
#include "target/i386/insn/operand.h"
#include "target/i386/system/apic_state.h"
#include "target/i386/system/system.h"

/* CLI, STI */

static bool virtual_if(const CpuX86 *cpu)       /* VIF stands in for IF: VME in vm86, PVI at privilege 3 */
{
    return cpu_cpl(cpu) == 3 && cpu->cr4 & (cpu->mode_flags & MODE_VM86 ? CR4_VME : CR4_PVI);
}

static void cli(CpuX86 *cpu, const Insn *insn)
{
    if (cpu->mode_flags & MODE_IOPL_OK) {
        cpu->rflags &= ~(uint64_t)RFLAGS_IF;
    } else if (virtual_if(cpu)) {
        cpu->rflags &= ~(uint64_t)RFLAGS_VIF;
    } else {
        cpu_raise_error(cpu, VECTOR_GP, 0);
    }
}

static void sti(CpuX86 *cpu, const Insn *insn)
{
    if (cpu->mode_flags & MODE_IOPL_OK) {
        if (!(cpu->rflags & RFLAGS_IF)) {
            cpu->rflags |= RFLAGS_IF;
            cpu->interrupt_shadow = 2;
        }
    } else if (virtual_if(cpu) && !(cpu->rflags & RFLAGS_VIP)) {
        cpu->rflags |= RFLAGS_VIF;
    } else {
        cpu_raise_error(cpu, VECTOR_GP, 0);
    }
}

InsnFn *bind_intflag(const CpuX86 *cpu, Insn *insn) { return insn_row(insn)->op == OP_CLI ? cli : sti; }

/* HLT, MONITOR, MWAIT */

static void sleep_until_event(CpuX86 *cpu, const Insn *insn)
{
    cpu->rip = insn_next_rip(cpu, insn);
    cpu->in_hlt = true;
    __atomic_store_n(&cpu->cpu.halted, 1, __ATOMIC_SEQ_CST);
    cpu_leave_block(cpu);
}

static uint64_t monitored(CpuX86 *cpu)
{
    uint64_t word = 0;

    cpu_debug_read(cpu, cpu->monitor_addr, &word, sizeof word);
    return word;
}

static void monitor(CpuX86 *cpu, const Insn *insn)
{
    uint64_t off = cpu->regs[R_RAX];

    if (cpu_cpl(cpu)) {
        cpu_raise(cpu, VECTOR_UD);
    }
    if ((uint32_t)cpu->regs[R_RCX]) {
        cpu_raise_error(cpu, VECTOR_GP, 0);
    }
    off = insn->addr_size == 8 ? off : insn->addr_size == 4 ? (uint32_t)off : (uint16_t)off;
    cpu_ld8(cpu, insn->seg, off);
    cpu->monitor_armed = true;
    cpu->monitor_addr = cpu_linear(cpu, insn->seg, off & ~7ull, 8, false);
    cpu->monitor_seen = monitored(cpu);
}

/*
 * Sleeps until an interrupt comes, but no longer than the guest has been idle so far: nobody sees a write to the
 * monitored line, and MWAIT may end at any time for no reason. A write is thus noticed after at most twice the time that
 * it let the vCPU wait, and one that waits long wakes rarely.
 */
static void nap(CpuX86 *cpu)
{
    enum { SHORTEST_US = 50, LONGEST_US = 10000 };
    BQL_GUARD();

    cpu->mwait_nap_us = cpu->mwait_nap_us ? MIN(cpu->mwait_nap_us * 2, LONGEST_US) : SHORTEST_US;
    __atomic_store_n(&cpu->cpu.halted, 1, __ATOMIC_SEQ_CST);       /* so that a kick is for halt_cond */
    if (!exec_requested(cpu)) {
        bql_wait_until(&cpu->cpu.halt_cond, g_get_real_time() * 1000 + cpu->mwait_nap_us * 1000ll);
    }
    __atomic_store_n(&cpu->cpu.halted, 0, __ATOMIC_SEQ_CST);
    if (exec_requested(cpu)) {
        cpu->mwait_nap_us = 0;
    }
}

static void mwait(CpuX86 *cpu, const Insn *insn)
{
    bool armed = cpu->monitor_armed;

    if (cpu_cpl(cpu)) {
        cpu_raise(cpu, VECTOR_UD);
    }
    if ((uint32_t)cpu->regs[R_RCX] & ~1u) {
        cpu_raise_error(cpu, VECTOR_GP, 0);
    }
    cpu->monitor_armed = false;
    if (armed && cpu_count() == 1) {
        sleep_until_event(cpu, insn);           /* DMA may write too, but tells by an interrupt that it did */
    }
    if (!armed || !cpu->exec) {
        return;
    }
    if (monitored(cpu) != cpu->monitor_seen) {
        cpu->mwait_nap_us = 0;
        return;
    }
    nap(cpu);
    if (monitored(cpu) != cpu->monitor_seen) {
        cpu->mwait_nap_us = 0;
    }
}

InsnFn *bind_halt(const CpuX86 *cpu, Insn *insn)
{
    switch (insn_row(insn)->op) {
    case OP_HLT: return sleep_until_event;
    case OP_MONITOR: return monitor;
    case OP_MWAIT: return mwait;
    default: return NULL;
    }
}

/* Descriptor tables */

static void store_selector(CpuX86 *cpu, const Insn *insn, uint16_t selector)
{
    if (insn_has_mem(insn)) {
        mem_write(cpu, insn, 16, selector);
    } else {
        reg_write(cpu, insn->size * 8, insn->rm, selector);
    }
}

static void sldt(CpuX86 *cpu, const Insn *insn) { store_selector(cpu, insn, cpu->ldtr.selector); }
static void str(CpuX86 *cpu, const Insn *insn) { store_selector(cpu, insn, cpu->tr.selector); }
static void lldt(CpuX86 *cpu, const Insn *insn) { cpu_load_ldtr(cpu, (uint16_t)rm_read(cpu, insn, 16)); }
static void ltr(CpuX86 *cpu, const Insn *insn) { cpu_load_tr(cpu, (uint16_t)rm_read(cpu, insn, 16)); }

static void store_table(CpuX86 *cpu, const Insn *insn, uint64_t base, uint32_t limit)
{
    struct __attribute__((packed)) { uint16_t limit; uint64_t base; } image = { limit, base };

    cpu_st_bytes(cpu, insn->seg, insn_ea(cpu, insn), &image, cpu_in_64(cpu) ? 10 : 6);
}

static void load_table(CpuX86 *cpu, const Insn *insn, uint64_t *base, uint32_t *limit)
{
    struct __attribute__((packed)) { uint16_t limit; uint64_t base; } image = { 0 };

    cpu_ld_bytes(cpu, insn->seg, insn_ea(cpu, insn), &image, cpu_in_64(cpu) ? 10 : 6);
    if (cpu_in_64(cpu)) {
        if (!cpu_canonical(cpu, image.base)) {
            cpu_raise_error(cpu, VECTOR_GP, 0);
        }
    } else if (insn->size == 2) {
        image.base &= 0xffffff;
    }
    *base = image.base;
    *limit = image.limit;
}

static void sgdt(CpuX86 *cpu, const Insn *insn) { store_table(cpu, insn, cpu->gdtr.base, cpu->gdtr.limit); }
static void sidt(CpuX86 *cpu, const Insn *insn) { store_table(cpu, insn, cpu->idtr.base, cpu->idtr.limit); }
static void lgdt(CpuX86 *cpu, const Insn *insn) { load_table(cpu, insn, &cpu->gdtr.base, &cpu->gdtr.limit); }
static void lidt(CpuX86 *cpu, const Insn *insn) { load_table(cpu, insn, &cpu->idtr.base, &cpu->idtr.limit); }

InsnFn *bind_desc(const CpuX86 *cpu, Insn *insn)
{
    switch (insn_row(insn)->op) {
    case OP_SLDT: return sldt;
    case OP_STR: return str;
    case OP_LLDT: return lldt;
    case OP_LTR: return ltr;
    case OP_SGDT: return sgdt;
    case OP_SIDT: return sidt;
    case OP_LGDT: return lgdt;
    case OP_LIDT: return lidt;
    default: return NULL;
    }
}

/* VERR VERW LAR LSL ARPL: answers in ZF, never a protection fault. */

/* The descriptor of @selector, if code of this privilege may look at it. */
static bool visible(CpuX86 *cpu, uint16_t selector, Descriptor *d)
{
    if (selector_null(selector) || !descriptor_read(cpu, selector, d)) {
        return false;
    }
    if (attr_code(d->attr) && attr_conforming(d->attr)) {
        return true;
    }
    return attr_dpl(d->attr) >= cpu_cpl(cpu) && attr_dpl(d->attr) >= selector_rpl(selector);
}

static void verr(CpuX86 *cpu, const Insn *insn)
{
    Descriptor d;

    flags_set_zf(cpu, visible(cpu, (uint16_t)rm_read(cpu, insn, 16), &d) && attr_readable(d.attr));
}

static void verw(CpuX86 *cpu, const Insn *insn)
{
    Descriptor d;

    flags_set_zf(cpu, visible(cpu, (uint16_t)rm_read(cpu, insn, 16), &d) && attr_writable_data(d.attr));
}

static bool has_system_type(const CpuX86 *cpu, const Descriptor *d, uint16_t legacy, uint16_t long_mode)
{
    int type = attr_system_type(d->attr);

    return type < 0 || (cpu_in_long(cpu) ? long_mode : legacy) >> type & 1;
}

static void lar(CpuX86 *cpu, const Insn *insn)
{
    const uint16_t legacy = 1 << SYS_TSS16_AVAILABLE | 1 << SYS_LDT | 1 << SYS_TSS16_BUSY | 1 << SYS_CALL_GATE16 | 1 << SYS_TASK_GATE |
                            1 << SYS_TSS_AVAILABLE | 1 << SYS_TSS_BUSY | 1 << SYS_CALL_GATE;
    const uint16_t long_mode = 1 << SYS_LDT | 1 << SYS_TSS_AVAILABLE | 1 << SYS_TSS_BUSY | 1 << SYS_CALL_GATE;
    Descriptor d;
    bool ok = visible(cpu, (uint16_t)rm_read(cpu, insn, 16), &d) && has_system_type(cpu, &d, legacy, long_mode);

    if (ok) {
        reg_write(cpu, insn->size * 8, insn->reg, d.high & (insn->size == 2 ? 0xff00 : 0x00f0ff00));
    }
    flags_set_zf(cpu, ok);
}

static void lsl(CpuX86 *cpu, const Insn *insn)
{
    const uint16_t legacy = 1 << SYS_TSS16_AVAILABLE | 1 << SYS_LDT | 1 << SYS_TSS16_BUSY | 1 << SYS_TSS_AVAILABLE | 1 << SYS_TSS_BUSY;
    const uint16_t long_mode = 1 << SYS_LDT | 1 << SYS_TSS_AVAILABLE | 1 << SYS_TSS_BUSY;
    Descriptor d;
    bool ok = visible(cpu, (uint16_t)rm_read(cpu, insn, 16), &d) && has_system_type(cpu, &d, legacy, long_mode);

    if (ok) {
        reg_write(cpu, insn->size * 8, insn->reg, descriptor_cache(&d, 0).limit);
    }
    flags_set_zf(cpu, ok);
}

static void arpl(CpuX86 *cpu, const Insn *insn)
{
    uint16_t dest = (uint16_t)rm_read(cpu, insn, 16), src = (uint16_t)cpu->regs[insn->reg];
    bool raise = (dest & 3) < (src & 3);

    if (raise) {
        rm_write(cpu, insn, 16, (dest & ~3) | (src & 3));
    } else if (insn_has_mem(insn)) {
        cpu_probe_write(cpu, insn->seg, insn_ea(cpu, insn), 2);
    }
    flags_set_zf(cpu, raise);
}

InsnFn *bind_selcheck(const CpuX86 *cpu, Insn *insn)
{
    switch (insn_row(insn)->op) {
    case OP_VERR: return verr;
    case OP_VERW: return verw;
    case OP_LAR: return lar;
    case OP_LSL: return lsl;
    case OP_ARPL: return arpl;
    default: return NULL;
    }
}

/* Control and debug registers */

static void smsw(CpuX86 *cpu, const Insn *insn)
{
    if (insn_has_mem(insn)) {
        mem_write(cpu, insn, 16, cpu->cr0);
    } else {
        reg_write(cpu, insn->size * 8, insn->rm, cpu->cr0);
    }
}

static void lmsw(CpuX86 *cpu, const Insn *insn)
{
    uint64_t value = rm_read(cpu, insn, 16) & 0xf;

    cpu_set_cr0(cpu, (cpu->cr0 & ~(uint64_t)(CR0_MP | CR0_EM | CR0_TS)) | value);   /* cannot clear PE */
}

static void clts(CpuX86 *cpu, const Insn *insn)
{
    cpu->cr0 &= ~(uint64_t)CR0_TS;
    cpu_update_mode(cpu);
}

static void mov_from_cr(CpuX86 *cpu, const Insn *insn)
{
    uint64_t value = 0;

    switch (insn->reg) {
    case 0: value = cpu->cr0; break;
    case 2: value = cpu->cr2; break;
    case 3: value = cpu->cr3; break;
    case 4: value = cpu->cr4; break;
    case 8: value = svm_owns_cr8(cpu) ? cpu->svm.int_ctl & 15 : apic_cr8(cpu->apic); break;
    }
    reg_write(cpu, insn->size * 8, insn->rm, value);
}

static void mov_to_cr(CpuX86 *cpu, const Insn *insn)
{
    uint64_t value = reg_read(cpu, insn->size * 8, insn->rm);

    switch (insn->reg) {
    case 0: cpu_set_cr0(cpu, value); break;
    case 2: cpu->cr2 = value; break;
    case 3: cpu_set_cr3(cpu, value); break;
    case 4: cpu_set_cr4(cpu, value); break;
    case 8:
        if (value & ~15ull) {
            cpu_raise_error(cpu, VECTOR_GP, 0);
        }
        cpu->svm.int_ctl = (cpu->svm.int_ctl & ~(uint64_t)V_TPR) | value;
        if (!svm_owns_cr8(cpu)) {
            apic_set_cr8(cpu->apic, value);
        }
        break;
    }
}

static void mov_from_dr(CpuX86 *cpu, const Insn *insn) { reg_write(cpu, insn->size * 8, insn->rm, cpu_get_dr(cpu, insn->reg)); }
static void mov_to_dr(CpuX86 *cpu, const Insn *insn) { cpu_set_dr(cpu, insn->reg, reg_read(cpu, insn->size * 8, insn->rm)); }

InsnFn *bind_control(const CpuX86 *cpu, Insn *insn)
{
    switch (insn_row(insn)->op) {
    case OP_SMSW: return smsw;
    case OP_LMSW: return lmsw;
    case OP_CLTS: return clts;
    }
    switch (insn_row(insn)->opcode) {
    case 0x20: return mov_from_cr;
    case 0x21: return mov_from_dr;
    case 0x22: return mov_to_cr;
    case 0x23: return mov_to_dr;
    default: return NULL;
    }
}

/* TLB and caches */

static void invlpg(CpuX86 *cpu, const Insn *insn)
{
    uint64_t lin = insn_ea(cpu, insn);

    if (!cpu_in_64(cpu) || insn->seg >= R_FS) {
        lin = cpu_wrap_linear(cpu, cpu->seg[insn->seg].base + lin);
    }
    if (cpu_canonical(cpu, lin)) {
        cpu_tlb_flush_page(cpu, lin);
    }
}

static void invpcid(CpuX86 *cpu, const Insn *insn)
{
    uint64_t type = reg_read(cpu, insn->size * 8, insn->reg), descriptor[2];
    uint16_t pcid;

    cpu_ld_bytes(cpu, insn->seg, insn_ea(cpu, insn), descriptor, sizeof descriptor);
    pcid = descriptor[0] & 0xfff;
    if (type > 3 || (type < 2 && (descriptor[0] >> 12 || (pcid && !(cpu->cr4 & CR4_PCIDE)))) ||
        (type == 0 && !cpu_canonical(cpu, descriptor[1]))) {
        cpu_raise_error(cpu, VECTOR_GP, 0);
    }
    switch (type) {
    case 0:                                     /* one address: of this PCID precisely, of another with everything it has */
        if (pcid == (cpu->cr4 & CR4_PCIDE ? cpu->cr3 & 0xfff : 0)) {
            cpu_tlb_flush_page(cpu, descriptor[1]);
        } else {
            cpu_tlb_flush_pcid(cpu, pcid, false);
        }
        break;
    case 1: cpu_tlb_flush_pcid(cpu, pcid, false); break;
    case 2: cpu_tlb_flush(cpu, true); break;
    case 3: cpu_tlb_flush(cpu, false); break;
    }
}

InsnFn *bind_tlbop(const CpuX86 *cpu, Insn *insn) { return insn_row(insn)->op == OP_INVLPG ? invlpg : invpcid; }

static void cache_nop(CpuX86 *cpu, const Insn *insn) { }
InsnFn *bind_cache(const CpuX86 *cpu, Insn *insn) { return cache_nop; }

/* CLAC, STAC */

static void set_ac(CpuX86 *cpu, bool ac)
{
    if (cpu_cpl(cpu)) {
        cpu_raise(cpu, VECTOR_UD);
    }
    cpu->rflags = ac ? cpu->rflags | RFLAGS_AC : cpu->rflags & ~(uint64_t)RFLAGS_AC;
    cpu_select_tlb(cpu);
}
static void clac(CpuX86 *cpu, const Insn *insn) { set_ac(cpu, false); }
static void stac(CpuX86 *cpu, const Insn *insn) { set_ac(cpu, true); }
InsnFn *bind_smap(const CpuX86 *cpu, Insn *insn) { return insn_row(insn)->op == OP_CLAC ? clac : stac; }

/* VMX is not offered; under SVM, VMMCALL is for the intercept alone. */
InsnFn *bind_vmcall(const CpuX86 *cpu, Insn *insn) { return insn_ud; }
InsnFn *bind_ud(const CpuX86 *cpu, Insn *insn) { return insn_ud; }
