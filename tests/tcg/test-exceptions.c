/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Exceptions by hand: for each row the vector, error code, CR2, saved CS:RIP and flags that the manuals say, in the modes
 * it names. A row's code lies at BARE_CODE and is followed by HLT; RBX points at data, other registers are 0 unless set.
 */
#include "tests/check.h"
#include "tests/tcg/bare.h"
#include "target/i386/system/system.h"

enum { R = 1 << BARE_REAL, P16 = 1 << BARE_PROT16, P32 = 1 << BARE_PROT32, PG = 1 << BARE_PAGED32, PAE = 1 << BARE_PAE,
       L = 1 << BARE_LONG, L5 = 1 << BARE_LONG5, P = P32 | PG | PAE, NON64 = R | P16 | P, ALL = NON64 | L | L5, PAGED = PG | PAE | L | L5 };
#define NO_ERROR (-1)

typedef struct Case {
    const char *claim;
    unsigned modes;
    uint8_t code[20];
    uint8_t len;
    int vector;                 /* VECTOR_NONE: runs to the HLT */
    int64_t error;              /* NO_ERROR: none is pushed */
    int rip;                    /* saved RIP, from BARE_CODE; -1: not looked at */
    uint64_t cr2;
    void (*setup)(CpuX86 *cpu);
    bool user;
    uint8_t iopl;
    uint64_t rax, rcx, rdx;
    uint32_t flags_on, flags_off;               /* of the saved RFLAGS */
} Case;
#define CODE(...) .code = { __VA_ARGS__ }, .len = sizeof((const uint8_t[]){ __VA_ARGS__ })
#define DATA 0x9000             /* what RBX holds: reachable in every mode */
#define FAR 0x500000            /* a page for paging rows */
#define NONE .vector = VECTOR_NONE
#define FAULT(v) .vector = v, .error = NO_ERROR
#define FAULT_ERROR(v, e) .vector = v, .error = e

/* Setups */

static void flag_of_set(CpuX86 *cpu) { cpu_set_rflags(cpu, RFLAGS_OF | RFLAGS_FIXED1); }
static void trap_flag(CpuX86 *cpu) { cpu_set_rflags(cpu, RFLAGS_TF | RFLAGS_FIXED1); }
static void nested(CpuX86 *cpu) { cpu_set_rflags(cpu, RFLAGS_NT | RFLAGS_FIXED1); }
static void break_on_code(CpuX86 *cpu) { cpu->dr[0] = BARE_CODE + 1; cpu->dr[7] = 0x401; }
static void break_on_write(CpuX86 *cpu) { cpu->dr[1] = DATA; cpu->dr[7] = 0x404 | 0xdull << 20; cpu_tlb_flush(cpu, true); }
static void break_on_io(CpuX86 *cpu) { cpu->dr[2] = 0x80; cpu->dr[7] = 0x410 | 2ull << 24; cpu->cr4 |= CR4_DE; }
static void general_detect(CpuX86 *cpu) { cpu->dr[7] = 0x400 | 1 << 13; }
static void debug_extensions(CpuX86 *cpu) { cpu->cr4 |= CR4_DE; }
static void set_cr0(CpuX86 *cpu, uint64_t on, uint64_t off) { cpu->cr0 = (cpu->cr0 | on) & ~off; cpu_update_mode(cpu); }
static void cr0_em(CpuX86 *cpu) { set_cr0(cpu, CR0_EM, 0); }
static void cr0_ts(CpuX86 *cpu) { set_cr0(cpu, CR0_TS, 0); }
static void cr0_ts_mp(CpuX86 *cpu) { set_cr0(cpu, CR0_TS | CR0_MP, 0); }
static void cr0_no_wp(CpuX86 *cpu) { set_cr0(cpu, 0, CR0_WP); cpu_tlb_flush(cpu, true); }
static void set_cr4(CpuX86 *cpu, uint64_t on, uint64_t off) { cpu->cr4 = (cpu->cr4 | on) & ~off; cpu_update_mode(cpu); cpu_tlb_flush(cpu, true); }
static void no_osfxsr(CpuX86 *cpu) { set_cr4(cpu, 0, CR4_OSFXSR); }
static void umip(CpuX86 *cpu) { set_cr4(cpu, CR4_UMIP, 0); }
static void tsd(CpuX86 *cpu) { set_cr4(cpu, CR4_TSD, 0); }
static void fsgsbase(CpuX86 *cpu) { set_cr4(cpu, CR4_FSGSBASE, 0); }
static void osxsave(CpuX86 *cpu) { set_cr4(cpu, CR4_OSXSAVE, 0); }
static void sse_unmasked(CpuX86 *cpu) { cpu->fpu.mxcsr = 0; }
static void sse_unmasked_old(CpuX86 *cpu) { sse_unmasked(cpu); set_cr4(cpu, 0, CR4_OSXMMEXCPT); }
static void align_check(CpuX86 *cpu)
{
    cpu_set_rflags(cpu, cpu_get_rflags(cpu) | RFLAGS_AC);
    set_cr0(cpu, CR0_AM, 0);
    cpu->regs[R_RBX] = DATA + 1;
}
static void far_address(CpuX86 *cpu) { cpu->regs[R_RBX] = FAR; }
static void non_canonical(CpuX86 *cpu) { cpu->regs[R_RBX] = cpu->regs[R_RBP] = 1ull << 60; }
static void non_canonical_stack(CpuX86 *cpu) { cpu->regs[R_RSP] = 1ull << 60; }
static void odd_address(CpuX86 *cpu) { cpu->regs[R_RBX] = DATA + 8 + 1; }
static void last_byte(CpuX86 *cpu) { cpu->regs[R_RBX] = cpu->regs[R_RBP] = 0xffff; }

/* Descriptors at selectors 70h and up; 70h is what rows load. */
enum { SEL = BARE_GDT_FREE, SEL2 = BARE_GDT_FREE + 0x10 };
static void descriptor(uint16_t attr) { bare_gdt(SEL, 0, 0xfffff, attr); }
static void code_absent(CpuX86 *cpu) { descriptor(0x1b | SEG_DB); }
static void code_dpl3(CpuX86 *cpu) { descriptor(0xfb | SEG_DB); }
static void code_conforming(CpuX86 *cpu) { descriptor(0x9f | SEG_DB); }
static void far_pointer(void) { bare_st32(DATA, BARE_CODE); bare_st32(DATA + 4, SEL); }
static void code_l_and_d(CpuX86 *cpu) { descriptor(0x9b | SEG_DB | SEG_L); far_pointer(); }
static void code_execute_only(CpuX86 *cpu) { descriptor(0x99 | SEG_DB); }
static void data_absent(CpuX86 *cpu) { descriptor(0x13 | SEG_DB); }
static void data_read_only(CpuX86 *cpu) { descriptor(0x91 | SEG_DB); }
static void data_dpl0(CpuX86 *cpu) { descriptor(0x93 | SEG_DB); }
static void data_dpl3(CpuX86 *cpu) { descriptor(0xf3 | SEG_DB); }
static void system_ldt(CpuX86 *cpu) { descriptor(0x82); bare_st64(BARE_GDT + SEL + 8, 0); }
static void system_ldt_absent(CpuX86 *cpu) { descriptor(0x02); }
static void system_tss(CpuX86 *cpu) { descriptor(0x89); bare_st64(BARE_GDT + SEL + 8, 0); }
static void system_tss_busy(CpuX86 *cpu) { descriptor(0x8b); bare_st64(BARE_GDT + SEL + 8, 0); }
static void system_tss_absent(CpuX86 *cpu) { descriptor(0x09); }

static void call_gate(uint16_t selector, uint32_t offset, uint16_t attr)
{
    bare_st64(BARE_GDT + SEL, (offset & 0xffff) | (uint64_t)selector << 16 | (uint64_t)attr << 40 | (uint64_t)(offset >> 16) << 48);
    bare_st64(BARE_GDT + SEL + 8, 0);
}
static void gate_low_dpl(CpuX86 *cpu) { call_gate(BARE_CODE32, BARE_CODE, 0x8c); far_pointer(); }
static void gate_absent(CpuX86 *cpu) { call_gate(BARE_CODE32, BARE_CODE, 0x6c); }
static void gate_null(CpuX86 *cpu) { call_gate(0, BARE_CODE, 0xec); }
static void gate_to_data(CpuX86 *cpu) { call_gate(BARE_DATA32, BARE_CODE, 0xec); }
static void gate_beyond(CpuX86 *cpu) { call_gate(0x808, BARE_CODE, 0xec); }

