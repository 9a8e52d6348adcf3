/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Vector and x87 instructions where a comparison with the host does not reach: exceptions and what is left undone by
 * them, enables, environment layouts, state saving, masked accesses, gathers.
 *
 * Each case is assembly text (Intel syntax) run on the bare machine. rbx is BARE_DATA; `check` looks at the result.
 */
#include "target/i386/native/native.h"
#include "target/i386/native/x87_state.h"
#include "target/i386/native/xstate.h"
#include "tests/check.h"
#include "tests/tcg/bare.h"

typedef struct Case {
    const char *claim;
    BareMode mode;
    const uint8_t *start, *end;
    int vector;
    void (*before)(CpuX86 *cpu);
    void (*check)(CpuX86 *cpu, const char *claim);
} Case;

/* Assembles @text for @bits and names it. The label "fault" in it is found as name_fault. */
#define CODE(name, bits, text) \
    __asm__(".pushsection .rodata\n.intel_syntax noprefix\n.code" #bits "\n" \
            #name "_start:\n" text "\n" #name "_end:\n" \
            ".code64\n.att_syntax\n.popsection\n"); \
    extern const uint8_t name##_start[], name##_end[];
#define CASE(claim, mode, name, vector, ...) { claim, mode, name##_start, name##_end, vector, ##__VA_ARGS__ }

enum { MISSING_PAGE = 0x900000, HALF_PAGE = 0x8ff000 };

static uint64_t data64(unsigned offset) { return bare_ld64(BARE_DATA + offset); }
static uint32_t data32(unsigned offset) { return bare_ld32(BARE_DATA + offset); }
static uint16_t data16(unsigned offset) { return (uint16_t)bare_ld32(BARE_DATA + offset); }
static uint32_t lane(CpuX86 *cpu, unsigned reg, unsigned i)
{
    uint32_t value;

    memcpy(&value, cpu->fpu.zmm[reg] + 4 * i, 4);
    return value;
}

/* Exceptions of SIMD floating point */
CODE(divide_zero, 64, "mov dword ptr [rbx], 0x1d80; ldmxcsr [rbx]; mov eax, 0x3f800000; movd xmm1, eax; "
     "xorps xmm2, xmm2; divss xmm1, xmm2")
CODE(divide_load, 64, "mov dword ptr [rbx], 0x1d80; ldmxcsr [rbx]; mov dword ptr [rbx], 0; mov eax, 0x3f800000; "
     "movd xmm1, eax; divss xmm1, [rbx]")
CODE(divide_masked, 64, "mov eax, 0x3f800000; movd xmm1, eax; xorps xmm2, xmm2; divss xmm1, xmm2; stmxcsr [rbx]")
CODE(reserved_mxcsr, 64, "mov dword ptr [rbx], 0x10000; ldmxcsr [rbx]")

static void no_osxmmexcpt(CpuX86 *cpu) { cpu->cr4 &= ~(uint64_t)CR4_OSXMMEXCPT; cpu_update_mode(cpu); }
static void check_divide(CpuX86 *cpu, const char *claim)
{
    check_int(lane(cpu, 1, 0), ==, 0x3f800000, "%s: the destination is as before", claim);
    check_int(cpu->fpu.mxcsr, ==, 0x1d84, "%s: MXCSR.ZE is set", claim);
}
static void check_divide_masked(CpuX86 *cpu, const char *claim)
{
    check_int(lane(cpu, 1, 0), ==, 0x7f800000, "%s: infinity", claim);
    check_int(data32(0), ==, 0x1f84, "%s: MXCSR.ZE is set", claim);
}

/* Exceptions of the x87 */
#define X87_UNMASKED "fninit; mov word ptr [rbx], 0x37b; fldcw [rbx]; fld1; fldz; "
CODE(x87_pending, 64, X87_UNMASKED "fdivp; fnstsw ax; mov ecx, 1; fwait; mov ecx, 2")
CODE(x87_pending_arith, 64, X87_UNMASKED "fdivp; mov ecx, 1; fadd st, st; mov ecx, 2")
CODE(x87_pending_mmx, 64, X87_UNMASKED "fdivp; mov ecx, 1; paddb mm0, mm1; mov ecx, 2")
CODE(x87_cleared, 64, X87_UNMASKED "fdivp; fnclex; mov ecx, 1; fwait; mov ecx, 2")
CODE(x87_unmask_later, 64, "fninit; fld1; fldz; fdivp; mov word ptr [rbx], 0x37b; fldcw [rbx]; mov ecx, 1; fldz; "
     "mov ecx, 2")
CODE(x87_store_invalid, 64,
     "fninit; mov word ptr [rbx], 0x37e; fldcw [rbx]; mov dword ptr [rbx], 0x55555555; fldpi; fmul st, st; "
     "fmul st, st; fmul st, st; fmul st, st;"
     "fmul st, st; fistp word ptr [rbx]; fnstsw ax")

