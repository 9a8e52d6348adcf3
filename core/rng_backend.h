/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a device's random numbers come from: -object rng-builtin (the host kernel's generator), rng-random (a file).
 *
 * A device asks, and is given bytes later, from the main loop: never within the call. This is the one door by which
 * random numbers reach a device, so that they can be recorded and replayed here. Under the big lock.
 */
#ifndef CORE_RNG_BACKEND_H
#define CORE_RNG_BACKEND_H

#include "core/object.h"

#define RNG_REQUEST_MAX 65536u                  /* bytes given at once; who wants more asks again */

typedef struct RngBackend RngBackend;

/* A sort of back end. `fetch` starts to find up to @bytes, and ends by rng_backend_deliver(); one at a time. */
typedef struct RngBackendType {
    union { Type type; struct Type; };
    void (*fetch)(RngBackend *rng, size_t bytes);
} RngBackendType;

struct RngBackend {
    Object object;
    GQueue requests;                            /* RngRequest *; the first is being fetched */
};

extern const RngBackendType rng_backend_type;   /* "rng-backend": abstract */
extern const RngBackendType rng_builtin_type;   /* "rng-builtin" */

typedef void RngFn(void *opaque, const uint8_t *data, size_t len);
/** rng_backend_request: @fn gets up to @bytes bytes (not 0), at least one and at most RNG_REQUEST_MAX. */
void rng_backend_request(RngBackend *rng, size_t bytes, RngFn *fn, void *opaque);
/** rng_backend_cancel: forgets all that was asked for with @opaque. */
void rng_backend_cancel(RngBackend *rng, void *opaque);
/** rng_backend_deliver: for back ends: @data is what `fetch` found, at least one byte. */
void rng_backend_deliver(RngBackend *rng, const uint8_t *data, size_t len);

#endif
