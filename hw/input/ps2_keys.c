/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a PS/2 keyboard sends for a key. Set 1 is ui/keys.h's number; set 2 has the same keys after E0.
 * Specs: IBM PS/2 Hardware Interface Technical Reference, "Keyboard scan codes"; Microsoft Keyboard Scan Code
 * Specification, appendix A, for the keys that came later.
 */
#include "hw/input/ps2_keys.h"

#include "ui/keys.h"

/* 0: the set has no such key. */
static const struct { uint8_t set_2, set_3; } codes[Q_KEY_CODE_COUNT] = {
    [Q_KEY_CODE_SHIFT] = { 0x12, 0x12 }, [Q_KEY_CODE_SHIFT_R] = { 0x59, 0x59 }, [Q_KEY_CODE_ALT] = { 0x11, 0x19 },
    [Q_KEY_CODE_ALT_R] = { 0x11, 0x39 }, [Q_KEY_CODE_CTRL] = { 0x14, 0x11 }, [Q_KEY_CODE_CTRL_R] = { 0x14, 0x58 },
    [Q_KEY_CODE_MENU] = { 0x00, 0x91 }, [Q_KEY_CODE_ESC] = { 0x76, 0x08 }, [Q_KEY_CODE_1] = { 0x16, 0x16 },
    [Q_KEY_CODE_2] = { 0x1e, 0x1e }, [Q_KEY_CODE_3] = { 0x26, 0x26 }, [Q_KEY_CODE_4] = { 0x25, 0x25 },
    [Q_KEY_CODE_5] = { 0x2e, 0x2e }, [Q_KEY_CODE_6] = { 0x36, 0x36 }, [Q_KEY_CODE_7] = { 0x3d, 0x3d },
    [Q_KEY_CODE_8] = { 0x3e, 0x3e }, [Q_KEY_CODE_9] = { 0x46, 0x46 }, [Q_KEY_CODE_0] = { 0x45, 0x45 },
    [Q_KEY_CODE_MINUS] = { 0x4e, 0x4e }, [Q_KEY_CODE_EQUAL] = { 0x55, 0x55 }, [Q_KEY_CODE_BACKSPACE] = { 0x66, 0x66 },
    [Q_KEY_CODE_TAB] = { 0x0d, 0x0d }, [Q_KEY_CODE_Q] = { 0x15, 0x15 }, [Q_KEY_CODE_W] = { 0x1d, 0x1d },
    [Q_KEY_CODE_E] = { 0x24, 0x24 }, [Q_KEY_CODE_R] = { 0x2d, 0x2d }, [Q_KEY_CODE_T] = { 0x2c, 0x2c },
    [Q_KEY_CODE_Y] = { 0x35, 0x35 }, [Q_KEY_CODE_U] = { 0x3c, 0x3c }, [Q_KEY_CODE_I] = { 0x43, 0x43 },
    [Q_KEY_CODE_O] = { 0x44, 0x44 }, [Q_KEY_CODE_P] = { 0x4d, 0x4d }, [Q_KEY_CODE_BRACKET_LEFT] = { 0x54, 0x54 },
    [Q_KEY_CODE_BRACKET_RIGHT] = { 0x5b, 0x5b }, [Q_KEY_CODE_RET] = { 0x5a, 0x5a }, [Q_KEY_CODE_A] = { 0x1c, 0x1c },
    [Q_KEY_CODE_S] = { 0x1b, 0x1b }, [Q_KEY_CODE_D] = { 0x23, 0x23 }, [Q_KEY_CODE_F] = { 0x2b, 0x2b },
    [Q_KEY_CODE_G] = { 0x34, 0x34 }, [Q_KEY_CODE_H] = { 0x33, 0x33 }, [Q_KEY_CODE_J] = { 0x3b, 0x3b },
    [Q_KEY_CODE_K] = { 0x42, 0x42 }, [Q_KEY_CODE_L] = { 0x4b, 0x4b }, [Q_KEY_CODE_SEMICOLON] = { 0x4c, 0x4c },
    [Q_KEY_CODE_APOSTROPHE] = { 0x52, 0x52 }, [Q_KEY_CODE_GRAVE_ACCENT] = { 0x0e, 0x0e },
    [Q_KEY_CODE_BACKSLASH] = { 0x5d, 0x5c }, [Q_KEY_CODE_Z] = { 0x1a, 0x1a }, [Q_KEY_CODE_X] = { 0x22, 0x22 },
    [Q_KEY_CODE_C] = { 0x21, 0x21 }, [Q_KEY_CODE_V] = { 0x2a, 0x2a }, [Q_KEY_CODE_B] = { 0x32, 0x32 },
    [Q_KEY_CODE_N] = { 0x31, 0x31 }, [Q_KEY_CODE_M] = { 0x3a, 0x3a }, [Q_KEY_CODE_COMMA] = { 0x41, 0x41 },
    [Q_KEY_CODE_DOT] = { 0x49, 0x49 }, [Q_KEY_CODE_SLASH] = { 0x4a, 0x4a }, [Q_KEY_CODE_ASTERISK] = { 0x7c, 0x7e },
    [Q_KEY_CODE_SPC] = { 0x29, 0x29 }, [Q_KEY_CODE_CAPS_LOCK] = { 0x58, 0x14 }, [Q_KEY_CODE_F1] = { 0x05, 0x07 },
    [Q_KEY_CODE_F2] = { 0x06, 0x0f }, [Q_KEY_CODE_F3] = { 0x04, 0x17 }, [Q_KEY_CODE_F4] = { 0x0c, 0x1f },
    [Q_KEY_CODE_F5] = { 0x03, 0x27 }, [Q_KEY_CODE_F6] = { 0x0b, 0x2f }, [Q_KEY_CODE_F7] = { 0x83, 0x37 },
    [Q_KEY_CODE_F8] = { 0x0a, 0x3f }, [Q_KEY_CODE_F9] = { 0x01, 0x47 }, [Q_KEY_CODE_F10] = { 0x09, 0x4f },
    [Q_KEY_CODE_NUM_LOCK] = { 0x77, 0x76 }, [Q_KEY_CODE_SCROLL_LOCK] = { 0x7e, 0x5f },
    [Q_KEY_CODE_KP_DIVIDE] = { 0x4a, 0x4a }, [Q_KEY_CODE_KP_MULTIPLY] = { 0x7c, 0x7e },
    [Q_KEY_CODE_KP_SUBTRACT] = { 0x7b, 0x4e }, [Q_KEY_CODE_KP_ADD] = { 0x79, 0x7c },
    [Q_KEY_CODE_KP_ENTER] = { 0x5a, 0x79 }, [Q_KEY_CODE_KP_DECIMAL] = { 0x71, 0x71 },
    [Q_KEY_CODE_SYSRQ] = { 0x84, 0x57 }, [Q_KEY_CODE_KP_0] = { 0x70, 0x70 }, [Q_KEY_CODE_KP_1] = { 0x69, 0x69 },
    [Q_KEY_CODE_KP_2] = { 0x72, 0x72 }, [Q_KEY_CODE_KP_3] = { 0x7a, 0x7a }, [Q_KEY_CODE_KP_4] = { 0x6b, 0x6b },
    [Q_KEY_CODE_KP_5] = { 0x73, 0x73 }, [Q_KEY_CODE_KP_6] = { 0x74, 0x74 }, [Q_KEY_CODE_KP_7] = { 0x6c, 0x6c },
    [Q_KEY_CODE_KP_8] = { 0x75, 0x75 }, [Q_KEY_CODE_KP_9] = { 0x7d, 0x7d }, [Q_KEY_CODE_LESS] = { 0x61, 0x13 },
    [Q_KEY_CODE_F11] = { 0x78, 0x56 }, [Q_KEY_CODE_F12] = { 0x07, 0x5e }, [Q_KEY_CODE_PRINT] = { 0x7c, 0x57 },
    [Q_KEY_CODE_HOME] = { 0x6c, 0x6e }, [Q_KEY_CODE_PGUP] = { 0x7d, 0x6f }, [Q_KEY_CODE_PGDN] = { 0x7a, 0x6d },
    [Q_KEY_CODE_END] = { 0x69, 0x65 }, [Q_KEY_CODE_LEFT] = { 0x6b, 0x61 }, [Q_KEY_CODE_UP] = { 0x75, 0x63 },
    [Q_KEY_CODE_DOWN] = { 0x72, 0x60 }, [Q_KEY_CODE_RIGHT] = { 0x74, 0x6a }, [Q_KEY_CODE_INSERT] = { 0x70, 0x67 },
    [Q_KEY_CODE_DELETE] = { 0x71, 0x64 }, [Q_KEY_CODE_STOP] = { 0x28, 0x0a }, [Q_KEY_CODE_AGAIN] = { 0x00, 0x0b },
    [Q_KEY_CODE_PROPS] = { 0x00, 0x0c }, [Q_KEY_CODE_UNDO] = { 0x00, 0x10 }, [Q_KEY_CODE_COPY] = { 0x00, 0x18 },
    [Q_KEY_CODE_OPEN] = { 0x00, 0x20 }, [Q_KEY_CODE_PASTE] = { 0x00, 0x28 }, [Q_KEY_CODE_FIND] = { 0x00, 0x30 },
    [Q_KEY_CODE_CUT] = { 0x00, 0x38 }, [Q_KEY_CODE_HELP] = { 0x00, 0x09 }, [Q_KEY_CODE_META_L] = { 0x1f, 0x8b },
    [Q_KEY_CODE_META_R] = { 0x27, 0x8c }, [Q_KEY_CODE_COMPOSE] = { 0x2f, 0x8d }, [Q_KEY_CODE_PAUSE] = { 0x7e, 0x62 },
    [Q_KEY_CODE_RO] = { 0x51, 0x00 }, [Q_KEY_CODE_HIRAGANA] = { 0x62, 0x87 }, [Q_KEY_CODE_HENKAN] = { 0x64, 0x86 },
    [Q_KEY_CODE_YEN] = { 0x6a, 0x5d }, [Q_KEY_CODE_MUHENKAN] = { 0x67, 0x85 },
    [Q_KEY_CODE_KATAKANAHIRAGANA] = { 0x13, 0x87 }, [Q_KEY_CODE_KP_COMMA] = { 0x6d, 0x00 },
    [Q_KEY_CODE_KP_EQUALS] = { 0x0f, 0x00 }, [Q_KEY_CODE_POWER] = { 0x37, 0x00 }, [Q_KEY_CODE_SLEEP] = { 0x3f, 0x00 },
    [Q_KEY_CODE_WAKE] = { 0x5e, 0x00 }, [Q_KEY_CODE_AUDIONEXT] = { 0x4d, 0x93 },
    [Q_KEY_CODE_AUDIOPREV] = { 0x15, 0x94 }, [Q_KEY_CODE_AUDIOSTOP] = { 0x3b, 0x98 },
    [Q_KEY_CODE_AUDIOPLAY] = { 0x34, 0x00 }, [Q_KEY_CODE_AUDIOMUTE] = { 0x23, 0x9c },
    [Q_KEY_CODE_VOLUMEUP] = { 0x32, 0x95 }, [Q_KEY_CODE_VOLUMEDOWN] = { 0x21, 0x9d },
    [Q_KEY_CODE_MEDIASELECT] = { 0x50, 0x00 }, [Q_KEY_CODE_MAIL] = { 0x48, 0x00 },
    [Q_KEY_CODE_CALCULATOR] = { 0x2b, 0xa3 }, [Q_KEY_CODE_COMPUTER] = { 0x40, 0x00 },
    [Q_KEY_CODE_AC_HOME] = { 0x3a, 0x97 }, [Q_KEY_CODE_AC_BACK] = { 0x38, 0x00 },
    [Q_KEY_CODE_AC_FORWARD] = { 0x30, 0x00 }, [Q_KEY_CODE_AC_REFRESH] = { 0x20, 0x00 },
    [Q_KEY_CODE_AC_BOOKMARKS] = { 0x18, 0x00 }, [Q_KEY_CODE_F13] = { 0x2f, 0x7f }, [Q_KEY_CODE_F14] = { 0x37, 0x80 },
    [Q_KEY_CODE_F15] = { 0x3f, 0x81 }, [Q_KEY_CODE_F16] = { 0x00, 0x82 }, [Q_KEY_CODE_F17] = { 0x00, 0x83 },
};

