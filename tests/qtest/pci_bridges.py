#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Bridges, ports and switches: registers, bus numbers, windows, secondary reset, INTx, slots, hot-plug, bad command lines."""
import unittest

import pc
import qtest
from pc import COMMAND, COMMAND_IO, COMMAND_MEMORY, ChipsetCase, Config

EDU = 0x11e81234
SECONDARY, IO_BASE, MEMORY_BASE, PREF_BASE, PREF_UPPER, CONTROL = 0x18, 0x1c, 0x20, 0x24, 0x28, 0x3e
SBR = 0x40
SLOT_CONTROL, SLOT_STATUS = 0x18, 0x1a      # in the PCI Express capability
ABP, PDC, CC, PDS, HPIE, POWER_OFF, INDICATOR_OFF, INDICATOR_BLINK = 1, 8, 0x10, 0x40, 0x20, 0x400, 0x300, 0x200
ECAM = 0xb0000000

# Device -> registers of configuration space after reset: offset -> value. Seen on QEMU 11.1.
ROOT_PORT = {
    0x00: 0x000c1b36, 0x04: 0x00100000, 0x08: 0x06040000, 0x0c: 0x00010000, 0x1c: 0x000000f0, 0x20: 0x0000fff0, 0x24: 0x0001fff1,
    0x34: 0x54, 0x3c: 0x0100, 0x40: 0x0d, 0x44: 0x1b36, 0x48: 0x4011, 0x50: 0x800, 0x54: 0x01424810, 0x58: 0x8020, 0x60: 0x00300604,
    0x64: 0x02040000, 0x68: 0x0002007b, 0x6c: 0x07c0, 0x78: 0x00300020, 0x80: 0x1e, 0x84: 4, 0x100: 0x14820001, 0x108: 0x02400000,
    0x10c: 0x00462030, 0x114: 0xe000, 0x118: 0x2a0, 0x148: 0x0001000d, 0x14c: 0x5f,
}
REGISTERS = {
    'pcie-root-port': ROOT_PORT,
    'pcie-root-port,x-speed=32,x-width=16,hotplug=off,port=7,slot=9': ROOT_PORT | {
        0x60: 0x07300505, 0x64: 0x01050000, 0x68: 0x004a001b, 0x80: 0x3e, 0x84: 5},
    'pcie-root-port,io-reserve=4k,mem-reserve=1M,pref64-reserve=2M,bus-reserve=3': ROOT_PORT | {
        0x34: 0x90, 0x90: 0x01205409, 0x94: 3, 0x98: 0x1000, 0x9c: 0, 0xa0: 0x100000, 0xa4: 0xffffffff, 0xa8: 0x200000, 0xac: 0},
    'ioh3420,chassis=2,slot=3,port=5': {
        0x00: 0x34208086, 0x08: 0x06040002, 0x34: 0x90, 0x40: 0x0d, 0x44: 0x8086, 0x60: 0x01024005, 0x90: 0x01426010,
        0x9c: 0x05000411, 0xa0: 0x00110000, 0xa4: 0x001a007b, 0xa8: 0x07c0, 0xb4: 0x00300020, 0x100: 0x00020001},
    'i82801b11-bridge': {0x00: 0x244e8086, 0x04: 0x00b00000, 0x08: 0x06040192, 0x1c: 0x00a00000, 0x34: 0x50, 0x50: 0x0d},
    'pci-bridge,chassis_nr=5,shpc=off': {0x00: 0x00011b36, 0x04: 0x00b00000, 0x10: 0, 0x1c: 0x00a00000, 0x34: 0x40, 0x3c: 0, 0x40: 0x05200004},
    'pci-bridge,chassis_nr=5': {0x00: 0x00011b36, 0x04: 0x00b00000, 0x10: 4, 0x1c: 0x00a00000, 0x34: 0x4c, 0x3c: 0x100,
                                0x40: 0x0c, 0x44: 0, 0x48: 0x05204004, 0x4c: 0x01804805},
    'pci-bridge,chassis_nr=5,msi=off': {0x10: 4, 0x34: 0x48, 0x48: 0x05204004},
    'pcie-pci-bridge': {0x00: 0x000e1b36, 0x10: 4, 0x34: 0x8c, 0x3c: 0x100, 0x40: 0x0c, 0x48: 0x00724010, 0x84: 0x00034801, 0x8c: 0x01808405},
    'pxb-pcie,bus_nr=16': {0x00: 0x000b1b36, 0x04: 0x00a00000, 0x08: 0x06000000, 0x2c: 0x11001af4},
}
REFUSED = {
    '-device pci-bridge': "'chassis_nr' is missing",
    '-device pci-bridge,chassis_nr=1,mem-reserve=5G': "'mem-reserve'",
    '-device pcie-root-port,pref32-reserve=1M,pref64-reserve=1M': 'exclude each other',
    '-device pcie-root-port,chassis=1 -device pcie-root-port,chassis=1': 'slot 0 of chassis 1 is taken',
    '-device pcie-root-port,aer_log_max=129': "'aer_log_max'",
    '-device pcie-root-port,slot=8192': "'slot'",
    '-device pcie-root-port,x-speed=3': "'x-speed'",
    '-device pcie-root-port,id=a -device edu,bus=a,addr=1': 'only slot 0',
    '-device pcie-root-port,id=a -device edu,bus=a -device edu,bus=a': 'taken by edu|no free PCI slot',
    '-device pxb-pcie': "'bus_nr' of pxb-pcie is 0",
    '-device pxb-pcie,bus_nr=9,id=x -device pxb-pcie,bus_nr=9,bus=pcie.0': "'bus_nr' of pxb-pcie is 9",
    '-device pxb,bus_nr=9': 'pxb cannot be on bus',
    '-device edu,failover_pair_id=n': "'failover_pair_id'",
    '-device edu,sriov-pf=p': "'sriov-pf'",
}


