#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
fw_cfg of real boards: the directory, what it says of the machine, ACPI tables linked and compiled, SMBIOS, e820, -kernel,
and what a guest can do wrong.
"""
import os
import shutil
import struct
import subprocess
import tempfile
import unittest

import qtest

BOARDS = ('pc', 'q35')
DMA_AT, BUFFER_AT = 0x1000, 0x100000
ERROR, READ, SKIP, SELECT, WRITE = 1, 2, 4, 8, 16
MIB = 1 << 20


class FwCfg:
    """The guest's side of the device."""
    def __init__(self, m):
        self.m = m

    def dma(self, control, length, address):
        """Runs a descriptor; returns its control word afterwards."""
        self.m.write(DMA_AT, struct.pack('>IIQ', control, length, address))
        self.m.outl(0x514, 0)
        self.m.outl(0x518, struct.unpack('<I', struct.pack('>I', DMA_AT))[0])
        return struct.unpack('>I', self.m.read(DMA_AT, 4))[0]

    def item(self, key, size):
        if not size:
            return b''
        assert self.dma(key << 16 | SELECT | READ, size, BUFFER_AT) == 0
        return self.m.read(BUFFER_AT, size)

    def directory(self):
        """{name: (key, size)}, in order."""
        count = struct.unpack('>I', self.item(0x19, 4))[0]
        data = self.item(0x19, 4 + 64 * count)
        rows = [struct.unpack('>IHH56s', data[4 + 64 * i:68 + 64 * i]) for i in range(count)]
        return {name.rstrip(b'\0').decode(): (key, size) for size, key, _, name in rows}

    def file(self, name):
        return self.item(*self.directory()[name])


def link_tables(fw):
    """Does what the loader script says, files at made-up addresses; returns {address: bytearray}, address of RSDP."""
    at, files, script = {}, {}, fw.file('etc/table-loader')
    next_at = 0x7000000

    def text(b):
        return b.split(b'\0')[0].decode()

    for i in range(0, len(script), 128):
        c = script[i:i + 128]
        op = struct.unpack('<I', c[:4])[0]
        if op == 1:
            name, (align, zone) = text(c[4:60]), struct.unpack('<IB', c[60:65])
            next_at = (next_at + align - 1) & -align
            at[name], files[name] = next_at, bytearray(fw.file(name))
            next_at += len(files[name])
        elif op == 2:
            dest, src, (offset, size) = text(c[4:60]), text(c[60:116]), struct.unpack('<IB', c[116:121])
            value = int.from_bytes(files[dest][offset:offset + size], 'little')
            assert value < len(files[src]), (dest, offset, value)
            files[dest][offset:offset + size] = (value + at[src]).to_bytes(size, 'little')
        elif op == 3:
            name, (offset, start, length) = text(c[4:60]), struct.unpack('<III', c[60:72])
            data = files[name]
            data[offset] = -sum(data[start:start + length]) & 0xff
        else:
            assert op == 0, op
    return {at[n]: files[n] for n in files}, at['etc/acpi/rsdp']


class Tables:
    """ACPI tables found by walking from RSDP."""
    def __init__(self, fw):
        self.memory, rsdp_at = link_tables(fw)
        self.rsdp = self.bytes(rsdp_at, 36)
        rsdt = self.table(struct.unpack('<I', self.rsdp[16:20])[0])
        self.all = [rsdt] + [self.table(a) for (a,) in struct.iter_unpack('<I', rsdt[36:])]
        fadt = self['FACP']
        self.all.append(self.table(struct.unpack('<I', fadt[40:44])[0]))

    def bytes(self, address, size):
        for start, data in self.memory.items():
            if start <= address and address + size <= start + len(data):
                return bytes(data[address - start:address - start + size])
        raise AssertionError(f'nothing at 0x{address:x}')

    def table(self, address):
        data = self.bytes(address, struct.unpack('<I', self.bytes(address + 4, 4))[0])
        assert sum(data) & 0xff == 0, data[:4]
        return data

    def names(self):
        return [t[:4].decode() for t in self.all]

    def __getitem__(self, name):
        return next(t for t in self.all if t[:4] == name.encode())


