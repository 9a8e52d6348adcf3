/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests on a node: counting, waiting while drained, alignment.
 *
 *   block_node_pwritev() -> node_begin() waits while quiesced
 *     aligned            -> driver, through a bounce buffer if its memory must be aligned and is not
 *     not aligned        -> read the blocks at both ends, merge, write; meanwhile no other write may touch them
 *
 * Order of overlapping writes: a request waits only for ones begun before it (their place in `tracked`), so there is no
 * circle. Only writes that read first ("serialising") make others wait.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "block/node.h"
#include "core/thread.h"

#define ZERO_CHUNK_BYTES (1 << 20)

struct BlockTracked {
    int64_t start, end;
    bool serialising;
    CoQueue waiting;
};

struct BlockInject block_inject;

/* Wakes threads other than the main one that drain. */
static pthread_cond_t idle_cond = PTHREAD_COND_INITIALIZER;

/* ---- counting and draining ---- */

static void COROUTINE_FN node_begin(BlockNode *n)
{
    while (n->quiesced) {
        co_queue_wait(&n->resume);
    }
    n->in_flight++;
}

static int node_end(BlockNode *n, int ret)
{
    if (--n->in_flight == 0) {
        pthread_cond_broadcast(&idle_cond);
    }
    return ret;
}

/* Lets other things happen until something did; the caller looks at its condition again. */
static void wait_a_turn(EventLoop *loop)
{
    if (gettid() == getpid() || loop != event_loop_main()) {
        event_loop_run_once(loop, true);
    } else {
        bql_wait(&idle_cond);
    }
}

void block_drained_begin(BlockNode *n)
{
    n->quiesced++;
    while (n->in_flight) {
        wait_a_turn(n->loop);
    }
}

void block_drained_end(BlockNode *n)
{
    g_assert(n->quiesced > 0);
    if (--n->quiesced == 0) {
        co_queue_wake_all(&n->resume);
    }
}

void block_drain(BlockBackend *blk)
{
    while (blk->in_flight) {
        wait_a_turn(event_loop_main());
    }
}

void block_backend_request_begin(BlockBackend *blk) { blk->in_flight++; }

void block_backend_request_end(BlockBackend *blk)
{
    if (--blk->in_flight == 0) {
        pthread_cond_broadcast(&idle_cond);
    }
}

/* ---- overlapping writes ---- */

static void COROUTINE_FN tracked_begin(BlockNode *n, BlockTracked *t)
{
    bool waited;

    g_ptr_array_add(n->tracked, t);
    do {
        waited = false;
        for (guint i = 0; i < n->tracked->len && n->tracked->pdata[i] != t; i++) {
            BlockTracked *other = n->tracked->pdata[i];

            if ((t->serialising || other->serialising) && other->start < t->end && t->start < other->end) {
                co_queue_wait(&other->waiting);
                waited = true;                  /* the array has changed */
                break;
            }
        }
    } while (waited);
}

static void tracked_end(BlockNode *n, BlockTracked *t)
{
    g_ptr_array_remove(n->tracked, t);          /* keeps the order of the others */
    co_queue_wake_all(&t->waiting);
}

/* ---- helpers ---- */

void *block_buffer_alloc(BlockNode *n, size_t bytes)
{
    void *p = NULL;

    return posix_memalign(&p, MAX(n->memory_bytes, 64), MAX(bytes, 1)) ? NULL : p;
}

bool block_iov_is_zero(const IoVec *v)
{
    for (int i = 0; i < v->count; i++) {
        const uint8_t *p = v->iov[i].iov_base;
        size_t len = v->iov[i].iov_len;

        if (len && (p[0] || memcmp(p, p + 1, len - 1))) {
            return false;
        }
    }
    return true;
}

static void iov_gather(const IoVec *v, uint8_t *to)
{
    for (int i = 0; i < v->count; i++) {
        memcpy(to, v->iov[i].iov_base, v->iov[i].iov_len);
        to += v->iov[i].iov_len;
    }
}

static void iov_scatter(const IoVec *v, const uint8_t *from)
{
    for (int i = 0; i < v->count; i++) {
        memcpy(v->iov[i].iov_base, from, v->iov[i].iov_len);
        from += v->iov[i].iov_len;
    }
}

static bool memory_aligned(const BlockNode *n, const IoVec *v)
{
    uintptr_t all = 0;

    for (int i = 0; i < v->count; i++) {
        all |= (uintptr_t)v->iov[i].iov_base | v->iov[i].iov_len;
    }
    return (all & (n->memory_bytes - 1)) == 0;
}

