/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists that "-OPTION help" prints on standard output. */
#ifndef SYSTEM_HELP_H
#define SYSTEM_HELP_H

#include <json-c/json.h>

/** help_for_option: what `-@option help` or `-@option NAME,help` shows; @args holds the words beside help. */
void help_for_option(const char *option, json_object *args);

#endif
