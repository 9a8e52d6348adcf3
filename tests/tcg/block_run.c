/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Blocks run by the host and by the bare machine, from and to a State: see block.h. */
#include <sys/mman.h>

#include "tests/check.h"
#include "tests/tcg/block.h"
#include "tests/tcg/native_run.h"

enum { FRAME_BYTES = 24 };                     /* of an exception in 32-bit code, from user mode */
enum { TICK_MS = 20, GIVE_UP_MS = 400 };
enum { LOW_BYTES = 1 << 16, PHYS_POOL = 0x500000, PHYS_STRIDE = 0x3000 };
enum { PTE_P = 1, PTE_RW = 2, PTE_US = 4 };
#define PTE_NX (1ull << 63)
enum { XS_MXCSR = 24, XS_ST = 32, XS_XMM = 160, XS_BV = 512, XS_YMM = 576 };

const BlockPlace block_places[BLOCK_MODES] = {
    [BLOCK_LONG] = { "64-bit", BARE_LONG, 64, true, true, true, true, 0x10000000, 0x10010000, 0x20010000, 0x20000000 },
    [BLOCK_LONG_HIGH] = { "64-bit, high addresses", BARE_LONG, 64, true, true, true, true, 0x321050000000,
                          0x321050010000, 0x321060010000, 0x321060000000 },
    [BLOCK_COMPAT] = { "32-bit under long mode", BARE_LONG, 32, true, true, true, true, 0x10000000, 0x10010000,
                       0x20010000, 0x20000000 },
    [BLOCK_PAGED32] = { "32-bit, paged", BARE_PAGED32, 32, false, true, true, false, 0x10000000, 0x10010000, 0x20010000,
                        0x20000000 },
    [BLOCK_PAE] = { "32-bit, PAE", BARE_PAE, 32, false, true, true, false, 0x10000000, 0x10010000, 0x20010000,
                    0x20000000 },
    [BLOCK_PROT32] = { "32-bit, no paging", BARE_PROT32, 32, false, true, false, false, 0x600000, 0x610000, 0x630000,
                       0x620000 },
    [BLOCK_PROT16] = { "16-bit protected", BARE_PROT16, 16, false, true, false, false, 0x9000, 0x8800,
                       0xf000, 0xb000 },
    [BLOCK_REAL] = { "real mode", BARE_REAL, 16, false, false, false, false, 0x9000, 0x8800, 0xf000, 0xb000 },
};

static CpuX86 *cpu;
static unsigned xs_opmask, xs_zmm_high, xs_zmm16;
static int entered_mode = -1;                   /* the bare machine is set up for it */
static uint8_t low_image[LOW_BYTES];            /* what the bare machine's tables looked like then */

static const BlockPlace *place_of(const TestBlock *b) { return &block_places[b->mode]; }

/* The pages of a place, in the order of State.memory. */
static uint64_t page_address(const BlockPlace *p, unsigned n)
{
    return n < CODE_PAGES                 ? p->code + n * BLOCK_PAGE
           : n < CODE_PAGES + STACK_PAGES ? p->stack + (n - CODE_PAGES) * BLOCK_PAGE
                                          : p->data + (n - CODE_PAGES - STACK_PAGES) * BLOCK_PAGE;
}
static bool page_writable(unsigned n) { return n < AREA_PAGES - (DATA_PAGES - DATA_WRITABLE); }
static bool page_code(unsigned n) { return n < CODE_PAGES; }

/* Neighbouring pages lie apart, in falling order. */
static uint64_t page_phys(const BlockPlace *p, unsigned n)
{
    return p->paged ? PHYS_POOL + (AREA_PAGES - n) * PHYS_STRIDE : page_address(p, n);
}

/* What a block starts from */

static uint64_t random_word(Rng *r)
{
    static const uint64_t edges[] = {
        0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff, 0x7fffffffffffffff,
        0x8000000000000000, 0xffffffffffffffff, 0x3ff0000000000000, 0xbff0000000000000, 0x7ff0000000000000,
        0x7ff8000000000000, 0x3f8000003f800000, 0xff8000007fc00000, 0x0000000100000001, 0x4330000000000000
    };

    switch (rng_below(r, 6)) {
    case 0: return edges[rng_below(r, G_N_ELEMENTS(edges))];
    case 1: return rng_next(r) & 0xff;
    case 2: return (int64_t)rng_next(r) >> rng_below(r, 64);
    case 3: return 0x3fe0000000000000 + (rng_next(r) & 0x803fffffffffffff);
    case 4: return (0x3f000000 + (rng_next(r) & 0x80ffffff)) | (0x3f000000 + (rng_next(r) & 0x80ffffff)) << 32;
    }
    return rng_next(r);
}

