#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
VGA: registers, memory window, Bochs VBE, EDID, and pictures of every kind of mode, against pixels that the test computes
from memory content and registers. Where QEMU is installed, random modes are also compared with QEMU's pictures.
"""
import os
import random
import shutil
import unittest
from unittest import mock

import picture
import qtest
from picture import FRAME_BUFFER, MMIO

RANDOM = random.Random(7)
VRAM = RANDOM.randbytes(1 << 20)
DAC = [tuple(RANDOM.randrange(64) for _ in range(3)) for _ in range(256)]


def wide(c):
    return c << 2 | (c & 1) * 3


RGB = [wide(r) << 16 | wide(g) << 8 | wide(b) for r, g, b in DAC]


class Pictures(picture.VgaCase):
    """Each with the same random memory and palette."""
    def setUp(self):
        self.v = self.vga('-vga', 'std')
        self.v.palette(DAC)
        self.v.m.write(FRAME_BUFFER, VRAM)

    def planes(self, at):
        """Colours of the eight pixels of a word."""
        p = VRAM[at & 0x3fffc:(at & 0x3fffc) + 4]
        return [sum((p[i] >> bit & 1) << i for i in range(4)) for bit in range(7, -1, -1)]

    def planar_rows(self, width, height, start=0, line=None):
        line = width // 2 if line is None else line
        return [[RGB[c] for x in range(0, width, 8) for c in self.planes(start + y * line + x // 2)] for y in range(height)]

    def check(self, rows, claim=''):
        self.assertPicture(self.v.shot(), rows, claim)

    # Text

    def text_rows(self, columns, rows, cell_height, *, cell_width=8, start=0, font=(0, 0), line=None, blink=False,
                  hidden=False, ninth=False, cursor=None):
        out = []
        for row in range(rows):
            for y in range(cell_height):
                pixels = []
                for column in range(columns):
                    at = start + row * (columns if line is None else line) + column
                    character, attribute = VRAM[at * 4], VRAM[at * 4 + 1]
                    glyph = VRAM[(font[attribute >> 3 & 1] + character * 32 + y) * 4 + 2]
                    bits = glyph << 1 | (glyph & 1 if ninth and 0xb0 <= character <= 0xdf else 0)
                    if hidden and attribute & 0x80:
                        bits = 0
                    if cursor and at == cursor[0] and cursor[1] <= y <= cursor[2]:
                        bits = 0x1ff
                    ink, paper = RGB[attribute & 15], RGB[attribute >> 4 & (7 if blink else 15)]
                    for x in range(cell_width):
                        pixels.append(ink if bits >> (8 - (x // 2 if cell_width == 16 else x)) & 1 else paper)
                out.append(pixels)
        return out

    TEXT = {'graphics': {5: 0x10, 6: 0x0e}, 'attribute': {0x10: 0}}

    def text(self, width, height, cell, *, crtc=None, sequencer=None, attribute=None):
        self.v.mode(width, height, crtc={0x09: 0x40 | cell - 1, 0x17: 0xa3} | (crtc or {}),
                    sequencer={4: 2} | (sequencer or {}), graphics=self.TEXT['graphics'],
                    attribute={0x10: 0} | (attribute or {}))

    def test_text(self):
        self.text(640, 400, 16)
        self.check(self.text_rows(80, 25, 16), '80 by 25')
        self.text(320, 400, 8)
        self.check(self.text_rows(40, 50, 8), '40 by 50')
        self.text(640, 350, 14)
        self.check(self.text_rows(80, 25, 14), '80 by 25, EGA')
        self.text(320, 200, 8, sequencer={1: 9})
        self.check(self.text_rows(40, 25, 8, cell_width=16), 'double width')

    def test_text_nine_dots(self):
        self.text(640, 400, 16, sequencer={1: 0}, attribute={0x13: 8})
        self.check(self.text_rows(80, 25, 16, cell_width=9), 'the ninth column is empty')
        self.text(640, 400, 16, sequencer={1: 0}, attribute={0x13: 8, 0x10: 4})
        self.check(self.text_rows(80, 25, 16, cell_width=9, ninth=True), 'but for line graphics')

    def test_text_fonts(self):
        for value, fonts in ((0x05, (2, 2)), (0x01, (2, 0)), (0x04, (0, 2)), (0x2a, (4, 5)), (0x10, (1, 0))):
            self.text(640, 80, 16, sequencer={3: value})
            self.check(self.text_rows(80, 5, 16, font=tuple(f * 8192 for f in fonts)), f'font select {value:#x}')

    def test_text_start_and_line_length(self):
        self.text(640, 80, 16, crtc={0x0c: 0x12, 0x0d: 0x34, 0x13: 50})
        self.check(self.text_rows(80, 5, 16, start=0x1234, line=100))

    def test_text_panning(self):
        self.text(640, 80, 16, attribute={0x13: 3}, crtc={0x13: 41})
        rows = self.text_rows(81, 5, 16, line=82)
        self.check([row[3:643] for row in rows], 'three dots to the left')
        self.text(640, 80, 16, crtc={0x08: 5, 0x13: 41})
        rows = self.text_rows(80, 6, 16, line=82)
        self.check(rows[5:85], 'five lines up')

    def test_text_split_screen(self):
        compare = 47                            # below line 47 memory is shown from its start
        self.text(640, 80, 16, crtc={0x0c: 1, 0x18: compare, 0x07: 0, 0x09: 0x0f})
        self.check(self.text_rows(80, 3, 16, start=0x100) + self.text_rows(80, 2, 16))

    def test_text_cursor(self):
        self.text(640, 80, 16, crtc={0x0a: 12, 0x0b: 14, 0x0e: 0, 0x0f: 85})
        shown, hidden = self.text_rows(80, 5, 16, cursor=(85, 12, 14)), self.text_rows(80, 5, 16)
        self.check(shown, 'shown at first')
        self.v.m.clock_step(16 * 10**9 // 60 + 1000)
        self.check(hidden, 'then away')
        self.v.m.clock_step(16 * 10**9 // 60 + 1000)
        self.check(shown, 'and there again')
        self.v.crtc(0x0f, 86)
        self.check(self.text_rows(80, 5, 16, cursor=(86, 12, 14)), 'moved')
        self.v.crtc(0x0a, 0x2c)
        self.check(hidden, 'switched off')

    def test_text_blink(self):
        self.text(640, 80, 16, attribute={0x10: 8})
        self.check(self.text_rows(80, 5, 16, blink=True), 'bit 7 of the attribute is no colour')
        self.v.m.clock_step(32 * 10**9 // 60 + 1000)
        self.check(self.text_rows(80, 5, 16, blink=True, hidden=True), 'characters are away')
        self.v.m.clock_step(32 * 10**9 // 60 + 1000)
        self.check(self.text_rows(80, 5, 16, blink=True), 'and there again')

    def test_text_what_changed(self):
        global VRAM
        before = VRAM
        self.text(640, 80, 16)
        self.check(self.text_rows(80, 5, 16))
        try:
            for offset, value, claim in ((4 * 81, 0x41, 'a character'), (4 * 100 + 1, 0x1e, 'an attribute'),
                                         ((before[4 * 3] * 32 + 4) * 4 + 2, before[(before[4 * 3] * 32 + 4) * 4 + 2] ^ 0xff, 'a glyph')):
                VRAM = VRAM[:offset] + bytes([value]) + VRAM[offset + 1:]
                self.v.m.writeb(FRAME_BUFFER + offset, value)
                self.check(self.text_rows(80, 5, 16), claim)
        finally:
            VRAM = before

    # Graphics

    def test_planar(self):
        self.v.mode(640, 480)
        self.check(self.planar_rows(640, 480), '640 by 480 by 16')
        self.v.mode(320, 200, crtc={0x09: 0xc0}, sequencer={1: 9})
        rows = self.planar_rows(320, 100)
        self.check([[c for c in row for _ in range(2)] for row in rows for _ in range(2)], 'dots and lines doubled')
        self.v.mode(640, 350, attribute={0x12: 5})
        self.check([[RGB[c & 5] for x in range(80) for c in self.planes(y * 320 + x * 4)] for y in range(350)], 'two planes of four')

    def test_palette_registers(self):
        self.v.mode(320, 8, attribute={i: 63 - i for i in range(16)})
        self.check([[RGB[63 - c] for x in range(40) for c in self.planes(y * 160 + x * 4)] for y in range(8)])
        self.v.mode(320, 8, attribute={i: 63 - i for i in range(16)} | {0x14: 0x0c})
        self.check([[RGB[0xc0 | 63 - c] for x in range(40) for c in self.planes(y * 160 + x * 4)] for y in range(8)], 'colour select 7:6')
        self.v.attribute(0x10, 0x81)
        self.v.attribute(0x14, 0x0a)
        self.v.screen_on()
        self.check([[RGB[0xa0 | 15 - c] for x in range(40) for c in self.planes(y * 160 + x * 4)] for y in range(8)], 'and 5:4')
        self.v.m.outb(0x3c6, 0x0f)
        self.check([[RGB[15 - c] for x in range(40) for c in self.planes(y * 160 + x * 4)] for y in range(8)], 'through the mask')

    def test_panning_and_start(self):
        self.v.mode(320, 100, crtc={0x0c: 0x21, 0x0d: 0x43, 0x13: 30}, attribute={0x13: 5})
        rows = [[RGB[c] for x in range(41) for c in self.planes(0x2143 * 4 + y * 240 + x * 4)] for y in range(100)]
        self.check([row[5:325] for row in rows])

    def test_split_screen(self):
        for mode, claim, panned in ((1, 'panned with the rest', 3), (0x21, 'not panned', 0)):
            self.v.mode(320, 200, crtc={0x0c: 0x10, 0x18: 0x63, 0x07: 0, 0x09: 0}, attribute={0x13: 3, 0x10: mode})
            def rows(start, n, pan):
                wide_rows = [[RGB[c] for x in range(41) for c in self.planes(start + y * 160 + x * 4)] for y in range(n)]
                return [row[pan:pan + 320] for row in wide_rows]
            self.check(rows(0x4000, 100, 3) + rows(0, 100, panned), claim)

    def test_addresses_wrap(self):
        self.v.mode(320, 100, crtc={0x0c: 0xff, 0x0d: 0xf0})
        self.check(self.planar_rows(320, 100, start=0xfff0 * 4))

    def test_mode_13h_and_x(self):
        rows = [[RGB[VRAM[y * 320 + x]] for x in range(320) for _ in range(2)] for y in range(200) for _ in range(2)]
        chained = {'crtc': {0x09: 0x41, 0x13: 40, 0x14: 0x40, 0x17: 0xa3}, 'sequencer': {4: 0x0e},
                   'graphics': {5: 0x40}, 'attribute': {0x10: 0x41}}
        self.v.mode(640, 400, **chained)
        self.check(rows, '320 by 200, chained')
        for i in range(0, 100):                 # through the window, as programs do
            self.v.m.writeb(0xa0000 + i, i)
        self.assertEqual([self.v.shot().at(2 * i, 0) for i in range(100)], RGB[:100])
        self.v.m.write(FRAME_BUFFER, VRAM)
        self.v.mode(640, 480, crtc={0x09: 0x41, 0x13: 40, 0x0d: 16}, sequencer={4: 6}, graphics={5: 0x40}, attribute={0x10: 0x41})
        self.check([[RGB[VRAM[64 + y * 320 + x]] for x in range(320) for _ in range(2)] for y in range(240) for _ in range(2)],
                   '320 by 240, not chained')
        self.v.sequencer(2, 1 << 3)
        self.v.m.writeb(0xa0000 + 16 + 5, 0x77)
        self.assertEqual(self.v.shot().at(2 * (5 * 4 + 3), 0), RGB[0x77], 'plane 3 is every fourth pixel')
        self.v.attribute(0x13, 4)
        self.v.screen_on()
        self.assertEqual(self.v.shot().at(0, 2), RGB[VRAM[64 + 320 + 2]], 'panned by two pixels')

    def test_cga(self):
        """Two bits a pixel, and odd lines 8 KiB (in each plane) behind even ones."""
        self.v.mode(320, 200, crtc={0x09: 0xc0, 0x13: 20, 0x17: 0xa2}, graphics={5: 0x30}, attribute={0x12: 3})
        rows = []
        for y in range(200):
            line = y // 2                       # each twice
            at, row = (line // 2) * 160 + (line & 1) * 0x4000 * 1, []
            for word in range(40):
                p = VRAM[at + word * 4:at + word * 4 + 4]
                for plane in (0, 1):
                    row += [RGB[p[plane] >> shift & 3] for shift in (6, 4, 2, 0)]
            rows.append(row)
        self.check(rows)

    def test_blank(self):
        self.v.mode(320, 100)
        self.check(self.planar_rows(320, 100))
        self.v.screen_on(False)
        self.check([[0] * 320] * 100)
        self.v.screen_on()
        self.check(self.planar_rows(320, 100))

    # Bochs VBE

    def direct(self, bits, at, big=False):
        n = (bits + 7) // 8
        p = VRAM[at:at + n]
        if bits == 8:
            return RGB[p[0]]
        c = int.from_bytes(p, 'big' if big else 'little')
        if bits >= 24:
            return c & 0xffffff
        five = lambda v: v << 3 | v >> 2
        if bits == 15:
            return five(c >> 10 & 31) << 16 | five(c >> 5 & 31) << 8 | five(c & 31)
        return five(c >> 11) << 16 | (c >> 5 & 63) * 65 // 16 << 8 | five(c & 31)

    def direct_rows(self, width, height, bits, start=0, line=None, big=False):
        n = (bits + 7) // 8
        line = width * n if line is None else line
        return [[self.direct(bits, start + y * line + x * n, big) for x in range(width)] for y in range(height)]

    def test_vbe(self):
        for bits in (8, 15, 16, 24, 32):
            self.v.vbe_mode(320, 200, bits, 0xc1)
            self.check(self.direct_rows(320, 200, bits), f'{bits} bits')
        self.v.vbe(4, 0)
        self.v.mode(640, 200)
        self.v.vbe_mode(640, 200, 4, 0xc1)
        self.check(self.planar_rows(640, 200), '4 bits')

    def test_vbe_clears(self):
        self.v.vbe_mode(320, 200, 32)
        self.check([[0] * 320] * 200)
        self.assertEqual(self.v.m.read(FRAME_BUFFER + 320 * 200 * 4, 64), VRAM[320 * 200 * 4:320 * 200 * 4 + 64], 'and no more')

    def test_vbe_panning(self):
        self.v.vbe_mode(320, 100, 16, 0xc1)
        self.v.vbe(6, 400)
        self.v.vbe(8, 24)
        self.v.vbe(9, 30)
        self.check(self.direct_rows(320, 100, 16, 30 * 800 + 48, 800))

    def test_vbe_8_bit_dac(self):
        self.v.vbe_mode(320, 10, 8, 0xe1)
        self.v.m.outb(0x3c8, VRAM[0])
        for c in (0x12, 0xf5, 0x80):
            self.v.m.outb(0x3c9, c)
        self.assertEqual(self.v.shot().at(0, 0), 0x12f580)

    def test_vbe_big_endian(self):
        self.v.m.writel(MMIO + 0x604, 0xbebebebe)
        for bits in (16, 32):
            self.v.vbe_mode(64, 16, bits, 0xc1)
            self.check(self.direct_rows(64, 16, bits, big=True), f'{bits} bits')

    def test_only_what_changed_is_new(self):
        """Writes one after the other, each followed by a picture; the whole must always be right."""
        self.v.vbe_mode(640, 400, 32, 0x41)
        rows = [[0] * 640 for _ in range(400)]
        r = random.Random(3)
        for _ in range(20):
            x, y, c = r.randrange(640), r.randrange(400), r.randrange(1 << 24)
            rows[y][x] = c
            self.v.m.writel(FRAME_BUFFER + (y * 640 + x) * 4, c)
            self.check(rows)

    def test_modes_survive_saving(self):
        self.text(640, 80, 16)
        self.v.m.state_cycle()
        self.check(self.text_rows(80, 5, 16))
        self.v.vbe_mode(320, 100, 16, 0xc1)
        self.v.m.state_cycle()
        self.check(self.direct_rows(320, 100, 16))


class Registers(picture.VgaCase):
    def setUp(self):
        self.v = self.vga('-vga', 'std')
        self.m = self.v.m

    def test_masks(self):
        rows = [(0x3c4, [0x03, 0x3d, 0x0f, 0x3f, 0x0e, 0, 0, 0xff]), (0x3d4, [0xff] * 256),
                (0x3ce, [0x0f, 0x0f, 0x0f, 0x1f, 0x03, 0x7b, 0x0f, 0x0f, 0xff] + [0] * 7)]
        for port, masks in rows:
            for index, mask in enumerate(masks):
                self.m.outb(port, index)
                self.assertEqual(self.m.inb(port + 1), 0, f'{port:#x}[{index:#x}] after reset')
                self.m.outb(port + 1, 0xff)
                self.assertEqual(self.m.inb(port + 1), mask, f'{port:#x}[{index:#x}]')
        for index in range(32):
            self.v.attribute(index, 0xff)
            self.m.inb(0x3da)
            self.m.outb(0x3c0, index)
            want = 0x3f if index < 16 else {16: 0xef, 17: 0xff, 18: 0x3f, 19: 0x0f, 20: 0x0f}.get(index, 0)
            self.assertEqual(self.m.inb(0x3c1), want, f'attribute {index:#x}')

    def test_dac(self):
        self.m.outb(0x3c8, 5)
        for v in (1, 2, 3, 4):
            self.m.outb(0x3c9, v)
        self.assertEqual(self.m.inb(0x3c8), 6)
        self.m.outb(0x3c7, 5)
        self.assertEqual(self.m.inb(0x3c7), 3, 'reading')
        self.assertEqual([self.m.inb(0x3c9) for _ in range(4)], [1, 2, 3, 0], 'a colour is stored whole')
        self.m.outb(0x3c8, 0)
        self.assertEqual(self.m.inb(0x3c7), 0, 'writing')

    def test_mono_ports(self):
        self.m.outb(0x3c2, 0x66)
        self.m.outw(0x3b4, 0x550f)
        self.assertEqual((self.m.inb(0x3b5), self.m.inb(0x3d5), self.m.inb(0x3da)), (0x55, 0xff, 0xff))
        self.m.outb(0x3c2, 0x67)
        self.assertEqual((self.m.inb(0x3b5), self.m.inb(0x3d5)), (0xff, 0x55))

    def test_crtc_protection(self):
        self.v.crtc(0x11, 0x80)
        for index in range(0x20):
            if index != 0x11:
                self.v.crtc(index, 0xff)
        got = []
        for index in range(0x20):
            self.m.outb(0x3d4, index)
            got.append(self.m.inb(0x3d5))
        self.assertEqual(got, [0] * 7 + [0x10] + [0xff] * 9 + [0x80] + [0xff] * 14)

    def test_retrace_comes_and_goes(self):
        self.v.mode(640, 400, crtc={0x00: 0x5f, 0x06: 0xbf, 0x07: 0x1f, 0x10: 0x9c, 0x11: 0x8e})
        seen = set()
        for _ in range(1200):                   # more than a frame in steps of less than a line
            seen.add(self.m.inb(0x3da) & 9)
            self.m.clock_step(13_000)
        self.assertEqual(seen, {0, 1, 9})

    def test_window(self):
        """Which bytes of memory the window reaches: read and written through every arrangement."""
        for sequencer, mode, misc, offset, wanted in (
                (4, 0x00, 5, 5, {20 + i for i in range(4)}), (0, 0x10, 7, 5, {17, 19}), (0, 0x10, 5, 5, {21, 23}), (8, 0, 5, 5, {5}),
                (2, 0x10, 0x0e, 6, {24, 26}), (6, 0, 0x0d, 3, {12, 13, 14, 15})):
            self.v.mode(640, 200, sequencer={4: sequencer}, graphics={5: mode, 6: misc})
            self.m.memset(FRAME_BUFFER, 256, 0)
            base = 0xb8000 if misc & 12 == 12 else 0xa0000
            self.m.writeb(base + offset, 0xa5)
            data = self.m.read(FRAME_BUFFER, 256)
            claim = f'sequencer {sequencer}, mode {mode:#x}, misc {misc:#x}'
            self.assertEqual({i for i, v in enumerate(data) if v}, wanted, claim)
            self.v.graphics(4, 1 if min(wanted) & 1 else 0)
            self.assertEqual(self.m.readb(base + offset), 0xa5, claim)
            other = 0xa0000 if base == 0xb8000 else 0xb8000
            self.assertEqual(self.m.readb(other + offset), 0xff, claim)

    def test_text_in_word_mode_is_side_by_side(self):
        self.v.mode(640, 400, crtc={0x17: 0xa3}, sequencer={4: 2}, graphics={5: 0x10, 6: 0x0e})
        self.m.write(0xb8000, bytes(range(1, 9)))
        self.assertEqual([self.m.readb(FRAME_BUFFER + i) for i in (0, 1, 4, 5, 8, 9)], [1, 2, 3, 4, 5, 6])
        self.assertEqual(self.m.read(0xb8000, 8), bytes(range(1, 9)))

    def test_write_modes(self):
        self.v.mode(640, 400)
        for i, v in enumerate((0x81, 0x42, 0x24, 0x18)):
            self.m.writeb(FRAME_BUFFER + 64 + i, v)
        g = {0: 5, 1: 3, 3: 0x11, 8: 0x3c}      # set/reset and its enable, rotate by 1 and OR, bit mask
        for i, v in g.items():
            self.v.graphics(i, v)
        for mode, wanted in ((0, 'bd423418'), (1, '81422418'), (2, 'bd423c18'), (3, '91423418')):
            self.v.graphics(5, mode)
            self.m.readb(0xa0010)               # loads the latch
            self.m.writeb(0xa0000, 0xa5)
            self.assertEqual(self.m.read(FRAME_BUFFER, 4).hex(), wanted, f'write mode {mode}')

    def test_read_compare(self):
        self.v.mode(640, 400, graphics={5: 8, 2: 6, 7: 0x0d})
        self.m.write(FRAME_BUFFER, bytes([0x81, 0x42, 0x24, 0x18]))
        self.assertEqual(self.m.readb(0xa0000), 0x24)

    def test_vbe_registers(self):
        v = self.v
        self.assertEqual([v.vbe_read(i) for i in range(12)], [0xb0c5] + [0] * 9 + [256, 0])
        self.assertEqual((self.m.inb(0x1ce), self.m.inb(0x1d0)), (0xff, 0xff), 'bytes have no answer')
        for value, wanted in ((0xb0c2, 0xb0c2), (0xb0c6, 0xb0c2), (0xb0bf, 0xb0c2), (0xb0c5, 0xb0c5)):
            v.vbe(0, value)
            self.assertEqual(v.vbe_read(0), wanted)
        v.vbe(4, 2)
        self.assertEqual([v.vbe_read(i) for i in (1, 2, 3)], [16000, 12000, 32], 'capabilities')
        rows = [    # width, height, bits -> those after it, virtual width and height
            ((640, 480, 8), (640, 480, 8, 640, 26214)), ((641, 479, 15), (640, 479, 15, 640, 13107)),
            ((800, 600, 4), (800, 600, 4, 800, 41943)), ((1, 1, 7), (8, 1, 8, 8, 0)), ((0, 0, 32), (8, 1, 32, 8, 0)),
            ((16000, 12000, 32), (16000, 262, 32, 16000, 262)), ((65535, 65535, 24), (16000, 349, 24, 16000, 349)),
        ]
        for mode, wanted in rows:
            v.vbe_mode(*mode)
            self.assertEqual(tuple(v.vbe_read(i) for i in (1, 2, 3, 6, 7)), wanted, mode)

    def test_vbe_offsets_stay_in_memory(self):
        v = self.v
        v.vbe_mode(640, 479, 15)
        v.vbe(6, 2000)
        v.vbe(8, 3000)
        v.vbe(9, 5000)
        self.assertEqual([v.vbe_read(i) for i in (6, 7, 8, 9)], [2000, 4194, 3000, 0])
        v.vbe_mode(16000, 12000, 32)
        v.vbe(8, 33)
        v.vbe(9, 44)
        self.assertEqual([v.vbe_read(i) for i in (8, 9)], [33, 0])
        v.vbe(8, 3000)
        self.assertEqual(v.vbe_read(8), 0)
        v.shot()

    def test_vbe_holds_registers(self):
        self.v.vbe_mode(800, 600, 16)
        for index in range(0x19):
            self.v.crtc(index, 0)
        for index in range(9):
            self.v.graphics(index, 0)
        def read(port, index):
            self.m.outb(port, index)
            return self.m.inb(port + 1)
        self.assertEqual([read(0x3d4, i) for i in (1, 7, 9, 0x12, 0x13, 0x17, 0x18)], [0x63, 0x50, 0x40, 0x57, 200, 3, 0xff])
        self.assertEqual([read(0x3ce, i) for i in (5, 6)], [0x40, 5])
        self.assertEqual((self.v.shot().width, self.v.shot().height), (800, 600))

    def test_vbe_bank(self):
        self.v.vbe_mode(640, 480, 8)
        self.v.vbe(5, 3)
        self.m.writeb(0xa0005, 0x5a)
        self.assertEqual(self.m.readb(FRAME_BUFFER + 0x30005), 0x5a)
        self.v.vbe(5, 0xffff)
        self.assertEqual(self.v.vbe_read(5), 0xff)
        self.m.writeb(0xaffff, 0xa5)
        self.assertEqual(self.m.readb(FRAME_BUFFER + 0xffffff), 0xa5)
        self.v.vbe(4, 0)
        self.v.mode(640, 400, sequencer={4: 0x0e})
        self.m.writeb(0xa0005, 0x77)
        self.assertEqual(self.m.readb(FRAME_BUFFER + 5), 0x77, 'the bank goes with the mode')

    def test_register_window(self):
        self.m.writew(MMIO + 0x500 + 2, 1024)
        self.assertEqual((self.v.vbe_read(1), self.m.readw(MMIO + 0x502)), (1024, 1024))
        self.m.writew(MMIO + 0x404, 0x0f02)     # index and data in one
        self.m.outb(0x3c4, 2)
        self.assertEqual((self.m.inb(0x3c5), self.m.readb(MMIO + 0x405)), (0x0f, 0x0f))
        self.assertEqual((self.m.readl(MMIO + 0x600), self.m.readl(MMIO + 0x604)), (8, 0x1e1e1e1e))
        self.m.writel(MMIO + 0x604, 0x12345678)
        self.assertEqual(self.m.readl(MMIO + 0x604), 0x1e1e1e1e)
        for offset in (0x180, 0x3ff, 0x420, 0x608, 0x900, 0xfff):
            self.assertEqual(self.m.readb(MMIO + offset), 0xff, hex(offset))

    def test_random_accesses(self):
        """Nothing a guest writes may end the emulator or make a picture impossible to take."""
        r = random.Random(11)
        for _ in range(40):
            for _ in range(60):
                port = r.choice((0x1ce, 0x1d0, 0x3b4, 0x3b5, 0x3c0, 0x3c2, 0x3c4, 0x3c5, 0x3c7, 0x3c8, 0x3c9, 0x3ce, 0x3cf,
                                 0x3d4, 0x3d5, 0x3da))
                r.choice((self.m.outb, self.m.outw))(port, r.randrange(1 << 8 if port > 0x1d0 else 1 << 12))
                self.m.writeb(0xa0000 + r.randrange(0x20000), r.randrange(256))
                self.m.readb(0xa0000 + r.randrange(0x20000))
            self.v.screen_on()
            self.v.shot()
        self.m.state_cycle()
        self.v.shot()


class Edid(picture.VgaCase):
    def edid(self, *options):
        v = self.vga('-vga', 'none', '-device', ','.join(('VGA', 'addr=2') + options))
        return v.m.read(MMIO, 384)

    def check_sums(self, data):
        for block in range(0, 384, 128):
            self.assertEqual(sum(data[block:block + 128]) & 255, 0, f'checksum of block {block // 128}')

    def test_default(self):
        d = self.edid()
        self.check_sums(d)
        self.assertEqual(d[:8], b'\0\xff\xff\xff\xff\xff\xff\0')
        self.assertEqual((d[18], d[19], d[126]), (1, 4, 1))
        timing = d[54:72]
        self.assertEqual((timing[2] | timing[4] >> 4 << 8, timing[5] | timing[7] >> 4 << 8), (1280, 800))
        self.assertEqual(d[35:38], b'\x21\x08\0')

    def test_preferred_mode(self):
        d = self.edid('xres=1920', 'yres=1080', 'refresh_rate=60000')
        self.check_sums(d)
        t = d[54:72]
        self.assertEqual((t[2] | t[4] >> 4 << 8, t[5] | t[7] >> 4 << 8), (1920, 1080))
        total = (1920 + 1920 * 35 // 100) * (1080 + 1080 * 35 // 1000)
        self.assertEqual(t[0] | t[1] << 8, total * 60 // 10000)

    def test_large_mode_has_a_block_of_its_own(self):
        d = self.edid('xres=3840', 'yres=2160')
        self.check_sums(d)
        self.assertEqual((d[126], d[256], d[257]), (2, 0x70, 0x13))
        self.assertEqual((d[268] | d[269] << 8, d[276] | d[277] << 8), (3839, 2159))

    def test_limits(self):
        d = self.edid('xmax=1024', 'ymax=768')
        self.check_sums(d)
        self.assertEqual(d[35:54], b'\x21\x08\0' + b'\1' * 16)
        self.assertEqual(d[132], 0x40, 'no video codes')

    def test_off(self):
        self.assertEqual(self.edid('edid=off'), b'\xff' * 384)


class Cards(picture.VgaCase):
    def test_memory_size(self):
        v = self.vga('-vga', 'none', '-device', 'VGA,addr=2,vgamem_mb=4')
        self.assertEqual(v.vbe_read(10), 64)
        v.m.pci_write(2, 0, 0x10, 4, 0xffffffff)
        self.assertEqual(v.m.pci_read(2, 0, 0x10, 4), 0xffc00008)

    def test_bad_memory_size(self):
        for value in (0, 3, 1024):
            with self.assertRaises(qtest.EmulatorDied) as died:
                self.start('-M', 'pc', '-vga', 'none', '-device', f'VGA,vgamem_mb={value}')
            self.assertIn(f'vgamem_mb is a power of two from 1 to 512, not {value}', str(died.exception))

    def test_secondary(self):
        """Two screens: the second card is reached through its BARs alone."""
        v = self.vga('-vga', 'std', '-device', 'secondary-vga,id=other,addr=5')
        m = v.m
        m.pci_write(5, 0, 0x10, 4, 0xe4000000)
        m.pci_write(5, 0, 0x18, 4, 0xfebe0000)
        m.pci_write(5, 0, 4, 2, 2)
        self.assertEqual(m.pci_read(5, 0, 8, 4) >> 8, 0x038000)
        for index, value in ((1, 320), (2, 100), (3, 32), (4, 0x41)):
            m.writew(0xfebe0500 + 2 * index, value)
        m.writeb(0xfebe0400, 0x20)              # attribute controller: screen on
        m.writel(0xe4000000, 0x123456)
        shot = v.shot(device='other')
        self.assertEqual((shot.width, shot.height, shot.at(0, 0), shot.at(1, 0)), (320, 100, 0x123456, 0))
        v.vbe_mode(640, 200, 32)
        self.assertEqual((v.shot().width, v.shot(device='other', head=0).width), (640, 320))
        m.state_cycle()
        self.assertEqual(v.shot(device='other').at(0, 0), 0x123456)


class Screendump(picture.VgaCase):
    def setUp(self):
        self.v = self.vga('-vga', 'std', '-device', 'edu,id=edu')
        self.v.vbe_mode(320, 200, 32)
        self.v.m.write(FRAME_BUFFER, VRAM[:320 * 200 * 4])

    def test_formats(self):
        ppm, png = self.v.shot(), self.v.shot(format='png')
        self.assertIsNone(ppm.difference(png))
        self.assertEqual(ppm.at(3, 0), int.from_bytes(VRAM[12:15], 'little'))

    def test_hmp(self):
        path = os.path.join(self.v.m.folder, 'with space')
        self.assertEqual(self.v.m.qmp.hmp(f'screendump "{path}"'), '')
        self.assertIsNone(picture.Picture.load(path).difference(self.v.shot()))
        self.assertEqual(self.v.m.qmp.hmp(f'screendump "{path}" -f png'), '')
        self.assertIsNone(picture.Picture.load(path).difference(self.v.shot()))
        self.assertIn('does not accept value', self.v.m.qmp.hmp(f'screendump "{path}" -f gif'))
        self.assertIn('after -f', self.v.m.qmp.hmp(f'screendump "{path}" -f'))
        self.assertIn("'filename' is missing", self.v.m.qmp.hmp('screendump'))
        self.assertIn("'nope' not found", self.v.m.qmp.hmp(f'screendump "{path}" nope 0'))

    def test_errors(self):
        rows = [({'filename': '/nonexistent/x'}, "'/nonexistent/x'"), ({'filename': '/dev/full'}, 'No space left'),
                ({'filename': '/dev/full', 'format': 'png'}, 'No space left'),
                ({'filename': '/dev/null', 'device': 'nope'}, "Device 'nope' not found"),
                ({'filename': '/dev/null', 'device': 'edu'}, "'edu' is no display device"), ({'filename': '/dev/null', 'head': 0}, "'head'"),
                ({'filename': '/dev/null', 'device': 'edu', 'head': -1}, "'head'")]
        for arguments, part in rows:
            with self.subTest(arguments), self.assertRaises(qtest.QmpError) as e:
                self.v.m.qmp('screendump', **arguments)
            self.assertIn(part, e.exception.desc)

    def test_no_screen(self):
        m = self.start('-M', 'pc', '-vga', 'none')
        with self.assertRaises(qtest.QmpError) as e:
            m.qmp('screendump', filename='/dev/null')
        self.assertIn('no display device', e.exception.desc)


@unittest.skipUnless(os.environ.get('RHEA_QEMU') or shutil.which('qemu-system-x86_64'), 'QEMU is not installed')
class AgainstQemu(picture.VgaCase):
    """The same register writes to QEMU ($RHEA_QEMU, or the one installed) must make the same picture."""
    def test_random_modes(self):
        qemu = os.environ.get('RHEA_QEMU') or shutil.which('qemu-system-x86_64')
        ours = self.vga('-vga', 'std')
        try:
            with mock.patch.dict(os.environ, {'RHEA_EMULATOR': qemu}):
                theirs = self.vga('-vga', 'std', '-nic', 'none')
        except qtest.EmulatorDied as e:
            self.skipTest(f'QEMU does not start under qtest: {str(e)[-100:]}')
        for v in (ours, theirs):
            v.palette(DAC)
            v.m.write(FRAME_BUFFER, VRAM)
        r = random.Random(int(os.environ.get('RHEA_SEED', '1')))
        for n in range(int(os.environ.get('RHEA_ROUNDS', '40'))):
            width, height = r.choice((320, 640, 640, 800)), r.choice((200, 350, 400, 480))
            kind = r.choice(('text', 'planar', 'pairs', 'bytes', 'vbe'))
            crtc = {0x09: 0x40 | r.choice((0, 1, 0x80)), 0x0d: r.choice((0, 0, 80))}
            arguments = {'text': dict(crtc={0x09: 0x40 | r.choice((15, 13, 7)), 0x17: 0xa3},      # the phase of the cursor differs
                                      sequencer={1: r.choice((0, 1)), 3: r.choice((0, 5)), 4: 2}, graphics={5: 0x10, 6: 0x0e},
                                      attribute={0x10: r.choice((0, 4)), 0x13: 8 * (r.random() < .5)}),
                         'planar': dict(crtc=crtc, sequencer={1: r.choice((1, 9))}, attribute={0x12: r.choice((15, 7))}),
                         'pairs': dict(crtc=crtc, sequencer={1: r.choice((1, 9))}, graphics={5: 0x20}),
                         'bytes': dict(crtc=crtc | {0x14: 0x40}, sequencer={4: 0x0e}, graphics={5: 0x40}, attribute={0x10: 0x41}),
                         'vbe': None}[kind]
            bits, pan = r.choice((8, 15, 16, 24, 32)), (r.choice((0, 8, 16)), r.choice((0, 5)))
            for v in (ours, theirs):
                v.vbe(4, 0)
                if arguments:
                    v.mode(width, height, **arguments)
                else:
                    v.mode(width, height)
                    v.vbe_mode(width, height, bits, 0xc1)
                    v.vbe(6, width + 32)
                    v.vbe(8, pan[0])
                    v.vbe(9, pan[1])
            difference = ours.shot().difference(theirs.shot())
            self.assertIsNone(difference, f'round {n}: {kind} {width}x{height} {arguments or (bits, pan)}')


if __name__ == '__main__':
    unittest.main()
