/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/tcg/native_run.h"

#include <cpuid.h>
#include <glib.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>

enum { PAGE = 4096, LONG_CODE_SELECTOR = 0x33, FLAT_CODE32_SELECTOR = 0x23, FLAT_DATA_SELECTOR = 0x2b };

/*
 * host_enter(in, out, target, xsave mask): loads everything and jumps; the code under test ends in host_back (fell
 * through) or host_back_taken. host_far holds the far pointer for 32-bit targets.
 */
void host_enter(const HostState *in, HostState *out, const void *target, uint64_t xsave_mask);
void host_enter_far(const HostState *in, HostState *out, const void *target, uint64_t xsave_mask);
extern const char host_back[], host_back_taken[], host_end[];
struct { uint32_t offset; uint16_t selector; } __attribute__((packed)) host_far;
uint64_t host_rsp, host_out, host_target, host_mask, host_save_rsp, host_save_rdi, host_taken;

__asm__(
    ".text\n"
    ".macro host_load\n"
    "    push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
    "    mov %rsp, host_rsp(%rip)\n"
    "    mov %rsi, host_out(%rip)\n"
    "    mov %rdx, host_target(%rip)\n"
    "    mov %rcx, host_mask(%rip)\n"
    "    movq $0, host_taken(%rip)\n"
    "    mov %rcx, %rax\n"
    "    mov %rcx, %rdx\n"
    "    shr $32, %rdx\n"
    "    xrstor64 192(%rdi)\n"
    "    push 128(%rdi)\n"
    "    popfq\n"
    "    mov 0(%rdi), %rax; mov 8(%rdi), %rcx; mov 16(%rdi), %rdx; mov 24(%rdi), %rbx\n"
    "    mov 32(%rdi), %rsp; mov 40(%rdi), %rbp; mov 48(%rdi), %rsi\n"
    "    mov 64(%rdi), %r8; mov 72(%rdi), %r9; mov 80(%rdi), %r10; mov 88(%rdi), %r11\n"
    "    mov 96(%rdi), %r12; mov 104(%rdi), %r13; mov 112(%rdi), %r14; mov 120(%rdi), %r15\n"
    "    mov 56(%rdi), %rdi\n"
    ".endm\n"
    "host_enter:\n"
    "    host_load\n"
    "    jmp *host_target(%rip)\n"
    "host_enter_far:\n"
    "    host_load\n"
    "    ljmp *host_far(%rip)\n"
    "host_back_taken:\n"
    "    movq $1, host_taken(%rip)\n"
    "host_back:\n"
    "    mov %rsp, host_save_rsp(%rip)\n"
    "    mov %rdi, host_save_rdi(%rip)\n"
    "    mov host_out(%rip), %rdi\n"
    "    mov host_rsp(%rip), %rsp\n"
    "    mov %rax, 0(%rdi); mov %rcx, 8(%rdi); mov %rdx, 16(%rdi); mov %rbx, 24(%rdi)\n"
    "    mov %rbp, 40(%rdi); mov %rsi, 48(%rdi)\n"
    "    mov %r8, 64(%rdi); mov %r9, 72(%rdi); mov %r10, 80(%rdi); mov %r11, 88(%rdi)\n"
    "    mov %r12, 96(%rdi); mov %r13, 104(%rdi); mov %r14, 112(%rdi); mov %r15, 120(%rdi)\n"
    "    pushfq\n"
    "    pop 128(%rdi)\n"
    "    cld\n"
    "    mov host_save_rsp(%rip), %rax\n"
    "    mov %rax, 32(%rdi)\n"
    "    mov host_save_rdi(%rip), %rax\n"
    "    mov %rax, 56(%rdi)\n"
    "    mov host_taken(%rip), %rax\n"
    "    mov %rax, 136(%rdi)\n"
    "    mov host_mask(%rip), %rax\n"
    "    mov %rax, %rdx\n"
    "    shr $32, %rdx\n"
    "    xsave64 192(%rdi)\n"
    "    fninit\n"
    "    push $0x1f80\n"
    "    ldmxcsr (%rsp)\n"
    "    pop %rax\n"
    "    pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
    "    ret\n"
    "host_end:\n");

