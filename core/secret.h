/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Secrets: passwords and keys, given once as -object secret and named by id where they are needed.
 *
 * The bytes come from the command line (data=) or a file, plain or in base64, and may be encrypted by another secret
 * (keyid=, 32 bytes: AES-256 in CBC mode, iv=), so that a management tool need show only one file to us.
 */
#ifndef CORE_SECRET_H
#define CORE_SECRET_H

#include "core/object.h"

/** secret_lookup: the bytes of secret @id, a new reference. NULL with @err: there is no such secret. */
GBytes *secret_lookup(const char *id, GError **err);

#endif
