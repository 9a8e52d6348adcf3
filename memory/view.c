/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Flat views: rendering a region tree into disjoint ranges, publishing it, looking addresses up.
 *
 * Tree (edited in region.c) -> memory_views_update() renders each distinct root once -> a view that differs from the
 * published one takes its place by one pointer store -> listeners hear the difference -> memory_generation() moves ->
 * the old view is freed when its last reader has left.
 *
 * Always true: the ranges of a view are sorted and disjoint; a published view never changes; while a view is alive, so
 * are the owners of its regions. Writers hold the big lock, readers are in an RCU read section or hold the big lock.
 */
#include "memory/internal.h"

#include <string.h>

#include "core/loop.h"
#include "core/thread.h"

typedef __int128 Wide;                          /* bases may be negative, ends may be 2^64 */

static AddressSpace *spaces;                    /* in order of creation */
static AddressSpace *spaces_last;
static uint64_t generation = 1;
static uint64_t next_serial = 1;

/* Reader threads */

__thread bool memory_thread_registered;
static pthread_key_t thread_key;
static pthread_once_t thread_key_once = PTHREAD_ONCE_INIT;

static void thread_ended(void *unused)
{
    if (memory_thread_registered) {
        memory_thread_registered = false;
        rcu_unregister_thread();
    }
}

static void thread_key_make(void) { pthread_key_create(&thread_key, thread_ended); }

void memory_thread_register(void)
{
    if (!memory_thread_registered) {
        pthread_once(&thread_key_once, thread_key_make);
        pthread_setspecific(thread_key, &thread_key);   /* any non-NULL value has thread_ended() called */
        rcu_register_thread();
        memory_thread_registered = true;
    }
}

void memory_thread_unregister(void) { thread_ended(NULL); }

/* The library's own thread is registered by the library. */
static void reclaim_thread_begins(struct rcu_head *head) { memory_thread_registered = true; }

static void reclaim_thread_make(void)
{
    static struct rcu_head first;
    sigset_t all, old;

    /* It must take none of our signals; it inherits the mask of whoever needs it first. */
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    call_rcu(&first, reclaim_thread_begins);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void memory_call_rcu(struct rcu_head *head, void (*fn)(struct rcu_head *head))
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    memory_thread_register();
    pthread_once(&once, reclaim_thread_make);
    call_rcu(head, fn);
}

/* Rendering */

static void view_insert(FlatView *view, size_t at, const FlatRange *range)
{
    if (view->count == view->allocated) {
        view->allocated = view->allocated ? view->allocated * 2 : 16;
        view->ranges = g_renew(FlatRange, view->ranges, view->allocated);
    }
    memmove(&view->ranges[at + 1], &view->ranges[at], (view->count - at) * sizeof(FlatRange));
    view->ranges[at] = *range;
    view->count++;
}

