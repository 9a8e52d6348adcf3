/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Local APIC: registers, acceptance and priorities of interrupts, messages between APICs.
 *
 *   MSI, IO APIC, ICR -> apic_deliver(): who is addressed -> accept(): IRR, or NMI, SMI, INIT, SIPI of that vCPU
 *   IRR above the processor priority -> apic_update() -> INTERRUPT_HARD -> cpu_service_interrupts()
 *     -> apic_get_interrupt(): IRR to ISR -> handler -> EOI: ISR, and for level-triggered ones the IO APICs
 *
 * The 8259 pair's INTR comes in as LINT0 of every APIC. An APIC that is globally disabled lets it through to the
 * bootstrap processor, as if it were not there. Spec: Intel SDM vol. 3 chapter 10.
 */
#include "core/log.h"
#include "core/thread.h"
#include "target/i386/system/apic_state.h"
#include "target/i386/system/msr.h"

enum { SVR_ENABLE = 1 << 8, SVR_NO_EOI_BROADCAST = 1 << 12 };
enum { ESR_SEND_ILLEGAL = 1 << 5, ESR_RECEIVE_ILLEGAL = 1 << 6, ESR_REGISTER = 1 << 7 };
enum { ICR_LOGICAL = 1 << 11, ICR_PENDING = 1 << 12, ICR_ASSERT = 1 << 14, ICR_LEVEL = 1 << 15, ICR_SHORTHAND = 3 << 18 };
#define ICR_WRITABLE 0x000ccfffu
#define APIC_VERSION (0x14 | (LVT_COUNT - 1) << 16 | 1 << 24)   /* EOI broadcast can be suppressed */

/* Register numbers: MMIO offset / 16, x2APIC MSR - 800h. */
enum {
    REG_ID = 0x02, REG_VERSION = 0x03, REG_TPR = 0x08, REG_APR = 0x09, REG_PPR = 0x0a, REG_EOI = 0x0b, REG_LDR = 0x0d, REG_DFR = 0x0e,
    REG_SVR = 0x0f, REG_ISR = 0x10, REG_TMR = 0x18, REG_IRR = 0x20, REG_ESR = 0x28, REG_ICR_LOW = 0x30, REG_ICR_HIGH = 0x31,
    REG_LVT = 0x32, REG_INITIAL = 0x38, REG_CURRENT = 0x39, REG_DIVIDE = 0x3e, REG_SELF_IPI = 0x3f
};

TRACE_EVENT(apic_deliver, "dest 0x%x logical %d mode %u vector 0x%x level %d");
TRACE_EVENT(apic_write, "cpu %d register 0x%x value 0x%x");

static int pic_level;
static int (*pic_ack)(void *opaque);
static void *pic_ack_opaque;
static void (*eoi_hook)(void *opaque, uint8_t vector);
static void *eoi_opaque;
static const ApicOutside *outside;               /* NULL: the APICs are these here */

static bool globally_enabled(const Apic *a) { return a->cpu->msr.apic_base & APIC_BASE_ENABLE; }
static bool in_x2apic(const Apic *a) { return a->cpu->msr.apic_base & APIC_BASE_EXTD; }
static bool software_enabled(const Apic *a) { return globally_enabled(a) && a->svr & SVR_ENABLE; }
static uint32_t own_id(const Apic *a) { return in_x2apic(a) ? a->cpu->apic_id : a->id; }

static int highest(const uint32_t *set)
{
    for (int i = 7; i >= 0; i--) {
        if (set[i]) {
            return 32 * i + 31 - __builtin_clz(set[i]);
        }
    }
    return -1;
}
static void set_bit(uint32_t *set, unsigned n) { set[n / 32] |= 1u << (n % 32); }
static void clear_bit(uint32_t *set, unsigned n) { set[n / 32] &= ~(1u << (n % 32)); }
static bool test_bit(const uint32_t *set, unsigned n) { return set[n / 32] >> (n % 32) & 1; }

