/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Translated code told to Linux perf: see perf.h. Files end with the process; every record goes out whole. */
#include "accel/tcg/perf.h"

#include <elf.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/timer.h"

static struct {
    pthread_mutex_t lock;
    FILE *map, *dump;
    uint64_t count;
} perf = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Records of the dump, in the host's byte order. */
enum { JITDUMP_MAGIC = 0x4a695444, JITDUMP_VERSION = 1, JIT_CODE_LOAD = 0 };
typedef struct JitHeader {
    uint32_t magic, version, total_size, elf_mach, pad, pid;
    uint64_t timestamp, flags;
} JitHeader;
typedef struct JitCodeLoad { /* then the name, and the code */
    uint32_t id, total_size;
    uint64_t timestamp;
    uint32_t pid, tid;
    uint64_t vma, code_addr, code_size, code_index;
} JitCodeLoad;
_Static_assert(sizeof(JitHeader) == 40 && sizeof(JitCodeLoad) == 56, "records have no gaps");

#if defined(__x86_64__)
enum { ELF_MACHINE = EM_X86_64 };
#elif defined(__aarch64__)
enum { ELF_MACHINE = EM_AARCH64 };
#else
enum { ELF_MACHINE = EM_NONE };
#endif

/* CLOCK_RT is the clock of "perf record -k mono". */
static uint64_t now_ns(void) { return clock_ns(CLOCK_RT); }

static FILE *open_file(const char *path, GError **err)
{
    FILE *f = fopen(path, "w+e");

    if (!f) {
        error_set_errno(err, errno, "%s", path);
    }
    return f;
}

bool perf_map_start(GError **err)
{
    g_autofree char *path = g_strdup_printf("/tmp/perf-%d.map", getpid());

    perf.map = open_file(path, err);
    return perf.map;
}

bool perf_dump_start(GError **err)
{
    g_autofree char *path = g_strdup_printf("jit-%d.dump", getpid());
    JitHeader header = {.magic = JITDUMP_MAGIC,
                        .version = JITDUMP_VERSION,
                        .total_size = sizeof header,
                        .elf_mach = ELF_MACHINE,
                        .pid = getpid(),
                        .timestamp = now_ns()};
    FILE *f = open_file(path, err);

    if (!f) {
        return false;
    }
    if (fwrite(&header, sizeof header, 1, f) != 1 || fflush(f)) {
        error_set_errno(err, errno, "%s", path);
        fclose(f);
        return false;
    }
    /* perf finds the file by this mapping of it, which it records. */
    if (mmap(NULL, sysconf(_SC_PAGESIZE), PROT_READ | PROT_EXEC, MAP_PRIVATE, fileno(f), 0) == MAP_FAILED) {
        error_set_errno(err, errno, "%s: cannot be mapped", path);
        fclose(f);
        return false;
    }
    perf.dump = f;
    return true;
}

bool perf_wanted(void) { return perf.map || perf.dump; }

void perf_code(const void *code, size_t size, uint64_t guest, const char *part)
{
    g_autofree char *name = g_strdup_printf("guest-0x%" PRIx64 "%s%s", guest, part ? "-" : "", part ? part : "");

    pthread_mutex_lock(&perf.lock);
    if (perf.map) {
        fprintf(perf.map, "%" PRIxPTR " %zx %s\n", (uintptr_t)code, size, name);
        fflush(perf.map);
    }
    if (perf.dump) {
        size_t name_bytes = strlen(name) + 1;
        JitCodeLoad record = {.id = JIT_CODE_LOAD,
                              .total_size = sizeof record + name_bytes + size,
                              .timestamp = now_ns(),
                              .pid = getpid(),
                              .tid = syscall(SYS_gettid),
                              .vma = (uintptr_t)code,
                              .code_addr = (uintptr_t)code,
                              .code_size = size,
                              .code_index = perf.count++};
        fwrite(&record, sizeof record, 1, perf.dump);
        fwrite(name, name_bytes, 1, perf.dump);
        fwrite(code, size, 1, perf.dump);
        fflush(perf.dump);
    }
    pthread_mutex_unlock(&perf.lock);
}