class Registers(ChipsetCase):
    def space(self, vm, bus, slot):
        return lambda offset: vm.readl(ECAM + (bus << 20) + (slot << 15) + offset)

    def test_after_reset(self):
        for device, registers in REGISTERS.items():
            vm = self.start('-M', 'q35', '-nodefaults', '-device', f'{device},addr=3')
            Config(vm, 0).write(0x64, 0)
            Config(vm, 0).write(0x60, ECAM | 1)
            read = self.space(vm, 0, 3)
            for offset, wanted in registers.items():
                self.check(read(offset), wanted, f'{device} register {offset:#x}')

    def test_machine_versions_change_registers(self):
        for machine, offset, wanted in (('pc-q35-9.1', 0x58, 0x8000), ('pc-q35-9.2', 0x58, 0x8020),
                                        ('pc-q35-7.2', 0x108, 0), ('pc-q35-8.0', 0x108, 0x02400000)):
            vm = self.start('-M', machine, '-nodefaults', '-device', 'pcie-root-port,addr=3')
            Config(vm, 0).write(0x60, ECAM | 1)
            self.check(self.space(vm, 0, 3)(offset), wanted, f'{machine} register {offset:#x}')
        for machine, wanted in ('pc-q35-8.1', 0xff), ('pc-q35-8.2', 0):
            vm = self.start('-M', machine, '-nodefaults', '-device', 'pcie-root-port,addr=3')
            port = Config(vm, 3)
            port.write(0x1b, 0xff, 1)
            self.check(port.read(0x1b, 1), wanted, f'{machine}: secondary latency timer')

    def test_bad_command_lines(self):
        for line, wanted in REFUSED.items():
            with self.subTest(line=line), self.assertRaises(qtest.EmulatorDied) as died:
                self.start('-M', 'q35', '-nodefaults', *line.split())
            self.assertRegex(str(died.exception), wanted, line)


