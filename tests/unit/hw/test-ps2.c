/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * PS/2 keyboard and mouse behind the 8042, with keys and motion from the host: codes of each set, translation, reports,
 * order of answers and events, full queues. Commands are tested in tests/qtest/i8042.py.
 */
#include "core/thread.h"
#include "core/timer.h"
#include "core/vm.h"
#include "hw/input/i8042.h"
#include "target/i386/cpu.h"
#include "tests/check.h"
#include "ui/input.h"
#include "ui/keys.h"

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

static void tap(QKeyCode key)
{
    ps2_keyboard_key(keyboard, key, true);
    ps2_keyboard_key(keyboard, key, false);
}

static void choose_set(uint8_t set)
{
    out(0x60, 0xf0);
    out(0x60, set);
    check_str(drain(), "fa fa", "set %d chosen", set);
}

#define KEY(name) Q_KEY_CODE_##name
static const struct { const char *claim; QKeyCode key; const char *set1, *set2, *set3, *translated; } keys[] = {
    { "A",               KEY(A),       "1e 9e", "1c f0 1c", "1c f0 1c", "1e 9e" },
    { "Escape",          KEY(ESC),     "01 81", "76 f0 76", "08 f0 08", "01 81" },
    { "Enter",           KEY(RET),     "1c 9c", "5a f0 5a", "5a f0 5a", "1c 9c" },
    { "F7",              KEY(F7),      "41 c1", "83 f0 83", "37 f0 37", "41 c1" },
    { "F11",             KEY(F11),     "57 d7", "78 f0 78", "56 f0 56", "57 d7" },
    { "F12",             KEY(F12),     "58 d8", "07 f0 07", "5e f0 5e", "58 d8" },
    { "left shift",      KEY(SHIFT),   "2a aa", "12 f0 12", "12 f0 12", "2a aa" },
    { "right control",   KEY(CTRL_R),  "e0 1d e0 9d", "e0 14 e0 f0 14", "58 f0 58", "e0 1d e0 9d" },
    { "cursor up",       KEY(UP),      "e0 48 e0 c8", "e0 75 e0 f0 75", "63 f0 63", "e0 48 e0 c8" },
    { "keypad 8",        KEY(KP_8),    "48 c8", "75 f0 75", "75 f0 75", "48 c8" },
    { "keypad Enter",    KEY(KP_ENTER), "e0 1c e0 9c", "e0 5a e0 f0 5a", "79 f0 79", "e0 1c e0 9c" },
    { "Delete",          KEY(DELETE),  "e0 53 e0 d3", "e0 71 e0 f0 71", "64 f0 64", "e0 53 e0 d3" },
    { "102nd key",       KEY(LESS),    "56 d6", "61 f0 61", "13 f0 13", "56 d6" },
    { "left Windows key", KEY(META_L), "e0 5b e0 db", "e0 1f e0 f0 1f", "8b f0 8b", "e0 5b e0 db" },
    { "Print Screen",    KEY(PRINT),   "e0 2a e0 37 e0 b7 e0 aa", "e0 12 e0 7c e0 f0 7c e0 f0 12", "57 f0 57",
      "e0 2a e0 37 e0 b7 e0 aa" },
    { "Pause",           KEY(PAUSE),   "e1 1d 45 e1 9d c5", "e1 14 77 e1 f0 14 f0 77", "62 f0 62", "e1 1d 45 e1 9d c5" },
    { "Henkan",          KEY(HENKAN),  "79 f9", "64 f0 64", "86 f0 86", "79 f9" },
    { "louder",          KEY(VOLUMEUP), "e0 30 e0 b0", "e0 32 e0 f0 32", "95 f0 95", "e0 30 e0 b0" },
    { "no key",          KEY(UNMAPPED), "", "", "", "" },
};

static void test_keys(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        const char *const wanted[] = { keys[i].set1, keys[i].set2, keys[i].set3 };
        for (int set = 1; set <= 3; set++) {
            start(false);
            choose_set(set);
            tap(keys[i].key);
            check_str(drain(), wanted[set - 1], "%s in set %d", keys[i].claim, set);
        }
        start(true);
        tap(keys[i].key);
        check_str(drain(), keys[i].translated, "%s translated", keys[i].claim);
    }
}

