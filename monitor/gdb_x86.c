/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registers of an x86 vCPU as gdb knows them.
 *
 * The rows are the one list: target.xml, `g` and `p` follow from it. Names of features and registers are those of gdb's
 * manual, "i386 Features"; the order of the first is that of gdb's own description, so that a client without target.xml
 * sees most. A model with long mode is always seen as x86-64, as the debugger cannot change its mind on the way; rip is the
 * offset in CS. Control registers and, outside of real mode, selectors are read only: writing them takes an instruction.
 */
#include <string.h>

#include "monitor/gdb.h"
#include "target/i386/system/apic_state.h"
#include "target/i386/exec/exec.h"

typedef enum RegKind { R_GENERAL, R_PC, R_FLAGS, R_SELECTOR, R_BASE, R_KERNEL_GS_BASE, R_CONTROL, R_EFER, R_X87, R_X87_CONTROL,
    R_XMM, R_MXCSR, R_YMM_HIGH } RegKind;
enum { FCTRL, FSTAT, FTAG, FISEG, FIOFF, FOSEG, FOOFF, FOP };

typedef struct Reg {
    const char *name32, *name64;                /* NULL: not there */
    RegKind kind;
    uint8_t index, bytes;                       /* bytes 0: as wide as the mode */
    const char *type, *group;
} Reg;

#define GENERAL(n, n32, n64) { n32, n64, R_GENERAL, n, 0, "", NULL }
#define HIGH(n) { NULL, "r" #n, R_GENERAL, n, 0, "", NULL }
#define SELECTOR_(n, name) { name, name, R_SELECTOR, n, 4, "int32", NULL }
#define ST_(n) { "st" #n, "st" #n, R_X87, n, 10, "i387_ext", NULL }
#define X87(id, name) { name, name, R_X87_CONTROL, id, 4, "int", "float" }
#define XMM_(n) { "xmm" #n, "xmm" #n, R_XMM, n, 16, "vec128", NULL }
#define XMM_HIGH(n) { NULL, "xmm" #n, R_XMM, n, 16, "vec128", NULL }
#define YMM_(n) { "ymm" #n "h", "ymm" #n "h", R_YMM_HIGH, n, 16, "uint128", NULL }
#define YMM_HIGH(n) { NULL, "ymm" #n "h", R_YMM_HIGH, n, 16, "uint128", NULL }
#define CONTROL_(n) { "cr" #n, "cr" #n, R_CONTROL, n, 0, "", "system" }

/* gdb numbers the eight old registers in one order for i386 and in another for x86-64: the wanted order is by name64. */
static const Reg core64[] = {
    GENERAL(R_RAX, NULL, "rax"), GENERAL(R_RBX, NULL, "rbx"), GENERAL(R_RCX, NULL, "rcx"), GENERAL(R_RDX, NULL, "rdx"),
    GENERAL(R_RSI, NULL, "rsi"), GENERAL(R_RDI, NULL, "rdi"), { NULL, "rbp", R_GENERAL, R_RBP, 0, "data_ptr", NULL },
    { NULL, "rsp", R_GENERAL, R_RSP, 0, "data_ptr", NULL }, HIGH(8), HIGH(9), HIGH(10), HIGH(11), HIGH(12), HIGH(13), HIGH(14),
    HIGH(15),
    GENERAL(R_RAX, "eax", NULL), GENERAL(R_RCX, "ecx", NULL), GENERAL(R_RDX, "edx", NULL), GENERAL(R_RBX, "ebx", NULL),
    { "esp", NULL, R_GENERAL, R_RSP, 0, "data_ptr", NULL }, { "ebp", NULL, R_GENERAL, R_RBP, 0, "data_ptr", NULL },
    GENERAL(R_RSI, "esi", NULL), GENERAL(R_RDI, "edi", NULL),
    { "eip", "rip", R_PC, 0, 0, "code_ptr", NULL }, { "eflags", "eflags", R_FLAGS, 0, 4, "i386_eflags", NULL },
    SELECTOR_(R_CS, "cs"), SELECTOR_(R_SS, "ss"), SELECTOR_(R_DS, "ds"), SELECTOR_(R_ES, "es"), SELECTOR_(R_FS, "fs"),
    SELECTOR_(R_GS, "gs"), ST_(0), ST_(1), ST_(2), ST_(3), ST_(4), ST_(5), ST_(6), ST_(7),
    X87(FCTRL, "fctrl"), X87(FSTAT, "fstat"), X87(FTAG, "ftag"), X87(FISEG, "fiseg"), X87(FIOFF, "fioff"), X87(FOSEG, "foseg"),
    X87(FOOFF, "fooff"), X87(FOP, "fop"),
};
static const Reg sse[] = {
    XMM_(0), XMM_(1), XMM_(2), XMM_(3), XMM_(4), XMM_(5), XMM_(6), XMM_(7), XMM_HIGH(8), XMM_HIGH(9), XMM_HIGH(10),
    XMM_HIGH(11), XMM_HIGH(12), XMM_HIGH(13), XMM_HIGH(14), XMM_HIGH(15), { "mxcsr", "mxcsr", R_MXCSR, 0, 4, "int", "vector" },
};
static const Reg segments[] = { { NULL, "fs_base", R_BASE, R_FS, 0, "int", NULL }, { NULL, "gs_base", R_BASE, R_GS, 0, "int", NULL } };
static const Reg avx[] = {
    YMM_(0), YMM_(1), YMM_(2), YMM_(3), YMM_(4), YMM_(5), YMM_(6), YMM_(7), YMM_HIGH(8), YMM_HIGH(9), YMM_HIGH(10),
    YMM_HIGH(11), YMM_HIGH(12), YMM_HIGH(13), YMM_HIGH(14), YMM_HIGH(15),
};
static const Reg system_regs[] = {
    { NULL, "k_gs_base", R_KERNEL_GS_BASE, 0, 0, "", "system" }, CONTROL_(0), CONTROL_(2), CONTROL_(3), CONTROL_(4), CONTROL_(8),
    { "efer", "efer", R_EFER, 0, 0, "", "system" },
};