/* Two keys send what was pressed for them on older keyboards: Print Screen with its shift, and Pause as two keys. */
static bool special(QKeyCode key, unsigned set, bool down, unsigned modifiers, Ps2Code *c)
{
    typedef const char *const Codes[2][2];      /* by set less 1, and whether it goes down */
    static Codes print = {
        { "\xe0\xb7\xe0\xaa", "\xe0\x2a\xe0\x37" }, { "\xe0\xf0\x7c\xe0\xf0\x12", "\xe0\x12\xe0\x7c" },
    };
    static Codes alone = { { "\xe0\xb7", "\xe0\x37" }, { "\xe0\xf0\x7c", "\xe0\x7c" } };
    static Codes with_alt = { { "\xd4\xb8\x38", "\xb8\x38\x54" }, { "\xf0\x84\xf0\x11\x11", "\xf0\x11\x11\x84" } };
    static Codes with_alt_r = {
        { "\xd4\xe0\xb8\xe0\x38", "\xe0\xb8\xe0\x38\x54" },
        { "\xf0\x84\xe0\xf0\x11\xe0\x11", "\xe0\xf0\x11\xe0\x11\x84" },
    };
    static const char *const pause[2] = { "\xe1\x1d\x45\xe1\x9d\xc5", "\xe1\x14\x77\xe1\xf0\x14\xf0\x77" };
    static const char *const ctrl_break[2] = { "\xe0\x46\xe0\xc6", "\xe0\x7e\xe0\xf0\x7e" };
    const char *bytes;

    if (key == Q_KEY_CODE_PRINT || key == Q_KEY_CODE_SYSRQ) {
        bytes = modifiers & PS2_ALT ? with_alt[set - 1][down]
              : modifiers & PS2_ALT_R ? with_alt_r[set - 1][down]
              : modifiers ? alone[set - 1][down] : print[set - 1][down];
    } else if (key == Q_KEY_CODE_PAUSE) {       /* says both at once, and nothing when it goes up */
        bytes = !down ? "" : modifiers & (PS2_CTRL | PS2_CTRL_R) ? ctrl_break[set - 1] : pause[set - 1];
    } else {
        return false;
    }
    while (*bytes) {
        c->bytes[c->len++] = *bytes++;
    }
    return true;
}

uint8_t ps2_set_3_code(QKeyCode key)
{
    return codes[key].set_3;
}

Ps2Code ps2_code(QKeyCode key, unsigned set, bool down, unsigned modifiers)
{
    Ps2Code c = { .len = 0 };
    uint8_t number = key_number(key);
    uint8_t code = set == 1 ? number & 0x7f : set == 2 ? codes[key].set_2 : codes[key].set_3;
    if ((set < 3 && special(key, set, down, modifiers, &c)) || !code) {
        return c;
    }
    if (set == 1 && !down && (key == Q_KEY_CODE_LANG1 || key == Q_KEY_CODE_LANG2)) {
        return c;                               /* these are only ever pressed */
    }
    if (set < 3 && number & 0x80) {
        c.bytes[c.len++] = 0xe0;
    }
    if (set > 1 && !down) {
        c.bytes[c.len++] = 0xf0;
    }
    c.bytes[c.len++] = code | (set == 1 && !down ? 0x80 : 0);
    return c;
}
