/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was made of a block, for who looks at the translator: -d op, -d out_asm, perf. */
#include <capstone/capstone.h>

#include "accel/tcg/perf.h"
#include "core/log.h"
#include "target/i386/translate/block_code.h"

static const uint8_t *as_run(const BlockCode *b, const uint8_t *at)
{
    const Translator *jit = &b->cpu->exec->jit;

    return at - jit->write + jit->run;
}

/* Each instruction as decoded: how it is done, and where its host code begins. */
static void log_decoded(const BlockCode *b)
{
    const Block *block = b->block;
    g_autoptr(GString) text = g_string_new(NULL);

    g_string_append_printf(text, "OP: 0x%08" PRIx64 " mode 0x%x CPL %d TLB %u\n", block->lin, b->cpu->mode_flags,
                           cpu_cpl(b->cpu), b->cpu->tlb_index);
    for (unsigned i = 0; i < block->count; i++) {
        const Insn *insn = &block->insns[i];
        uint32_t start = b->starts[i], end = b->starts[i + 1];

        g_string_append_printf(text, " %4u  %-12s size %u%s  %s, %u bytes at +%u\n", insn->offset, insn_row(insn)->name,
                               insn->size, insn_has_mem(insn) ? " memory" : "",
                               is_translated(b, insn) ? "translated" : "in C", end - start, start - block->code_start);
    }
    log_printf("%s\n", text->str);
}

static void disassemble(GString *text, csh handle, const uint8_t *from, const uint8_t *to, uint64_t address)
{
    cs_insn *d = NULL;
    size_t count = cs_disasm(handle, from, to - from, address, 0, &d);

    for (size_t i = 0; i < count; i++) {
        g_string_append_printf(text, "0x%08" PRIx64 ":  %-8s %s\n", d[i].address, d[i].mnemonic, d[i].op_str);
    }
    if (d) {
        cs_free(d, count);
    }
}

/* The code from @from to the SlowData at @data; returns what is behind that. */
static const uint8_t *disassemble_to_data(const BlockCode *b, GString *text, csh handle, const uint8_t *from, const uint8_t *data)
{
    SlowData d;

    disassemble(text, handle, from, data, (uintptr_t)as_run(b, from));
    memcpy(&d, data, sizeof d);
    g_string_append_printf(text, "0x%08" PRIx64 ":  instruction %u and %u more, %s of %u bytes\n", (uint64_t)(uintptr_t)as_run(b, data),
                           d.site & SITE_NUMBER, d.further, d.write ? "write" : "read", d.size);
    return data + sizeof d;
}

static void log_code(const BlockCode *b, const uint8_t *hot, const uint8_t *hot_end, const uint8_t *cold,
                     const uint8_t *cold_end)
{
    g_autoptr(GString) text = g_string_new(NULL);
    csh handle;

    if (cs_open(CS_ARCH_X86, CS_MODE_64, &handle) != CS_ERR_OK) {
        return;
    }
    g_string_append_printf(text, "OUT: [size=%zu]\n", (size_t)(hot_end - hot) + (size_t)(cold_end - cold));
    disassemble(text, handle, hot, hot_end, (uintptr_t)as_run(b, hot));
    g_string_append(text, "  -- slow paths, exits\n");
    for (unsigned i = 0; i < b->slow_count; i++) {
        cold = disassemble_to_data(b, text, handle, cold, b->slow[i].behind);
    }
    for (unsigned i = 0; i < b->risk_count; i++) {
        cold = disassemble_to_data(b, text, handle, cold, b->risks[i].behind);
    }
    disassemble(text, handle, cold, cold_end, (uintptr_t)as_run(b, cold));
    cs_close(&handle);
    log_printf("%s\n", text->str);
}

void translator_tell(const BlockCode *b, const uint8_t *hot, const uint8_t *hot_end, const uint8_t *cold,
                     const uint8_t *cold_end)
{
    if (log_enabled(LOG_OP)) {
        log_decoded(b);
    }
    if (log_enabled(LOG_OUT_ASM)) {
        log_code(b, hot, hot_end, cold, cold_end);
    }
    if (perf_wanted()) {
        perf_code(as_run(b, hot), hot_end - hot, b->block->lin, NULL);
        perf_code(as_run(b, cold), cold_end - cold, b->block->lin, "slow");
    }
}