class Windows(ChipsetCase):
    BAR = 0xe1000000

    def setUp(self):
        self.vm = self.start('-M', 'pc', '-nodefaults', '-device', 'pci-bridge,id=br,chassis_nr=1,addr=4',
                             '-device', 'pci-bridge,id=br2,chassis_nr=2,bus=br,addr=2', '-device', 'edu,id=e,bus=br2,addr=3')
        self.outer, self.inner = Config(self.vm, 4), Config(self.vm, 2, bus=1)
        self.edu = Config(self.vm, 3, bus=2)
        self.outer.write(SECONDARY, 0x020100)
        self.inner.write(SECONDARY, 0x020201)

    def open(self):
        for bridge in self.outer, self.inner:
            bridge.write(MEMORY_BASE, self.BAR >> 16 | (self.BAR & 0xfff00000))
            bridge.write(IO_BASE, 0x0010, 2)            # base above limit: closed
            bridge.write(PREF_BASE, 0x0000fff0)
            bridge.command(COMMAND_MEMORY)
        self.edu.write(0x10, self.BAR)
        self.edu.command(COMMAND_MEMORY)

    def test_numbers_lead_to_the_device(self):
        self.check(self.edu.read(0), EDU, 'edu on bus 2')
        self.outer.write(SECONDARY, 0x010100)           # subordinate 1: bus 2 is not behind it any more
        self.check(self.edu.read(0), 0xffffffff, 'bus 2 is out of reach')
        self.outer.write(SECONDARY, 0x050100)
        self.inner.write(SECONDARY, 0x050401)
        self.check(Config(self.vm, 3, bus=4).read(0), EDU, 'edu on bus 4')

    def test_memory_passes_open_windows_only(self):
        self.open()
        identity = self.vm.readl(self.BAR)
        self.assertEqual(identity & 0xffff, 0x00ed)
        for bridge in self.outer, self.inner:
            bridge.command(0)
            self.check(self.vm.readl(self.BAR), 0xffffffff, 'COMMAND.MEMORY of the bridge is off')
            bridge.command(COMMAND_MEMORY)
            bridge.write(MEMORY_BASE, 0x0000fff0)
            self.check(self.vm.readl(self.BAR), 0xffffffff, 'base is above limit')
            bridge.write(MEMORY_BASE, 0xe200e200)
            self.check(self.vm.readl(self.BAR), 0xffffffff, 'the window is elsewhere')
            bridge.write(MEMORY_BASE, 0xe0f0e0f0)
            bridge.write(PREF_BASE, 0xe100e100)
            self.check(self.vm.readl(self.BAR), identity, 'through the prefetchable window')
            bridge.write(PREF_UPPER, 1)
            self.check(self.vm.readl(self.BAR), 0xffffffff, 'that window is now above 4 GiB')
            bridge.write(PREF_UPPER, 0)
            bridge.write(PREF_BASE, 0x0000fff0)
            bridge.write(MEMORY_BASE, 0xe100e100)
        self.check(self.vm.readl(self.BAR), identity, 'open again')

    def test_windows_survive_save_and_load(self):
        self.open()
        identity = self.vm.readl(self.BAR)
        self.vm.state_cycle()
        self.check(self.vm.readl(self.BAR), identity, 'after load')
        self.reset(self.vm)
        self.check(self.vm.readl(self.BAR), 0xffffffff, 'reset closes them')

    def test_secondary_reset(self):
        self.open()
        self.vm.writel(self.BAR + 4, 0x12345678)
        self.check(self.vm.readl(self.BAR + 4), 0xffffffff ^ 0x12345678, 'liveness register')
        self.outer.write(CONTROL, SBR, 2)
        self.outer.write(CONTROL, 0, 2)
        self.check(self.edu.read(COMMAND, 2), 0xffff, 'the bridge below lost its bus numbers')
        self.inner.write(SECONDARY, 0x020201)
        self.check(self.edu.read(COMMAND, 2), 0, 'edu was reset')
        self.check(self.outer.read(MEMORY_BASE), 0xe100e100, 'the bridge itself was not')

    def test_interrupts_are_swizzled(self):
        """edu in slot 3 of br2, slot 2 of br, slot 4: INTA -> (0+3) -> (3+2)%4=1 -> PIRQ (1+4-1)%4 = A."""
        self.open()
        bridge = Config(self.vm, 1)
        for pirq, irq in enumerate((5, 9, 10, 11)):
            bridge.write(0x60 + pirq, irq, 1)
        self.vm.irq_intercept_in('/machine/i440fx/ioapic')
        self.vm.writel(self.BAR + 0x60, 1)
        self.assertEqual(self.high(self.vm), {5})
        self.vm.state_cycle()
        self.assertEqual(self.high(self.vm), {5})
        self.vm.writel(self.BAR + 0x64, 1)
        self.assertEqual(self.high(self.vm), set())

    def test_vga_goes_through_where_it_is_enabled(self):
        vm = self.start('-M', 'pc', '-nodefaults', '-device', 'pci-bridge,id=br,chassis_nr=1,addr=4', '-device', 'VGA,bus=br,addr=1')
        bridge, vga = Config(vm, 4), Config(vm, 1, bus=1)
        bridge.write(SECONDARY, 0x010100)
        bridge.write(IO_BASE, 0x00f0, 2)
        bridge.command(COMMAND_MEMORY | COMMAND_IO)
        vga.command(COMMAND_MEMORY | COMMAND_IO)
        self.check(vm.inb(0x3cc), 0xff, 'VGA enable is off')
        bridge.write(CONTROL, 8, 2)
        self.assertNotEqual(vm.inb(0x3cc), 0xff)
        bridge.command(COMMAND_MEMORY)
        self.check(vm.inb(0x3cc), 0xff, 'I/O is off')