static unsigned ferr_count;
static void on_ferr(CpuX86 *cpu) { ferr_count++; }
static void no_ne(CpuX86 *cpu)
{
    cpu->cr0 &= ~(uint64_t)CR0_NE;
    ferr_count = 0;
    x87_ferr_hook = on_ferr;
    cpu_update_mode(cpu);
}
static void ne(CpuX86 *cpu) { cpu->cr0 |= CR0_NE; cpu_update_mode(cpu); }
static void check_at_wait(CpuX86 *cpu, const char *claim)
{
    check_int(cpu->regs[R_RCX], ==, 1, "%s: reported by the next waiting instruction", claim);
    check_true(cpu->fpu.fx.fsw & FSW_ES, "%s: FSW.ES", claim);
}
static void check_went_on(CpuX86 *cpu, const char *claim) { check_int(cpu->regs[R_RCX], ==, 2, "%s: went on", claim); }
static void check_ferr(CpuX86 *cpu, const char *claim)
{
    check_went_on(cpu, claim);
    check_int(ferr_count, ==, 1, "%s: FERR# was raised", claim);
}
static void check_not_stored(CpuX86 *cpu, const char *claim)
{
    check_int(data32(0), ==, 0x55555555, "%s: memory is as before", claim);
    check_int(cpu->regs[R_RAX] & 0x3801, ==, 0x3801, "%s: no pop, IE set", claim);
}

/* Enables */
CODE(sse_add, 64, "addps xmm1, xmm2")
CODE(avx_add, 64, "vaddps ymm1, ymm2, ymm3")
CODE(mmx_add, 64, "paddb mm1, mm2")
CODE(x87_add, 64, "fadd st, st")
CODE(just_fwait, 64, "fwait")
CODE(just_fxsave, 64, "fxsave [rbx]")
CODE(just_xsave, 64, "xsave [rbx]")
CODE(just_ldmxcsr, 64, "ldmxcsr [rbx]")
CODE(just_movnti, 64, "movnti [rbx], eax")
CODE(avx_real, 16, ".byte 0xc5, 0xf8, 0x58, 0xca")
CODE(les_real, 16, "les ax, [bx]")

static void set_ts(CpuX86 *cpu) { cpu->cr0 |= CR0_TS | CR0_MP; cpu_update_mode(cpu); }
static void set_ts_only(CpuX86 *cpu) { cpu->cr0 = (cpu->cr0 | CR0_TS) & ~(uint64_t)CR0_MP; cpu_update_mode(cpu); }
static void set_em(CpuX86 *cpu) { cpu->cr0 |= CR0_EM; cpu_update_mode(cpu); }
static void no_osfxsr(CpuX86 *cpu) { cpu->cr4 &= ~(uint64_t)CR4_OSFXSR; cpu_update_mode(cpu); }
static void set_osxsave(CpuX86 *cpu) { cpu->cr4 |= CR4_OSXSAVE; cpu->xcr0 = 7; cpu_update_mode(cpu); }
static void only_sse_enabled(CpuX86 *cpu) { cpu->cr4 |= CR4_OSXSAVE; cpu->xcr0 = 3; cpu_update_mode(cpu); }

/* Alignment and page ends */
CODE(movaps_odd, 64, "movaps xmm1, [rbx + 4]")
CODE(movaps_store_odd, 64, "movaps [rbx + 4], xmm1")
CODE(addps_odd, 64, "addps xmm1, [rbx + 4]")
CODE(movups_odd, 64, "movups xmm1, [rbx + 4]")
CODE(vaddps_odd, 64, "vaddps xmm1, xmm1, [rbx + 4]")
CODE(vmovaps_odd, 64, "vmovaps ymm1, [rbx + 16]")
CODE(crossing_load, 64, "mov rbx, 0x8fffff8; mov rbx, 0x8ffff8; paddd xmm1, [rbx + 8 - 16]; movups xmm2, [rbx]")
CODE(crossing_store, 64, "mov rbx, 0x8ffff8; movups [rbx], xmm1")
CODE(crossing_good, 64, "mov rbx, 0x8feff8; movups [rbx], xmm1; movups xmm2, [rbx]; pcmpeqd xmm1, xmm2; "
     "paddd xmm2, [rbx + 8]")

static void pages(CpuX86 *cpu)
{
    set_osxsave(cpu);
    bare_map(MISSING_PAGE, 0, 0);
    memset(bare_at(HALF_PAGE), 0x5a, 0x1000);
    memset(cpu->fpu.zmm[1], 0x77, 16);
    cpu_tlb_flush(cpu, true);
}
static void check_missing(CpuX86 *cpu, const char *claim)
{
    check_int(cpu->cr2, ==, MISSING_PAGE, "%s: CR2", claim);
    check_int(*bare_at(0x8ffff8), ==, 0x5a, "%s: nothing was stored before the fault", claim);
}
static void check_crossed(CpuX86 *cpu, const char *claim)
{
    check_int(lane(cpu, 1, 3), ==, -1u, "%s: reads back over the page end", claim);
}

