/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `info mtree`: the region trees, or with @flat the rendered views, in the layout that scripts know.
 *
 * Tree: each root once, under the names of all spaces that have it; then the trees that aliases point into, one
 * "memory-region:" section each. Disabled regions and what is below them are left out.
 */
#include "memory/internal.h"

enum { INDENT = 2, DEPTH_MAX = 64 };

static const char *kind_name(const MemoryRegion *mr, bool romd)
{
    switch (mr->kind) {
    case REGION_ALIAS: return mr->alias ? kind_name(mr->alias, mr->alias->romd_mode) : "container";
    case REGION_CONTAINER: return "container";
    case REGION_RAM: return mr->read_only ? "rom" : "ram";
    case REGION_ROM: return "rom";
    case REGION_ROM_DEVICE: return romd ? "romd" : "i/o";
    default: return mr->ops == &memory_unassigned_ops ? "container" : "i/o";
    }
}

static void print_bounds(GString *out, unsigned depth, __int128 start, unsigned __int128 size)
{
    __int128 last = start + (__int128)size - 1;

    g_string_append_printf(out, "%*s%016" PRIx64 "-%016" PRIx64 " ", depth * INDENT, "", (uint64_t)start,
                           (uint64_t)(size ? last : start));
}

static int by_place(const void *a, const void *b)
{
    const MemoryRegion *x = *(MemoryRegion *const *)a, *y = *(MemoryRegion *const *)b;

    if (x->addr != y->addr) {
        return x->addr < y->addr ? -1 : 1;
    }
    return (x->priority < y->priority) - (x->priority > y->priority);
}

/* @seen: roots of the trees that aliases met so far point into, in order of meeting. */
static void print_region(GString *out, const MemoryRegion *mr, __int128 base, unsigned depth, GPtrArray *seen)
{
    if (!mr->enabled || depth > DEPTH_MAX) {
        return;
    }
    base += mr->addr;
    print_bounds(out, depth, base, mr->size);
    if (mr->kind == REGION_ALIAS && mr->alias) {
        GuestAddr last = mr->alias_offset + (uint64_t)(mr->size ? mr->size - 1 : 0);

        g_string_append_printf(out, "(prio %d, %s): alias %s @%s %016" PRIx64 "-%016" PRIx64 "\n", mr->priority,
                               kind_name(mr, false), mr->name, mr->alias->name, mr->alias_offset, last);
        if (!g_ptr_array_find(seen, mr->alias, NULL)) {
            g_ptr_array_add(seen, mr->alias);
        }
        return;
    }
    g_string_append_printf(out, "(prio %d, %s): %s\n", mr->priority, kind_name(mr, mr->romd_mode), mr->name);
    if (mr->subregions) {
        g_autoptr(GPtrArray) sorted = g_ptr_array_new();

        for (unsigned i = 0; i < mr->subregions->len; i++) {
            g_ptr_array_add(sorted, g_ptr_array_index(mr->subregions, i));
        }
        g_ptr_array_sort(sorted, by_place);
        for (unsigned i = 0; i < sorted->len; i++) {
            print_region(out, g_ptr_array_index(sorted, i), base, depth + 1, seen);
        }
    }
}

static void print_trees(GString *out)
{
    g_autoptr(GPtrArray) printed = g_ptr_array_new(), aliased = g_ptr_array_new();

    for (AddressSpace *as = address_space_first(); as; as = as->next) {
        if (g_ptr_array_find(printed, as->root, NULL)) {
            continue;
        }
        g_ptr_array_add(printed, as->root);
        for (AddressSpace *same = as; same; same = same->next) {
            if (same->root == as->root) {
                g_string_append_printf(out, "address-space: %s\n", same->name);
            }
        }
        print_region(out, as->root, 0, 1, aliased);
        g_string_append_c(out, '\n');
    }
    for (unsigned i = 0; i < aliased->len; i++) {       /* grows while it is walked */
        MemoryRegion *mr = g_ptr_array_index(aliased, i);
        __int128 base = 0;

        /* A region shows its address in the space, a root of its own starts at 0. */
        for (MemoryRegion *up = mr->container; up; up = up->container) {
            base += up->addr;
        }
        g_string_append_printf(out, "memory-region: %s\n", mr->name);
        print_region(out, mr, base, 1, aliased);
        g_string_append_c(out, '\n');
    }
}

static void print_view(GString *out, const FlatView *view, unsigned number)
{
    g_string_append_printf(out, "FlatView #%u\n", number);
    for (AddressSpace *as = address_space_first(); as; as = as->next) {
        if (as->view == view) {
            g_string_append_printf(out, " AS \"%s\", root: %s\n", as->name, as->root->name);
        }
    }
    g_string_append_printf(out, " Root memory region: %s\n", view->root ? view->root->name : "(none)");
    for (size_t i = 0; i < view->count; i++) {
        const FlatRange *range = &view->ranges[i];
        bool rom = range->read_only && range->mr->kind == REGION_RAM;

        print_bounds(out, 1, range->start, (unsigned __int128)(range->last - range->start) + 1);
        g_string_append_printf(out, "(prio %d, %s): %s", range->mr->priority,
                               rom ? "rom" : kind_name(range->mr, range->romd),
                               range->mr->name);
        if (range->offset) {
            g_string_append_printf(out, " @%016" PRIx64, range->offset);
        }
        g_string_append_c(out, '\n');
    }
    g_string_append(out, view->count ? "\n" : "  No rendered FlatView\n\n");
}

void memory_print_tree(GString *out, bool flat)
{
    g_autoptr(GPtrArray) printed = g_ptr_array_new();

    if (!flat) {
        print_trees(out);
        return;
    }
    for (AddressSpace *as = address_space_first(); as; as = as->next) {
        if (as->view && !g_ptr_array_find(printed, as->view, NULL)) {
            print_view(out, as->view, printed->len);
            g_ptr_array_add(printed, as->view);
        }
    }
}
