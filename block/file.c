/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * file: a regular file of the host.
 *
 * Each request is one job of the worker pool, but for small reads that the page cache can answer at once: those are
 * tried first without leaving the thread (RWF_NOWAIT). With aio=native reads and writes go to the kernel's queue
 * (linux_aio.c) instead, and to a worker only what comes back from there undone. `length` is ours: only writes and truncation through this node
 * change it, and reads past it (the last, partial sector) give zeros.
 * A failed fdatasync() may have dropped dirty pages that the kernel now calls clean, so without O_DIRECT every later
 * flush fails too: data that was reported lost must not be reported safe.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "block/file.h"
#include "block/linux_aio.h"
#include "core/host_fd.h"
#include "core/thread.h"

#define INLINE_READ_BYTES (64 << 10)
#define IOV_WINDOW 64                           /* vectors handed to the kernel at a time */

typedef enum JobKind { JOB_READ, JOB_WRITE, JOB_ZERO, JOB_UNMAP, JOB_TRUNCATE, JOB_FLUSH } JobKind;

typedef struct Job {
    JobKind kind;
    int fd;
    int64_t offset, bytes;
    const IoVec *v;
    bool fua;
} Job;

/* ---- what runs in a worker ---- */

/* Vectors of @v from byte @done on into @window. */
static int iov_rest(const IoVec *v, size_t done, struct iovec window[IOV_WINDOW])
{
    int count = 0;

    for (int i = 0; i < v->count && count < IOV_WINDOW; i++) {
        size_t len = v->iov[i].iov_len;

        if (done >= len) {
            done -= len;
            continue;
        }
        window[count++] = (struct iovec){ (char *)v->iov[i].iov_base + done, len - done };
        done = 0;
    }
    return count;
}

static void iov_zero_rest(const IoVec *v, size_t done)
{
    for (int i = 0; i < v->count; i++) {
        size_t len = v->iov[i].iov_len;

        if (done < len) {
            memset((char *)v->iov[i].iov_base + done, 0, len - done);
            done = 0;
        } else {
            done -= len;
        }
    }
}

static int do_read(const Job *job)
{
    struct iovec window[IOV_WINDOW];

    for (size_t done = 0; done < job->v->size;) {
        ssize_t n = preadv(job->fd, window, iov_rest(job->v, done, window), job->offset + done);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return -errno;
        }
        if (n == 0) {
            iov_zero_rest(job->v, done);
            break;
        }
        done += n;
    }
    return 0;
}

static int do_write(const Job *job)
{
    struct iovec window[IOV_WINDOW];
    int flags = job->fua ? RWF_DSYNC : 0;

    for (size_t done = 0; done < job->v->size;) {
        ssize_t n = pwritev2(job->fd, window, iov_rest(job->v, done, window), job->offset + done, flags);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && flags && (errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL)) {
            flags = 0;
            continue;
        }
        if (n <= 0) {
            return n < 0 ? -errno : -EIO;
        }
        done += n;
    }
    return job->fua && !flags && fdatasync(job->fd) < 0 ? -errno : 0;
}

static int do_fallocate(const Job *job, int mode)
{
    int ret;

    do {
        ret = fallocate(job->fd, mode, job->offset, job->bytes);
    } while (ret < 0 && errno == EINTR);
    return ret == 0 ? 0 : errno == EOPNOTSUPP || errno == ENOSYS ? -ENOTSUP : -errno;
}

static int run_job(void *arg)
{
    const Job *job = arg;

    switch (job->kind) {
    case JOB_READ:
        return do_read(job);
    case JOB_WRITE:
        return do_write(job);
    case JOB_ZERO:
        return do_fallocate(job, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE);
    case JOB_UNMAP:
        return do_fallocate(job, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE);
    case JOB_TRUNCATE:
        return ftruncate(job->fd, job->bytes) < 0 ? -errno : 0;
    case JOB_FLUSH:
        return fdatasync(job->fd) < 0 ? -errno : 0;
    }
    return -EINVAL;
}

/* ---- requests ---- */

/* What the page cache has, at once; false: ask a worker. */
static bool read_inline(FileNode *s, int64_t offset, const IoVec *v)
{
    struct iovec window[IOV_WINDOW];
    ssize_t n;

    if (s->no_inline || v->size > INLINE_READ_BYTES || v->count > IOV_WINDOW) {
        return false;
    }
    n = preadv2(s->fd, window, iov_rest(v, 0, window), offset, RWF_NOWAIT);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        s->no_inline = true;                    /* the file system cannot; an error is for the worker to find again */
    }
    return n == (ssize_t)v->size;
}

