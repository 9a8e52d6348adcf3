/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pages with decoded code: who writes to one, and over decoded bytes, makes its version move.
 *
 *   decode:  code_page_open()  -> from now on every write to the page is slow; the version to remember
 *            code_page_mark()  for each piece, before its bytes are read
 *   write:   bytes stored, then code_written() -> marked chunk hit: version + 1, marks cleared
 *   run:     block.version == page->version, or the block is stale
 *
 * Both sides mark/store first and look second, with a full barrier between, so one of them sees the other.
 * A page none of whose marks is set any more is given back to fast writing after some writes.
 */
#ifndef ACCEL_TCG_CODE_H
#define ACCEL_TCG_CODE_H

#include "memory/memory.h"

#define CODE_CHUNK_BITS 6                       /* 64 chunks of 64 bytes a page */

typedef struct CodePage {
    uint32_t version;                           /* atomic */
    uint32_t lock;
    uint64_t chunks;                            /* decoded from since the version last moved */
    uint16_t idle_writes;
    bool guarded;                               /* no TLB lets a write through */
} CodePage;

/** code_page_open: page of @ram at @offset, ready to be decoded from; *@version is the one to check the block by. */
CodePage *code_page_open(RamBlock *ram, uint64_t offset, uint32_t *version);
/** code_page_mark: bytes [@start, +@len) of the page are about to be read; both in the page. */
void code_page_mark(CodePage *page, unsigned start, unsigned len);
static inline bool code_page_current(const CodePage *page, uint32_t version)
{
    return __atomic_load_n(&page->version, __ATOMIC_ACQUIRE) == version;
}
/** code_written: [@offset, +@len) of @ram has been stored to. Any thread. */
void code_written(RamBlock *ram, uint64_t offset, uint64_t len);

#endif
