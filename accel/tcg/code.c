/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pages with decoded code: see code.h. RamBlock.accel_data is a CodeTable, made at the first decode from the block. */
#include "accel/tcg/code.h"

#include <string.h>

#include "accel/tcg/tcg.h"

#define IDLE_WRITES 64          /* writes to a page without marks until it is trusted to hold data again */
#define LONG_BITS (8 * sizeof(long))

typedef struct CodeTable {
    uint64_t pages;
    CodePage *page[];                           /* atomic; NULL: nothing was ever decoded */
} CodeTable;

static CodeTable *code_table(RamBlock *ram, bool create)
{
    CodeTable *table = __atomic_load_n(&ram->accel_data, __ATOMIC_ACQUIRE);

    if (!table && create) {
        uint64_t pages = (ram->size + GUEST_PAGE_SIZE - 1) / GUEST_PAGE_SIZE;
        void *none = NULL;
        table = g_malloc0(sizeof(CodeTable) + pages * sizeof(CodePage *));
        table->pages = pages;
        if (!__atomic_compare_exchange_n(&ram->accel_data, &none, table, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
            g_free(table);
            table = none;
        }
    }
    return table;
}

static CodePage *code_page(RamBlock *ram, uint64_t index)
{
    CodePage **slot = &code_table(ram, true)->page[index];
    CodePage *page = __atomic_load_n(slot, __ATOMIC_ACQUIRE);

    if (!page) {
        CodePage *none = NULL;
        page = g_new0(CodePage, 1);
        if (!__atomic_compare_exchange_n(slot, &none, page, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
            g_free(page);
            page = none;
        }
    }
    return page;
}

static unsigned long *code_bits(RamBlock *ram, uint64_t index, unsigned long *mask)
{
    *mask = 1ul << index % LONG_BITS;
    return &ram->dirty[DIRTY_CODE][index / LONG_BITS];
}

/* Withdraws all write permission; afterwards `guarded` holds, unless writers gave the page back in the meantime. */
static void guard(RamBlock *ram, uint64_t index, CodePage *page)
{
    unsigned long mask, *bits = code_bits(ram, index, &mask);

    tcg_lock(&page->lock);
    page->idle_writes = 0;
    __atomic_and_fetch(bits, ~mask, __ATOMIC_SEQ_CST);
    tcg_unlock(&page->lock);
    tcg_protect(ram, index * GUEST_PAGE_SIZE, GUEST_PAGE_SIZE);
    tcg_lock(&page->lock);
    __atomic_store_n(&page->guarded, !(__atomic_load_n(bits, __ATOMIC_SEQ_CST) & mask), __ATOMIC_RELEASE);
    tcg_unlock(&page->lock);
}

CodePage *code_page_open(RamBlock *ram, uint64_t offset, uint32_t *version)
{
    uint64_t index = offset / GUEST_PAGE_SIZE;
    CodePage *page = code_page(ram, index);

    for (;;) {
        /* Version first: who gives the page back clears `guarded` before he moves the version. */
        *version = __atomic_load_n(&page->version, __ATOMIC_SEQ_CST);
        if (__atomic_load_n(&page->guarded, __ATOMIC_SEQ_CST)) {
            return page;
        }
        guard(ram, index, page);
    }
}

void code_page_mark(CodePage *page, unsigned start, unsigned len)
{
    unsigned first = start >> CODE_CHUNK_BITS, last = (start + len - 1) >> CODE_CHUNK_BITS;
    uint64_t mask = (~0ull << first) & (~0ull >> (63 - last));

    if ((__atomic_load_n(&page->chunks, __ATOMIC_RELAXED) & mask) != mask) {
        tcg_lock(&page->lock);
        __atomic_or_fetch(&page->chunks, mask, __ATOMIC_SEQ_CST);
        tcg_unlock(&page->lock);
    }
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void page_written(RamBlock *ram, uint64_t index, CodePage *page, unsigned start, unsigned len)
{
    unsigned first = start >> CODE_CHUNK_BITS, last = (start + len - 1) >> CODE_CHUNK_BITS;
    uint64_t mask = (~0ull << first) & (~0ull >> (63 - last));

    bool changed = false;

    __atomic_thread_fence(__ATOMIC_SEQ_CST);    /* the store is visible before the marks are looked at */
    if (!(__atomic_load_n(&page->chunks, __ATOMIC_SEQ_CST) & mask) && page->chunks) {
        return;
    }
    tcg_lock(&page->lock);
    if (page->chunks & mask) {
        /* In this order: a decoder that sees the new version sees its chunks unmarked, and marks them. */
        __atomic_store_n(&page->chunks, 0, __ATOMIC_SEQ_CST);
        __atomic_store_n(&page->version, page->version + 1, __ATOMIC_SEQ_CST);
        page->idle_writes = 0;
        changed = true;
    } else if (!page->chunks && ++page->idle_writes >= IDLE_WRITES) {
        unsigned long bit, *bits = code_bits(ram, index, &bit);
        __atomic_store_n(&page->guarded, false, __ATOMIC_SEQ_CST);
        /* A decoder may have opened the page and not marked it yet: its block must not live. */
        __atomic_store_n(&page->version, page->version + 1, __ATOMIC_SEQ_CST);
        __atomic_or_fetch(bits, bit, __ATOMIC_SEQ_CST);
        changed = true;
    }
    tcg_unlock(&page->lock);
    if (changed) {
        tcg_page_changed(page);
    }
}

void code_written(RamBlock *ram, uint64_t offset, uint64_t len)
{
    CodeTable *table = code_table(ram, false);

    while (len) {
        uint64_t index = offset / GUEST_PAGE_SIZE;
        unsigned start = offset % GUEST_PAGE_SIZE;
        unsigned part = MIN(len, GUEST_PAGE_SIZE - start);
        unsigned long mask, *bits = code_bits(ram, index, &mask);

        if (!(__atomic_load_n(bits, __ATOMIC_RELAXED) & mask)) {
            CodePage *page =
                table && index < table->pages ? __atomic_load_n(&table->page[index], __ATOMIC_ACQUIRE) : NULL;
            if (page) {
                page_written(ram, index, page, start, part);
            } else {
                __atomic_or_fetch(bits, mask, __ATOMIC_SEQ_CST);
            }
        }
        offset += part;
        len -= part;
    }
}
