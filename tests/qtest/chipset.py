#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""PCI configuration space, BARs, DMA, PAM, SMRAM, ECAM and interrupt routing of both boards."""
import subprocess
import unittest

import pc
import qtest
from pc import Board, ChipsetCase, Config, each_board


class ConfigSpace(ChipsetCase):
    IDS = {
        'pc': {(0, 0): 0x12378086, (1, 0): 0x70008086, (1, 1): 0x70108086, (1, 3): 0x71138086, (2, 0): 0x11111234},
        'q35': {(0, 0): 0x29c08086, (1, 0): 0x11111234, (31, 0): 0x29188086, (31, 2): 0x29228086, (31, 3): 0x29308086},
    }
    REVISIONS = {'pc': {(0, 0): 2, (1, 0): 0, (1, 1): 0, (1, 3): 3}, 'q35': {(0, 0): 0, (31, 0): 2, (31, 2): 2, (31, 3): 2}}
    CLASSES = {
        'pc': {(0, 0): 0x0600, (1, 0): 0x0601, (1, 1): 0x0101, (1, 3): 0x0680, (2, 0): 0x0300},
        'q35': {(0, 0): 0x0600, (1, 0): 0x0300, (31, 0): 0x0601, (31, 2): 0x0106, (31, 3): 0x0c05},
    }

    @each_board()
    def test_devices_are_where_firmware_looks_for_them(self, b):
        found = {at: Config(b.vm, *at).read(0) for at in pc.all_functions(b.vm)}
        self.assertEqual(found, self.IDS[b.machine])
        for at, wanted in self.REVISIONS[b.machine].items():
            self.check(Config(b.vm, *at).read(8, 1), wanted, f'revision of {at}')
        for at, wanted in self.CLASSES[b.machine].items():
            self.check(Config(b.vm, *at).read(10, 2), wanted, f'class of {at}')
        for at in found:
            self.check(Config(b.vm, *at).read(0x2c), 0x11001af4, f'subsystem of {at}')

    @each_board()
    def test_config_address_takes_only_whole_aligned_words(self, b):
        vm = b.vm
        vm.outl(0xcf8, 0xffffffff)
        self.check(vm.inl(0xcf8), 0x80fffffc, 'reserved bits of CONFIG_ADDRESS read as 0')
        vm.outb(0xcf8, 0)
        vm.outw(0xcfa, 0)
        vm.outb(0xcfb, 1)
        self.check(vm.inl(0xcf8), 0x80fffffc, 'narrow writes pass CONFIG_ADDRESS by')
        self.check(vm.inb(0xcf8), 0xff, 'a narrow read is not answered')

    @each_board()
    def test_config_data_answers_every_width_within_the_word(self, b):
        vm = b.vm
        vm.outl(0xcf8, 0x80000000)
        word = vm.inl(0xcfc)
        for offset in range(4):
            self.check(vm.inb(0xcfc + offset), word >> 8 * offset & 0xff, f'byte {offset}')
        for offset in range(3):
            self.check(vm.inw(0xcfc + offset), word >> 8 * offset & 0xffff, f'16 bits at {offset}')
        vm.outl(0xcf8, 0)
        self.check(vm.inl(0xcfc), 0xffffffff, 'no cycle without the enable bit')
        vm.outl(0xcf8, 0x80000000 | 5 << 16)
        self.check(vm.inl(0xcfc), 0xffffffff, 'an absent bus reads as ones')
        vm.outl(0xcf8, 0x80000000 | 30 << 11)
        vm.outl(0xcfc, 0)
        self.check(vm.inl(0xcfc), 0xffffffff, 'an absent device reads as ones')

    @each_board('-device', 'edu,addr=10')
    def test_read_only_registers_of_every_device_keep_their_value(self, b):
        functions = pc.all_functions(b.vm)
        self.assertGreater(len(functions), 3)
        for at in functions:
            config = Config(b.vm, *at)
            before = [config.read(offset) for offset in range(0, 256, 4)]
            for offset in (0x00, 0x08, 0x2c):
                for value in (0, 0xffffffff):
                    config.write(offset, value)
                    self.check(config.read(offset), before[offset // 4], f'{at} register {offset:#x}')
            self.check(config.read(pc.COMMAND, 2) & ~0x547, 0, f'{at} COMMAND has only known bits')
            config.write(pc.COMMAND, 0xffff, 2)
            self.check(config.read(pc.COMMAND, 2), 0x507, f'{at} writable bits of COMMAND')
            config.write(pc.COMMAND, 0, 2)
            config.write(pc.INTERRUPT_LINE, 0x5a, 1)
            self.check(config.read(pc.INTERRUPT_LINE, 1), 0x5a, f'{at} interrupt line is storage')
            pin = config.read(pc.INTERRUPT_PIN, 1)
            config.write(pc.INTERRUPT_PIN, pin ^ 0xff, 1)
            self.check(config.read(pc.INTERRUPT_PIN, 1), pin, f'{at} interrupt pin is wired')

    @each_board('-device', 'edu,addr=10')
    def test_every_config_byte_survives_all_values(self, b):
        """Ones, zeros and a reset: nothing crashes, and registers are as before."""
        for at in pc.all_functions(b.vm):
            config = Config(b.vm, *at)
            first = [config.read(offset) for offset in range(0, 256, 4)]
            for value in (0xffffffff, 0, 0xa5a5a5a5):
                for offset in range(0, 256, 4):
                    config.write(offset, value)
            for offset in range(256):
                config.write(offset, 0x5a, 1)
            self.reset(b.vm)
            for offset in range(0, 256, 4):
                self.check(config.read(offset), first[offset // 4], f'{at} register {offset:#x} after reset')


class Bars(ChipsetCase):
    @each_board('-device', 'edu,addr=10')
    def test_bar_is_sized_mapped_moved_and_unmapped(self, b):
        edu, vm = Config(b.vm, 0x10), b.vm
        self.check(edu.bar_size(pc.BAR0), 1 << 20, 'size of edu BAR 0')
        self.check(edu.read(pc.BAR0), 0, 'sizing put back what was there')
        edu.write(pc.BAR0, 0xe1234567)
        self.check(edu.read(pc.BAR0), 0xe1200000, 'address bits below the size are fixed')
        self.check(vm.readl(0xe1200000), 0xffffffff, 'nothing decodes before COMMAND.MEMORY')
        edu.command(pc.COMMAND_MEMORY)
        self.check(vm.readl(0xe1200000), 0x010000ed, 'identification through the BAR')
        edu.write(pc.BAR0, 0xe2000000)
        self.check(vm.readl(0xe2000000), 0x010000ed, 'BAR moved')
        self.check(vm.readl(0xe1200000), 0xffffffff, 'BAR left its old place')
        edu.write(pc.BAR0, 0xffffffff)
        self.check(vm.readl(0xfff00000) == 0x010000ed, False, 'a BAR being sized does not decode')
        edu.write(pc.BAR0, 0)
        self.check(vm.readl(0) == 0x010000ed, False, 'a BAR at 0 does not decode')
        edu.write(pc.BAR0, 0xe2000000)
        edu.command(0)
        self.check(vm.readl(0xe2000000), 0xffffffff, 'COMMAND.MEMORY off')

    @each_board('-device', 'edu,addr=10')
    def test_bytes_of_a_bar_may_be_written_one_by_one(self, b):
        edu = Config(b.vm, 0x10)
        edu.command(pc.COMMAND_MEMORY)
        for i, byte in enumerate((0x00, 0x00, 0x30, 0xe3)):
            edu.write(pc.BAR0 + i, byte, 1)
        self.check(b.vm.readl(0xe3300000), 0x010000ed, 'BAR written by bytes')

    @each_board('-device', 'edu,addr=10')
    def test_reset_unmaps(self, b):
        edu = Config(b.vm, 0x10)
        edu.write(pc.BAR0, 0xe1000000)
        edu.command(7)
        self.reset(b.vm)
        self.check(edu.read(pc.BAR0), 0, 'BAR after reset')
        self.check(edu.read(pc.COMMAND, 2), 0, 'COMMAND after reset')
        self.check(b.vm.readl(0xe1000000), 0xffffffff, 'memory after reset')

    @each_board()
    def test_rom_bar_needs_its_own_enable(self, b):
        vga = Config(b.vm, 1 if b.q35 else 2)
        self.check(vga.bar_size(pc.ROM_BAR) & ~0x7ff, 0x10000, 'size of the VGA BIOS')
        vga.command(pc.COMMAND_MEMORY)
        vga.write(pc.ROM_BAR, 0xe4000000)
        self.check(b.vm.readw(0xe4000000), 0xffff, 'disabled ROM')
        vga.write(pc.ROM_BAR, 0xe4000001)
        self.check(b.vm.readw(0xe4000000), 0xaa55, 'ROM signature')
        b.vm.writew(0xe4000000, 0x1234)
        self.check(b.vm.readw(0xe4000000), 0xaa55, 'a ROM is not written')


class Dma(ChipsetCase):
    def copy(self, vm, mmio, src, dst, count, to_ram):
        for offset, value in ((0x80, src), (0x88, dst), (0x90, count)):
            vm.writeq(mmio + offset, value)
        vm.writeq(mmio + 0x98, 1 | (2 if to_ram else 0))
        vm.clock_step(200_000_000)

    @each_board('-device', 'edu,addr=10')
    def test_bus_mastering_follows_command(self, b):
        edu, vm, mmio = Config(b.vm, 0x10), b.vm, 0xe1000000
        edu.write(pc.BAR0, mmio)
        edu.command(pc.COMMAND_MEMORY | pc.COMMAND_MASTER)
        vm.writeq(0x100000, 0x1122334455667788)
        self.copy(vm, mmio, 0x100000, 0x40000, 8, False)
        self.copy(vm, mmio, 0x40000, 0x200000, 8, True)
        self.check(vm.readq(0x200000), 0x1122334455667788, 'RAM to device to RAM')
        edu.command(pc.COMMAND_MEMORY)
        self.copy(vm, mmio, 0x40000, 0x200008, 8, True)
        self.check(vm.readq(0x200008), 0, 'without COMMAND.MASTER nothing is written')
        edu.command(pc.COMMAND_MEMORY | pc.COMMAND_MASTER)
        for src, dst, count, to_ram in ((0x40000, 0x300000, 4097, True), (0x3fff8, 0x300000, 16, True),
                                        (0x40ff8, 0x300000, 16, True), (0xfffffffffffffff8, 0x300000, 16, True),
                                        (0x300000, 0x40000, 1 << 63, False), (0x300000, 0x41001, 0, False)):
            self.copy(vm, mmio, src, dst, count, to_ram)
            self.check(vm.readq(0x300000), 0, f'copy {src:#x} -> {dst:#x} of {count:#x} bytes is not made')
            self.check(vm.readq(mmio + 0x98) & 1, 0, 'and its command ends')


class Pam(ChipsetCase):
    def areas(self, b):
        """(first address, bytes, register, shift) of the 13 areas."""
        yield 0xf0000, 0x10000, b.pam0, 4
        for i in range(12):
            yield 0xc0000 + 0x4000 * i, 0x4000, b.pam0 + 1 + i // 2, 4 * (i % 2)

    @each_board()
    def test_each_area_switches_alone(self, b):
        vm, areas = b.vm, list(self.areas(b))
        self.assertEqual(len(areas), 13)
        for first, size, register, shift in areas:
            for at in (first, first + size - 4):
                rom = vm.readl(at)
                vm.writel(at, ~rom & 0xffffffff)
                self.check(vm.readl(at), rom, f'{at:#x} with PAM 0 is ROM')
                b.host.write(register, 3 << shift, 1)
                vm.writel(at, 0xcafe0000 | first >> 12)
                self.check(vm.readl(at), 0xcafe0000 | first >> 12, f'{at:#x} with PAM 3 is DRAM')
                b.host.write(register, 1 << shift, 1)
                vm.writel(at, 0)
                self.check(vm.readl(at), 0xcafe0000 | first >> 12, f'{at:#x} with PAM 1 keeps what DRAM holds')
                b.host.write(register, 0, 1)
                self.check(vm.readl(at), rom, f'{at:#x} back on PCI')
        for first, size, register, shift in areas:
            b.host.write(register, b.host.read(register, 1) | 3 << shift, 1)
        for first, size, register, shift in areas:
            self.check(vm.readl(first), 0xcafe0000 | first >> 12, f'DRAM at {first:#x} kept its own value')

    @each_board()
    def test_firmware_shows_below_1_mib_and_below_4_gib(self, b):
        for at in (0xffff0, 0xe0000, 0xf1234):
            self.check(b.vm.readl(at), b.vm.readl(0xfff00000 + at), f'{at:#x} is the firmware')
        b.vm.writel(0xfffffff0, 0)
        self.check(b.vm.readl(0xfffffff0), b.vm.readl(0xffff0), 'firmware is not written')


class Smram(ChipsetCase):
    @each_board()
    def test_open_smram_hides_the_vga_window(self, b):
        b.host.write(b.smram, 0x4a, 1)
        b.vm.writel(0xa0000, 0x11111111)
        b.vm.writel(0xbfffc, 0x22222222)
        b.host.write(b.smram, 0x0a, 1)
        self.assertNotEqual(b.vm.readl(0xa0000), 0x11111111, 'closed SMRAM shows')
        b.vm.writel(0xa0000, 0x33333333)
        b.host.write(b.smram, 0x4a, 1)
        self.check(b.vm.readl(0xa0000), 0x11111111, 'SMRAM kept its value')
        self.check(b.vm.readl(0xbfffc), 0x22222222, 'SMRAM kept its value at the end')

    @each_board()
    def test_lock_closes_and_freezes_until_reset(self, b):
        b.host.write(b.smram, 0x4a, 1)
        b.vm.writel(0xa0000, 0x11111111)
        b.host.write(b.smram, 0x5a, 1)
        self.check(b.host.read(b.smram, 1), 0x1a, 'D_LCK clears D_OPEN')
        b.host.write(b.smram, 0x4a, 1)
        self.check(b.host.read(b.smram, 1) & 0x5f, 0x1a, 'a locked register keeps its bits')
        self.assertNotEqual(b.vm.readl(0xa0000), 0x11111111, 'locked SMRAM shows')
        self.reset(b.vm)
        self.check(b.host.read(b.smram, 1), 0x02, 'reset unlocks')

    @each_board()
    def test_base_segment_is_fixed(self, b):
        b.host.write(b.smram, 0x07, 1)
        self.check(b.host.read(b.smram, 1) & 7, 2, 'C_BASE_SEG')


class Tseg(ChipsetCase):
    """SMRAM of q35 other than the compatible segment."""
    TOP = 256 << 20

    def test_tseg_hides_the_top_of_low_memory(self):
        for sizes, esmramc in ((1, 0x01), (2, 0x03), (8, 0x05), (64, 0x07)):
            with self.subTest(mib=sizes):
                vm = self.start('-M', 'q35', '-m', '256')
                b, first = Board(vm, 'q35'), self.TOP - (sizes << 20)
                for at in (first - 4, first, self.TOP - 4):
                    vm.writel(at, 0x12345678)
                b.host.write(b.smram, 0x0a, 1)
                b.host.write(0x9e, esmramc, 1)
                self.check(vm.readl(first - 4), 0x12345678, 'below TSEG')
                self.check(vm.readl(first), 0xffffffff, 'first word of TSEG')
                vm.writel(self.TOP - 4, 0)
                self.check(vm.readl(self.TOP - 4), 0xffffffff, 'last word of TSEG')
                b.host.write(0x9e, 0, 1)
                self.check(vm.readl(self.TOP - 4), 0x12345678, 'TSEG was not written from outside')

    def test_extended_tseg_is_found_by_asking(self):
        for mib in (64, 16):
            vm = self.start('-M', 'q35', '-global', f'mch.extended-tseg-mbytes={mib}')
            host = Config(vm, 0)
            host.write(0x50, 0xffff, 2)
            self.check(host.read(0x50, 2), mib, 'extended TSEG in MiB')
        vm = self.start('-M', 'q35', '-global', 'mch.extended-tseg-mbytes=0')
        host = Config(vm, 0)
        host.write(0x50, 0xffff, 2)
        self.check(host.read(0x50, 2), 0xffff, 'no extended TSEG: the question comes back')

    def test_high_smram(self):
        vm = self.start('-M', 'q35')
        b = Board(vm, 'q35')
        b.host.write(b.smram, 0x4a, 1)
        vm.writel(0xa0000, 0x11111111)
        b.host.write(0x9e, 0x80, 1)
        self.check(vm.readl(0xfeda0000), 0x11111111, 'H_SMRAME with D_OPEN shows SMRAM at 0xfeda0000')
        self.assertNotEqual(vm.readl(0xa0000), 0x11111111, 'and no more at 0xa0000')
        b.host.write(b.smram, 0x0a, 1)
        self.check(vm.readl(0xfeda0000), 0xffffffff, 'closed high SMRAM')

    def test_smbase_smram_is_claimed_and_locked(self):
        vm = self.start('-M', 'q35')
        host = Config(vm, 0)
        vm.writel(0x30000, 0x11111111)
        host.write(0x9c, 0x02, 1)
        self.check(host.read(0x9c, 1), 0, 'nothing happens without the question')
        host.write(0x9c, 0xff, 1)
        self.check(host.read(0x9c, 1), 1, 'SMRAM at SMBASE is there')
        self.check(vm.readl(0x30000), 0x11111111, 'and still open')
        host.write(0x9c, 0x02, 1)
        self.check(host.read(0x9c, 1), 2, 'locked')
        self.check(vm.readl(0x30000), 0xffffffff, 'hidden at its start')
        self.check(vm.readl(0x4fffc), 0xffffffff, 'hidden at its end')
        self.check(vm.readl(0x50000), 0, 'but not behind')
        for value in (0, 1, 0xff):
            host.write(0x9c, value, 1)
            self.check(host.read(0x9c, 1), 2, 'stays locked')
        self.reset(vm)
        self.check(vm.readl(0x30000), 0x11111111, 'open again after reset')


class Ecam(ChipsetCase):
    def test_window_mirrors_the_ports(self):
        vm = self.start('-M', 'q35', '-device', 'edu,addr=10')
        host = Config(vm, 0)
        self.check(vm.readl(0xb0000000), 0xffffffff, 'off after reset')
        host.write(0x64, 0)
        host.write(0x60, 0xb0000001)
        for at in pc.all_functions(vm):
            base = 0xb0000000 + (pc.devfn(*at) << 12)
            for offset in range(0, 256, 4):
                self.check(vm.readl(base + offset), Config(vm, *at).read(offset), f'{at} register {offset:#x}')
            self.check(vm.readl(base + 0x100), 0xffffffff, f'{at} has no extended space')
            self.check(vm.readw(base + 2), Config(vm, *at).read(2, 2), f'{at} 16 bits')
            self.check(vm.readb(base + 3), Config(vm, *at).read(3, 1), f'{at} 8 bits')
        self.check(vm.readl(0xb0000000 + (30 << 15)), 0xffffffff, 'absent device')
        self.check(vm.readl(0xb0000000 + (1 << 20)), 0xffffffff, 'absent bus')
        self.check(vm.readl(0xbffffffc), 0xffffffff, 'end of the window')
        edu = 0xb0000000 + (pc.devfn(0x10) << 12)
        vm.writel(edu + 0x10, 0xe1000000)
        vm.writew(edu + 4, 2)
        self.check(vm.readl(0xe1000000), 0x010000ed, 'BAR programmed through the window')

    def test_window_moves_shrinks_and_goes(self):
        vm = self.start('-M', 'q35')
        host = Config(vm, 0)
        host.write(0x64, 0)
        for value, size in ((0xb0000001, 256), (0xe0000003, 128), (0xd0000005, 64)):
            base = value & ~7
            host.write(0x60, value)
            self.check(vm.readl(base), 0x29c08086, f'window at {base:#x}')
            self.check(vm.readl(base + (31 << 15)), 0x29188086, 'its device 31')
            vm.writel(base + (size << 20) - 0x1000, 0)
        self.check(vm.readl(0xb0000000), 0xffffffff, 'the first place is empty')
        host.write(0x60, 0xd0000007)
        self.check(vm.readl(0xd0000000), 0xffffffff, 'a reserved length is no window')
        host.write(0x64, 1)
        host.write(0x60, 1)
        self.check(vm.readl(0x100000000), 0x29c08086, 'window above 4 GiB')
        host.write(0x60, 0)
        self.check(vm.readl(0x100000000), 0xffffffff, 'window off')


class Interrupts(ChipsetCase):
    """INTx of edu in several slots through PIRQ routing to the IO APIC's inputs."""

    def raise_edu(self, b, slot):
        edu, mmio = Config(b.vm, slot), 0xe1000000
        edu.write(pc.BAR0, mmio)
        edu.command(pc.COMMAND_MEMORY)
        b.vm.writel(mmio + 0x60, 1)
        return edu, mmio

    def test_pirq_registers_choose_the_isa_interrupt(self):
        for slot in (3, 4, 5, 6):
            with self.subTest(slot=slot):
                vm = self.start('-M', 'pc', '-device', f'edu,addr={slot:x}')
                b = Board(vm, 'pc')
                vm.irq_intercept_in(b.ioapic_path)
                register = 0x60 + (slot - 1) % 4
                edu, mmio = self.raise_edu(b, slot)
                self.assertEqual(self.high(vm), set(), 'PIRQs are off after reset')
                b.bridge.write(register, 10, 1)
                self.assertEqual(self.high(vm), {10}, 'routing under an asserted pin')
                b.bridge.write(register, 11, 1)
                self.assertEqual(self.high(vm), {11}, 'rerouting moves the level')
                edu.command(pc.COMMAND_MEMORY | pc.COMMAND_INTX_DISABLE)
                self.assertEqual(self.high(vm), set(), 'COMMAND.INTX_DISABLE')
                self.check(edu.read(pc.STATUS, 2) & 8, 8, 'STATUS shows the interrupt all the same')
                edu.command(pc.COMMAND_MEMORY)
                self.assertEqual(self.high(vm), {11}, 'INTX_DISABLE taken back')
                vm.writel(mmio + 0x64, 1)
                self.assertEqual(self.high(vm), set(), 'acknowledged')
                self.check(edu.read(pc.STATUS, 2) & 8, 0, 'STATUS after acknowledging')
                vm.writel(mmio + 0x60, 1)
                b.bridge.write(register, 0x8b, 1)
                self.assertEqual(self.high(vm), set(), 'PIRQ disabled again')

    def test_q35_pirqs_reach_the_io_apic_always_and_the_pic_if_routed(self):
        for slot, pirq in ((3, 7), (4, 4), (5, 5), (0x18, 4)):
            with self.subTest(slot=slot):
                vm = self.start('-M', 'q35', '-device', f'edu,addr={slot:x}')
                b = Board(vm, 'q35')
                vm.irq_intercept_in(b.ioapic_path)
                self.raise_edu(b, slot)
                self.assertEqual(self.high(vm), {16 + pirq})
                register = 0x60 + pirq if pirq < 4 else 0x68 + pirq - 4
                b.bridge.write(register, 10, 1)
                self.assertEqual(self.high(vm), {16 + pirq, 10})
                b.bridge.write(register, 2, 1)
                self.assertEqual(self.high(vm), {16 + pirq}, 'the cascade is no target')

    def test_q35_route_registers_of_slots_25_to_31(self):
        vm = self.start('-M', 'q35', '-device', 'edu,addr=1d')
        b = Board(vm, 'q35')
        vm.irq_intercept_in(b.ioapic_path)
        b.bridge.write(0xf0, 0xfed1c001)
        self.check(vm.readw(0xfed1c000 + 0x3144), 0x3210, 'D29IR after reset')
        self.raise_edu(b, 0x1d)
        self.assertEqual(self.high(vm), {16})
        vm.writew(0xfed1c000 + 0x3144, 0x3215)
        self.assertEqual(self.high(vm), {21}, 'a new route moves the level')

    def test_lines_are_shared(self):
        vm = self.start('-M', 'pc', '-device', 'edu,addr=3', '-device', 'edu,addr=7')
        b = Board(vm, 'pc')
        vm.irq_intercept_in(b.ioapic_path)
        b.bridge.write(0x62, 5, 1)
        first, second = Config(vm, 3), Config(vm, 7)
        for edu, mmio in ((first, 0xe1000000), (second, 0xe2000000)):
            edu.write(pc.BAR0, mmio)
            edu.command(pc.COMMAND_MEMORY)
            vm.writel(mmio + 0x60, 1)
        self.assertEqual(self.high(vm), {5})
        vm.writel(0xe1000000 + 0x64, 1)
        self.assertEqual(self.high(vm), {5}, 'one of two devices still asserts')
        vm.writel(0xe2000000 + 0x64, 1)
        self.assertEqual(self.high(vm), set())

    @each_board('-device', 'edu,addr=10')
    def test_msi_replaces_intx(self, b):
        vm, mmio = b.vm, 0xe1000000
        edu = Config(vm, 0x10)
        cap = edu.find_capability(5)
        self.assertNotEqual(cap, 0, 'edu has MSI')
        edu.write(pc.BAR0, mmio)
        edu.command(pc.COMMAND_MEMORY | pc.COMMAND_MASTER)
        edu.write(cap + 4, 0x200000)        # a message is a memory write: let it land in RAM
        edu.write(cap + 8, 0)
        edu.write(cap + 12, 0x1234, 2)
        edu.write(cap + 2, 0xffff, 2)
        self.check(edu.read(cap + 2, 2) & 0x71, 0x01, 'enable is writable; no more messages can be granted than the device has')
        vm.writel(mmio + 0x60, 1)
        self.check(vm.readl(0x200000), 0x1234, 'message data')
        self.check(edu.read(pc.STATUS, 2) & 8, 0, 'INTx is quiet')
        vm.writel(0x200000, 0)
        edu.command(pc.COMMAND_MEMORY)
        vm.writel(mmio + 0x60, 2)
        self.check(vm.readl(0x200000), 0, 'no message without bus mastering')
        self.reset(vm)
        self.check(edu.read(cap + 2, 2) & 1, 0, 'MSI is off after reset')


class Plugging(ChipsetCase):
    """-device ... of a PCI device: slots, functions, wrong words."""

    def start_fails(self, args, *words):
        run = subprocess.run([qtest.emulator(), '-accel', 'qtest', '-display', 'none', *args], capture_output=True,
                             text=True, stdin=subprocess.DEVNULL, timeout=qtest.TIMEOUT_S)
        status, text = run.returncode, run.stderr
        self.assertEqual(status, 1, text)
        for word in words:
            self.assertIn(word, text)
        errors = [line for line in text.splitlines() if 'warning:' not in line]
        self.assertEqual(len(errors), 1, text)

    def test_slots_are_given_in_order_and_functions_share(self):
        vm = self.start('-M', 'pc', '-vga', 'none', '-device', 'edu', '-device', 'edu,addr=5.0,multifunction=on',
                        '-device', 'edu,addr=5.3')
        ours = {at for at in pc.all_functions(vm) if Config(vm, *at).read(0) == 0x11e81234}
        self.assertEqual(ours, {(2, 0), (5, 0), (5, 3)})
        self.check(Config(vm, 5).read(0x0e, 1), 0x80, 'multi-function bit')
        self.check(Config(vm, 2).read(0x0e, 1), 0x00, 'no multi-function bit')

    def test_wrong_addresses_are_refused_by_name(self):
        for value, word in (('20', "'20'"), ('5.8', "'5.8'"), ('x', "'x'"), ('', "''"), ('5.', "'5.'"), ('-2', "'-2'")):
            self.start_fails(['-M', 'pc', '-device', f'edu,addr={value}'], 'addr', word)

    def test_taken_slots_are_refused(self):
        self.start_fails(['-M', 'pc', '-device', 'edu,addr=1.0'], 'PIIX3')
        self.start_fails(['-M', 'pc', '-device', 'edu,addr=4', '-device', 'edu,addr=4'], 'edu')
        self.start_fails(['-M', 'pc', '-device', 'edu,addr=4', '-device', 'edu,addr=4.1'], 'multifunction=on')
        self.start_fails(['-M', 'pc', '-device', 'edu,addr=4.1', '-device', 'edu,addr=4.0'], 'multifunction=on')
        self.start_fails(['-M', 'pc', '-device', 'edu,romfile=/nonexistent'], 'romfile', '/nonexistent')
        self.start_fails(['-M', 'pc', '-device', 'edu,romsize=3'], 'romsize')

    def test_a_full_bus_says_so(self):
        args = ['-M', 'pc', '-vga', 'none']
        for _ in range(31):
            args += ['-device', 'edu']
        self.start_fails(args, 'pci.0', 'edu')


if __name__ == '__main__':
    unittest.main()
