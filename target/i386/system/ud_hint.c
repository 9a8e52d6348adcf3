/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The #UD hint: when an instruction is invalid only because the CPU model lacks a feature, say so once.
 *
 * The bytes are decoded again for a vCPU that has every feature; if that gives an instruction, what its row and encoding
 * ask for and the real vCPU lacks is the culprit.
 */
#include "core/error.h"
#include "target/i386/native/native.h"
#include "target/i386/system/cpu_models.h"
#include "target/i386/system/disassemble.h"
#include "target/i386/system/system.h"

#define LOOKS_MAX 10000         /* a guest that lives on #UD is not looked at for ever */

typedef struct Finder {
    unsigned feature, count;
    GString *names;
} Finder;

static void collect_model(const Type *type, void *opaque)
{
    Finder *f = opaque;
    const CpuModel *m = (const CpuModel *)type;

    if (type->is_abstract || f->count >= 3 || !m->is_alias || !x86_model_has_feature(m, f->feature)) {
        return;
    }
    g_string_append_printf(f->names, "%s%s", f->count ? ", " : "", m->model_name);
    f->count++;
}

static void say(CpuX86 *cpu, const Insn *insn, const char *text, unsigned feature)
{
    const char *name = x86_feature_name(feature);
    g_autoptr(GString) models = g_string_new(NULL);
    Finder finder = { .feature = feature, .names = models };
    uint32_t supported[FEATURE_WORD_COUNT];

    type_foreach(&x86_cpu_type.type, collect_model, &finder);
    x86_cpu_supported(supported);
    if (supported[feature / 32] >> feature % 32 & 1) {
        warn_report("CPU %d: the guest takes #UD on '%s' at %04x:%" PRIx64 ": this CPU model lacks %s; -cpu %s%smax or +%s has it",
                    cpu->cpu.index, text, cpu->seg[R_CS].selector, cpu->rip, name, models->str, models->len ? ", " : "", name);
    } else {
        warn_report("CPU %d: the guest takes #UD on '%s' at %04x:%" PRIx64 ": it needs %s, which cannot be given on this host%s%s%s",
                    cpu->cpu.index, text, cpu->seg[R_CS].selector, cpu->rip, name, models->len ? " (CPU models with it: " : "",
                    models->str, models->len ? ")" : "");
    }
}

/* The first feature that @insn needs and @cpu lacks; FEATURE_NONE: none. */
static unsigned missing_feature(const CpuX86 *cpu, const Insn *insn)
{
    const InsnRow *row = insn_row(insn);
    unsigned needs[] = { row->feature,
                         row->encoding == ENCODING_EVEX ? FEATURE_AVX512F : row->encoding == ENCODING_VEX && row->properties & ROW_SSE ? FEATURE_AVX : 0,
                         row->encoding == ENCODING_EVEX && insn->size < 64 && row->size_kind == SIZE_VL ? FEATURE_AVX512VL : 0 };

    for (size_t i = 0; i < G_N_ELEMENTS(needs); i++) {
        if (needs[i] && !cpu_has(cpu, needs[i])) {
            return needs[i];
        }
    }
    return FEATURE_NONE;
}

void ud_hint(CpuX86 *cpu)
{
    static unsigned looks;
    static uint8_t *said;
    uint64_t lin = cpu->mode_flags & MODE_CS64 ? cpu->rip : (uint32_t)(cpu->seg[R_CS].base + cpu->rip);
    g_autofree CpuX86 *able = NULL;
    uint8_t code[15];
    unsigned avail = 0, feature;
    Insn insn = { 0 };

    if (__atomic_fetch_add(&looks, 1, __ATOMIC_RELAXED) >= LOOKS_MAX) {
        return;
    }
    while (avail < sizeof code && cpu_debug_read(cpu, lin + avail, code + avail, 1)) {
        avail++;
    }
    able = g_memdup2(cpu, sizeof *cpu);
    memset(able->features, 0xff, sizeof able->features);
    able->mode_flags |= MODE_OSFXSR | MODE_OSXSAVE | MODE_AVX | MODE_AVX512;
    able->mode_flags &= ~(MODE_TS | MODE_EM);
    if (!avail || !insn_decode(able, &insn, code, avail) || !insn.length) {
        return;
    }
    feature = missing_feature(cpu, &insn);
    if (!feature || !x86_feature_name(feature)) {
        return;
    }
    if (!said) {
        said = g_malloc0(insn_row_count);
    }
    if (!__atomic_exchange_n(&said[insn.row], 1, __ATOMIC_RELAXED)) {
        g_autoptr(GString) text = g_string_new(NULL);

        const char *name = insn_row(&insn)->name;
        /* The disassembler may not know it, or take it for another. */
        if (!cpu_disassemble(cpu, cpu->rip, code, avail, text) || g_ascii_strncasecmp(text->str, name, strlen(name))) {
            g_string_assign(text, name);
        }
        say(cpu, &insn, text->str, feature);
    }
}