static void test_every_code_survives_translation(void)
{
    unsigned seen = 0;
    for (int key = 1; key < Q_KEY_CODE_COUNT; key++) {
        start(false);
        choose_set(1);
        tap(key);
        g_autofree char *want = g_strdup(drain());
        start(false);
        tap(key);
        if (!*drain()) {
            continue;                           /* set 2 has no such key */
        }
        start(true);
        tap(key);
        check_str(drain(), want, "key %s through set 2 and back", q_key_code_names[key]);
        seen++;
    }
    check_int(seen, >, 110, "keys tried");
}

static void test_modifiers_change_codes(void)
{
    static const struct { QKeyCode modifier, key; const char *set2_down, *set2_up; } rows[] = {
        { KEY(ALT),     KEY(PRINT), "f0 11 11 84", "f0 84 f0 11 11" },
        { KEY(ALT_R),   KEY(SYSRQ), "e0 f0 11 e0 11 84", "f0 84 e0 f0 11 e0 11" },
        { KEY(SHIFT),   KEY(PRINT), "e0 7c", "e0 f0 7c" },
        { KEY(CTRL_R),  KEY(PRINT), "e0 7c", "e0 f0 7c" },
        { KEY(CTRL),    KEY(PAUSE), "e0 7e e0 f0 7e", "" },
        { KEY(SHIFT_R), KEY(PAUSE), "e1 14 77 e1 f0 14 f0 77", "" },
        { KEY(SHIFT),   KEY(UP),    "e0 75", "e0 f0 75" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        start(false);
        ps2_keyboard_key(keyboard, rows[i].modifier, true);
        drain();
        ps2_keyboard_key(keyboard, rows[i].key, true);
        check_str(drain(), rows[i].set2_down, "%s with %s", q_key_code_names[rows[i].key], q_key_code_names[rows[i].modifier]);
        ps2_keyboard_key(keyboard, rows[i].key, false);
        check_str(drain(), rows[i].set2_up, "released");
        ps2_keyboard_key(keyboard, rows[i].modifier, false);
        drain();
        tap(KEY(PRINT));
        check_str(drain(), "e0 12 e0 7c e0 f0 7c e0 f0 12", "the modifier is up again");
    }
}

static void test_numbers(void)
{
    check_int(key_by_number(0x1e), ==, KEY(A), "a plain code");
    check_int(key_by_number(0xc8), ==, KEY(UP), "one after E0");
    check_int(key_by_number(0x54), ==, KEY(SYSRQ), "Alt+SysRq");
    static const int64_t none[] = { 0, -1, 0x60, 0xe0, 256, INT64_MAX, INT64_MIN };
    for (size_t i = 0; i < G_N_ELEMENTS(none); i++) {
        check_int(key_by_number(none[i]), ==, KEY(UNMAPPED), "number %" PRId64, none[i]);
    }
}

/* Virtual time passes in steps; the keyboard's bytes are read after each, or not. */
static const char *after_ms(int ms, bool read)
{
    static GString *text;
    if (!text) {
        text = g_string_new(NULL);
    }
    g_string_truncate(text, 0);
    for (int64_t end = clock_ns(CLOCK_VIRTUAL) + ms * NS_PER_MS; clock_ns(CLOCK_VIRTUAL) < end;) {
        clock_virtual_step(MIN(clock_ns(CLOCK_VIRTUAL) + NS_PER_MS, end));
        const char *bytes = read ? drain() : "";
        if (*bytes) {
            g_string_append_printf(text, "%s%s", text->len ? " " : "", bytes);
        }
    }
    return text->str;
}

static void test_typematic(void)
{
    start(false);
    ps2_keyboard_key(keyboard, KEY(A), true);
    check_str(drain(), "1c", "down");
    check_str(after_ms(499, true), "", "held for less than the delay");
    check_str(after_ms(2, true), "1c", "and then repeated");
    check_str(after_ms(184, true), "1c 1c", "10.9 times a second");
    ps2_keyboard_key(keyboard, KEY(B), true);
    check_str(drain(), "32", "another key");
    check_str(after_ms(600, true), "32 32", "repeats instead");
    ps2_keyboard_key(keyboard, KEY(B), false);
    check_str(drain(), "f0 32", "let go");
    check_str(after_ms(2000, true), "", "the first is down still, and silent");
    ps2_keyboard_key(keyboard, KEY(A), false);
    drain();

    out(0x60, 0xf3);
    out(0x60, 0x00);
    check_str(drain(), "fa fa", "fastest");
    ps2_keyboard_key(keyboard, KEY(A), true);
    drain();
    check_str(after_ms(251, true), "1c", "after 250 ms");
    check_str(after_ms(100, true), "1c 1c 1c", "30 times a second");
    out(0x60, 0xf3);
    out(0x60, 0x7f);
    ps2_keyboard_key(keyboard, KEY(A), true);
    drain();
    check_str(after_ms(999, true), "", "slowest: after a second");
    check_str(after_ms(1010, true), "1c 1c 1c", "twice a second");

    start(false);
    ps2_keyboard_key(keyboard, KEY(A), true);
    after_ms(5000, false);
    check_str(drain(), "1c 1c", "nobody reads: one waits behind the one in the buffer");
    check_str(after_ms(100, true), "1c", "it goes on when somebody does");
    out(0x60, 0xf5);
    drain();
    check_str(after_ms(1000, true), "", "a keyboard that does not scan does not repeat");
    start(false);
    tap(KEY(PAUSE));
    drain();
    ps2_keyboard_key(keyboard, KEY(PAUSE), true);
    drain();
    check_str(after_ms(1000, true), "", "Pause does not repeat");
    start(false);
    ps2_keyboard_key(keyboard, KEY(A), true);
    drain();
    device_reset(controller, RESET_WARM);
    check_str(after_ms(1000, true), "", "reset ends it");
}

static void test_kinds_of_keys(void)
{
    static const struct { const char *claim; uint8_t command, code; const char *tap, *held; } rows[] = {
        { "all repeat and break",       0xfa, 0,    "1c f0 1c", "1c" },
        { "all repeat",                 0xf7, 0,    "1c",       "1c" },
        { "all break",                  0xf8, 0,    "1c f0 1c", "" },
        { "all only make",              0xf9, 0,    "1c",       "" },
        { "this one repeats",           0xfb, 0x1c, "1c",       "1c" },
        { "this one breaks",            0xfc, 0x1c, "1c f0 1c", "" },
        { "this one only makes",        0xfd, 0x1c, "1c",       "" },
        { "another one only makes",     0xfd, 0x1b, "1c f0 1c", "1c" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        start(false);
        choose_set(3);
        out(0x60, rows[i].command);
        if (rows[i].code) {
            out(0x60, rows[i].code);
        }
        drain();
        tap(KEY(A));
        check_str(drain(), rows[i].tap, "%s", rows[i].claim);
        ps2_keyboard_key(keyboard, KEY(A), true);
        drain();
        check_str(after_ms(501, true), rows[i].held, "%s: held", rows[i].claim);
        choose_set(2);
        tap(KEY(A));
        check_str(drain(), "1c f0 1c", "%s: but not in set 2", rows[i].claim);
        out(0x60, 0xf6);
        drain();
        choose_set(3);
        tap(KEY(A));
        check_str(drain(), "1c f0 1c", "%s: until defaults are set", rows[i].claim);
    }
}

static unsigned lamps;

static void note_leds(unsigned leds)
{
    lamps = leds;
}

static void test_leds(void)
{
    input_leds_hook = note_leds;
    start(false);
    out(0x60, 0xed);
    out(0x60, 0x05);
    check_str(drain(), "fa fa", "lamps set");
    check_int(lamps, ==, INPUT_LED_SCROLL | INPUT_LED_CAPS, "viewers are told");
    check_int(input_leds(), ==, lamps, "and can ask");
    out(0x60, 0xff);
    drain();
    check_int(lamps, ==, 0, "reset puts them out");
    input_leds_hook = NULL;
}

static void test_disabled_keyboard(void)
{
    start(false);
    out(0x60, 0xf5);
    drain();
    ps2_keyboard_key(keyboard, KEY(A), true);
    check_str(drain(), "", "a keyboard that does not scan sends nothing");
    out(0x60, 0xf4);
    drain();
    command(0xad, -1);
    ps2_keyboard_key(keyboard, KEY(A), true);
    check_str(drain(), "", "a stopped port holds its bytes");
    command(0xae, -1);
    check_str(drain(), "1c", "until it is let go");
}

static void test_answers_go_before_keys(void)
{
    start(false);
    for (int i = 0; i < 3; i++) {
        ps2_keyboard_key(keyboard, KEY(A), true);
    }
    out(0x60, 0xf2);
    check_str(drain(), "1c fa ab 83 1c 1c", "the byte in the output buffer, the answer, the keys");
}

static void test_controller_answers_wait_for_the_buffer(void)
{
    start(false);
    ps2_keyboard_key(keyboard, KEY(A), true);
    ps2_keyboard_key(keyboard, KEY(B), true);
    command(0x20, -1);
    check_str(drain(), "1c 07 32", "key, configuration, key");
}

static void test_full_queue(void)
{
    start(false);
    for (int i = 0; i < 1000; i++) {
        ps2_keyboard_key(keyboard, KEY(UP), false);
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

/* Motion, wheel and the first five buttons at once. */
static void move(int dx, int dy, int dz, uint8_t buttons)
{
    static const InputButton names[] = { INPUT_BUTTON_LEFT, INPUT_BUTTON_RIGHT, INPUT_BUTTON_MIDDLE, INPUT_BUTTON_SIDE, INPUT_BUTTON_EXTRA };
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        ps2_mouse_button(mouse, names[i], buttons >> i & 1);
    }
    for (; dz; dz += dz < 0 ? 1 : -1) {
        ps2_mouse_button(mouse, dz < 0 ? INPUT_BUTTON_WHEEL_UP : INPUT_BUTTON_WHEEL_DOWN, true);
    }
    ps2_mouse_move(mouse, dx, dy);
    ps2_mouse_sync(mouse);
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
        move(rows[i].dx, rows[i].dy, rows[i].dz, rows[i].buttons);
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
    move(1, 2, -1, 1);
    check_str(drain(), "m09 m01 m02 mff", "its report");
    knock(200, 200, 80);
    mouse_command(0xf2);
    check_str(drain(), "mfa m04", "five buttons after the second");
    move(0, 0, 2, 0x18);
    check_str(drain(), "m08 m00 m00 m32", "their report");
    move(0, 0, 0, 0);
    drain();
    ps2_mouse_button(mouse, INPUT_BUTTON_WHEEL_RIGHT, true);
    ps2_mouse_button(mouse, INPUT_BUTTON_WHEEL_UP, true);
    ps2_mouse_sync(mouse);
    check_str(drain(), "m08 m00 m00 m7f m08 m00 m00 m0f", "two wheels, one after the other");
    mouse_command(0xff);
    check_str(drain(), "mfa maa m00", "reset");
    mouse_command(0xf2);
    check_str(drain(), "mfa m00", "takes it back");
}

static void test_disabled_and_remote_mouse(void)
{
    start(false);
    move(5, 5, 0, 0);
    mouse_command(0xf4);
    check_str(drain(), "mfa", "motion before enabling is not kept");
    mouse_command(0xf0);
    move(3, 4, 0, 2);
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
        move(100000, -100000, 0, i & 7);
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
    move(1, 1, 0, 0);
    ps2_keyboard_key(keyboard, KEY(A), true);
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
    clock_virtual_set_manual();
    isa_bus_init(&bus, NULL, "isa.0", system_memory(), system_io());
    controller = i8042_create(&bus);
    keyboard = i8042_keyboard(controller);
    mouse = i8042_mouse(controller);
    g_test_add_func("/ps2/keys", test_keys);
    g_test_add_func("/ps2/modifiers", test_modifiers_change_codes);
    g_test_add_func("/ps2/numbers", test_numbers);
    g_test_add_func("/ps2/typematic", test_typematic);
    g_test_add_func("/ps2/kinds", test_kinds_of_keys);
    g_test_add_func("/ps2/leds", test_leds);
    g_test_add_func("/ps2/translation", test_every_code_survives_translation);
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