static unsigned processor_priority(const Apic *a)
{
    int in_service = highest(a->isr);
    unsigned isr_class = in_service < 0 ? 0 : in_service & 0xf0;

    return (a->tpr & 0xf0) >= isr_class ? a->tpr : isr_class;
}

/* Whether the 8259's INTR reaches this processor. */
static bool accepts_pic(const Apic *a)
{
    uint32_t lint0 = a->lvt[LVT_LINT0];

    if (!globally_enabled(a)) {
        return a->cpu->cpu.index == 0;
    }
    return !(lint0 & LVT_MASKED) && (lint0 & LVT_MODE) == DELIVER_EXTINT << 8;
}

static int deliverable(const Apic *a)
{
    int vector = software_enabled(a) ? highest(a->irr) : -1;

    return vector >= 0 && (vector & 0xf0u) > (processor_priority(a) & 0xf0) ? vector : -1;
}

bool apic_has_interrupt(Apic *a)
{
    return a && (deliverable(a) >= 0 || (pic_level && accepts_pic(a)));
}

void apic_update(Apic *a)
{
    Cpu *cpu = &a->cpu->cpu;
    if (outside) {
        return;
    }
    bool wanted = apic_has_interrupt(a), set = __atomic_load_n(&cpu->interrupt_request, __ATOMIC_RELAXED) & INTERRUPT_HARD;

    if (wanted && !set) {
        cpu_interrupt(cpu, INTERRUPT_HARD);
    } else if (!wanted && set) {
        cpu_interrupt_clear(cpu, INTERRUPT_HARD);
    }
}

void apic_poll(Apic *a)
{
    if (a) {
        apic_update(a);
    }
}

int apic_get_interrupt(Apic *a)
{
    int vector = a ? deliverable(a) : -1;

    if (vector >= 0) {
        clear_bit(a->irr, vector);
        set_bit(a->isr, vector);
        if ((a->lvt[LVT_TIMER] & LVT_VECTOR) == (unsigned)vector) {
            apic_timer_update(a);
        }
    } else if (a && pic_level && accepts_pic(a) && pic_ack) {
        vector = pic_ack(pic_ack_opaque);
    }
    if (a) {
        apic_update(a);
    }
    return vector;
}

/* Acceptance. */

static void note_error(Apic *a, uint32_t bit)
{
    a->esr_latched |= bit;
    if (!(a->lvt[LVT_ERROR] & LVT_MASKED) && (a->lvt[LVT_ERROR] & LVT_VECTOR) >= 16) {
        apic_local_interrupt(a, LVT_ERROR);
    }
}

static void accept_fixed(Apic *a, unsigned vector, bool level)
{
    if (!software_enabled(a)) {
        return;
    }
    if (vector < 16) {
        note_error(a, ESR_RECEIVE_ILLEGAL);
        return;
    }
    set_bit(a->irr, vector);
    if (level) {
        set_bit(a->tmr, vector);
    } else {
        clear_bit(a->tmr, vector);
    }
    if (outside) {
        cpu_state_changed(&a->cpu->cpu);        /* the registers here are a copy */
    }
    apic_update(a);
}

static void accept(Apic *a, unsigned mode, unsigned vector, bool level)
{
    Cpu *cpu = &a->cpu->cpu;

    switch (mode) {
    case DELIVER_FIXED: case DELIVER_LOWEST:
        accept_fixed(a, vector, level);
        break;
    case DELIVER_SMI:
        cpu_interrupt(cpu, INTERRUPT_SMI);
        break;
    case DELIVER_NMI:
        cpu_interrupt(cpu, INTERRUPT_NMI);
        break;
    case DELIVER_INIT:
        cpu_interrupt_clear(cpu, INTERRUPT_SIPI);
        cpu_interrupt(cpu, INTERRUPT_INIT);
        break;
    case DELIVER_SIPI:
        a->cpu->sipi_vector = vector;
        cpu_interrupt(cpu, INTERRUPT_SIPI);
        break;
    default:                                    /* ExtINT as a message: nobody to acknowledge it */
        break;
    }
}

