/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Points and steps of an outside debugger (debug.h). */
#include "accel/debug.h"

#include <string.h>

#include "core/thread.h"
#include "core/vm.h"

enum { PAGE_OFFSET = 0xfff };

DebugPoint debug_points[DEBUG_POINTS_MAX];
unsigned debug_break_count, debug_watch_count;
uint32_t debug_generation;
bool debug_step_without_interrupts;
DebugLast debug_last;

static GByteArray *committed;

static void count(const DebugPoint *p, int change)
{
    *(debug_is_break(p) ? &debug_break_count : &debug_watch_count) += change;
}

bool debug_point_add(Cpu *cpu, DebugKind kind, uint64_t addr, uint64_t bytes)
{
    DebugPoint *p = &debug_points[debug_point_count()];

    if (debug_point_count() == DEBUG_POINTS_MAX || addr + MAX(bytes, 1) - 1 < addr) {
        return false;
    }
    *p = (DebugPoint){ .kind = kind, .addr = addr, .bytes = kind <= DEBUG_BREAK_HARDWARE ? 1 : MAX(bytes, 1) };
    if (cpu->ops->debug_insert && !cpu->ops->debug_insert(cpu, p)) {
        return false;
    }
    count(p, 1);
    return true;
}

static void take_out(Cpu *cpu, unsigned i)
{
    DebugPoint p = debug_points[i];

    count(&p, -1);
    debug_points[i] = debug_points[debug_point_count()];
    if (cpu->ops->debug_remove) {
        cpu->ops->debug_remove(cpu, &p);
    }
}

bool debug_point_remove(Cpu *cpu, DebugKind kind, uint64_t addr, uint64_t bytes)
{
    for (unsigned i = 0; i < debug_point_count(); i++) {
        const DebugPoint *p = &debug_points[i];
        if (p->kind == kind && p->addr == addr && (debug_is_break(p) || p->bytes == MAX(bytes, 1))) {
            take_out(cpu, i);
            return true;
        }
    }
    return false;
}

void debug_points_clear(Cpu *cpu)
{
    while (debug_point_count()) {
        take_out(cpu, debug_point_count() - 1);
    }
}

void debug_commit(void)
{
    const size_t bytes = debug_point_count() * sizeof(DebugPoint);

    if (!committed) {
        committed = g_byte_array_new();
    }
    if (committed->len != bytes || memcmp(committed->data, debug_points, bytes)) {
        g_byte_array_set_size(committed, 0);
        g_byte_array_append(committed, (const uint8_t *)debug_points, bytes);
        debug_generation++;
    }
}

const DebugPoint *debug_break_in(uint64_t addr, uint64_t bytes)
{
    for (unsigned i = 0; debug_break_count && i < debug_point_count(); i++) {
        if (debug_is_break(&debug_points[i]) && debug_points[i].addr - addr < bytes) {
            return &debug_points[i];
        }
    }
    return NULL;
}

bool debug_break_may_cover(uint64_t addr, uint64_t bytes)
{
    for (unsigned i = 0; debug_break_count && i < debug_point_count(); i++) {
        if (debug_is_break(&debug_points[i]) && ((debug_points[i].addr - addr) & PAGE_OFFSET) < bytes) {
            return true;
        }
    }
    return false;
}

const DebugPoint *debug_watch_in(uint64_t addr, uint64_t bytes, bool write)
{
    for (unsigned i = 0; i < debug_point_count(); i++) {
        const DebugPoint *p = &debug_points[i];
        bool kind = p->kind == DEBUG_WATCH_ACCESS || p->kind == (write ? DEBUG_WATCH_WRITE : DEBUG_WATCH_READ);
        if (kind && addr <= p->addr + (p->bytes - 1) && p->addr <= addr + (bytes - 1)) {
            return p;
        }
    }
    return NULL;
}

bool debug_watch_page(uint64_t addr)
{
    for (unsigned i = 0; debug_watch_count && i < debug_point_count(); i++) {
        const DebugPoint *p = &debug_points[i];
        if (!debug_is_break(p) && (p->addr & ~(uint64_t)PAGE_OFFSET) <= addr && addr <= ((p->addr + p->bytes - 1) | PAGE_OFFSET)) {
            return true;
        }
    }
    return false;
}

void debug_stop(Cpu *cpu, DebugReason reason, DebugKind kind, uint64_t addr)
{
    BQL_GUARD();

    cpu->debug_step = DEBUG_STEP_NONE;
    cpu->stop = true;
    __atomic_store_n(&cpu->exit_request, 1, __ATOMIC_SEQ_CST);
    debug_last = (DebugLast){ cpu->index, reason, kind, addr };
    vm_request_stop(RUN_STATE_DEBUG);
}
