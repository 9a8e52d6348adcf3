/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Processor state in the save area of a VMCB. One row a field: where it lies there and here, and who moves it. The
 * host's state is kept in the same form. Spec: AMD APM vol. 2, appendix B.
 */
#include "target/i386/exec/exec.h"
#include "target/i386/svm/svm.h"

typedef enum FieldKind { FIELD_NUMBER, FIELD_SEGMENT, FIELD_TABLE } FieldKind;

typedef struct StateRow {
    uint16_t offset; /* from VMCB_SAVE */
    uint8_t size;    /* bytes there */
    uint8_t kind;
    uint8_t when;   /* STATE_* */
    uint16_t place; /* offset in CpuX86 */
} StateRow;

#define ROW(off, size, kind, field, moved) { off, size, kind, moved, offsetof(CpuX86, field) }
#define NUMBER(off, field, moved) ROW(off, 8, FIELD_NUMBER, field, moved)
#define SEGMENT(off, field, moved) ROW(off, 16, FIELD_SEGMENT, field, moved)
#define TABLE(off, field, moved) ROW(off, 16, FIELD_TABLE, field, moved)
enum { BOTH = STATE_SWITCH | STATE_HOST };
_Static_assert(sizeof(CpuX86) < 1 << 16, "places fit into 16 bits");
_Static_assert((int)SAVED_BYTES == (int)SVM_HOST_BYTES, "the host's state is kept as a save area");

/* By offset. RFLAGS and CPL are no fields: see below. */
static const StateRow rows[] = {
    SEGMENT(0x000, seg[R_ES], BOTH),
    SEGMENT(SAVED_CS, seg[R_CS], BOTH),
    SEGMENT(SAVED_SS, seg[R_SS], BOTH),
    SEGMENT(0x030, seg[R_DS], BOTH),
    SEGMENT(0x040, seg[R_FS], STATE_VMLOAD),
    SEGMENT(0x050, seg[R_GS], STATE_VMLOAD),
    TABLE(0x060, gdtr, BOTH),
    SEGMENT(0x070, ldtr, STATE_VMLOAD),
    TABLE(0x080, idtr, BOTH),
    SEGMENT(0x090, tr, STATE_VMLOAD),
    NUMBER(SAVED_EFER, msr.efer, BOTH),
    NUMBER(SAVED_CR4, cr4, BOTH),
    NUMBER(SAVED_CR3, cr3, BOTH),
    NUMBER(SAVED_CR0, cr0, BOTH),
    NUMBER(SAVED_DR7, dr[7], STATE_SWITCH),
    NUMBER(SAVED_DR6, dr[6], STATE_SWITCH),
    NUMBER(SAVED_RIP, rip, BOTH),
    NUMBER(0x1d8, regs[R_RSP], BOTH),
    NUMBER(0x1f8, regs[R_RAX], BOTH),
    NUMBER(0x200, msr.star, STATE_VMLOAD),
    NUMBER(0x208, msr.lstar, STATE_VMLOAD),
    NUMBER(0x210, msr.cstar, STATE_VMLOAD),
    NUMBER(0x218, msr.fmask, STATE_VMLOAD),
    NUMBER(0x220, msr.kernel_gs_base, STATE_VMLOAD),
    NUMBER(0x228, msr.sysenter_cs, STATE_VMLOAD),
    NUMBER(0x230, msr.sysenter_esp, STATE_VMLOAD),
    NUMBER(0x238, msr.sysenter_eip, STATE_VMLOAD),
    NUMBER(0x240, cr2, STATE_SWITCH),
};

/* Bases are canonical whatever is written there. */
static uint64_t canonical(uint64_t base) { return (int64_t)(base << 7) >> 7; }

/* Attributes there: the twelve that a descriptor has, without the limit bits between them. */
static SegmentCache segment_get(const uint8_t *at)
{
    uint16_t attr = vmcb_get(at, 2, 2);

    return (SegmentCache){.selector = vmcb_get(at, 0, 2),
                          .attr = (attr & 0xff) | (attr & 0xf00) << 4,
                          .limit = vmcb_get(at, 4, 4),
                          .base = canonical(vmcb_get(at, 8, 8))};
}

static void segment_put(uint8_t *at, const SegmentCache *s)
{
    vmcb_put(at, 0, 2, s->selector);
    vmcb_put(at, 2, 2, (s->attr & 0xff) | (s->attr >> 4 & 0xf00));
    vmcb_put(at, 4, 4, s->limit);
    vmcb_put(at, 8, 8, s->base);
}

typedef __typeof__(((CpuX86 *)NULL)->gdtr) TableRegister;

void svm_state_store(CpuX86 *cpu, uint8_t *save, unsigned when)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        const void *place = (const char *)cpu + rows[i].place;
        uint8_t *at = save + rows[i].offset;

        if (!(rows[i].when & when)) {
            continue;
        }
        switch (rows[i].kind) {
        case FIELD_NUMBER:
            memcpy(at, place, 8);
            break;
        case FIELD_SEGMENT:
            segment_put(at, place);
            break;
        case FIELD_TABLE:
            vmcb_put(at, 4, 4, ((const TableRegister *)place)->limit);
            vmcb_put(at, 8, 8, ((const TableRegister *)place)->base);
            break;
        }
    }
    if (when & (STATE_SWITCH | STATE_HOST)) {
        vmcb_put(save, SAVED_RFLAGS, 8, cpu_get_rflags(cpu));
        vmcb_put(save, SAVED_CPL, 1, cpu_cpl(cpu));
    }
}

/* The privilege level here is SS.DPL. */
static void load_cpl(CpuX86 *cpu, unsigned cpl)
{
    SegmentCache *ss = &cpu->seg[R_SS];

    ss->attr = (ss->attr & ~SEG_DPL) | (cpl & 3) << SEG_DPL_SHIFT;
}

void svm_state_load(CpuX86 *cpu, const uint8_t *save, unsigned when)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        void *place = (char *)cpu + rows[i].place;
        const uint8_t *at = save + rows[i].offset;

        if (!(rows[i].when & when)) {
            continue;
        }
        switch (rows[i].kind) {
        case FIELD_NUMBER:
            memcpy(place, at, 8);
            break;
        case FIELD_SEGMENT:
            *(SegmentCache *)place = segment_get(at);
            break;
        case FIELD_TABLE:
            ((TableRegister *)place)->limit = (uint16_t)vmcb_get(at, 4, 4);
            ((TableRegister *)place)->base = canonical(vmcb_get(at, 8, 8));
            break;
        }
    }
    if (when & (STATE_SWITCH | STATE_HOST)) {
        for (int i = R_ES; i <= R_DS; i++) {
            cpu->seg[i].base = (uint32_t)cpu->seg[i].base;
        }
        load_cpl(cpu, save[SAVED_CPL]);
    }
}
