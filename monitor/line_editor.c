/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The line editor: bytes -> keys (decode) -> edits of `text` -> the least output that shows them.
 *
 * Invariants: 0 <= cursor <= text->len; both on character boundaries; the terminal shows prompt and text, its cursor
 * at `cursor`. One character takes one column (true for all but some scripts).
 */
#include "monitor/line_editor.h"

#include <string.h>

typedef enum Decode { DECODE_PLAIN, DECODE_ESCAPE, DECODE_CSI, DECODE_SS3 } Decode;

struct LineEditor {
    const LineEditorOps *ops;
    void *opaque;
    char *prompt;
    GString *text;
    size_t cursor;
    Decode decode;
    char csi[16];                       /* parameters of the escape sequence so far */
    unsigned csi_len;
    char utf8[5];                       /* bytes of an unfinished character */
    unsigned utf8_len;
    bool after_cr;                      /* a newline next is part of the same line end */
    GPtrArray *history;                 /* oldest first */
    unsigned history_index;             /* being shown; history->len: the line under edit */
    char *edited;                       /* that line, while an old one is shown */
    char *killed;                       /* for Ctrl-Y */
    GString *search;                    /* Ctrl-R pattern; NULL: not searching */
};

LineEditor *line_editor_new(const LineEditorOps *ops, void *opaque, const char *prompt)
{
    LineEditor *e = g_new0(LineEditor, 1);
    e->ops = ops;
    e->opaque = opaque;
    e->prompt = g_strdup(prompt);
    e->text = g_string_new(NULL);
    e->history = g_ptr_array_new_with_free_func(g_free);
    return e;
}

void line_editor_free(LineEditor *e)
{
    if (!e) {
        return;
    }
    g_free(e->prompt);
    g_string_free(e->text, true);
    g_ptr_array_unref(e->history);
    g_free(e->edited);
    g_free(e->killed);
    if (e->search) {
        g_string_free(e->search, true);
    }
    g_free(e);
}

const char *line_editor_history(const LineEditor *e, unsigned n)
{
    return n < e->history->len ? e->history->pdata[n] : NULL;
}

/* Output */

static void put(LineEditor *e, const char *text)
{
    e->ops->write(e->opaque, text, strlen(text));
}

static bool is_continuation(char c)
{
    return ((uint8_t)c & 0xc0) == 0x80;
}

static size_t columns(const char *text, size_t len)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        n += !is_continuation(text[i]);
    }
    return n;
}

static void put_left(LineEditor *e, size_t n)
{
    g_autofree char *back = g_strnfill(n, '\b');
    e->ops->write(e->opaque, back, n);
}

void line_editor_show(LineEditor *e)
{
    put(e, e->prompt);
    put(e, e->text->str);
    put_left(e, columns(e->text->str + e->cursor, e->text->len - e->cursor));
}

void line_editor_hide(LineEditor *e)
{
    put(e, "\r\033[K");
}

/* Replaces [from, to) of the line by @with; the cursor goes behind it. */
static void replace(LineEditor *e, size_t from, size_t to, const char *with)
{
    if (e->text->len - (to - from) + strlen(with) > LINE_EDITOR_MAX_BYTES) {
        put(e, "\a");
        return;
    }
    bool append = from == to && from == e->text->len && e->cursor == from;
    put_left(e, from < e->cursor ? columns(e->text->str + from, e->cursor - from) : 0);
    g_string_erase(e->text, from, to - from);
    g_string_insert(e->text, from, with);
    e->cursor = from + strlen(with);
    put(e, e->text->str + from);
    if (!append) {
        put(e, "\033[K");
        put_left(e, columns(e->text->str + e->cursor, e->text->len - e->cursor));
    }
}

static void move_to(LineEditor *e, size_t to)
{
    if (to < e->cursor) {
        put_left(e, columns(e->text->str + to, e->cursor - to));
    } else if (to > e->cursor) {
        e->ops->write(e->opaque, e->text->str + e->cursor, to - e->cursor);
    }
    e->cursor = to;
}