class Expander(ChipsetCase):
    def test_a_root_bus_of_its_own(self):
        for machine, expander, inner in (('pc', 'pxb', ()), ('q35', 'pxb-pcie', ('-device', 'pcie-root-port,id=rp,bus=x'))):
            vm = self.start('-M', machine, '-nodefaults', '-device', f'{expander},id=x,bus_nr=64', *inner,
                            '-device', f"edu,bus={'rp' if inner else 'x'}")
            self.check(Config(vm, 0, bus=64).read(0), 0x000c1b36 if inner else 0x00011b36, f'{expander}: its first function')
            Config(vm, 0, bus=64).write(SECONDARY, 0x414140)
            self.check(Config(vm, 0 if inner else 1, bus=65).read(0) if not inner else Config(vm, 0, bus=65).read(0),
                       EDU if inner else 0xffffffff, 'behind it')
            if not inner:
                self.check(Config(vm, 0, bus=65).read(0), EDU, 'behind it')
            self.check(Config(vm, 0, bus=63).read(0), 0xffffffff, 'below its number is the main bus, where nothing is')


class Slots(ChipsetCase):
    """Native hot-plug, the guest's part played by hand."""

    def setUp(self):
        self.vm = self.start('-M', 'q35', '-nodefaults', '-global', 'ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off',
                             '-device', 'pcie-root-port,id=rp,addr=4')
        self.port = Config(self.vm, 4)
        self.cap = self.port.find_capability(0x10)
        self.port.write(SECONDARY, 0x010100)
        self.edu = Config(self.vm, 0, bus=1)
        self.vm.irq_intercept_in('/machine/q35/ioapic')

    def control(self, value):
        self.port.write(self.cap + SLOT_CONTROL, value, 2)

    def status(self):
        return self.port.read(self.cap + SLOT_STATUS, 2)

    def clear(self):
        self.port.write(self.cap + SLOT_STATUS, 0xffff, 2)

    def test_plugged_and_pulled(self):
        vm = self.vm
        self.check(self.status(), 0, 'nothing there')
        self.control(HPIE | ABP | PDC | POWER_OFF | INDICATOR_OFF)
        self.clear()
        vm.qmp('device_add', driver='edu', id='e', bus='rp')
        self.check(self.status(), ABP | PDC | PDS, 'button, presence changed, present')
        self.assertEqual(len(self.high(vm)), 1)
        self.clear()
        self.assertEqual(self.high(vm), set())
        self.check(self.status(), PDS, 'events are cleared by writing 1')
        self.check(self.edu.read(0), EDU, 'the device answers')
        self.control(HPIE | ABP | PDC | 0x100)          # power on
        self.clear()
        vm.qmp('device_del', id='e')
        self.check(self.status(), ABP | PDS, 'the button asks')
        self.assertEqual(len(self.high(vm)), 1)
        with self.assertRaises(qtest.QmpError):
            vm.qmp('device_del', id='e')
        vm.state_cycle()
        self.check(self.status(), ABP | PDS, 'still asking after load')
        self.control(HPIE | ABP | PDC | INDICATOR_BLINK)
        with self.assertRaises(qtest.QmpError):
            vm.qmp('device_add', driver='edu', bus='rp')
        self.control(HPIE | ABP | PDC | POWER_OFF | INDICATOR_OFF)
        self.assertEqual(vm.qmp.event('DEVICE_DELETED')['data']['device'], 'e')
        self.check(self.edu.read(0), 0xffffffff, 'gone')
        self.check(self.status() & (PDS | PDC), PDC, 'presence changed')
        vm.qmp('device_add', driver='edu', id='e', bus='rp')

    def test_a_slot_without_power_gives_its_device_at_once(self):
        self.vm.qmp('device_add', driver='edu', id='e', bus='rp')
        self.vm.qmp('device_del', id='e')
        self.vm.qmp.event('DEVICE_DELETED')
        self.check(self.edu.read(0), 0xffffffff, 'gone')

    def test_commands_complete(self):
        self.control(HPIE | CC)
        self.check(self.status() & CC, CC, 'command completed')
        self.assertEqual(len(self.high(self.vm)), 1)
        self.control(0)
        self.assertEqual(self.high(self.vm), set())

    def test_refused(self):
        vm = self.start('-M', 'q35', '-nodefaults', '-device', 'pcie-root-port,id=off,hotplug=off', '-device', 'edu,id=e,bus=off')
        for command, arguments in (('device_add', {'driver': 'edu', 'bus': 'pcie.0'}), ('device_add', {'driver': 'edu', 'bus': 'off'}),
                                   ('device_del', {'id': 'e'})):
            with self.assertRaises(qtest.QmpError) as refused:
                vm.qmp(command, **arguments)
            self.assertRegex(refused.exception.desc, 'hotplug|hot-unplug|no free', str(arguments))