void apic_local_interrupt(Apic *a, unsigned n)
{
    uint32_t lvt = a->lvt[n];

    if (!(lvt & LVT_MASKED)) {
        accept(a, n == LVT_TIMER || n == LVT_ERROR ? DELIVER_FIXED : (lvt & LVT_MODE) >> 8, lvt & LVT_VECTOR, false);
    }
}

/* Messages. */

typedef struct Message {
    uint32_t dest;
    bool logical, broadcast, level, wide;       /* wide: @dest is an x2APIC id, not 8 bits */
    unsigned mode, vector;
} Message;

static bool addressed(const Apic *a, const Message *m)
{
    if (m->broadcast) {
        return true;
    }
    if (!m->logical) {
        return m->dest == own_id(a);
    }
    if (in_x2apic(a)) {
        uint32_t ldr = (a->cpu->apic_id >> 4) << 16 | 1u << (a->cpu->apic_id & 15);

        return m->dest >> 16 == ldr >> 16 && m->dest & ldr & 0xffff;
    }
    if (m->dest > 0xff) {
        return false;
    }
    if (a->dfr >> 28 == 0xf) {
        return m->dest & a->ldr >> 24;
    }
    return (m->dest >> 4 == 0xf || m->dest >> 4 == a->ldr >> 28) && m->dest & a->ldr >> 24 & 0xf;
}

static Apic *apic_of(int index)
{
    Cpu *cpu = cpu_by_index(index);

    return cpu ? CPU_X86(cpu)->apic : NULL;
}

/* The least busy of the addressed, beginning with another one each time. */
static Apic *choose_lowest(const Message *m)
{
    static unsigned turn;
    unsigned best_priority = 0x100, count = cpu_index_limit();
    Apic *best = NULL;

    turn++;
    for (unsigned i = 0; i < count; i++) {
        Apic *a = apic_of((turn + i) % count);

        if (a && software_enabled(a) && addressed(a, m) && processor_priority(a) < best_priority) {
            best = a;
            best_priority = processor_priority(a);
        }
    }
    return best;
}

static void deliver(const Message *m, const Apic *except)
{
    trace(apic_deliver, m->dest, m->logical, m->mode, m->vector, m->level);
    if (m->mode == DELIVER_LOWEST) {
        Apic *a = choose_lowest(m);

        if (a) {
            accept(a, m->mode, m->vector, m->level);
        }
        return;
    }
    for (int i = 0; i < cpu_index_limit(); i++) {
        Apic *a = apic_of(i);

        if (a && a != except && addressed(a, m)) {
            accept(a, m->mode, m->vector, m->level);
        }
    }
}

void apic_send_msi(uint64_t addr, uint32_t data)
{
    if (outside) {
        outside->send_msi(addr, data);
        return;
    }
    BQL_GUARD();
    uint32_t dest = (addr >> 12 & 0xff) | (addr >> 5 & 0x7f) << 8 | (addr >> 32 & 0xffffff00);

    deliver(&(Message){ .dest = dest, .broadcast = dest == 0xff, .logical = addr & 4, .mode = data >> 8 & 7, .vector = data & 0xff,
                        .level = data >> 15 & 1 }, NULL);
}

static void send_ipi(Apic *a, uint32_t low, uint32_t dest)
{
    Message m = {
        .dest = dest, .logical = low & ICR_LOGICAL, .mode = (low & LVT_MODE) >> 8, .vector = low & 0xff,
        .broadcast = dest == (in_x2apic(a) ? UINT32_MAX : 0xff),
    };
    unsigned shorthand = (low & ICR_SHORTHAND) >> 18;

    if (m.mode == DELIVER_INIT && low & ICR_LEVEL && !(low & ICR_ASSERT)) {
        return;                                 /* the old INIT de-assert: only sets arbitration ids */
    }
    if ((m.mode == DELIVER_FIXED || m.mode == DELIVER_LOWEST) && m.vector < 16) {
        note_error(a, ESR_SEND_ILLEGAL);
        return;
    }
    switch (shorthand) {
    case 0:
        deliver(&m, NULL);
        break;
    case 1:
        accept(a, m.mode, m.vector, false);
        break;
    default:
        m.broadcast = true;
        deliver(&m, shorthand == 3 ? a : NULL);
        break;
    }
}