static bool is_aligned(const BlockNode *n, int64_t offset, int64_t bytes)
{
    return ((offset | bytes) & (n->request_bytes - 1)) == 0;
}

static int inject(BlockNode *n, BlockInjectKind kind)
{
    unsigned *left = &block_inject.countdown[kind];

    if (G_LIKELY(!*left) || n->children->len) {
        return 0;
    }
    if (--*left) {
        return 0;
    }
    if (block_inject.repeat) {
        block_inject.repeat--;
        *left = 1;
    }
    return -block_inject.error;
}

static int COROUTINE_FN driver_read(BlockNode *n, int64_t offset, const IoVec *v)
{
    int ret = inject(n, BLOCK_INJECT_READ);

    return ret ? ret : block_driver(n)->co_preadv(n, offset, v);
}

static int COROUTINE_FN driver_write(BlockNode *n, int64_t offset, const IoVec *v, unsigned flags)
{
    int ret = inject(n, BLOCK_INJECT_WRITE);

    n->writes_begun++;
    return ret ? ret : block_driver(n)->co_pwritev(n, offset, v, flags);
}

/* ---- read ---- */

static int COROUTINE_FN read_bounced(BlockNode *n, int64_t offset, const IoVec *v)
{
    int64_t start = offset & -(int64_t)n->request_bytes;
    size_t bytes = ((offset + v->size + n->request_bytes - 1) & -(int64_t)n->request_bytes) - start;
    uint8_t *buf = block_buffer_alloc(n, bytes);
    struct iovec iov = { buf, bytes };
    IoVec all = { &iov, 1, bytes };
    int ret;

    if (!buf) {
        return -ENOMEM;
    }
    ret = driver_read(n, start, &all);
    if (ret == 0) {
        iov_scatter(v, buf + (offset - start));
    }
    free(buf);
    return ret;
}

int COROUTINE_FN block_node_preadv(BlockNode *n, int64_t offset, const IoVec *v)
{
    if (v->size == 0) {
        return 0;
    }
    node_begin(n);
    return node_end(n, is_aligned(n, offset, v->size) && (n->memory_bytes == 1 || memory_aligned(n, v))
                           ? driver_read(n, offset, v) : read_bounced(n, offset, v));
}

/* ---- write ---- */

/* @v NULL: zeros. [@offset, +@bytes) need not be aligned; what is around it in its blocks is kept. */
static int COROUTINE_FN write_bounced(BlockNode *n, int64_t offset, int64_t bytes, const IoVec *v, unsigned flags)
{
    int64_t align = n->request_bytes, start = offset & -align, end = (offset + bytes + align - 1) & -align;
    uint8_t *buf = block_buffer_alloc(n, end - start);
    struct iovec iov = { buf, align };
    IoVec edge = { &iov, 1, align };
    int ret = 0;

    if (!buf) {
        return -ENOMEM;
    }
    if (offset > start || (end - start == align && offset + bytes < end)) {
        ret = driver_read(n, start, &edge);
    }
    if (ret == 0 && offset + bytes < end && end - start > align) {
        iov.iov_base = buf + (end - start - align);
        ret = driver_read(n, end - align, &edge);
    }
    if (ret == 0) {
        if (v) {
            iov_gather(v, buf + (offset - start));
        } else {
            memset(buf + (offset - start), 0, bytes);
        }
        iov = (struct iovec){ buf, end - start };
        edge.size = end - start;
        ret = driver_write(n, start, &edge, flags);
    }
    free(buf);
    return ret;
}

static int COROUTINE_FN write_zero_buffers(BlockNode *n, int64_t offset, int64_t bytes, unsigned flags)
{
    size_t chunk = MIN(bytes, ZERO_CHUNK_BYTES);
    void *zeros = block_buffer_alloc(n, chunk);
    int ret = 0;

    if (!zeros) {
        return -ENOMEM;
    }
    memset(zeros, 0, chunk);
    while (bytes > 0 && ret == 0) {
        struct iovec iov = { zeros, MIN(bytes, chunk) };
        IoVec v = { &iov, 1, iov.iov_len };

        ret = driver_write(n, offset, &v, flags);
        offset += v.size;
        bytes -= v.size;
    }
    free(zeros);
    return ret;
}

static int COROUTINE_FN zero_aligned(BlockNode *n, int64_t offset, int64_t bytes, unsigned flags)
{
    int ret = inject(n, BLOCK_INJECT_WRITE);

    if (ret) {
        return ret;
    }
    n->writes_begun++;
    if (n->discard == DISCARD_IGNORE) {
        flags &= ~BLOCK_MAY_UNMAP;
    }
    ret = block_driver(n)->co_write_zeroes ? block_driver(n)->co_write_zeroes(n, offset, bytes, flags) : -ENOTSUP;
    return ret == -ENOTSUP ? write_zero_buffers(n, offset, bytes, flags & ~BLOCK_MAY_UNMAP) : ret;
}

