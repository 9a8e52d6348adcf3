/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The death report: what the vCPU did last, why its last event could not be delivered, and what the tables say.
 *
 *   trail (filled while deliveries fail) + events + page walk + descriptors + code -> text, and one sentence
 *
 * At a triple fault nothing of the failed deliveries has been committed, so registers still show the instruction that the
 * first event hit. Everything is read the way a debugger reads: with no effect on the guest, and any address may be bad.
 */
#include "target/i386/system/death.h"

#include <stdio.h>

#include "core/thread.h"
#include "core/vm.h"
#include "target/i386/exec/walk.h"
#include "target/i386/system/disassemble.h"
#include "target/i386/system/system.h"

static DeathReport *last_report;

const char *vector_name(int vector)
{
    static const char *const names[32] = {
        "#DE divide error", "#DB debug", "NMI", "#BP breakpoint", "#OF overflow", "#BR bound range", "#UD invalid opcode",
        "#NM no coprocessor", "#DF double fault", "coprocessor overrun", "#TS invalid TSS", "#NP segment not present",
        "#SS stack fault", "#GP general protection", "#PF page fault", "reserved 15", "#MF x87 error", "#AC alignment check",
        "#MC machine check", "#XM SIMD error", "#VE virtualization", "#CP control protection", "reserved 22", "reserved 23",
        "reserved 24", "reserved 25", "reserved 26", "reserved 27", "#HV hypervisor injection", "#VC VMM communication",
        "#SX security", "reserved 31",
    };

    return vector >= 0 && vector < 32 ? names[vector] : NULL;
}

static char *event_name(int vector)
{
    const char *name = vector_name(vector);

    return name ? g_strdup(name) : g_strdup_printf("vector %d", vector);
}

