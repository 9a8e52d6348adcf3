/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The telnet filter: every command cut at every place. */
#include "chardev/telnet.h"
#include "tests/unit/chardev/fixture.h"

static const struct { const char *claim, *input; size_t len; const char *text, *reply; unsigned breaks; } rows[] = {
    { "text", "abc", 3, "abc", "", 0 },
    { "a doubled 0xff is one", "a\xff\xff" "b", 4, "a\xff" "b", "", 0 },
    { "options we offer are agreed to in silence", "\xff\xfd\x01\xff\xfd\x03\xff\xfb\x00\xff\xfd\x00", 12, "", "", 0 },
    { "an unknown DO is refused", "x\xff\xfd\x22y", 5, "xy", "\xff\xfc\x22", 0 },
    { "an unknown WILL is refused", "\xff\xfb\x1f", 3, "", "\xff\xfe\x1f", 0 },
    { "WONT and DONT need no answer", "\xff\xfc\x22\xff\xfe\x22", 6, "", "", 0 },
    { "a subnegotiation is skipped", "a\xff\xfa\x1f\x00\x50\xff\xff\x00\x18\xff\xf0" "b", 13, "ab", "", 0 },
    { "BREAK and IP are breaks", "\xff\xf3\xff\xf4", 4, "", "", 2 },
    { "other commands vanish", "a\xff\xf1" "b\xff\xf9" "c", 7, "abc", "", 0 },
};

static void test_filter(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        for (size_t cut = 0; cut <= rows[i].len; cut++) {
            TelnetFilter t = { 0 };
            g_autoptr(GByteArray) reply = g_byte_array_new();
            uint8_t buf[64];
            unsigned breaks = 0;
            size_t kept;

            memcpy(buf, rows[i].input, rows[i].len);
            kept = telnet_input(&t, buf, cut, &breaks, reply);
            memmove(buf + kept, rows[i].input + cut, rows[i].len - cut);
            kept += telnet_input(&t, buf + kept, rows[i].len - cut, &breaks, reply);
            buf[kept] = 0;
            g_byte_array_append(reply, (const uint8_t *)"", 1);
            check_str((char *)buf, rows[i].text, "%s, cut at %zu", rows[i].claim, cut);
            check_str((char *)reply->data, rows[i].reply, "%s, cut at %zu: reply", rows[i].claim, cut);
            check_int(breaks, ==, rows[i].breaks, "%s, cut at %zu: breaks", rows[i].claim, cut);
        }
    }
}

int main(int argc, char **argv)
{
    fixture_init(&argc, &argv);
    g_test_add_func("/chardev/telnet/filter", test_filter);
    return fixture_end(g_test_run());
}