/* Masked accesses and gathers */
CODE(mask_load_faults, 64, "mov rbx, 0x8ffff8; vmaskmovps xmm3, xmm4, [rbx]")
CODE(mask_load_spares, 64, "mov rbx, 0x8ffff8; vmaskmovps xmm3, xmm5, [rbx]")
CODE(mask_store_faults, 64, "mov rbx, 0x8ffff8; vmaskmovps [rbx], xmm4, xmm1")
CODE(mask_store_spares, 64, "mov rbx, 0x8ffff8; vmaskmovps [rbx], xmm5, xmm1")
CODE(bytes_spare, 64, "mov rdi, 0x8ffff8; maskmovdqu xmm1, xmm5")
CODE(gather, 64, "mov rbx, 0x8ffff8; vpgatherdd xmm3, [rbx + xmm6 * 4], xmm4")
CODE(gather_same, 64, "mov rbx, 0x8fff00; .byte 0xc4, 0xe2, 0x59, 0x90, 0x24, 0xb3")

/* xmm4 selects elements 0 and 2, of which 2 is in the missing page; xmm5 only element 0; xmm6 is 0, 1, 2, 3. */
static void masks(CpuX86 *cpu)
{
    static const uint32_t four[] = { 0x80000000, 0, 0x80000000, 0 }, five[] = { 0x80808080, 0, 0, 0 },
        six[] = { 0, 1, 2, 3 };

    pages(cpu);
    memcpy(cpu->fpu.zmm[4], four, 16);
    memcpy(cpu->fpu.zmm[5], five, 16);
    memcpy(cpu->fpu.zmm[6], six, 16);
    memset(cpu->fpu.zmm[3], 0x11, 64);
}
static void check_spared_load(CpuX86 *cpu, const char *claim)
{
    check_int(lane(cpu, 3, 0), ==, 0x5a5a5a5a, "%s: the selected element", claim);
    check_int(lane(cpu, 3, 1) | lane(cpu, 3, 2) | lane(cpu, 3, 7), ==, 0, "%s: the rest is zero", claim);
}
static void check_spared_store(CpuX86 *cpu, const char *claim)
{
    check_int(bare_ld32(0x8ffff8), ==, 0x77777777, "%s: the selected element", claim);
    check_int(bare_ld32(0x8ffffc), ==, 0x5a5a5a5a, "%s: not the next", claim);
}
static void check_gather(CpuX86 *cpu, const char *claim)
{
    check_int(cpu->cr2, ==, MISSING_PAGE, "%s: CR2", claim);
    check_int(lane(cpu, 3, 0), ==, 0x5a5a5a5a, "%s: element 0 was loaded", claim);
    check_int(lane(cpu, 4, 0), ==, 0, "%s: its mask is clear", claim);
    check_int(lane(cpu, 4, 2), ==, 0x80000000, "%s: the mask of the faulting element is not", claim);
    check_int(lane(cpu, 3, 2), ==, 0x11111111, "%s: its destination is as before", claim);
}

/* What AVX-512 does in C runs on any host */
CODE(evex_gather, 64, "mov rbx, 0x8ffff8; vpgatherdd zmm19{k1}, [rbx + zmm22 * 4]")
CODE(evex_scatter, 64, "mov rbx, 0x8ffff8; vpscatterdd [rbx + zmm22 * 4]{k1}, zmm19")
CODE(evex_scatter_same, 64, "mov rbx, 0x40000; vpscatterdd [rbx + zmm21 * 4]{k2}, zmm19")
CODE(evex_moves, 64, "vmovdqu8 zmm17, [rbx + 0x80]; vmovdqa64 zmm30, zmm17; vmovdqu32 [rbx + 0x101], zmm30; "
     "vmovups ymm3, [rbx + 0xa0]; vmovaps [rbx + 0x200], xmm17")
CODE(evex_unaligned, 64, "vmovdqa32 zmm17, [rbx + 0xa0]")
CODE(evex_no_mask, 64, ".byte 0x62, 0xe2, 0x7d, 0x48, 0x90, 0x0c, 0x93")

