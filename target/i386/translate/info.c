/* SPDX-License-Identifier: GPL-2.0-or-later */
/* "info jit": what the translator has done so far. Read while it goes on doing it, so the numbers fit each other roughly. */
#include <inttypes.h>

#include "target/i386/insn-gen.h"
#include "target/i386/translate/translate.h"

enum { TOP = 16 };

static const char *op_name(unsigned op)
{
    const InsnRow *row = insn_rows;

    while (row->op != op) {
        row++;
    }
    return row->name;
}

static void print_interpreted(const Translator *jit, GString *out)
{
    bool shown[OP_COUNT] = { false };

    for (unsigned n = 0; n < TOP; n++) {
        unsigned most = 0;
        for (unsigned op = 1; op < OP_COUNT; op++) {
            if (!shown[op] && (shown[most] || jit->interpreted_ops[op] > jit->interpreted_ops[most])) {
                most = op;
            }
        }
        if (shown[most] || !jit->interpreted_ops[most]) {
            break;
        }
        shown[most] = true;
        g_string_append_printf(out, "  %-12s %" PRIu64 "\n", op_name(most), jit->interpreted_ops[most]);
    }
}

void translator_print(Cpu *cpu, GString *out)
{
    const CpuExec *exec = CPU_X86(cpu)->exec;
    const Translator *jit = exec ? &exec->jit : NULL;
    uint64_t guest_bytes = 0, host_bytes = 0;

    if (!jit || !jit->enabled) {
        g_string_append_printf(out, "CPU #%d: code is interpreted\n", cpu->index);
        return;
    }
    for (unsigned i = 0; i < jit->order_count; i++) {
        guest_bytes += jit->order[i]->bytes;
        host_bytes += jit->order[i]->code_bytes;
    }
    unsigned blocks = MAX(jit->order_count, 1);
    g_string_append_printf(out, "CPU #%d:\n", cpu->index);
    g_string_append_printf(out, "gen code size       %zu/%zu\n", jit->hot.used + jit->cold.used - jit->cold.first, jit->code_size);
    g_string_append_printf(out, "decoded code size   %zu/%zu\n", exec->arena_used, exec->arena_bytes);
    g_string_append_printf(out, "allowed now         %zu for each\n", exec->cache_limit);
    g_string_append_printf(out, "block count         %u, avg %" PRIu64 " bytes of guest code, %" PRIu64 " of ours\n",
                           jit->order_count, guest_bytes / blocks, host_bytes / blocks);
    g_string_append_printf(out, "translated          %" PRIu64 ", revived %" PRIu64 ", dropped %" PRIu64 ", all forgotten %" PRIu64 "\n",
                           jit->translated, exec->blocks_revived, jit->drops, exec->arena_flushes);
    g_string_append_printf(out, "chained             %" PRIu64 "\n", jit->links);
    g_string_append_printf(out, "left by a jump      %" PRIu64 ", computed %" PRIu64 "; looked up %" PRIu64 ", searched %" PRIu64 "\n",
                           jit->exits_direct, jit->exits_indirect, jit->lookups, jit->searches);
    g_string_append_printf(out, "jumps from C        %" PRIu64 "\n", jit->jumps);
    g_string_append_printf(out, "TLB refills         %" PRIu64 "\n", jit->refills);
    g_string_append_printf(out, "run in C            %" PRIu64 "\n", jit->interpreted);
    print_interpreted(jit, out);
}
