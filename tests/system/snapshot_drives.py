#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""-snapshot and snapshot=on: what a guest writes goes to a file without a name, and the image stays as it was."""
import os
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'qtest'))

import qtest    # noqa: E402


def write_sector(m, lba, data):
    """By PIO on the first channel's first disk."""
    for port, value in ((0x1f6, 0xe0 | lba >> 24), (0x1f2, 1), (0x1f3, lba & 255), (0x1f4, lba >> 8 & 255), (0x1f5, lba >> 16 & 255), (0x1f7, 0x30)):
        m.outb(port, value)
    wait(m, 0x08)
    for i in range(0, 512, 2):
        m.outw(0x1f0, data[i] | data[i + 1] << 8)
    wait(m, 0x40)


def read_sector(m, lba):
    for port, value in ((0x1f6, 0xe0 | lba >> 24), (0x1f2, 1), (0x1f3, lba & 255), (0x1f4, lba >> 8 & 255), (0x1f5, lba >> 16 & 255), (0x1f7, 0x20)):
        m.outb(port, value)
    wait(m, 0x08)
    words = [m.inw(0x1f0) for _ in range(256)]
    return b''.join(w.to_bytes(2, 'little') for w in words)


def wait(m, bit):
    """Until the disk is not busy and shows @bit."""
    while (status := m.inb(0x1f7)) & 0x80 or not status & bit:
        if not status & 0x80 and status & 1:
            raise AssertionError(f'status {status:#x}')


class Snapshot(qtest.Case):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix='rhea-snapshot-')
        self.addCleanup(self.folder.cleanup)
        self.image = os.path.join(self.folder.name, 'disk')
        self.content = bytes(i % 251 for i in range(1 << 20))
        with open(self.image, 'wb') as f:
            f.write(self.content)

    def check(self, *args):
        m = self.start('-M', 'pc', *args)
        write_sector(m, 7, b'\xa5' * 512)
        self.assertEqual(read_sector(m, 7), b'\xa5' * 512)
        self.assertEqual(read_sector(m, 8), self.content[8 * 512:9 * 512])
        self.assertEqual(m.qmp('query-block')[0]['inserted']['drv'], 'qcow2')
        m.qmp('quit')
        m.wait_exit()
        with open(self.image, 'rb') as f:
            self.assertEqual(f.read(), self.content)

    def test_of_one_drive(self):
        self.check('-drive', f'file={self.image},format=raw,snapshot=on')

    def test_of_all(self):
        self.check('-snapshot', '-drive', f'file={self.image},format=raw')

    def test_an_image_that_cannot_be_written(self):
        os.chmod(self.image, 0o444)
        self.check('-snapshot', '-drive', f'file={self.image},format=raw')

    def test_qcow2_that_the_guest_writes(self):
        try:
            subprocess.run(['qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', self.image, self.image + '.q'], check=True)
        except FileNotFoundError:
            self.skipTest('no qemu-img')
        m = self.start('-M', 'pc', '-hda', self.image + '.q')
        self.assertEqual(read_sector(m, 8), self.content[8 * 512:9 * 512])
        write_sector(m, 9, b'\x5a' * 512)
        m.qmp('quit')
        self.assertEqual(m.wait_exit(), 0)
        subprocess.run(['qemu-img', 'check', '-q', self.image + '.q'], check=True)
        subprocess.run(['qemu-img', 'convert', '-O', 'raw', self.image + '.q', self.image], check=True)
        with open(self.image, 'rb') as f:
            self.assertEqual(f.read(), self.content[:9 * 512] + b'\x5a' * 512 + self.content[10 * 512:])


if __name__ == '__main__':
    unittest.main()