static const char *mode_name(uint32_t mode)
{
    return !(mode & MODE_PE) ? "real" : mode & MODE_VM86 ? "vm86" : mode & MODE_CS64 ? "64-bit" :
           mode & MODE_LMA ? "compatibility" : mode & MODE_CS32 ? "protected 32-bit" : "protected 16-bit";
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-extra-args"
static void append_cause(GString *out, FaultCause cause, uint64_t a, uint64_t b)
{
    switch (cause) {
#define X(id, text) case CAUSE_##id: g_string_append_printf(out, text, a, b); break;
    FAULT_CAUSES(X)
#undef X
    default:
        break;
    }
}
#pragma GCC diagnostic pop

/* Page faults in words. */

static void append_page_fault(GString *out, CpuX86 *cpu, uint64_t address, uint32_t error)
{
    const char *access = error & PF_FETCH ? "fetching code from" : error & PF_WRITE ? "writing" : "reading";
    PageWalk walk = cpu_page_walk(cpu, address);
    const PageWalkLevel *last = walk.level_count ? &walk.levels[walk.level_count - 1] : NULL;

    g_string_append_printf(out, "%s address 0x%" PRIx64 ": ", access, address);
    if (last && last->verdict == WALK_RESERVED) {
        g_string_append_printf(out, "the %s at 0x%" PRIx64 " has reserved bits 0x%" PRIx64 " set", last->name, last->addr, last->reserved);
    } else if (last && last->verdict == WALK_NOT_PRESENT) {
        g_string_append_printf(out, "the %s at 0x%" PRIx64 " is not present (0x%" PRIx64 ")", last->name, last->addr, last->entry);
    } else if (error & PF_PROTECTION_KEY) {
        g_string_append_printf(out, "protection key %u forbids it", walk.pkey);
    } else if (error & PF_FETCH && walk.rights & PAGE_NX) {
        g_string_append(out, "the page is marked no-execute");
    } else if (error & PF_USER && !(walk.rights & PAGE_USER)) {
        g_string_append(out, "the page belongs to the supervisor");
    } else if (error & PF_WRITE && !(walk.rights & PAGE_WRITE)) {
        g_string_append(out, "the page is read-only");
    } else if (!(error & PF_USER) && walk.rights & PAGE_USER) {
        g_string_append_printf(out, "the page belongs to user code, and CR4.%s is set", error & PF_FETCH ? "SMEP" : "SMAP");
    } else {
        g_string_append_printf(out, "page fault with error code 0x%x", error);
    }
}

static const char *stage_text(unsigned stage)
{
    static const char *const texts[STAGE_COUNT] = {
        [STAGE_IDT] = "the IDT could not be read: ", [STAGE_CODE_DESCRIPTOR] = "the handler's code descriptor could not be read: ",
        [STAGE_TSS] = "the TSS could not be read: ", [STAGE_STACK_DESCRIPTOR] = "the handler's stack descriptor could not be read: ",
        [STAGE_FRAME] = "the handler's stack frame could not be written: ", [STAGE_TASK] = "the task switch failed: ",
    };

    return stage < STAGE_COUNT && texts[stage] ? texts[stage] : "";
}

/* Why one step of the delivery failed. */
static void append_step(GString *out, CpuX86 *cpu, const TrailStep *s)
{
    if (s->raised == VECTOR_PF) {
        g_string_append(out, stage_text(s->stage));
        append_page_fault(out, cpu, s->a, (uint32_t)s->b);
    } else if (s->cause != CAUSE_NONE) {
        append_cause(out, s->cause, s->a, s->b);
    } else {
        g_autofree char *raised = event_name(s->raised);

        g_string_append_printf(out, "%sit raised %s with error code 0x%x", stage_text(s->stage), raised, s->error);
    }
}

/* What the guest did that began it, if that is not merely an INT or an interrupt. False: nothing worth saying. */
static bool append_origin(GString *out, CpuX86 *cpu)
{
    const Trail *t = cpu->trail;

    if (t->first_vector == VECTOR_PF && t->first_is_exception) {
        append_page_fault(out, cpu, t->first_cr2, t->first_error);
        return true;
    }
    if (t->first_cause != CAUSE_NONE) {
        append_cause(out, t->first_cause, t->first_a, t->first_b);
        return true;
    }
    return false;
}

/* Whether the page-fault handler faults at its own first instruction: then each fault only piles up another frame. */
static bool handler_faults(CpuX86 *cpu, uint64_t *address)
{
    const CpuEvent *e = &cpu->events[(cpu->event_count - 1) % CPU_EVENTS];
    unsigned repeats = 0;

    for (unsigned i = 1; i <= MIN(cpu->event_count, CPU_EVENTS); i++) {
        e = &cpu->events[(cpu->event_count - i) % CPU_EVENTS];
        if (e->vector == VECTOR_PF && e->cr2 == e->rip) {
            *address = e->rip;
            repeats++;
        }
    }
    return repeats > CPU_EVENTS / 2;
}

static char *triple_fault_sentence(CpuX86 *cpu)
{
    const Trail *t = cpu->trail;
    g_autoptr(GString) s = g_string_new(NULL);
    uint64_t handler;

    if (!t->steps) {
        return g_strdup("the processor shut down");
    }
    if (handler_faults(cpu, &handler)) {
        g_string_append(s, "the page-fault handler itself cannot run, until its stack ran out: ");
        append_page_fault(s, cpu, handler, PF_FETCH);
        return g_string_free(g_steal_pointer(&s), false);
    }
    append_step(s, cpu, &t->step[0]);
    if (t->first_is_exception) {
        g_autoptr(GString) origin = g_string_new(NULL);
        g_autofree char *name = event_name(t->first_vector);

        g_string_append_printf(s, " (wanted for %s at %04x:%" PRIx64, name, cpu->seg[R_CS].selector, cpu->rip);
        if (append_origin(origin, cpu)) {
            g_string_append_printf(s, ": %s", origin->str);
        }
        g_string_append_c(s, ')');
    }
    return g_string_free(g_steal_pointer(&s), false);
}

/* The tables. */

static void append_descriptor(GString *out, uint64_t entry)
{
    static const char *const system_types[16] = {
        "reserved", "16-bit TSS", "LDT", "busy 16-bit TSS", "16-bit call gate", "task gate", "16-bit interrupt gate", "16-bit trap gate",
        "reserved", "TSS", "reserved", "busy TSS", "call gate", "reserved", "interrupt gate", "trap gate"
    };
    Descriptor d = { .low = (uint32_t)entry, .high = entry >> 32, .attr = entry >> 40 & 0xf0ff };
    int type = attr_system_type(d.attr);

    if (type >= 0) {
        g_string_append_printf(out, "%s, DPL %d, %spresent", system_types[type], attr_dpl(d.attr), d.attr & SEG_P ? "" : "not ");
    } else {
        SegmentCache s = descriptor_cache(&d, 0);

        g_string_append_printf(out, "%s%s segment, base 0x%" PRIx64 ", limit 0x%x, DPL %d, %spresent%s%s",
                               attr_code(d.attr) ? attr_conforming(d.attr) ? "conforming " : "" : d.attr & SEG_TYPE_EXPAND_DOWN ? "expand-down " : "",
                               attr_code(d.attr) ? "code" : attr_writable_data(d.attr) ? "data" : "read-only data", s.base, s.limit,
                               attr_dpl(d.attr), d.attr & SEG_P ? "" : "not ", d.attr & SEG_L ? ", 64-bit" : "", d.attr & SEG_DB ? ", 32-bit" : "");
    }
}

static void append_gdt_entry(GString *out, CpuX86 *cpu, uint16_t selector)
{
    bool local = selector & 4;
    uint64_t base = local ? cpu->ldtr.base : cpu->gdtr.base, entry;
    uint32_t limit = local ? cpu->ldtr.limit : cpu->gdtr.limit;

    g_string_append_printf(out, "  %s entry of selector 0x%04x: ", local ? "LDT" : "GDT", selector);
    if ((selector | 7u) > limit) {
        g_string_append_printf(out, "beyond the table's limit 0x%x\n", limit);
    } else if (!cpu_debug_read(cpu, cpu_wrap_linear(cpu, base + (selector & ~7u)), &entry, 8)) {
        g_string_append(out, "its memory is not mapped\n");
    } else {
        g_string_append_printf(out, "%016" PRIx64 ": ", entry);
        append_descriptor(out, entry);
        g_string_append_c(out, '\n');
    }
}

static void append_idt_entry(GString *out, CpuX86 *cpu, int vector)
{
    bool real = !(cpu->cr0 & CR0_PE);
    unsigned size = real ? 4 : cpu_in_long(cpu) ? 16 : 8;
    uint64_t entry[2] = { 0 };

    g_string_append_printf(out, "  %s entry %d: ", real ? "IVT" : "IDT", vector);
    if (vector * size + size - 1 > cpu->idtr.limit) {
        g_string_append_printf(out, "beyond the limit 0x%x\n", cpu->idtr.limit);
    } else if (!cpu_debug_read(cpu, cpu_wrap_linear(cpu, cpu->idtr.base + vector * size), entry, size)) {
        g_string_append(out, "its memory is not mapped\n");
    } else if (real) {
        g_string_append_printf(out, "%04x:%04x\n", (unsigned)(entry[0] >> 16 & 0xffff), (unsigned)(entry[0] & 0xffff));
    } else {
        uint16_t selector = entry[0] >> 16;

        g_string_append_printf(out, "%016" PRIx64 ": ", entry[0]);
        append_descriptor(out, entry[0]);
        g_string_append_printf(out, ", target %04x:%" PRIx64, selector,
                               (entry[0] & 0xffff) | (entry[0] >> 32 & 0xffff0000) | entry[1] << 32);
        if (cpu_in_long(cpu) && entry[0] >> 32 & 7) {
            g_string_append_printf(out, ", IST %u", (unsigned)(entry[0] >> 32 & 7));
        }
        g_string_append_c(out, '\n');
        if (!selector_null(selector)) {
            append_gdt_entry(out, cpu, selector);
        }
    }
}

static void append_tables(GString *out, CpuX86 *cpu)
{
    const Trail *t = cpu->trail;

    g_string_append_printf(out, "Tables: IDT %016" PRIx64 " limit 0x%x, GDT %016" PRIx64 " limit 0x%x, TR 0x%04x base 0x%" PRIx64 " limit 0x%x\n",
                           cpu->idtr.base, cpu->idtr.limit, cpu->gdtr.base, cpu->gdtr.limit, cpu->tr.selector, cpu->tr.base, cpu->tr.limit);
    for (unsigned i = 0; i < t->steps; i++) {
        bool shown = false;

        for (unsigned j = 0; j < i; j++) {
            shown |= t->step[j].vector == t->step[i].vector;
        }
        if (!shown) {
            append_idt_entry(out, cpu, t->step[i].vector);
        }
        if (t->step[i].stage == STAGE_TSS && cpu->tr.attr & SEG_P) {
            append_gdt_entry(out, cpu, cpu->tr.selector);
        }
        if (t->step[i].stage == STAGE_STACK_DESCRIPTOR || t->step[i].cause == CAUSE_TASK_SELECTOR) {
            append_gdt_entry(out, cpu, (uint16_t)t->step[i].a);
        }
    }
}

static void append_walk(GString *out, CpuX86 *cpu, uint64_t address)
{
    static const char *const verdicts[] = { "table", "page", "not present", "reserved bits set" };
    PageWalk walk = cpu_page_walk(cpu, address);

    g_string_append_printf(out, "Page walk of 0x%" PRIx64 " (CR3 %016" PRIx64 "):\n", address, cpu->cr3);
    if (!walk.paging) {
        g_string_append(out, "  paging is off\n");
    } else if (walk.non_canonical) {
        g_string_append(out, "  the address is not canonical\n");
    }
    for (unsigned i = 0; i < walk.level_count; i++) {
        const PageWalkLevel *l = &walk.levels[i];

        g_string_append_printf(out, "  %-6s at %012" PRIx64 ": %016" PRIx64 " %s%s%s%s%s: %s", l->name, l->addr, l->entry, l->entry & 1 ? "P" : "-",
                               l->entry & 2 ? "W" : "-", l->entry & 4 ? "U" : "-", l->entry & 0x80 ? "S" : "-", l->entry >> 63 ? "X" : "-",
                               verdicts[l->verdict]);
        if (l->reserved) {
            g_string_append_printf(out, " (0x%" PRIx64 ")", l->reserved);
        }
        g_string_append_c(out, '\n');
    }
    if (walk.mapped && walk.paging) {
        g_string_append_printf(out, "  -> physical 0x%" PRIx64 "\n", walk.phys);
    }
}

static void append_walks(GString *out, CpuX86 *cpu)
{
    const Trail *t = cpu->trail;
    uint64_t seen[TRAIL_STEPS + 1];
    unsigned count = 0;

    for (unsigned i = 0; i <= t->steps; i++) {
        bool first = i == 0, shown = false;
        uint64_t address = first ? t->first_cr2 : t->step[i - 1].a;

        if (first ? t->first_vector != VECTOR_PF || !t->first_is_exception : t->step[i - 1].raised != VECTOR_PF) {
            continue;
        }
        for (unsigned j = 0; j < count; j++) {
            shown |= seen[j] == address;
        }
        if (!shown) {
            seen[count++] = address;
            append_walk(out, cpu, address);
        }
    }
}

static void append_events(GString *out, const DeathReport *r)
{
    g_string_append(out, "Last events, oldest first:\n");
    for (unsigned i = 0; i < r->event_count; i++) {
        const CpuEvent *e = &r->events[i];
        g_autofree char *name = e->is_software ? g_strdup_printf("INT %02Xh", e->vector) : event_name(e->vector);

        g_string_append_printf(out, "  %3d %-24s", e->vector, e->is_interrupt ? "interrupt" : name);
        if (e->has_error) {
            g_string_append_printf(out, " error %08x", e->error_code);
        } else {
            g_string_append(out, "               ");
        }
        g_string_append_printf(out, " at %04x:%016" PRIx64 " CPL %u, %s", e->cs, e->rip, (e->mode_flags & MODE_CPL) >> MODE_CPL_SHIFT,
                               mode_name(e->mode_flags));
        if (e->vector == VECTOR_PF && !e->is_interrupt) {
            g_string_append_printf(out, ", CR2 %016" PRIx64, e->cr2);
        }
        g_string_append_c(out, '\n');
    }
    if (!r->event_count) {
        g_string_append(out, "  none\n");
    }
}

static void append_code(GString *out, CpuX86 *cpu)
{
    uint64_t lin = cpu->mode_flags & MODE_CS64 ? cpu->rip : (uint32_t)(cpu->seg[R_CS].base + cpu->rip);
    uint8_t code[64];
    size_t have = 0;

    while (have < sizeof code && cpu_debug_read(cpu, lin + have, code + have, 1)) {
        have++;
    }
    g_string_append_printf(out, "Code at %04x:%016" PRIx64 ":\n", cpu->seg[R_CS].selector, cpu->rip);
    if (!have) {
        g_string_append(out, "  its memory is not mapped\n");
    }
    for (size_t at = 0, n = 0; at < have && n < 5; n++) {
        g_autoptr(GString) text = g_string_new(NULL);
        unsigned length = cpu_disassemble(cpu, cpu->rip + at, code + at, have - at, text);
        unsigned bytes = length ? length : 1;

        g_string_append_printf(out, "  %016" PRIx64 ": ", cpu->rip + at);
        for (unsigned i = 0; i < 12; i++) {
            if (i < bytes) {
                g_string_append_printf(out, "%02x", code[at + i]);
            } else {
                g_string_append(out, "  ");
            }
        }
        g_string_append_printf(out, " %s\n", length ? text->str : "(no instruction)");
        at += bytes;
    }
}

static void append_registers(GString *out, CpuX86 *cpu)
{
    static const char *const names[] = { "RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI",
                                         "R8", "R9", "R10", "R11", "R12", "R13", "R14", "R15" };

    for (unsigned i = 0; i < (cpu_in_long(cpu) ? 16 : 8); i++) {
        g_string_append_printf(out, "%s%-3s %016" PRIx64 "%s", i % 4 ? " " : "  ", names[i], cpu->regs[i], i % 4 == 3 ? "\n" : "");
    }
    g_string_append_printf(out, "  RFLAGS %08" PRIx64 " CR0 %08" PRIx64 " CR2 %016" PRIx64 " CR3 %016" PRIx64 " CR4 %08" PRIx64 " EFER %" PRIx64 "\n",
                           cpu_get_rflags(cpu), cpu->cr0, cpu->cr2, cpu->cr3, cpu->cr4, cpu->msr.efer);
    g_string_append_printf(out, "  SS %04x base %" PRIx64 " limit %x, %s mode, CPL %d\n", cpu->seg[R_SS].selector, cpu->seg[R_SS].base,
                           cpu->seg[R_SS].limit, mode_name(cpu->mode_flags), cpu_cpl(cpu));
}

static void append_steps(GString *out, CpuX86 *cpu)
{
    const Trail *t = cpu->trail;

    if (t->steps) {
        g_string_append(out, "Failed deliveries:\n");
    }
    for (unsigned i = 0; i < t->steps; i++) {
        g_autofree char *wanted = event_name(t->step[i].vector), *raised = event_name(t->step[i].raised);

        g_string_append_printf(out, "  %s -> %s: ", wanted, raised);
        append_step(out, cpu, &t->step[i]);
        g_string_append_c(out, '\n');
    }
}

void death_report(CpuX86 *cpu, DeathKind kind, const char *detail)
{
    static const char *const kinds[] = { "triple fault", "internal error", "guest panic" };
    DeathReport *r = g_new0(DeathReport, 1);
    g_autoptr(GString) text = g_string_new(NULL);
    unsigned count = MIN(cpu->event_count, CPU_EVENTS);

    r->kind = kind;
    r->cpu_index = cpu->cpu.index;
    r->when_ns = clock_ns(CLOCK_VIRTUAL);
    r->cause = detail ? g_strdup(detail) : triple_fault_sentence(cpu);
    r->event_count = count;
    for (unsigned i = 0; i < count; i++) {
        r->events[i] = cpu->events[(cpu->event_count - count + i) % CPU_EVENTS];
    }
    g_string_append_printf(text, "Guest death on CPU %d: %s\nCause: %s.\n", r->cpu_index,
                           kind == DEATH_TRIPLE_FAULT && detail ? "shutdown" : kinds[kind], r->cause);
    append_events(text, r);
    if (kind == DEATH_TRIPLE_FAULT) {
        append_steps(text, cpu);
        append_walks(text, cpu);
        append_tables(text, cpu);
    }
    append_code(text, cpu);
    g_string_append(text, "Registers:\n");
    append_registers(text, cpu);
    r->text = g_string_free(g_steal_pointer(&text), false);
    fputs(r->text, stderr);

    BQL_GUARD();
    if (last_report) {
        g_free(last_report->cause);
        g_free(last_report->text);
        g_free(last_report);
    }
    last_report = r;
}

const DeathReport *death_report_last(void) { return last_report; }

static void shut_down(CpuX86 *cpu, const char *detail)
{
    if (cpu->insn) {
        cpu->rip = insn_this_rip(cpu, cpu->insn);
    }
    death_report(cpu, DEATH_TRIPLE_FAULT, detail);
    cpu->trail->active = false;
    cpu->in_shutdown = true;
    __atomic_store_n(&cpu->cpu.halted, 1, __ATOMIC_SEQ_CST);
    vm_request_reset(SHUTDOWN_CAUSE_GUEST_RESET);
}

void cpu_triple_fault(CpuX86 *cpu) { shut_down(cpu, NULL); }
void cpu_shutdown(CpuX86 *cpu, const char *sentence) { shut_down(cpu, sentence); }