static void set_line(LineEditor *e, const char *line)
{
    move_to(e, 0);
    replace(e, 0, e->text->len, line);
}

/* Places in the line */

static size_t left_of(const LineEditor *e, size_t at)
{
    while (at > 0 && is_continuation(e->text->str[--at])) {
    }
    return at;
}

static size_t right_of(const LineEditor *e, size_t at)
{
    if (at < e->text->len) {
        do {
            at++;
        } while (is_continuation(e->text->str[at]));
    }
    return at;
}

static bool is_word(char c)
{
    return g_ascii_isalnum(c) || c == '_' || (uint8_t)c >= 0x80;
}

static size_t word_left(const LineEditor *e)
{
    size_t at = e->cursor;
    while (at > 0 && !is_word(e->text->str[at - 1])) {
        at--;
    }
    while (at > 0 && is_word(e->text->str[at - 1])) {
        at--;
    }
    return at;
}

static size_t word_right(const LineEditor *e)
{
    size_t at = e->cursor;
    while (at < e->text->len && !is_word(e->text->str[at])) {
        at++;
    }
    while (at < e->text->len && is_word(e->text->str[at])) {
        at++;
    }
    return at;
}

/* The start of the blank-separated word before the cursor, as Ctrl-W has it. */
static size_t argument_left(const LineEditor *e)
{
    size_t at = e->cursor;
    while (at > 0 && e->text->str[at - 1] == ' ') {
        at--;
    }
    while (at > 0 && e->text->str[at - 1] != ' ') {
        at--;
    }
    return at;
}

/* Edits */

static void kill_text(LineEditor *e, size_t from, size_t to)
{
    if (from == to) {
        return;
    }
    g_free(e->killed);
    e->killed = g_strndup(e->text->str + from, to - from);
    replace(e, from, to, "");
}

static void transpose(LineEditor *e)
{
    size_t at = e->cursor == e->text->len ? left_of(e, e->cursor) : e->cursor;
    size_t left = left_of(e, at), right = right_of(e, at);
    if (at == 0 || right == at) {
        return;
    }
    g_autofree char *swapped = g_strdup_printf("%.*s%.*s", (int)(right - at), e->text->str + at, (int)(at - left),
                                               e->text->str + left);
    replace(e, left, right, swapped);
}

/* History */

static void remember(LineEditor *e, const char *line)
{
    if (!*line || (e->history->len && !strcmp(e->history->pdata[e->history->len - 1], line))) {
        return;
    }
    if (e->history->len == LINE_EDITOR_HISTORY) {
        g_ptr_array_remove_index(e->history, 0);
    }
    g_ptr_array_add(e->history, g_strdup(line));
}

static void show_history(LineEditor *e, unsigned index)
{
    if (index > e->history->len || index == e->history_index) {
        return;
    }
    if (e->history_index == e->history->len) {
        g_free(e->edited);
        e->edited = g_strdup(e->text->str);
    }
    e->history_index = index;
    set_line(e, index == e->history->len ? e->edited : e->history->pdata[index]);
}

/* Shows the newest line older than @below that holds the pattern; false: none. */
static bool search_below(LineEditor *e, unsigned below)
{
    while (below-- > 0) {
        if (strstr(e->history->pdata[below], e->search->str)) {
            show_history(e, below);
            return true;
        }
    }
    put(e, "\a");
    return false;
}

/* While Ctrl-R searches: true if the byte belonged to the search. */
static bool search_byte(LineEditor *e, uint8_t c)
{
    if (c == 'R' - '@') {
        search_below(e, e->history_index);
        return true;
    }
    if (c >= ' ' && c != 0x7f) {
        g_string_append_c(e->search, c);
        search_below(e, MIN(e->history_index + 1, e->history->len));
        return true;
    }
    if ((c == 0x7f || c == 'H' - '@') && e->search->len) {
        g_string_truncate(e->search, e->search->len - 1);
        search_below(e, e->history->len);
        return true;
    }
    g_string_free(e->search, true);
    e->search = NULL;
    if (c == 'G' - '@' || c == 'C' - '@') {
        show_history(e, e->history->len);
        return true;
    }
    return false;
}

