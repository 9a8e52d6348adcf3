#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""VMware's port and mouse, from a guest of a few instructions in a ROM: registers go in and come out."""
import os
import struct
import subprocess
import tempfile
import unittest

import qtest

MAGIC, PORT = 0x564d5868, 0x5658
VERSION, UUID, RAM_SIZE, TIME, DATA, STATUS, COMMAND, VCPU_INFO = 10, 19, 20, 23, 39, 40, 41, 68
READ_ID, DISABLE, ABSOLUTE = 0x45414552, 0xf5, 0x53424152
REGISTERS = {'eax': 0, 'ecx': 1, 'edx': 2, 'ebx': 3, 'esi': 6, 'edi': 7}
SHOWN = ('eax', 'ebx', 'ecx', 'edx', 'esi', 'edi')


def mov(reg, value):
    return bytes([0x66, 0xb8 + REGISTERS[reg]]) + struct.pack('<I', value & 0xffffffff)


def show(reg):
    """The register's four bytes to port 0xe9."""
    to_eax = bytes([0x66, 0x89, 0xc0 + 8 * REGISTERS[reg]])     # mov eax, reg
    return to_eax + 4 * bytes([0xe6, 0xe9, 0x66, 0xc1, 0xe8, 0x08])


def call(command, magic=MAGIC, **regs):
    """One IN; afterwards all six registers are shown. EAX is kept on the way by EBP."""
    code = b''.join(mov(r, v) for r, v in regs.items()) + mov('ecx', command) + mov('edx', PORT) + mov('eax', magic)
    code += b'\x66\xed' + b'\x66\x89\xc5'               # in eax, dx; mov ebp, eax
    code += b'\x66\x89\xe8' + 4 * b'\xe6\xe9\x66\xc1\xe8\x08'
    return code + b''.join(show(r) for r in SHOWN[1:])


def rom(*calls):
    code = b'\xfa' + b''.join(calls) + b'\xb0\x00\xe6\xf4\xf4'          # ... mov al, 0; out 0xf4, al; hlt
    image = bytearray(b'\xf4' * 65536)
    image[:len(code)] = code
    image[0xfff0:0xfff5] = b'\xea\x00\x00\x00\xf0'      # jmp f000:0000
    return bytes(image)


