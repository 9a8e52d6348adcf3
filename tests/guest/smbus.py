#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The memory modules' EEPROMs and a monitor's EDID, as Debian's SMBus drivers and i2c-dev see them on both boards."""
import re
import unittest

from guest import Guest


class Smbus(unittest.TestCase):
    def check(self, machine, block_read):
        with Guest(['-M', machine, '-device', 'i2c-ddc,address=0x37,xres=1024,yres=768']) as g:
            g.prompt()
            bus = g.shell('ls /dev/i2c-* | head -1 | cut -d- -f2')
            found = g.shell(f'i2cdetect -y {bus} | tail -n +2')
            listed = {line[:2]: line[4:].split() for line in found.splitlines()}
            self.assertEqual(listed['50'][:8], [f'{n:x}' for n in range(0x50, 0x58)])
            self.assertIn('37', listed['30'])
            g.shell(f'i2cset -y {bus} 0x52 0x10 0x5a')
            g.shell(f'i2cset -y {bus} 0x52 0x20 0xbeef w')
            self.assertEqual(g.shell(f'i2cget -y {bus} 0x52 0x10'), '0x5a')
            self.assertEqual(g.shell(f'i2cget -y {bus} 0x52 0x20 w'), '0xbeef')
            self.assertEqual(g.shell(f'i2cget -y {bus} 0x53 0x10'), '0x00')
            for mode in ['b', 'w'] + (['i'] if block_read else []):
                dump = g.shell(f'i2cdump -y {bus} 0x37 {mode}')
                top = re.search(r'^00: *(.*)', dump, re.M).group(1)
                wanted = 'ff00 ffff ffff' if mode == 'w' else '00 ff ff ff ff ff ff 00'
                self.assertEqual(top[:len(wanted)], wanted, f'mode {mode}: {dump}')

    def test_ich9(self):
        self.check('q35', block_read=True)

    def test_piix4(self):
        self.check('pc', block_read=False)


if __name__ == '__main__':
    unittest.main()