static void load_data(CpuX86 *cpu, uint32_t limit, uint16_t attr)
{
    cpu->seg[R_DS] = (SegmentCache){ .selector = SEL, .limit = limit, .attr = attr };
    cpu_update_mode(cpu);
}
static void ds_short(CpuX86 *cpu) { load_data(cpu, DATA + 2, 0x93 | SEG_DB); }
static void ds_read_only(CpuX86 *cpu) { load_data(cpu, UINT32_MAX, 0x91 | SEG_DB); }
static void ds_null(CpuX86 *cpu) { load_data(cpu, 0, 0); }
static void ds_expand_down(CpuX86 *cpu) { load_data(cpu, DATA + 3, 0x97 | SEG_DB); }
static void ds_expand_down_lower(CpuX86 *cpu) { load_data(cpu, DATA - 1, 0x97 | SEG_DB); }
static void ds_execute_only(CpuX86 *cpu) { load_data(cpu, UINT32_MAX, 0x99 | SEG_DB); }
static void ldt_null(CpuX86 *cpu) { cpu->ldtr = (SegmentCache){ 0 }; }
static void ss_short(CpuX86 *cpu) { cpu->seg[R_SS].limit = BARE_STACK - 3; cpu_update_mode(cpu); }

/* The IDT */
static void idt(CpuX86 *cpu, int vector, uint16_t selector, uint16_t attr)
{
    unsigned size = bare.mode >= BARE_LONG ? 16 : 8;
    bare_st64(BARE_IDT + vector * size, (BARE_HANDLERS + vector) | (uint64_t)selector << 16 | (uint64_t)attr << 40);
}
static uint16_t handler_code(void) { return bare.mode >= BARE_LONG ? BARE_CODE64 : BARE_CODE32; }
static void int40_dpl0(CpuX86 *cpu) { idt(cpu, 0x40, handler_code(), 0x8e); }
static void int40_absent(CpuX86 *cpu) { idt(cpu, 0x40, handler_code(), 0x6e); }
static void int40_bad_type(CpuX86 *cpu) { idt(cpu, 0x40, handler_code(), 0xec); }
static void int40_null(CpuX86 *cpu) { idt(cpu, 0x40, 0, 0xee); }
static void int40_beyond(CpuX86 *cpu) { idt(cpu, 0x40, 0x808, 0xee); }
static void int40_data(CpuX86 *cpu) { idt(cpu, 0x40, BARE_DATA32, 0xee); }
static void int40_code_absent(CpuX86 *cpu) { code_absent(cpu); idt(cpu, 0x40, SEL, 0xee); }
static void int40_code32(CpuX86 *cpu) { idt(cpu, 0x40, BARE_CODE32, 0xee); }
static void int40_outer(CpuX86 *cpu) { idt(cpu, 0x40, bare.mode >= BARE_LONG ? BARE_USER_CODE64 : BARE_USER_CODE32, 0xee); }
static void idt_limit(CpuX86 *cpu) { cpu->idtr.limit = bare.mode >= BARE_LONG ? 16 * 0x40 + 14 : 8 * 0x40 + 6; }
static void ud_gate_absent(CpuX86 *cpu) { idt(cpu, VECTOR_UD, handler_code(), 0x6e); }
static void ud_and_np_absent(CpuX86 *cpu) { ud_gate_absent(cpu); idt(cpu, VECTOR_NP, handler_code(), 0x6e); }
static void gp_gate_absent(CpuX86 *cpu) { idt(cpu, VECTOR_GP, handler_code(), 0x6e); }
static void de_gate_absent(CpuX86 *cpu) { idt(cpu, VECTOR_DE, handler_code(), 0x6e); }
static void pf_gate_absent(CpuX86 *cpu) { far_address(cpu); bare_map(FAR, 0, 0); idt(cpu, VECTOR_PF, handler_code(), 0x6e); }

/* The TSS: INT 40h enters privilege 1, whose stack is the broken one. */
static void tss_ss1(CpuX86 *cpu, uint16_t ss)
{
    bare_gdt(SEL2, 0, UINT32_MAX, 0xbb | SEG_DB);
    idt(cpu, 0x40, SEL2, 0xee);
    bare_st32(BARE_TSS + 0x0c, 0x6000);
    bare_st32(BARE_TSS + 0x10, ss);
}
static void tss_ss_null(CpuX86 *cpu) { tss_ss1(cpu, 0); }
static void tss_ss_beyond(CpuX86 *cpu) { tss_ss1(cpu, 0x809); }
static void tss_ss_rpl(CpuX86 *cpu) { tss_ss1(cpu, BARE_DATA32); }
static void tss_ss_dpl(CpuX86 *cpu) { tss_ss1(cpu, BARE_DATA32 | 1); }
static void tss_ss_code(CpuX86 *cpu) { bare_gdt(SEL, 0, UINT32_MAX, 0xbb); tss_ss1(cpu, SEL | 1); }
static void tss_ss_absent(CpuX86 *cpu) { descriptor(0x33 | SEG_DB); tss_ss1(cpu, SEL | 1); }
static void tss_short(CpuX86 *cpu) { tss_ss1(cpu, SEL | 1); cpu->tr.limit = 0x10; }
static void tss_stack_short(CpuX86 *cpu) { bare_gdt(SEL, 0, 0x5ff0, 0xb3 | SEG_DB); tss_ss1(cpu, SEL | 1); }

/* Stacks to return from: pushes are done here. */
static void push(CpuX86 *cpu, uint64_t value)
{
    unsigned size = bare.mode >= BARE_LONG ? 8 : 4;
    cpu->regs[R_RSP] -= size;
    bare_code(cpu->regs[R_RSP], &value, size);
}
static void frame_cs(CpuX86 *cpu, uint16_t selector) { push(cpu, RFLAGS_FIXED1); push(cpu, selector); push(cpu, BARE_CODE); }
static void iret_null(CpuX86 *cpu) { frame_cs(cpu, 0); }
static void iret_beyond(CpuX86 *cpu) { frame_cs(cpu, 0x808); }
static void iret_data(CpuX86 *cpu) { frame_cs(cpu, BARE_DATA32); }
static void iret_absent(CpuX86 *cpu) { code_absent(cpu); frame_cs(cpu, SEL); }
static void iret_outer_ss(CpuX86 *cpu, uint16_t ss)
{
    push(cpu, ss);
    push(cpu, 0x6000);
    frame_cs(cpu, bare.mode >= BARE_LONG ? BARE_USER_CODE64 : BARE_USER_CODE32);
}
static void iret_outer_ss_null(CpuX86 *cpu) { iret_outer_ss(cpu, 0); }
static void iret_outer_ss_rpl(CpuX86 *cpu) { iret_outer_ss(cpu, BARE_DATA32); }
static void iret_outer_ss_absent(CpuX86 *cpu) { descriptor(0x73 | SEG_DB); iret_outer_ss(cpu, SEL | 3); }
static void retf_to(CpuX86 *cpu, uint16_t selector, uint64_t rip)
{
    push(cpu, selector);
    push(cpu, rip);
    if (bare.mode >= BARE_LONG) {               /* RETF pops 4 bytes each in 64-bit code without REX.W */
        cpu->regs[R_RSP] = BARE_STACK - 8;
        bare_st64(BARE_STACK - 8, (uint32_t)rip | (uint64_t)selector << 32);
    }
}
static void retf_null(CpuX86 *cpu) { retf_to(cpu, 0, BARE_CODE); }
static void retf_inner(CpuX86 *cpu) { retf_to(cpu, bare.mode >= BARE_LONG ? BARE_CODE64 : BARE_CODE32, BARE_CODE); }
static void ret_non_canonical(CpuX86 *cpu) { push(cpu, 1ull << 60); }

