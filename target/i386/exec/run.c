/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The run loop: block after block until somebody wants the vCPU out, it halts or is reset.
 *
 *   cpu_x86_tcg_run() -> run_blocks() -> [between_blocks(): requests, interrupts, debug traps] -> block -> its
 * instructions ^                                                       |
 *        '------ siglongjmp: cpu_raise*(): exception to deliver; cpu_leave_block(): instruction done, rip set
 *
 * rip of a fault is that of cpu->insn; between blocks insn is NULL and cpu->rip holds. The slow variant (BLOCK_SINGLE:
 * one instruction a block) runs under TF, enabled breakpoints, interrupt shadows and one-insn-per-tb=on.
 */
#include <sys/mman.h>

#include "accel/debug.h"
#include "core/thread.h"
#include "target/i386/exec/exec.h"
#include "target/i386/insn-gen.h"
#include "target/i386/system/system.h"
#include "target/i386/translate/translate.h"

enum { JUMPED_RAISE = 1, JUMPED_LEAVE };
enum { DR6_BS = 1 << 14 };

/* Raising */

static G_NORETURN void raise_now(CpuX86 *cpu)
{
    if (cpu->insn) {
        cpu->rip = insn_this_rip(cpu, cpu->insn);
        cpu->insn = NULL;
    }
    siglongjmp(cpu->run_jmp, JUMPED_RAISE);
}

void cpu_raise(CpuX86 *cpu, int vector)
{
    cpu->exception_vector = vector;
    cpu->exception_has_error = false;
    cpu->exception_error = 0;
    raise_now(cpu);
}

void cpu_raise_error(CpuX86 *cpu, int vector, uint32_t error_code)
{
    cpu->exception_vector = vector;
    cpu->exception_has_error = true;
    cpu->exception_error = error_code;
    raise_now(cpu);
}

void cpu_raise_page_fault(CpuX86 *cpu, uint64_t addr, uint32_t error_code)
{
    LOG(LOG_MMU, "page fault: cpu %d addr 0x%" PRIx64 " error 0x%x\n", cpu->cpu.index, addr, error_code);
    cpu->svm.cr2_before = cpu->cr2;
    cpu->cr2 = addr;
    cpu_raise_error(cpu, VECTOR_PF, error_code);
}

void cpu_leave_block(CpuX86 *cpu)
{
    cpu->insn = NULL;
    siglongjmp(cpu->run_jmp, JUMPED_LEAVE);
}

/* Flags */

uint64_t cpu_get_rflags(CpuX86 *cpu)
{
    return cpu->rflags | flags_get(cpu) | RFLAGS_FIXED1;
}

void cpu_set_rflags(CpuX86 *cpu, uint64_t value)
{
    uint64_t changed = cpu->rflags ^ value;

    flags_put(cpu, value);
    cpu->rflags = (value & ~(uint64_t)RFLAGS_ARITH) | RFLAGS_FIXED1;
    if (changed & (RFLAGS_IOPL | RFLAGS_VM | RFLAGS_AC)) {
        cpu_update_mode(cpu);
        cpu_select_tlb(cpu);
    }
}

/* Debug */

static bool breakpoint_here(CpuX86 *cpu)
{
    uint64_t lin = cpu_code_linear(cpu);
    unsigned hits = 0;

    for (unsigned n = 0; n < 4; n++) {
        bool enabled = cpu->dr[7] >> (2 * n) & 3, on_execution = !(cpu->dr[7] >> (16 + 4 * n) & 3);
        hits |= enabled && on_execution && cpu->dr[n] == lin ? 1u << n : 0;
    }
    cpu->dr[6] |= hits;
    return hits;
}

/* Did the last instruction of @block branch? A conditional branch to the next instruction counts as not taken. */
static bool branched(const CpuX86 *cpu, const Block *block)
{
    const Insn *last = block->end - 1;

    switch (insn_row(last)->op) {
    case OP_Jcc: case OP_JCXZ: case OP_LOOP: case OP_LOOPE: case OP_LOOPNE: case OP_INTO:
        return cpu->rip != insn_next_rip(cpu, last);
    default:
        return block->branches;
    }
}

