/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Consoles and their viewers; a VGA that draws only what changed. Pictures themselves: tests/qtest/vga.py. */
#include <stdio.h>
#include <string.h>

#include "core/thread.h"
#include "core/timer.h"
#include "hw/display/vga.h"
#include "tests/check.h"
#include "ui/console.h"

static const Type owner_type = { .name = "test-owner", .size = sizeof(Object) };
static Object *owner;

/* A viewer that notes what it is told. */
typedef struct Notes { ConsoleViewer v; GString *text; } Notes;

static void note_resized(ConsoleViewer *v)
{
    Picture *p = console_picture(v->console);
    g_string_append_printf(((Notes *)v)->text, "size %dx%d;", p->width, p->height);
}

static void note_damaged(ConsoleViewer *v, int x, int y, int width, int height)
{
    g_string_append_printf(((Notes *)v)->text, "%d,%d %dx%d;", x, y, width, height);
}

static void note_gone(ConsoleViewer *v)
{
    g_string_append(((Notes *)v)->text, "gone;");
}

static const char *take(Notes *n)
{
    static char last[4096];
    g_strlcpy(last, n->text->str, sizeof last);
    g_string_truncate(n->text, 0);
    return last;
}

static Notes notes_new(void)
{
    return (Notes){ { note_resized, note_damaged, note_gone }, g_string_new(NULL) };
}

static int updates;
static bool told_all;

static void update(void *opaque, bool all)
{
    updates++;
    told_all = all;
}

static const ConsoleOps ops = { update };

static void test_consoles(void)
{
    Console *a = console_new(owner, 0, &ops, NULL), *b = console_new(owner, 1, &ops, NULL);
    check_true(console_first() == a && console_by_number(0) == a && console_by_number(1) == b, "numbered in order");
    check_true(console_by_device(owner, 1) == b && !console_by_device(owner, 2), "found by device and head");
    check_int(console_number(b), ==, 1, "its number");
    console_free(a);
    check_true(console_first() == b && console_number(b) == 1 && !console_by_number(0), "a number stays");
    Console *c = console_new(owner, 0, &ops, NULL);
    check_true(console_first() == c && console_number(c) == 0, "a free number is used again");
    console_free(b);
    console_free(c);
    check_true(!console_first(), "none left");
}

static void test_viewers(void)
{
    Console *con = console_new(owner, 0, &ops, NULL);
    Notes one = notes_new(), two = notes_new();
    console_add_viewer(con, &one.v);
    check_str(take(&one), "size 640x480;", "a new viewer is told the size");
    console_update(con);
    check_true(told_all, "the first time everything is drawn");
    console_update(con);
    check_true(!told_all, "then what changed");
    console_add_viewer(con, &two.v);
    take(&two);
    check_true(console_resize(con, 320, 200), "resized");
    check_str(take(&one), "size 320x200;", "both");
    check_str(take(&two), "size 320x200;", "are told");
    check_true(console_resize(con, 320, 200), "resized to what it is");
    check_str(take(&one), "", "is no news");
    check_true(!console_resize(con, 0, 10) && !console_resize(con, 10, PICTURE_MAX_SIDE + 1), "no such picture");
    check_int(console_picture(con)->width, ==, 320, "the old one stays");

    static const struct { const char *claim; int x, y, width, height; const char *told; } rows[] = {
        { "inside", 1, 2, 3, 4, "1,2 3x4;" }, { "cut on the left and at the top", -5, -6, 10, 10, "0,0 5x4;" },
        { "cut on the right and at the bottom", 310, 190, 100, 100, "310,190 10x10;" }, { "outside", 320, 0, 1, 1, "" },
        { "empty", 5, 5, 0, 5, "" }, { "huge", 0, 0, INT_MAX, INT_MAX, "0,0 320x200;" },
        { "far out", INT_MAX, INT_MAX, INT_MAX, INT_MAX, "" },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        console_damaged(con, rows[i].x, rows[i].y, rows[i].width, rows[i].height);
        check_str(take(&one), rows[i].told, "%s", rows[i].claim);
    }
    console_remove_viewer(&two.v);
    take(&two);
    console_free(con);
    check_str(take(&one), "gone;", "told at the end");
    check_str(take(&two), "", "who has left is not");
    g_string_free(one.text, true);
    g_string_free(two.text, true);
}