static void random_bytes(Rng *r, void *to, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i += 8) {
        uint64_t word = random_word(r);

        memcpy((uint8_t *)to + i, &word, 8);
    }
}

/* Into the data pages: page boundaries of every kind, and their middles. */
static uint64_t random_pointer(Rng *r, const BlockPlace *p)
{
    static const uint16_t quarters[] = { 2, 4, 4, 4, 4, 6, 6, 8, 8, 8, 8, 10, 12, 2, 6 };    /* of pages; 12: read-only begins */
    uint64_t at = p->data + quarters[rng_below(r, G_N_ELEMENTS(quarters))] * (BLOCK_PAGE / 4);

    return rng_chance(r, 92) ? at : at + rng_below(r, 64) - 32;
}

static void start_x87(Rng *r, State *s)
{
    s->fcw = 0x40 | (rng_next(r) & 0xf00) | (rng_chance(r, 90) ? 0x3f : rng_next(r) & 0x3f);
    s->fsw = rng_chance(r, 60) ? 0 : (rng_next(r) & 0x7f40) | (rng_next(r) & s->fcw & 0x3f);
    s->ftw = rng_chance(r, 50) ? 0 : rng_next(r);
    for (unsigned i = 0; i < 8; i++) {
        uint64_t mantissa = rng_chance(r, 90) ? rng_next(r) | 1ull << 63 : random_word(r);
        uint16_t exponent = rng_chance(r, 90) ? 0x3fc0 + rng_below(r, 0x80) + (rng_next(r) & 0x8000) : rng_next(r);

        memcpy(s->st[i], &mantissa, 8);
        memcpy(s->st[i] + 8, &exponent, 2);
    }
}

void block_start(const TestBlock *b, State *s)
{
    const BlockPlace *p = place_of(b);
    Rng r = { b->seed };
    uint64_t width = p->bits == 64 ? UINT64_MAX : UINT32_MAX;

    memset(s, 0, offsetof(State, memory));
    for (unsigned i = 0; i < (p->bits == 64 ? 16 : 8); i++) {
        s->gpr[i] = random_word(&r) & width;
        if (i == R_RBX || i == R_RBP || (i >= 11 && i <= 13) || (i >= R_RSI && i <= R_RDI && rng_chance(&r, 30))) {
            s->gpr[i] = random_pointer(&r, p);
        }
    }
    s->gpr[R_RSP] = p->stack + BLOCK_PAGE / 2 + (rng_chance(&r, 90) ? 0 : rng_below(&r, 64));
    s->rip = p->code + b->start;
    s->rflags = (rng_next(&r) & RFLAGS_ARITH) | RFLAGS_FIXED1 | RFLAGS_IF | (rng_chance(&r, 15) ? RFLAGS_DF : 0);
    s->mxcsr = (rng_next(&r) & 0x6000) | (rng_chance(&r, 90) ? 0x1f80 : rng_next(&r) & 0x1f80) |
               (rng_chance(&r, 10) ? rng_next(&r) & 0x8040 : 0);
    start_x87(&r, s);
    random_bytes(&r, s->zmm, p->bits == 64 ? sizeof s->zmm : sizeof s->zmm / 4);
    random_bytes(&r, s->k, sizeof s->k);
    memcpy(s->memory, b->code, sizeof b->code);
    random_bytes(&r, s->memory + sizeof b->code, sizeof s->memory - sizeof b->code);
}

/* The host */