/* Traps of the instruction that just ran as a single one: at its end, before any interrupt. */
static void debug_traps(CpuX86 *cpu, const Block *block, bool stepped)
{
    if (stepped && UNLIKELY(cpu->msr.debugctl & DEBUGCTL_BTF)) {
        stepped = block && branched(cpu, block);
    }
    uint32_t hits = cpu->exec->debug_hits | (stepped ? DR6_BS : 0);

    if (hits) {
        cpu->exec->debug_hits = 0;
        cpu->dr[6] |= hits;
        cpu_raise(cpu, VECTOR_DB);
    }
}

/* Between blocks */

static void log_state(CpuX86 *cpu)
{
    static const char *const names[] = { "RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI",
                                         "R8 ", "R9 ", "R10", "R11", "R12", "R13", "R14", "R15" };
    g_autoptr(GString) text = g_string_new(NULL);

    for (unsigned i = 0; i < 16; i++) {
        g_string_append_printf(text, "%s=%016" PRIx64 "%c", names[i], cpu->regs[i], i % 4 == 3 ? '\n' : ' ');
    }
    g_string_append_printf(
        text, "RIP=%016" PRIx64 " RFL=%08" PRIx64 " CS=%04x SS=%04x CPL=%d CR0=%08" PRIx64 " CR3=%016" PRIx64 "\n",
        cpu->rip, cpu_get_rflags(cpu), cpu->seg[R_CS].selector, cpu->seg[R_SS].selector, cpu_cpl(cpu), cpu->cr0,
        cpu->cr3);
    log_printf("%s", text->str);
}

static inline bool is_halted(const CpuX86 *cpu) { return __atomic_load_n(&cpu->cpu.halted, __ATOMIC_SEQ_CST); }

/* A debugger's affairs at a boundary. True: the machine is to stop here. */
static bool debugger_stops(CpuX86 *cpu)
{
    CpuExec *exec = cpu->exec;

    if (exec->debug_hit) {
        exec->debug_hit = false;
        debug_stop(&cpu->cpu, DEBUG_REASON_WATCH, exec->debug_watch.kind, exec->debug_watch.addr);
    } else if (cpu->cpu.debug_step == DEBUG_STEP_DONE) {
        debug_stop(&cpu->cpu, DEBUG_REASON_STEP, 0, 0);
    } else {
        return false;
    }
    return true;
}

/* Before the instruction at the boundary is begun. True: it is not. */
static bool debugger_breaks(CpuX86 *cpu)
{
    const DebugPoint *p = debug_break_count ? debug_break_in(cpu_code_linear(cpu), 1) : NULL;

    if (p && !cpu->cpu.debug_step) {
        debug_stop(&cpu->cpu, DEBUG_REASON_BREAK, p->kind, p->addr);
        return true;
    }
    if (cpu->cpu.debug_step) {
        cpu->cpu.debug_step = DEBUG_STEP_DONE;
    }
    return false;
}

/* Other points than before: what was translated or filled without knowing them goes. */
static void debugger_points_changed(CpuX86 *cpu)
{
    cpu->cpu.debug_seen = debug_generation;
    block_cache_forget(cpu->exec);
    cpu_tlb_flush_worlds(cpu);
}

/* Something is special: acts on it. False: leave the run loop. Sets *@key to how the next block is to be run. */
static bool between_blocks(CpuX86 *cpu, uint32_t *key)
{
    CpuExec *exec = cpu->exec;
    uint32_t requests = __atomic_load_n(&cpu->cpu.interrupt_request, __ATOMIC_ACQUIRE);

    if (debugger_stops(cpu) || __atomic_load_n(&cpu->cpu.exit_request, __ATOMIC_ACQUIRE)) {
        return false;
    }
    if (requests & INTERRUPT_TLB) {
        cpu_interrupt_clear(&cpu->cpu, INTERRUPT_TLB);
        tcg_run_pending_flush(&exec->tcg);
    }
    if (cpu->interrupt_shadow) {
        cpu->interrupt_shadow--;
    }
    bool held_off = cpu->cpu.debug_step && debug_step_without_interrupts;
    if ((requests & ~INTERRUPT_TLB) && !cpu->interrupt_shadow && !held_off) {
        cpu_service_interrupts(cpu);
        if (is_halted(cpu)) {
            return false;
        }
    }
    if (debugger_breaks(cpu)) {
        return false;
    }
    exec->stepping = cpu->rflags & RFLAGS_TF;
    exec->single = exec->stepping || cpu->interrupt_shadow || (cpu->dr[7] & 0xff) || exec->one_insn || cpu->cpu.debug_step ||
                   exec->debug_near;
    exec->debug_near = false;
    if ((cpu->dr[7] & 0xff) && !(cpu->rflags & RFLAGS_RF) && breakpoint_here(cpu)) {
        cpu_raise(cpu, VECTOR_DB);
    }
    cpu->rflags &= ~(uint64_t)RFLAGS_RF;        /* it covers one instruction: the one that runs now */
    exec->attention = exec->single || log_enabled(LOG_EVERY_BLOCK);
    *key = cpu->mode_flags | (exec->single ? BLOCK_SINGLE : 0);
    return true;
}