class Directory(qtest.Case):
    def each(self, *args):
        for board in BOARDS:
            with self.subTest(board=board):
                yield board, FwCfg(self.start('-M', board, '-nodefaults', *args))

    def test_directory_is_sorted_and_complete(self):
        for board, fw in self.each():
            names = fw.directory()
            self.assertEqual(list(names), sorted(names))
            self.assertEqual([key for key, _ in names.values()], list(range(0x20, 0x20 + len(names))))
            for wanted in ('bootorder', 'etc/acpi/rsdp', 'etc/acpi/tables', 'etc/boot-fail-wait', 'etc/e820',
                           'etc/smbios/smbios-anchor', 'etc/smbios/smbios-tables', 'etc/system-states',
                           'etc/table-loader'):
                self.assertIn(wanted, names)

    def test_items_describe_the_machine(self):
        uuid = '01020304-0506-0708-090a-0b0c0d0e0f10'
        for board, fw in self.each('-m', '96', '-smp', '3,maxcpus=4', '-uuid', uuid):
            self.assertEqual(fw.item(0, 4), b'QEMU')
            self.assertEqual(fw.item(1, 4), b'\3\0\0\0')
            self.assertEqual(fw.item(2, 16), bytes(range(1, 17)))
            self.assertEqual(fw.item(3, 8), struct.pack('<Q', 96 * MIB))
            self.assertEqual(fw.item(5, 2), b'\3\0')
            self.assertEqual(fw.item(0xf, 2), b'\4\0')
            self.assertEqual(fw.item(0x8002, 4), b'\1\0\0\0')
            self.assertEqual(fw.file('etc/boot-fail-wait'), b'\xff' * 4)
            self.assertEqual(fw.file('etc/system-states'), bytes([0x80, 0, 0, 0x81, 0x82, 0x80]))

    def test_e820_has_the_hypertransport_hole(self):
        hole = (0xfd00000000, 12 << 30, 2)
        for machine, cpu, wanted in (('q35', 'qemu64', True), ('pc', 'qemu64', True), ('q35', 'EPYC,phys-bits=36', False),
                                     ('q35', 'qemu64,phys-bits=39', False), ('q35', 'qemu64,vendor=HygonGenuine', False),
                                     ('q35', 'kvm64', False), ('pc', 'qemu32', False), ('pc-q35-7.0', 'qemu64', False),
                                     ('pc-i440fx-7.0', 'qemu64', False), ('pc-q35-7.1', 'qemu64', True),
                                     ('pc-i440fx-7.1', 'qemu64', True)):
            with self.subTest(machine=machine, cpu=cpu):
                fw = FwCfg(self.start('-M', machine, '-cpu', cpu, '-m', '64', '-nodefaults'))
                rows = list(struct.iter_unpack('<QQI', fw.file('etc/e820')))
                self.assertEqual(rows, [hole] * wanted + [(0, 64 * MIB, 1)])

    def test_e820_is_the_ram(self):
        for board, size in (('pc', 64), ('q35', 64), ('pc', 4096), ('q35', 4096)):
            with self.subTest(board=board, mib=size):
                backend = f'memory-backend-ram,id=r,size={size}M,reserve=off'
                fw = FwCfg(self.start('-M', f'{board},memory-backend=r', '-object', backend, '-m', str(size),
                                      '-nodefaults'))
                data = fw.file('etc/e820')
                rows = [r for r in struct.iter_unpack('<QQI', data) if r[2] == 1]
                self.assertEqual(sum(r[1] for r in rows), size * MIB)
                self.assertEqual(rows[0][0], 0)
                self.assertLessEqual(rows[0][1], 0xe0000000)
                self.assertTrue(all(r[0] == 1 << 32 for r in rows[1:]), rows)

    def test_misuse(self):
        for board, fw in self.each('-m', '16'):
            m = fw.m
            m.outw(0x510, 0xffff)
            self.assertEqual(m.inb(0x511), 0, 'a key that is none')
            m.outb(0x510, 5)
            m.outl(0x510, 0x12345678)
            m.inw(0x510), m.inl(0x510), m.inw(0x511), m.inl(0x50e)
            m.outb(0x511, 1)
            m.outw(0x511, 1)
            for port in range(0x514, 0x51c):
                m.outb(port, 0xff)
                m.outw(port, 0xffff)
            self.assertEqual(fw.dma(SELECT | READ, 4, 16 * MIB - 2), ERROR, 'to the end of RAM and on')
            self.assertEqual(fw.dma(SELECT | READ, 0xffffffff, 0xffffffffffffff00), ERROR, 'around the top')
            self.assertEqual(fw.dma(SELECT | WRITE, 4, BUFFER_AT), ERROR, 'writing the signature')
            self.assertEqual(fw.dma(0x7ff << 16 | SELECT | READ, 64, BUFFER_AT), 0, 'reading what is not there')
            m.outl(0x514, 0xffffffff)       # a descriptor where there is no memory
            m.outl(0x518, 0xf0ffffff)
            self.assertEqual(fw.item(0, 4), b'QEMU', 'it still works')

    def test_selection_is_reset(self):
        for board, fw in self.each():
            fw.m.outw(0x510, 5)
            fw.m.qmp('system_reset')
            fw.m.qmp.event('RESET')
            self.assertEqual(bytes(fw.m.inb(0x511) for _ in range(4)), b'QEMU')


