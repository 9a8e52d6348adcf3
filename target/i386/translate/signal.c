/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Signals in translated code.
 *
 * Chained code never looks whether somebody wants the vCPU: who does sends SIG_KICK. The handler, in the vCPU's own
 * thread, sees to it that whatever block is being run, or is about to be, is left at its end: its jumps within the page
 * lead to their stubs again, and the code TLB matches nothing. C puts it right before the next entry.
 *
 * An instruction that faults by itself (an unmasked floating-point exception, a division, a misaligned vector operand)
 * is run again by the interpreter, which raises what the guest is to see.
 */
#include <errno.h>
#include <signal.h>
#include <ucontext.h>
#include <unistd.h>

#include "core/thread.h"
#include "target/i386/insn-gen.h"
#include "target/i386/translate/translate.h"

#define MACHINE_RIP 16                          /* insn.h has another REG_RIP */

static __thread CpuExec *thread_exec;
static struct sigaction old_fpe, old_segv, old_bus;

void signal_thread(CpuExec *exec)
{
    thread_exec = exec;
}

static void unchain_exits(Translator *jit, Block *block)
{
    for (unsigned i = 0; block && i < block->exit_count; i++) {
        BlockExit *exit = &block->exits[i];
        if (exit->to && !exit->serial) {
            /* It stays in the target's list, which block_chain() and block_drop() expect: only the jump changes. */
            emit_patch32(jit->write + exit->place, jit->write + exit->stub);
            exit->parted = true;
        }
    }
}

/* The block whose header is at @address, if it is one with code. */
static Block *block_of_header(const CpuExec *exec, uintptr_t address)
{
    uintptr_t at = address - offsetof(Block, header);
    Block *block = (Block *)at;

    if (at < (uintptr_t)exec->arena || at >= (uintptr_t)exec->arena + exec->arena_used || at % _Alignof(Block)) {
        return NULL;
    }
    return block->header.code && cache_find(&exec->jit, (uintptr_t)block->header.code) == block ? block : NULL;
}

/* @block is being run: makes it, and where it may be jumping to right now, end in C. Reads whatever lies on the stack. */
__attribute__((no_sanitize("address"))) static void end_block(CpuExec *exec, Block *block, const greg_t *regs)
{
    const uintptr_t *stack = (const uintptr_t *)regs[REG_RSP];

    unchain_exits(&exec->jit, block);
    for (unsigned i = 0; i < block->exit_count; i++) {
        if (block->exits[i].serial) {
            unchain_exits(&exec->jit, block->exits[i].to);
        }
    }
    /* In the middle of a computed jump: r10 is the header of the target, or soon will be. */
    unchain_exits(&exec->jit, block_of_header(exec, regs[REG_R10]));
    unchain_exits(&exec->jit, block_of_header(exec, (uintptr_t)exec->dispatch[regs[REG_R10] & (DISPATCH_ENTRIES - 1)]));
    /* About to return, or in a gate. */
    for (unsigned i = 0; i < 3; i++) {
        unchain_exits(&exec->jit, cache_find(&exec->jit, stack[i]));
    }
}

static void on_kick(int signal, siginfo_t *info, void *context)
{
    const greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
    CpuExec *exec = thread_exec;
    Translator *jit = exec ? &exec->jit : NULL;

    if (!jit || !jit->enabled) {
        return;
    }
    jit->slot_mask = 0;
    for (unsigned i = 0; i < TLB_COUNT; i++) {
        exec->code_tags[i][0] = jit->kick_tag;
    }
    returns_forget(exec);
    /* Outside of blocks: in a gate, called by one, or on the way to or from C, which knows the block. */
    Block *block = cache_find(jit, regs[MACHINE_RIP]);
    block = block ? block : jit->block;
    if (block) {
        end_block(exec, block, regs);
    }
}

enum { RISK_BYTES = 48 };                       /* no instruction's host code is longer */

static void pass_on(int signal, siginfo_t *info, void *context)
{
    const struct sigaction *old = signal == SIGFPE ? &old_fpe : signal == SIGSEGV ? &old_segv : &old_bus;

    if (old->sa_flags & SA_SIGINFO) {
        old->sa_sigaction(signal, info, context);
    } else if (old->sa_handler != SIG_DFL && old->sa_handler != SIG_IGN) {
        old->sa_handler(signal);
    } else {
        struct sigaction fatal = { .sa_handler = SIG_DFL };
        sigaction(signal, &fatal, NULL);        /* it faults again, and this time ends the process */
    }
}

static const BlockRisk *find_risk(const Translator *jit, const Block *block, uintptr_t host)
{
    const uint32_t offset = host - (uintptr_t)jit->run;
    const BlockRisk *risks = block_risks(block), *found = NULL;

    for (unsigned i = 0; i < block->risk_count && risks[i].at <= offset; i++) {
        found = &risks[i];
    }
    return found && offset - found->at < RISK_BYTES ? found : NULL;
}

static void on_fault(int signal, siginfo_t *info, void *context)
{
    greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
    CpuExec *exec = thread_exec;
    Translator *jit = exec ? &exec->jit : NULL;
    Block *block = jit && jit->enabled ? cache_find(jit, regs[MACHINE_RIP]) : NULL;
    const BlockRisk *risk = block ? find_risk(jit, block, regs[MACHINE_RIP]) : NULL;

    if (!risk || (signal != SIGFPE && !risk->may_misalign)) {
        pass_on(signal, info, context);
        return;
    }
    regs[MACHINE_RIP] = (greg_t)(uintptr_t)jit->run + risk->stub;
}

static void *install(void *unused)
{
    struct sigaction kick = { .sa_sigaction = on_kick, .sa_flags = SA_SIGINFO | SA_RESTART };
    struct sigaction fault = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };

    sigemptyset(&kick.sa_mask);
    sigemptyset(&fault.sa_mask);
    sigaction(SIG_KICK, &kick, NULL);
    sigaction(SIGFPE, &fault, &old_fpe);
    sigaction(SIGSEGV, &fault, &old_segv);
    sigaction(SIGBUS, &fault, &old_bus);
    return NULL;
}

void signal_init(void)
{
    static GOnce once = G_ONCE_INIT;
    g_once(&once, install, NULL);
}

void translator_kick(Cpu *cpu)
{
    CpuExec *exec = CPU_X86(cpu)->exec;
    TcgCpu *t = exec ? &exec->tcg : NULL;

    if (t && exec->jit.enabled && !pthread_equal(t->thread, pthread_self())) {
        pthread_kill(t->thread, SIG_KICK);
    }
}