/* Paging */
enum { PRESENT = 1, WRITABLE = 2, USER = 4 };
#define NX (1ull << 63)
static void page(CpuX86 *cpu, uint64_t flags) { far_address(cpu); bare_map(FAR, FAR, flags); cpu_tlb_flush(cpu, true); }
static void page_absent(CpuX86 *cpu) { page(cpu, 0); }
static void page_read_only(CpuX86 *cpu) { page(cpu, PRESENT | USER); }
static void page_read_only_no_wp(CpuX86 *cpu) { page_read_only(cpu); cr0_no_wp(cpu); }
static void page_supervisor(CpuX86 *cpu) { page(cpu, PRESENT | WRITABLE); }
static void page_nx(CpuX86 *cpu) { page(cpu, PRESENT | WRITABLE | USER | NX); BARE_CODE_AT(FAR, 0xf4); }
static void page_reserved(CpuX86 *cpu) { far_address(cpu); bare_pte_write(FAR, 0, FAR | PRESENT | WRITABLE | USER | 1ull << 50); cpu_tlb_flush(cpu, true); }
static void pde_absent(CpuX86 *cpu) { far_address(cpu); bare_pte_write(FAR, 1, 0); cpu_tlb_flush(cpu, true); }
/* The first nine pages, with tables, handlers, stacks and code, become the supervisor's. */
static void own_pages(CpuX86 *cpu)
{
    for (uint64_t at = 0; at <= BARE_CODE; at += 4096) {
        bare_pte_write(at, 0, at | PRESENT | WRITABLE);
    }
}
static void smep(CpuX86 *cpu) { far_address(cpu); own_pages(cpu); set_cr4(cpu, CR4_SMEP, 0); BARE_CODE_AT(FAR, 0xf4); }
static void smap(CpuX86 *cpu) { own_pages(cpu); set_cr4(cpu, CR4_SMAP, 0); }
static void smap_ac(CpuX86 *cpu) { smap(cpu); cpu_set_rflags(cpu, RFLAGS_AC | RFLAGS_FIXED1); }
static void protection_key(CpuX86 *cpu) { page(cpu, PRESENT | WRITABLE | USER); bare_pte_write(FAR, 0, FAR | 7 | 5ull << 59); cpu->fpu.pkru = 1 << 10; set_cr4(cpu, CR4_PKE, 0); }
static void crossing(CpuX86 *cpu) { bare_map(FAR, FAR, PRESENT | WRITABLE | USER); bare_map(FAR + 4096, 0, 0); cpu_tlb_flush(cpu, true); cpu->regs[R_RBX] = FAR + 4094; }
static void stack_absent(CpuX86 *cpu) { bare_map(FAR, 0, 0); cpu_tlb_flush(cpu, true); cpu->regs[R_RSP] = FAR + 8; }

/* vm86 */
static void vm86(CpuX86 *cpu, unsigned iopl)
{
    cpu_set_rflags(cpu, RFLAGS_VM | RFLAGS_FIXED1 | iopl << 12);
    for (int i = 0; i < SEG_COUNT; i++) {
        cpu->seg[i] = (SegmentCache){ .limit = 0xffff, .attr = 0xf3 };
    }
    cpu_update_mode(cpu);
}
static void vm86_iopl0(CpuX86 *cpu) { vm86(cpu, 0); }
static void vm86_iopl3(CpuX86 *cpu) { vm86(cpu, 3); }
static void vm86_dpl3_handler(CpuX86 *cpu) { vm86(cpu, 3); idt(cpu, 0x40, BARE_USER_CODE32, 0xee); }

