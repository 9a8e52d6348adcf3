/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the monitor asks of an x86 CPU: registers by name and as a page, disassembly.
 *
 * Reads the vCPU's state as it stands; of a running vCPU that is a moving picture, so callers pause it where it counts.
 */
#include <capstone/capstone.h>
#include <string.h>

#include "monitor/target_hooks.h"
#include "monitor/target_x86.h"
#include "target/i386/apic.h"
#include "target/i386/translate/translate.h"

/* Registers by name */

typedef enum RegisterKind {
    GENERAL_8L, GENERAL_8H, GENERAL_16, GENERAL_32, GENERAL_64, PC, FLAGS, SELECTOR, BASE, CONTROL
} RegisterKind;
typedef struct RegisterName { const char *name; RegisterKind kind; int index; } RegisterName;

static const RegisterName register_names[] = {
    { "rax", GENERAL_64, R_RAX }, { "rcx", GENERAL_64, R_RCX }, { "rdx", GENERAL_64, R_RDX }, { "rbx", GENERAL_64, R_RBX },
    { "rsp", GENERAL_64, R_RSP }, { "rbp", GENERAL_64, R_RBP }, { "rsi", GENERAL_64, R_RSI }, { "rdi", GENERAL_64, R_RDI },
    { "r8", GENERAL_64, R_R8 }, { "r9", GENERAL_64, R_R9 }, { "r10", GENERAL_64, R_R10 }, { "r11", GENERAL_64, R_R11 },
    { "r12", GENERAL_64, R_R12 }, { "r13", GENERAL_64, R_R13 }, { "r14", GENERAL_64, R_R14 }, { "r15", GENERAL_64, R_R15 },
    { "eax", GENERAL_32, R_RAX }, { "ecx", GENERAL_32, R_RCX }, { "edx", GENERAL_32, R_RDX }, { "ebx", GENERAL_32, R_RBX },
    { "esp", GENERAL_32, R_RSP }, { "ebp", GENERAL_32, R_RBP }, { "esi", GENERAL_32, R_RSI }, { "edi", GENERAL_32, R_RDI },
    { "ax", GENERAL_16, R_RAX }, { "cx", GENERAL_16, R_RCX }, { "dx", GENERAL_16, R_RDX }, { "bx", GENERAL_16, R_RBX },
    { "sp", GENERAL_16, R_RSP }, { "bp", GENERAL_16, R_RBP }, { "si", GENERAL_16, R_RSI }, { "di", GENERAL_16, R_RDI },
    { "al", GENERAL_8L, R_RAX }, { "cl", GENERAL_8L, R_RCX }, { "dl", GENERAL_8L, R_RDX }, { "bl", GENERAL_8L, R_RBX },
    { "ah", GENERAL_8H, R_RAX }, { "ch", GENERAL_8H, R_RCX }, { "dh", GENERAL_8H, R_RDX }, { "bh", GENERAL_8H, R_RBX },
    { "pc", PC, 0 }, { "rip", PC, 1 }, { "eip", PC, 1 }, { "eflags", FLAGS, 0 }, { "rflags", FLAGS, 0 },
    { "es", SELECTOR, R_ES }, { "cs", SELECTOR, R_CS }, { "ss", SELECTOR, R_SS }, { "ds", SELECTOR, R_DS },
    { "fs", SELECTOR, R_FS }, { "gs", SELECTOR, R_GS },
    { "es.base", BASE, R_ES }, { "cs.base", BASE, R_CS }, { "ss.base", BASE, R_SS }, { "ds.base", BASE, R_DS },
    { "fs.base", BASE, R_FS }, { "gs.base", BASE, R_GS },
    { "cr0", CONTROL, 0 }, { "cr2", CONTROL, 2 }, { "cr3", CONTROL, 3 }, { "cr4", CONTROL, 4 },
};

