/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A line editor for a terminal at the other end of a byte stream: prompt, echo, cursor, history, completion.
 *
 * In: bytes as a VT100 or xterm sends them. Out: text and cursor movements through `write`, finished lines through
 * `line`. It asks nothing of the terminal but backspace, ESC [ C, ESC [ K and UTF-8. Knows nothing of commands.
 *
 * Keys: arrows, Home, End, Delete, Ctrl-A B C D E F H K L N P R T U W Y, Alt-B D F and Backspace, Tab.
 */
#ifndef MONITOR_LINE_EDITOR_H
#define MONITOR_LINE_EDITOR_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINE_EDITOR_MAX_BYTES 4095              /* of a line; further input is dropped */
#define LINE_EDITOR_HISTORY 128

typedef struct LineEditor LineEditor;

typedef struct LineEditorOps {
    void (*write)(void *opaque, const char *text, size_t len);
    /* A line was entered, without its end. The next prompt is shown when this returns. */
    void (*line)(void *opaque, const char *line);
    /*
     * Completion of the word before the cursor: adds whole words (g_malloc()ed) to @candidates and sets *@word_start to
     * the offset in @before_cursor that they replace. NULL: no completion.
     */
    void (*complete)(void *opaque, const char *before_cursor, GPtrArray *candidates, size_t *word_start);
} LineEditorOps;

LineEditor *line_editor_new(const LineEditorOps *ops, void *opaque, const char *prompt);
void line_editor_free(LineEditor *e);           /* NULL allowed */
void line_editor_input(LineEditor *e, const uint8_t *bytes, size_t len);
void line_editor_show(LineEditor *e);           /* prompt and the line so far */
/** line_editor_hide / line_editor_show: around output that comes while a line is edited. */
void line_editor_hide(LineEditor *e);
/** line_editor_history: entry @n, oldest first; NULL past the end. */
const char *line_editor_history(const LineEditor *e, unsigned n);

#endif
