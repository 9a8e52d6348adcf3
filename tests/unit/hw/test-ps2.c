/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PS/2 keyboard and mouse behind the 8042, with keys and motion from the host: codes of each set, translation, reports,
 * order of answers and events, full queues. Commands are tested in tests/qtest/i8042.py.
 */
#include "core/thread.h"
#include "core/vm.h"
#include "hw/input/i8042.h"
#include "target/i386/cpu.h"
#include "tests/check.h"

static bool a20;

void cpu_a20_set(bool enabled)
{
    a20 = enabled;
}

static IsaBus bus;
static Device *controller;
static Ps2Port *keyboard, *mouse;

static void out(uint16_t port, uint8_t value)
{
    memory_store(address_space_io(), port, 1, value, MEMTXATTRS_NONE, NULL);
}

static uint8_t in(uint16_t port)
{
    return memory_load(address_space_io(), port, 1, MEMTXATTRS_NONE, NULL);
}

static void command(uint8_t value, int argument)
{
    out(0x64, value);
    if (argument >= 0) {
        out(0x60, argument);
    }
}

/* All that the controller has for the guest, in hexadecimal; mouse bytes with an m. */
static const char *drain(void)
{
    static GString *text;
    uint8_t status;
    if (!text) {
        text = g_string_new(NULL);
    }
    g_string_truncate(text, 0);
    while ((status = in(0x64)) & 1) {
        g_string_append_printf(text, "%s%s%02x", text->len ? " " : "", status & 0x20 ? "m" : "", in(0x60));
    }
    return text->str;
}

static void start(bool translate)
{
    device_reset(controller, RESET_COLD);
    command(0x60, translate ? 0x47 : 0x07);
}

static const struct { const char *claim; uint8_t code; bool extended; const char *set2_down, *set2_up, *translated; } keys[] = {
    { "A",               0x1e, false, "1c",    "f0 1c",    "1e 9e" },
    { "Escape",          0x01, false, "76",    "f0 76",    "01 81" },
    { "Enter",           0x1c, false, "5a",    "f0 5a",    "1c 9c" },
    { "F7",              0x41, false, "83",    "f0 83",    "41 c1" },
    { "F11",             0x57, false, "78",    "f0 78",    "57 d7" },
    { "F12",             0x58, false, "07",    "f0 07",    "58 d8" },
    { "left shift",      0x2a, false, "12",    "f0 12",    "2a aa" },
    { "right control",   0x1d, true,  "e0 14", "e0 f0 14", "e0 1d e0 9d" },
    { "cursor up",       0x48, true,  "e0 75", "e0 f0 75", "e0 48 e0 c8" },
    { "keypad 8",        0x48, false, "75",    "f0 75",    "48 c8" },
    { "Delete",          0x53, true,  "e0 71", "e0 f0 71", "e0 53 e0 d3" },
    { "102nd key",       0x56, false, "61",    "f0 61",    "56 d6" },
};

static void test_keys(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        start(false);
        ps2_keyboard_key(keyboard, keys[i].code, keys[i].extended, true);
        check_str(drain(), keys[i].set2_down, "%s down, set 2", keys[i].claim);
        ps2_keyboard_key(keyboard, keys[i].code, keys[i].extended, false);
        check_str(drain(), keys[i].set2_up, "%s up, set 2", keys[i].claim);
        start(true);
        ps2_keyboard_key(keyboard, keys[i].code, keys[i].extended, true);
        ps2_keyboard_key(keyboard, keys[i].code, keys[i].extended, false);
        check_str(drain(), keys[i].translated, "%s down and up, translated", keys[i].claim);
    }
}

static void test_every_code_survives_translation(void)
{
    for (unsigned code = 1; code < 0x80; code++) {
        g_autofree char *want = g_strdup_printf("%02x %02x", code, code | 0x80);
        start(true);
        ps2_keyboard_key(keyboard, code, false, true);
        ps2_keyboard_key(keyboard, code, false, false);
        check_str(drain(), want, "set 1 code 0x%02x through set 2 and back", code);
    }
}