static bool get_register(Cpu *c, const char *name, int64_t *value)
{
    CpuX86 *cpu = CPU_X86(c);
    const uint64_t control[] = { cpu->cr0, 0, cpu->cr2, cpu->cr3, cpu->cr4 };
    for (size_t i = 0; i < G_N_ELEMENTS(register_names); i++) {
        const RegisterName *r = &register_names[i];
        if (strcmp(r->name, name)) {
            continue;
        }
        switch (r->kind) {
        case GENERAL_8L:
            *value = (uint8_t)cpu->regs[r->index];
            break;
        case GENERAL_8H:
            *value = (uint8_t)(cpu->regs[r->index] >> 8);
            break;
        case GENERAL_16:
            *value = (uint16_t)cpu->regs[r->index];
            break;
        case GENERAL_32:
            *value = (uint32_t)cpu->regs[r->index];
            break;
        case GENERAL_64:
            *value = cpu->regs[r->index];
            break;
        case PC:                                /* pc is where the code lies, rip the register */
            *value = r->index ? cpu->rip : cpu->rip + cpu->seg[R_CS].base;
            break;
        case FLAGS:
            *value = cpu_get_rflags(cpu);
            break;
        case SELECTOR:
            *value = cpu->seg[r->index].selector;
            break;
        case BASE:
            *value = cpu->seg[r->index].base;
            break;
        case CONTROL:
            *value = control[r->index];
            break;
        }
        return true;
    }
    return false;
}

static void foreach_register(void (*fn)(const char *name, void *opaque), void *opaque)
{
    for (size_t i = 0; i < G_N_ELEMENTS(register_names); i++) {
        fn(register_names[i].name, opaque);
    }
}

static uint64_t program_counter(Cpu *c)
{
    CpuX86 *cpu = CPU_X86(c);
    return cpu->rip + (cpu->mode_flags & MODE_CS64 ? 0 : cpu->seg[R_CS].base);
}

/* Registers as a page */

static void print_general(CpuX86 *cpu, GString *out, bool wide)
{
    static const char *const names[] = { "AX", "BX", "CX", "DX", "SI", "DI", "BP", "SP" };
    static const int order[] = { R_RAX, R_RBX, R_RCX, R_RDX, R_RSI, R_RDI, R_RBP, R_RSP };
    for (int i = 0; i < 8; i++) {
        uint64_t value = cpu->regs[order[i]];
        const char *end = i % 4 == 3 ? "\n" : " ";
        if (wide) {
            g_string_append_printf(out, "R%s=%016" PRIx64 "%s", names[i], value, end);
        } else {
            g_string_append_printf(out, "E%s=%08x%s", names[i], (uint32_t)value, end);
        }
    }
    for (int i = 8; wide && i < 16; i++) {
        g_string_append_printf(out, "R%-2d=%016" PRIx64 "%s", i, cpu->regs[i], i % 4 == 3 ? "\n" : " ");
    }
}

static void print_flags(CpuX86 *cpu, GString *out, bool wide)
{
    static const struct { uint32_t bit; char letter; } letters[] = {
        { RFLAGS_DF, 'D' }, { RFLAGS_OF, 'O' }, { RFLAGS_SF, 'S' }, { RFLAGS_ZF, 'Z' }, { RFLAGS_AF, 'A' }, { RFLAGS_PF, 'P' },
        { RFLAGS_CF, 'C' },
    };
    uint64_t flags = cpu_get_rflags(cpu);
    char text[G_N_ELEMENTS(letters) + 1] = { 0 };
    for (size_t i = 0; i < G_N_ELEMENTS(letters); i++) {
        text[i] = flags & letters[i].bit ? letters[i].letter : '-';
    }
    if (wide) {
        g_string_append_printf(out, "RIP=%016" PRIx64 " RFL=%08x", cpu->rip, (uint32_t)flags);
    } else {
        g_string_append_printf(out, "EIP=%08x EFL=%08x", (uint32_t)cpu->rip, (uint32_t)flags);
    }
    g_string_append_printf(out, " [%s] CPL=%d II=%d A20=%d SMM=%d HLT=%d\n", text, cpu_cpl(cpu), cpu->interrupt_shadow != 0,
                           !cpu->a20_masked, cpu->smm, cpu->cpu.halted != 0);
}

static const char *system_segment_name(unsigned type, bool long_mode)
{
    static const char *const names[2][16] = {
        { "Reserved", "TSS16-avl", "LDT", "TSS16-busy", "CallGate16", "TaskGate", "IntGate16", "TrapGate16",
          "Reserved", "TSS32-avl", "Reserved", "TSS32-busy", "CallGate32", "Reserved", "IntGate32", "TrapGate32" },
        { "<hiword>", "Reserved", "LDT", "Reserved", "Reserved", "Reserved", "Reserved", "Reserved",
          "Reserved", "TSS64-avl", "Reserved", "TSS64-busy", "CallGate64", "Reserved", "IntGate64", "TrapGate64" },
    };
    return names[long_mode][type & 15];
}

