# SPDX-License-Identifier: GPL-2.0-or-later
"""CFI flash: commands, erase and program, the drive behind it, SMM's lock, and firmware drives that are wrong."""
import os
import tempfile
import unittest

import pc
import qtest

CODE, VARS = 0xffff0000, 0xfffe0000             # of two chips of 64 KiB
BYTES = 0x10000
BLOCK = 0x1000
READ_ARRAY, READ_STATUS, CLEAR_STATUS, READ_ID, QUERY = 0xff, 0x70, 0x50, 0x90, 0x98
PROGRAM, PROGRAM_ALT, ERASE, LOCK, BUFFER, CONFIRM = 0x40, 0x10, 0x20, 0x60, 0xe8, 0xd0
READY, ERASE_ERROR, PROGRAM_ERROR = 0x80, 0x20, 0x10


def byte(i):
    return (i * 7 + (i >> 8) * 3) & 0xff


class FlashCase(qtest.Case):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix='rhea-flash-')
        self.addCleanup(folder.cleanup)
        self.code, self.vars = os.path.join(folder.name, 'code.fd'), os.path.join(folder.name, 'vars.fd')
        for path in (self.code, self.vars):
            with open(path, 'wb') as f:
                f.write(bytes(byte(i) for i in range(BYTES)))

    def flash(self, *args, machine='q35'):
        return self.start('-M', machine, '-nodefaults', '-drive', f'if=pflash,format=raw,readonly=on,file={self.code}',
                          '-drive', f'if=pflash,format=raw,file={self.vars}', *args)

    def image(self, m):
        """What the drive holds when the emulator has ended."""
        m.qmp('quit')
        m.wait_exit()
        with open(self.vars, 'rb') as f:
            return f.read()


def program(m, addr, value):
    m.writeb(addr, PROGRAM)
    m.writeb(addr, value)
    return m.readb(addr)


def erase(m, addr, confirm=CONFIRM):
    m.writeb(addr, ERASE)
    m.writeb(addr, confirm)
    return m.readb(addr)


def status(m, addr=VARS):
    m.writeb(addr, READ_STATUS)
    value = m.readb(addr)
    m.writeb(addr, READ_ARRAY)
    return value