static int COROUTINE_FN zero_any(BlockNode *n, int64_t offset, int64_t bytes, unsigned flags)
{
    int64_t align = n->request_bytes, first = (offset + align - 1) & -align, last = (offset + bytes) & -align;
    int ret = 0;

    if (first >= last) {
        return is_aligned(n, offset, bytes) ? zero_aligned(n, offset, bytes, flags)
                                            : write_bounced(n, offset, bytes, NULL, flags);
    }
    if (first > offset) {
        ret = write_bounced(n, offset, first - offset, NULL, flags);
    }
    if (ret == 0) {
        ret = zero_aligned(n, first, last - first, flags);
    }
    if (ret == 0 && offset + bytes > last) {
        ret = write_bounced(n, last, offset + bytes - last, NULL, flags);
    }
    return ret;
}

/* @v NULL: zeros. */
static int COROUTINE_FN write_any(BlockNode *n, int64_t offset, int64_t bytes, const IoVec *v, unsigned flags)
{
    int64_t align = n->request_bytes;
    BlockTracked t = { offset & -align, (offset + bytes + align - 1) & -align, !is_aligned(n, offset, bytes) };
    int ret;

    if (bytes == 0) {
        return 0;
    }
    if (n->read_only || !n->active) {
        return -EPERM;
    }
    node_begin(n);
    tracked_begin(n, &t);
    if (v && n->detect_zeroes != DETECT_ZEROES_OFF && block_iov_is_zero(v)) {
        flags |= n->detect_zeroes == DETECT_ZEROES_UNMAP ? BLOCK_MAY_UNMAP : 0;
        v = NULL;
    }
    if (!v) {
        ret = zero_any(n, offset, bytes, flags);
    } else if (t.serialising || (n->memory_bytes > 1 && !memory_aligned(n, v))) {
        ret = write_bounced(n, offset, bytes, v, flags);
    } else {
        ret = driver_write(n, offset, v, flags);
    }
    tracked_end(n, &t);
    return node_end(n, ret);
}

int COROUTINE_FN block_node_pwritev(BlockNode *n, int64_t offset, const IoVec *v, unsigned flags)
{
    return write_any(n, offset, v->size, v, flags);
}

int COROUTINE_FN block_node_write_zeroes(BlockNode *n, int64_t offset, int64_t bytes, unsigned flags)
{
    return write_any(n, offset, bytes, NULL, flags);
}

int COROUTINE_FN block_node_discard(BlockNode *n, int64_t offset, int64_t bytes)
{
    int64_t align = n->request_bytes, first = (offset + align - 1) & -align, last = (offset + bytes) & -align;
    BlockTracked t = { first, last, false };
    int ret;

    if (n->read_only || !n->active) {
        return -EPERM;
    }
    if (n->discard == DISCARD_IGNORE || !block_driver(n)->co_discard || first >= last) {
        return 0;                               /* a hint may be ignored */
    }
    node_begin(n);
    tracked_begin(n, &t);
    ret = inject(n, BLOCK_INJECT_WRITE);
    if (ret == 0) {
        n->writes_begun++;
        ret = block_driver(n)->co_discard(n, first, last - first);
    }
    tracked_end(n, &t);
    return node_end(n, ret == -ENOTSUP ? 0 : ret);
}

int COROUTINE_FN block_node_flush(BlockNode *n)
{
    uint64_t upto = n->writes_begun;
    int ret;

    if (n->cache_no_flush || n->read_only || upto == n->writes_flushed) {
        return 0;
    }
    node_begin(n);
    ret = inject(n, BLOCK_INJECT_FLUSH);
    if (ret == 0 && block_driver(n)->co_flush) {
        ret = block_driver(n)->co_flush(n);
    }
    if (ret == 0) {
        n->writes_flushed = MAX(n->writes_flushed, upto);
    }
    return node_end(n, ret);
}

int COROUTINE_FN block_node_truncate(BlockNode *n, int64_t length)
{
    BlockTracked t = { 0, INT64_MAX, true };
    int ret;

    if (n->read_only || !n->active) {
        return -EPERM;
    }
    if (length < 0) {
        return -EINVAL;
    }
    if (!block_driver(n)->co_truncate) {
        return -ENOTSUP;
    }
    node_begin(n);
    tracked_begin(n, &t);
    n->writes_begun++;
    ret = block_driver(n)->co_truncate(n, length);
    tracked_end(n, &t);
    return node_end(n, ret);
}