/* Index of the first range that ends at or after @addr. */
static size_t view_lower_bound(const FlatView *view, GuestAddr addr)
{
    size_t low = 0, high = view->count;

    while (low < high) {
        size_t mid = (low + high) / 2;
        if (view->ranges[mid].last < addr) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

/* Puts [@start, @end) of @mr, whose offset 0 is at @base, wherever nothing was rendered before. */
static void render_leaf(FlatView *view, MemoryRegion *mr, Wide base, Wide start, Wide end, bool read_only)
{
    FlatRange range = { .mr = mr, .ram = mr->ram, .read_only = read_only || mr->kind == REGION_ROM_DEVICE,
                        .romd = mr->kind == REGION_ROM_DEVICE && mr->romd_mode };
    size_t i = view_lower_bound(view, start);

    while (start < end) {
        bool blocked = i < view->count && view->ranges[i].start < end;
        Wide stop = blocked ? (Wide)view->ranges[i].start : end;

        if (start < stop) {
            range.start = start;
            range.last = stop - 1;
            range.offset = start - base;
            view_insert(view, i, &range);
            i++;
        }
        if (!blocked) {
            break;
        }
        start = (Wide)view->ranges[i].last + 1;
        i++;
    }
}

static void render(FlatView *view, MemoryRegion *mr, Wide base, Wide start, Wide end, bool read_only, unsigned depth)
{
    Wide mr_end;

    if (!mr->enabled || depth > 64) {           /* an alias that contains itself shows nothing at that depth */
        return;
    }
    base += mr->addr;
    mr_end = base + (Wide)mr->size;
    start = MAX(start, base);
    end = MIN(end, mr_end);
    if (start >= end) {
        return;
    }
    read_only |= mr->read_only;
    if (mr->kind == REGION_ALIAS) {
        if (mr->alias) {
            render(view, mr->alias, base - mr->alias->addr - mr->alias_offset, start, end, read_only, depth + 1);
        }
        return;
    }
    for (unsigned i = 0; mr->subregions && i < mr->subregions->len; i++) {
        render(view, g_ptr_array_index(mr->subregions, i), base, start, end, read_only, depth + 1);
    }
    if (mr->terminates) {
        render_leaf(view, mr, base, start, end, read_only);
    }
}

static void view_merge_neighbours(FlatView *view)
{
    size_t kept = 0;

    for (size_t i = 1; i < view->count; i++) {
        FlatRange *a = &view->ranges[kept], *b = &view->ranges[i];

        if (a->last + 1 == b->start && a->mr == b->mr && a->read_only == b->read_only && a->romd == b->romd &&
            b->offset - a->offset == b->start - a->start) {
            a->last = b->last;
        } else {
            view->ranges[++kept] = *b;
        }
    }
    view->count = view->count ? kept + 1 : 0;
}

FlatView *flat_view_render(MemoryRegion *root)
{
    FlatView *view = g_new0(FlatView, 1);

    view->root = root;
    if (root) {
        render(view, root, -(Wide)root->addr, 0, (Wide)1 << 64, false, 0);
        view_merge_neighbours(view);
    }
    view->starts = g_new(GuestAddr, view->count + 1);
    for (size_t i = 0; i < view->count; i++) {
        view->starts[i] = view->ranges[i].start;
    }
    return view;
}

static bool range_equal(const FlatRange *a, const FlatRange *b)
{
    return a->start == b->start && a->last == b->last && a->mr == b->mr && a->offset == b->offset && a->ram == b->ram &&
           a->read_only == b->read_only && a->romd == b->romd;
}

bool flat_view_equal(const FlatView *a, const FlatView *b)
{
    if (a->count != b->count) {
        return false;
    }
    for (size_t i = 0; i < a->count; i++) {
        if (!range_equal(&a->ranges[i], &b->ranges[i])) {
            return false;
        }
    }
    return true;
}

/* Life of a view */

static void view_free(void *opaque)
{
    FlatView *view = opaque;

    g_clear_pointer(&view->owners, g_ptr_array_unref);
    g_free(view->ranges);
    g_free(view->starts);
    g_free(view);
}

/*
 * In the background: no reader has the view any more. Regions without an owner may be gone, so none is looked at.
 * Owners are released where the big lock is held.
 */
static void view_reclaim(struct rcu_head *head)
{
    FlatView *view = caa_container_of(head, FlatView, rcu);

    if (view->owners) {
        event_loop_call(event_loop_main(), view_free, view);
    } else {
        view_free(view);
    }
}

static void owner_unref(void *owner) { object_unref(owner); }

static void view_adopt(FlatView *view)          /* a freshly rendered one is about to be published */
{
    Object *last = NULL;

    view->serial = next_serial++;
    for (size_t i = 0; i < view->count; i++) {
        Object *owner = view->ranges[i].mr->owner;

        if (owner && owner != last) {           /* neighbours mostly have one owner; more references do no harm */
            if (!view->owners) {
                view->owners = g_ptr_array_new_with_free_func(owner_unref);
            }
            g_ptr_array_add(view->owners, object_ref(owner));
            last = owner;
        }
    }
}

static void view_unref(FlatView *view)
{
    if (view && --view->refs == 0) {
        memory_call_rcu(&view->rcu, view_reclaim);
    }
}

static void view_discard(FlatView *view)        /* rendered, never published */
{
    g_free(view->ranges);
    g_free(view->starts);
    g_free(view);
}

/* Listeners */

static MemorySection section_of(const FlatRange *range, uint64_t *len)
{
    uint64_t bytes = range->last - range->start;

    *len = bytes == UINT64_MAX ? bytes : bytes + 1;
    return (MemorySection){ .mr = range->mr, .offset = range->offset, .len = *len, .read_only = range->read_only };
}

typedef void RangeFn(MemoryListener *l, const MemorySection *s, GuestAddr addr, uint64_t len);

static void tell_range(MemoryListener *l, RangeFn *fn, const FlatRange *range)
{
    uint64_t len;
    MemorySection section = section_of(range, &len);

    if (fn) {
        fn(l, &section, range->start, len);
    }
}

/* Ranges of @a that @b does not have, told to @fn. Both are sorted: one walk. */
static void tell_missing(MemoryListener *l, RangeFn *fn, const FlatView *a, const FlatView *b)
{
    size_t j = 0;

    for (size_t i = 0; i < a->count; i++) {
        while (j < b->count && b->ranges[j].start < a->ranges[i].start) {
            j++;
        }
        if (j == b->count || !range_equal(&a->ranges[i], &b->ranges[j])) {
            tell_range(l, fn, &a->ranges[i]);
        }
    }
}

static void tell_change(AddressSpace *as, const FlatView *before, const FlatView *after)
{
    for (unsigned i = 0; as->listeners && i < as->listeners->len; i++) {
        MemoryListener *l = g_ptr_array_index(as->listeners, i);

        if (l->begin) {
            l->begin(l);
        }
        tell_missing(l, l->range_del, before, after);
        tell_missing(l, l->range_add, after, before);
        if (l->commit) {
            l->commit(l);
        }
    }
}

static const FlatView no_view;

void memory_listener_register(MemoryListener *l, AddressSpace *as)
{
    l->as = as;
    if (!as->listeners) {
        as->listeners = g_ptr_array_new();
    }
    g_ptr_array_add(as->listeners, l);
    if (l->begin) {
        l->begin(l);
    }
    tell_missing(l, l->range_add, as->view, &no_view);
    if (l->commit) {
        l->commit(l);
    }
}

void memory_listener_unregister(MemoryListener *l)
{
    if (!l->as || !g_ptr_array_remove(l->as->listeners, l)) {
        return;
    }
    if (l->begin) {
        l->begin(l);
    }
    tell_missing(l, l->range_del, l->as->view, &no_view);
    if (l->commit) {
        l->commit(l);
    }
    l->as = NULL;
}

/* Publishing */

/* The view of @root: one rendered for another space in this update, or a new one. */
static FlatView *view_for_root(GPtrArray *rendered, MemoryRegion *root)
{
    FlatView *view;

    for (unsigned i = 0; i < rendered->len; i++) {
        view = g_ptr_array_index(rendered, i);
        if (view->root == root) {
            return view;
        }
    }
    view = flat_view_render(root);
    g_ptr_array_add(rendered, view);
    return view;
}

void memory_views_update(void)
{
    g_autoptr(GPtrArray) rendered = g_ptr_array_new();
    bool changed = false;

    /* An unchanged view stays the one for its root, so that spaces which share it go on sharing. */
    for (AddressSpace *as = spaces; as; as = as->next) {
        MemoryRegion *root = memory_root_resolve(as->root);
        FlatView *before = as->view, *after = view_for_root(rendered, root);

        if (before && after->refs == 0 && before->root == root && flat_view_equal(before, after)) {
            g_ptr_array_remove(rendered, after);
            view_discard(after);
            g_ptr_array_add(rendered, before);
            continue;
        }
        if (before == after) {
            continue;
        }
        if (after->refs == 0) {
            view_adopt(after);
        }
        after->refs++;
        rcu_set_pointer(&as->view, after);
        changed |= !before || !flat_view_equal(before, after);
        if (before) {
            tell_change(as, before, after);
        }
        view_unref(before);
    }
    if (changed) {
        __atomic_add_fetch(&generation, 1, __ATOMIC_SEQ_CST);   /* after publication: see memory_generation() */
    }
}

uint64_t memory_generation(void) { return __atomic_load_n(&generation, __ATOMIC_ACQUIRE); }

/* Address spaces */

void address_space_init(AddressSpace *as, MemoryRegion *root, const char *name)
{
    event_loop_main();                          /* must exist before view_reclaim() may need it */
    *as = (AddressSpace){ .name = g_strdup(name), .root = root };
    if (spaces_last) {
        spaces_last->next = as;
    } else {
        spaces = as;
    }
    spaces_last = as;
    /* Only this space: others may be half way through a transaction. */
    FlatView *view = flat_view_render(memory_root_resolve(root));
    for (AddressSpace *other = spaces; other; other = other->next) {
        if (other->view && other->view->root == view->root && flat_view_equal(other->view, view)) {
            view_discard(view);
            view = other->view;
            break;
        }
    }
    if (view->refs++ == 0) {
        view_adopt(view);
    }
    rcu_set_pointer(&as->view, view);
}

void address_space_destroy(AddressSpace *as)
{
    AddressSpace **link = &spaces;

    while (*link && *link != as) {
        link = &(*link)->next;
    }
    if (!*link) {
        return;
    }
    *link = as->next;
    if (spaces_last == as) {
        spaces_last = spaces;
        while (spaces_last && spaces_last->next) {
            spaces_last = spaces_last->next;
        }
    }
    while (as->listeners && as->listeners->len) {
        memory_listener_unregister(g_ptr_array_index(as->listeners, 0));
    }
    g_clear_pointer(&as->listeners, g_ptr_array_unref);
    view_unref(as->view);
    as->view = NULL;
    g_clear_pointer(&as->name, g_free);
}

AddressSpace *address_space_first(void) { return spaces; }

static AddressSpace memory_space, io_space;
static MemoryRegion memory_root, io_root;

static void system_spaces_make(void)
{
    static bool made;

    if (!made) {
        made = true;
        memory_region_init(&memory_root, NULL, "system", REGION_SIZE_MAX);
        address_space_init(&memory_space, &memory_root, "memory");
        memory_region_init_io(&io_root, NULL, NULL, NULL, "io", 65536);
        address_space_init(&io_space, &io_root, "I/O");
    }
}

AddressSpace *address_space_memory(void)
{
    system_spaces_make();
    return &memory_space;
}

AddressSpace *address_space_io(void)
{
    system_spaces_make();
    return &io_space;
}

MemoryRegion *system_memory(void)
{
    system_spaces_make();
    return &memory_root;
}

MemoryRegion *system_io(void)
{
    system_spaces_make();
    return &io_root;
}

/* Lookup */

const FlatRange *flat_view_find(const FlatView *view, GuestAddr addr, uint64_t *gap)
{
    /* The last few hits of this thread, by page: most accesses go where the last one of their kind went. */
    static __thread struct { uint64_t serial; uint32_t index; } cache[16];
    unsigned slot = (addr ^ addr >> 12 ^ addr >> 20) & 15;
    size_t low = 0, n = view->count;
    const FlatRange *range;

    if (cache[slot].serial == view->serial) {
        range = &view->ranges[cache[slot].index];
        if (addr >= range->start && addr <= range->last) {
            return range;
        }
    }
    while (n > 1) {                             /* the last start that is not above @addr; branch-free halving */
        size_t half = n / 2;
        low += view->starts[low + half] <= addr ? half : 0;
        n -= half;
    }
    if (view->count && view->starts[low] <= addr) {
        range = &view->ranges[low];
        if (addr <= range->last) {
            cache[slot].serial = view->serial;
            cache[slot].index = low;
            return range;
        }
        low++;
    }
    *gap = low < view->count ? view->starts[low] - addr : 0;
    return NULL;
}

MemorySection memory_lookup(AddressSpace *as, GuestAddr addr)
{
    const FlatView *view = rcu_dereference(as->view);
    uint64_t gap = 0, len;
    const FlatRange *range = view ? flat_view_find(view, addr, &gap) : NULL;

    if (!range) {
        len = gap ? gap : addr ? -addr : UINT64_MAX;
        return (MemorySection){ .mr = &memory_region_unassigned, .offset = addr, .len = len };
    }
    len = range->last - addr;
    return (MemorySection){ .mr = range->mr, .offset = range->offset + (addr - range->start),
                            .len = len == UINT64_MAX ? len : len + 1, .read_only = range->read_only };
}