static const Case cases[] = {
    /* Divide and bounds */
    { "DIV by 0 is #DE at the instruction, RF saved", P | L, CODE(0xf7, 0xf0), FAULT(VECTOR_DE), .flags_on = RFLAGS_RF },
    { "DIV by 0 is #DE in real mode, RF not saved", R, CODE(0xf7, 0xf0), FAULT(VECTOR_DE), .flags_off = RFLAGS_RF },
    { "DIV by 0 is #DE in 16-bit code", P16, CODE(0xf7, 0xf0), FAULT(VECTOR_DE) },
    { "IDIV of the least number by -1 is #DE", P, CODE(0x99, 0xf7, 0xf9), FAULT(VECTOR_DE), .rip = 1, .rax = 0x80000000, .rcx = UINT32_MAX },
    { "DIV with too large a quotient is #DE", ALL, CODE(0xf6, 0xf1), FAULT(VECTOR_DE), .rax = 0x200, .rcx = 1 },
    { "AAM 0 is #DE", NON64, CODE(0xd4, 0x00), FAULT(VECTOR_DE) },
    { "BOUND below the range is #BR", P, CODE(0x62, 0x03), FAULT(VECTOR_BR), .rax = UINT32_MAX, .flags_on = RFLAGS_RF },
    { "BOUND within the range runs", P, CODE(0x62, 0x03), NONE },
    { "BOUND is not there in 64-bit mode", L, CODE(0x62, 0x03), FAULT(VECTOR_UD) },
    /* Debug */
    { "INT1 is #DB behind the instruction", ALL, CODE(0xf1), FAULT(VECTOR_DB), .rip = 1 },
    { "TF traps behind the next instruction", ALL, CODE(0x90, 0x90), FAULT(VECTOR_DB), .rip = 1, .setup = trap_flag, .flags_on = RFLAGS_TF },
    { "a code breakpoint faults before its instruction", ALL, CODE(0x90, 0x90), FAULT(VECTOR_DB), .rip = 1, .setup = break_on_code },
    { "a data breakpoint traps behind the store", P | L, CODE(0x89, 0x03, 0x90), FAULT(VECTOR_DB), .rip = 2, .setup = break_on_write },
    { "an I/O breakpoint traps behind the OUT", P | L, CODE(0xe6, 0x80, 0x90), FAULT(VECTOR_DB), .rip = 2, .setup = break_on_io },
    { "MOV from a debug register under DR7.GD is #DB", P | L, CODE(0x0f, 0x21, 0xc0), FAULT(VECTOR_DB), .setup = general_detect },
    { "DR4 under CR4.DE is #UD", P | L, CODE(0x0f, 0x21, 0xe0), FAULT(VECTOR_UD), .setup = debug_extensions },
    { "DR4 is DR6 without CR4.DE", P | L, CODE(0x0f, 0x21, 0xe0), NONE },
    { "DR7 with a high bit set is #GP(0)", L, CODE(0x0f, 0x23, 0xf8), FAULT_ERROR(VECTOR_GP, 0), .rax = 1ull << 32 },
    /* Software interrupts */
    { "INT3 saves the next instruction", ALL, CODE(0xcc), FAULT(VECTOR_BP), .rip = 1, .flags_off = RFLAGS_RF },
    { "INT3 from user code through a DPL 3 gate", P | L, CODE(0xcc), FAULT(VECTOR_BP), .rip = 1, .user = true },
    { "INTO with OF is #OF", NON64, CODE(0xce), FAULT(VECTOR_OF), .rip = 1, .setup = flag_of_set },
    { "INTO without OF does nothing", NON64, CODE(0xce), NONE },
    { "INTO is not there in 64-bit mode", L, CODE(0xce), FAULT(VECTOR_UD) },
    { "INT 40h goes to its gate", P | L, CODE(0xcd, 0x40), FAULT(0x40), .rip = 2 },
    { "INT 40h in real mode goes through the table at 0", R, CODE(0xcd, 0x40), FAULT(0x40), .rip = 2 },
    { "INT through a DPL 0 gate from user code is #GP(vector, IDT)", P | L, CODE(0xcd, 0x40), FAULT_ERROR(VECTOR_GP, 0x202), .user = true, .setup = int40_dpl0 },
    { "INT through an absent gate is #NP(vector, IDT)", P | L, CODE(0xcd, 0x40), FAULT_ERROR(VECTOR_NP, 0x202), .setup = int40_absent },
    { "INT through a call gate in the IDT is #GP(vector, IDT)", P | L, CODE(0xcd, 0x40), FAULT_ERROR(VECTOR_GP, 0x202), .setup = int40_bad_type },
    { "INT beyond the IDT limit is #GP(vector, IDT)", P | L, CODE(0xcd, 0x40), FAULT_ERROR(VECTOR_GP, 0x202), .setup = idt_limit },
    { "INT through a gate with a null selector is #GP(0)", P | L, CODE(0xcd, 0x40), FAULT_ERROR(VECTOR_GP, 0), .setup = int40_null },
    { "INT through a gate whose selector is beyond the GDT", P | L, CODE(0xcd, 0x40), FAULT_ERROR(VECTOR_GP, 0x808), .setup = int40_beyond },
    { "INT through a gate to a data segment", P | L, CODE(0xcd, 0x40), FAULT_ERROR(VECTOR_GP, BARE_DATA32), .setup = int40_data },
    { "INT through a gate to absent code", P, CODE(0xcd, 0x40), FAULT_ERROR(VECTOR_NP, SEL), .setup = int40_code_absent },
    { "INT through a gate to 32-bit code in long mode", L, CODE(0xcd, 0x40), FAULT_ERROR(VECTOR_GP, BARE_CODE32), .setup = int40_code32 },
    { "INT through a gate to less privileged code", P, CODE(0xcd, 0x40), FAULT_ERROR(VECTOR_GP, BARE_USER_CODE32 & ~3), .setup = int40_outer },
    /* Invalid opcodes */
    { "UD2", ALL, CODE(0x0f, 0x0b), FAULT(VECTOR_UD), .flags_on = 0 },
    { "UD1", ALL, CODE(0x0f, 0xb9, 0xc0), FAULT(VECTOR_UD) },
    { "UD0", ALL, CODE(0x0f, 0xff, 0xc0), FAULT(VECTOR_UD) },
    { "LOCK on a register destination is #UD", ALL, CODE(0xf0, 0x01, 0xc8), FAULT(VECTOR_UD) },
    { "LOCK ADD to memory runs", ALL, CODE(0xf0, 0x01, 0x0f), NONE },
    { "LOCK MOV is #UD", ALL, CODE(0xf0, 0x89, 0x07), FAULT(VECTOR_UD) },
    { "LOCK CMP is #UD", ALL, CODE(0xf0, 0x39, 0x07), FAULT(VECTOR_UD) },
    { "MOV to CS is #UD", ALL, CODE(0x8e, 0xc8), FAULT(VECTOR_UD) },
    { "MOV from segment register 6 is #UD", ALL, CODE(0x8c, 0xf0), FAULT(VECTOR_UD) },
    { "MOV from CR1 is #UD", P | L | R, CODE(0x0f, 0x20, 0xc8), FAULT(VECTOR_UD) },
    { "MOV to CR5 is #UD", P | L, CODE(0x0f, 0x22, 0xe8), FAULT(VECTOR_UD) },
    { "PUSH ES is not there in 64-bit mode", L, CODE(0x06), FAULT(VECTOR_UD) },
    { "DAA is not there in 64-bit mode", L, CODE(0x27), FAULT(VECTOR_UD) },
    { "PUSHA is not there in 64-bit mode", L, CODE(0x60), FAULT(VECTOR_UD) },
    { "a direct far CALL is not there in 64-bit mode", L, CODE(0x9a, 0, 0x80, 0, 0, 8, 0), FAULT(VECTOR_UD) },
    { "opcode 82h is not there in 64-bit mode", L, CODE(0x82, 0xc0, 0x01), FAULT(VECTOR_UD) },
    { "SWAPGS is not there outside of 64-bit mode", P, CODE(0x0f, 0x01, 0xf8), FAULT(VECTOR_UD) },
    { "RDFSBASE is not there outside of 64-bit mode", P, CODE(0xf3, 0x0f, 0xae, 0xc0), FAULT(VECTOR_UD), .setup = fsgsbase },
    { "SLDT in real mode is #UD", R, CODE(0x0f, 0x00, 0xc0), FAULT(VECTOR_UD) },
    { "LAR in real mode is #UD", R, CODE(0x0f, 0x02, 0xc0), FAULT(VECTOR_UD) },
    { "ARPL in real mode is #UD", R, CODE(0x63, 0xc0), FAULT(VECTOR_UD) },
    { "VERR in real mode is #UD", R, CODE(0x0f, 0x00, 0xe0), FAULT(VECTOR_UD) },
    { "RSM outside of SMM is #UD", ALL, CODE(0x0f, 0xaa), FAULT(VECTOR_UD) },
    { "VMCALL is #UD", P | L, CODE(0x0f, 0x01, 0xc1), FAULT(VECTOR_UD) },
    { "VMMCALL is #UD", P | L, CODE(0x0f, 0x01, 0xd9), FAULT(VECTOR_UD) },
    { "LGDT with a register operand is #UD", P | L, CODE(0x0f, 0x01, 0xd2), FAULT(VECTOR_UD) },
    { "LES with a register operand is #UD", R, CODE(0xc4, 0xc0), FAULT(VECTOR_UD) },
    { "CMPXCHG8B with a register operand is #UD", ALL, CODE(0x0f, 0xc7, 0xc8), FAULT(VECTOR_UD) },
    { "sixteen prefixes are #GP(0)", P | L, CODE(0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x90), FAULT_ERROR(VECTOR_GP, 0) },
    /* Floating point and vectors */
    { "x87 under CR0.EM is #NM", P | L, CODE(0xd9, 0xe8), FAULT(VECTOR_NM), .setup = cr0_em },
    { "x87 under CR0.TS is #NM", P | L, CODE(0xd9, 0xe8), FAULT(VECTOR_NM), .setup = cr0_ts },
    { "FWAIT under CR0.TS alone runs", P | L, CODE(0x9b), NONE, .setup = cr0_ts },
    { "FWAIT under CR0.TS and MP is #NM", P | L, CODE(0x9b), FAULT(VECTOR_NM), .setup = cr0_ts_mp },
    { "MMX under CR0.EM is #UD", P | L, CODE(0x0f, 0xef, 0xc0), FAULT(VECTOR_UD), .setup = cr0_em },
    { "MMX under CR0.TS is #NM", P | L, CODE(0x0f, 0xef, 0xc0), FAULT(VECTOR_NM), .setup = cr0_ts },
    { "SSE under CR0.EM is #UD", P | L, CODE(0x0f, 0x57, 0xc0), FAULT(VECTOR_UD), .setup = cr0_em },
    { "SSE under CR0.TS is #NM", P | L, CODE(0x0f, 0x57, 0xc0), FAULT(VECTOR_NM), .setup = cr0_ts },
    { "SSE without CR4.OSFXSR is #UD", P | L, CODE(0x0f, 0x57, 0xc0), FAULT(VECTOR_UD), .setup = no_osfxsr },
    { "an unmasked x87 exception is #MF at the next FWAIT", P | L, CODE(0x68, 0x7b, 0x03, 0, 0, 0xd9, 0x2c, 0x24, 0xd9, 0xe8, 0xd9, 0xee, 0xde, 0xf9, 0x9b), FAULT(VECTOR_MF), .rip = 14 },
    { "an unmasked SSE exception is #XM", P | L, CODE(0x0f, 0x5e, 0xc1), FAULT(VECTOR_XM), .setup = sse_unmasked },
    { "an unmasked SSE exception without CR4.OSXMMEXCPT is #UD", P | L, CODE(0x0f, 0x5e, 0xc1), FAULT(VECTOR_UD), .setup = sse_unmasked_old },
    { "VEX in real mode is #UD", R, CODE(0xc5, 0xf8, 0x57, 0xc0), FAULT(VECTOR_UD) },
    { "VEX without CR4.OSXSAVE is #UD", L, CODE(0xc5, 0xf8, 0x57, 0xc0), FAULT(VECTOR_UD) },
    { "MOVAPS on an odd address is #GP(0)", P | L, CODE(0x0f, 0x28, 0x03), FAULT_ERROR(VECTOR_GP, 0), .setup = odd_address },
    { "MOVUPS on an odd address runs", P | L, CODE(0x0f, 0x10, 0x03), NONE, .setup = odd_address },
    { "FXSAVE on an odd address is #GP(0)", P | L, CODE(0x0f, 0xae, 0x03), FAULT_ERROR(VECTOR_GP, 0), .setup = odd_address },
    { "CMPXCHG16B on an odd address is #GP(0)", L, CODE(0x48, 0x0f, 0xc7, 0x0b), FAULT_ERROR(VECTOR_GP, 0), .setup = odd_address },
    { "LDMXCSR of a reserved bit is #GP(0)", P | L, CODE(0xc7, 0x03, 0, 0, 1, 0, 0x0f, 0xae, 0x13), FAULT_ERROR(VECTOR_GP, 0), .rip = 6 },
    { "an unaligned load of user code under AC is #AC(0)", P | L, CODE(0x8b, 0x03), FAULT_ERROR(VECTOR_AC, 0), .user = true, .setup = align_check },
    { "an unaligned load of the kernel under AC runs", P | L, CODE(0x8b, 0x03), NONE, .setup = align_check },
    /* Privilege */
    { "HLT by user code is #GP(0)", P | L, CODE(0xf4), FAULT_ERROR(VECTOR_GP, 0), .user = true },
    { "CLI above IOPL is #GP(0)", P | L, CODE(0xfa), FAULT_ERROR(VECTOR_GP, 0), .user = true },
    { "STI above IOPL is #GP(0)", P | L, CODE(0xfb), FAULT_ERROR(VECTOR_GP, 0), .user = true },
    { "IN that the bitmap forbids is #GP(0)", P | L, CODE(0xe4, 0x80), FAULT_ERROR(VECTOR_GP, 0), .user = true },
    { "OUT that the bitmap forbids is #GP(0)", P | L, CODE(0xee), FAULT_ERROR(VECTOR_GP, 0), .user = true, .rdx = 0x3f8 },
    { "INVLPG by user code is #GP(0)", P | L, CODE(0x0f, 0x01, 0x3b), FAULT_ERROR(VECTOR_GP, 0), .user = true },
    { "LGDT by user code is #GP(0)", P | L, CODE(0x0f, 0x01, 0x13), FAULT_ERROR(VECTOR_GP, 0), .user = true },
    { "LLDT by user code is #GP(0)", P | L, CODE(0x0f, 0x00, 0xd0), FAULT_ERROR(VECTOR_GP, 0), .user = true },
    { "LTR by user code is #GP(0)", P | L, CODE(0x0f, 0x00, 0xd8), FAULT_ERROR(VECTOR_GP, 0), .user = true },
    { "LMSW by user code is #GP(0)", P | L, CODE(0x0f, 0x01, 0xf0), FAULT_ERROR(VECTOR_GP, 0), .user = true },
    { "CLTS by user code is #GP(0)", P | L, CODE(0x0f, 0x06), FAULT_ERROR(VECTOR_GP, 0), .user = true },
    { "MOV from CR0 by user code is #GP(0)", P | L, CODE(0x0f, 0x20, 0xc0), FAULT_ERROR(VECTOR_GP, 0), .user = true },
    { "MOV to DR0 by user code is #GP(0)", P | L, CODE(0x0f, 0x23, 0xc0), FAULT_ERROR(VECTOR_GP, 0), .user = true },
    { "WBINVD by user code is #GP(0)", P | L, CODE(0x0f, 0x09), FAULT_ERROR(VECTOR_GP, 0), .user = true },
    { "RDMSR by user code is #GP(0)", P | L, CODE(0x0f, 0x32), FAULT_ERROR(VECTOR_GP, 0), .user = true, .rcx = 0x10 },
    { "SGDT by user code runs without UMIP", P | L, CODE(0x0f, 0x01, 0x03, 0xcc), FAULT(VECTOR_BP), .rip = 4, .user = true },
    { "SGDT by user code under UMIP is #GP(0)", P | L, CODE(0x0f, 0x01, 0x03), FAULT_ERROR(VECTOR_GP, 0), .user = true, .setup = umip },
    { "SMSW by user code under UMIP is #GP(0)", P | L, CODE(0x0f, 0x01, 0xe0), FAULT_ERROR(VECTOR_GP, 0), .user = true, .setup = umip },
    { "RDTSC by user code under CR4.TSD is #GP(0)", P | L, CODE(0x0f, 0x31), FAULT_ERROR(VECTOR_GP, 0), .user = true, .setup = tsd },
    { "RDPMC is #GP(0): there are no counters", P | L, CODE(0x0f, 0x33), FAULT_ERROR(VECTOR_GP, 0) },
    { "CLAC by user code is #UD", P | L, CODE(0x0f, 0x01, 0xca), FAULT(VECTOR_UD), .user = true },
    { "SWAPGS by user code is #GP(0)", L, CODE(0x0f, 0x01, 0xf8), FAULT_ERROR(VECTOR_GP, 0), .user = true },
    { "SYSEXIT by user code is #GP(0)", P, CODE(0x0f, 0x35), FAULT_ERROR(VECTOR_GP, 0), .user = true },
    { "SYSRET by user code is #GP(0)", L, CODE(0x0f, 0x07), FAULT_ERROR(VECTOR_GP, 0), .user = true },
    { "SYSENTER with a null SYSENTER_CS is #GP(0)", P, CODE(0x0f, 0x34), FAULT_ERROR(VECTOR_GP, 0) },
    /* Segment limits and types */
    { "a load beyond the DS limit is #GP(0)", P, CODE(0x8b, 0x03), FAULT_ERROR(VECTOR_GP, 0), .setup = ds_short },
    { "a load up to the DS limit runs", P, CODE(0x66, 0x8b, 0x03), NONE, .setup = ds_short },
    { "a store to a read-only segment is #GP(0)", P, CODE(0x89, 0x03), FAULT_ERROR(VECTOR_GP, 0), .setup = ds_read_only },
    { "a store to the code segment is #GP(0)", P, CODE(0x2e, 0x89, 0x03), FAULT_ERROR(VECTOR_GP, 0) },
    { "a load from an execute-only segment is #GP(0)", P, CODE(0x8b, 0x03), FAULT_ERROR(VECTOR_GP, 0), .setup = ds_execute_only },
    { "a load through null DS is #GP(0)", P, CODE(0x8b, 0x03), FAULT_ERROR(VECTOR_GP, 0), .setup = ds_null },
    { "a load below the limit of an expand-down segment is #GP(0)", P, CODE(0x8b, 0x03), FAULT_ERROR(VECTOR_GP, 0), .setup = ds_expand_down },
    { "a load above the limit of an expand-down segment runs", P, CODE(0x8b, 0x03), NONE, .setup = ds_expand_down_lower },
    { "PUSH beyond the SS limit is #SS(0)", P, CODE(0x50), FAULT_ERROR(VECTOR_SS, 0), .setup = ss_short, .user = true },
    { "a word at DS:FFFF in real mode is #GP", R, CODE(0x8b, 0x07), FAULT(VECTOR_GP), .setup = last_byte },
    { "a word at SS:FFFF in real mode is #SS", R, CODE(0x8b, 0x46, 0x00), FAULT(VECTOR_SS), .setup = last_byte },
    { "a load from a non-canonical address is #GP(0)", L, CODE(0x8b, 0x03), FAULT_ERROR(VECTOR_GP, 0), .setup = non_canonical },
    { "a load from a non-canonical address by RBP is #SS(0)", L, CODE(0x8b, 0x45, 0x00), FAULT_ERROR(VECTOR_SS, 0), .setup = non_canonical },
    { "PUSH to a non-canonical RSP is #SS(0)", L, CODE(0x50), FAULT_ERROR(VECTOR_SS, 0), .setup = non_canonical_stack, .user = true },
    { "JMP to a non-canonical address is #GP(0)", L, CODE(0xff, 0xe3), FAULT_ERROR(VECTOR_GP, 0), .setup = non_canonical },
    { "CALL to a non-canonical address is #GP(0)", L, CODE(0xff, 0xd3), FAULT_ERROR(VECTOR_GP, 0), .setup = non_canonical },
    { "RET to a non-canonical address is #GP(0)", L, CODE(0xc3), FAULT_ERROR(VECTOR_GP, 0), .setup = ret_non_canonical },
    { "bit 56 of an address is free with five levels", L5, CODE(0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0x80, 0, 0x8a, 0x00), FAULT_ERROR(VECTOR_PF, 0), .rip = 10, .cr2 = 1ull << 55 },
    /* Loading segment registers */
    { "DS beyond the GDT is #GP(selector)", P | L, CODE(0x8e, 0xd8), FAULT_ERROR(VECTOR_GP, 0x808), .rax = 0x808 },
    { "DS from a null LDT is #GP(selector)", P | L, CODE(0x8e, 0xd8), FAULT_ERROR(VECTOR_GP, 0x0c), .rax = 0x0c, .setup = ldt_null },
    { "DS absent is #NP(selector)", P | L, CODE(0x8e, 0xd8), FAULT_ERROR(VECTOR_NP, SEL), .rax = SEL, .setup = data_absent },
    { "DS of a system descriptor is #GP(selector)", P | L, CODE(0x8e, 0xd8), FAULT_ERROR(VECTOR_GP, SEL), .rax = SEL, .setup = system_ldt },
    { "DS of execute-only code is #GP(selector)", P | L, CODE(0x8e, 0xd8), FAULT_ERROR(VECTOR_GP, SEL), .rax = SEL, .setup = code_execute_only },
    { "DS of a more privileged segment is #GP(selector)", P | L, CODE(0x8e, 0xd8), FAULT_ERROR(VECTOR_GP, SEL), .rax = SEL | 3, .setup = data_dpl0, .user = true },
    { "DS with RPL 3 of a DPL 0 segment is #GP(selector)", P | L, CODE(0x8e, 0xd8), FAULT_ERROR(VECTOR_GP, SEL), .rax = SEL | 3, .setup = data_dpl0 },
    { "DS null loads", P | L, CODE(0x8e, 0xd8), NONE },
    { "SS null is #GP(0) outside of 64-bit mode", P, CODE(0x8e, 0xd0), FAULT_ERROR(VECTOR_GP, 0) },
    { "SS null loads in 64-bit mode at privilege 0", L, CODE(0x8e, 0xd0), NONE },
    { "SS null by 64-bit user code is #GP(0)", L, CODE(0x8e, 0xd0), FAULT_ERROR(VECTOR_GP, 0), .user = true, .rax = 3 },
    { "SS with another RPL is #GP(selector)", P | L, CODE(0x8e, 0xd0), FAULT_ERROR(VECTOR_GP, BARE_DATA32), .rax = BARE_DATA32 | 1 },
    { "SS of another DPL is #GP(selector)", P | L, CODE(0x8e, 0xd0), FAULT_ERROR(VECTOR_GP, SEL), .rax = SEL, .setup = data_dpl3 },
    { "SS read-only is #GP(selector)", P | L, CODE(0x8e, 0xd0), FAULT_ERROR(VECTOR_GP, SEL), .rax = SEL, .setup = data_read_only },
    { "SS absent is #SS(selector)", P | L, CODE(0x8e, 0xd0), FAULT_ERROR(VECTOR_SS, SEL), .rax = SEL, .setup = data_absent },
    { "LLDT of a data segment is #GP(selector)", P | L, CODE(0x0f, 0x00, 0xd0), FAULT_ERROR(VECTOR_GP, BARE_DATA32), .rax = BARE_DATA32 },
    { "LLDT absent is #NP(selector)", P | L, CODE(0x0f, 0x00, 0xd0), FAULT_ERROR(VECTOR_NP, SEL), .rax = SEL, .setup = system_ldt_absent },
    { "LLDT null loads", P | L, CODE(0x0f, 0x00, 0xd0), NONE },
    { "LTR null is #GP(0)", P | L, CODE(0x0f, 0x00, 0xd8), FAULT_ERROR(VECTOR_GP, 0) },
    { "LTR busy is #GP(selector)", P | L, CODE(0x0f, 0x00, 0xd8), FAULT_ERROR(VECTOR_GP, SEL), .rax = SEL, .setup = system_tss_busy },
    { "LTR absent is #NP(selector)", P | L, CODE(0x0f, 0x00, 0xd8), FAULT_ERROR(VECTOR_NP, SEL), .rax = SEL, .setup = system_tss_absent },
    { "LTR available loads", P | L, CODE(0x0f, 0x00, 0xd8), NONE, .rax = SEL, .setup = system_tss },
    /* Far transfers */
    { "a far JMP to a null selector is #GP(0)", P, CODE(0xea, 0, 0x80, 0, 0, 0, 0), FAULT_ERROR(VECTOR_GP, 0) },
    { "a far JMP beyond the GDT is #GP(selector)", P, CODE(0xea, 0, 0x80, 0, 0, 0x08, 0x08), FAULT_ERROR(VECTOR_GP, 0x808) },
    { "a far JMP to a data segment is #GP(selector)", P, CODE(0xea, 0, 0x80, 0, 0, BARE_DATA32, 0), FAULT_ERROR(VECTOR_GP, BARE_DATA32) },
    { "a far JMP to absent code is #NP(selector)", P, CODE(0xea, 0, 0x80, 0, 0, SEL, 0), FAULT_ERROR(VECTOR_NP, SEL), .setup = code_absent },
    { "a far JMP to less privileged code is #GP(selector)", P, CODE(0xea, 0, 0x80, 0, 0, SEL, 0), FAULT_ERROR(VECTOR_GP, SEL), .setup = code_dpl3 },
    { "a far JMP beyond the code limit is #GP(0)", P, CODE(0xea, 0, 0, 0, 0xf0, SEL, 0), FAULT_ERROR(VECTOR_GP, 0), .setup = code_conforming },
    { "a far JMP to code with L and D is #GP(selector)", L, CODE(0xff, 0x2b), FAULT_ERROR(VECTOR_GP, SEL), .setup = code_l_and_d },
    { "a far CALL through a gate of lower DPL is #GP(selector)", P, CODE(0x9a, 0, 0, 0, 0, SEL | 3, 0), FAULT_ERROR(VECTOR_GP, SEL), .setup = gate_low_dpl, .user = true },
    { "a far CALL through an absent gate is #NP(selector)", P, CODE(0x9a, 0, 0, 0, 0, SEL, 0), FAULT_ERROR(VECTOR_NP, SEL), .setup = gate_absent },
    { "a far CALL through a gate to a null selector is #GP(0)", P, CODE(0x9a, 0, 0, 0, 0, SEL, 0), FAULT_ERROR(VECTOR_GP, 0), .setup = gate_null },
    { "a far CALL through a gate to data is #GP(target)", P, CODE(0x9a, 0, 0, 0, 0, SEL, 0), FAULT_ERROR(VECTOR_GP, BARE_DATA32), .setup = gate_to_data },
    { "a far CALL through a gate beyond the GDT is #GP(target)", P, CODE(0x9a, 0, 0, 0, 0, SEL, 0), FAULT_ERROR(VECTOR_GP, 0x808), .setup = gate_beyond },
    { "a far CALL through a gate to 32-bit code in long mode is #GP(target)", L, CODE(0xff, 0x1b), FAULT_ERROR(VECTOR_GP, BARE_CODE32), .setup = gate_low_dpl },
    { "RETF to a null selector is #GP(0)", P | L, CODE(0xcb), FAULT_ERROR(VECTOR_GP, 0), .setup = retf_null },
    { "RETF to more privileged code is #GP(selector)", P, CODE(0xcb), FAULT_ERROR(VECTOR_GP, BARE_CODE32), .setup = retf_inner, .user = true },
    { "IRET to a null selector is #GP(0)", P, CODE(0xcf), FAULT_ERROR(VECTOR_GP, 0), .setup = iret_null },
    { "IRET beyond the GDT is #GP(selector)", P, CODE(0xcf), FAULT_ERROR(VECTOR_GP, 0x808), .setup = iret_beyond },
    { "IRET to a data segment is #GP(selector)", P, CODE(0xcf), FAULT_ERROR(VECTOR_GP, BARE_DATA32), .setup = iret_data },
    { "IRET to absent code is #NP(selector)", P, CODE(0xcf), FAULT_ERROR(VECTOR_NP, SEL), .setup = iret_absent },
    { "IRETQ to user code with null SS is #GP(0)", L, CODE(0x48, 0xcf), FAULT_ERROR(VECTOR_GP, 0), .setup = iret_outer_ss_null },
    { "IRET to user code with null SS is #GP(0)", P, CODE(0xcf), FAULT_ERROR(VECTOR_GP, 0), .setup = iret_outer_ss_null },
    { "IRET to user code with a kernel SS is #GP(selector)", P, CODE(0xcf), FAULT_ERROR(VECTOR_GP, BARE_DATA32), .setup = iret_outer_ss_rpl },
    { "IRET to user code with an absent SS is #SS(selector)", P, CODE(0xcf), FAULT_ERROR(VECTOR_SS, SEL), .setup = iret_outer_ss_absent },
    { "IRET with NT in long mode is #GP(0)", L, CODE(0x48, 0xcf), FAULT_ERROR(VECTOR_GP, 0), .setup = nested },
    /* Stacks of the TSS */
    { "a null stack in the TSS is #TS(0)", P, CODE(0xcd, 0x40), FAULT_ERROR(VECTOR_TS, 0), .user = true, .setup = tss_ss_null },
    { "a TSS stack beyond the GDT is #TS(selector)", P, CODE(0xcd, 0x40), FAULT_ERROR(VECTOR_TS, 0x808), .user = true, .setup = tss_ss_beyond },
    { "a TSS stack of another RPL is #TS(selector)", P, CODE(0xcd, 0x40), FAULT_ERROR(VECTOR_TS, BARE_DATA32), .user = true, .setup = tss_ss_rpl },
    { "a TSS stack of another DPL is #TS(selector)", P, CODE(0xcd, 0x40), FAULT_ERROR(VECTOR_TS, BARE_DATA32), .user = true, .setup = tss_ss_dpl },
    { "a TSS stack that is code is #TS(selector)", P, CODE(0xcd, 0x40), FAULT_ERROR(VECTOR_TS, SEL), .user = true, .setup = tss_ss_code },
    { "an absent TSS stack is #SS(selector)", P, CODE(0xcd, 0x40), FAULT_ERROR(VECTOR_SS, SEL), .user = true, .setup = tss_ss_absent },
    { "a TSS too short for the stack is #TS(TR)", P, CODE(0xcd, 0x40), FAULT_ERROR(VECTOR_TS, BARE_TSS_SELECTOR), .user = true, .setup = tss_short },
    { "a TSS stack too short for the frame is #SS(selector)", P, CODE(0xcd, 0x40), FAULT_ERROR(VECTOR_SS, SEL), .user = true, .setup = tss_stack_short },
    /* Control registers and MSRs */
    { "CR0.PG without PE is #GP(0)", R, CODE(0x0f, 0x22, 0xc0), FAULT(VECTOR_GP), .rax = CR0_PG },
    { "CR0.NW without CD is #GP(0)", P, CODE(0x0f, 0x22, 0xc0), FAULT_ERROR(VECTOR_GP, 0), .rax = CR0_PE | CR0_NW },
    { "high bits of CR0 are #GP(0)", L, CODE(0x0f, 0x22, 0xc0), FAULT_ERROR(VECTOR_GP, 0), .rax = 1ull << 32 | CR0_PE | CR0_PG },
    { "leaving paging in 64-bit code is #GP(0)", L, CODE(0x0f, 0x22, 0xc0), FAULT_ERROR(VECTOR_GP, 0), .rax = CR0_PE },
    { "reserved bits of CR3 are #GP(0) in long mode", L, CODE(0x0f, 0x22, 0xd8), FAULT_ERROR(VECTOR_GP, 0), .rax = 1ull << 45 },
    { "reserved bits of CR4 are #GP(0)", P | L, CODE(0x0f, 0x22, 0xe0), FAULT_ERROR(VECTOR_GP, 0), .rax = 1 << 15 | CR4_PAE },
    { "CR4.VMXE is #GP(0): there is no VMX", P | L, CODE(0x0f, 0x22, 0xe0), FAULT_ERROR(VECTOR_GP, 0), .rax = CR4_VMXE | CR4_PAE },
    { "clearing CR4.PAE in long mode is #GP(0)", L, CODE(0x0f, 0x22, 0xe0), FAULT_ERROR(VECTOR_GP, 0), .rax = CR4_PGE },
    { "CR4.PCIDE outside of long mode is #GP(0)", P, CODE(0x0f, 0x22, 0xe0), FAULT_ERROR(VECTOR_GP, 0), .rax = CR4_PCIDE | CR4_PAE },
    { "CR8 above 15 is #GP(0)", L, CODE(0x44, 0x0f, 0x22, 0xc0), FAULT_ERROR(VECTOR_GP, 0), .rax = 16 },
    { "RDMSR of an unknown register is #GP(0)", P | L, CODE(0x0f, 0x32), FAULT_ERROR(VECTOR_GP, 0), .rcx = 0x12345678 },
    { "WRMSR of an unknown register is #GP(0)", P | L, CODE(0x0f, 0x30), FAULT_ERROR(VECTOR_GP, 0), .rcx = 0x12345678 },
    { "WRMSR of a read-only register is #GP(0)", P | L, CODE(0x0f, 0x30), FAULT_ERROR(VECTOR_GP, 0), .rcx = 0xfe },
    { "a reserved bit of EFER is #GP(0)", P | L, CODE(0x0f, 0x30), FAULT_ERROR(VECTOR_GP, 0), .rcx = 0xc0000080, .rax = 0x502 },
    { "changing EFER.LME under paging is #GP(0)", L, CODE(0x0f, 0x30), FAULT_ERROR(VECTOR_GP, 0), .rcx = 0xc0000080, .rax = 1 },
    { "a non-canonical LSTAR is #GP(0)", L, CODE(0x0f, 0x30), FAULT_ERROR(VECTOR_GP, 0), .rcx = 0xc0000082, .rdx = 0x10000000 },
    { "an unknown memory type in PAT is #GP(0)", P | L, CODE(0x0f, 0x30), FAULT_ERROR(VECTOR_GP, 0), .rcx = 0x277, .rax = 2 },
    { "an unknown memory type in an MTRR is #GP(0)", P | L, CODE(0x0f, 0x30), FAULT_ERROR(VECTOR_GP, 0), .rcx = 0x200, .rax = 3 },
    { "x2APIC registers outside of x2APIC mode are #GP(0)", P | L, CODE(0x0f, 0x32), FAULT_ERROR(VECTOR_GP, 0), .rcx = 0x802 },
    { "XGETBV without CR4.OSXSAVE is #UD", P | L, CODE(0x0f, 0x01, 0xd0), FAULT(VECTOR_UD) },
    { "XGETBV of an unknown register is #GP(0)", P | L, CODE(0x0f, 0x01, 0xd0), FAULT_ERROR(VECTOR_GP, 0), .rcx = 2, .setup = osxsave },
    { "XSETBV without x87 is #GP(0)", P | L, CODE(0x0f, 0x01, 0xd1), FAULT_ERROR(VECTOR_GP, 0), .rax = 2, .setup = osxsave },
    { "XSETBV of AVX without SSE is #GP(0)", P | L, CODE(0x0f, 0x01, 0xd1), FAULT_ERROR(VECTOR_GP, 0), .rax = 5, .setup = osxsave },
    { "RDPKRU without CR4.PKE is #UD", P | L, CODE(0x0f, 0x01, 0xee), FAULT(VECTOR_UD) },
    { "RDFSBASE without CR4.FSGSBASE is #UD", L, CODE(0xf3, 0x48, 0x0f, 0xae, 0xc0), FAULT(VECTOR_UD) },
    { "WRGSBASE of a non-canonical address is #GP(0)", L, CODE(0xf3, 0x48, 0x0f, 0xae, 0xd8), FAULT_ERROR(VECTOR_GP, 0), .rax = 1ull << 60, .setup = fsgsbase },
    { "INVPCID of an unknown type is #GP(0)", P | L, CODE(0x66, 0x0f, 0x38, 0x82, 0x03), FAULT_ERROR(VECTOR_GP, 0), .rax = 4 },
    { "MONITOR with extensions is #GP(0)", P | L, CODE(0x0f, 0x01, 0xc8), FAULT_ERROR(VECTOR_GP, 0), .rcx = 1 },
    /* Paging */
    { "a load from an absent page", PAGED, CODE(0x8b, 0x03), FAULT_ERROR(VECTOR_PF, 0), .cr2 = FAR, .setup = page_absent, .flags_on = RFLAGS_RF },
    { "a store to an absent page", PAGED, CODE(0x89, 0x03), FAULT_ERROR(VECTOR_PF, 2), .cr2 = FAR, .setup = page_absent },
    { "a load by user code from an absent page", PAGED, CODE(0x8b, 0x03), FAULT_ERROR(VECTOR_PF, 4), .cr2 = FAR, .setup = page_absent, .user = true },
    { "a store by user code to an absent page", PAGED, CODE(0x89, 0x03), FAULT_ERROR(VECTOR_PF, 6), .cr2 = FAR, .setup = page_absent, .user = true },
    { "a load under an absent page table", PAGED, CODE(0x8b, 0x03), FAULT_ERROR(VECTOR_PF, 0), .cr2 = FAR, .setup = pde_absent },
    { "a fetch from an absent page, no NX", PG | PAE, CODE(0xff, 0xe3), FAULT_ERROR(VECTOR_PF, 0), .rip = FAR - BARE_CODE, .cr2 = FAR, .setup = page_absent },
    { "a fetch from an absent page, NX on", L, CODE(0xff, 0xe3), FAULT_ERROR(VECTOR_PF, 0x10), .rip = FAR - BARE_CODE, .cr2 = FAR, .setup = page_absent },
    { "a store by user code to a read-only page", PAGED, CODE(0x89, 0x03), FAULT_ERROR(VECTOR_PF, 7), .cr2 = FAR, .setup = page_read_only, .user = true },
    { "a store to a read-only page under WP", PAGED, CODE(0x89, 0x03), FAULT_ERROR(VECTOR_PF, 3), .cr2 = FAR, .setup = page_read_only },
    { "a store to a read-only page without WP runs", PAGED, CODE(0x89, 0x03), NONE, .setup = page_read_only_no_wp },
    { "a load by user code from a supervisor page", PAGED, CODE(0x8b, 0x03), FAULT_ERROR(VECTOR_PF, 5), .cr2 = FAR, .setup = page_supervisor, .user = true },
    { "a fetch from a no-execute page", L, CODE(0xff, 0xe3), FAULT_ERROR(VECTOR_PF, 0x11), .rip = FAR - BARE_CODE, .cr2 = FAR, .setup = page_nx },
    { "a fetch by user code from a no-execute page", L, CODE(0xff, 0xe3), FAULT_ERROR(VECTOR_PF, 0x15), .rip = FAR - BARE_CODE, .cr2 = FAR, .setup = page_nx, .user = true },
    { "a reserved bit in a page-table entry", PAE | L | L5, CODE(0x8b, 0x03), FAULT_ERROR(VECTOR_PF, 9), .cr2 = FAR, .setup = page_reserved },
    { "a reserved bit, store by user code", PAE | L | L5, CODE(0x89, 0x03), FAULT_ERROR(VECTOR_PF, 0xf), .cr2 = FAR, .setup = page_reserved, .user = true },
    { "a fetch from a user page under SMEP", L, CODE(0xff, 0xe3), FAULT_ERROR(VECTOR_PF, 0x11), .rip = FAR - BARE_CODE, .cr2 = FAR, .setup = smep },
    { "a load from a user page under SMAP", L, CODE(0x8b, 0x03), FAULT_ERROR(VECTOR_PF, 1), .cr2 = DATA, .setup = smap },
    { "a load from a user page under SMAP with AC runs", L, CODE(0x8b, 0x03), NONE, .setup = smap_ac },
    { "a load that a protection key forbids", L, CODE(0x8b, 0x03), FAULT_ERROR(VECTOR_PF, 0x25), .cr2 = FAR, .setup = protection_key, .user = true },
    { "a store that crosses into an absent page names that page", PAGED, CODE(0x89, 0x03), FAULT_ERROR(VECTOR_PF, 2), .cr2 = FAR + 4096, .setup = crossing },
    { "CMPXCHG that does not match still needs write access", PAGED, CODE(0x0f, 0xb1, 0x0b), FAULT_ERROR(VECTOR_PF, 3), .cr2 = FAR, .setup = page_read_only, .rax = 99 },
    { "TEST of a read-only page runs", PAGED, CODE(0x85, 0x03), NONE, .setup = page_read_only },
    { "PUSH by user code to an absent page", PG | PAE, CODE(0x50), FAULT_ERROR(VECTOR_PF, 6), .cr2 = FAR + 4, .setup = stack_absent, .user = true },
    { "PUSH by 64-bit user code to an absent page", L, CODE(0x50), FAULT_ERROR(VECTOR_PF, 6), .cr2 = FAR, .setup = stack_absent, .user = true },
    /* Exceptions while delivering */
    { "#UD through an absent gate is #NP(vector, IDT, EXT)", P | L, CODE(0x0f, 0x0b), FAULT_ERROR(VECTOR_NP, 0x33), .setup = ud_gate_absent },
    { "#UD then #NP, both absent, is a double fault", P | L, CODE(0x0f, 0x0b), FAULT_ERROR(VECTOR_DF, 0), .setup = ud_and_np_absent },
    { "#GP through an absent gate is a double fault", P | L, CODE(0x8e, 0xd8), FAULT_ERROR(VECTOR_DF, 0), .rax = 0x808, .setup = gp_gate_absent },
    { "#DE through an absent gate is a double fault", P | L, CODE(0xf7, 0xf0), FAULT_ERROR(VECTOR_DF, 0), .setup = de_gate_absent },
    { "#PF through an absent gate is a double fault", PAGED, CODE(0x8b, 0x03), FAULT_ERROR(VECTOR_DF, 0), .setup = pf_gate_absent },
    /* vm86 */
    { "INT n in vm86 below IOPL 3 is #GP(0)", P32, CODE(0xcd, 0x40), FAULT_ERROR(VECTOR_GP, 0), .setup = vm86_iopl0, .flags_on = RFLAGS_VM },
    { "INT3 in vm86 does not look at IOPL", P32, CODE(0xcc), FAULT(VECTOR_BP), .rip = 1, .setup = vm86_iopl0, .flags_on = RFLAGS_VM },
    { "INT n in vm86 with IOPL 3 leaves by its gate", P32, CODE(0xcd, 0x40), FAULT(0x40), .rip = 2, .setup = vm86_iopl3, .flags_on = RFLAGS_VM },
    { "INT n in vm86 to a handler that is not privilege 0 is #GP(selector)", P32, CODE(0xcd, 0x40), FAULT_ERROR(VECTOR_GP, BARE_USER_CODE32 & ~3), .setup = vm86_dpl3_handler },
    { "CLI in vm86 below IOPL 3 is #GP(0)", P32, CODE(0xfa), FAULT_ERROR(VECTOR_GP, 0), .setup = vm86_iopl0 },
    { "PUSHF in vm86 below IOPL 3 is #GP(0)", P32, CODE(0x9c), FAULT_ERROR(VECTOR_GP, 0), .setup = vm86_iopl0 },
    { "POPF in vm86 below IOPL 3 is #GP(0)", P32, CODE(0x9d), FAULT_ERROR(VECTOR_GP, 0), .setup = vm86_iopl0 },
    { "IRET in vm86 below IOPL 3 is #GP(0)", P32, CODE(0xcf), FAULT_ERROR(VECTOR_GP, 0), .setup = vm86_iopl0 },
    { "HLT in vm86 is #GP(0)", P32, CODE(0xf4), FAULT_ERROR(VECTOR_GP, 0), .setup = vm86_iopl3 },
    { "IN in vm86 looks at the bitmap even with IOPL 3", P32, CODE(0xe4, 0x80), FAULT_ERROR(VECTOR_GP, 0), .setup = vm86_iopl3 },
    { "SLDT in vm86 is #UD", P32, CODE(0x0f, 0x00, 0xc0), FAULT(VECTOR_UD), .setup = vm86_iopl3 },
    { "ARPL in vm86 is #UD", P32, CODE(0x63, 0xc0), FAULT(VECTOR_UD), .setup = vm86_iopl3 },
    { "MOV from CR0 in vm86 is #GP(0)", P32, CODE(0x0f, 0x20, 0xc0), FAULT_ERROR(VECTOR_GP, 0), .setup = vm86_iopl3 },
};

