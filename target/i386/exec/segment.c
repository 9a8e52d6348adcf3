/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Segment checks (SDM vol. 3, 5.3 to 5.5): presence, type, limit, for every access that flat mode does not let skip
 * them.
 *
 * A violation is #SS(0) in the stack segment and #GP(0) elsewhere. Real mode and vm86 check the limit only.
 */
#include "target/i386/access.h"
#include "target/i386/system/system.h"

static bool type_allows(uint16_t attr, bool write)
{
    if (!(attr & SEG_P) || !(attr & SEG_S)) {
        return false;                           /* null selector, or nothing loaded */
    }
    if (attr & SEG_TYPE_CODE) {
        return !write && (attr & SEG_TYPE_READABLE);
    }
    return !write || (attr & SEG_TYPE_WRITABLE);
}

bool cpu_segment_allows(const CpuX86 *cpu, int seg, uint64_t off, unsigned len, bool write)
{
    const SegmentCache *s = &cpu->seg[seg];
    bool protected_mode = (cpu->mode_flags & (MODE_PE | MODE_VM86)) == MODE_PE;
    uint64_t last = off + len - 1;

    if (protected_mode && (s->attr & (SEG_TYPE_CODE | SEG_TYPE_EXPAND_DOWN)) == SEG_TYPE_EXPAND_DOWN) {
        if (off <= s->limit || last > (s->attr & SEG_DB ? UINT32_MAX : UINT16_MAX)) {
            return false;
        }
    } else if (last > s->limit) {
        return false;
    }
    return !protected_mode || type_allows(s->attr, write);
}

uint64_t cpu_linear_checked(CpuX86 *cpu, int seg, uint64_t off, unsigned len, bool write)
{
    if (!cpu_segment_allows(cpu, seg, off, len, write)) {
        bool usable = !cpu_in_protected(cpu) || type_allows(cpu->seg[seg].attr, write);

        cpu_fault(cpu, seg == R_SS ? VECTOR_SS : VECTOR_GP, 0, usable ? CAUSE_DATA_LIMIT : CAUSE_DATA_SEGMENT, off,
                  usable ? cpu->seg[seg].limit : cpu->seg[seg].selector);
    }
    return (uint32_t)(cpu->seg[seg].base + off);
}