/* VGA */

static Vga vga;

static void port(uint16_t port, uint8_t value)
{
    vga_port_write(&vga, port, value);
}

static void reg(uint16_t at, uint8_t index, uint8_t value)
{
    port(at, index);
    port(at + 1, value);
}

static void store(uint32_t offset, uint8_t value)
{
    vga.vram[offset] = value;
    ram_mark_dirty(vga.vram_region.ram, offset, 1);
}

static void linear_mode(unsigned width, unsigned height, unsigned bits)
{
    vga_vbe_write(&vga, VBE_ENABLE, 0);
    vga_vbe_write(&vga, VBE_XRES, width);
    vga_vbe_write(&vga, VBE_YRES, height);
    vga_vbe_write(&vga, VBE_BPP, bits);
    vga_vbe_write(&vga, VBE_ENABLE, VBE_ENABLED | VBE_LFB);
    vga_port_read(&vga, 0x3da);
    port(0x3c0, 0x20);
}

static void vga_start(void)
{
    GError *err = NULL;
    if (!vga_init(&vga, owner, 16 << 20, &err)) {
        error_fatal(err);
    }
    vga_reset(&vga);
}

static void test_vga_draws_what_changed(void)
{
    vga_start();
    Console *con = console_by_device(owner, 0);
    Notes n = notes_new();
    port(0x3c2, 0x67);
    console_add_viewer(con, &n.v);
    linear_mode(1024, 768, 32);                 /* a line is a page */
    take(&n);
    console_update(con);
    check_str(take(&n), "size 1024x768;0,0 1024x768;", "a new mode is drawn");
    console_update(con);
    check_str(take(&n), "", "nothing changed, nothing drawn");
    store(5 * 4096 + 8, 0x40);
    store(700 * 4096, 0x80);
    store(701 * 4096 + 4095, 0x80);
    console_update(con);
    check_str(take(&n), "0,5 1024x1;0,700 1024x2;", "the lines that were written");
    check_int(picture_row(console_picture(con), 5)[2], ==, 0x40, "the pixel");
    store(800 * 4096, 1);
    console_update(con);
    check_str(take(&n), "", "memory that does not show");
    vga_vbe_write(&vga, VBE_Y_OFFSET, 40);
    console_update(con);
    check_str(take(&n), "0,0 1024x768;", "panning draws all");
    check_int(picture_row(console_picture(con), 760)[0], ==, 1, "with what is there now");

    linear_mode(640, 480, 8);
    console_update(con);
    take(&n);
    port(0x3c8, 7);
    port(0x3c9, 1);
    port(0x3c9, 2);
    port(0x3c9, 3);
    console_update(con);
    check_str(take(&n), "0,0 640x480;", "another colour draws all");
    console_update(con);
    check_str(take(&n), "", "once");

    /* text: 10 columns, 2 rows of 8 lines */
    vga_vbe_write(&vga, VBE_ENABLE, 0);
    reg(0x3d4, 0x11, 0);
    reg(0x3d4, 0x01, 9);
    reg(0x3d4, 0x12, 15);
    reg(0x3d4, 0x07, 0x10);
    reg(0x3d4, 0x09, 0x47);
    reg(0x3d4, 0x13, 5);
    reg(0x3d4, 0x18, 0xff);
    reg(0x3d4, 0x0a, 0x20);
    reg(0x3c4, 0x01, 1);
    reg(0x3ce, 0x06, 0x0e);
    console_update(con);
    check_str(take(&n), "size 80x16;0,0 80x8;0,8 80x8;", "text is drawn row by row");
    store(4 * 3, 'x');
    store(4 * 12 + 1, 0x17);
    store(4 * 13 + 1, 0x17);
    console_update(con);
    check_str(take(&n), "24,0 8x8;16,8 16x8;", "cells that changed");
    store(4 * 3, 'x');
    console_update(con);
    check_str(take(&n), "", "a cell written with what it was");
    store(('x' * 32 + 2) * 4 + 2, 0xff);
    console_update(con);
    check_str(take(&n), "0,0 80x8;0,8 80x8;", "another glyph draws all");
    reg(0x3d4, 0x0a, 6);
    reg(0x3d4, 0x0b, 7);
    reg(0x3d4, 0x0f, 15);
    console_update(con);
    check_str(take(&n), "40,8 8x8;", "the cursor");
    reg(0x3d4, 0x0f, 16);
    console_update(con);
    check_str(take(&n), "40,8 16x8;", "moved: both places");
    console_remove_viewer(&n.v);
    g_string_free(n.text, true);
    vga_destroy(&vga);
    memory_region_destroy(&vga.vram_region);
}