static void run_case(const Case *c, BareMode mode)
{
    CpuX86 *cpu = bare.cpu[0];
    const char *where = bare_mode_names[mode];
    static const uint8_t zeros[64];
    uint64_t rsp;
    uint16_t cs;
    int vector;

    bare_reset(cpu, mode);
    bare_code(DATA, zeros, sizeof zeros);
    bare_code(BARE_CODE, c->code, c->len);
    BARE_CODE_AT(BARE_CODE + c->len, 0xf4);
    if (c->user) {
        bare_user(cpu, c->iopl);
    }
    cpu->regs[R_RAX] = c->rax;
    cpu->regs[R_RCX] = c->rcx;
    cpu->regs[R_RDX] = c->rdx;
    cpu->regs[R_RBX] = DATA;
    if (c->setup) {
        c->setup(cpu);
    }
    cs = cpu->seg[R_CS].selector;
    rsp = cpu->regs[R_RSP];
    vector = bare_run(cpu);
    check_int(vector, ==, c->vector, "%s (%s): vector", c->claim, where);
    if (vector < 0) {
        return;
    }
    if (bare.trap.has_error) {
        check_int(bare.trap.error, ==, c->error, "%s (%s): error code", c->claim, where);
    }
    check_int(bare.trap.rip, ==, BARE_CODE + c->rip, "%s (%s): saved RIP", c->claim, where);
    check_int(bare.trap.cs, ==, cs, "%s (%s): saved CS", c->claim, where);
    check_int(bare.trap.rflags & c->flags_on, ==, c->flags_on, "%s (%s): saved flags set", c->claim, where);
    check_int(bare.trap.rflags & c->flags_off, ==, 0, "%s (%s): saved flags clear", c->claim, where);
    if (vector == VECTOR_PF) {
        check_int(cpu->cr2, ==, c->cr2, "%s (%s): CR2", c->claim, where);
    }
    if (c->rip == 0 && (c->user || mode >= BARE_LONG)) {
        check_int(bare.trap.rsp, ==, rsp, "%s (%s): saved RSP", c->claim, where);
    }
}