static void log_block(CpuX86 *cpu, const Block *block)
{
    LOG(LOG_EXEC, "Trace %d: 0x%016" PRIx64 " %u insns\n", cpu->cpu.index, cpu->rip, block->count);
    if (log_enabled(LOG_CPU)) {
        log_state(cpu);
    }
}

/* Runs the instructions of @block; leaves cpu->rip at the next. */
static inline void run_block(CpuX86 *cpu, Block *block)
{
    const Insn *insn = block->insns;

    cpu->exec->block = block;
    cpu->block_rip = cpu->rip;
    cpu->block_end = block->end;
    do {
        cpu->insn = insn;
        insn->fn(cpu, insn);                    /* and those after it, as far as they go by INSN_NEXT() */
        insn = cpu->insn + 1;
    } while (insn != cpu->block_end);
    if (insn != block->end || !block->branches) {
        cpu->rip = insn_next_rip(cpu, insn - 1);
    }
    cpu->insn = NULL;
}

/* The chain of blocks that @block begins; @exit: the jump by which the last chain ended, or NULL. Returns the next such. */
static BlockExit *run_translated(CpuX86 *cpu, Block *block, BlockExit *exit)
{
    CpuExec *exec = cpu->exec;
    Translator *jit = &exec->jit;
    const Insn *last;

    if (exit && jit->exit_rip == cpu->rip) {
        block_chain(cpu, exit, block);
    }
    jit->block = block;
    jit->code_page = cpu->rip & TLB_PAGE_MASK;
    code_arm(exec);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);    /* from here on a kick takes effect on this block */
    if (exec_requested(cpu)) {
        return exit;
    }
    flags_to_slot(cpu);
    jit->enter(cpu, block->header.code);
    translator_note_x87(cpu);
    block = jit->exit_block;
    if (!block) {                               /* slow_interpret(): everything is in its place */
        return NULL;
    }
    flags_from_slot(cpu);
    if (jit->exit_index != EXIT_INDIRECT) {
        jit->exits_direct++;
        exit = &block->exits[jit->exit_index];
        cpu->rip = jit->code_page + exit->offset;
        if (!(cpu->mode_flags & MODE_CS64)) {
            cpu->rip = (uint32_t)cpu->rip;
        }
        jit->exit_rip = cpu->rip;
        return exit;
    }
    jit->exits_indirect++;
    cpu->rip = jit->spare[SPARE_TARGET];
    if (UNLIKELY(!cpu_is_canonical(cpu, cpu->rip)) && cpu->mode_flags & MODE_CS64) {
        last = block_insn(cpu, block, block->count - 1);        /* a near CALL, JMP or RET, which should not have moved the stack */
        cpu->regs[R_RSP] += insn_row(last)->op == OP_CALL ? last->size
                          : insn_row(last)->op == OP_RET ? -(int64_t)(last->size + (uint16_t)last->imm)
                                                         : 0;
        cpu->block_rip = jit->code_page + (block->lin & ~TLB_PAGE_MASK);
        cpu->insn = last;
        cpu_fault(cpu, VECTOR_GP, 0, CAUSE_CODE_NOT_CANONICAL, jit->spare[SPARE_TARGET], 0);
    }
    return NULL;
}

