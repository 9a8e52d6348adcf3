/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Host side of a RAM block: anonymous memory, a memfd, or a file, mapped with the pages and policy asked for.
 *
 * RamBlockParams -> descriptor (none, memfd_create, open) -> size rounded to its page -> aligned mapping -> madvise,
 * mbind, preallocation, in this order: the policy must be set before pages exist. Every failure names the block or the
 * path, and leaves what was made so far in the RamBlock for ram_block_unmap().
 */
#include "memory/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "core/thread.h"

#define HUGE_PAGE_BYTES (2ull << 20)            /* transparent huge pages want this alignment */
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MFD_HUGE_SHIFT
#define MFD_HUGE_SHIFT 26
#endif

enum { MPOL_MF_STRICT_ = 1, MPOL_MF_MOVE_ = 2, PREALLOC_THREADS_MAX = 64 };

static uint64_t host_page_bytes(void) { return sysconf(_SC_PAGESIZE); }

static uint64_t default_huge_page_bytes(void)
{
    g_autofree char *text = NULL;
    const char *line;

    if (g_file_get_contents("/proc/meminfo", &text, NULL, NULL) && (line = strstr(text, "Hugepagesize:"))) {
        return g_ascii_strtoull(line + strlen("Hugepagesize:"), NULL, 10) << 10;
    }
    return HUGE_PAGE_BYTES;
}

static bool open_memfd(RamBlock *ram, const RamBlockParams *params, GError **err)
{
    unsigned flags = MFD_CLOEXEC | (params->seal ? MFD_ALLOW_SEALING : 0);

    ram->page_bytes = host_page_bytes();
    if (params->hugetlb) {
        ram->page_bytes = params->hugetlb_size ? params->hugetlb_size : default_huge_page_bytes();
        if (ram->page_bytes & (ram->page_bytes - 1) || ram->page_bytes < host_page_bytes()) {
            return error_set(err, "huge page size %" PRIu64 " is not a power of 2 of at least %" PRIu64,
                             ram->page_bytes,
                             host_page_bytes());
        }
        flags |= MFD_HUGETLB | (unsigned)g_bit_nth_lsf(ram->page_bytes, -1) << MFD_HUGE_SHIFT;
    }
    ram->fd = memfd_create(ram->name, flags);
    if (ram->fd < 0) {
        return params->hugetlb && (errno == ENODEV || errno == EINVAL)
                   ? error_set(err, "the host has no huge pages of %" PRIu64 " KiB", ram->page_bytes >> 10)
                   : error_set_errno(err, errno, "memfd for RAM block '%s'", ram->name);
    }
    return true;
}

/* A directory (a hugetlbfs mount, say) gets a file of its own that has no name. */
static int open_in_directory(const char *dir, const char *block)
{
    g_autofree char *safe = g_strdelimit(g_strdup(block), "/", '_');
    g_autofree char *path = g_strdup_printf("%s/rhea_%s.XXXXXX", dir, safe);
    int fd = mkostemp(path, O_CLOEXEC);

    if (fd >= 0) {
        unlink(path);
    }
    return fd;
}