/*
 * Reads or writes by the kernel's queue, or else by a worker: when the queue is full, the file system cannot, or the
 * transfer was cut short.
 */
static int COROUTINE_FN run_transfer(FileNode *s, Job *job)
{
    struct iovec window[IOV_WINDOW];
    ssize_t n = -EAGAIN;

    if (s->native && job->v->count <= IOV_WINDOW) {
        n = linux_aio_transfer(s->native, s->fd, job->kind == JOB_WRITE, window, iov_rest(job->v, 0, window),
                               job->offset, job->fua ? RWF_DSYNC : 0);
    }
    if (n == (ssize_t)job->v->size) {
        return 0;
    }
    if (n < 0 && n != -EAGAIN && n != -EINVAL && n != -EOPNOTSUPP) {
        return n;
    }
    return worker_co_run(run_job, job);
}

static int COROUTINE_FN file_preadv(BlockNode *n, int64_t offset, const IoVec *v)
{
    FileNode *s = (FileNode *)n;
    Job job = { JOB_READ, s->fd, offset, v->size, v };

    return read_inline(s, offset, v) ? 0 : run_transfer(s, &job);
}

static int COROUTINE_FN file_pwritev(BlockNode *n, int64_t offset, const IoVec *v, unsigned flags)
{
    FileNode *s = (FileNode *)n;
    Job job = { JOB_WRITE, s->fd, offset, v->size, v, flags & BLOCK_FUA };
    int ret = run_transfer(s, &job);

    if (ret == 0) {
        s->length = MAX(s->length, offset + (int64_t)v->size);
    }
    return ret;
}

static int COROUTINE_FN file_write_zeroes(BlockNode *n, int64_t offset, int64_t bytes, unsigned flags)
{
    FileNode *s = (FileNode *)n;
    Job job = { flags & BLOCK_MAY_UNMAP ? JOB_UNMAP : JOB_ZERO, s->fd, offset, bytes };
    bool *refused = flags & BLOCK_MAY_UNMAP ? &s->no_unmap : &s->no_zero;
    int ret;

    /* Past the end the file must grow, which neither kind does. */
    if (*refused || offset > s->length || bytes > s->length - offset) {
        return -ENOTSUP;
    }
    ret = worker_co_run(run_job, &job);
    if (ret == 0 && (flags & BLOCK_FUA)) {
        ret = block_driver(n)->co_flush(n);
    }
    *refused = ret == -ENOTSUP;
    return ret;
}

static int COROUTINE_FN file_discard(BlockNode *n, int64_t offset, int64_t bytes)
{
    FileNode *s = (FileNode *)n;
    Job job = { JOB_UNMAP, s->fd, offset, bytes };
    int ret = s->no_unmap ? -ENOTSUP : worker_co_run(run_job, &job);

    s->no_unmap = ret == -ENOTSUP;
    return ret;
}

static int COROUTINE_FN file_truncate(BlockNode *n, int64_t length)
{
    FileNode *s = (FileNode *)n;
    Job job = { JOB_TRUNCATE, s->fd, .bytes = length };
    int ret = worker_co_run(run_job, &job);

    if (ret == 0) {
        s->length = length;
    }
    return ret;
}

static int COROUTINE_FN file_flush(BlockNode *n)
{
    FileNode *s = (FileNode *)n;
    Job job = { JOB_FLUSH, s->fd };
    int ret;

    if (s->flush_error) {
        return s->flush_error;
    }
    ret = worker_co_run(run_job, &job);
    if (ret < 0 && !n->cache_direct) {
        s->flush_error = ret;
    }
    return ret;
}

static int64_t file_length(BlockNode *n) { return ((FileNode *)n)->length; }

/* ---- opening ---- */

/* The smallest unit the kernel takes for O_DIRECT: found by trying, since few file systems say. */
static bool probe_alignment(FileNode *s, GError **err)
{
    void *buf = NULL;

    if (posix_memalign(&buf, 4096, 4096)) {
        return error_set_errno(err, ENOMEM, "Could not probe the alignment of '%s'", s->filename);
    }
    for (uint32_t size = BLOCK_SECTOR_BYTES; size <= 4096; size *= 2) {
        if (pread(s->fd, buf, size, 0) >= 0 || errno != EINVAL) {
            s->node.request_bytes = s->node.memory_bytes = size;
            free(buf);
            return true;
        }
    }
    free(buf);
    return error_set(err, "Could not find working O_DIRECT alignment of '%s'; try cache.direct=off", s->filename);
}