static void to_host(const State *s, HostState *h)
{
    uint8_t *xs = h->xsave;
    uint64_t bv = native_xcr0();

    memset(h, 0, sizeof *h);
    memcpy(h->gpr, s->gpr, sizeof s->gpr);
    h->rflags = s->rflags;
    memcpy(xs, &s->fcw, 2);
    memcpy(xs + 2, &s->fsw, 2);
    xs[4] = s->ftw;
    memcpy(xs + XS_MXCSR, &s->mxcsr, 4);
    for (unsigned i = 0; i < 8; i++) {
        memcpy(xs + XS_ST + 16 * i, s->st[i], 10);
    }
    for (unsigned i = 0; i < 16; i++) {
        memcpy(xs + XS_XMM + 16 * i, s->zmm[i], 16);
        memcpy(xs + XS_YMM + 16 * i, s->zmm[i] + 16, 16);
        if (xs_zmm16) {
            memcpy(xs + xs_zmm_high + 32 * i, s->zmm[i] + 32, 32);
        }
    }
    if (xs_zmm16) {
        memcpy(xs + xs_zmm16, s->zmm[16], 1024);
        memcpy(xs + xs_opmask, s->k, 64);
    }
    memcpy(xs + XS_BV, &bv, 8);
}

static void from_host(const HostState *h, State *s)
{
    static const uint8_t zero[64];
    const uint8_t *xs = h->xsave;
    uint64_t bv;

    memcpy(&bv, xs + XS_BV, 8);
    memcpy(s->gpr, h->gpr, sizeof s->gpr);
    s->rflags = h->rflags;
    s->rip = h->rip;
    memcpy(&s->mxcsr, xs + XS_MXCSR, 4);
    s->fcw = 0x37f;
    s->fsw = s->ftw = 0;
    if (bv & 1) {
        memcpy(&s->fcw, xs, 2);
        memcpy(&s->fsw, xs + 2, 2);
        s->ftw = xs[4];
    }
    for (unsigned i = 0; i < 8; i++) {
        memcpy(s->st[i], bv & 1 ? xs + XS_ST + 16 * i : zero, 10);
        memcpy(&s->k[i], bv & 0x20 ? xs + xs_opmask + 8 * i : zero, 8);
    }
    for (unsigned i = 0; i < 16; i++) {
        memcpy(s->zmm[i], bv & 2 ? xs + XS_XMM + 16 * i : zero, 16);
        memcpy(s->zmm[i] + 16, bv & 4 ? xs + XS_YMM + 16 * i : zero, 16);
        memcpy(s->zmm[i] + 32, bv & 0x40 ? xs + xs_zmm_high + 32 * i : zero, 32);
        memcpy(s->zmm[16 + i], bv & 0x80 ? xs + xs_zmm16 + 64 * i : zero, 64);
    }
}

static void *host_pointer(uint64_t address) { return (void *)(uintptr_t)address; }

/* Jumps to where native_exit() says. */
static void put_host_exit(const BlockPlace *p)
{
    uint16_t selector;
    const void *to = native_exit(p->bits == 32, &selector);
    uint8_t *at = host_pointer(p->exit);

    if (p->bits == 32) {
        uint32_t offset = (uint32_t)(uintptr_t)to;
        at[0] = 0xea;
        memcpy(at + 1, &offset, 4);
        memcpy(at + 5, &selector, 2);
    } else {
        static const uint8_t jmp[] = { 0xff, 0x25, 0, 0, 0, 0 };
        memcpy(at, jmp, sizeof jmp);
        memcpy(at + sizeof jmp, &to, 8);
    }
}

/* The pages of one place at a time: those of another must not be there. */
static void map_host(const BlockPlace *p)
{
    static const BlockPlace *mapped;

    if (mapped == p) {
        return;
    }
    for (unsigned n = 0; mapped && n <= AREA_PAGES; n++) {
        munmap(host_pointer(n == AREA_PAGES ? mapped->exit : page_address(mapped, n)), BLOCK_PAGE);
    }
    mapped = p;
    for (unsigned n = 0; n <= AREA_PAGES; n++) {
        uint64_t address = n == AREA_PAGES ? p->exit : page_address(p, n);
        int prot = PROT_READ | PROT_WRITE | (n == AREA_PAGES || page_code(n) ? PROT_EXEC : 0);
        void *at = mmap(host_pointer(address), BLOCK_PAGE, prot,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_POPULATE, -1, 0);

        check_true(at == host_pointer(address), "the page at 0x%" PRIx64 " can be had", address);
    }
}

