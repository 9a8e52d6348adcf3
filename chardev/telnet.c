/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Telnet (RFC 854, 855; options: 856 BINARY, 857 ECHO, 858 SUPPRESS-GO-AHEAD); see the header. */
#include "chardev/telnet.h"

enum { SE = 240, BREAK = 243, IP = 244, SB = 250, WILL = 251, WONT = 252, DO = 253, DONT = 254, IAC = 255 };
enum { OPT_BINARY = 0, OPT_ECHO = 1, OPT_SGA = 3 };
enum { IN_DATA, IN_COMMAND, IN_OPTION, IN_SUB, IN_SUB_COMMAND };

void telnet_greeting(bool server, GByteArray *out)
{
    static const uint8_t offers[] = { IAC, WILL, OPT_SGA, IAC, WILL, OPT_BINARY, IAC, DO, OPT_BINARY };
    static const uint8_t echo[] = { IAC, WILL, OPT_ECHO };

    if (server) {
        g_byte_array_append(out, echo, sizeof(echo));
    }
    g_byte_array_append(out, offers, sizeof(offers));
}

static void answer(uint8_t verb, uint8_t option, GByteArray *reply)
{
    const uint8_t refusal[] = { IAC, verb == DO ? WONT : DONT, option };

    if ((verb == DO || verb == WILL) && option != OPT_BINARY && option != OPT_ECHO && option != OPT_SGA) {
        g_byte_array_append(reply, refusal, sizeof(refusal));
    }
}

size_t telnet_input(TelnetFilter *t, uint8_t *buf, size_t len, unsigned *breaks, GByteArray *reply)
{
    size_t kept = 0;

    for (size_t i = 0; i < len; i++) {
        uint8_t c = buf[i];

        switch (t->state) {
        case IN_DATA:
            if (c == IAC) {
                t->state = IN_COMMAND;
            } else {
                buf[kept++] = c;
            }
            break;
        case IN_COMMAND:
            t->state = IN_DATA;
            if (c == IAC) {
                buf[kept++] = c;
            } else if (c == SB) {
                t->state = IN_SUB;
            } else if (c >= WILL) {
                t->verb = c;
                t->state = IN_OPTION;
            } else if (c == BREAK || c == IP) {
                (*breaks)++;
            }
            break;
        case IN_OPTION:
            answer(t->verb, c, reply);
            t->state = IN_DATA;
            break;
        case IN_SUB:
            t->state = c == IAC ? IN_SUB_COMMAND : IN_SUB;
            break;
        case IN_SUB_COMMAND:
            t->state = c == SE ? IN_DATA : IN_SUB;
            break;
        }
    }
    return kept;
}