void apic_nmi_all(void)
{
    Cpu *cpu;

    CPU_FOREACH(cpu) {
        Apic *a = CPU_X86(cpu)->apic;

        cpu_state_pull(cpu);
        /* As from a button on LINT1; a processor without APIC takes it as it is. */
        if (!a || !globally_enabled(a)) {
            cpu_interrupt(cpu, INTERRUPT_NMI);
        } else {
            apic_local_interrupt(a, LVT_LINT1);
        }
    }
}

void apic_pic_intr(int level)
{
    static int old;

    pic_level = level;
    if (outside) {
        if (outside->pic_intr) {
            outside->pic_intr(level);
        }
        return;
    }
    for (int i = 0; i < cpu_index_limit(); i++) {
        Apic *a = apic_of(i);

        if (!a) {
            continue;
        }
        if (level && !old && globally_enabled(a) && (a->lvt[LVT_LINT0] & (LVT_MASKED | LVT_MODE)) == 0) {
            apic_local_interrupt(a, LVT_LINT0); /* LINT0 as a fixed, edge-triggered interrupt */
        }
        apic_update(a);
    }
    old = level;
}

void apic_set_pic_ack(int (*ack)(void *opaque), void *opaque)
{
    pic_ack = ack;
    pic_ack_opaque = opaque;
}

int apic_pic_acknowledge(void) { return pic_level && pic_ack ? pic_ack(pic_ack_opaque) : -1; }

void apic_set_outside(const ApicOutside *o) { outside = o; }

void apic_eoi_broadcast(uint8_t vector)
{
    if (eoi_hook) {
        eoi_hook(eoi_opaque, vector);
    }
}

void apic_set_eoi_hook(void (*fn)(void *opaque, uint8_t vector), void *opaque)
{
    eoi_hook = fn;
    eoi_opaque = opaque;
}

static void end_of_interrupt(Apic *a)
{
    int vector = highest(a->isr);

    if (vector < 0) {
        return;
    }
    clear_bit(a->isr, vector);
    if (test_bit(a->tmr, vector) && !(a->svr & SVR_NO_EOI_BROADCAST)) {
        apic_eoi_broadcast(vector);
    }
    apic_update(a);
}

/* Registers. */

static void write_svr(Apic *a, uint32_t value)
{
    a->svr = value & (0x1ff | SVR_NO_EOI_BROADCAST);
    if (!(value & SVR_ENABLE)) {
        for (unsigned i = 0; i < LVT_COUNT; i++) {
            a->lvt[i] |= LVT_MASKED;
        }
        apic_timer_update(a);
    }
    apic_update(a);
}

static void write_lvt(Apic *a, unsigned n, uint32_t value)
{
    static const uint32_t writable[LVT_COUNT] = {
        [LVT_TIMER] = LVT_VECTOR | LVT_MASKED | LVT_TIMER_MODE,
        [LVT_THERMAL] = LVT_VECTOR | LVT_MODE | LVT_MASKED,
        [LVT_PERFORMANCE] = LVT_VECTOR | LVT_MODE | LVT_MASKED,
        [LVT_LINT0] = LVT_VECTOR | LVT_MODE | LVT_POLARITY | LVT_LEVEL | LVT_MASKED,
        [LVT_LINT1] = LVT_VECTOR | LVT_MODE | LVT_POLARITY | LVT_LEVEL | LVT_MASKED,
        [LVT_ERROR] = LVT_VECTOR | LVT_MASKED,
    };

    value &= writable[n];
    if (n == LVT_TIMER && !cpu_has(a->cpu, FEATURE_TSC_DEADLINE)) {
        value &= ~LVT_DEADLINE;
    }
    if (!(a->svr & SVR_ENABLE)) {
        value |= LVT_MASKED;
    }
    if (n == LVT_TIMER) {
        apic_timer_set_lvt(a, value);
    } else {
        a->lvt[n] = value;
    }
    apic_update(a);
}

