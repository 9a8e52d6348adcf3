/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The file driver's node, shared by its two files: requests (file.c) and image locks (file_lock.c). */
#ifndef BLOCK_FILE_H
#define BLOCK_FILE_H

#include "block/node.h"

enum { AIO_THREADS, AIO_NATIVE, AIO_IO_URING };

typedef struct FileNode {
    BlockNode node;
    /* options */
    char *filename;
    OnOffAuto locking;
    int aio;
    int64_t aio_max_batch;
    bool drop_cache, check_cache_dropped;
    /* state */
    int fd;
    int64_t length;
    struct LinuxAio *native;                    /* aio=native: linux_aio.h */
    int flush_error;                            /* -errno of the flush that failed; 0: none did */
    bool no_inline, no_zero, no_unmap;          /* what the file system turned out not to do */
    bool locks;                                 /* permissions are locks on the file */
    unsigned locked_perm, locked_shared;        /* what our locks say now */
} FileNode;

bool file_lock_init(FileNode *s, GError **err);
bool file_lock_check(BlockNode *n, unsigned perm, unsigned shared, GError **err);
void file_lock_set(BlockNode *n, unsigned perm, unsigned shared);

#endif