bool block_run_native(const TestBlock *b, const State *in, State *out)
{
    static HostState host_in, host_out;
    const BlockPlace *p = place_of(b);
    NativeFault fault;

    map_host(p);
    put_host_exit(p);
    for (unsigned n = 0; n < AREA_PAGES; n++) {
        void *at = host_pointer(page_address(p, n));

        if (!page_writable(n)) {
            mprotect(at, BLOCK_PAGE, PROT_READ | PROT_WRITE);
        }
        memcpy(at, in->memory + n * BLOCK_PAGE, BLOCK_PAGE);
        if (!page_writable(n)) {
            mprotect(at, BLOCK_PAGE, PROT_READ);
        }
    }
    to_host(in, &host_in);
    memset(&host_out, 0, sizeof host_out);
    /* What the translator keeps lies low, where wild addresses may hit it: they are to fault, as they do in the guest. */
    mprotect(cpu->exec, sizeof *cpu->exec, PROT_NONE);
    native_enter(&host_in, &host_out, host_pointer(p->code + b->start), p->bits == 32, &fault);
    mprotect(cpu->exec, sizeof *cpu->exec, PROT_READ | PROT_WRITE);
    memset(out, 0, offsetof(State, memory));
    from_host(&host_out, out);
    if (fault.signal) {
        out->vector = fault.vector;
        out->error = fault.error;
        out->address = fault.vector == VECTOR_PF ? fault.address : 0;
    } else {
        out->vector = BLOCK_EXIT_VECTOR;
        out->rip = p->exit + 2;                 /* where INT leaves the bare machine */
    }
    for (unsigned n = 0; n < AREA_PAGES; n++) {
        memcpy(out->memory + n * BLOCK_PAGE, host_pointer(page_address(p, n)), BLOCK_PAGE);
    }
    return fault.signal != SIGVTALRM;
}

/* The bare machine */

static void set_up(BlockMode mode)
{
    const BlockPlace *p = &block_places[mode];

    bare_reset(cpu, p->mode);
    if (p->paged) {
        for (uint64_t page = 0; page < BARE_RAM_BYTES; page += BLOCK_PAGE) {    /* as on the host: not the program's */
            bare_map(page, page, page < BARE_CODE ? PTE_P | PTE_RW : 0);
        }
        for (unsigned n = 0; n < AREA_PAGES; n++) {
            bare_map(page_address(p, n), page_phys(p, n),
                     PTE_P | PTE_US | (page_writable(n) ? PTE_RW : 0) | (p->no_execute && !page_code(n) ? PTE_NX : 0));
        }
        bare_map(p->exit, PHYS_POOL, PTE_P | PTE_US);
    }
    BARE_CODE_AT(p->paged ? PHYS_POOL : p->exit, 0xcd, BLOCK_EXIT_VECTOR);
    memcpy(low_image, bare_at(0), LOW_BYTES);
    entered_mode = mode;
}

static void to_guest(const TestBlock *b, const State *s)
{
    const BlockPlace *p = place_of(b);

    if (p->user) {
        bare_user(cpu, 0);
        if (b->mode == BLOCK_COMPAT) {
            cpu->seg[R_CS] = (SegmentCache){ .selector = BARE_USER_CODE32, .limit = UINT32_MAX,
                                             .attr = 0xfb | SEG_DB | SEG_G };
        }
    }
    cpu->cr4 |= CR4_OSXSAVE;
    cpu->xcr0 = native_xcr0();
    cpu_update_mode(cpu);
    memcpy(cpu->regs, s->gpr, sizeof s->gpr);
    cpu->rip = s->rip;
    cpu_set_rflags(cpu, s->rflags);
    memset(&cpu->fpu, 0, sizeof cpu->fpu);
    cpu->fpu.fx.fcw = s->fcw;
    cpu->fpu.fx.fsw = s->fsw;
    cpu->fpu.fx.ftw_abridged = s->ftw;
    for (unsigned i = 0; i < 8; i++) {
        memcpy(cpu->fpu.fx.st[i], s->st[i], 10);
    }
    cpu->fpu.mxcsr = s->mxcsr;
    memcpy(cpu->fpu.zmm, s->zmm, sizeof s->zmm);
    memcpy(cpu->fpu.k, s->k, sizeof s->k);
    if (!xs_zmm16) {
        memset(cpu->fpu.zmm[16], 0, 1024);
        memset(cpu->fpu.k, 0, sizeof cpu->fpu.k);
        for (unsigned i = 0; i < 16; i++) {
            memset(cpu->fpu.zmm[i] + 32, 0, 32);
        }
    }
}

