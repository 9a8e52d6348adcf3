/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Executable memory for stubs. One memfd is mapped twice: writable here, executable for the vCPUs; no address is both.
 *
 * Stubs are only added. How many there can be is bounded by the number of canonical forms (test-vector counts them), so
 * nothing is ever freed and a stub's address may be kept without a lock. At the start of the memory are the two exits
 * that a signal handler sends a faulting stub to: they undo what a stub sets up (MXCSR, x87 or MMX, upper vector
 * halves) and return a status. Stubs hold nothing on the stack across the guest's instruction, so the exits need not
 * know which one it was.
 */
#include "target/i386/native/native.h"

#ifdef __x86_64__
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "core/error.h"

#define CACHE_BYTES NATIVE_CODE_BYTES
#define STUB_ALIGN 16
#define MACHINE_RIP 16                          /* index of RIP in a signal frame's registers */
enum { EXIT_FP_EXCEPTION = 0, EXIT_ILLEGAL = 64, FIRST_STUB = 128 };

static struct {
    pthread_mutex_t lock;
    uint8_t *rw, *rx;
    size_t used;
    GHashTable *stubs;                          /* GBytes key -> executable address */
    struct sigaction old_fpe, old_ill;
} cache = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void on_fault(int signal, siginfo_t *info, void *context)
{
    greg_t *rip = &((ucontext_t *)context)->uc_mcontext.gregs[MACHINE_RIP];
    const struct sigaction *old = signal == SIGFPE ? &cache.old_fpe : &cache.old_ill;

    if ((uintptr_t)*rip - (uintptr_t)cache.rx < CACHE_BYTES) {
        *rip = (greg_t)(uintptr_t)(cache.rx + (signal == SIGFPE ? EXIT_FP_EXCEPTION : EXIT_ILLEGAL));
    } else if (old->sa_flags & SA_SIGINFO) {
        old->sa_sigaction(signal, info, context);
    } else if (old->sa_handler != SIG_DFL && old->sa_handler != SIG_IGN) {
        old->sa_handler(signal);
    } else {
        struct sigaction fatal = { .sa_handler = SIG_DFL };

        sigaction(signal, &fatal, NULL);        /* the instruction faults again, and this time ends the process */
    }
}

/* stmxcsr guest; ldmxcsr host; fnclex; emms; vzeroupper; mov eax, status; ret. RDI is the vCPU all through a stub. */
static size_t emit_exit(uint8_t *p, uint8_t status)
{
    static const uint8_t load_host[] = {
        0x68, HOST_MXCSR & 0xff, HOST_MXCSR >> 8, 0, 0, 0x0f, 0xae, 0x14, 0x24, 0x59, 0xdb, 0xe2, 0x0f, 0x77
    };
    uint8_t *start = p;
    uint32_t at = offsetof(CpuX86, fpu.mxcsr);

    *p++ = 0x0f, *p++ = 0xae, *p++ = 0x9f;
    memcpy(p, &at, 4);
    p += 4;
    memcpy(p, load_host, sizeof load_host);
    p += sizeof load_host;
    if (native_host_has(FEATURE_AVX)) {
        *p++ = 0xc5, *p++ = 0xf8, *p++ = 0x77;
    }
    *p++ = 0xb8, *p++ = status, *p++ = 0, *p++ = 0, *p++ = 0;
    *p++ = 0xc3;
    return p - start;
}

/* With the lock. */
static bool cache_open(void)
{
    struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
    static bool failed;
    int fd;

    if (cache.rx || failed) {
        return cache.rx;
    }
    failed = true;
    fd = memfd_create("rhea-code", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, CACHE_BYTES)) {
        warn_report("no memory for host code: %s", g_strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return false;
    }
    void *rw = mmap(NULL, CACHE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    void *rx = mmap(NULL, CACHE_BYTES, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    close(fd);
    if (rw == MAP_FAILED || rx == MAP_FAILED) {
        warn_report("cannot map host code: %s", g_strerror(errno));
        return false;
    }
    emit_exit((uint8_t *)rw + EXIT_FP_EXCEPTION, NATIVE_FP_EXCEPTION);
    emit_exit((uint8_t *)rw + EXIT_ILLEGAL, NATIVE_ILLEGAL);
    cache.stubs = g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, NULL);
    cache.used = FIRST_STUB;
    cache.rw = rw;
    cache.rx = rx;
    sigemptyset(&action.sa_mask);
    sigaction(SIGFPE, &action, &cache.old_fpe);
    sigaction(SIGILL, &action, &cache.old_ill);
    return true;
}

void *native_code_find(const void *key, size_t key_bytes)
{
    g_autoptr(GBytes) bytes = g_bytes_new_static(key, key_bytes);
    void *found = NULL;

    pthread_mutex_lock(&cache.lock);
    if (cache.stubs) {
        found = g_hash_table_lookup(cache.stubs, bytes);
    }
    pthread_mutex_unlock(&cache.lock);
    return found;
}

void *native_code_get(const void *key, size_t key_bytes, const uint8_t *code, size_t code_bytes)
{
    GBytes *bytes = g_bytes_new(key, key_bytes);
    void *stub = NULL;

    pthread_mutex_lock(&cache.lock);
    if (cache_open()) {
        stub = g_hash_table_lookup(cache.stubs, bytes);
        if (!stub && cache.used + code_bytes <= CACHE_BYTES) {
            memcpy(cache.rw + cache.used, code, code_bytes);
            stub = cache.rx + cache.used;
            cache.used = (cache.used + code_bytes + STUB_ALIGN - 1) & ~(size_t)(STUB_ALIGN - 1);
            g_hash_table_insert(cache.stubs, g_steal_pointer(&bytes), stub);
        }
    }
    pthread_mutex_unlock(&cache.lock);
    if (bytes) {
        g_bytes_unref(bytes);
    }
    return stub;
}

size_t native_code_bytes(void)
{
    pthread_mutex_lock(&cache.lock);
    size_t used = cache.used;
    pthread_mutex_unlock(&cache.lock);
    return used;
}
#endif