static uint8_t *data, *code, *thunks;
static sigjmp_buf fault_jmp;
static volatile int fault_signal;
static volatile bool fault_integer;
static struct sigaction old_actions[64];
static HostSegments segments;
static bool can_run_32;
static HostState *volatile entered;             /* where native_enter() wants the state of a fault; NULL: elsewhere */
static NativeFault *entered_fault;
static volatile unsigned ticks;
static void (*on_tick)(unsigned ticks);

/* The state that the signal interrupted, in our order. Extended state lies there as XSAVE stored it. */
static void save_context(const ucontext_t *context, HostState *out)
{
    static const int order[16] = { REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                   REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15 };
    enum { XSTATE_SIZE_AT = 464 + 16 };         /* software-reserved bytes of the FXSAVE area: magic, extended size, */
    uint32_t size;                              /* features, size of the XSAVE area */

    for (unsigned i = 0; i < 16; i++) {
        out->gpr[i] = context->uc_mcontext.gregs[order[i]];
    }
    out->rflags = context->uc_mcontext.gregs[REG_EFL];
    out->rip = context->uc_mcontext.gregs[REG_RIP];
    memcpy(&size, (const uint8_t *)context->uc_mcontext.fpregs + XSTATE_SIZE_AT, 4);
    memcpy(out->xsave, context->uc_mcontext.fpregs, MIN(size, sizeof out->xsave));
}

static void come_back(int signal, const ucontext_t *context)
{
    HostState *out = entered;

    entered = NULL;
    save_context(context, out);
    *entered_fault = (NativeFault){ .signal = signal, .vector = context->uc_mcontext.gregs[REG_TRAPNO],
                                    .error = context->uc_mcontext.gregs[REG_ERR],
                                    .address = context->uc_mcontext.gregs[REG_CR2] };
    siglongjmp(fault_jmp, 1);
}

static void on_timer(int signal, siginfo_t *info, void *context)
{
    uintptr_t rip = ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];

    ticks++;
    if (!entered) {
        if (on_tick) {
            on_tick(ticks);
        }
    } else if (ticks >= 2 && (rip < (uintptr_t)host_enter || rip >= (uintptr_t)host_end)) {
        come_back(signal, context);
    }
}

static void on_signal(int signal, siginfo_t *info, void *context)
{
    uintptr_t rip = ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
    const struct sigaction *old = &old_actions[signal];

    if (entered) {
        come_back(signal, context);
    }
    bool entering = rip >= (uintptr_t)host_enter_far && rip < (uintptr_t)host_end;     /* no 32-bit code segment here */
    if (entering || rip - (uintptr_t)code < 2 * PAGE || (rip - (uintptr_t)thunks < PAGE)) {
        fault_signal = signal;
        fault_integer = signal == SIGFPE && info->si_code == FPE_INTDIV;
        siglongjmp(fault_jmp, 1);
    }
    if (old->sa_flags & SA_SIGINFO) {
        old->sa_sigaction(signal, info, context);
        return;
    }
    struct sigaction fatal = { .sa_handler = SIG_DFL };
    sigaction(signal, &fatal, NULL);
}