/* What runs at cpu->rip with @key. *@forgot: all blocks that were known are gone. */
static Block *find_translated(CpuX86 *cpu, uint32_t key, bool *forgot)
{
    CpuExec *exec = cpu->exec;
    Translator *jit = &exec->jit;
    uint64_t flushes = exec->arena_flushes;

    if (UNLIKELY(jit->stale_count)) {
        translator_drop_stale(cpu);
    }
    Block *block = find_header(cpu, key);
    if (LIKELY(block)) {
        *forgot = false;
        jit->lookups++;
        return block;
    }
    jit->searches++;
    block = block_find(cpu, key);
    *forgot = flushes != exec->arena_flushes;
    if (block->header.code) {
        dispatch_enter(cpu, block);
    }
    return block;
}

static void run_blocks(CpuX86 *cpu)
{
    CpuExec *exec = cpu->exec;
    Block *last = NULL;                         /* what ran before, if its links may be used */
    BlockExit *exit = NULL;                     /* the same of translated blocks */

    exec->attention = exec_needs_attention(cpu);
    for (;;) {
        uint32_t key = cpu->mode_flags;

        tcg_boundary(&exec->tcg);
        if (UNLIKELY(exec->attention | exec_requested(cpu))) {
            last = NULL;
            exec->block = NULL;
            if (!between_blocks(cpu, &key)) {
                return;
            }
        }
        uint64_t lin = cpu_code_linear(cpu), epoch = exec->epoch;
        Block *block;
        if (exec->jit.enabled && !exec->attention && (key = translator_key(cpu)) & BLOCK_TRANSLATED) {
            bool forgot;
            block = find_translated(cpu, key, &forgot);
            if (LIKELY(block->header.code != NULL)) {
                exit = run_translated(cpu, block, forgot ? NULL : exit);
                if (!exec->jit.exit_block) {
                    exec->attention = exec_needs_attention(cpu);
                }
                exec->block = NULL;
                last = NULL;
                continue;
            }
            exit = NULL;
            if (UNLIKELY(block->page || debug_break_in(lin, block->bytes))) {
                exec->attention = exec->debug_near = true;      /* left untranslated for the sake of a breakpoint */
                continue;
            }
            run_block(cpu, block);              /* from a device */
            last = NULL;
            if (block->changes_mode) {
                exec->attention = exec_needs_attention(cpu);
            }
            continue;
        }
        exit = NULL;
        if (UNLIKELY(!(key & (MODE_CS64 | MODE_FLAT_CODE)))) {
            last = NULL;                        /* the segment limit is checked on the long way only */
        }
        if (last && block_fits(last->link[0], lin, key, epoch)) {
            block = last->link[0];
        } else if (last && block_fits(last->link[1], lin, key, epoch)) {
            block = last->link[1];
        } else {
            block = exec->jump[jump_slot(lin)];
            if (!block_fits(block, lin, key, epoch) || UNLIKELY(!block_within_limit(cpu, block))) {
                uint64_t flushes = exec->arena_flushes;
                block = block_find(cpu, key);
                last = flushes == exec->arena_flushes ? last : NULL;
            }
            if (last) {
                last->link[1] = last->link[0];
                last->link[0] = block;
            }
        }
        if (UNLIKELY(debug_break_count) && !exec->single && debug_break_in(lin, block->bytes)) {
            exec->attention = exec->debug_near = true;
            last = NULL;
            continue;
        }
        if (log_enabled(LOG_EXEC | LOG_CPU)) {
            log_block(cpu, block);
        }
        run_block(cpu, block);
        last = LIKELY(block->linked) ? block : NULL;
        if (UNLIKELY(exec->single)) {
            /* A MOV or POP to SS holds its traps back until the next instruction is done. */
            bool held = cpu->interrupt_shadow == 2 && insn_row(block->end - 1)->bind != bind_intflag;
            if (!held) {
                debug_traps(cpu, block, exec->stepping);
            }
            exec->single = false;
        }
        if (UNLIKELY(block->changes_mode)) {
            exec->attention = exec_needs_attention(cpu);
        }
    }
}

