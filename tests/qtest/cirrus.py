#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""CL-GD5446: registers, banks and write modes, pictures, cursor, and blits against a model of the engine."""
import random
import unittest

import picture
import qtest
from picture import FRAME_BUFFER

MMIO = 0xfebf0000
VRAM = random.Random(17).randbytes(1 << 20)
TOP = 4 << 20


class CirrusCase(picture.VgaCase):
    def setUp(self):
        self.m = self.start('-M', 'pc', '-vga', 'cirrus')
        for at, value in ((0x10, FRAME_BUFFER), (0x14, MMIO)):
            self.m.pci_write(2, 0, at, 4, value)
        self.m.pci_write(2, 0, 4, 2, 3)
        self.v = picture.Vga(self.m, None)
        self.v.sequencer(6, 0x12)

    def hidden_dac(self, value):
        self.m.inb(0x3c8)
        for _ in range(4):
            self.m.inb(0x3c6)
        self.m.outb(0x3c6, value)

    def packed(self, mode, width, height, line, start=0, dac=0):
        self.v.mode(width, height, crtc={0x13: line >> 3 & 0xff, 0x1a: 0, 0x1b: line >> 7 & 0x10 | start >> 18 & 1 | start >> 17 & 0x0c,
                                         0x1d: start >> 14 & 0x80, 0x0c: start >> 10 & 0xff, 0x0d: start >> 2 & 0xff},
                    sequencer={4: 0x0e, 7: mode}, graphics={5: 0x40}, attribute={0x10: 0x41})
        self.hidden_dac(dac)

    def read(self, port, index):
        self.m.outb(port, index)
        return self.m.inb(port + 1)

    def wide(self, index, value, size):
        for i in range(size):
            self.v.graphics(index + i, value >> i * 8 & 0xff)


class Registers(CirrusCase):
    def test_identity(self):
        self.assertEqual([self.m.pci_read(2, 0, at, 4) for at in (0, 8)], [0x00b81013, 0x03000000])
        for at, wanted in ((0x10, 0xfe000008), (0x14, 0xfffff000)):
            self.m.pci_write(2, 0, at, 4, 0xffffffff)
            self.assertEqual(self.m.pci_read(2, 0, at, 4), wanted)
        self.assertEqual(self.read(0x3d4, 0x27), 0xb8)

    def test_lock(self):
        for value, wanted in ((0, 0x0f), (0x12, 0x12), (0x17, 0x0f), (0xff, 0x0f), (0xf2, 0x12)):
            self.v.sequencer(6, value)
            self.assertEqual(self.read(0x3c4, 6), wanted)

    def test_masks(self):
        wanted = [0xff, 0xff, 0x0f, 0x1f, 0x03, 0x7f, 0x0f, 0x0f, 0xff, 0xff, 0xff, 0xff] + [0] * 4 + [0xff] * 6 + [0, 0, 0x0f] + [0] * 7 + \
                 [0xff, 0x1f] * 4 + [0xff, 0xff, 0x3f, 0, 0xff, 0xff, 0x3f, 0xff, 0xff]
        for index, mask in enumerate(wanted):
            self.v.graphics(index, 0xff)
            self.assertEqual(self.read(0x3ce, index), mask, hex(index))
        self.v.sequencer(0x17, 0xff)
        self.assertEqual(self.read(0x3c4, 0x17), 0xe7)

    def test_hidden_dac(self):
        self.hidden_dac(0xe5)
        self.assertEqual([self.m.inb(0x3c6) for _ in range(6)], [0xff] * 4 + [0xe5, 0xff])

    def test_state_of_the_attribute_controller(self):
        self.m.inb(0x3da)
        self.assertEqual(self.read(0x3d4, 0x24), 0)
        self.m.outb(0x3c0, 0x25)
        self.assertEqual((self.read(0x3d4, 0x24), self.read(0x3d4, 0x26)), (0x80, 0x25))

    def test_memory_mapped(self):
        self.m.writel(MMIO + 0x100, 0x44332211)         # background
        self.assertEqual([self.read(0x3ce, i) for i in (0, 0x10, 0x12, 0x14)], [0x11, 0x22, 0x33, 0x44])
        self.assertEqual(self.m.readl(MMIO + 0x100), 0x44332211)
        self.m.writew(MMIO + 4, 0x0507)                 # sequencer 7
        self.assertEqual(self.read(0x3c4, 7), 5)
        self.v.sequencer(7, 1)
        self.v.sequencer(0x17, 0x04)
        self.m.writel(0xb8004, 0x88776655)
        self.assertEqual(self.m.readl(MMIO + 0x104), 0x88776655, 'at 0xb8000')

    def test_bad_memory_size(self):
        with self.assertRaises(qtest.EmulatorDied) as died:
            self.start('-M', 'pc', '-vga', 'none', '-device', 'cirrus-vga,vgamem_mb=5')
        self.assertIn('vgamem_mb is 4, 8 or 16, not 5', str(died.exception))

    def test_random_accesses(self):
        r = random.Random(3)
        for _ in range(30):
            for _ in range(60):
                r.choice((self.m.outb, self.m.outw))(r.choice((0x3c0, 0x3c4, 0x3c5, 0x3c6, 0x3c9, 0x3ce, 0x3cf, 0x3d4, 0x3d5)), r.randrange(256) | r.randrange(256) << 8 & 0xff00)
                self.m.writeb(r.choice((0xa0000 + r.randrange(0x20000), FRAME_BUFFER + r.randrange(32 << 20), MMIO + r.randrange(0x200))), r.randrange(256))
                self.m.readb(r.choice((0xa0000 + r.randrange(0x20000), FRAME_BUFFER + r.randrange(32 << 20), MMIO + r.randrange(0x200))))
                self.m.inb(r.choice((0x3c1, 0x3c5, 0x3c6, 0x3c9, 0x3cf, 0x3d5)))
            self.v.screen_on()
            self.v.shot()
        self.m.state_cycle()


