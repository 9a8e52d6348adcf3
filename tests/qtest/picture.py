# SPDX-License-Identifier: GPL-2.0-or-later
"""
Pictures of the screen, and the registers of a VGA, for tests of display devices.

    class Mine(picture.VgaCase):
        def test_pixel(self):
            v = self.vga('-vga', 'std')
            v.crtc(0x0d, 80)                    # sequencer, graphics, attribute likewise
            self.assertEqual(v.shot().at(0, 0), 0xaa0000)
"""
import os
import struct
import zlib

import qtest

FRAME_BUFFER, MMIO = 0xe0000000, 0xfebf0000


class Picture:
    """What a screendump holds: rows of 0xRRGGBB."""
    def __init__(self, width, height, rgb):
        self.width, self.height, self.rgb = width, height, rgb

    @classmethod
    def of_rows(cls, rows):
        return cls(len(rows[0]), len(rows), b''.join(c.to_bytes(3, 'big') for row in rows for c in row))

    @classmethod
    def load(cls, path):
        with open(path, 'rb') as f:
            data = f.read()
        if data.startswith(b'P6\n'):
            _, size, top, rgb = data.split(b'\n', 3)
            assert top == b'255', top
            width, height = map(int, size.split())
        else:
            width, height, rgb = load_png(data)
        assert len(rgb) == width * height * 3, (width, height, len(rgb))
        return cls(width, height, rgb)

    def at(self, x, y):
        i = (y * self.width + x) * 3
        return int.from_bytes(self.rgb[i:i + 3], 'big')

    def difference(self, other):
        """None, or where and how they differ first."""
        if (self.width, self.height) != (other.width, other.height):
            return f'{self.width}x{self.height} against {other.width}x{other.height}'
        if self.rgb == other.rgb:
            return None
        i = next(i for i in range(0, len(self.rgb), 3) if self.rgb[i:i + 3] != other.rgb[i:i + 3]) // 3
        x, y = i % self.width, i // self.width
        return f'{self.width}x{self.height}: pixel {x},{y} is {self.at(x, y):06x} against {other.at(x, y):06x}'


def load_png(data):
    """RGB of 8 bits without interlace."""
    assert data[:8] == b'\x89PNG\r\n\x1a\n', data[:8]
    at, packed, width, height = 8, b'', 0, 0
    while at < len(data):
        size, kind = struct.unpack('>I4s', data[at:at + 8])
        body = data[at + 8:at + 8 + size]
        assert zlib.crc32(kind + body) == struct.unpack('>I', data[at + 8 + size:at + 12 + size])[0]
        at += 12 + size
        if kind == b'IHDR':
            width, height, depth, colour, _, _, interlace = struct.unpack('>IIBBBBB', body)
            assert (depth, colour, interlace) == (8, 2, 0)
        elif kind == b'IDAT':
            packed += body
    raw, line, out, before = zlib.decompress(packed), width * 3, [], bytes(width * 3)
    for y in range(height):
        kind, row = raw[y * (line + 1)], bytearray(raw[y * (line + 1) + 1:(y + 1) * (line + 1)])
        for i in range(line):
            a, b, c = (row[i - 3], before[i], before[i - 3]) if i >= 3 else (0, before[i], 0)
            p = a + b - c
            nearest = min((a, b, c), key=lambda v: abs(p - v))
            row[i] = (row[i] + (0, a, b, (a + b) // 2, nearest)[kind]) & 255
        before = bytes(row)
        out.append(before)
    return width, height, b''.join(out)


class Vga:
    """The VGA of @machine, at PCI slot @slot (None: the registers' legacy ports only)."""
    def __init__(self, machine, slot=2):
        self.m = machine
        if slot is not None:
            machine.pci_write(slot, 0, 0x10, 4, FRAME_BUFFER)
            machine.pci_write(slot, 0, 0x18, 4, MMIO)
            machine.pci_write(slot, 0, 4, 2, 3)
        machine.outb(0x3c2, 0x67)

    def sequencer(self, index, value):
        self.m.outw(0x3c4, index | value << 8)

    def graphics(self, index, value):
        self.m.outw(0x3ce, index | value << 8)

    def crtc(self, index, value):
        self.m.outw(0x3d4, index | value << 8)

    def attribute(self, index, value):
        self.m.inb(0x3da)
        self.m.outb(0x3c0, index)
        self.m.outb(0x3c0, value)

    def vbe(self, index, value):
        self.m.outw(0x1ce, index)
        self.m.outw(0x1d0, value)

    def vbe_read(self, index):
        self.m.outw(0x1ce, index)
        return self.m.inw(0x1d0)

    def screen_on(self, on=True):
        self.m.inb(0x3da)
        self.m.outb(0x3c0, 0x20 if on else 0)

    def palette(self, colors):
        """DAC entries from 0 on: (r, g, b) of 6 bits each."""
        self.m.outb(0x3c6, 0xff)
        self.m.outb(0x3c8, 0)
        for color in colors:
            for c in color:
                self.m.outb(0x3c9, c)

    def mode(self, width, height, *, crtc=None, sequencer=None, graphics=None, attribute=None):
        """Registers of a mode of @width by @height dots (the CRTC's, with 8-dot characters) and what is given besides."""
        last = height - 1
        base = {0x11: 0, 0x01: width // 8 - 1, 0x12: last & 0xff, 0x07: (last >> 7 & 2) | (last >> 3 & 0x40) | 0x10, 0x09: 0x40,
                0x18: 0xff, 0x13: width // 16, 0x0c: 0, 0x0d: 0, 0x17: 0xe3, 0x14: 0, 0x08: 0, 0x0a: 0x20, 0x06: 0}
        for i, v in (base | (crtc or {})).items():
            self.crtc(i, v)
        for i, v in ({1: 1, 2: 15, 3: 0, 4: 6} | (sequencer or {})).items():
            self.sequencer(i, v)
        for i, v in ({0: 0, 1: 0, 3: 0, 4: 0, 5: 0, 6: 5, 7: 15, 8: 255} | (graphics or {})).items():
            self.graphics(i, v)
        for i, v in ({i: i for i in range(16)} | {0x10: 1, 0x12: 15, 0x13: 0, 0x14: 0} | (attribute or {})).items():
            self.attribute(i, v)
        self.screen_on()

    def vbe_mode(self, width, height, bits, flags=0x41):
        self.vbe(4, 0)
        for index, value in ((1, width), (2, height), (3, bits), (4, flags)):
            self.vbe(index, value)
        self.screen_on()

    def shot(self, **arguments):
        path = os.path.join(self.m.folder, 'shot')
        self.m.qmp('screendump', filename=path, **arguments)
        return Picture.load(path)


class VgaCase(qtest.Case):
    def vga(self, *args, slot=2):
        return Vga(self.start('-M', 'pc', *args), slot)

    def assertPicture(self, got, rows, claim=''):
        self.assertIsNone(got.difference(Picture.of_rows(rows)), claim)
