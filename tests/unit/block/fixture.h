/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the block tests share: scratch images, nodes from text, requests that wait. */
#ifndef TESTS_UNIT_BLOCK_FIXTURE_H
#define TESTS_UNIT_BLOCK_FIXTURE_H

#include "block/node.h"
#include "core/option.h"
#include "tests/check.h"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_object, json_object_put)

void fixture_init(void);                        /* scratch folder, the big lock */
int fixture_end(int status);                    /* removes it; @status through */
char *scratch_path(const char *name);           /* g_free() */
/** scratch_image: a file of @bytes whose byte i is a function of i; returns its path, g_free(). */
char *scratch_image(const char *name, size_t bytes);
uint8_t pattern_byte(size_t i);
uint8_t *file_contents(const char *path, size_t *len);  /* g_free() */

/** parse: JSON text where each '@' stands for the scratch folder. */
json_object *parse(const char *text);
BlockNode *node_from(const char *json, GError **err);
BlockBackend *backend_on(BlockNode *n, unsigned perm);  /* unref the back end; takes over the reference of @n */

int sync_read(BlockBackend *blk, int64_t offset, void *buf, size_t len);
int sync_write(BlockBackend *blk, int64_t offset, const void *buf, size_t len);
int sync_flush(BlockBackend *blk);
int sync_zero(BlockBackend *blk, int64_t offset, int64_t len);
int sync_discard(BlockBackend *blk, int64_t offset, int64_t len);

#endif
