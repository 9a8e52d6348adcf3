#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Screen and keyboard with a guest at the other end: SeaBIOS shows its boot menu, keys choose from it, and what starts draws
on. Each picture is checked against the text and the glyphs that are in video memory.
"""
import os
import re
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'qtest'))

import picture  # noqa: E402
import qtest    # noqa: E402

MEMTEST = '/boot/memtest86+x64.bin'
LIMIT_S = 300
COLORS = [0x000000, 0x0000a8, 0x00a800, 0x00a8a8, 0xa80000, 0xa800a8, 0xa85700, 0xa8a8a8,
          0x575757, 0x5757ff, 0x57ff57, 0x57ffff, 0xff5757, 0xff57ff, 0xffff57, 0xffffff]


class Screen(qtest.Case):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix='rhea-screen-')
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def memory(self, address, size):
        path = os.path.join(self.folder, 'memory')
        self.m.qmp('pmemsave', val=address, size=size, filename=path)
        with open(path, 'rb') as f:
            return f.read()

    def text(self):
        """Lines of the text screen."""
        characters = self.memory(0xb8000, 4000)[::2]
        return '\n'.join(characters[i:i + 80].decode('cp437').rstrip() for i in range(0, 2000, 80))

    def wait(self, pattern):
        end = time.monotonic() + LIMIT_S
        while not re.search(pattern, self.text()):
            self.assertLess(time.monotonic(), end, f'{pattern!r} does not appear in\n{self.text()}')
            time.sleep(0.1)

    def check_picture(self):
        """The screen is 80 by 25 cells of 9 by 16 with the standard colours; the cursor is not looked at."""
        self.m.qmp('stop')
        frame_buffer = int(re.search(r'BAR0: 32 bit prefetchable memory at 0x([0-9a-f]+)', self.m.qmp.hmp('info pci'))[1], 16)
        vram = self.memory(frame_buffer, 256 * 1024)
        path = os.path.join(self.folder, 'screen')
        self.m.qmp('screendump', filename=path, format='png')
        shot = picture.Picture.load(path)
        self.assertEqual((shot.width, shot.height), (720, 400))
        wrong, ink = set(), 0
        for cell in range(80 * 25):
            character, attribute = vram[cell * 4], vram[cell * 4 + 1]
            for y in range(16):
                glyph = vram[(character * 32 + y) * 4 + 2]
                bits = glyph << 1 | (glyph & 1 if 0xb0 <= character <= 0xdf else 0)
                for x in range(9):
                    color = COLORS[attribute & 15 if bits >> (8 - x) & 1 else attribute >> 4 & 7]
                    if shot.at(cell % 80 * 9 + x, cell // 80 * 16 + y) != color:
                        wrong.add(cell)
                    ink += color != 0
        self.assertLessEqual(len(wrong), 1, f'cells that differ: {sorted(wrong)[:20]}')
        self.assertGreater(ink, 500, 'there is something to see')
        self.m.qmp('cont')

    def test_boot_menu(self):
        if not os.path.exists(MEMTEST):
            self.skipTest('no memtest86+ (Debian package memtest86+)')
        for machine in ('pc', 'q35'):
            with self.subTest(machine):
                self.m = self.start('-M', machine, '-m', '32', '-boot', 'menu=on', '-kernel', MEMTEST, accel='tcg')
                self.wait('Press ESC for boot menu')
                self.m.qmp.hmp('sendkey esc')
                self.wait('Select boot device:')
                self.check_picture()
                self.m.qmp('send-key', keys=[{'type': 'qcode', 'data': '1'}])
                self.wait(r'Memtest86\+')
                self.wait('Test #')
                self.check_picture()
                self.m.qmp.hmp('sendkey f1')
                self.wait('Settings:')


if __name__ == '__main__':
    unittest.main()