static void print_segment(CpuX86 *cpu, GString *out, const char *name, const SegmentCache *s, bool wide)
{
    unsigned attr = s->attr;
    uint32_t limit_field = attr & SEG_G ? s->limit >> 12 : s->limit;
    uint32_t flags = (attr & 0xf0ff) << 8 | (limit_field & 0xf0000);
    g_string_append_printf(out, "%-3s=%04x %0*" PRIx64 " %08x %08x", name, s->selector, wide ? 16 : 8, s->base, s->limit, flags);
    if (!(cpu->mode_flags & MODE_PE) || !(attr & SEG_P)) {
        g_string_append_c(out, '\n');
        return;
    }
    g_string_append_printf(out, " DPL=%d ", (attr & SEG_DPL) >> SEG_DPL_SHIFT);
    bool accessed = attr & SEG_TYPE_ACCESSED;
    if (!(attr & SEG_S)) {
        g_string_append_printf(out, "%s\n", system_segment_name(attr & SEG_TYPE, cpu->mode_flags & MODE_LMA));
    } else if (attr & SEG_TYPE_CODE) {
        g_string_append_printf(out, "CS%s [%c%c%c]\n", attr & SEG_L ? "64" : attr & SEG_DB ? "32" : "16",
                               attr & SEG_TYPE_CONFORMING ? 'C' : '-', attr & SEG_TYPE_READABLE ? 'R' : '-',
                               accessed ? 'A' : '-');
    } else {
        g_string_append_printf(out, "DS%s [%c%c%c]\n", attr & SEG_DB || cpu->mode_flags & MODE_LMA ? "  " : "16",
                               attr & SEG_TYPE_EXPAND_DOWN ? 'E' : '-', attr & SEG_TYPE_WRITABLE ? 'W' : '-',
                               accessed ? 'A' : '-');
    }
}

static void print_system(CpuX86 *cpu, GString *out, bool wide)
{
    static const struct { const char *name; int index; } segments[] = {
        { "ES", R_ES }, { "CS", R_CS }, { "SS", R_SS }, { "DS", R_DS }, { "FS", R_FS }, { "GS", R_GS },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(segments); i++) {
        print_segment(cpu, out, segments[i].name, &cpu->seg[segments[i].index], wide);
    }
    print_segment(cpu, out, "LDT", &cpu->ldtr, wide);
    print_segment(cpu, out, "TR", &cpu->tr, wide);
    int digits = wide ? 16 : 8;
    g_string_append_printf(out, "GDT=     %0*" PRIx64 " %08x\n", digits, cpu->gdtr.base, cpu->gdtr.limit);
    g_string_append_printf(out, "IDT=     %0*" PRIx64 " %08x\n", digits, cpu->idtr.base, cpu->idtr.limit);
    g_string_append_printf(out, "CR0=%08x CR2=%0*" PRIx64 " CR3=%0*" PRIx64 " CR4=%08x\n", (uint32_t)cpu->cr0, digits, cpu->cr2,
                           digits, cpu->cr3, (uint32_t)cpu->cr4);
    for (int i = 0; i < 4; i++) {
        g_string_append_printf(out, "DR%d=%016" PRIx64 " ", i, cpu->dr[i]);
    }
    g_string_append_printf(out, "\nDR6=%016" PRIx64 " DR7=%016" PRIx64 "\nEFER=%016" PRIx64 "\n", cpu->dr[6], cpu->dr[7],
                           cpu->msr.efer);
}

static void print_vectors(CpuX86 *cpu, GString *out)
{
    bool avx = cpu->mode_flags & MODE_AVX, avx512 = cpu->mode_flags & MODE_AVX512;
    int count = !(cpu->mode_flags & MODE_CS64) ? 8 : avx512 ? 32 : 16, words = avx512 ? 8 : avx ? 4 : 2;
    for (int i = 0; avx512 && i < 8; i++) {
        g_string_append_printf(out, "Opmask%02d=%016" PRIx64 "%s", i, cpu->fpu.k[i], i % 4 == 3 ? "\n" : " ");
    }
    for (int i = 0; i < count; i++) {
        g_string_append_printf(out, "%cMM%02d=", avx512 ? 'Z' : avx ? 'Y' : 'X', i);
        for (int w = words - 1; w >= 0; w--) {
            uint64_t value;
            memcpy(&value, cpu->fpu.zmm[i] + w * 8, 8);
            g_string_append_printf(out, "%016" PRIx64 "%s", value, w ? " " : "");
        }
        g_string_append(out, words == 2 && i % 2 == 0 ? " " : "\n");
    }
}