static void avx512(CpuX86 *cpu)
{
    pages(cpu);
    for (unsigned i = 0; i < 3; i++) {
        static const unsigned features[] = { FEATURE_AVX512F, FEATURE_AVX512VL, FEATURE_AVX512BW };

        cpu->features[features[i] / 32] |= 1u << (features[i] % 32);
    }
    cpu->xcr0 = 0xe7;
    cpu->cr4 |= CR4_OSXSAVE;
    cpu_update_mode(cpu);
    cpu->mode_flags |= MODE_AVX | MODE_AVX512;
    for (uint32_t i = 0; i < 16; i++) {
        memcpy(cpu->fpu.zmm[22] + 4 * i, &i, 4);
        memset(cpu->fpu.zmm[19] + 4 * i, i + 1, 4);
        *bare_at(BARE_DATA + 0x80 + i) = i;
        *bare_at(BARE_DATA + 0xb0 + i) = i;
    }
    memset(cpu->fpu.zmm[21], 0, 64);
    cpu->fpu.k[1] = 0xff05;
    cpu->fpu.k[2] = 0x80ff;
    memset(cpu->fpu.zmm[3], 0xff, 64);
}
static void check_evex_gather(CpuX86 *cpu, const char *claim)
{
    check_int(lane(cpu, 19, 0), ==, 0x5a5a5a5a, "%s: element 0 was loaded", claim);
    check_int(lane(cpu, 19, 1), ==, 0x02020202, "%s: element 1 was not", claim);
    check_int(cpu->fpu.k[1], ==, 0xff04, "%s: only its mask bit is clear", claim);
    check_int(cpu->cr2, ==, MISSING_PAGE, "%s: CR2", claim);
}
static void check_evex_scatter(CpuX86 *cpu, const char *claim)
{
    check_int(bare_ld32(0x8ffff8), ==, 0x01010101, "%s: element 0 was stored", claim);
    check_int(bare_ld32(0x8ffffc), ==, 0x5a5a5a5a, "%s: element 1 was not", claim);
    check_int(cpu->fpu.k[1], ==, 0xff04, "%s: only its mask bit is clear", claim);
}
static void check_scatter_order(CpuX86 *cpu, const char *claim)
{
    check_int(data32(0), ==, 0x10101010, "%s: the last element wins", claim);
    check_int(cpu->fpu.k[2], ==, 0, "%s: the mask is clear", claim);
}
static void check_evex_moves(CpuX86 *cpu, const char *claim)
{
    check_int(memcmp(bare_at(BARE_DATA + 0x80), bare_at(BARE_DATA + 0x101), 64), ==, 0, "%s: 64 bytes", claim);
    check_int(memcmp(bare_at(BARE_DATA + 0x80), bare_at(BARE_DATA + 0x200), 16), ==, 0, "%s: 16 bytes", claim);
    check_int(lane(cpu, 3, 4), ==, 0x03020100, "%s: YMM3", claim);
    check_int(lane(cpu, 3, 8) | lane(cpu, 3, 15), ==, 0, "%s: the upper half of ZMM3 is cleared", claim);
}

/* State saving */
CODE(xsave_odd, 64, "add rbx, 32; mov eax, 7; xor edx, edx; xsave [rbx]")
CODE(xrstor_bad_bv, 64, "mov eax, 7; xor edx, edx; xsave [rbx]; mov dword ptr [rbx + 512], 8; xrstor [rbx]")
CODE(xrstor_bad_header, 64, "mov eax, 7; xor edx, edx; xsave [rbx]; mov dword ptr [rbx + 528], 1; xrstor [rbx]")
CODE(xrstor_bad_mxcsr, 64, "mov eax, 7; xor edx, edx; xsave [rbx]; mov dword ptr [rbx + 24], 0x10000; xrstor [rbx]")
CODE(xsave_round, 64, "fninit; fldpi; mov eax, 7; xor edx, edx; xsave [rbx]; fninit; vzeroall; xrstor [rbx]; "
     "fstp qword ptr [rbx + 0xc00]")
CODE(xrstor_init, 64, "fninit; fldpi; mov eax, 7; xor edx, edx; xsave [rbx]; mov dword ptr [rbx + 512], 0; "
     "xrstor [rbx]; fnstsw ax")
CODE(xsavec_layout, 64, "mov eax, 6; xor edx, edx; xsavec [rbx]; mov dword ptr [rbx + 24], 0x1f80; "
     "mov dword ptr [rbx + 576], 0x12345678; xrstor [rbx]")
CODE(fxrstor_bad, 64, "fxsave [rbx]; mov dword ptr [rbx + 24], 0x10000; fxrstor [rbx]")
CODE(fxsave_odd, 64, "fxsave [rbx + 8]")
CODE(fxsave_32, 32, "fninit; mov ebx, 0x40000; fld dword ptr [ebx + 0x800]; fxsave [ebx]")