class Memory(CirrusCase):
    def test_banks(self):
        self.v.sequencer(7, 1)
        for extensions, offsets, rows in ((0, (5, 9), ((0, 0x5000), (0x9000, 0xe000))), (1, (5, 9), ((0, 0x5000), (0x8000, 0x9000), (0x9000, 0xa000))),
                                          (0x20, (5, 9), ((16, 0x14010),)), (0x21, (5, 9), ((0x8001, 0x24001),))):
            for i, value in ((0x0b, extensions), (9, offsets[0]), (10, offsets[1])):
                self.v.graphics(i, value)
            for at, wanted in rows:
                self.m.writeb(FRAME_BUFFER + wanted, 0)
                self.m.writeb(0xa0000 + at, 0x5a)
                self.assertEqual((self.m.readb(FRAME_BUFFER + wanted), self.m.readb(0xa0000 + at)), (0x5a, 0x5a), (extensions, hex(at)))
        self.v.graphics(0x0b, 0x20)
        self.v.graphics(9, 0xff)                        # 4 MiB less 16 KiB
        self.m.writeb(0xa7000, 1)
        self.assertEqual(self.m.readb(0xa7000), 0xff, 'behind the end')

    def test_write_modes_4_and_5(self):
        self.v.sequencer(7, 1)
        for i, value in ((0x0b, 0x06), (0, 0x11), (1, 0x22)):
            self.v.graphics(i, value)
        for mode, wanted in ((4, '22aa22aaaa22aa22'), (5, '2211221111221122')):
            self.v.graphics(0x0b, 0)
            self.v.graphics(5, 0)
            self.m.memset(FRAME_BUFFER, 64, 0xaa)
            self.v.graphics(0x0b, 0x06)
            self.v.graphics(5, mode)
            self.m.writeb(FRAME_BUFFER + 1, 0b10100101)
            self.v.graphics(0x0b, 0)
            self.v.graphics(5, 0)
            self.assertEqual(self.m.read(FRAME_BUFFER, 24).hex(), 'aa' * 8 + wanted + 'aa' * 8, f'write mode {mode}')