uint64_t native_xcr0(void)
{
    uint32_t a, d;

    __asm__("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
    return (a | (uint64_t)d << 32) & 0xe7;      /* x87, SSE, AVX, AVX-512 */
}

unsigned native_component_offset(unsigned n)
{
    uint32_t a, b = 0, c, d;

    __get_cpuid_count(0xd, n, &a, &b, &c, &d);
    return b;
}

static void put_jump(uint8_t *at, const void *target)
{
    static const uint8_t jmp[] = { 0xff, 0x25, 0, 0, 0, 0 };        /* jmp [rip + 0] */

    memcpy(at, jmp, sizeof jmp);
    memcpy(at + sizeof jmp, &target, 8);
}

static void put_exit(uint8_t *at, const void *target, unsigned thunk, bool mode32)
{
    if (!mode32) {
        put_jump(at, target);
        return;
    }
    uint32_t offset = (uint32_t)(uintptr_t)(thunks + thunk * 32);
    uint16_t selector = LONG_CODE_SELECTOR;

    at[0] = 0xea;                               /* ljmp selector:offset */
    memcpy(at + 1, &offset, 4);
    memcpy(at + 5, &selector, 2);
}

void native_put_code(const uint8_t *bytes, unsigned length, bool mode32)
{
    uint8_t *at = native_code();

    memcpy(at, bytes, length);
    put_exit(at + length, host_back, 0, mode32);
    put_exit(at + TAKEN_OFFSET, host_back_taken, 1, mode32);
}

static int run_once(const HostState *in, HostState *out, bool mode32)
{
    fault_signal = 0;
    if (!sigsetjmp(fault_jmp, 0)) {
        if (mode32) {
            host_far.offset = (uint32_t)(uintptr_t)native_code();
            host_far.selector = FLAT_CODE32_SELECTOR;
            host_enter_far(in, out, native_code(), native_xcr0());
        } else {
            host_enter(in, out, native_code(), native_xcr0());
        }
    }
    return fault_signal;
}

/*
 * A hypervisor that must emulate an access to memory which it has not mapped yet may not know the instruction, and answer
 * with #UD: only one that stays is the CPU's.
 */
int native_run(const HostState *in, HostState *out, bool mode32, bool *integer_division)
{
    enum { TRIES = 4 };

    for (unsigned i = 0; i < TRIES && run_once(in, out, mode32) == SIGILL; i++) {
        continue;
    }
    *integer_division = fault_integer;
    return fault_signal;
}

int native_enter(const HostState *in, HostState *out, const void *target, bool mode32, NativeFault *fault)
{
    *fault = (NativeFault){ .vector = -1 };
    ticks = 0;
    if (!sigsetjmp(fault_jmp, 0)) {
        entered_fault = fault;
        entered = out;
        if (mode32) {
            host_far.offset = (uint32_t)(uintptr_t)target;
            host_far.selector = FLAT_CODE32_SELECTOR;
            host_enter_far(in, out, target, native_xcr0());
        } else {
            host_enter(in, out, target, native_xcr0());
        }
        entered = NULL;
    }
    return fault->signal;
}

const void *native_exit(bool mode32, uint16_t *selector)
{
    *selector = LONG_CODE_SELECTOR;
    return mode32 ? (const void *)thunks : host_back;
}

void native_timer(unsigned period_ms, void (*tick)(unsigned ticks))
{
    struct sigaction action = { .sa_sigaction = on_timer,
                                .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART | SA_NODEFER };
    struct itimerval every = { { 0, period_ms * 1000 }, { 0, period_ms * 1000 } };

    on_tick = tick;
    sigaction(SIGVTALRM, &action, NULL);
    setitimer(ITIMER_VIRTUAL, &every, NULL);
}

void native_timer_reset(void) { ticks = 0; }
bool native_can_run_32(void) { return can_run_32; }
const HostSegments *native_segments(void) { return &segments; }
uint8_t *native_data(void) { return data; }
uint8_t *native_code(void) { return code + PAGE; }

bool native_setup(void)
{
    static const int signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP };
    static uint8_t nop32[] = { 0x40 };          /* INC EAX in 32-bit code; a REX prefix otherwise */
    static uint8_t signal_stack[1 << 16];
    stack_t stack = { .ss_sp = signal_stack, .ss_size = sizeof signal_stack };
    HostState in = { .rflags = 0x202 }, out = { 0 };
    bool division;

    data = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    code = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    if (data == MAP_FAILED || code == MAP_FAILED) {
        g_test_message("no memory below 2 GiB for native code");
        return false;
    }
    thunks = code + 3 * PAGE;
    put_jump(thunks, host_back);
    put_jump(thunks + 32, host_back_taken);
    sigaltstack(&stack, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(signals); i++) {
        struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };

        sigaction(signals[i], &action, &old_actions[signals[i]]);
    }
    /* In 64-bit code the data segments do not matter; 32-bit code needs them. */
    __asm__ volatile("mov %0, %%ds; mov %0, %%es" : : "r"(FLAT_DATA_SELECTOR));
    in.gpr[0] = 41;
    in.gpr[4] = (uintptr_t)data + PAGE + 2048;
    native_put_code(nop32, 1, true);
    can_run_32 = native_run(&in, &out, true, &division) == 0 && out.gpr[0] == 42;
    if (!can_run_32) {
        g_test_message("no 32-bit code here: signal %d", fault_signal);
    }
    __asm__("mov %%es, %0; mov %%cs, %1; mov %%ss, %2; mov %%ds, %3; mov %%fs, %4; mov %%gs, %5"
            : "=r"(segments.es), "=r"(segments.cs), "=r"(segments.ss), "=r"(segments.ds), "=r"(segments.fs),
                "=r"(segments.gs));
    segments.cs32 = FLAT_CODE32_SELECTOR;
    return true;
}