static void from_guest(const BlockPlace *p, int vector, State *s)
{
    memcpy(s->gpr, cpu->regs, sizeof s->gpr);
    s->vector = vector;
    s->rip = cpu->rip;
    s->rflags = cpu_get_rflags(cpu);
    if (vector >= 0) {
        s->rip = bare.trap.rip;
        s->rflags = bare.trap.rflags;
        s->error = bare.trap.has_error ? bare.trap.error : 0;
        s->address = vector == VECTOR_PF ? cpu->cr2 : 0;
        if (p->user) {
            s->gpr[R_RSP] = bare.trap.rsp;
        }
    }
    s->fcw = cpu->fpu.fx.fcw;
    s->fsw = cpu->fpu.fx.fsw;
    s->ftw = cpu->fpu.fx.ftw_abridged;
    for (unsigned i = 0; i < 8; i++) {
        memcpy(s->st[i], cpu->fpu.fx.st[i], 10);
    }
    s->mxcsr = cpu->fpu.mxcsr;
    memcpy(s->zmm, cpu->fpu.zmm, sizeof s->zmm);
    memcpy(s->k, cpu->fpu.k, sizeof s->k);
}

static const uint8_t blank[BARE_RAM_BYTES - LOW_BYTES];

void block_run_guest(const TestBlock *b, const State *in, State *out)
{
    const BlockPlace *p = place_of(b);

    if (entered_mode != (int)b->mode) {
        set_up(b->mode);
    } else {
        bare_enter(cpu);
    }
    if (!p->paged) {
        bare_code(0, low_image, LOW_BYTES);
        bare_code(LOW_BYTES, blank, sizeof blank);      /* all that a block can reach without paging */
    }
    for (unsigned n = 0; n < AREA_PAGES; n++) {
        bare_code(page_phys(p, n), in->memory + n * BLOCK_PAGE, BLOCK_PAGE);
    }
    BARE_CODE_AT(p->paged ? PHYS_POOL : p->exit, 0xcd, BLOCK_EXIT_VECTOR);
    to_guest(b, in);
    native_timer_reset();
    int vector = bare_run(cpu);

    memset(out, 0, offsetof(State, memory));
    from_guest(p, vector, out);
    for (unsigned n = 0; n < AREA_PAGES; n++) {
        memcpy(out->memory + n * BLOCK_PAGE, bare_at(page_phys(p, n)), BLOCK_PAGE);
    }
    if (!p->paged) {
        memcpy(out->low, bare_at(0), LOW_BYTES);
    }
}

static void give_up(unsigned ticks)
{
    if (ticks * TICK_MS >= GIVE_UP_MS) {
        __atomic_store_n(&bare.stop, true, __ATOMIC_SEQ_CST);
        __atomic_store_n(&cpu->cpu.exit_request, 1, __ATOMIC_SEQ_CST);
    }
}

void block_init(CpuX86 *c)
{
    cpu = c;
    if (native_xcr0() & 0xe0) {
        xs_opmask = native_component_offset(5);
        xs_zmm_high = native_component_offset(6);
        xs_zmm16 = native_component_offset(7);
    }
    native_timer(TICK_MS, give_up);
}

/* Differences */

static void differ(GString *diff, const char *what, uint64_t one, uint64_t other)
{
    if (one != other) {
        g_string_append_printf(diff, "  %s: %" PRIx64 " and %" PRIx64 "\n", what, one, other);
    }
}

static void differ_bytes(GString *diff, const char *what, unsigned n, const void *one, const void *other, unsigned bytes)
{
    if (memcmp(one, other, bytes)) {
        g_string_append_printf(diff, "  %s%u: %s\n     and: %s\n", what, n, hex(one, bytes), hex(other, bytes));
    }
}

/* The item that @rip is at, or NULL. */
static const BlockItem *item_at(const TestBlock *b, uint64_t rip)
{
    for (unsigned i = 0; i < b->count; i++) {
        if (!b->items[i].dropped && rip == place_of(b)->code + b->start + b->offsets[i]) {
            return &b->items[i];
        }
    }
    return NULL;
}