static void fill_ymm(CpuX86 *cpu)
{
    set_osxsave(cpu);
    for (unsigned i = 0; i < 16; i++) {
        memset(cpu->fpu.zmm[i], 0x30 + i, 32);
    }
}
static void check_round(CpuX86 *cpu, const char *claim)
{
    check_int(lane(cpu, 3, 0), ==, 0x33333333, "%s: XMM3", claim);
    check_int(lane(cpu, 15, 7), ==, 0x3f3f3f3f, "%s: upper YMM15", claim);
    check_int(data64(0xc00), ==, 0x400921fb54442d18, "%s: ST(0) is pi", claim);
    check_int(data64(512), ==, 7, "%s: XSTATE_BV", claim);
    check_int(data64(520), ==, 0, "%s: XCOMP_BV", claim);
}
static void check_init(CpuX86 *cpu, const char *claim)
{
    check_int(cpu->regs[R_RAX] & 0xffff, ==, 0, "%s: FSW", claim);
    check_int(cpu->fpu.fx.ftw_abridged, ==, 0, "%s: the stack is empty", claim);
    check_int(lane(cpu, 3, 0) | lane(cpu, 3, 5), ==, 0, "%s: YMM3", claim);
}
static void check_compacted(CpuX86 *cpu, const char *claim)
{
    check_int(data64(512), ==, 6, "%s: XSTATE_BV", claim);
    check_int(data64(520), ==, (int64_t)(XCOMP_COMPACT | 6), "%s: XCOMP_BV", claim);
    check_int(lane(cpu, 0, 4), ==, 0x12345678, "%s: AVX comes right after the header", claim);
}
static void check_fxsave_32(CpuX86 *cpu, const char *claim)
{
    check_int(data16(0), ==, 0x37f, "%s: FCW", claim);
    check_int(data32(8), ==, BARE_CODE + 7, "%s: FIP is that of FLD", claim);
    check_int(data16(12), ==, BARE_CODE32, "%s: FCS", claim);
    check_int(data32(16), ==, 0x40800, "%s: FDP is its operand", claim);
    check_int(data16(20), ==, BARE_DATA32, "%s: FDS", claim);
    check_int(data16(6), ==, 0x183, "%s: FOP", claim);
    check_int(*bare_at(BARE_DATA + 4), ==, 0x80, "%s: abridged tags", claim);
}

/* Environments */
CODE(env_32, 32, "fninit; mov ebx, 0x40000; fld1; fld dword ptr [ebx + 0x800]; fnstenv [ebx]; fnstcw [ebx + 0x100]")
CODE(env_16p, 32, "fninit; mov ebx, 0x40000; fld1; fldz; .byte 0x66; fnstenv [ebx]")
CODE(env_real, 16, "fninit; mov bx, 0x1000; fld1; fld dword ptr [bx]; fnstenv [bx]; mov ax, [bx + 6]; "
     "mov cx, [bx + 8]; mov dx, [bx + 10]; mov si, [bx + 12]")
CODE(env_load, 32, "fninit; mov ebx, 0x40000; fld1; fldpi; fnstenv [ebx]; fninit; fldenv [ebx]; fxch; "
     "fstp qword ptr [ebx + 0x100]")
CODE(save_restore, 32, "fninit; mov ebx, 0x40000; fld1; fldpi; fnsave [ebx]; fnstsw [ebx + 0x200]; frstor [ebx]; "
     "fstp qword ptr [ebx + 0x100]; fstp qword ptr [ebx + 0x108]")

static void check_env_32(CpuX86 *cpu, const char *claim)
{
    check_int(data32(0), ==, (int64_t)0xffff037f, "%s: FCW", claim);
    check_int(data32(4), ==, (int64_t)0xffff3000, "%s: FSW, TOP is 6", claim);
    check_int(data32(8), ==, (int64_t)0xffff1fff, "%s: tags: zero, valid, empty", claim);
    check_int(data32(12), ==, BARE_CODE + 9, "%s: FIP", claim);
    check_int(data32(16), ==, 0x183 << 16 | BARE_CODE32, "%s: FOP and FCS", claim);
    check_int(data32(20), ==, 0x40800, "%s: FDP", claim);
    check_int(data32(24), ==, (int64_t)(0xffff0000 | BARE_DATA32), "%s: FDS", claim);
    check_int(data16(0x100), ==, 0x37f, "%s: exceptions masked afterwards", claim);
}
static void check_env_16p(CpuX86 *cpu, const char *claim)
{
    check_int(data16(0), ==, 0x37f, "%s: FCW", claim);
    check_int(data16(2), ==, 0x3000, "%s: FSW", claim);
    check_int(data16(4), ==, 0x1fff, "%s: tags", claim);
    check_int(data16(8), ==, BARE_CODE32, "%s: FCS", claim);
}
static void check_env_real(CpuX86 *cpu, const char *claim)
{
    uint32_t fip = BARE_CODE + 7;

    check_int((uint16_t)cpu->regs[R_RAX], ==, fip & 0xffff, "%s: FIP 15-0, linear", claim);
    check_int((uint16_t)cpu->regs[R_RCX], ==, (fip >> 16) << 12 | 0x107, "%s: FIP 19-16 and FOP", claim);
    check_int((uint16_t)cpu->regs[R_RDX], ==, 0x1000, "%s: FDP 15-0", claim);
}
static void check_env_load(CpuX86 *cpu, const char *claim)
{
    check_int(data64(0x100), ==, 0x3ff0000000000000, "%s: FLDENV brought TOP and tags back, registers stayed", claim);
}
static void check_save(CpuX86 *cpu, const char *claim)
{
    check_int(data16(0x200), ==, 0, "%s: FNSAVE initialises", claim);
    check_int(data64(0x100), ==, 0x400921fb54442d18, "%s: ST(0)", claim);
    check_int(data64(0x108), ==, 0x3ff0000000000000, "%s: ST(1)", claim);
}

