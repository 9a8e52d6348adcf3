#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""microvm: what stands where under each option, the event device, PCI Express by ECAM, what firmware is told."""
import re
import struct
import unittest

import qtest
import virtio_ring
from firmware import FwCfg

NOTHING = 0xffffffff
IOAPIC, IOAPIC2, VIRTIO, ECAM, GED, GED_REGS = 0xfec00000, 0xfec10000, 0xfeb00000, 0xe0000000, 0xfea00000, 0xfea00200
MIB = 1 << 20


def tables(m):
    """{signature: [table]} of the ACPI tables."""
    data, found = FwCfg(m).file('etc/acpi/tables'), {}
    while data[:4].isalpha():
        length, = struct.unpack('<I', data[4:8])
        found.setdefault(data[:4].decode(), []).append(data[:length])
        data = data[length:]
    return found


class Microvm(qtest.Case):
    def machine(self, options='', *args):
        return self.start('-nodefaults', '-M', 'microvm' + options, *args)

    def transports(self, m):
        return sum(m.readl(VIRTIO + 0x200 * n) == 0x74726976 for n in range(32))

    def test_layouts(self):
        for options, ioapics, transports, ged, pcie in (
                ('', 2, 24, True, False), (',ioapic2=off', 1, 8, True, False), (',acpi=off', 1, 8, False, False),
                (',acpi=off,ioapic2=on', 1, 8, False, False), (',pcie=on', 2, 24, True, True),
                (',pcie=on,acpi=off', 1, 8, False, False)):
            with self.subTest(options):
                m = self.machine(options)
                m.writel(IOAPIC2, 1)
                m.writel(IOAPIC, 1)
                self.assertEqual(m.readl(IOAPIC + 0x10), 0x170020)
                self.assertEqual(m.readl(IOAPIC2 + 0x10), 0x170020 if ioapics == 2 else NOTHING)
                self.assertEqual(self.transports(m), transports)
                self.assertEqual(m.readl(GED), 0 if ged else NOTHING)
                self.assertEqual(m.readl(ECAM), 0x00081b36 if pcie else NOTHING)
                m.outl(0xcf8, 0x80000000)
                self.assertEqual(m.inl(0xcfc), NOTHING, 'no configuration ports')

    def test_isa_devices(self):
        m = self.machine('', '-serial', 'null')
        m.outb(0x21, 0x5a)
        m.outb(0x3ff, 0xa5)
        m.outb(0x70, 0x35)
        self.assertEqual((m.inb(0x21), m.inb(0x3ff), m.inb(0x71)), (0x5a, 0xa5, (128 - 16) * 16 >> 8))
        self.assertNotEqual(m.inb(0x40), 0xff)
        m = self.machine(',pic=off,pit=off,rtc=off,isa-serial=off', '-serial', 'null')
        m.outb(0x3ff, 0xa5)
        self.assertEqual([m.inb(port) for port in (0x20, 0x21, 0x40, 0x70, 0x71, 0x3ff, 0x4d0)], [0xff] * 7)

    def test_memory(self):
        m = self.machine('', '-m', '16')
        self.assertEqual(m.read(0xfffffff0, 16), m.read(0xffff0, 16))
        for address in 0x1000, 0xa0000, 0xc8000, 0xe8000, 0xf0000, 0xfffff0:
            m.writel(address, 0x12345678)
            self.assertEqual(m.readl(address), 0x12345678, hex(address))
        m.qmp('system_reset')                               # the firmware is in RAM, and comes back
        m.qmp.event('RESET')
        self.assertEqual(m.readl(0x1000), 0x12345678)
        self.assertNotIn(0x12345678, (m.readl(0xe8000), m.readl(0xf0000)))
        self.assertEqual(m.readl(16 * MIB), NOTHING)

    def test_memory_map_is_told(self):
        m = self.machine('', '-m', '4G')
        e820 = FwCfg(m).file('etc/e820')
        self.assertEqual(list(struct.iter_unpack('<QQI', e820)), [(0, 3 << 30, 1), (4 << 30, 1 << 30, 1)])
        m.writel((5 << 30) - 4, 0x1234)
        self.assertEqual((m.readl((5 << 30) - 4), m.readl(3 << 30)), (0x1234, NOTHING))

    def test_firmware(self):
        for options, bios in (('', 'bios-microvm.bin'), (',acpi=off', 'qboot.rom')):
            self.assertIn(f'"{bios}"', self.machine(options).qmp.hmp('info roms'))

    def test_power_button(self):
        m = self.machine()
        m.irq_intercept_in('/machine/ioapic')
        m.qmp('system_powerdown')
        m.qmp.event('POWERDOWN')
        m.readb(GED_REGS)                                   # lines' changes come with the next reply
        self.assertEqual([e for e in m.irq_log if e[0] == 9], [(9, 1), (9, 0)])
        m.state_cycle()
        self.assertEqual((m.readl(GED), m.readl(GED)), (2, 0))

    def test_sleep_and_reset_registers(self):
        m = self.machine()
        for value in (0, 0x20, 5 << 2, 0x20 | 1 << 2, 0x20 | 4 << 2):
            m.writeb(GED_REGS, value)
        for value in (0, 1, 0x41, 0xff):
            m.writeb(GED_REGS + 2, value)
        self.assertEqual([m.readb(GED_REGS + n) for n in range(4)], [0, 0, 0, 0xff])
        m.qmp('query-status')
        self.assertEqual([e['event'] for e in m.qmp.events], [])
        m.writeb(GED_REGS + 2, 0x42)
        self.assertEqual(m.qmp.event('RESET')['data'], {'guest': True, 'reason': 'guest-reset'})
        m.writeb(GED_REGS, 0x20 | 5 << 2)
        self.assertEqual(m.qmp.event('SHUTDOWN')['data'], {'guest': True, 'reason': 'guest-shutdown'})
        m.wait_exit()

    def test_tables(self):
        m = self.machine(',pcie=on', '-smp', '2', '-device', 'virtio-rng-device', '-serial', 'null')
        t = tables(m)
        self.assertEqual(sorted(t), ['APIC', 'DSDT', 'FACP', 'MCFG', 'RSDT', 'XSDT'])
        facp, apic, dsdt = t['FACP'][0], t['APIC'][0], t['DSDT'][0]
        self.assertEqual((facp[8], len(facp), struct.unpack('<I', facp[112:116])[0]), (5, 268, 0x100400))
        self.assertEqual(facp[128], 0x42)
        self.assertEqual([struct.unpack('<BBBBQ', facp[at:at + 12]) for at in (116, 244, 256)],
                         [(0, 8, 0, 0, GED_REGS + 2), (0, 8, 0, 0, GED_REGS), (0, 8, 0, 0, GED_REGS + 1)])
        ioapics = re.findall(rb'\x01\x0c(.)\0(.{8})', apic[44:], re.S)
        self.assertEqual([(i[0], *struct.unpack('<II', rest)) for i, rest in ioapics], [(0, IOAPIC, 0), (1, IOAPIC2, 24)])
        self.assertIn(b'VR23', dsdt)
        self.assertNotIn(b'VR22', dsdt)
        self.assertIn(struct.pack('<II', VIRTIO + 23 * 0x200, 0x200), dsdt)
        self.assertIn(b'\x89\x06\0\x01\x01' + struct.pack('<I', 47), dsdt)      # level, active high, its own
        self.assertEqual(t['MCFG'][0][44:52], struct.pack('<Q', ECAM))
        for name in (b'COM1', b'RTC_', b'GED_', b'PWRB', b'PCI0', b'L003', b'FWCF'):
            self.assertIn(name, dsdt)
        bare = tables(self.machine(',rtc=off,isa-serial=off,ioapic2=off', '-serial', 'null'))
        self.assertNotIn('MCFG', bare)
        for name in (b'COM1', b'RTC_', b'PCI0', b'VR'):
            self.assertNotIn(name, bare['DSDT'][0])
        self.assertNotIn('etc/acpi/tables', FwCfg(self.machine(',acpi=off')).directory())

    def test_pci_express(self):
        m = self.machine(',pcie=on', '-device', 'edu,addr=3')
        edu = ECAM | 3 << 15
        self.assertEqual(m.readl(edu), 0x11e81234)
        self.assertEqual(m.readl(ECAM | 4 << 15), NOTHING)
        self.assertEqual(m.readl(ECAM | 1 << 20), NOTHING)
        m.writel(edu + 0x10, 0xc1000000)
        m.writew(edu + 4, 6)
        self.assertEqual(m.readl(0xc1000000), 0x010000ed)
        m.irq_intercept_in('/machine/ioapic')
        m.writel(0xc1000060, 1)                             # INTA of slot 3: the fourth
        self.assertEqual({n: level for n, level in m.irqs.items() if level}, {19: 1})
        m.writel(0xc1000064, 1)
        self.assertEqual(m.irq(19), 0)
        m = self.machine(',pcie=on,ioapic2=off', '-device', 'edu,addr=3')
        m.writel(edu + 0x10, 0xc1000000)
        m.writew(edu + 4, 6)
        m.irq_intercept_in('/machine/ioapic')
        m.writel(0xc1000060, 1)
        self.assertEqual({n: level for n, level in m.irqs.items() if level}, {15: 1})

    def test_virtio_interrupts(self):
        for options, transport, gsi in ((',acpi=off', 7, 12), (',ioapic2=off', 7, 23), (',ioapic2=off', 2, 18)):
            m = self.machine(options, '-device', f'virtio-rng-device,bus=virtio-mmio-bus.{transport}')
            m.irq_intercept_in('/machine/ioapic')
            d = virtio_ring.Driver(m, VIRTIO + 0x200 * transport, legacy=True)
            d.start()
            d.offer(d.chain([(0x200000, 16, True)]))
            self.assertEqual(d.take(), (0, 16))
            self.assertEqual({n: level for n, level in m.irqs.items() if level}, {gsi: 1})
            m.qmp('system_reset')
            m.qmp.event('RESET')
            self.assertEqual((d.get(virtio_ring.ISR), m.irq(gsi)), (0, 0))

    def test_state(self):
        m = self.machine(',pcie=on', '-device', 'virtio-rng-device', '-device', 'edu', '-serial', 'null')
        self.assertGreater(m.state_cycle(), 0)

    def test_what_cannot_be(self):
        for args, error in ((['-M', 'microvm', '-object', 'memory-backend-ram,id=n,size=128M', '-numa', 'node,memdev=n'], '-numa'),
                            (['-M', 'microvm', '-smp', '1,maxcpus=2'], 'maxcpus'),
                            (['-M', 'microvm', '-vga', 'std'], '-vga std'),
                            (['-M', 'microvm,ioapic=on'], "'ioapic2'"),
                            (['-M', 'microvm', '-bios', '/nonexistent/bios'], '/nonexistent/bios'),
                            (['-M', 'microvm', '-device', 'edu'], 'edu')):
            with self.subTest(args):
                m = qtest.Machine('-nodefaults', *args, accel=None, qmp=False)
                self.addCleanup(m.close)
                self.assertEqual(m.wait_exit(), 1)
                self.assertIn(error, m.stderr())


if __name__ == '__main__':
    unittest.main()
