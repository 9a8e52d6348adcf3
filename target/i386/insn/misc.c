/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Small families: flag bits (CMC CLC STC CLD STD), NOP, PAUSE, fences, cache lines, RDRAND and RDSEED. Spec: SDM vol.
 * 2.
 */
#include <sched.h>
#include <sys/random.h>

#include "target/i386/exec/exec.h"
#include "target/i386/insn/operand.h"

static void clc(CpuX86 *cpu, const Insn *insn) { flags_set_cf(cpu, false); }
static void stc(CpuX86 *cpu, const Insn *insn) { flags_set_cf(cpu, true); }
static void cmc(CpuX86 *cpu, const Insn *insn) { flags_set_cf(cpu, !flag_cf(cpu)); }
static void cld(CpuX86 *cpu, const Insn *insn) { cpu->rflags &= ~(uint64_t)RFLAGS_DF; }
static void std(CpuX86 *cpu, const Insn *insn) { cpu->rflags |= RFLAGS_DF; }

InsnFn *bind_flagop(const CpuX86 *cpu, Insn *insn)
{
    switch (insn_row(insn)->op) {
    case OP_CLC: return clc;
    case OP_STC: return stc;
    case OP_CMC: return cmc;
    case OP_CLD: return cld;
    case OP_STD: return std;
    default: return NULL;
    }
}

/* Hints touch no memory, so they cannot fault. */
static void nop(CpuX86 *cpu, const Insn *insn) { INSN_NEXT(cpu, insn); }
InsnFn *bind_nop(const CpuX86 *cpu, Insn *insn) { return nop; }

/* A guest that spins waits for another vCPU, which may need this host CPU: it is offered now and then. */
static void spin_pause(CpuX86 *cpu, const Insn *insn)
{
    static __thread unsigned count;

    if (++count % 32 == 0 && cpu->exec) {
        tcg_outside(&cpu->exec->tcg);
        sched_yield();
        tcg_inside(&cpu->exec->tcg);
    }
}
InsnFn *bind_pause(const CpuX86 *cpu, Insn *insn) { return spin_pause; }

static void fence(CpuX86 *cpu, const Insn *insn) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
InsnFn *bind_fence(const CpuX86 *cpu, Insn *insn) { return fence; }

/* There is no cache to flush; the address is checked as a load's. */
static void cache_line(CpuX86 *cpu, const Insn *insn) { mem_read(cpu, insn, 8); }

static void clzero(CpuX86 *cpu, const Insn *insn)
{
    static const uint8_t zeros[64];
    uint64_t off = cpu->regs[R_RAX] & ~63ull;

    cpu_st_bytes(cpu, insn->seg,
                 insn->addr_size == 8   ? off
                 : insn->addr_size == 4 ? (uint32_t)off
                                        : (uint16_t)off,
                 zeros, sizeof zeros);
}

InsnFn *bind_cacheline(const CpuX86 *cpu, Insn *insn) { return insn_row(insn)->op == OP_CLZERO ? clzero : cache_line; }

static uint64_t host_random(void)
{
    static __thread uint64_t pool[32];
    static __thread unsigned left;

    if (left == 0) {
        if (getrandom(pool, sizeof pool, 0) != sizeof pool) {
            /* cannot fail for so few bytes once the kernel has booted */
            g_error("getrandom: %s", g_strerror(errno));
        }
        left = G_N_ELEMENTS(pool);
    }
    uint64_t value = pool[--left];
    pool[left] = 0;
    return value;
}

static void rdrand(CpuX86 *cpu, const Insn *insn)
{
    uint64_t value = host_random();

    switch (insn->size) {
    case 2: reg_write(cpu, 16, insn->rm, value); break;
    case 4: reg_write(cpu, 32, insn->rm, value); break;
    default: reg_write(cpu, 64, insn->rm, value); break;
    }
    flags_put(cpu, RFLAGS_CF);
}
InsnFn *bind_rdrand(const CpuX86 *cpu, Insn *insn) { return rdrand; }