static void print_fpu(CpuX86 *cpu, GString *out)
{
    const FpuState *f = &cpu->fpu;
    int top = f->fx.fsw >> 11 & 7;
    g_string_append_printf(out, "FCW=%04x FSW=%04x [ST=%d] FTW=%02x MXCSR=%08x\n", f->fx.fcw, f->fx.fsw, top,
                           f->fx.ftw_abridged, f->mxcsr);
    for (int i = 0; i < 8; i++) {               /* FPR: by physical number; the image begins with ST(0) */
        const uint8_t *st = f->fx.st[(i - top) & 7];
        uint64_t mantissa;
        uint16_t exponent;
        memcpy(&mantissa, st, 8);
        memcpy(&exponent, st + 8, 2);
        g_string_append_printf(out, "FPR%d=%016" PRIx64 " %04x%s", i, mantissa, exponent, i % 2 ? "\n" : " ");
    }
    print_vectors(cpu, out);
}

static void print_registers(Cpu *c, GString *out)
{
    CpuX86 *cpu = CPU_X86(c);
    bool wide = cpu->mode_flags & MODE_CS64;
    print_general(cpu, out, wide);
    print_flags(cpu, out, wide);
    print_system(cpu, out, wide);
    print_fpu(cpu, out);
}

/* Code */

static unsigned disassemble(Cpu *c, uint64_t addr, const uint8_t *code, size_t len, GString *out)
{
    static csh handles[3];                      /* 16, 32, 64 bits; opened at first use, never closed */
    static const cs_mode modes[] = { CS_MODE_16, CS_MODE_32, CS_MODE_64 };
    CpuX86 *cpu = CPU_X86(c);
    int bits = cpu->mode_flags & MODE_CS64 ? 2 : cpu->mode_flags & MODE_CS32 ? 1 : 0;
    if (!handles[bits]) {
        if (cs_open(CS_ARCH_X86, modes[bits], &handles[bits]) != CS_ERR_OK) {
            return 0;
        }
        cs_option(handles[bits], CS_OPT_SYNTAX, CS_OPT_SYNTAX_ATT);
    }
    cs_insn *insn;
    if (cs_disasm(handles[bits], code, len, addr, 1, &insn) != 1) {
        return 0;
    }
    unsigned size = insn->size;
    g_string_append_printf(out, "%-8s %s", insn->mnemonic, insn->op_str);
    cs_free(insn, 1);
    return size;
}

static bool read_virtual(Cpu *cpu, uint64_t addr, void *buf, size_t len)
{
    return cpu_debug_read(CPU_X86(cpu), addr, buf, len);
}

static bool translate(Cpu *cpu, uint64_t addr, GuestAddr *phys)
{
    return cpu_translate(CPU_X86(cpu), addr, phys);
}

/* "qemu64" of "qemu64-x86_64-cpu" */
static char *model_name(Cpu *cpu)
{
    const char *name = OBJECT(cpu)->type->name;
    return g_str_has_suffix(name, "-x86_64-cpu") ? g_strndup(name, strlen(name) - strlen("-x86_64-cpu")) : g_strdup(name);
}

static void print_apic(Cpu *cpu, GString *out)
{
    apic_print(CPU_X86(cpu)->apic, out);
}

static Cpu *by_apic_id(uint64_t id)
{
    Cpu *cpu;

    CPU_FOREACH(cpu) {
        if (CPU_X86(cpu)->apic_id == id) {
            return cpu;
        }
    }
    return NULL;
}

const MonitorTarget monitor_target = {
    .address_digits = 16, .program_counter = program_counter, .get_register = get_register,
    .foreach_register = foreach_register, .print_registers = print_registers, .print_mem = x86_print_mem,
    .print_tlb = x86_print_tlb, .print_jit = translator_print, .print_apic = print_apic, .by_apic_id = by_apic_id,
    .read_virtual = read_virtual, .translate = translate, .disassemble = disassemble,
    .model_name = model_name,
};