static const char eflags_type[] =
    "<flags id=\"i386_eflags\" size=\"4\"><field name=\"CF\" start=\"0\" end=\"0\"/><field name=\"\" start=\"1\" end=\"1\"/>"
    "<field name=\"PF\" start=\"2\" end=\"2\"/><field name=\"AF\" start=\"4\" end=\"4\"/><field name=\"ZF\" start=\"6\" end=\"6\"/>"
    "<field name=\"SF\" start=\"7\" end=\"7\"/><field name=\"TF\" start=\"8\" end=\"8\"/><field name=\"IF\" start=\"9\" end=\"9\"/>"
    "<field name=\"DF\" start=\"10\" end=\"10\"/><field name=\"OF\" start=\"11\" end=\"11\"/><field name=\"NT\" start=\"14\" end=\"14\"/>"
    "<field name=\"RF\" start=\"16\" end=\"16\"/><field name=\"VM\" start=\"17\" end=\"17\"/><field name=\"AC\" start=\"18\" end=\"18\"/>"
    "<field name=\"VIF\" start=\"19\" end=\"19\"/><field name=\"VIP\" start=\"20\" end=\"20\"/><field name=\"ID\" start=\"21\" end=\"21\"/>"
    "</flags>";
static const char vector_type[] =
    "<vector id=\"v4f\" type=\"ieee_single\" count=\"4\"/><vector id=\"v2d\" type=\"ieee_double\" count=\"2\"/>"
    "<vector id=\"v16i8\" type=\"int8\" count=\"16\"/><vector id=\"v8i16\" type=\"int16\" count=\"8\"/>"
    "<vector id=\"v4i32\" type=\"int32\" count=\"4\"/><vector id=\"v2i64\" type=\"int64\" count=\"2\"/><union id=\"vec128\">"
    "<field name=\"v4_float\" type=\"v4f\"/><field name=\"v2_double\" type=\"v2d\"/><field name=\"v16_int8\" type=\"v16i8\"/>"
    "<field name=\"v8_int16\" type=\"v8i16\"/><field name=\"v4_int32\" type=\"v4i32\"/><field name=\"v2_int64\" type=\"v2i64\"/>"
    "<field name=\"uint128\" type=\"uint128\"/></union>";

static bool has_sse(const CpuX86 *cpu) { return cpu_has(cpu, FEATURE_SSE); }
static bool has_avx(const CpuX86 *cpu) { return cpu_has(cpu, FEATURE_AVX); }
static bool is64(const CpuX86 *cpu) { return cpu_has(cpu, FEATURE_LM); }
static bool always(const CpuX86 *cpu) { return true; }

#define FEATURE_ROW(name_, rows_, there_, types_) { name_, rows_, G_N_ELEMENTS(rows_), there_, types_ }
static const struct { const char *name; const Reg *regs; unsigned count; bool (*there)(const CpuX86 *cpu); const char *types; } features[] = {
    FEATURE_ROW("org.gnu.gdb.i386.core", core64, always, eflags_type), FEATURE_ROW("org.gnu.gdb.i386.sse", sse, has_sse, vector_type),
    FEATURE_ROW("org.gnu.gdb.i386.segments", segments, is64, ""), FEATURE_ROW("org.gnu.gdb.i386.avx", avx, has_avx, ""),
    FEATURE_ROW("rhea.i386.system", system_regs, always, ""),
};