class Pictures(CirrusCase):
    def setUp(self):
        super().setUp()
        r = random.Random(4)
        self.dac = [tuple(r.randrange(64) for _ in range(3)) for _ in range(256)]
        self.v.palette(self.dac)
        self.m.write(FRAME_BUFFER, VRAM)

    def rows(self, width, height, bits, start=0, line=None):
        wide = lambda c: c << 2 | (c & 1) * 3
        five = lambda c: c << 3 | c >> 2
        n = (bits + 7) // 8
        line = line or width * n
        def pixel(at):
            c = int.from_bytes(VRAM[at:at + n], 'little')
            if bits == 8:
                return int.from_bytes(bytes(wide(x) for x in self.dac[c]), 'big')
            if bits == 15:
                return five(c >> 10 & 31) << 16 | five(c >> 5 & 31) << 8 | five(c & 31)
            if bits == 16:
                return five(c >> 11) << 16 | (c >> 5 & 63) * 65 // 16 << 8 | five(c & 31)
            return c & 0xffffff
        return [[pixel(start + y * line + x * n) for x in range(width)] for y in range(height)]

    def test_depths(self):
        for mode, dac, bits in ((1, 0, 8), (7, 0xf0, 15), (7, 0xe1, 16), (3, 0xe1, 16), (5, 0xe5, 24), (9, 0xe5, 32)):
            self.packed(mode, 320, 200, 320 * ((bits + 7) // 8), dac=dac)
            self.assertPicture(self.v.shot(), self.rows(320, 200, bits), f'{bits} bits')
        self.packed(1, 320, 100, 2048 + 320, 0x12344)
        self.assertPicture(self.v.shot(), self.rows(320, 100, 8, 0x12344, 2368), 'long lines from far on')
        self.m.state_cycle()
        self.assertPicture(self.v.shot(), self.rows(320, 100, 8, 0x12344, 2368), 'after saving')

    def test_planar_as_a_vga(self):
        self.v.sequencer(7, 0)
        self.v.mode(320, 100)
        self.m.writeb(0xa0000, 0x80)
        self.assertEqual(self.v.shot().at(0, 0), int.from_bytes(bytes(c << 2 | (c & 1) * 3 for c in self.dac[15]), 'big'))

    def cursor(self, x, y, attributes, which, colors=((10, 20, 30), (60, 50, 40))):
        self.v.sequencer(0x12, attributes | 2)
        for entry, color in zip((0, 15), colors):
            self.m.outb(0x3c8, entry)
            for c in color:
                self.m.outb(0x3c9, c)
        self.v.sequencer(0x13, which)
        self.v.sequencer(0x10 | (x & 7) << 5, x >> 3)
        self.v.sequencer(0x11 | (y & 7) << 5, y >> 3)
        self.v.sequencer(0x12, attributes)

    def test_cursor(self):
        pattern = random.Random(6).randbytes(1024)
        self.m.write(FRAME_BUFFER + TOP - 0x4000 + 0x400, pattern)
        self.packed(9, 320, 200, 1280, dac=0xe5)
        back = self.rows(320, 200, 32)
        shades = [int.from_bytes(bytes(c << 2 | (c & 1) * 3 for c in color), 'big') for color in ((10, 20, 30), (60, 50, 40))]
        for x, y, side in ((100, 50, 64), (3, 7, 32), (300, 190, 64)):
            want = [list(row) for row in back]
            for j in range(side):
                for i in range(side):
                    if y + j < 200 and x + i < 320:
                        at = j * 16 + i // 8 if side == 64 else j * 4 + i // 8
                        b0, b1 = (pattern[at + o] >> (7 - i % 8) & 1 for o in (0, 8 if side == 64 else 128))
                        below = want[y + j][x + i]
                        want[y + j][x + i] = (shades[b0] if b1 else below ^ 0xffffff if b0 else below)
            self.cursor(x, y, 5 if side == 64 else 1, 4)
            self.assertPicture(self.v.shot(), want, f'{side} by {side} at {x},{y}')
        self.v.sequencer(0x12, 0)
        self.assertPicture(self.v.shot(), back, 'off')


ROPS = {0x00: lambda s, d: 0, 0x05: lambda s, d: s & d, 0x06: lambda s, d: d, 0x09: lambda s, d: s & ~d, 0x0b: lambda s, d: ~d,
        0x0d: lambda s, d: s, 0x0e: lambda s, d: 0xff, 0x50: lambda s, d: ~s & d, 0x59: lambda s, d: s ^ d, 0x6d: lambda s, d: s | d,
        0x90: lambda s, d: ~(s & d), 0x95: lambda s, d: ~(s ^ d), 0xad: lambda s, d: s | ~d, 0xd0: lambda s, d: ~s,
        0xd6: lambda s, d: ~s | d, 0xda: lambda s, d: ~(s | d)}


class Blits(CirrusCase):
    SIZE = 0x40000

    def setUp(self):
        super().setUp()
        self.v.sequencer(7, 1)
        self.memory = bytearray(VRAM[:self.SIZE])
        self.m.write(FRAME_BUFFER, bytes(self.memory))

    def blit(self, width, height, dst, src, mode, *, dst_pitch=640, src_pitch=640, rop=0x0d, ext=0, fg=0x44332211, bg=0x88776655, key=0):
        for i, index in enumerate((0x01, 0x11, 0x13, 0x15)):
            self.v.graphics(index, fg >> i * 8 & 0xff)
        for i, index in enumerate((0x00, 0x10, 0x12, 0x14)):
            self.v.graphics(index, bg >> i * 8 & 0xff)
        for index, value, size in ((0x20, width - 1, 2), (0x22, height - 1, 2), (0x24, dst_pitch, 2), (0x26, src_pitch, 2), (0x28, dst, 3),
                                   (0x2c, src, 3), (0x2f, 0, 1), (0x34, key, 2), (0x30, mode, 1), (0x32, rop, 1), (0x33, ext, 1), (0x31, 2, 1)):
            self.wide(index, value, size)

    def check(self, claim):
        got = self.m.read(FRAME_BUFFER, self.SIZE)
        different = [hex(i) for i in range(self.SIZE) if got[i] != self.memory[i]]
        self.assertEqual(different[:8], [], claim)
        self.assertEqual(self.read(0x3ce, 0x31) & 1, 0, 'done')

    def put(self, at, value, rop=0x0d):
        self.memory[at] = ROPS[rop](value, self.memory[at]) & 0xff

    def test_copy_with_every_operation(self):
        for rop in ROPS:
            self.blit(37, 9, 0x10003, 0x20005, 0, rop=rop)
            for y in range(9):
                for x in range(37):
                    self.put(0x10003 + y * 640 + x, self.memory[0x20005 + y * 640 + x], rop)
            self.check(f'operation {rop:#x}')
        self.blit(37, 9, 0x10003, 0x20005, 0, rop=0x42)
        self.check('an operation that is none')

    def test_copy_that_overlaps(self):
        self.blit(600, 20, 0x10000 + 19 * 640 + 599 + 5, 0x10000 + 19 * 640 + 599, 1)
        self.memory[0x10005:0x10005 + 20 * 640] = b''.join(
            self.memory[0x10000 + y * 640:0x10000 + y * 640 + 600] + self.memory[0x10005 + y * 640 + 600:0x10005 + y * 640 + 640] for y in range(20))
        self.check('backwards')

    def test_solid_and_expanded(self):
        for n in (1, 2, 3, 4):
            fg, bg = (0x44332211).to_bytes(4, 'little')[:n], (0x88776655).to_bytes(4, 'little')[:n]
            self.blit(20 * n, 5, 0x10000, 0, 0xc0 | (n - 1) << 4, ext=4)
            for y in range(5):
                self.memory[0x10000 + y * 640:0x10000 + y * 640 + 20 * n] = fg * 20
            self.check(f'solid, {n} bytes')
            self.blit(20 * n, 5, 0x10000, 0x20001, 0x80 | (n - 1) << 4)
            for y in range(5):
                bits = int.from_bytes(self.memory[0x20001 + y * 3:0x20004 + y * 3], 'big')
                self.memory[0x10000 + y * 640:0x10000 + y * 640 + 20 * n] = b''.join(fg if bits >> (23 - x) & 1 else bg for x in range(20))
            self.check(f'expanded, {n} bytes')

    def test_keyed(self):
        for x in range(0, 64, 5):
            self.memory[0x20000 + x] = 0x77
        self.m.write(FRAME_BUFFER + 0x20000, bytes(self.memory[0x20000:0x20040]))
        self.blit(64, 1, 0x10000, 0x20000, 0x08, key=0x7777)
        for x in range(64):
            if self.memory[0x20000 + x] != 0x77:
                self.put(0x10000 + x, self.memory[0x20000 + x])
        self.check('a colour is left out')
        self.blit(16, 1, 0x11000, 0x20100, 0x88)
        for x in range(16):
            if self.memory[0x20100 + x // 8] >> (7 - x % 8) & 1:
                self.put(0x11000 + x, 0x11)
        self.check('background is left out')

    def test_patterns(self):
        self.blit(50, 20, 0x10000, 0x20040, 0x40)
        for y in range(20):
            for x in range(50):
                self.put(0x10000 + y * 640 + x, self.memory[0x20040 + (y & 7) * 8 + (x & 7)])
        self.check('coloured')
        self.blit(50, 20, 0x10000, 0x20040, 0xc0)
        for y in range(20):
            for x in range(50):
                self.put(0x10000 + y * 640 + x, 0x11 if self.memory[0x20040 + (y & 7)] >> (7 - x % 8) & 1 else 0x55)
        self.check('of bits')

    def test_source_from_the_cpu(self):
        data = random.Random(8).randbytes(40)
        self.blit(10, 3, 0x10000, 0, 4)
        self.assertEqual(self.read(0x3ce, 0x31) & 1, 1, 'waits')
        for i in range(0, 20, 4):
            self.m.writel(FRAME_BUFFER + (16 << 20) + i, int.from_bytes(data[i:i + 4], 'little'))
        self.m.state_cycle()                            # with a line half there
        for i in range(20, 36, 4):
            self.m.writel(0xa0000, int.from_bytes(data[i:i + 4], 'little'))
        for y in range(3):
            self.memory[0x10000 + y * 640:0x1000a + y * 640] = data[y * 12:y * 12 + 10]
        self.check('a picture')
        self.blit(10, 3, 0x10000, 0, 4)
        self.v.graphics(0x31, 4)
        self.v.graphics(0x31, 0)
        self.m.writel(FRAME_BUFFER + 0x3000, 0x01020304)
        self.memory[0x3000:0x3004] = b'\4\3\2\1'
        self.check('given up: writes are writes again')

    def test_nothing_reaches_outside(self):
        """Sizes, pitches and addresses of all kinds; only that it stays alive."""
        r = random.Random(12)
        for _ in range(60):
            self.blit(r.choice((1, 8192, r.randrange(1, 8193))), r.choice((1, 64, 200)), r.randrange(1 << 22), r.randrange(1 << 22), r.randrange(256),
                      dst_pitch=r.randrange(8192), src_pitch=r.randrange(8192), rop=r.choice(list(ROPS)), ext=r.randrange(8), key=r.randrange(65536))
            for _ in range(4):
                self.m.writeq(FRAME_BUFFER + (16 << 20), r.randrange(1 << 64))
            self.v.graphics(0x31, 4)
            self.v.graphics(0x31, 0)


if __name__ == '__main__':
    unittest.main()