class Vmport(unittest.TestCase):
    def run_calls(self, accel, calls, *args):
        with tempfile.TemporaryDirectory(prefix='rhea-vmport-') as folder:
            with open(f'{folder}/rom', 'wb') as f:
                f.write(rom(*calls))
            status = subprocess.run([qtest.emulator(), '-accel', accel, '-nodefaults', '-display', 'none', '-m', '64', '-M', 'pc',
                                     '-bios', f'{folder}/rom', '-debugcon', f'file:{folder}/out', '-device',
                                     'isa-debug-exit,iobase=0xf4,iosize=1', *args], timeout=120, env=qtest.environment()).returncode
            self.assertEqual(status, 1)
            with open(f'{folder}/out', 'rb') as f:
                out = f.read()
        words = struct.unpack(f'<{len(out) // 4}I', out)
        self.assertEqual(len(words), 6 * len(calls))
        return [dict(zip(SHOWN, words[i:i + 6])) for i in range(0, len(words), 6)]

    def accels(self):
        yield 'tcg'
        if os.access('/dev/kvm', os.R_OK | os.W_OK):
            yield 'kvm'

    def test_commands(self):
        uuid = '00112233-4455-6677-8899-aabbccddeeff'
        for accel in self.accels():
            with self.subTest(accel=accel):
                version, ram, ident, now, nobody, not_magic, vcpu = self.run_calls(accel, [
                    call(VERSION, ebx=1, esi=2, edi=3), call(RAM_SIZE, ebx=0), call(UUID), call(TIME), call(99, ebx=7),
                    call(VERSION, magic=1, ebx=8), call(VCPU_INFO)], '-uuid', uuid)
                self.assertEqual(version, {'eax': 6, 'ebx': MAGIC, 'ecx': 2, 'edx': PORT, 'esi': 2, 'edi': 3})
                self.assertEqual((ram['eax'], ram['ebx']), (64 << 20, 0x1177))
                self.assertEqual(struct.pack('<4I', *(ident[r] for r in ('eax', 'ebx', 'ecx', 'edx'))).hex(), uuid.replace('-', ''))
                self.assertLess(now['ebx'], 1000000)
                self.assertEqual((nobody['eax'], nobody['ebx']), (0xffffffff, 7))
                self.assertEqual((not_magic['eax'], not_magic['ebx']), (0xffffffff, 8))
                self.assertEqual(vcpu['eax'] & ~8, 0)

    def test_mouse(self):
        for accel in self.accels():
            with self.subTest(accel=accel):
                off, _, one, ident, empty, _, zero, too_much, error = self.run_calls(accel, [
                    call(STATUS), call(COMMAND, ebx=READ_ID), call(STATUS), call(DATA, ebx=1), call(STATUS),
                    call(COMMAND, ebx=ABSOLUTE), call(STATUS), call(DATA, ebx=4), call(STATUS)])
                self.assertEqual(off['eax'], 0xffff0000, 'disabled after reset')
                self.assertEqual(one['eax'], 1, 'a word waits')
                self.assertEqual(ident['eax'], 0x3442554a)
                self.assertEqual((empty['eax'], zero['eax']), (0, 0))
                self.assertEqual(error['eax'] >> 16, 0xffff, 'more words than there are')

    def test_positions_reach_the_guest(self):
        """The guest enables the mouse and waits for a packet; meanwhile the pointer is moved."""
        wait = call(COMMAND, ebx=READ_ID) + call(DATA, ebx=1) + call(COMMAND, ebx=ABSOLUTE)
        loop = mov('ecx', STATUS) + mov('edx', PORT) + mov('eax', MAGIC) + b'\x66\xed' + b'\x66\x83\xf8\x04'    # cmp eax, 4
        loop += bytes([0x75, 256 - len(loop) - 2])      # jne
        with tempfile.TemporaryDirectory(prefix='rhea-vmport-') as folder:
            with open(f'{folder}/rom', 'wb') as f:
                f.write(rom(wait, loop, call(DATA, ebx=4)))
            m = qtest.Machine('-nodefaults', '-m', '64', '-M', 'pc', '-bios', f'{folder}/rom', '-debugcon', f'file:{folder}/out',
                              '-device', 'isa-debug-exit,iobase=0xf4,iosize=1', accel='tcg')
            self.addCleanup(m.close)
            while not any(mouse['name'] == 'vmmouse' and mouse['absolute'] for mouse in m.qmp('query-mice')):
                pass
            m.qmp('input-send-event', events=[
                {'type': 'abs', 'data': {'axis': 'x', 'value': 0x1234}}, {'type': 'abs', 'data': {'axis': 'y', 'value': 0x7fff}},
                {'type': 'btn', 'data': {'button': 'left', 'down': True}},
                {'type': 'btn', 'data': {'button': 'wheel-down', 'down': True}}])
            self.assertEqual(m.wait_exit(), 1)
            with open(f'{folder}/out', 'rb') as f:
                words = struct.unpack('<24I', f.read())
            self.assertEqual(words[18:22], (0x20, 0x2468, 0xfffe, 1))

    def test_it_can_be_left_out(self):
        m = qtest.Machine('-M', 'pc,vmport=off', '-nodefaults')
        self.addCleanup(m.close)
        self.assertEqual(m.qmp.hmp('info qtree').count('vmmouse'), 0)
        with self.assertRaises(qtest.EmulatorDied) as died:
            qtest.Machine('-M', 'pc,vmport=off', '-device', 'vmmouse')
        self.assertIn('vmport=on', str(died.exception))


if __name__ == '__main__':
    unittest.main()