class Acpi(qtest.Case):
    def test_tables_by_board(self):
        for board in BOARDS:
            with self.subTest(board=board):
                m = self.start('-M', board, '-smp', '2', '-nodefaults')
                if board == 'q35':
                    m.pci_write(0, 0, 0x60, 4, 0xb0000001)      # PCIEXBAR, as firmware sets it
                tables = Tables(FwCfg(m))
                self.assertEqual(tables.rsdp[:8], b'RSD PTR ')
                self.assertEqual(sum(tables.rsdp) & 0xff, 0)
                self.assertEqual(sum(tables.rsdp[:20]) & 0xff, 0)
                for name in ('FACP', 'APIC', 'HPET', 'WAET', 'DSDT'):
                    self.assertIn(name, tables.names())
                self.assertEqual('MCFG' in tables.names(), board == 'q35')
                fadt = tables['FACP']
                self.assertEqual(struct.unpack('<H', fadt[46:48])[0], 9, 'SCI')
                self.assertEqual(struct.unpack('<I', fadt[56:60])[0], 0x600, 'PM1a event block')

    def test_optional_devices(self):
        tables = Tables(FwCfg(self.start('-M', 'pc,hpet=off', '-nodefaults')))
        self.assertNotIn('HPET', tables.names())
        self.assertNotIn(b'PNP0501', tables['DSDT'])
        for args, there in ((['-M', 'pc'], True), (['-M', 'q35'], False), (['-M', 'q35', '-drive', 'if=floppy'], True)):
            tables = Tables(FwCfg(self.start(*args, '-nodefaults')))
            self.assertEqual(b'FDC0' in tables['DSDT'], there, args)

    @unittest.skipUnless(shutil.which('iasl'), 'iasl is not installed')
    def test_iasl_accepts_them(self):
        for args in (['-M', 'pc'], ['-M', 'q35', '-smp', '8'], ['-M', 'q35', '-smp', '1,maxcpus=288', '-m', '4G'],
                     ['-M', 'pc,hpet=off', '-nodefaults']):
            with self.subTest(args=args), tempfile.TemporaryDirectory() as work:
                for table in Tables(FwCfg(self.start(*args))).all:
                    name = table[:4].decode()
                    with open(os.path.join(work, name + '.aml'), 'wb') as f:
                        f.write(table)
                    subprocess.run(['iasl', '-d', name + '.aml'], cwd=work, check=True, capture_output=True)
                    out = subprocess.run(['iasl', '-p', 'again', name + '.dsl'], cwd=work, capture_output=True, text=True)
                    self.assertEqual(out.returncode, 0, out.stdout + out.stderr)
                    self.assertIn('0 Errors, 0 Warnings, 0 Remarks', out.stdout + out.stderr, name)


