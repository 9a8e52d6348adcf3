/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The line editor: keys in, entered lines out, and what a terminal would show.
 *
 * A small terminal model (backspace, carriage return, erase to the end of the line) turns the editor's output into the
 * last row on screen, with the cursor as '|'.
 */
#include "tests/check.h"

#include "monitor/line_editor.h"

#define COLUMNS 2000

typedef struct Screen { char row[COLUMNS + 1]; unsigned column; int bells; GString *lines; int escape; } Screen;

static void show_byte(Screen *s, char c)
{
    if (s->escape) {                            /* only ESC [ K, ESC [ 2J, ESC [ 1;1H are sent */
        if (c == 'K') {
            s->row[s->column] = 0;
        } else if (c == 'J' || c == 'H') {
            s->row[0] = 0;
            s->column = 0;
        }
        s->escape = g_ascii_isalpha(c) ? 0 : 1;
    } else if (c == '\033') {
        s->escape = 1;
    } else if (c == '\a') {
        s->bells++;
    } else if (c == '\b') {
        check_true(s->column > 0, "the cursor does not leave the screen to the left");
        s->column--;
    } else if (c == '\r') {
        s->column = 0;
    } else if (c == '\n') {
        s->row[s->column = 0] = 0;
    } else if (((uint8_t)c & 0xc0) != 0x80) {   /* a character: '#' stands for one beyond ASCII */
        check_true(s->column < COLUMNS, "the row is long enough");
        bool end = !s->row[s->column];
        s->row[s->column++] = (uint8_t)c < 0x80 ? c : '#';
        if (end) {
            s->row[s->column] = 0;
        }
    }
}

static void screen_write(void *opaque, const char *text, size_t len)
{
    while (len--) {
        show_byte(opaque, *text++);
    }
}

static void screen_line(void *opaque, const char *line)
{
    g_string_append_printf(((Screen *)opaque)->lines, "%s;", line);
}

static void complete(void *opaque, const char *before, GPtrArray *candidates, size_t *word_start)
{
    static const char *const words[] = { "info", "inject", "help", "device_add", "/machine/" };
    const char *blank = strrchr(before, ' ');
    *word_start = blank ? blank + 1 - before : 0;
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        if (g_str_has_prefix(words[i], before + *word_start)) {
            g_ptr_array_add(candidates, g_strdup(words[i]));
        }
    }
}

static const LineEditorOps ops = { screen_write, screen_line, complete };

#define UP "\033[A"
#define DOWN "\033[B"
#define RIGHT "\033[C"
#define LEFT "\033[D"

static const struct { const char *claim, *keys, *lines, *row; } cases[] = {
    { "typing", "abc", "", "> abc|" },
    { "enter by return", "abc\rd", "abc;", "> d|" },
    { "enter by newline", "abc\nd", "abc;", "> d|" },
    { "return and newline are one end of line", "abc\r\nd\r\n", "abc;d;", "> |" },
    { "two newlines are two lines", "a\n\nb\n", "a;;b;", "> |" },
    { "backspace", "abc\x7f\x08", "", "> a|" },
    { "backspace on nothing", "\x7f\x7f" "a", "", "> a|" },
    { "insert in the middle", "ac" LEFT "b", "", "> ab|c" },
    { "Ctrl-A, Ctrl-E", "bc\x01" "a\x05" "d", "", "> abcd|" },
    { "Ctrl-B, Ctrl-F", "ac\x02" "b\x06" "d", "", "> abcd|" },
    { "Ctrl-D deletes under the cursor", "abc\x01\x04", "", "> |bc" },
    { "Ctrl-D at the end does nothing", "ab\x04", "", "> ab|" },
    { "Delete", "abc\x01\033[3~", "", "> |bc" },
    { "Home and End, three ways", "b\033[1~a\033[4~c\033OH-\033OF+\033[H<\033[F>", "", "> <-abc+>|" },
    { "arrows stop at the ends", "a" LEFT LEFT LEFT "b" RIGHT RIGHT "c", "", "> bac|" },
    { "Ctrl-K, Ctrl-Y", "abcd" LEFT LEFT "\x0b\x01\x19", "", "> cd|ab" },
    { "Ctrl-U kills to the beginning", "abcd" LEFT "\x15", "", "> |d" },
    { "Ctrl-W kills a word", "one two  \x17", "", "> one |" },
    { "Ctrl-T swaps", "ab\x14", "", "> ba|" },
    { "Ctrl-C drops the line", "abc\x03" "d\r", "d;", "> |" },
    { "Alt-B, Alt-D", "one two\033b\033d", "", "> one |" },
    { "Alt-F", "one two\x01\033fX", "", "> oneX| two" },
    { "Alt-Backspace", "one two\033\x7f", "", "> one |" },
    { "Ctrl-arrows", "one two\033[1;5DX\033[1;5CY", "", "> one XtwoY|" },
    { "history: up", "a\rb\r" UP, "a;b;", "> b|" },
    { "history: up twice, down", "a\rb\r" UP UP DOWN, "a;b;", "> b|" },
    { "history: the line under edit comes back", "a\rxy" UP DOWN, "a;", "> xy|" },
    { "history: ends", "a\r" UP UP UP DOWN DOWN DOWN "x", "a;", "> x|" },
    { "history: the same line twice is kept once", "a\ra\rb\r" UP UP UP, "a;a;b;", "> a|" },
    { "history: empty lines are not kept", "a\r\r\r" UP, "a;;;", "> a|" },
    { "history: an old line can be edited and entered", "ab\r" UP "c\r" UP, "ab;abc;", "> abc|" },
    { "history: Ctrl-P, Ctrl-N", "a\rb\r\x10\x10\x0e", "a;b;", "> b|" },
    { "search backwards", "one\rtwo\rother\r\x12o\x12", "one;two;other;", "> two|" },
    { "search and enter", "one\rtwo\r\x12on\r", "one;two;one;", "> |" },
    { "search given up", "one\rtwo\r\x12o\x07x", "one;two;", "> x|" },
    { "completion of the only candidate", "h\t", "", "> help |" },
    { "completion to the common prefix", "i\t", "", "> in|" },
    { "completion of the second word", "help d\t", "", "> help device_add |" },
    { "a completion that goes on adds no blank", "/\t", "", "> /machine/|" },
    { "several candidates are listed, the line comes again", "in\t", "", "> in|" },
    { "no candidate", "x\t", "", "> x|" },
    { "completion in the middle keeps the rest", "h x\x01\x06\t", "", "> help | x" },
    { "characters beyond ASCII count once", "a\xc3\xa4" "b" LEFT LEFT "c", "", "> ac|#b" },
    { "backspace over a character beyond ASCII", "a\xc3\xa4\x7f", "", "> a|" },
    { "a broken character is dropped", "a\xc3" "b", "", "> ab|" },
    { "unknown escapes do nothing", "a\033[99xb\033[200~c\033Qd", "", "> abcd|" },
    { "Ctrl-L clears the screen", "ab" LEFT "\x0c", "", "> a|b" },
};