static void test_vga_refuses_bad_state(void)
{
    vga_start();
    linear_mode(640, 480, 16);
    check_true(vga_state_valid(&vga), "a mode that can be");
    static const struct { unsigned index; uint16_t value; } rows[] = {
        { VBE_BPP, 7 }, { VBE_BPP, 0 }, { VBE_XRES, 0 }, { VBE_XRES, 65535 }, { VBE_YRES, 0 }, { VBE_YRES, 65535 },
        { VBE_VIRT_WIDTH, 0 }, { VBE_Y_OFFSET, 65535 },
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        uint16_t was = vga.vbe[rows[i].index];
        vga.vbe[rows[i].index] = rows[i].value;
        check_true(!vga_state_valid(&vga), "register %u of %u", rows[i].index, rows[i].value);
        vga.vbe[rows[i].index] = was;
    }
}

/* Pictures */

static void test_saving(void)
{
    g_autofree char *folder = g_dir_make_tmp("rhea-picture-XXXXXX", NULL), *path = g_build_filename(folder, "p", NULL);
    GError *err = NULL;
    Picture *p = picture_new(3, 2);
    for (int i = 0; i < 6; i++) {
        picture_row(p, i / 3)[i % 3] = 0xff000000u | (i * 0x102030);
    }
    check_true(picture_save(p, path, PICTURE_PPM, &err), "saved");
    g_autofree char *data = NULL;
    gsize len;
    g_assert_true(g_file_get_contents(path, &data, &len, NULL));
    static const char want[] = "P6\n3 2\n255\n\0\0\0\x10\x20\x30\x20\x40\x60\x30\x60\x90\x40\x80\xc0\x50\xa0\xf0";
    check_int(len, ==, sizeof want - 1, "length");
    check_true(!memcmp(data, want, len), "content");
    check_true(!picture_save(p, folder, PICTURE_PNG, &err), "a folder");
    check_true(strstr(err->message, folder) != NULL, "is named: %s", err->message);
    g_clear_error(&err);
    check_true(!picture_save(p, "/dev/full", PICTURE_PNG, &err), "a full disk");
    check_true(strstr(err->message, "/dev/full") != NULL, "is named: %s", err->message);
    g_clear_error(&err);
    picture_free(p);
    check_true(!picture_new(0, 1) && !picture_new(1, PICTURE_MAX_SIDE + 1), "no such picture");
    remove(path);
    remove(folder);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bql_lock();
    memory_thread_register();
    clock_virtual_set_manual();
    owner = object_new(&owner_type);
    g_test_add_func("/console/numbers", test_consoles);
    g_test_add_func("/console/viewers", test_viewers);
    g_test_add_func("/picture/saving", test_saving);
    g_test_add_func("/vga/changes", test_vga_draws_what_changed);
    g_test_add_func("/vga/bad-state", test_vga_refuses_bad_state);
    return g_test_run();
}