class Smbios(qtest.Case):
    def test_structures(self):
        for board, product in (('pc', 'Standard PC (i440FX + PIIX, 1996)'), ('q35', 'Standard PC (Q35 + ICH9, 2009)')):
            with self.subTest(board=board):
                fw = FwCfg(self.start('-M', board, '-nodefaults', '-m', '128', '-smp', '2'))
                anchor, tables = fw.file('etc/smbios/smbios-anchor'), fw.file('etc/smbios/smbios-tables')
                self.assertEqual(anchor[:4], b'_SM_')
                types, at = [], 0
                while at < len(tables):
                    types.append(tables[at])
                    at = tables.index(b'\0\0', at + tables[at + 1]) + 2
                self.assertEqual(types, [1, 3, 4, 16, 17, 19, 32, 127])
                self.assertEqual(struct.unpack('<H', anchor[28:30])[0], len(types))
                self.assertIn(product.encode() + b'\0', tables)
                self.assertIn(b'-11.1\0', tables)


class Kernel(qtest.Case):
    def image(self, work):
        """A header that is right with a kernel that does nothing."""
        head = bytearray(1024)
        head[0x1f1] = 1
        struct.pack_into('<I', head, 0x1f4, 4096 // 16)
        struct.pack_into('<H', head, 0x1fe, 0xaa55)
        head[0x202:0x206] = b'HdrS'
        struct.pack_into('<H', head, 0x206, 0x20f)
        head[0x211] = 1
        struct.pack_into('<I', head, 0x214, 0x100000)
        struct.pack_into('<I', head, 0x22c, 0x7fffffff)
        struct.pack_into('<I', head, 0x230, 0x200000)
        struct.pack_into('<I', head, 0x238, 2047)
        path = os.path.join(work, 'kernel')
        with open(path, 'wb') as f:
            f.write(bytes(head) + b'K' * 4096)
        return path

    def test_items_and_boot_order(self):
        with tempfile.TemporaryDirectory() as work:
            initrd = os.path.join(work, 'initrd')
            with open(initrd, 'wb') as f:
                f.write(b'I' * 5000)
            for board in BOARDS:
                with self.subTest(board=board):
                    fw = FwCfg(self.start('-M', board, '-nodefaults', '-m', '64', '-kernel', self.image(work), '-initrd',
                                          initrd, '-append', 'quiet'))
                    self.assertEqual(fw.file('bootorder'), b'/rom@genroms/linuxboot_dma.bin\0')
                    rom = fw.file('genroms/linuxboot_dma.bin')
                    self.assertEqual((rom[:2], sum(rom) & 0xff), (b'\x55\xaa', 0))
                    self.assertEqual(fw.item(0x15, 6), b'quiet\0')
                    self.assertEqual(fw.item(0x12, 5001), b'I' * 5000 + b'\0')
                    self.assertEqual(fw.item(0x11, 3), b'KKK')
                    address, size = (struct.unpack('<I', fw.item(k, 4))[0] for k in (0x0a, 0x0b))
                    self.assertEqual(size, 5000)
                    self.assertLessEqual(address + size, 64 * MIB - (256 << 10))
                    setup = fw.item(0x18, 1024)
                    self.assertEqual(struct.unpack('<II', setup[0x218:0x220]), (address, size))
                    self.seed(fw)

    def seed(self, fw):
        """Random numbers for the kernel: new ones each time, in the form of its setup_data list; not for a kernel of old."""
        version, = struct.unpack('<H', fw.item(0x18, 0x208)[0x206:])
        address, size = (struct.unpack('<I', fw.item(k, 4))[0] for k in (0x8010, 0x8011))
        if version < 0x209:
            self.assertEqual((address, size), (0, 0))
            return
        one, other = fw.item(0x8012, size), fw.item(0x8012, size)
        self.assertEqual(struct.unpack('<QII', one[:16]), (0, 9, 32))
        self.assertEqual((len(one), one[:16]), (48, other[:16]))
        self.assertNotEqual(one[16:], other[16:])
        self.assertTrue(0x20000 <= address <= 0x90000 - size and address % 16 == 0, hex(address))


if __name__ == '__main__':
    unittest.main()