static void test_set_1(void)
{
    start(false);
    out(0x60, 0xf0);
    out(0x60, 1);
    check_str(drain(), "fa fa", "set 1 chosen");
    ps2_keyboard_key(keyboard, 0x1e, false, true);
    ps2_keyboard_key(keyboard, 0x48, true, false);
    check_str(drain(), "1e e0 c8", "keys in set 1");
}

static void test_disabled_keyboard(void)
{
    start(false);
    out(0x60, 0xf5);
    drain();
    ps2_keyboard_key(keyboard, 0x1e, false, true);
    check_str(drain(), "", "a keyboard that does not scan sends nothing");
    out(0x60, 0xf4);
    drain();
    command(0xad, -1);
    ps2_keyboard_key(keyboard, 0x1e, false, true);
    check_str(drain(), "", "a stopped port holds its bytes");
    command(0xae, -1);
    check_str(drain(), "1c", "until it is let go");
}

static void test_answers_go_before_keys(void)
{
    start(false);
    for (int i = 0; i < 3; i++) {
        ps2_keyboard_key(keyboard, 0x1e, false, true);
    }
    out(0x60, 0xf2);
    check_str(drain(), "1c fa ab 83 1c 1c", "the byte in the output buffer, the answer, the keys");
}

static void test_controller_answers_wait_for_the_buffer(void)
{
    start(false);
    ps2_keyboard_key(keyboard, 0x1e, false, true);
    ps2_keyboard_key(keyboard, 0x30, false, true);
    command(0x20, -1);
    check_str(drain(), "1c 07 32", "key, configuration, key");
}

static void test_full_queue(void)
{
    start(false);
    for (int i = 0; i < 1000; i++) {
        ps2_keyboard_key(keyboard, 0x48, true, false);
    }
    out(0x60, 0xee);
    g_auto(GStrv) bytes = g_strsplit(drain(), " ", -1);
    unsigned n = g_strv_length(bytes);
    check_str(bytes[1], "ee", "there is room for an answer");
    check_int((n - 1) % 3, ==, 0, "no key is queued in part");
    check_int(n, >, 30, "many are queued");

    start(false);
    for (int i = 0; i < 1000; i++) {
        out(0x60, 0xf2);
    }
    g_auto(GStrv) answers = g_strsplit(drain(), " ", -1);
    check_int(g_strv_length(answers), <=, PS2_QUEUE_LEN + 1, "answers stop at the queue's end");
    out(0x60, 0xee);
    check_str(drain(), "ee", "and it goes on");
}

static void mouse_command(int value)
{
    command(0xd4, value);
}

