/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "target/i386/system/disassemble.h"

#include <capstone/capstone.h>

unsigned cpu_disassemble(const CpuX86 *cpu, uint64_t addr, const uint8_t *code, size_t len, GString *out)
{
    cs_mode mode = cpu->mode_flags & MODE_CS64 ? CS_MODE_64 : cpu->mode_flags & MODE_CS32 ? CS_MODE_32 : CS_MODE_16;
    unsigned length = 0;
    cs_insn *insn;
    csh handle;

    if (cs_open(CS_ARCH_X86, mode, &handle) != CS_ERR_OK) {
        return 0;
    }
    cs_option(handle, CS_OPT_SYNTAX, CS_OPT_SYNTAX_ATT);
    if (cs_disasm(handle, code, len, addr, 1, &insn) == 1) {
        length = insn->size;
        g_string_append_printf(out, "%s%s%s", insn->mnemonic, insn->op_str[0] ? " " : "", insn->op_str);
        cs_free(insn, 1);
    }
    cs_close(&handle);
    return length;
}
