/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory back ends: -object memory-backend-ram|file|memfd. A board takes one whole as a RAM region. */
#ifndef MEMORY_BACKEND_H
#define MEMORY_BACKEND_H

#include "memory/memory.h"

typedef struct MemoryBackend MemoryBackend;
extern const Type memory_backend_type;          /* "memory-backend", abstract */
extern const Type memory_backend_ram_type;

/** memory_backend_region: the RAM region of a completed back end; a back end serves one user: a second call fails. */
MemoryRegion *memory_backend_region(Object *backend, GError **err);
uint64_t memory_backend_size(Object *backend);

#endif