static unsigned reg_bytes(const CpuX86 *cpu, const Reg *r) { return r->bytes ? r->bytes : is64(cpu) ? 8 : 4; }

/* What it is called; NULL: this vCPU has no such register. */
static const char *reg_name(const CpuX86 *cpu, const Reg *r) { return is64(cpu) ? r->name64 : r->name32; }

/* Register @n; NULL: there are not so many, and *@count, if wanted, is how many there are. */
static const Reg *find_reg(const CpuX86 *cpu, unsigned n, unsigned *count)
{
    unsigned seen = 0;

    for (size_t f = 0; f < G_N_ELEMENTS(features); f++) {
        for (unsigned i = 0; features[f].there(cpu) && i < features[f].count; i++) {
            const Reg *r = &features[f].regs[i];
            if (reg_name(cpu, r) && seen++ == n) {
                return r;
            }
        }
    }
    if (count) {
        *count = seen;
    }
    return NULL;
}

static unsigned register_count(Cpu *cpu)
{
    unsigned count;

    find_reg(CPU_X86(cpu), UINT_MAX, &count);
    return count;
}

static void describe_reg(const CpuX86 *cpu, const Reg *r, GString *xml)
{
    unsigned bits = reg_bytes(cpu, r) * 8;
    g_autofree char *plain = g_strdup_printf("int%u", bits);

    g_string_append_printf(xml, "<reg name=\"%s\" bitsize=\"%u\" type=\"%s\"", reg_name(cpu, r), bits,
                           *r->type ? r->type : plain);
    if (r->group) {
        g_string_append_printf(xml, " group=\"%s\"", r->group);
    }
    g_string_append(xml, "/>");
}

static const char *describe(Cpu *c)
{
    const CpuX86 *cpu = CPU_X86(c);
    g_autoptr(GString) xml = g_string_new("<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\"><target>");

    g_string_append_printf(xml, "<architecture>%s</architecture>", is64(cpu) ? "i386:x86-64" : "i386");
    for (size_t f = 0; f < G_N_ELEMENTS(features); f++) {
        if (!features[f].there(cpu)) {
            continue;
        }
        g_string_append_printf(xml, "<feature name=\"%s\">%s", features[f].name, features[f].types);
        for (unsigned i = 0; i < features[f].count; i++) {
            if (reg_name(cpu, &features[f].regs[i])) {
                describe_reg(cpu, &features[f].regs[i], xml);
            }
        }
        g_string_append(xml, "</feature>");
    }
    g_string_append(xml, "</target>");
    return g_intern_string(xml->str);
}

/* Two bits a register, by physical number: 0 in use, 3 empty; kinds of numbers are not told apart. */
static uint16_t full_tag(const FpuState *fpu)
{
    uint16_t tag = 0;
    for (unsigned i = 0; i < 8; i++) {
        tag |= (fpu->fx.ftw_abridged >> i & 1 ? 0 : 3) << 2 * i;
    }
    return tag;
}

static uint8_t abridged_tag(uint16_t tag)
{
    uint8_t abridged = 0;
    for (unsigned i = 0; i < 8; i++) {
        abridged |= ((tag >> 2 * i & 3) != 3) << i;
    }
    return abridged;
}

static uint64_t x87_control(const FpuState *fpu, unsigned index)
{
    const uint64_t values[] = {
        [FCTRL] = fpu->fx.fcw, [FSTAT] = fpu->fx.fsw, [FTAG] = full_tag(fpu), [FISEG] = fpu->fcs, [FIOFF] = (uint32_t)fpu->fx.fip,
        [FOSEG] = fpu->fds, [FOOFF] = (uint32_t)fpu->fx.fdp, [FOP] = fpu->fx.fop,
    };
    return values[index];
}

static void set_x87_control(FpuState *fpu, unsigned index, uint32_t value)
{
    switch (index) {
    case FCTRL: fpu->fx.fcw = value; break;
    case FSTAT: fpu->fx.fsw = value; break;
    case FTAG: fpu->fx.ftw_abridged = abridged_tag(value); break;
    case FISEG: fpu->fcs = value; break;
    case FIOFF: fpu->fx.fip = value; break;
    case FOSEG: fpu->fds = value; break;
    case FOOFF: fpu->fx.fdp = value; break;
    default: fpu->fx.fop = value & 0x7ff; break;
    }
}

