/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The telnet protocol (RFC 854) between a socket and a chardev: commands out of the input, 0xff doubled in the output.
 */
#ifndef CHARDEV_TELNET_H
#define CHARDEV_TELNET_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zero-filled at the start of a connection. */
typedef struct TelnetFilter { uint8_t state, verb; } TelnetFilter;

/** telnet_greeting: appends the options offered at the start: binary, no go-ahead, and echo if we are the @server. */
void telnet_greeting(bool server, GByteArray *out);
/**
 * telnet_input: removes commands from @buf in place and returns how many bytes are left. *@breaks counts BREAK and IP
 * commands; refusals of options we do not know are appended to @reply. A command may be cut anywhere between calls.
 */
size_t telnet_input(TelnetFilter *t, uint8_t *buf, size_t len, unsigned *breaks, GByteArray *reply);

#endif