static void test_reports(void)
{
    static const struct { const char *claim; int dx, dy, dz; uint8_t buttons; const char *report; } rows[] = {
        { "right and up",           5, 7, 0, 0,            "m08 m05 m07" },
        { "left and down",          -5, -7, 0, 0,          "m38 mfb mf9" },
        { "buttons",                0, 0, 0, 7,            "m0f m00 m00" },
        { "more than a report holds", 200, -128, 0, 1,     "m29 m7f m81 m29 m49 mff" },
        { "a wheel that is not there", 0, 0, 3, 0,         "m08 m00 m00" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        start(false);
        mouse_command(0xf4);
        check_str(drain(), "mfa", "enabled");
        ps2_mouse_move(mouse, rows[i].dx, rows[i].dy, rows[i].dz, rows[i].buttons);
        check_str(drain(), rows[i].report, "%s", rows[i].claim);
    }
}

static void knock(int a, int b, int c)
{
    const int rates[] = { a, b, c };
    for (int i = 0; i < 3; i++) {
        mouse_command(0xf3);
        mouse_command(rates[i]);
    }
    drain();
}

static void test_wheel_and_buttons(void)
{
    start(false);
    mouse_command(0xf4);
    knock(200, 100, 80);
    mouse_command(0xf2);
    check_str(drain(), "mfa m03", "a wheel after the first knock");
    ps2_mouse_move(mouse, 1, 2, -1, 1);
    check_str(drain(), "m09 m01 m02 mff", "its report");
    knock(200, 200, 80);
    mouse_command(0xf2);
    check_str(drain(), "mfa m04", "five buttons after the second");
    ps2_mouse_move(mouse, 0, 0, 2, 0x18);
    check_str(drain(), "m08 m00 m00 m32", "their report");
    mouse_command(0xff);
    check_str(drain(), "mfa maa m00", "reset");
    mouse_command(0xf2);
    check_str(drain(), "mfa m00", "takes it back");
}

static void test_disabled_and_remote_mouse(void)
{
    start(false);
    ps2_mouse_move(mouse, 5, 5, 0, 0);
    mouse_command(0xf4);
    check_str(drain(), "mfa", "motion before enabling is not kept");
    mouse_command(0xf0);
    ps2_mouse_move(mouse, 3, 4, 0, 2);
    check_str(drain(), "mfa", "remote: nothing by itself");
    mouse_command(0xeb);
    check_str(drain(), "mfa m0a m03 m04", "the answer to a poll");
    mouse_command(0xeb);
    check_str(drain(), "mfa m0a m00 m00", "moved no further");
}

static void test_motion_without_reader(void)
{
    start(false);
    mouse_command(0xf4);
    for (int i = 0; i < 100000; i++) {
        ps2_mouse_move(mouse, 100000, -100000, 0, i & 7);
    }
    g_auto(GStrv) bytes = g_strsplit(drain(), " ", -1);
    check_int((g_strv_length(bytes) - 1) % 3, ==, 0, "whole reports behind the acknowledge");
    check_true(mouse->dx <= 0x7fff && mouse->dy >= -0x7fff, "what is remembered is bounded");
}

static void test_keyboard_before_mouse(void)
{
    start(false);
    mouse_command(0xf4);
    drain();
    command(0xad, -1);
    command(0xa7, -1);
    ps2_mouse_move(mouse, 1, 1, 0, 0);
    ps2_keyboard_key(keyboard, 0x1e, false, true);
    command(0x60, 0x07);
    check_str(drain(), "1c m08 m01 m01", "both let go at once");
}

static void test_reset_and_a20(void)
{
    start(false);
    command(0xd1, 0xdd);
    check_true(!a20, "outport bit 1 clears A20");
    command(0xd1, 0xdf);
    check_true(a20, "and sets it");
    command(0xdd, -1);
    check_true(!a20, "so does a command");
    device_reset(controller, RESET_COLD);
    check_true(a20, "reset opens the gate");
    vm_take_requests();
    command(0xf1, -1);
    check_true(!vm_take_requests().reset, "a pulse of other lines does not reset");
    command(0xfe, -1);
    check_true(vm_take_requests().reset, "a pulse of line 0 does");
    command(0xd1, 0xde);
    check_true(vm_take_requests().reset, "outport bit 0 does");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bql_lock();
    memory_thread_register();
    isa_bus_init(&bus, NULL, "isa.0", system_memory(), system_io());
    controller = i8042_create(&bus);
    keyboard = i8042_keyboard(controller);
    mouse = i8042_mouse(controller);
    g_test_add_func("/ps2/keys", test_keys);
    g_test_add_func("/ps2/translation", test_every_code_survives_translation);
    g_test_add_func("/ps2/set-1", test_set_1);
    g_test_add_func("/ps2/disabled-keyboard", test_disabled_keyboard);
    g_test_add_func("/ps2/answers-first", test_answers_go_before_keys);
    g_test_add_func("/ps2/controller-answers", test_controller_answers_wait_for_the_buffer);
    g_test_add_func("/ps2/full-queue", test_full_queue);
    g_test_add_func("/ps2/reports", test_reports);
    g_test_add_func("/ps2/wheel", test_wheel_and_buttons);
    g_test_add_func("/ps2/remote", test_disabled_and_remote_mouse);
    g_test_add_func("/ps2/motion", test_motion_without_reader);
    g_test_add_func("/ps2/keyboard-first", test_keyboard_before_mouse);
    g_test_add_func("/ps2/reset-a20", test_reset_and_a20);
    return g_test_run();
}
