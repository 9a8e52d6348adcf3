#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
What the command line gives to firmware: -boot, -option-rom, -acpitable, -smbios, -fw_cfg, -shim; multiboot and PVH
kernels, which are run; and what can be wrong with each.
"""
import os
import struct
import subprocess
import tempfile
import unittest

import qtest
from firmware import FwCfg, link_tables

BOARDS = ('pc', 'q35')
EXIT_DEVICE = ('-device', 'isa-debug-exit')         # port 0x501; exit status 2 * value + 1


def cmos(m, index):
    m.outb(0x70, index)
    return m.inb(0x71)


class Files(qtest.Case):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def file(self, name, data):
        path = os.path.join(self.folder, name)
        with open(path, 'wb') as f:
            f.write(data)
        return path

    def refused(self, *args):
        """The message with which the emulator refuses @args."""
        r = subprocess.run([qtest.emulator(), '-accel', 'qtest', '-display', 'none', '-S', *args], capture_output=True,
                           text=True, timeout=qtest.TIMEOUT_S, stdin=subprocess.DEVNULL, env=qtest.environment())
        self.assertEqual(r.returncode, 1, r.stderr)
        return r.stderr


class BootTest(Files):
    def test_order_is_in_cmos(self):
        for board in BOARDS:
            for option, expected in (((), (0x12, 0x30)), (('-boot', 'd'), (0x03, 0x00)),
                                     (('-boot', 'order=nca'), (0x24, 0x10))):
                m = self.start('-M', board, *option)
                self.assertEqual((cmos(m, 0x3d), cmos(m, 0x38)), expected, option)

    def test_once_lasts_until_the_next_reset(self):
        m = self.start('-M', 'pc', '-boot', 'order=c,once=d')
        self.assertEqual(cmos(m, 0x3d), 0x03)
        m.qmp('system_reset')
        m.qmp.event('RESET')
        self.assertEqual(cmos(m, 0x3d), 0x02)
        m.qmp('system_reset')
        m.qmp.event('RESET')
        self.assertEqual(cmos(m, 0x3d), 0x02)

    def test_waits(self):
        fw = FwCfg(self.start('-M', 'pc', '-boot', 'menu=on,splash-time=500,reboot-timeout=3000'))
        self.assertEqual(fw.item(0x0e, 2), b'\1\0')
        self.assertEqual(fw.file('etc/boot-menu-wait'), struct.pack('<H', 500))
        self.assertEqual(fw.file('etc/boot-fail-wait'), struct.pack('<I', 3000))
        fw = FwCfg(self.start('-M', 'pc'))
        self.assertNotIn('etc/boot-menu-wait', fw.directory())
        self.assertEqual(fw.file('etc/boot-fail-wait'), b'\xff' * 4)

    def test_splash(self):
        bmp = b'BM' + bytes(26) + b'\x18\0' + bytes(40)
        for name, data in (('bootsplash.jpg', b'\xff\xd8\xff' + bytes(40)), ('bootsplash.bmp', bmp)):
            fw = FwCfg(self.start('-M', 'pc', '-boot', f'menu=on,splash={self.file("s", data)}'))
            self.assertEqual(fw.file(name), data)
        for data in (b'', b'GIF89a' + bytes(40), bmp.replace(b'\x18', b'\x08')):
            self.assertIn('splash', self.refused('-boot', f'splash={self.file("s", data)}'))

    def test_refusals(self):
        for option, words in (('order=cc', "names 'c' twice"), ('order=x', "'x' is none of"),
                              ('once=q', "'q' is none of"),
                              ('reboot-timeout=70000', 'reboot-timeout'), ('splash-time=x', 'splash-time'),
                              ('menu=maybe', 'menu'), ('oder=c', "did you mean 'order'"),
                              ('splash=/no/such/file', 'there is no such file')):
            self.assertIn(words, self.refused('-boot', option), option)


class ItemTest(Files):
    def test_option_rom(self):
        rom = b'\x55\xaa\x01' + bytes(509)
        path = self.file('one.rom', rom)
        fw = FwCfg(self.start('-M', 'pc', '-option-rom', f'{path},bootindex=3'))
        self.assertEqual(fw.file('genroms/one.rom'), rom)
        self.assertIn(b'/rom@genroms/one.rom\0', fw.file('bootorder'))
        self.assertIn('no option ROM', self.refused('-option-rom', self.file('bad', bytes(512))))
        self.assertIn('given twice', self.refused('-option-rom', path, '-option-rom', path))
        self.assertIn('firmware directories', self.refused('-option-rom', '/no/such/file'))

    def test_fw_cfg(self):
        fw = FwCfg(self.start('-M', 'q35', '-fw_cfg', 'opt/a,string=hello',
                              '-fw_cfg', f'name=opt/b,file={self.file("b", b"xyz")}'))
        self.assertEqual((fw.file('opt/a'), fw.file('opt/b')), (b'hello', b'xyz'))
        self.assertIn('already', self.refused('-fw_cfg', 'opt/a,string=1', '-fw_cfg', 'opt/a,string=2'))
        self.assertIn("did you mean 'string'", self.refused('-fw_cfg', 'opt/a,strin=1'))

    def test_smbios(self):
        fw = FwCfg(self.start('-M', 'pc', '-smbios', 'type=1,product=Thing,serial=S1'))
        self.assertIn(b'Thing\0', fw.file('etc/smbios/smbios-tables'))
        self.assertIn('type', self.refused('-smbios', 'product=x'))

    def test_acpi_tables(self):
        body = self.file('body', b'0123456789')
        whole = self.file('whole', b'WHOL' + struct.pack('<I', 40) + bytes(28) + b'abcd')
        fw = FwCfg(self.start('-M', 'q35', '-acpitable', f'sig=TEST,rev=3,oem_id=ME,data={body}:{body}',
                              '-acpitable', f'file={whole}'))
        files, rsdp = link_tables(fw)
        (rsdt, ) = struct.unpack('<I', files[rsdp][16:20])
        (base, data), = [(b, d) for b, d in files.items() if b <= rsdt < b + len(d)]
        length, = struct.unpack('<I', data[rsdt - base + 4:rsdt - base + 8])
        found = {}
        for i in range(36, length, 4):
            at = struct.unpack('<I', data[rsdt - base + i:rsdt - base + i + 4])[0] - base
            size, = struct.unpack('<I', data[at + 4:at + 8])
            found[bytes(data[at:at + 4])] = bytes(data[at:at + size])
        self.assertEqual(found[b'TEST'][36:], b'0123456789' * 2)
        self.assertEqual((found[b'TEST'][8], found[b'TEST'][10:16]), (3, b'ME\0\0\0\0'))
        self.assertEqual(found[b'WHOL'][36:], b'abcd')
        for name in (b'TEST', b'WHOL'):
            self.assertEqual(sum(found[name]) & 0xff, 0, name)
        for option, words in (('sig=TOOLONG,data=' + body, '4 characters'), ('data=/no/such', '/no/such'),
                              ('sig=AAAA', 'either file or data'),
                              ('file=' + body, 'fewer than the header'), (f'sgi=AAAA,data={body}', "did you mean 'sig'"),
                              (f'rev=256,data={body}', 'rev')):
            self.assertIn(words, self.refused('-acpitable', option))


def multiboot(flags=0, code=b'', **fields):
    """A kernel at 1 MiB that says its addresses."""
    load = 0x100000
    header = dict(header=load, load=load, load_end=0, bss_end=load + 0x3000, entry=load + 32) | fields
    flags |= 0x10000
    return struct.pack('<8I', 0x1badb002, flags, -(0x1badb002 + flags) & 0xffffffff, *header.values()) + code


def elf32(segments, entry=0, machine=3):
    """An ELF file of (type, address, content, size in memory)."""
    offset = 52 + 32 * len(segments)
    headers, body = b'', b''
    for kind, addr, content, memory in segments:
        headers += struct.pack('<8I', kind, offset + len(body), addr, addr, len(content), memory, 7, 4)
        body += content
    head = b'\x7fELF\1\1\1' + bytes(9) + struct.pack('<HHIIIIIHHHHHH', 2, machine, 1, entry, 52, 0, 0, 52, 32,
                                                      len(segments), 0, 0, 0)
    return head + headers + body


def fail_unless(*compares):
    """Code: each compare is followed by a jump over HLT if equal."""
    return b''.join(c + b'\x74\x02\xeb\xfe' for c in compares)


LEAVE = b'\xba\x01\x05\0\0\xef\xeb\xfe'             # mov $0x501, %edx; out %eax, %dx; jmp .
# EAX the magic; mmap_length not zero; then the number of modules plus 0x10 leaves.
MULTIBOOT_CODE = (fail_unless(b'\x3d\x02\xb0\xad\x2b') + b'\x83\x7b\x2c\x18\x77\x02\xeb\xfe' +
                  b'\x8b\x43\x14\x83\xc0\x10' + LEAVE)
# *EBX the magic; at least two entries in the map; RSDP known.
PVH_CODE = (fail_unless(b'\x81\x3b\x78\xc5\x6e\x33') + b'\x83\x7b\x30\x01\x77\x02\xeb\xfe' +
            b'\x83\x7b\x20\x00\x75\x02\xeb\xfe' + b'\x8b\x43\x0c\x83\xc0\x20' + LEAVE)
PVH_NOTE = struct.pack('<III4sI', 4, 4, 18, b'Xen\0', 0x100000)


class KernelTest(Files):
    def run_kernel(self, data, *args):
        m = self.start('-M', 'pc', '-m', '64', *EXIT_DEVICE, '-kernel', self.file('kernel', data), *args,
                       accel=os.environ.get('RHEA_TEST_ACCEL', 'tcg'))
        return m.wait_exit() >> 1

    def test_multiboot_runs_and_sees_its_modules(self):
        one, two = self.file('one', b'1' * 5000), self.file('two', b'2')
        self.assertEqual(self.run_kernel(multiboot(code=MULTIBOOT_CODE)), 0x10)
        self.assertEqual(self.run_kernel(multiboot(code=MULTIBOOT_CODE), '-initrd', f'{one} a b,{two}'), 0x12)

    def test_multiboot_in_elf(self):
        header = struct.pack('<3I', 0x1badb002, 3, -(0x1badb002 + 3) & 0xffffffff)
        image = elf32([(1, 0x100000, header + MULTIBOOT_CODE, 0x2000)], entry=0x10000c)
        self.assertEqual(self.run_kernel(image), 0x10)

    def test_pvh_runs(self):
        image = elf32([(1, 0x100000, PVH_CODE, 0x1000), (4, 0, PVH_NOTE, 0)])
        self.assertEqual(self.run_kernel(image), 0x20)
        self.assertEqual(self.run_kernel(image, '-initrd', self.file('one', b'1')), 0x21)

    def test_refusals(self):
        good = multiboot(code=MULTIBOOT_CODE)
        one = self.file('one', b'1')
        cases = (
            (multiboot(flags=1 << 5), 'requires multiboot features'),
            (multiboot(load_end=0x200000), 'truncated'),
            (multiboot(load=0x200000), 'contradicts'),
            (multiboot(load=0x100000 - 64), 'contradicts'),
            (multiboot(bss_end=0xfff00000), 'KiB of RAM'),
            (good[:30], 'truncated'),
            (multiboot(load=0x80000, header=0x80000), 'boot information'),
            (elf32([(1, 0x100000, b'x', 1)]), 'ELF file without a PVH entry'),
            (elf32([(4, 0, PVH_NOTE, 0)]), 'without anything to load'),
            (elf32([(1, 0xffffff00, b'x', 0x1000), (4, 0, PVH_NOTE, 0)]), 'no 32-bit loader'),
            (elf32([(1, 0x100000, b'x' * 9, 1), (4, 0, PVH_NOTE, 0)]), 'no 32-bit loader'),
            (elf32([(1, 0x100000, b'x', 1), (4, 0, PVH_NOTE, 0)])[:-8], 'truncated'),
            (elf32([(1, 0x100000, b'x', 1), (4, 0, b'\xff' * 20, 0)]), 'ELF file without a PVH entry'),
        )
        for data, words in cases:
            self.assertIn(words, self.refused('-m', '64', '-kernel', self.file('k', data)), words)
        kernel = self.file('k', good)
        self.assertIn('/no/such', self.refused('-kernel', kernel, '-initrd', f'{one},/no/such'))
        big = self.file('big', bytes(2 << 20))
        self.assertIn('do not fit', self.refused('-m', '2', '-kernel', kernel, '-initrd', big))
        self.assertIn('-kernel', self.refused('-shim', one))


if __name__ == '__main__':
    unittest.main()