/* MMX aliases */
CODE(mmx_alias, 64, "fninit; fldpi; fld1; mov rax, 0x1122334455667788; movq mm3, rax; fnstsw ax; fnstenv [rbx]; "
     "emms; fnstenv [rbx + 64]")
static void check_alias(CpuX86 *cpu, const char *claim)
{
    check_int(cpu->regs[R_RAX] & 0x3800, ==, 0, "%s: TOP is 0", claim);
    check_int(cpu->fpu.fx.st[3][8] | cpu->fpu.fx.st[3][9] << 8, ==, 0xffff, "%s: exponent all ones", claim);
    check_int(data16(8) & 0x80, ==, 0x80, "%s: MM3 tagged special", claim);
    check_int(data16(64 + 8), ==, 0xffff, "%s: EMMS empties", claim);
}

static const Case cases[] = {
    CASE("unmasked divide by zero is #XM", BARE_LONG, divide_zero, VECTOR_XM, .check = check_divide),
    CASE("unmasked divide by zero, from memory", BARE_LONG, divide_load, VECTOR_XM, .check = check_divide),
    CASE("without CR4.OSXMMEXCPT it is #UD", BARE_LONG, divide_zero, VECTOR_UD, no_osxmmexcpt, check_divide),
    CASE("masked divide by zero", BARE_LONG, divide_masked, VECTOR_NONE, .check = check_divide_masked),
    CASE("a reserved bit in MXCSR is #GP", BARE_LONG, reserved_mxcsr, VECTOR_GP),

    CASE("an x87 exception waits for FWAIT", BARE_LONG, x87_pending, VECTOR_MF, ne, check_at_wait),
    CASE("or for arithmetic", BARE_LONG, x87_pending_arith, VECTOR_MF, ne, check_at_wait),
    CASE("or for MMX", BARE_LONG, x87_pending_mmx, VECTOR_MF, ne, check_at_wait),
    CASE("FNCLEX forgets it", BARE_LONG, x87_cleared, VECTOR_NONE, ne, check_went_on),
    CASE("FLDCW that unmasks an old exception raises it", BARE_LONG, x87_unmask_later, VECTOR_MF, ne, check_at_wait),
    CASE("CR0.NE clear: FERR#, no vector", BARE_LONG, x87_pending, VECTOR_NONE, no_ne, check_ferr),
    CASE("an invalid FISTP with IM clear stores nothing", BARE_LONG, x87_store_invalid, VECTOR_NONE, ne,
         check_not_stored),

    CASE("SSE under CR0.TS is #NM", BARE_LONG, sse_add, VECTOR_NM, set_ts),
    CASE("MMX under CR0.TS is #NM", BARE_LONG, mmx_add, VECTOR_NM, set_ts),
    CASE("x87 under CR0.TS is #NM", BARE_LONG, x87_add, VECTOR_NM, set_ts),
    CASE("FWAIT under CR0.TS and MP is #NM", BARE_LONG, just_fwait, VECTOR_NM, set_ts),
    CASE("FWAIT under CR0.TS alone is not", BARE_LONG, just_fwait, VECTOR_NONE, set_ts_only),
    CASE("FXSAVE under CR0.TS is #NM", BARE_LONG, just_fxsave, VECTOR_NM, set_ts),
    CASE("LDMXCSR under CR0.TS is #NM", BARE_LONG, just_ldmxcsr, VECTOR_NM, set_ts),
    CASE("MOVNTI does not care", BARE_LONG, just_movnti, VECTOR_NONE, set_ts),
    CASE("SSE under CR0.EM is #UD", BARE_LONG, sse_add, VECTOR_UD, set_em),
    CASE("MMX under CR0.EM is #UD", BARE_LONG, mmx_add, VECTOR_UD, set_em),
    CASE("x87 under CR0.EM is #NM", BARE_LONG, x87_add, VECTOR_NM, set_em),
    CASE("SSE without CR4.OSFXSR is #UD", BARE_LONG, sse_add, VECTOR_UD, no_osfxsr),
    CASE("AVX without CR4.OSXSAVE is #UD", BARE_LONG, avx_add, VECTOR_UD),
    CASE("AVX not enabled in XCR0 is #UD", BARE_LONG, avx_add, VECTOR_UD, only_sse_enabled),
    CASE("AVX enabled runs", BARE_LONG, avx_add, VECTOR_NONE, set_osxsave),
    CASE("AVX in real mode is #UD", BARE_REAL, avx_real, VECTOR_UD, set_osxsave),
    CASE("LES in real mode is LES", BARE_REAL, les_real, VECTOR_NONE, set_osxsave),
    CASE("XSAVE without CR4.OSXSAVE is #UD", BARE_LONG, just_xsave, VECTOR_UD),

    CASE("MOVAPS from an odd address is #GP", BARE_LONG, movaps_odd, VECTOR_GP),
    CASE("MOVAPS to an odd address is #GP", BARE_LONG, movaps_store_odd, VECTOR_GP),
    CASE("ADDPS from an odd address is #GP", BARE_LONG, addps_odd, VECTOR_GP),
    CASE("MOVUPS may", BARE_LONG, movups_odd, VECTOR_NONE),
    CASE("VADDPS may", BARE_LONG, vaddps_odd, VECTOR_NONE, set_osxsave),
    CASE("VMOVAPS of 32 bytes from a 16-byte boundary is #GP", BARE_LONG, vmovaps_odd, VECTOR_GP, set_osxsave),
    CASE("a vector load into a missing page", BARE_LONG, crossing_load, VECTOR_PF, pages, check_missing),
    CASE("a vector store into a missing page", BARE_LONG, crossing_store, VECTOR_PF, pages, check_missing),
    CASE("over a page end", BARE_LONG, crossing_good, VECTOR_NONE, pages, check_crossed),

    CASE("VMASKMOVPS loads of selected elements fault", BARE_LONG, mask_load_faults, VECTOR_PF, masks, check_missing),
    CASE("VMASKMOVPS does not load other elements", BARE_LONG, mask_load_spares, VECTOR_NONE, masks, check_spared_load),
    CASE("VMASKMOVPS faults before it stores", BARE_LONG, mask_store_faults, VECTOR_PF, masks, check_missing),
    CASE("VMASKMOVPS does not store other elements", BARE_LONG, mask_store_spares, VECTOR_NONE, masks,
         check_spared_store),
    CASE("MASKMOVDQU does not store other bytes", BARE_LONG, bytes_spare, VECTOR_NONE, masks, check_spared_store),
    CASE("a gather stops at a fault and can go on", BARE_LONG, gather, VECTOR_PF, masks, check_gather),
    CASE("a gather with mask as destination is #UD", BARE_LONG, gather_same, VECTOR_UD, masks),

    CASE("an EVEX gather stops at a fault", BARE_LONG, evex_gather, VECTOR_PF, avx512, check_evex_gather),
    CASE("a scatter stops at a fault", BARE_LONG, evex_scatter, VECTOR_PF, avx512, check_evex_scatter),
    CASE("a scatter stores in order", BARE_LONG, evex_scatter_same, VECTOR_NONE, avx512, check_scatter_order),
    CASE("EVEX moves", BARE_LONG, evex_moves, VECTOR_NONE, avx512, check_evex_moves),
    CASE("VMOVDQA32 of 64 bytes from a 32-byte boundary is #GP", BARE_LONG, evex_unaligned, VECTOR_GP, avx512),
    CASE("an EVEX gather without a mask is #UD", BARE_LONG, evex_no_mask, VECTOR_UD, avx512),

    CASE("XSAVE to an address not of 64 is #GP", BARE_LONG, xsave_odd, VECTOR_GP, set_osxsave),
    CASE("XRSTOR of a component not in XCR0 is #GP", BARE_LONG, xrstor_bad_bv, VECTOR_GP, set_osxsave),
    CASE("XRSTOR with a bad header is #GP", BARE_LONG, xrstor_bad_header, VECTOR_GP, set_osxsave),
    CASE("XRSTOR of a reserved MXCSR bit is #GP", BARE_LONG, xrstor_bad_mxcsr, VECTOR_GP, set_osxsave),
    CASE("XSAVE and XRSTOR bring all back", BARE_LONG, xsave_round, VECTOR_NONE, fill_ymm, check_round),
    CASE("XRSTOR initialises what is not there", BARE_LONG, xrstor_init, VECTOR_NONE, fill_ymm, check_init),
    CASE("XSAVEC leaves no gaps", BARE_LONG, xsavec_layout, VECTOR_NONE, fill_ymm, check_compacted),
    CASE("FXRSTOR of a reserved MXCSR bit is #GP", BARE_LONG, fxrstor_bad, VECTOR_GP),
    CASE("FXSAVE to an address not of 16 is #GP", BARE_LONG, fxsave_odd, VECTOR_GP),
    CASE("FXSAVE in 32-bit mode", BARE_PROT32, fxsave_32, VECTOR_NONE, .check = check_fxsave_32),

    CASE("FNSTENV in 32-bit mode", BARE_PROT32, env_32, VECTOR_NONE, .check = check_env_32),
    CASE("FNSTENV of 16 bits in protected mode", BARE_PROT32, env_16p, VECTOR_NONE, .check = check_env_16p),
    CASE("FNSTENV in real mode", BARE_REAL, env_real, VECTOR_NONE, .check = check_env_real),
    CASE("FLDENV", BARE_PROT32, env_load, VECTOR_NONE, .check = check_env_load),
    CASE("FNSAVE and FRSTOR", BARE_PROT32, save_restore, VECTOR_NONE, .check = check_save),
    CASE("MMX and the x87 stack", BARE_LONG, mmx_alias, VECTOR_NONE, .check = check_alias),
};