static LineEditor *make(Screen *s)
{
    *s = (Screen){ .lines = g_string_new(NULL) };
    LineEditor *e = line_editor_new(&ops, s, "> ");
    line_editor_show(e);
    return e;
}

static void test_cases(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        Screen s;
        LineEditor *e = make(&s);
        line_editor_input(e, (const uint8_t *)cases[i].keys, strlen(cases[i].keys));
        g_autofree char *row = g_strdup_printf("%.*s|%s", s.column, s.row, s.row + s.column);
        check_str(s.lines->str, cases[i].lines, "%s: lines entered", cases[i].claim);
        check_str(row, cases[i].row, "%s: screen", cases[i].claim);
        line_editor_free(e);
        g_string_free(s.lines, true);
    }
}

static void test_limits(void)
{
    Screen s;
    LineEditor *e = make(&s);
    s.row[0] = 0;
    for (unsigned i = 0; i < LINE_EDITOR_HISTORY + 10; i++) {
        g_autofree char *line = g_strdup_printf("%u\r", i);
        line_editor_input(e, (const uint8_t *)line, strlen(line));
    }
    check_str(line_editor_history(e, 0), "10", "the oldest lines go");
    check_true(!line_editor_history(e, LINE_EDITOR_HISTORY), "history has its size");
    line_editor_free(e);
    g_string_free(s.lines, true);
}

static void drop(void *opaque, const char *text, size_t len) { }

static void keep_length(void *opaque, const char *line)
{
    *(size_t *)opaque = strlen(line);
}

static void test_long_line(void)
{
    static const LineEditorOps quiet = { drop, keep_length, NULL };
    size_t len = 0;
    LineEditor *e = line_editor_new(&quiet, &len, "");
    for (int i = 0; i < 10000; i++) {
        line_editor_input(e, (const uint8_t *)"x", 1);
    }
    line_editor_input(e, (const uint8_t *)"\t\r", 2);
    check_int(len, ==, LINE_EDITOR_MAX_BYTES, "a line stops growing");
    line_editor_free(e);
}

/* Random keys: the cursor stays in the text (the terminal model checks the screen). */
static void test_noise(void)
{
    static const char *const keys[] = { "a", "b c", "\x01", "\x02", "\x03", "\x04", "\x05", "\x06", "\x08", "\x0b", "\x0e", "\x10", "\x12",
        "\x14", "\x15", "\x17", "\x19", "\t", "\r", UP, DOWN, LEFT, RIGHT, "\033b", "\033f", "\033d", "\xc3\xa4", "\xff", "\033[3~" };
    Screen s;
    LineEditor *e = make(&s);
    for (int i = 0; i < 100000; i++) {
        const char *key = keys[g_test_rand_int_range(0, G_N_ELEMENTS(keys))];
        line_editor_input(e, (const uint8_t *)key, strlen(key));
        if (strlen(s.row) > COLUMNS - 50) {
            line_editor_input(e, (const uint8_t *)"\x07\x03", 2);
        }
        g_string_truncate(s.lines, 0);
    }
    line_editor_free(e);
    g_string_free(s.lines, true);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/line-editor/cases", test_cases);
    g_test_add_func("/line-editor/limits", test_limits);
    g_test_add_func("/line-editor/long-line", test_long_line);
    g_test_add_func("/line-editor/noise", test_noise);
    return g_test_run();
}