static uint32_t read_register(Apic *a, unsigned reg)
{
    switch (reg) {
    case REG_ID: return in_x2apic(a) ? a->cpu->apic_id : a->id << 24;
    case REG_VERSION: return APIC_VERSION;
    case REG_TPR: return a->tpr;
    case REG_APR: return 0;
    case REG_PPR: return processor_priority(a);
    case REG_LDR: return in_x2apic(a) ? (a->cpu->apic_id >> 4) << 16 | 1u << (a->cpu->apic_id & 15) : a->ldr;
    case REG_DFR: return a->dfr;
    case REG_SVR: return a->svr;
    case REG_ISR ... REG_ISR + 7: return a->isr[reg - REG_ISR];
    case REG_TMR ... REG_TMR + 7: return a->tmr[reg - REG_TMR];
    case REG_IRR ... REG_IRR + 7: return a->irr[reg - REG_IRR];
    case REG_ESR: return a->esr;
    case REG_ICR_LOW: return a->icr_low;
    case REG_ICR_HIGH: return a->icr_high;
    case REG_LVT ... REG_LVT + LVT_COUNT - 1: return a->lvt[reg - REG_LVT];
    case REG_INITIAL: return a->initial_count;
    case REG_CURRENT: return apic_timer_current(a);
    case REG_DIVIDE: return a->divide;
    default:
        note_error(a, ESR_REGISTER);
        return 0;
    }
}

/* Both forms; what only one of them has is sorted out before. */
static void write_register(Apic *a, unsigned reg, uint32_t value)
{
    trace(apic_write, a->cpu->cpu.index, reg, value);
    switch (reg) {
    case REG_ID: a->id = value >> 24; break;
    case REG_TPR:
        a->tpr = value & 0xff;
        apic_update(a);
        break;
    case REG_EOI: end_of_interrupt(a); break;
    case REG_LDR: a->ldr = value & 0xff000000; break;
    case REG_DFR: a->dfr = value | 0x0fffffff; break;
    case REG_SVR: write_svr(a, value); break;
    case REG_ESR:
        a->esr = a->esr_latched;
        a->esr_latched = 0;
        break;
    case REG_ICR_LOW:
        a->icr_low = value & ICR_WRITABLE;
        send_ipi(a, value, in_x2apic(a) ? a->icr_high : a->icr_high >> 24);
        break;
    case REG_ICR_HIGH: a->icr_high = value; break;
    case REG_LVT ... REG_LVT + LVT_COUNT - 1: write_lvt(a, reg - REG_LVT, value); break;
    case REG_INITIAL: apic_timer_set_initial(a, value); break;
    case REG_DIVIDE: apic_timer_set_divide(a, value); break;
    case REG_SELF_IPI: send_ipi(a, (value & 0xff) | 1 << 18, 0); break;
    default: note_error(a, ESR_REGISTER); break;
    }
}

uint64_t apic_mmio_read(Apic *a, uint32_t offset, unsigned size)
{
    BQL_GUARD();
    unsigned byte = offset & 15;

    if (!a || !globally_enabled(a) || in_x2apic(a) || byte >= 4) {
        return 0;
    }
    return read_register(a, offset >> 4 & 0xff) >> (8 * byte);
}

void apic_mmio_write(Apic *a, uint32_t offset, uint64_t value, unsigned size)
{
    BQL_GUARD();
    unsigned reg = offset >> 4 & 0xff;

    if (!a || !globally_enabled(a) || in_x2apic(a)) {
        return;
    }
    if (offset & 15 || size < 4 || reg == REG_SELF_IPI) {
        LOG(LOG_GUEST_ERROR, "local APIC: write of %u bytes at offset 0x%x\n", size, offset);
        return;
    }
    write_register(a, reg, (uint32_t)value);
}