static bool needs_avx(const Case *c)
{
    return strstr(c->claim, "AVX") || strstr(c->claim, "XSAVE") || strstr(c->claim, "XRSTOR") || c->before == masks ||
           strstr(c->claim, "VADD") ||
           strstr(c->claim, "VMOV");
}

static void test_cases(void)
{
    CpuX86 *cpu = bare.cpu[0];

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        const Case *c = &cases[i];

        if (needs_avx(c) && !native_host_has(FEATURE_AVX2)) {
            g_test_message("%s: skipped, the host CPU has no AVX2", c->claim);
            continue;
        }
        bare_reset(cpu, c->mode);
        memset(bare_at(BARE_DATA), 0, 0x1000);
        cpu->fpu.mxcsr = MXCSR_INIT;
        cpu->regs[R_RBX] = c->mode == BARE_REAL ? 0x1000 : BARE_DATA;
        if (c->before) {
            c->before(cpu);
        }
        bare_code(BARE_CODE, c->start, c->end - c->start);
        BARE_CODE_AT(BARE_CODE + (c->end - c->start), 0xf4);
        check_int(bare_run(cpu), ==, c->vector, "%s", c->claim);
        if (c->check) {
            c->check(cpu, c->claim);
        }
    }
}

/* After the missing page came, the gather of above is run again from where it stopped. */
static void test_gather_resumes(void)
{
    CpuX86 *cpu = bare.cpu[0];

    if (!native_host_has(FEATURE_AVX2)) {
        g_test_skip("the host CPU has no AVX2");
        return;
    }
    bare_reset(cpu, BARE_LONG);
    masks(cpu);
    bare_code(BARE_CODE, gather_start, gather_end - gather_start);
    BARE_CODE_AT(BARE_CODE + (gather_end - gather_start), 0xf4);
    check_int(bare_run(cpu), ==, VECTOR_PF, "the page is missing");
    bare_map(MISSING_PAGE, HALF_PAGE, 3);
    bare_st32(0x8ffff8, 0xdead);                    /* element 0 must not be loaded again */
    cpu_tlb_flush(cpu, true);
    cpu->rip = bare.trap.rip;
    cpu->regs[R_RSP] = BARE_STACK;
    check_int(bare_run(cpu), ==, VECTOR_NONE, "it goes on");
    check_int(lane(cpu, 3, 0), ==, 0x5a5a5a5a, "element 0 is of the first run");
    check_int(lane(cpu, 3, 2), ==, 0x5a5a5a5a, "element 2 came");
    check_int(lane(cpu, 4, 0) | lane(cpu, 4, 1) | lane(cpu, 4, 2) | lane(cpu, 4, 3), ==, 0, "the mask is clear");
}