/* Completion */

static size_t common_prefix(GPtrArray *words)
{
    const char *first = words->pdata[0];
    size_t len = strlen(first);
    for (guint i = 1; i < words->len; i++) {
        const char *word = words->pdata[i];
        size_t n = 0;
        while (n < len && word[n] == first[n]) {
            n++;
        }
        len = n;
    }
    while (len && is_continuation(first[len])) {
        len--;
    }
    return len;
}

static int compare_words(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list_words(LineEditor *e, GPtrArray *words)
{
    size_t width = 0;
    for (guint i = 0; i < words->len; i++) {
        width = MAX(width, strlen(words->pdata[i]) + 2);
    }
    unsigned per_line = MAX(80 / width, 1);
    g_autoptr(GString) out = g_string_new("\r\n");
    for (guint i = 0; i < words->len; i++) {
        bool last = (i + 1) % per_line == 0 || i + 1 == words->len;
        g_string_append_printf(out, "%-*s%s", last ? 0 : (int)width, (char *)words->pdata[i], last ? "\r\n" : "");
    }
    put(e, out->str);
    line_editor_show(e);
}

static void complete(LineEditor *e)
{
    if (!e->ops->complete) {
        return;
    }
    g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *before = g_strndup(e->text->str, e->cursor);
    size_t start = e->cursor;
    e->ops->complete(e->opaque, before, words, &start);
    if (!words->len || start > e->cursor) {
        put(e, "\a");
        return;
    }
    g_ptr_array_sort(words, compare_words);
    g_autofree char *prefix = g_strndup(words->pdata[0], common_prefix(words));
    bool single = words->len == 1;
    bool ends = *prefix && strchr("/,=", prefix[strlen(prefix) - 1]);
    if (single && !ends) {
        char *spaced = g_strconcat(prefix, " ", NULL);
        g_free(prefix);
        prefix = spaced;
    }
    if (single || strcmp(before + start, prefix)) {
        replace(e, start, e->cursor, prefix);
    } else {
        list_words(e, words);
    }
}

/* Keys */

static void enter(LineEditor *e)
{
    g_autofree char *line = g_strdup(e->text->str);
    move_to(e, e->text->len);
    put(e, "\r\n");
    remember(e, line);
    g_string_truncate(e->text, 0);
    e->cursor = 0;
    e->history_index = e->history->len;
    e->ops->line(e->opaque, line);
    line_editor_show(e);
}

static void control_key(LineEditor *e, uint8_t c)
{
    switch (c) {
    case 'A' - '@':
        move_to(e, 0);
        break;
    case 'B' - '@':
        move_to(e, left_of(e, e->cursor));
        break;
    case 'C' - '@':
        set_line(e, "");
        break;
    case 'D' - '@':
        replace(e, e->cursor, right_of(e, e->cursor), "");
        break;
    case 'E' - '@':
        move_to(e, e->text->len);
        break;
    case 'F' - '@':
        move_to(e, right_of(e, e->cursor));
        break;
    case 'H' - '@': case 0x7f:
        replace(e, left_of(e, e->cursor), e->cursor, "");
        break;
    case '\t':
        complete(e);
        break;
    case 'K' - '@':
        kill_text(e, e->cursor, e->text->len);
        break;
    case 'L' - '@':
        put(e, "\033[2J\033[1;1H");
        line_editor_show(e);
        break;
    case 'N' - '@':
        show_history(e, e->history_index + 1);
        break;
    case 'P' - '@':
        show_history(e, e->history_index - 1);
        break;
    case 'R' - '@':
        e->search = g_string_new(NULL);
        break;
    case 'T' - '@':
        transpose(e);
        break;
    case 'U' - '@':
        kill_text(e, 0, e->cursor);
        break;
    case 'W' - '@':
        kill_text(e, argument_left(e), e->cursor);
        break;
    case 'Y' - '@':
        if (e->killed) {
            replace(e, e->cursor, e->cursor, e->killed);
        }
        break;
    }
}

/* Inserts a character when its last byte has come; bytes that make none are dropped. */
static void character_byte(LineEditor *e, uint8_t c)
{
    if (!is_continuation(c)) {
        e->utf8_len = 0;
    }
    e->utf8[e->utf8_len++] = c;
    e->utf8[e->utf8_len] = 0;
    gunichar decoded = g_utf8_get_char_validated(e->utf8, e->utf8_len);
    if (decoded == (gunichar)-2 && e->utf8_len < 4) {
        return;
    }
    if (decoded < (gunichar)-2) {
        replace(e, e->cursor, e->cursor, e->utf8);
    }
    e->utf8_len = 0;
}

static void plain_byte(LineEditor *e, uint8_t c)
{
    if (c == '\n' && e->after_cr) {
        e->after_cr = false;
        return;
    }
    e->after_cr = c == '\r';
    if (e->search && search_byte(e, c)) {
        return;
    }
    if (c == '\r' || c == '\n') {
        enter(e);
    } else if (c == '\033') {
        e->decode = DECODE_ESCAPE;
    } else if (c < ' ' || c == 0x7f) {
        control_key(e, c);
    } else {
        character_byte(e, c);
    }
}

/* Alt and a letter */
static void alt_key(LineEditor *e, uint8_t c)
{
    switch (c) {
    case 'b':
        move_to(e, word_left(e));
        break;
    case 'f':
        move_to(e, word_right(e));
        break;
    case 'd':
        kill_text(e, e->cursor, word_right(e));
        break;
    case 0x7f: case '\b':
        kill_text(e, word_left(e), e->cursor);
        break;
    }
}

static void arrow_key(LineEditor *e, uint8_t c, bool with_control)
{
    switch (c) {
    case 'A':
        control_key(e, 'P' - '@');
        break;
    case 'B':
        control_key(e, 'N' - '@');
        break;
    case 'C':
        move_to(e, with_control ? word_right(e) : right_of(e, e->cursor));
        break;
    case 'D':
        move_to(e, with_control ? word_left(e) : left_of(e, e->cursor));
        break;
    case 'F':
        move_to(e, e->text->len);
        break;
    case 'H':
        move_to(e, 0);
        break;
    }
}

/* ESC [ PARAMETERS FINAL */
static void csi_byte(LineEditor *e, uint8_t c)
{
    if (c >= 0x20 && c < 0x40) {
        if (e->csi_len < sizeof e->csi - 1) {
            e->csi[e->csi_len++] = c;
        }
        return;
    }
    e->decode = DECODE_PLAIN;
    e->csi[e->csi_len] = 0;
    if (c != '~') {
        arrow_key(e, c, g_str_has_suffix(e->csi, ";5"));
        return;
    }
    switch (e->csi[0]) {
    case '1': case '7':
        move_to(e, 0);
        break;
    case '3':
        control_key(e, 'D' - '@');
        break;
    case '4': case '8':
        move_to(e, e->text->len);
        break;
    }
}

void line_editor_input(LineEditor *e, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        uint8_t c = bytes[i];
        switch (e->decode) {
        case DECODE_PLAIN:
            plain_byte(e, c);
            break;
        case DECODE_ESCAPE:
            e->csi_len = 0;
            e->decode = c == '[' ? DECODE_CSI : c == 'O' ? DECODE_SS3 : DECODE_PLAIN;
            if (e->decode == DECODE_PLAIN) {
                alt_key(e, c);
            }
            break;
        case DECODE_CSI:
            csi_byte(e, c);
            break;
        case DECODE_SS3:
            e->decode = DECODE_PLAIN;
            arrow_key(e, c, false);
            break;
        }
    }
}