static bool x2apic_readable(unsigned reg)
{
    return reg == REG_ID || reg == REG_VERSION || reg == REG_TPR || reg == REG_PPR || reg == REG_LDR || reg == REG_SVR ||
           (reg >= REG_ISR && reg <= REG_ESR) || reg == REG_ICR_LOW || (reg >= REG_LVT && reg < REG_LVT + LVT_COUNT) ||
           reg == REG_INITIAL || reg == REG_CURRENT || reg == REG_DIVIDE;
}

bool apic_msr_read(Apic *a, uint32_t reg, uint64_t *value)
{
    BQL_GUARD();

    if (!a || !in_x2apic(a) || !x2apic_readable(reg)) {
        return false;
    }
    *value = read_register(a, reg);
    if (reg == REG_ICR_LOW) {
        *value |= (uint64_t)a->icr_high << 32;
    }
    return true;
}

bool apic_msr_write(Apic *a, uint32_t reg, uint64_t value)
{
    BQL_GUARD();

    if (!a || !in_x2apic(a) || (value >> 32 && reg != REG_ICR_LOW)) {
        return false;
    }
    switch (reg) {
    case REG_EOI: case REG_ESR:
        if (value) {
            return false;
        }
        break;
    case REG_ICR_LOW:
        if ((uint32_t)value & ~ICR_WRITABLE) {
            return false;
        }
        a->icr_high = value >> 32;
        break;
    case REG_TPR: case REG_SELF_IPI:
        if (value & ~0xffull) {
            return false;
        }
        break;
    case REG_SVR: case REG_INITIAL: case REG_DIVIDE: case REG_LVT ... REG_LVT + LVT_COUNT - 1:
        break;
    default:
        return false;
    }
    write_register(a, reg, (uint32_t)value);
    return true;
}

unsigned apic_cr8(const Apic *a) { return a ? a->tpr >> 4 : 0; }

void apic_set_cr8(Apic *a, unsigned value)
{
    if (a && a->tpr != value << 4) {
        BQL_GUARD();
        a->tpr = value << 4;
        apic_update(a);
    }
}

void apic_set_base(Apic *a, uint64_t value)
{
    uint64_t old = a->cpu->msr.apic_base;
    BQL_GUARD();

    a->cpu->msr.apic_base = value;
    if (!(value & APIC_BASE_ENABLE) && old & APIC_BASE_ENABLE) {
        apic_reset(a, true);
        a->id = a->cpu->apic_id & 0xff;
    }
    apic_update(a);
}

void apic_reset(Apic *a, bool init)
{
    bool first = a && a->cpu->cpu.index == 0;

    if (!a) {
        return;
    }
    memset(a->irr, 0, sizeof a->irr);
    memset(a->isr, 0, sizeof a->isr);
    memset(a->tmr, 0, sizeof a->tmr);
    a->tpr = a->ldr = a->esr = a->esr_latched = a->icr_low = a->icr_high = 0;
    a->dfr = UINT32_MAX;
    a->svr = 0xff;
    a->divide = a->initial_count = 0;
    a->count_start_ns = a->fired_ns = 0;
    a->deadline = 0;
    for (unsigned i = 0; i < LVT_COUNT; i++) {
        a->lvt[i] = LVT_MASKED;
    }
    if (!init) {
        a->id = a->cpu->apic_id & 0xff;
        if (first) {
            a->lvt[LVT_LINT0] = DELIVER_EXTINT << 8;    /* virtual wire, as firmware leaves it */
        }
    }
    timer_stop(&a->timer);
    apic_update(a);
}

/* Text of `info lapic`. */

static void print_vectors(GString *out, const char *name, const uint32_t *set, const uint32_t *level)
{
    g_string_append_printf(out, "%s\t", name);
    for (int v = 255; v >= 0; v--) {
        if (test_bit(set, v)) {
            g_string_append_printf(out, " %d%s", v, level && test_bit(level, v) ? "(level)" : "");
        }
    }
    g_string_append(out, highest(set) < 0 ? " (none)\n" : "\n");
}