class StandardController(ChipsetCase):
    """SHPC, the guest's part played by hand. Wanted values were seen on QEMU 11.1."""
    BAR, EMPTY, OFF_EMPTY, ON = 0xfe000000, 0xd00, 0x7f000d3f, 0x7f000036
    COMMAND, LOCATOR, SERR_INT, SLOT3 = 0x14, 0x18, 0x20, 0x2c
    PRESENCE, BUTTON, MRL = 1 << 16, 4 << 16, 8 << 16

    def start_bridge(self, *args, msi='off'):
        self.vm = self.start('-M', 'pc', '-nodefaults', '-global', 'PIIX4_PM.acpi-pci-hotplug-with-bridge-support=off',
                             '-device', f'pci-bridge,id=br,chassis_nr=1,addr=9,msi={msi}', *args)
        self.bridge = Config(self.vm, 9)
        self.bridge.write(SECONDARY, 0x010100)
        self.bridge.write(0x10, self.BAR)
        self.bridge.write(0x14, 0)
        self.bridge.command(COMMAND_MEMORY)
        Config(self.vm, 1).write(0x60, 0x0a0a0a0a)      # PIRQA-D lead to interrupt 10
        self.vm.irq_intercept_in('/machine/i440fx/ioapic')

    def setUp(self):
        self.start_bridge('-device', 'edu,id=e,bus=br,addr=3')

    def reg(self, offset):
        return self.vm.readl(self.BAR + offset)

    def command(self, value):
        self.vm.writew(self.BAR + self.COMMAND, value)
        return self.reg(self.COMMAND) >> 16

    def test_registers_after_reset(self):
        for offset, wanted in {0: 0, 4: 31, 8: 0, 0xc: 0xe001011f, 0x10: 0x01000000, 0x14: 0, 0x18: 0, 0x1c: 0, 0x20: 0xf, 0x24: self.OFF_EMPTY,
                               0x28: self.OFF_EMPTY, 0x2c: self.ON, 0x9c: self.OFF_EMPTY, 0xa0: 0, 0xfc: 0}.items():
            self.check(self.reg(offset), wanted, f'register {offset:#x}')
        cap = self.bridge.find_capability(0x0c)
        for dword in (3, 11):
            self.bridge.write(cap + 2, dword, 1)
            self.check(self.bridge.read(cap + 4), self.reg(dword * 4), f'doubleword {dword} through the capability')
        self.bridge.write(cap + 2, 5, 1)
        self.bridge.write(cap + 4, 0x303, 2)
        self.check(self.reg(self.SLOT3), self.ON | 3, 'a command through the capability')

    def test_commands(self):
        for command, status, slot3 in ((0x301, 4, 0x36), (0x303, 0, 0x37), (0x40, 0, 0x37), (0x41, 8, 0x37), (0x48, 0, 0x35), (0x49, 0, 0x36),
                                       (0x2000, 4, 0x36), (0x000, 4, 0x36), (0x00f, 4, 0x36), (0x302, 0, 0x36), (0x202, 2, 0x36), (0x4a, 4, 0x36), (0x307, 0, 0x37),
                                       (0x30b, 0, 0x3b), (0x310, 0, 0x1b), (0x33c, 0, None)):
            self.check(self.command(command), status, f'status of command {command:#x}')
            if slot3 is not None:
                self.check(self.reg(self.SLOT3), 0x7f000000 | slot3, f'slot after command {command:#x}')
        self.check(self.reg(self.SLOT3), self.OFF_EMPTY | self.PRESENCE | self.MRL, 'off: the device is gone')
        self.assertEqual(self.vm.qmp.event('DEVICE_DELETED')['data']['device'], 'e')
        self.check(self.command(0x302), 2, 'an open latch')

    def test_interrupts(self):
        self.vm.writel(self.BAR + self.SERR_INT, 0)
        self.assertFalse(self.high(self.vm))
        self.command(0x310)
        self.check(self.reg(self.LOCATOR), 1, 'the command is complete')
        self.assertTrue(self.high(self.vm))
        self.vm.writel(self.BAR + self.SERR_INT, 0x10004)
        self.assertFalse(self.high(self.vm))
        self.vm.qmp('device_del', id='e')
        self.check(self.reg(self.LOCATOR), 0, 'the button is masked')
        self.vm.writeb(self.BAR + self.SLOT3 + 3, 0)
        self.check(self.reg(self.LOCATOR), 8, 'and now is not')
        self.assertTrue(self.high(self.vm))
        self.vm.state_cycle()
        self.assertTrue(self.high(self.vm))
        self.vm.writel(self.BAR + self.SLOT3, self.BUTTON)
        self.assertFalse(self.high(self.vm))

    def test_come_and_go(self):
        with self.assertRaisesRegex(Exception, 'slot 0'):
            self.vm.qmp('device_add', driver='edu', id='x', bus='br', addr='0')
        self.vm.qmp('device_add', driver='edu', id='late', bus='br', addr='4')
        self.check(self.reg(0x30), 0x7f00003f | self.PRESENCE | self.BUTTON | self.MRL, 'present, off')
        self.check(self.command(0x402 | 4), 0, 'on')
        self.check(Config(self.vm, 4, bus=1).read(0), EDU, 'it is there')
        self.vm.writel(self.BAR + 0x30, 0xffffffff)
        self.vm.qmp('device_del', id='late')
        self.check(self.reg(0x30), 0x7f000036 | self.BUTTON, 'asked to go')
        with self.assertRaisesRegex(Exception, 'already in the process'):
            self.vm.qmp('device_del', id='late')
        self.check(self.command(0x403), 0, 'disabled, indicator still on')
        self.check(Config(self.vm, 4, bus=1).read(0), EDU, 'so it stays')
        self.check(self.command(0x40c), 0, 'indicator off')
        self.assertEqual(self.vm.qmp.event('DEVICE_DELETED')['data']['device'], 'late')
        self.check(Config(self.vm, 4, bus=1).read(0), 0xffffffff, 'gone')
        self.vm.qmp('device_add', driver='edu', id='again', bus='br', addr='4')
        self.vm.qmp('device_del', id='again')
        self.assertEqual(self.vm.qmp.event('DEVICE_DELETED')['data']['device'], 'again', 'a slot that is off gives it at once')

    def test_every_write_is_survived(self):
        for offset in range(256):
            for value in (0, 0xff):
                self.vm.writeb(self.BAR + offset, value)
        self.vm.state_cycle()
        self.reset(self.vm)
        self.bridge.write(0x10, self.BAR)
        self.bridge.command(COMMAND_MEMORY)
        self.check(self.reg(self.SERR_INT), 0xf, 'after reset')


