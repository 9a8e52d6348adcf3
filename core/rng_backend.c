/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests are answered in order. `fetch` is called for the first of the queue; a request that is cancelled meanwhile
 * stays in place, without an audience, until its bytes arrive.
 */
#include "core/rng_backend.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include "core/host_fd.h"
#include "core/loop.h"

typedef struct RngRequest { size_t bytes; RngFn *fn; void *opaque; } RngRequest;

static void fetch_first(RngBackend *rng)
{
    const RngRequest *r = g_queue_peek_head(&rng->requests);

    if (r) {
        ((const RngBackendType *)rng->object.type)->fetch(rng, MIN(r->bytes, RNG_REQUEST_MAX));
    }
}

void rng_backend_request(RngBackend *rng, size_t bytes, RngFn *fn, void *opaque)
{
    RngRequest *r = g_new(RngRequest, 1);

    *r = (RngRequest){ bytes, fn, opaque };
    g_queue_push_tail(&rng->requests, r);
    if (rng->requests.length == 1) {
        fetch_first(rng);
    }
}

void rng_backend_cancel(RngBackend *rng, void *opaque)
{
    for (GList *l = rng->requests.head; l; l = l->next) {
        RngRequest *r = l->data;
        r->fn = r->opaque == opaque ? NULL : r->fn;
    }
}

void rng_backend_deliver(RngBackend *rng, const uint8_t *data, size_t len)
{
    RngRequest *r = g_queue_peek_head(&rng->requests);

    object_ref(&rng->object);
    if (r->fn) {
        r->fn(r->opaque, data, len);            /* may ask again: that waits until this one has left the queue */
    }
    g_free(g_queue_pop_head(&rng->requests));
    fetch_first(rng);
    object_unref(&rng->object);
}

static void backend_finalize(Object *obj)
{
    g_queue_clear_full(&((RngBackend *)obj)->requests, g_free);
}

const RngBackendType rng_backend_type = {
    .name = "rng-backend", .parent = &object_type, .size = sizeof(RngBackend), .is_abstract = true,
    .finalize = backend_finalize,
};
TYPE_REGISTER(rng_backend_type);

/* rng-builtin */

typedef struct RngBuiltin { RngBackend rng; Bh *bh; size_t bytes; } RngBuiltin;

static void builtin_due(void *opaque)
{
    RngBuiltin *s = opaque;
    g_autofree uint8_t *data = g_malloc(s->bytes);
    ssize_t n;

    do {
        n = getrandom(data, s->bytes, 0);
    } while (n < 0 && errno == EINTR);
    g_assert(n > 0);                            /* the kernel has no other way to fail */
    rng_backend_deliver(&s->rng, data, n);
}

static void builtin_fetch(RngBackend *rng, size_t bytes)
{
    RngBuiltin *s = (RngBuiltin *)rng;

    s->bytes = bytes;
    if (!s->bh) {
        s->bh = bh_new(NULL, builtin_due, s);
    }
    bh_schedule(s->bh);
}

static void builtin_finalize(Object *obj)
{
    bh_free(((RngBuiltin *)obj)->bh);
}

const RngBackendType rng_builtin_type = {
    .name = "rng-builtin", .parent = &rng_backend_type.type, .size = sizeof(RngBuiltin), .user_creatable = true,
    .description = "random numbers from the host kernel", .fetch = builtin_fetch, .finalize = builtin_finalize,
};
TYPE_REGISTER(rng_builtin_type);

/* rng-random */

typedef struct RngRandom { RngBackend rng; char *filename; int fd; size_t bytes; } RngRandom;

static void random_readable(void *opaque)
{
    RngRandom *s = opaque;
    g_autofree uint8_t *data = g_malloc(s->bytes);
    ssize_t n = read(s->fd, data, s->bytes);

    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    event_loop_set_fd(event_loop_main(), s->fd, NULL, NULL, NULL);
    if (n <= 0) {                               /* who asked waits for ever, as for a slow source */
        warn_report("rng-random: no more random numbers from '%s': %s", s->filename, n ? g_strerror(errno) : "end of file");
        return;
    }
    rng_backend_deliver(&s->rng, data, n);
}

static void random_fetch(RngBackend *rng, size_t bytes)
{
    RngRandom *s = (RngRandom *)rng;

    s->bytes = bytes;
    event_loop_set_fd(event_loop_main(), s->fd, random_readable, NULL, s);
}

static void random_init(Object *obj)
{
    ((RngRandom *)obj)->fd = -1;
}

static bool random_complete(Object *obj, GError **err)
{
    RngRandom *s = (RngRandom *)obj;

    if (!s->filename) {
        s->filename = g_strdup("/dev/urandom");
    }
    s->fd = host_open(s->filename, O_RDONLY | O_NONBLOCK, 0);
    if (s->fd < 0) {
        error_set_errno(err, errno, "Could not open '%s'", s->filename);
        return false;
    }
    return true;
}

static void random_finalize(Object *obj)
{
    RngRandom *s = (RngRandom *)obj;

    if (s->fd >= 0) {
        event_loop_set_fd(event_loop_main(), s->fd, NULL, NULL, NULL);
        close(s->fd);
    }
}

static const Property random_properties[] = {
    PROP_STR("filename", RngRandom, filename, "File that gives random numbers; /dev/urandom if not said"), { }
};

static const RngBackendType rng_random_type = {
    .name = "rng-random", .parent = &rng_backend_type.type, .size = sizeof(RngRandom), .user_creatable = true,
    .description = "random numbers from a file", .properties = random_properties, .init = random_init,
    .complete = random_complete, .finalize = random_finalize, .fetch = random_fetch,
};
TYPE_REGISTER(rng_random_type);