static bool open_file(RamBlock *ram, const RamBlockParams *params, GError **err)
{
    int mode = params->open_readonly ? O_RDONLY : O_RDWR;
    struct statfs fs;
    struct stat st;

    ram->fd = open(params->path, mode | O_CLOEXEC);
    if (ram->fd < 0 && errno == ENOENT && !params->open_readonly) {
        ram->fd = open(params->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    } else if (ram->fd < 0 && errno == EISDIR) {
        ram->fd = open_in_directory(params->path, ram->name);
    }
    if (ram->fd < 0) {
        return error_set_errno(err, errno, "memory file '%s'", params->path);
    }
    if (fstat(ram->fd, &st) < 0) {
        return error_set_errno(err, errno, "memory file '%s'", params->path);
    }
    if (S_ISDIR(st.st_mode)) {                  /* opened read-only */
        return error_set(err, "memory file '%s' is a directory, which cannot be used read-only", params->path);
    }
    ram->page_bytes = host_page_bytes();
    if (fstatfs(ram->fd, &fs) == 0 && fs.f_type == HUGETLBFS_MAGIC) {
        ram->page_bytes = fs.f_bsize;
    }
    if (params->offset & (ram->page_bytes - 1)) {
        return error_set(err,
                         "offset 0x%" PRIx64 " of memory file '%s' is no multiple of its page of %" PRIu64 " bytes",
                         params->offset, params->path, ram->page_bytes);
    }
    ram->fd_offset = params->offset;
    return true;
}

/* Makes a new file as large as needed; one that has contents must be large enough. */
static bool size_file(RamBlock *ram, const RamBlockParams *params, GError **err)
{
    uint64_t needed = ram->fd_offset + ram->size;
    struct stat st;

    if (fstat(ram->fd, &st) < 0) {
        return error_set_errno(err, errno, "size of memory file '%s'", params->path ? params->path : ram->name);
    }
    if (!S_ISREG(st.st_mode)) {                 /* DAX and similar character devices have a fixed size */
        return true;
    }
    if (params->path && st.st_size > 0 && (uint64_t)st.st_size < needed) {
        return error_set(err, "memory file '%s' has %" PRIu64 " bytes, %" PRIu64 " are needed", params->path,
                         (uint64_t)st.st_size, needed);
    }
    if ((uint64_t)st.st_size < needed) {
        if (params->open_readonly) {
            return error_set(err, "memory file '%s' is empty and cannot grow read-only", params->path);
        }
        if (needed > INT64_MAX || ftruncate(ram->fd, needed) < 0) {
            return error_set_errno(err, needed > INT64_MAX ? EFBIG : errno,
                                   "growing memory file '%s' to %" PRIu64 " bytes",
                                   params->path ? params->path : ram->name, needed);
        }
    }
    if (params->seal && !params->path && fcntl(ram->fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0) {
        return error_set_errno(err, errno, "sealing the memfd of RAM block '%s'", ram->name);
    }
    return true;
}

/* Reserves address space with room to align, maps into it, gives the rest back. */
static void *map_aligned(RamBlock *ram, uint64_t align, int prot, int flags)
{
    size_t span = ram->size + align;
    uint8_t *reserved, *start;

    if (ram_allocation_fails()) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    reserved = mmap(NULL, span, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (reserved == MAP_FAILED) {
        return MAP_FAILED;
    }
    start = (uint8_t *)(((uintptr_t)reserved + align - 1) & ~(uintptr_t)(align - 1));
    if (mmap(start, ram->size, prot, flags | MAP_FIXED, ram->fd, ram->fd_offset) == MAP_FAILED) {
        int saved = errno;
        munmap(reserved, span);
        errno = saved;
        return MAP_FAILED;
    }
    if (start > reserved) {
        munmap(reserved, start - reserved);
    }
    if (start + ram->size < reserved + span) {
        munmap(start + ram->size, reserved + span - (start + ram->size));
    }
    return start;
}

static bool overcommit_forbidden(void)
{
    g_autofree char *text = NULL;

    return g_file_get_contents("/proc/sys/vm/overcommit_memory", &text, NULL, NULL) && text[0] == '2';
}

static bool map_block(RamBlock *ram, const RamBlockParams *params, GError **err)
{
    uint64_t align = MAX(ram->page_bytes, params->align);
    int prot = PROT_READ | (params->readonly ? 0 : PROT_WRITE);
    int flags = (params->share ? MAP_SHARED : MAP_PRIVATE) | (ram->fd < 0 ? MAP_ANONYMOUS : 0);

    if (align & (align - 1)) {
        return error_set(err, "alignment 0x%" PRIx64 " of RAM block '%s' is not a power of 2", params->align,
                         ram->name);
    }
    if (ram->size >= HUGE_PAGE_BYTES) {
        align = MAX(align, HUGE_PAGE_BYTES);
    }
    if (!params->reserve) {
        if (overcommit_forbidden()) {
            return error_set(err, "RAM block '%s': reserve=off has no effect where the host forbids overcommit",
                             ram->name);
        }
        flags |= MAP_NORESERVE;
    }
    if (params->pmem) {
        flags = (flags & ~MAP_SHARED) | MAP_SHARED_VALIDATE | MAP_SYNC;
    }
    void *host = map_aligned(ram, align, prot, flags);
    if (host == MAP_FAILED) {
        return params->pmem && errno == EOPNOTSUPP
                   ? error_set(err, "memory file '%s' is not on persistent memory (no MAP_SYNC)", params->path)
                   : error_set_errno(err, errno, "cannot get %" PRIu64 " MiB of host memory for RAM block '%s'",
                                     ram->size >> 20,
                                     ram->name);
    }
    ram->host = host;
    ram->shared = params->share;
    ram->read_only = params->readonly;
    return true;
}

/* Hints: a host kernel without them does no harm. */
static void advise(RamBlock *ram, const RamBlockParams *params)
{
    if (ram->size >= HUGE_PAGE_BYTES && ram->page_bytes < HUGE_PAGE_BYTES) {
        madvise(ram->host, ram->size, MADV_HUGEPAGE);
    }
    madvise(ram->host, ram->size, MADV_DONTFORK);
    if (params->merge && !params->share) {
        madvise(ram->host, ram->size, MADV_MERGEABLE);
    }
    if (!params->dump) {
        madvise(ram->host, ram->size, MADV_DONTDUMP);
    }
}

static bool bind_nodes(RamBlock *ram, const RamBlockParams *params, GError **err)
{
    if (!params->numa_policy) {
        return true;
    }
    /* The kernel reads one bit fewer than it is told. */
    if (syscall(SYS_mbind, ram->host, ram->size, params->numa_policy, params->numa_nodes, params->numa_node_bits + 1,
                MPOL_MF_STRICT_ | MPOL_MF_MOVE_) < 0) {
        return error_set_errno(err, errno, "host NUMA policy of RAM block '%s'", ram->name);
    }
    return true;
}

/* Preallocation: each thread populates a slice. */
typedef struct Slice { RamBlock *ram; uint64_t start, len; int error; } Slice;

static void *populate(void *arg)
{
    Slice *slice = arg;
    uint8_t *p = slice->ram->host + slice->start;

    if (slice->len == 0 || madvise(p, slice->len, MADV_POPULATE_WRITE) == 0) {
        return NULL;
    }
    if (errno != EINVAL) {
        slice->error = errno == EFAULT ? ENOMEM : errno;
        return NULL;
    }
    /* Kernel before 5.14. fallocate() made sure of a file's blocks, so that touching a page raises no SIGBUS. */
    for (uint64_t at = 0; at < slice->len; at += slice->ram->page_bytes) {
        __atomic_fetch_add(p + at, 0, __ATOMIC_RELAXED);
    }
    return NULL;
}

static bool preallocate(RamBlock *ram, unsigned threads, GError **err)
{
    Slice slices[PREALLOC_THREADS_MAX];
    pthread_t ids[PREALLOC_THREADS_MAX];
    uint64_t pages = ram->size / ram->page_bytes, done = 0;
    int error = 0;

    if (ram->fd >= 0) {
        if (fallocate(ram->fd, 0, ram->fd_offset, ram->size) < 0 && errno != EOPNOTSUPP) {
            return error_set_errno(err, errno, "cannot preallocate RAM block '%s'", ram->name);
        }
    }
    threads = CLAMP(threads, 1, MIN(PREALLOC_THREADS_MAX, pages));
    for (unsigned i = 0; i < threads; i++) {
        uint64_t end = pages * (i + 1) / threads;

        slices[i] = (Slice){ ram, done * ram->page_bytes, (end - done) * ram->page_bytes, 0 };
        done = end;
        if (i + 1 < threads) {
            ids[i] = thread_start("prealloc", populate, &slices[i]);
        } else {
            populate(&slices[i]);
        }
    }
    for (unsigned i = 0; i < threads; i++) {
        if (i + 1 < threads) {
            pthread_join(ids[i], NULL);
        }
        error = slices[i].error ? slices[i].error : error;
    }
    return error ? error_set_errno(err, error, "cannot preallocate RAM block '%s'", ram->name) : true;
}

bool ram_block_map(RamBlock *ram, const RamBlockParams *params, GError **err)
{
    ram->page_bytes = host_page_bytes();
    if (params->path) {
        if (!open_file(ram, params, err)) {
            return false;
        }
    } else if (params->memfd || params->hugetlb || params->share) {
        if (!open_memfd(ram, params, err)) {
            return false;
        }
    }
    ram->size = (params->size + ram->page_bytes - 1) & ~(ram->page_bytes - 1);
    if (ram->fd_offset + ram->size < ram->size) {
        return error_set(err, "offset and size of RAM block '%s' exceed 64 bits", ram->name);
    }
    if (ram->fd >= 0 && !size_file(ram, params, err)) {
        return false;
    }
    if (!map_block(ram, params, err)) {
        return false;
    }
    advise(ram, params);
    if (!bind_nodes(ram, params, err)) {
        return false;
    }
    return !params->prealloc || params->readonly || preallocate(ram, params->prealloc_threads, err);
}

void ram_block_unmap(RamBlock *ram)
{
    if (ram->host) {
        if (ram->discard_data && ram->shared && ram->fd >= 0) {
            madvise(ram->host, ram->size, MADV_REMOVE);     /* contents are of no use: spare the disk the write-back */
        }
        munmap(ram->host, ram->size);
    }
    if (ram->fd >= 0) {
        close(ram->fd);
    }
}