class AcpiHotplug(ChipsetCase):
    UP, DOWN, EJECT, REMOVABLE, SELECT, INDEX = range(0, 24, 4)

    def start_board(self, machine, *args):
        self.vm = self.start('-M', machine, '-nodefaults', *args)
        self.base = 0xcc0 if machine == 'q35' else 0xae00
        self.board = pc.Board(self.vm, machine)
        self.board.map_pm()

    def reg(self, offset):
        return self.vm.inl(self.base + offset)

    def write(self, offset, value):
        self.vm.outl(self.base + offset, value)

    def test_registers_of_both_boards(self):
        for machine, bus, bsel, slot, args in (
                ('pc', 'pci.0', 0, 9, ()), ('pc', 'br', 1, 9, ('-device', 'pci-bridge,id=br,chassis_nr=1,addr=7')),
                ('q35', 'rp', 0, 0, ('-device', 'pcie-root-port,id=rp,addr=7'))):
            with self.subTest(machine=machine, bus=bus):
                self.start_board(machine, *args)
                vm, gpe = self.vm, self.board.gpe0
                self.write(self.SELECT, bsel)
                self.check(self.reg(self.REMOVABLE) >> slot & 1, 1, 'the slot takes devices')
                vm.outb(gpe + self.board.gpe_half, 2)   # enable GPE 1
                vm.qmp('device_add', driver='edu', id='e', bus=bus, addr=f'{slot:x}', acpi_index=77)
                self.check(vm.inb(gpe) & 2, 2, 'GPE 1')
                vm.state_cycle()
                self.check(self.reg(self.UP), 1 << slot, 'UP')
                self.check(self.reg(self.UP), 0, 'UP is cleared by reading')
                self.write(self.INDEX, 1 << slot)
                self.check(self.reg(self.INDEX), 77, 'acpi-index')
                vm.outb(gpe, 2)
                self.check(vm.inb(gpe) & 2, 0, 'GPE acknowledged')
                vm.qmp('device_del', id='e')
                self.check(vm.inb(gpe) & 2, 2, 'GPE 1')
                vm.state_cycle()
                self.check(self.reg(self.DOWN), 1 << slot, 'DOWN')
                with self.assertRaises(qtest.QmpError):
                    vm.qmp('device_del', id='e')
                self.write(self.EJECT, 1 << slot)
                self.assertEqual(vm.qmp.event('DEVICE_DELETED')['data']['device'], 'e')
                self.check(self.reg(self.DOWN), 0, 'done')

    def test_reset_ends_a_removal(self):
        self.start_board('pc', '-device', 'edu,id=e,addr=9')
        self.vm.qmp('device_del', id='e')
        self.vm.qmp('system_reset')
        self.vm.qmp.event('DEVICE_DELETED')
        self.check(Config(self.vm, 9).read(0), 0xffffffff, 'gone')

    def test_the_board_stays(self):
        self.start_board('pc', '-device', 'pci-bridge,id=br,chassis_nr=1,addr=7')
        self.write(self.SELECT, 0)
        self.check(self.reg(self.REMOVABLE) & 0x83, 0, 'host bridge, south bridge, and a bridge with numbers')
        before = pc.all_functions(self.vm)
        self.write(self.EJECT, 0xffffffff)
        self.assertEqual(pc.all_functions(self.vm), before)
        for select in 2, 255, 256, 0xffffffff:          # no such bus
            self.write(self.SELECT, select)
            for offset in self.UP, self.DOWN, self.EJECT, self.REMOVABLE, self.INDEX:
                self.check(self.reg(offset), 0, f'register {offset} of bus {select}')
            self.write(self.EJECT, 0xffffffff)
        self.assertEqual(pc.all_functions(self.vm), before)


if __name__ == '__main__':
    unittest.main()