/* Where the register is, if it is bytes in memory just as gdb has them; NULL: a number. */
static uint8_t *place(CpuX86 *cpu, const Reg *r)
{
    switch (r->kind) {
    case R_X87: return cpu->fpu.fx.st[r->index];
    case R_XMM: return cpu->fpu.zmm[r->index];
    case R_YMM_HIGH: return cpu->fpu.zmm[r->index] + 16;
    default: return NULL;
    }
}

static uint64_t number(CpuX86 *cpu, const Reg *r)
{
    const uint64_t control[] = { cpu->cr0, 0, cpu->cr2, cpu->cr3, cpu->cr4, 0, 0, 0, apic_cr8(cpu->apic) };

    switch (r->kind) {
    case R_GENERAL: return cpu->regs[r->index];
    case R_PC: return cpu->rip;
    case R_FLAGS: return cpu_get_rflags(cpu);
    case R_SELECTOR: return cpu->seg[r->index].selector;
    case R_BASE: return cpu->seg[r->index].base;
    case R_KERNEL_GS_BASE: return cpu->msr.kernel_gs_base;
    case R_CONTROL: return control[r->index];
    case R_EFER: return cpu->msr.efer;
    case R_X87_CONTROL: return x87_control(&cpu->fpu, r->index);
    default: return cpu->fpu.mxcsr;
    }
}

static void set_number(CpuX86 *cpu, const Reg *r, uint64_t value)
{
    enum { FLAGS_SETTABLE = 0x3f7fd5 };

    switch (r->kind) {
    case R_GENERAL:
        cpu->regs[r->index] = value;
        break;
    case R_PC:
        cpu->rip = value;
        break;
    case R_FLAGS:
        cpu_set_rflags(cpu, (cpu_get_rflags(cpu) & RFLAGS_VM) | (value & FLAGS_SETTABLE & ~(uint64_t)RFLAGS_VM));
        break;
    case R_SELECTOR:
        if (!(cpu->cr0 & CR0_PE) && value != cpu->seg[r->index].selector) {
            cpu->seg[r->index].selector = value;
            cpu->seg[r->index].base = (uint64_t)(uint16_t)value << 4;
        }
        break;
    case R_BASE:
        cpu->seg[r->index].base = value;
        break;
    case R_KERNEL_GS_BASE:
        cpu->msr.kernel_gs_base = value;
        break;
    case R_X87_CONTROL:
        set_x87_control(&cpu->fpu, r->index, value);
        break;
    case R_MXCSR:
        cpu->fpu.mxcsr = value & 0xffff;
        break;
    default:
        break;
    }
    cpu_update_mode(cpu);
}

static bool read_register(Cpu *c, unsigned n, GByteArray *out)
{
    CpuX86 *cpu = CPU_X86(c);
    const Reg *r = find_reg(cpu, n, NULL);

    if (!r) {
        return false;
    }
    uint64_t value = GUINT64_TO_LE(place(cpu, r) ? 0 : number(cpu, r));
    g_byte_array_append(out, place(cpu, r) ? place(cpu, r) : (uint8_t *)&value, reg_bytes(cpu, r));
    return true;
}

static unsigned write_register(Cpu *c, unsigned n, const uint8_t *data, size_t len)
{
    CpuX86 *cpu = CPU_X86(c);
    const Reg *r = find_reg(cpu, n, NULL);
    uint64_t value = 0;

    if (!r || len < reg_bytes(cpu, r)) {
        return 0;
    }
    if (place(cpu, r)) {
        memcpy(place(cpu, r), data, reg_bytes(cpu, r));
    } else {
        memcpy(&value, data, reg_bytes(cpu, r));
        set_number(cpu, r, GUINT64_FROM_LE(value));
    }
    return reg_bytes(cpu, r);
}

static void set_pc(Cpu *cpu, uint64_t pc) { CPU_X86(cpu)->rip = pc; }
static bool read_memory(Cpu *cpu, uint64_t addr, void *buf, size_t len) { return cpu_debug_read(CPU_X86(cpu), addr, buf, len); }
static bool write_memory(Cpu *cpu, uint64_t addr, const void *buf, size_t len)
{
    return cpu_debug_write(CPU_X86(cpu), addr, buf, len);
}

const GdbTarget gdb_target = {
    .describe = describe, .register_count = register_count, .read_register = read_register, .write_register = write_register,
    .set_pc = set_pc, .read_memory = read_memory, .write_memory = write_memory,
};