static bool open_fd(FileNode *s, GError **err)
{
    BlockNode *n = &s->node;
    int flags = O_NONBLOCK | (n->cache_direct ? O_DIRECT : 0);
    bool writable = !n->read_only;
    struct stat st;

    s->fd = host_open(s->filename, flags | (writable ? O_RDWR : O_RDONLY), 0);
    if (s->fd < 0 && writable && n->auto_read_only && (errno == EACCES || errno == EROFS || errno == EPERM)) {
        n->read_only = true;
        s->fd = host_open(s->filename, flags | O_RDONLY, 0);
    }
    if (s->fd < 0) {
        int e = errno;

        error_set_errno(err, e, "Could not open '%s'", s->filename);
        if (e == EINVAL && n->cache_direct) {
            g_prefix_error(err, "the file system may not support O_DIRECT, try cache.direct=off: ");
        }
        return false;
    }
    if (fstat(s->fd, &st) < 0) {
        return error_set_errno(err, errno, "Could not stat '%s'", s->filename);
    }
    if (!S_ISREG(st.st_mode)) {
        return error_set(err, "'file' driver requires '%s' to be a regular file", s->filename);
    }
    fcntl(s->fd, F_SETFL, fcntl(s->fd, F_GETFL) & ~O_NONBLOCK);
    s->length = st.st_size;
    return true;
}

static bool file_open(BlockNode *n, GError **err)
{
    FileNode *s = (FileNode *)n;

    if (!s->filename) {
        return error_set(err, "Parameter 'filename' is missing");
    }
    if (s->aio == AIO_NATIVE && !n->cache_direct) {
        return error_set(err, "aio=native was specified, but it requires cache.direct=on, which was not specified");
    }
    if (s->aio == AIO_IO_URING) {
        return error_set(err, "aio=io_uring was specified, but is not supported in this build; use threads or native");
    }
    if (!open_fd(s, err)) {
        return false;
    }
    if (s->aio == AIO_NATIVE && !(s->native = linux_aio_new(err))) {
        return false;
    }
    s->no_inline = n->cache_direct;
    return (!n->cache_direct || probe_alignment(s, err)) && file_lock_init(s, err);
}

static void file_refresh_filename(BlockNode *n) { n->filename = g_strdup(((FileNode *)n)->filename); }

static void file_init(Object *obj)
{
    FileNode *s = (FileNode *)obj;

    s->fd = -1;
    s->locked_shared = BLOCK_PERM_ALL;
}

/* Closing drops the locks. */
static void file_finalize(Object *obj)
{
    FileNode *s = (FileNode *)obj;

    linux_aio_free(s->native);
    if (s->fd >= 0) {
        close(s->fd);
    }
}

static const char *const aio_names[] = {
    [AIO_THREADS] = "threads", [AIO_NATIVE] = "native", [AIO_IO_URING] = "io_uring", NULL
};

static const Property file_properties[] = {
    PROP_STR("filename", FileNode, filename, "path of the file"),
    PROP_ON_OFF_AUTO("locking", FileNode, locking, ON_OFF_AUTO_AUTO, "lock the image against other emulators"),
    PROP_ENUM("aio", FileNode, aio, AIO_THREADS, aio_names, "BlockdevAioOptions",
              "how requests reach the host: threads of our own, or native: the kernel's queue (with cache.direct)"),
    PROP_INT64("aio-max-batch", FileNode, aio_max_batch, 0,
        "most requests submitted at once; each is submitted as it comes"),
    PROP_BOOL("drop-cache", FileNode, drop_cache, true,
        "drop the page cache when the image is taken over in a migration"),
    PROP_BOOL("x-check-cache-dropped", FileNode, check_cache_dropped, false, "check that the page cache was dropped"),
    { }
};

static const BlockDriver block_file_type = {
    .name = BLOCK_TYPE_PREFIX "file", .parent = &block_node_type.type, .size = sizeof(FileNode),
    .description = "regular file", .properties = file_properties, .init = file_init, .finalize = file_finalize,
    .open = file_open, .check_perm = file_lock_check, .set_perm = file_lock_set, .abort_perm = file_lock_set,
    .length = file_length, .co_preadv = file_preadv, .co_pwritev = file_pwritev, .co_write_zeroes = file_write_zeroes,
    .co_discard = file_discard, .co_truncate = file_truncate, .co_flush = file_flush,
    .refresh_filename = file_refresh_filename,
};
TYPE_REGISTER(block_file_type);