/* The instruction at @rip, which may be inside an item: a function that the block calls. */
static bool insn_at(const TestBlock *b, uint64_t rip, Insn *insn)
{
    memset(insn, 0, sizeof *insn);
    for (unsigned i = 0; i < b->count; i++) {
        const BlockItem *item = &b->items[i];
        uint64_t into = rip - (place_of(b)->code + b->start + b->offsets[i]);

        if (!item->dropped && into < item->length) {
            /* The fault may have led to another mode. */
            unsigned bits = place_of(b)->bits, mode = cpu->mode_flags;
            cpu->mode_flags = (mode & ~(MODE_CS64 | MODE_CS32)) | (bits == 64 ? MODE_CS64 : bits == 32 ? MODE_CS32 : 0);
            bool decoded = insn_decode(cpu, insn, item->bytes + into, item->length - into) != 0;
            cpu->mode_flags = mode;
            return decoded;
        }
    }
    return false;
}

/* Flags that mean something where the block stopped. */
static uint64_t flags_compared(const TestBlock *b, uint64_t rip)
{
    const BlockPlace *p = place_of(b);
    const BlockItem *item = item_at(b, rip);
    uint64_t known = RFLAGS_ARITH | RFLAGS_DF;

    if (item) {
        return known & ~(uint64_t)item->unknown;
    }
    /* at its end, or somewhere wild */
    return rip == p->exit + 2 ? known & ~(uint64_t)b->end_unknown : RFLAGS_DF;
}

static bool is_own(const BlockPlace *p, uint64_t address)
{
    for (unsigned n = 0; n < AREA_PAGES; n++) {
        if (page_address(p, n) / BLOCK_PAGE == address / BLOCK_PAGE) {
            return true;
        }
    }
    return false;
}

static uint32_t error_compared(const TestBlock *b, const State *s, bool native)
{
    /* Whether there is a page elsewhere is the bare machine's affair, and the host's. */
    bool hidden = native && s->vector == VECTOR_PF && !is_own(place_of(b), s->address);

    return s->error & (hidden ? ~1u : ~0u);
}

/* What of the outcome of an instruction that faults is its CPU maker's choice, as AMD's and Intel's show. */
enum {
    MAKER_ADDRESS = 1,                          /* which part of its operand it touches first */
    MAKER_FAULT = 2,                            /* which of its operands */
    MAKER_FLAGS = 4,                            /* whether those of the rounds that went well are kept */
    MAKER_X87 = 8,                              /* whether it has left x87 mode for MMX before */
    MAKER_ALL = 16,                             /* what it has stored, of masks consumed, of MXCSR set before */
};

static unsigned makers_choice(const Insn *insn)
{
    const InsnRow *row = &insn_rows[insn->row];

    switch (row->op) {
    case OP_FRSTOR: case OP_FLDENV: return MAKER_ADDRESS;
    case OP_VCVTPS2PH: case OP_PUSHA: return MAKER_ALL;
    case OP_CMPS: return MAKER_FAULT | MAKER_FLAGS;
    case OP_SCAS: return MAKER_FLAGS;
    case OP_MOVS: return MAKER_FAULT;
    }
    if (row->properties & ROW_VSIB || row->operands[0] == OPERAND_Mt) {
        return MAKER_ALL;
    }
    return (row->properties & ROW_MMX ? MAKER_X87 : 0) | (row->feature ? MAKER_ADDRESS : 0);
}

static bool is_memory_fault(const State *s)
{
    return s->vector == VECTOR_PF || s->vector == VECTOR_GP || s->vector == VECTOR_SS;
}

/* One maker's x87 store that finds an empty register, unmasked, does not look at its operand; another's does. */
static bool store_left_out(const TestBlock *b, const State *host, const State *other)
{
    enum { FSW_ES = 0x80 };
    Insn insn;

    return is_memory_fault(other) && !(other->fsw & FSW_ES) && (host->fsw & FSW_ES) && insn_at(b, other->rip, &insn) &&
           insn_rows[insn.row].properties & ROW_X87;
}

/* Makers differ in when a REP sees that it has overwritten itself. */
static bool rep_overwritten(const TestBlock *b, const State *s)
{
    for (unsigned i = 0; i < b->count; i++) {
        const BlockItem *item = &b->items[i];
        Insn insn = { 0 };

        if (!item->dropped && memcmp(s->memory + b->start + b->offsets[i], item->bytes, item->length) &&
            insn_decode(cpu, &insn, item->bytes, item->length) && insn_rows[insn.row].properties & ROW_STRING &&
            insn.prefixes & (INSN_REP | INSN_REPNE)) {
            return true;
        }
    }
    return false;
}