void apic_print(Apic *a, GString *out)
{
    static const char *const lvt_names[LVT_COUNT] = { "LVTT", "LVTTHMR", "LVTPC", "LVT0", "LVT1", "LVTERR" };
    static const char *const modes[8] = { "Fixed", "Lowest", "SMI", "...", "NMI", "INIT", "...", "ExtINT" };
    static const char *const timer_modes[4] = { "one-shot", "periodic", "tsc-deadline", "..." };

    if (!a) {
        g_string_append(out, "no local APIC\n");
        return;
    }
    g_string_append_printf(out, "local APIC of CPU %d, id %u, %s\n\n", a->cpu->cpu.index, own_id(a),
                           !globally_enabled(a) ? "disabled" : in_x2apic(a) ? "x2APIC mode" : "xAPIC mode");
    for (unsigned i = 0; i < LVT_COUNT; i++) {
        uint32_t v = a->lvt[i];

        g_string_append_printf(out, "%-8s 0x%08x %s, %s, %s", lvt_names[i], v, i == LVT_TIMER ? timer_modes[v >> 17 & 3] : modes[v >> 8 & 7],
                               v & LVT_LEVEL ? "level" : "edge", v & LVT_MASKED ? "masked" : "unmasked");
        g_string_append_printf(out, ", vector %u\n", v & LVT_VECTOR);
    }
    g_string_append_printf(out, "Timer\t DCR=0x%x initial_count=%u current_count=%u\n", a->divide, a->initial_count, apic_timer_current(a));
    g_string_append_printf(out, "SPIV\t 0x%08x APIC %s, spurious vector %u\n", a->svr, a->svr & SVR_ENABLE ? "enabled" : "disabled",
                           a->svr & 0xff);
    g_string_append_printf(out, "ICR\t 0x%08x %s\nICR2\t 0x%08x\nESR\t 0x%08x\n", a->icr_low, modes[a->icr_low >> 8 & 7], a->icr_high, a->esr);
    print_vectors(out, "ISR", a->isr, NULL);
    print_vectors(out, "IRR", a->irr, a->tmr);
    g_string_append_printf(out, "\nAPR 0x00 TPR 0x%02x DFR 0x%02x LDR 0x%02x PPR 0x%02x\n", a->tpr, a->dfr >> 28, a->ldr >> 24,
                           processor_priority(a));
}

/* The device. */

static bool apic_post_load(Device *dev, unsigned version, GError **err)
{
    Apic *a = DEVICE(Apic, dev);

    if (a->tpr > 0xff || a->divide & ~0xbu || a->count_start_ns < 0) {
        return error_set(err, "local APIC: impossible register values");
    }
    apic_timer_update(a);
    apic_update(a);
    return true;
}

static const StateField apic_fields[] = {
    STATE_U32_ARRAY(Apic, irr), STATE_U32_ARRAY(Apic, isr), STATE_U32_ARRAY(Apic, tmr), STATE_U32(Apic, id), STATE_U32(Apic, tpr),
    STATE_U32(Apic, svr), STATE_U32(Apic, ldr), STATE_U32(Apic, dfr), STATE_U32(Apic, esr), STATE_U32(Apic, esr_latched),
    STATE_U32(Apic, icr_low), STATE_U32(Apic, icr_high), STATE_U32_ARRAY(Apic, lvt), STATE_U32(Apic, divide),
    STATE_U32(Apic, initial_count), STATE_S64(Apic, count_start_ns), STATE_U64(Apic, deadline), STATE_S64(Apic, fired_ns),
    STATE_TIMER(Apic, timer), { }
};

const DeviceType apic_type = {
    .name = "apic", .parent = &device_type.type, .size = sizeof(Apic), .category = CATEGORY_MISC, .not_user_creatable = true,
    .description = "local APIC of a vCPU", .state = apic_fields,
    .timers = TIMERS(TIMER(Apic, timer, CLOCK_VIRTUAL, apic_timer_expired)), .post_load = apic_post_load,
};
TYPE_REGISTER(apic_type);