/* The code cache never drops a stub, so it must hold all that a guest can make us build. */
static void test_stubs_bounded(void)
{
    const uint64_t stub_bytes = 96;
    uint64_t stubs = 0;

    for (unsigned i = 0; i < insn_row_count; i++) {
        const InsnRow *r = &insn_rows[i];
        bool evex = r->encoding == ENCODING_EVEX, sized_by_w = false;
        unsigned forms = 2, lengths = r->size_kind != SIZE_VL || r->select_mask & SELECT_L ? 1 : evex ? 3 : 2,
            masks = 1;
        uint64_t immediates = 1;

        if (r->bind != bind_vector && r->bind != bind_vmove && r->bind != bind_x87) {
            continue;
        }
        for (unsigned n = 0; n < 4; n++) {
            sized_by_w |= operand_kinds[r->operands[n]].bytes == BYTES_Y;
        }
        for (unsigned n = 0; n < 2 && r->imm_kind[n]; n++) {
            immediates *= operand_kinds[r->imm_kind[n]].group == GROUP_L ? 16 : 256;
        }
        if (evex) {
            unsigned reg = lengths + (r->properties & (ROW_ER | ROW_SAE) ? 4 : 0),
                mem = lengths * (r->properties & ROW_BCST ? 2 : 1);

            forms = r->select_mask & SELECT_RM_REG ? MAX(reg, mem) : reg + mem;
            masks = r->properties & ROW_NO_MASK ? 1 : r->properties & ROW_NO_ZERO ? 2 : 3;
        } else {
            forms = (r->select_mask & SELECT_RM_REG ? 1 : 2) * lengths;
        }
        stubs += forms * masks * immediates * (sized_by_w ? 2 : 1) * (r->properties & ROW_X87 ? 8 : 1);
    }
    g_test_message("%" PRIu64 " stubs", stubs);
    check_int(stubs, >, 10000, "rows were counted");
    check_int(stubs * stub_bytes, <, NATIVE_CODE_BYTES, "they fit");
    check_int(native_code_bytes(), <, 1 << 20, "what these tests made is little");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bare_start(1);
    g_test_add_func("/vector/cases", test_cases);
    g_test_add_func("/vector/gather-resumes", test_gather_resumes);
    g_test_add_func("/vector/stubs-bounded", test_stubs_bounded);
    return g_test_run();
}