static void compare_memory(const TestBlock *b, const State *one, const State *other, GString *diff)
{
    const BlockPlace *p = place_of(b);

    for (unsigned n = 0, shown = 0; n < AREA_PAGES && shown < 3; n++) {
        const uint8_t *x = one->memory + n * BLOCK_PAGE, *y = other->memory + n * BLOCK_PAGE;

        for (unsigned i = 0; i < BLOCK_PAGE && memcmp(x, y, BLOCK_PAGE) && shown < 3; i++) {
            if (x[i] != y[i]) {
                unsigned len = MIN(16, BLOCK_PAGE - i);
                g_string_append_printf(diff, "  memory at %" PRIx64 ": %s\n     and: %s\n", page_address(p, n) + i,
                                       hex(x + i, len), hex(y + i, len));
                i += 15;
                shown++;
            }
        }
    }
    for (unsigned i = 0; !p->paged && i < LOW_BYTES && memcmp(one->low, other->low, LOW_BYTES); i++) {
        bool frame = i >= BARE_RING0_STACK - FRAME_BYTES && i < BARE_RING0_STACK;       /* flags that mean nothing in it */
        if (one->low[i] != other->low[i] && !frame) {
            g_string_append_printf(diff, "  low memory at %x: %02x and %02x\n", i, one->low[i], other->low[i]);
            break;
        }
    }
}

char *block_compare(const TestBlock *b, const State *one, const State *other, bool native)
{
    static const char *const names[] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                         "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15" };
    g_autoptr(GString) diff = g_string_new(NULL);
    bool wide = place_of(b)->bits == 64;
    uint64_t width = wide ? UINT64_MAX : UINT32_MAX;
    unsigned free = 0;
    Insn insn;

    if (native && is_memory_fault(one) && insn_at(b, one->rip, &insn)) {
        free = makers_choice(&insn);
    }
    if ((native && (store_left_out(b, one, other) || rep_overwritten(b, one))) ||
        (free & MAKER_ALL && is_memory_fault(other) && one->rip == other->rip)) {
        return NULL;
    }
    if (!(free & MAKER_FAULT && is_memory_fault(other))) {
        unsigned shift = free & MAKER_ADDRESS ? 12 : 0;
        differ(diff, "vector", one->vector, other->vector);
        differ(diff, "error code", error_compared(b, one, native),
               error_compared(b, other, native));
        differ(diff, "address", one->address >> shift, other->address >> shift);
    }
    differ(diff, "rip", one->rip & width, other->rip & width);
    for (unsigned i = 0; i < (wide ? 16 : 8); i++) {
        differ(diff, names[i], one->gpr[i] & width, other->gpr[i] & width);
    }
    if (one->rip == other->rip && !(free & MAKER_FLAGS)) {
        uint64_t mask = flags_compared(b, one->rip);
        differ(diff, "flags", one->rflags & mask, other->rflags & mask);
    }
    differ(diff, "mxcsr", one->mxcsr, other->mxcsr);
    differ(diff, "fcw", one->fcw, other->fcw);
    /* C1 after an FCOMI that ended in #MF: Intel's clear it, AMD's leave it */
    uint16_t fsw_compared = one->vector == VECTOR_MF ? ~0x200 : 0xffff;
    if (!(free & MAKER_X87)) {
        differ(diff, "fsw", one->fsw & fsw_compared, other->fsw & fsw_compared);
        differ(diff, "tags", one->ftw, other->ftw);
    }
    for (unsigned i = 0; !(free & MAKER_X87) && i < 8; i++) {
        differ_bytes(diff, "st", i, one->st[i], other->st[i], 10);
    }
    for (unsigned i = 0; i < (wide ? 32 : 8); i++) {
        differ_bytes(diff, "zmm", i, one->zmm[i], other->zmm[i], 64);
    }
    for (unsigned i = 0; i < 8; i++) {
        differ(diff, "k", one->k[i], other->k[i]);
    }
    compare_memory(b, one, other, diff);
    return diff->len ? g_string_free(g_steal_pointer(&diff), FALSE) : NULL;
}