class Flash(FlashCase):
    def test_map(self):
        for machine in pc.MACHINES:
            m = self.flash(machine=machine)
            for base in (CODE, VARS):
                self.assertEqual(m.read(base, BYTES), bytes(byte(i) for i in range(BYTES)))
            self.assertEqual(m.read(0xf0000, BYTES), m.read(CODE, BYTES), 'the firmware also ends at 1 MiB')
            info = m.qmp.hmp('info block')
            self.assertRegex(info, r'pflash0 \(.*code\.fd \(raw, read-only\)\n    Attached to:      /machine/system.flash0')
            m.qmp('quit')
            m.wait_exit()

    def test_status(self):
        m = self.flash()
        m.writeb(VARS, READ_STATUS)
        self.assertEqual([m.readb(VARS), m.readb(VARS + 0x1234), m.readw(VARS), m.readl(VARS)],
                         [READY, READY, READY, READY << 16 | READY])
        m.writeb(VARS, CLEAR_STATUS)
        self.assertEqual(m.readb(VARS + 5), byte(5), 'back to the array')
        self.assertEqual(status(m), 0, 'OVMF knows flash by this')
        self.assertEqual(m.read(VARS, 32), bytes(byte(i) for i in range(32)))

    def test_program(self):
        m = self.flash()
        for at, command in ((0x10, PROGRAM), (0x7fff, PROGRAM_ALT), (BYTES - 1, PROGRAM)):
            m.writeb(VARS + at, command)
            m.writeb(VARS + at, 0x5a)
            self.assertEqual(m.readb(VARS), READY)
            m.writeb(VARS, READ_ARRAY)
            self.assertEqual(m.readb(VARS + at), 0x5a)
        m.writel(VARS + 0x20, PROGRAM)
        m.writel(VARS + 0x20, 0x12345678)
        m.writeb(VARS, READ_ARRAY)
        self.assertEqual(m.readl(VARS + 0x20), 0x12345678, 'a wide cycle programs all its bytes')
        wanted = bytearray(byte(i) for i in range(BYTES))
        wanted[0x10] = wanted[0x7fff] = wanted[BYTES - 1] = 0x5a
        wanted[0x20:0x24] = 0x12345678.to_bytes(4, 'little')
        self.assertEqual(self.image(m), wanted)

    def test_erase(self):
        m = self.flash()
        self.assertEqual(erase(m, VARS + 0x3456), READY)
        m.writeb(VARS, READ_ARRAY)
        wanted = bytes(byte(i) if i // BLOCK != 3 else 0xff for i in range(BYTES))
        self.assertEqual(m.read(VARS, BYTES), wanted)
        erase(m, VARS + 0x5000, READ_ARRAY)
        m.writeb(VARS, READ_ARRAY)
        self.assertEqual(m.read(VARS, BYTES), wanted, 'without confirmation nothing happens')
        self.assertEqual(self.image(m), wanted)

    def test_buffer(self):
        m = self.flash()
        m.writeb(VARS + 0x200, BUFFER)
        self.assertEqual(m.readb(VARS), READY, 'the buffer is free')
        m.writeb(VARS + 0x200, 9)
        for i in range(10):
            m.writeb(VARS + 0x220 + i, 0xa0 + i)
        self.assertEqual(m.readb(VARS), READY)
        m.writeb(VARS + 0x200, CONFIRM)
        self.assertEqual(m.readb(VARS), READY)
        m.writeb(VARS, READ_ARRAY)
        wanted = bytearray(byte(i) for i in range(BYTES))
        wanted[0x220:0x22a] = bytes(range(0xa0, 0xaa))
        self.assertEqual(m.read(VARS, BYTES), wanted)

        m.writeb(VARS, BUFFER)
        m.writeb(VARS, 0)
        m.writeb(VARS + 1, 0x77)
        m.writeb(VARS, READ_ARRAY)
        self.assertEqual(status(m), READY | PROGRAM_ERROR, 'not confirmed')
        m.writeb(VARS, CLEAR_STATUS)
        m.writel(VARS, BUFFER)
        m.writel(VARS, 256)
        self.assertTrue(m.readb(VARS) & PROGRAM_ERROR, 'more than the buffer holds')
        m.writeb(VARS, CLEAR_STATUS)
        m.writeb(VARS, BUFFER)
        m.writeb(VARS, 3)
        m.writeb(VARS + 0xff, 1)
        m.writeb(VARS + 0x100, 2)
        self.assertTrue(m.readb(VARS) & PROGRAM_ERROR, 'data for two blocks')
        m.writeb(VARS, READ_ARRAY)
        self.assertEqual(self.image(m), wanted)

    def test_buffer_at_the_end(self):
        m = self.flash()
        m.writeb(VARS + BYTES - 1, BUFFER)
        m.writeb(VARS + BYTES - 1, 3)
        m.writel(VARS + BYTES - 4, 0xdeadbeef)
        m.writeb(VARS + BYTES - 1, CONFIRM)
        m.writeb(VARS, READ_ARRAY)
        self.assertEqual(m.readl(VARS + BYTES - 4), 0xdeadbeef)
        self.assertEqual(m.readl(CODE), int.from_bytes(bytes(byte(i) for i in range(4)), 'little'))

    def test_query(self):
        m = self.flash()
        m.writeb(VARS + 0x55, QUERY)
        cfi = [m.readb(VARS + i) for i in range(0x80)]
        self.assertEqual(bytes(cfi[0x10:0x13]), b'QRY')
        self.assertEqual(cfi[0x13] | cfi[0x14] << 8, 1, "Intel's command set")
        extended = cfi[0x15] | cfi[0x16] << 8
        self.assertEqual(bytes(cfi[extended:extended + 3]), b'PRI')
        self.assertEqual(1 << cfi[0x27], BYTES)
        self.assertEqual(1 << cfi[0x2a], 256, 'bytes of the buffer')
        self.assertEqual(cfi[0x2c], 1)
        self.assertEqual(((cfi[0x2d] | cfi[0x2e] << 8) + 1, (cfi[0x2f] | cfi[0x30] << 8) * 256), (16, BLOCK))
        m.writeb(VARS, READ_ID)
        self.assertEqual([m.readb(VARS + i) for i in range(4)], [0] * 4)
        m.writeb(VARS, READ_ARRAY)
        self.assertEqual(m.readb(VARS), byte(0))

    def test_lock_bits_and_unknown_commands(self):
        m = self.flash()
        for second, answer in ((0x01, READY), (0xd0, READY), (0x2f, READY), (0x33, byte(0))):
            m.writeb(VARS, LOCK)
            m.writeb(VARS, second)
            self.assertEqual(m.readb(VARS), answer, f'lock command {second:#x}')
            m.writeb(VARS, READ_ARRAY)
        for command in range(256):
            if command not in (PROGRAM, PROGRAM_ALT, ERASE, LOCK, BUFFER):
                m.writeb(VARS, command)
                m.writeb(VARS, READ_ARRAY)
        self.assertEqual(m.read(VARS, BYTES), bytes(byte(i) for i in range(BYTES)), 'nothing has changed')

    def test_read_only_drive(self):
        m = self.flash()
        self.assertEqual(program(m, CODE, 0x5a), READY | PROGRAM_ERROR)
        self.assertEqual(erase(m, CODE), READY | PROGRAM_ERROR | ERASE_ERROR, 'errors add up until they are cleared')
        m.writeb(CODE, CLEAR_STATUS)
        self.assertEqual(m.read(CODE, BYTES), bytes(byte(i) for i in range(BYTES)))

    def test_reset(self):
        m = self.flash()
        m.writeb(VARS, CLEAR_STATUS)
        m.writeb(VARS, PROGRAM)
        m.qmp('system_reset')
        m.qmp.event('RESET')
        self.assertEqual(m.readb(VARS), byte(0), 'shows the array')
        self.assertEqual(status(m), READY)
        m.writeb(VARS, 0x11)
        self.assertEqual(m.read(VARS, 32), bytes(byte(i) for i in range(32)), 'the command is forgotten')

    def test_secure(self):
        m = self.flash('-global', 'driver=cfi.pflash01,property=secure,value=on')
        for command in (READ_STATUS, QUERY, ERASE, CONFIRM, PROGRAM, 0x5a):
            m.writeb(VARS, command)
        self.assertEqual(m.read(VARS, BYTES), bytes(byte(i) for i in range(BYTES)), 'outside of SMM there is only the array')
        self.assertEqual(self.image(m), bytes(byte(i) for i in range(BYTES)))

    def test_saved_in_the_middle(self):
        m = self.flash()
        m.writeb(VARS, CLEAR_STATUS)
        m.writeb(VARS, PROGRAM)
        self.assertGreater(m.state_cycle(), 10)
        m.writeb(VARS, 0x5a)
        self.assertEqual(m.readb(VARS), READY)
        m.writeb(VARS, READ_ARRAY)
        self.assertEqual(m.readb(VARS), 0x5a, 'a program')
        m.writeb(VARS, BUFFER)
        m.state_cycle()
        m.writeb(VARS, 1)
        m.state_cycle()
        m.writeb(VARS + 8, 0x11)
        m.state_cycle()
        m.writeb(VARS + 9, 0x22)
        m.state_cycle()
        m.writeb(VARS, CONFIRM)
        m.writeb(VARS, READ_ARRAY)
        self.assertEqual(m.readw(VARS + 8), 0x2211, 'a buffer half full')
        m.writeb(VARS, ERASE)
        m.state_cycle()
        m.writeb(VARS, CONFIRM)
        m.state_cycle()
        self.assertEqual(m.readb(VARS), READY, 'still shows the status')
        m.writeb(VARS, READ_ARRAY)
        self.assertEqual(m.readb(VARS + 9), 0xff)
        m.writeb(VARS, QUERY)
        m.state_cycle()
        self.assertEqual(m.readb(VARS + 0x10), ord('Q'))

    def test_machine_properties(self):
        m = self.start('-M', 'pc,pflash0=c,pflash1=v', '-nodefaults',
                       '-blockdev', f'driver=file,node-name=cf,filename={self.code},read-only=on',
                       '-blockdev', 'driver=raw,node-name=c,file=cf,read-only=on',
                       '-blockdev', f'driver=file,node-name=v,filename={self.vars}')
        self.assertEqual(program(m, VARS + 1, 0), READY)
        self.assertEqual(m.qmp('qom-get', path='/machine', property='pflash0'), 'c')
        self.assertEqual(self.image(m)[:3], bytes([byte(0), 0, byte(2)]))


class WrongDrives(FlashCase):
    def fails(self, words, *args):
        with self.assertRaises(qtest.EmulatorDied) as caught:
            self.start('-M', 'q35', '-nodefaults', *args)
        text = str(caught.exception)
        self.assertIn('exit status 1,', text)
        for word in words:
            self.assertIn(word, text)

    def sized(self, bytes_):
        path = f'{self.code}.{bytes_}'
        with open(path, 'wb') as f:
            f.truncate(bytes_)
        return path

    def test_each(self):
        def drive(path, more=''):
            return '-drive', f'if=pflash,format=raw,file={path}{more}'
        for words, args in (
                (['0 bytes', '0x1000'], drive(self.sized(0))),
                (['4608 bytes', '0x1000'], drive(self.sized(4608))),
                (['max-fw-size=8388608'], drive(self.sized(9 << 20))),
                (['max-fw-size=65536', 'pflash1'], ('-M', 'q35,max-fw-size=65536', *drive(self.code), *drive(self.vars))),
                (['pflash1 needs pflash0'], drive(self.code, ',unit=1')),
                (['unit=2', 'if=pflash'], (*drive(self.code), *drive(self.vars), *drive(self.sized(4096)))),
                (['bus=0, unit=0', 'exists'], (*drive(self.code, ',unit=0'), *drive(self.vars, ',unit=0'))),
                (['is empty', 'pflash0'], ('-drive', 'if=pflash')),
                (['No such file'], drive(self.code + '.none')),
                (['clashes', 'pflash0'], ('-M', 'q35,pflash0=n', *drive(self.code), '-blockdev',
                                          f'driver=file,node-name=n,filename={self.vars}')),
                (["can't find value 'nn'", "did you mean 'n'"], ('-M', 'q35,pflash0=nn', '-blockdev',
                                                                f'driver=file,node-name=n,filename={self.vars}')),
                (['lock'], (*drive(self.vars), *drive(self.vars)))):
            with self.subTest(args=args):
                self.fails(words, *args)

    def test_bios_is_not_used(self):
        m = self.start('-M', 'q35', '-bios', self.code, '-pflash', self.vars)
        self.assertIn('-bios', m.stderr())
        self.assertEqual(program(m, CODE, 1), READY)


if __name__ == '__main__':
    unittest.main()