static void test_row(const void *data)
{
    const Case *c = data;

    for (BareMode mode = 0; mode < BARE_MODES; mode++) {
        if (c->modes >> mode & 1) {
            run_case(c, mode);
        }
    }
}

/* With CR0.NE clear and IGNNE# set, a pending x87 exception is told outside and the instruction runs. */
static void test_ignored_x87(void)
{
    /* FNINIT; FLDCW [BARE_DATA]; FLD1; FLDZ; FDIVP; FLD1; FNSTSW AX; HLT */
    static const uint8_t code[] = { 0xdb, 0xe3, 0xd9, 0x2c, 0x25, 0, 0, 4, 0, 0xd9, 0xe8, 0xd9, 0xee, 0xde, 0xf9, 0xd9, 0xe8, 0xdf, 0xe0,
                                    0xf4 };
    CpuX86 *cpu = bare.cpu[0];

    for (unsigned i = 0; i < 4; i++) {
        bool ne = i & 1;

        bare_jit(cpu, i & 2);
        bare_reset(cpu, BARE_LONG);
        bare_st32(BARE_DATA, 0x37b);            /* division by zero is not masked */
        bare_code(BARE_CODE, code, sizeof code);
        cpu->cr0 = ne ? cpu->cr0 : cpu->cr0 & ~(uint64_t)CR0_NE;
        check_int(bare_run(cpu), ==, ne ? VECTOR_MF : VECTOR_NONE, "FLD1 after a division by zero, NE %d", ne);
        if (!ne) {
            check_int(cpu->regs[R_RAX] & 0x3884, ==, 0x2884, "the exception stays pending and the value was pushed");
        }
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bare_start(1);
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strdup_printf("/exceptions/%03zu %s", i, cases[i].claim);
        g_strdelimit(path + 12, "/", '-');
        g_test_add_data_func(path, &cases[i], test_row);
    }
    g_test_add_func("/exceptions/ignored-x87", test_ignored_x87);
    return g_test_run();
}
