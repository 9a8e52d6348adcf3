/* SPDX-License-Identifier: GPL-2.0-or-later */
/* -readconfig and -set: options said, or changed, in another way than on the command line. */
#ifndef SYSTEM_CONFIG_FILE_H
#define SYSTEM_CONFIG_FILE_H

#include "system/config.h"

/** config_set: -set GROUP.ID.KEY=VALUE: changes an option with that id given before. */
bool config_set(Config *c, const char *text, GError **err);
/**
 * config_read: -readconfig: each section of @path, [group] or [group "id"] with lines KEY = "VALUE", is an occurrence of
 * the option of that name. Errors in the file name its line.
 */
bool config_read(Config *c, const char *path, GError **err);

#endif