void cpu_x86_tcg_run(Cpu *c)
{
    CpuX86 *cpu = CPU_X86(c);
    CpuExec *exec = cpu->exec;

    if (cpu->smm_as && !exec->watches_smm) {
        BQL_GUARD();
        tcg_watch_memory(cpu->smm_as);
        exec->watches_smm = true;
    }
    if (exec->jit.enabled) {
        signal_thread(exec);
    }
    tcg_inside(&exec->tcg);
    if (UNLIKELY(c->debug_seen != debug_generation)) {
        debugger_points_changed(cpu);
    }
    int jumped = sigsetjmp(cpu->run_jmp, 0);
    if (exec->in_exclusive) {
        cpu_rmw_exclusive_end(cpu);
    }
    if (bql_held()) {
        bql_unlock();                           /* raised out of a device access */
    }
    cpu->insn = NULL;
    const Block *left = exec->block;            /* the block that cpu_leave_block() ended */
    exec->block = NULL;
    bool single = exec->single;
    exec->single = false;
    if (jumped == JUMPED_LEAVE && single) {
        debug_traps(cpu, left, exec->stepping && (cpu->rflags & RFLAGS_TF));
    }
    if (cpu->exception_vector != VECTOR_NONE) {
        exec->debug_hits = 0;
        exec->debug_hit = false;
        cpu_deliver_exception(cpu);
    }
    if (!jumped && is_halted(cpu)) {
        cpu->interrupt_shadow = 0;
        cpu_service_interrupts(cpu);            /* what it delivers ends the halt */
    }
    if (!is_halted(cpu)) {
        run_blocks(cpu);
    }
    cpu->insn = NULL;
    exec->block = NULL;
    if (is_halted(cpu)) {
        if (c->debug_step == DEBUG_STEP_DONE) {
            debugger_stops(cpu);
        }
        block_cache_idle(exec);
    }
    tcg_outside(&exec->tcg);
}

CpuExec *exec_map(void)
{
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS;
    void *exec = mmap(NULL, sizeof(CpuExec), PROT_READ | PROT_WRITE, flags | MAP_32BIT, -1, 0);

    if (exec == MAP_FAILED) {
        exec = mmap(NULL, sizeof(CpuExec), PROT_READ | PROT_WRITE, flags, -1, 0);
    }
    return exec == MAP_FAILED ? NULL : exec;
}

bool cpu_x86_tcg_init(Cpu *c, GError **err)
{
    CpuX86 *cpu = CPU_X86(c);
    CpuExec *exec = exec_map();

    if (!exec) {
        return error_set_errno(err, errno, "no %zu bytes for TLBs", sizeof *exec);
    }
    bool translate = tcg_translates();
    size_t bytes = translate ? MIN(tcg_code_bytes() / 2, SITE_BLOCKS_BYTES) : tcg_code_bytes();
    if (!block_cache_init(exec, bytes, err)) {
        munmap(exec, sizeof *exec);
        return false;
    }
    exec->stamp = exec->epoch = 1;
    exec->one_insn = tcg_one_insn_per_block();
    cpu->exec = exec;                           /* from here on other threads may ask it for flushes */
    tcg_cpu_add(&exec->tcg, c, exec->tlb[0], TLB_COUNT, INTERRUPT_TLB);
    tcg_watch_memory(cpu_memory(cpu));
    cpu->exception_vector = cpu->old_exception = VECTOR_NONE;
    cpu_update_mode(cpu);
    cpu_select_tlb(cpu);
    if (translate && !translator_init(cpu, bytes)) {
        warn_report("no code memory for vCPU %d: its code is interpreted", c->index);
    }
    return true;
}

static void exec_reclaim(struct rcu_head *head)
{
    CpuExec *exec = caa_container_of(head, CpuExec, rcu);
    Cpu *cpu = exec->tcg.cpu;

    translator_destroy(exec);
    block_cache_destroy(exec);
    g_free(exec->tcg.writable);
    munmap(exec, sizeof *exec);
    object_unref(&cpu->device.object);
}

void cpu_x86_tcg_destroy(Cpu *c)
{
    CpuX86 *cpu = CPU_X86(c);
    CpuExec *exec = cpu->exec;

    if (!exec) {
        return;
    }
    tcg_cpu_remove(&exec->tcg);
    cpu->exec = NULL;
    cpu_select_tlb(cpu);
    object_ref(&c->device.object);
    memory_call_rcu(&exec->rcu, exec_reclaim);
}
