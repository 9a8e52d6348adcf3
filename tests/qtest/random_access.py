#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
A guest that pokes about: random reads and writes of every port, device memory, PCI configuration space and fw_cfg, with
time passing and resets in between. Nothing it does may end the emulator or upset a sanitizer.

RHEA_FUZZ_SEED (default 1) and RHEA_FUZZ_OPS (default 6000 for each machine) choose another or a longer walk; a failure
names the seed. By hand, over a build with -Db_sanitize=address,undefined: RHEA_FUZZ_OPS=10000000.
"""
import os
import random
import re
import tempfile
import unittest

import qtest

SEED = int(os.environ.get('RHEA_FUZZ_SEED', 1))
OPS = int(os.environ.get('RHEA_FUZZ_OPS', 6000))
BATCH = 64                              # commands sent before their answers are read
DEVICES = ['-device', 'VGA', '-device', 'bochs-display', '-device', 'edu', '-device', 'isa-serial,chardev=ring', '-chardev', 'ringbuf,id=ring']
BRIDGES = ['-device', 'pci-bridge,id=br,chassis_nr=1', '-device', 'edu,bus=br', '-device', 'i2c-ddc,address=0x37']
MACHINES = {
    'pc': ['-vga', 'cirrus', *DEVICES, *BRIDGES, '-device', 'pxb,id=x,bus_nr=254', '-device', 'edu,bus=x'],
    'q35': ['-vga', 'std', *DEVICES, *BRIDGES, '-device', 'pcie-root-port,id=rp', '-device', 'edu,bus=rp', '-device', 'pxb-pcie,id=x,bus_nr=254',
            '-device', 'pcie-root-port,id=rp2,bus=x,chassis=1', '-device', 'x3130-upstream,id=up,bus=rp2',
            '-device', 'xio3130-downstream,id=dn,bus=up,chassis=2', '-device', 'edu,bus=dn', '-device', 'pcie-pci-bridge,id=pp', '-device', 'edu,bus=pp'],
    'isapc': ['-vga', 'cirrus'],
}
# Ports with something behind them are tried oftener than all 65536.
PORTS = [(0, 0x100), (0x170, 8), (0x1f0, 8), (0x278, 8), (0x2f8, 8), (0x376, 2), (0x378, 8), (0x3b0, 0x30), (0x3f0, 16), (0x4d0, 2), (0x510, 12), (0x600, 0x80),
         (0xb2, 2), (0xcf8, 8), (0xafe0, 16), (0xae00, 32), (0xb100, 16), (0xc000, 0x200)]
INTERESTING = [0, 1, 2, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffffffffffff8, 0xffffffffffffffff]
SKIPPED_PORTS = {0x501}                 # isa-debug-exit, were it there


class Walk:
    def __init__(self, machine, seed):
        self.m, self.r, self.areas, self.pending = machine, random.Random(seed), [], 0

    def send(self, line):
        self.m.lines.send((line + '\n').encode())
        self.pending += 1
        if self.pending >= BATCH:
            self.collect()

    def collect(self):
        while self.pending:
            answer = self.m.lines.line()
            if answer.startswith('IRQ'):
                continue
            assert answer.startswith('OK'), answer
            self.pending -= 1

    def look(self):
        """Device memory as it is mapped now."""
        self.collect()
        text = self.m.qmp.hmp('info mtree -f')
        found = re.findall(r'^\s+([0-9a-f]{16})-([0-9a-f]{16}) \(prio [^)]*, (i/o|ram|rom|romd)[^)]*\): (\S+)', text, re.M)
        self.areas = [(int(a, 16), int(b, 16), name) for a, b, kind, name in found if int(a, 16) >= 0xa0000 and (kind != 'ram' or 'vram' in name or 'vga' in name)]

    def value(self, size):
        v = self.r.choice(INTERESTING) if self.r.random() < 0.3 else self.r.getrandbits(64) if self.r.random() < 0.5 else self.r.getrandbits(8)
        return v & (1 << 8 * size) - 1

    def port(self):
        size = self.r.choice([1, 1, 1, 2, 4])
        if self.r.random() < 0.9:
            base, count = self.r.choice(PORTS)
            port = base + self.r.randrange(count)
        else:
            port = self.r.randrange(0x10000)
        if port not in SKIPPED_PORTS:
            name = {1: 'b', 2: 'w', 4: 'l'}[size]
            self.send(f'out{name} {port} {self.value(size)}' if self.r.random() < 0.6 else f'in{name} {port}')

    def memory(self):
        if not self.areas:
            return
        first, last, _ = self.r.choice(self.areas)
        span = last - first + 1
        offset = self.r.randrange(min(span, 0x1000)) if self.r.random() < 0.7 else self.r.randrange(span)
        size = self.r.choice([1, 2, 4, 4, 8])
        address = first + (offset & -size if self.r.random() < 0.8 else offset)
        name = {1: 'b', 2: 'w', 4: 'l', 8: 'q'}[size]
        self.send(f'write{name} {address} {self.value(size)}' if self.r.random() < 0.6 else f'read{name} {address}')

    def config(self):
        address = 0x80000000 | self.r.choice([0, 0, 0, 0, 1, 2, 0xfe, 0xff]) << 16 | self.r.randrange(32) << 11 | self.r.randrange(8) << 8 | self.r.randrange(64) << 2
        self.send(f'outl {0xcf8} {address}')
        port = 0xcfc + self.r.randrange(4)
        self.send(f'outl {port} {self.value(4)}' if self.r.random() < 0.5 else f'in{self.r.choice("bwl")} {port}')

    def ram(self):
        """Descriptors and addresses for devices that read memory."""
        at = self.r.randrange(0, 1 << 20, 4)
        self.send(f'writel {at} {self.r.choice([self.value(4), self.r.randrange(1 << 20) & ~3])}')

    def fw_cfg(self):
        """A DMA request: control word, length, address; mostly to RAM."""
        at = self.r.randrange(0x1000, 0x80000, 16)
        control = self.r.getrandbits(5) | self.r.randrange(0x50) << 16 if self.r.random() < 0.8 else self.value(4)
        length = self.r.choice([0, 1, 4, 56, 4096, self.value(4)])
        target = self.r.choice([self.r.randrange(1 << 20), self.value(8)])
        data = control.to_bytes(4, 'big') + length.to_bytes(4, 'big') + target.to_bytes(8, 'big')
        self.send(f'write {at} 16 0x{data.hex()}')
        self.send(f'outl {0x514} 0')
        self.send(f'outl {0x518} {int.from_bytes(at.to_bytes(4, "big"), "little")}')

    def run(self, ops):
        kinds = [self.port] * 30 + [self.memory] * 40 + [self.config] * 15 + [self.ram] * 8 + [self.fw_cfg] * 3
        for n in range(ops):
            if n % 2000 == 0:
                self.look()
            if n % 500 == 499:
                self.send(f'clock_step {self.r.choice([1, 1000, 1000000, 50000000])}')
            if n % 3000 == 2999:
                self.collect()
                self.m.qmp('system_reset')
            self.r.choice(kinds)()
        self.collect()
        self.m.qmp('query-status')


class RandomAccess(qtest.Case):
    def test_walk(self):
        for name, args in MACHINES.items():
            with self.subTest(f'{name}, seed {SEED}'), tempfile.NamedTemporaryFile() as disk:
                disk.truncate(1474560)
                m = self.start('-M', name, '-m', '16', '-no-shutdown', '-drive', f'file={disk.name},format=raw,snapshot=on',
                               '-cdrom', disk.name, *args)
                try:
                    Walk(m, SEED).run(OPS)
                except BaseException as e:
                    raise AssertionError(f'seed {SEED} on {name}: {e}') from e


if __name__ == '__main__':
    unittest.main()
