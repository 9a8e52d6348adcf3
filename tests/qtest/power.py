#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""ACPI registers, reset control, TCO watchdog and SMBus of both boards."""
import unittest

import pc
import qtest
from pc import Board, ChipsetCase, Config, each_board

SHUTDOWN = 'SHUTDOWN'


class Power(ChipsetCase):
    HZ = 3579545

    @each_board()
    def test_pm_timer_counts_at_its_rate(self, b):
        pm, vm = b.map_pm(), b.vm
        start = vm.inl(pm + 8)
        vm.clock_step(1_000_000_000)
        self.check((vm.inl(pm + 8) - start) & 0xffffff, self.HZ, 'ticks in a second')
        vm.outl(pm + 8, 0)
        self.check((vm.inl(pm + 8) - start) & 0xffffff, self.HZ, 'the timer is not written')
        vm.clock_step(4_000_000_000)
        self.check(vm.inl(pm + 8), (start + 5 * self.HZ) & 0xffffff, 'it wraps at 24 bits')

    @each_board()
    def test_carry_raises_the_sci_only_if_enabled(self, b):
        half = (1 << 23) * 1_000_000_000 // self.HZ
        pm, vm = b.map_pm(), b.vm
        vm.irq_intercept_in(b.ioapic_path)
        vm.clock_step(half + 1_000_000)
        self.check(vm.inw(pm), 1, 'TMR_STS after 2^23 ticks')
        self.assertEqual(self.high(vm), set(), 'not enabled')
        vm.outw(pm + 2, 1)
        self.assertEqual(self.high(vm), {9}, 'enabled while pending')
        vm.outw(pm, 1)
        self.assertEqual(self.high(vm), set(), 'cleared')
        self.check(vm.inw(pm), 0, 'TMR_STS cleared by writing 1')
        vm.clock_step(half - 10_000_000)
        self.assertEqual(self.high(vm), set(), 'just before the next carry')
        vm.clock_step(10_000_000)
        self.assertEqual(self.high(vm), {9}, 'the next carry')
        vm.outw(pm + 2, 0)
        self.assertEqual(self.high(vm), set(), 'disabled')

    def deadlines(self, vm, until_ns):
        """Times at which timers are due, up to @until_ns; they run."""
        found, now = set(), vm.clock_step(0)
        while now < until_ns:
            try:
                now = vm.clock_step()
            except qtest.QtestError:
                break
            found.add(now)
            if len(found) > 10000:
                self.fail('timers fire without end')
        vm.clock_set(until_ns)
        return found

    @each_board()
    def test_nothing_is_armed_that_nobody_would_see(self, b):
        pm, vm = b.map_pm(), b.vm
        carries = [((n << 23) * 1_000_000_000 // self.HZ) + 1 for n in range(1, 5)]
        self.assertNotIn(carries[0], self.deadlines(vm, carries[0]), 'TMR_EN off: no timer')
        vm.outw(pm, 1)
        vm.outw(pm + 2, 1)
        self.assertIn(carries[1], self.deadlines(vm, carries[1]), 'TMR_EN on: a timer at the carry')
        self.assertNotIn(carries[2], self.deadlines(vm, carries[2]), 'status pending: nothing to wait for')

    @each_board()
    def test_registers_keep_only_their_bits(self, b):
        pm, vm = b.map_pm(), b.vm
        vm.outw(pm + 2, 0xffff)
        self.check(vm.inw(pm + 2), 0x0721, 'PM1_EN')
        vm.outb(pm + 3, 0)
        self.check(vm.inw(pm + 2), 0x0021, 'a byte write leaves the other byte')
        vm.outw(pm, 0xffff)
        self.check(vm.inw(pm), 0, 'PM1_STS has nothing to clear')
        vm.outw(pm + 4, 0x1c00)
        self.check(vm.inw(pm + 4), 0x1c00, 'SLP_TYP without SLP_EN is storage')
        for i in range(b.gpe_half):
            vm.outb(b.gpe0 + b.gpe_half + i, 0xff)
            self.check(vm.inb(b.gpe0 + b.gpe_half + i), 0xff, f'GPE0_EN byte {i}')
            vm.outb(b.gpe0 + i, 0xff)
            self.check(vm.inb(b.gpe0 + i), 0, f'GPE0_STS byte {i}')

    @each_board('-machine', 'smm=off')
    def test_acpi_is_enabled_through_apmc(self, b):
        pm, vm = b.map_pm(), b.vm
        self.check(vm.inw(pm + 4) & 1, 0, 'SCI_EN after reset')
        vm.outb(0xb3, 0x77)
        vm.outb(0xb2, b.acpi_enable)
        self.check(vm.inw(pm + 4) & 1, 1, 'SCI_EN after ACPI_ENABLE')
        self.check(vm.inb(0xb2), b.acpi_enable, 'APMC reads back')
        self.check(vm.inb(0xb3), 0x77, 'APMS is storage')
        vm.outb(0xb2, b.acpi_disable)
        self.check(vm.inw(pm + 4) & 1, 0, 'SCI_EN after ACPI_DISABLE')

    @each_board()
    def test_power_button(self, b):
        pm, vm = b.map_pm(), b.vm
        vm.irq_intercept_in(b.ioapic_path)
        vm.qmp('system_powerdown')
        vm.qmp.event('POWERDOWN')
        self.assertEqual(self.high(vm), set(), 'nobody listens')
        vm.outw(pm + 2, 0x100)
        vm.qmp('system_powerdown')
        vm.qmp.event('POWERDOWN')
        self.check(vm.inw(pm), 0x100, 'PWRBTN_STS')
        self.assertEqual(self.high(vm), {9}, 'SCI')
        vm.outw(pm, 0x100)
        self.assertEqual(self.high(vm), set())

    @each_board('-no-shutdown')
    def test_soft_off_shuts_down(self, b):
        pm, vm = b.map_pm(), b.vm
        vm.outw(pm + 4, 0x2000)
        self.assertEqual(vm.qmp.event(SHUTDOWN)['data'], {'guest': True, 'reason': 'guest-shutdown'})

    @each_board('-rtc', 'clock=vm')
    def test_sleep_in_ram_and_what_ends_it(self, b):
        vm, pm = b.vm, b.map_pm()
        vm.outw(pm, 0xffff)
        for wake, source in ((lambda: vm.qmp('system_wakeup'), 0x100),
                             (lambda: vm.qmp('send-key', keys=[{'type': 'qcode', 'data': 'a'}]), 0x100),
                             (lambda: vm.clock_step(10_000_000_000), 0x400)):
            pm = b.map_pm()
            vm.outb(0x70, 0x0b)
            vm.outb(0x71, 0x22 if source == 0x400 else 0x02)    # alarm interrupt
            for reg in 1, 3, 5:
                vm.outb(0x70, reg)
                vm.outb(0x71, 0xff)                     # every second
            vm.outb(0x70, 0x0c)
            vm.inb(0x71)                                # no alarm is pending
            if source != 0x400:
                vm.outw(pm + 2, 0)
            else:
                vm.outw(pm + 2, 0x400)                  # RTC_EN: the alarm may wake
            vm.outw(pm + 4, 0x2000 | 1 << 10)
            vm.qmp.event('SUSPEND')
            self.assertEqual(vm.qmp('query-status')['status'], 'suspended')
            vm.outb(0x70, 0x0f)
            self.check(vm.inb(0x71), 0xfe, 'the BIOS will know that it is a wake-up')
            vm.qmp('stop')
            vm.qmp('cont')
            self.assertEqual(vm.qmp('query-status')['status'], 'suspended', 'pausing does not wake')
            if source != 0x400:
                vm.clock_step(3_000_000_000)            # the alarm is not enabled
                self.assertEqual(vm.qmp('query-status')['status'], 'suspended')
            wake()
            vm.qmp.event('WAKEUP')
            pm = b.map_pm()
            self.check(vm.inw(pm) & 0x8500, 0x8000 | source, 'WAK_STS and what woke')
            vm.clock_step(1_000_000_000)                # the key goes up

    @each_board()
    def test_pam_survives_sleep_but_not_reset(self, b):
        vm, pm = b.vm, b.map_pm()
        b.host.write(b.pam0, 0x30, 1)
        vm.outw(pm + 4, 0x2000 | 1 << 10)
        vm.qmp.event('SUSPEND')
        vm.qmp('system_wakeup')
        vm.qmp.event('WAKEUP')
        self.check(b.host.read(b.pam0, 1), 0x30, 'firmware stays in its shadow')
        self.reset(vm)
        self.check(b.host.read(b.pam0, 1), 0, 'a reset is another thing')

    @each_board('-no-shutdown')
    def test_sleep_on_disk_is_a_shutdown(self, b):
        pm = b.map_pm()
        b.vm.outw(pm + 4, 0x2000 | 2 << 10)
        b.vm.qmp.event('SUSPEND_DISK')
        self.assertEqual(b.vm.qmp.event('SHUTDOWN')['data'], {'guest': True, 'reason': 'guest-shutdown'})

    @each_board('-no-shutdown')
    def test_unknown_sleep_types_do_nothing(self, b):
        pm, vm = b.map_pm(), b.vm
        for kind in range(3, 8):
            vm.outw(pm + 4, 0x2000 | kind << 10)
        self.check(vm.inw(pm + 4), 7 << 10, 'SLP_EN reads as 0')
        vm.outw(pm + 4, 0x2000)
        self.assertEqual(vm.qmp.event(SHUTDOWN)['data']['guest'], True, 'the first shutdown is this one')

    @each_board()
    def test_reset_control_resets(self, b):
        vm = b.vm
        vm.outl(0xcf8, 0x80000010)
        vm.outb(0xcf9, 0x02)
        self.check(vm.inb(0xcf9), 0x02, 'SYS_RST is kept')
        self.check(vm.inl(0xcf8), 0x80000010, 'CONFIG_ADDRESS is another register')
        b.host.write(b.pam0, 0x30, 1)
        vm.outb(0xcf9, 0x06)
        self.assertEqual(vm.qmp.event(pc.RESET)['data'], {'guest': True, 'reason': 'guest-reset'})
        self.check(b.host.read(b.pam0, 1), 0, 'PAM0 after reset')
        self.check(vm.inb(0xcf9), 0, 'reset control after reset')

    @each_board()
    def test_blocks_move_with_their_base(self, b):
        vm = b.vm
        b.map_pm()
        vm.clock_step(1_000_000)
        self.assertNotEqual(vm.inl(0x608), 0xffffffff)
        base = 0x1000
        if b.q35:
            b.bridge.write(0x40, base)
            self.check(b.bridge.read(0x40), base | 1, 'PMBASE')
        else:
            Config(vm, 1, 3).write(0x40, base | 0x3f)
            self.check(Config(vm, 1, 3).read(0x40), base | 1, 'PMBA')
        self.check(vm.inl(0x608), 0xffffffff, 'the old place is empty')
        self.check(vm.inl(base + 8), 3579, 'timer at the new place')


class Watchdog(ChipsetCase):
    """TCO of ICH9."""
    TICK = 600_000_000

    def tco(self, vm):
        b = Board(vm, 'q35')
        b.map_pm()
        b.bridge.write(0xf0, 0xfed1c001)
        return 0x660

    def test_two_rounds_reset_the_machine(self):
        vm = self.start('-M', 'q35')
        tco = self.tco(vm)
        vm.writel(0xfed1c000 + 0x3410, 0)           # GCS.NO_REBOOT off
        vm.outw(tco + 0x12, 10)
        vm.outw(tco, 1)
        self.check(vm.inw(tco), 10, 'counter after reload')
        vm.clock_step(4 * self.TICK)
        self.check(vm.inw(tco), 6, 'counter after 4 ticks')
        vm.clock_step(6 * self.TICK)
        self.check(vm.inw(tco + 4) & 8, 8, 'TIMEOUT after the first round')
        vm.clock_step(9 * self.TICK)
        vm.outw(tco, 1)
        vm.clock_step(9 * self.TICK)
        self.check(vm.inw(tco + 6) & 2, 0, 'a reload starts over')
        vm.clock_step(2 * self.TICK)
        vm.clock_step(10 * self.TICK)
        self.assertEqual(vm.qmp.event(pc.RESET)['data'], {'guest': True, 'reason': 'guest-reset'})
        self.tco(vm)
        self.check(vm.inw(tco + 6) & 6, 6, 'SECOND_TO_STS and BOOT_STS tell firmware why')

    def test_no_reboot_only_notes_it(self):
        vm = self.start('-M', 'q35')
        tco = self.tco(vm)
        self.check(vm.readl(0xfed1c000 + 0x3410) & 0x20, 0x20, 'NO_REBOOT after reset')
        vm.outw(tco + 0x12, 4)
        vm.outw(tco, 1)
        vm.clock_step(5 * self.TICK)
        vm.clock_step(5 * self.TICK)
        self.check(vm.inw(tco + 6) & 2, 2, 'SECOND_TO_STS')

    def test_halt_and_lock(self):
        vm = self.start('-M', 'q35')
        tco = self.tco(vm)
        vm.outw(tco + 0x12, 8)
        vm.outw(tco, 1)
        vm.clock_step(3 * self.TICK)
        vm.outw(tco + 8, 0x0800)
        vm.clock_step(100 * self.TICK)
        self.check(vm.inw(tco + 4) & 8, 0, 'a halted watchdog does not expire')
        self.check(vm.inw(tco), 5, 'and keeps its count')
        vm.outw(tco + 8, 0x1800)
        vm.outw(tco + 8, 0)
        self.check(vm.inw(tco + 8) & 0x1000, 0x1000, 'TCO_LOCK stays')
        vm.outl(0x630, 1 << 13)
        vm.outl(0x630, 0)
        self.check(vm.inl(0x630), 1 << 13, 'a locked TCO keeps TCO_EN')


class Smbus(ChipsetCase):
    def base(self, b):
        if b.q35:
            smb = Config(b.vm, 31, 3)
            smb.write(0x20, 0x700)
            smb.command(pc.COMMAND_IO)
            smb.write(0x40, 1, 1)
            return 0x700
        return 0xb100

    def transfer(self, vm, base, address, command, kind, data=0):
        vm.outb(base, 0xff)
        vm.outb(base + 4, address)
        vm.outb(base + 3, command)
        vm.outb(base + 5, data)
        vm.outb(base + 2, 0x40 | kind << 2)
        if vm.inb(base) & 0x81 == 0x81:         # byte by byte: the end after the one that is there
            vm.outb(base + 2, 0x20 | kind << 2)
            while vm.inb(base) & 0x80:
                vm.outb(base, 0x80)
        return vm.inb(base)

    def byte(self, vm, base, address, command, data=None):
        """One byte of the slave at @address, read or written by 'byte data'."""
        self.check(self.transfer(vm, base, address << 1 | (data is None), command, 2, data or 0), 2, 'byte data')
        return vm.inb(base + 5)

    @each_board()
    def test_eeproms_forget_at_reset_what_was_written(self, b):
        base = self.base(b)
        self.byte(b.vm, base, 0x53, 7, 0xa5)
        self.check(self.byte(b.vm, base, 0x53, 7), 0xa5, 'written')
        self.check(self.byte(b.vm, base, 0x52, 7), 0, 'the others are untouched')
        self.reset(b.vm)
        self.check(self.byte(b.vm, self.base(b), 0x53, 7), 0, 'after reset')

    @each_board()
    def test_words_and_running_counter(self, b):
        base = self.base(b)
        b.vm.outb(base, 0xff)
        b.vm.outb(base + 6, 0x22)
        self.check(self.transfer(b.vm, base, 0xa0, 0xff, 3, 0x11), 2, 'word written across the wrap')
        self.check(self.byte(b.vm, base, 0x50, 0xff), 0x11, 'low byte')
        self.check(self.byte(b.vm, base, 0x50, 0x00), 0x22, 'high byte wrapped to 0')
        self.check(self.transfer(b.vm, base, 0xa0, 0xff, 1), 2, 'send byte sets the counter')
        self.check(self.transfer(b.vm, base, 0xa1, 0, 1), 2, 'receive byte')
        self.check(b.vm.inb(base + 5), 0x11, 'from there')
        self.transfer(b.vm, base, 0xa1, 0, 1)
        self.check(b.vm.inb(base + 5), 0x22, 'and the next')

    @each_board()
    def test_block_through_the_buffer(self, b):
        base = self.base(b)
        b.vm.outb(base + 0xd, 2)                # E32B; PIIX4 has the buffer always
        b.vm.outb(base, 0xff)
        for value in (1, 2, 3):
            b.vm.outb(base + 7, value)
        self.check(self.transfer(b.vm, base, 0xa0, 0x20, 5, 3), 2, 'block write')
        self.assertEqual([self.byte(b.vm, base, 0x50, 0x20 + i) for i in range(4)], [3, 1, 2, 3], 'count and bytes')
        self.check(self.transfer(b.vm, base, 0xa1, 0x20, 5), 2, 'block read')
        self.assertEqual([b.vm.inb(base + 5)] + [b.vm.inb(base + 7) for _ in range(3)], [3, 1, 2, 3], 'the same back')
        self.check(self.transfer(b.vm, base, 0xa1, 0x30, 5), 4, 'a count of 0 is an error')
        self.byte(b.vm, base, 0x50, 0x30, 33)
        self.check(self.transfer(b.vm, base, 0xa1, 0x30, 5), 4, 'and one of 33')

    def test_byte_by_byte(self):
        vm = self.start('-machine', 'q35')
        base = self.base(pc.Board(vm, 'q35'))
        for i in range(4):
            self.byte(vm, base, 0x51, i, [3, 0x10, 0x20, 0x30][i])
        vm.outb(base, 0xff)
        vm.outb(base + 4, 0xa3)
        vm.outb(base + 3, 0)
        vm.outb(base + 2, 0x54)             # block read
        got = []
        while vm.inb(base) & 0x80:
            self.check(vm.inb(base) & 0x03, 0x01, 'busy')
            got.append(vm.inb(base + 7))
            vm.outb(base, 0x80)
        self.assertEqual((got, vm.inb(base + 5), vm.inb(base)), ([0x10, 0x20, 0x30], 3, 2), 'block read')
        vm.outb(base, 0xff)
        vm.outb(base + 6, 1)                # I2C read from 1, three bytes: LAST_BYTE before the last is taken
        vm.outb(base + 2, 0x58)
        got = [vm.inb(base + 7)]
        for control in (0x18, 0x38):
            vm.outb(base, 0x80)
            vm.outb(base + 2, control)
            self.check(vm.inb(base) & 0x81, 0x81, 'next byte is there')
            got.append(vm.inb(base + 7))
        vm.outb(base, 0x80)
        self.assertEqual((got, vm.inb(base)), ([0x10, 0x20, 0x30], 2), 'I2C read')
        vm.outb(base, 0xff)
        vm.outb(base + 2, 0x58)             # the same, as a driver does that works by interrupts:
        got = [vm.inb(base + 7)]
        vm.outb(base, 0x80)
        got.append(vm.inb(base + 7))
        vm.outb(base + 2, 0x38)             # LAST_BYTE when the last but one is taken
        vm.outb(base, 0x80)
        self.check(vm.inb(base) & 0x81, 0x81, 'the last is there')
        got.append(vm.inb(base + 7))
        vm.outb(base, 0x80)
        self.assertEqual((got, vm.inb(base)), ([0x10, 0x20, 0x30], 2), 'I2C read')
        vm.outb(base, 0xff)
        vm.outb(base + 4, 0xa2)
        vm.outb(base + 3, 0x40)
        vm.outb(base + 5, 2)
        vm.outb(base + 7, 0xaa)
        vm.outb(base + 2, 0x54)             # block write
        vm.outb(base + 7, 0xbb)
        vm.outb(base, 0x80)
        self.check(vm.inb(base) & 0x81, 0x81, 'second byte sent')
        vm.outb(base, 0x80)
        self.check(vm.inb(base), 2, 'block write')
        self.assertEqual([self.byte(vm, base, 0x51, 0x40 + i) for i in range(3)], [2, 0xaa, 0xbb], 'count and bytes')
        vm.outb(base, 0xff)
        vm.outb(base + 4, 0xa2)
        vm.outb(base + 5, 2)
        vm.outb(base + 2, 0x54)
        vm.outb(base + 2, 0x02)             # KILL
        self.check(vm.inb(base), 0x90, 'killed')

    @each_board()
    def test_devices_of_the_users(self, b):
        listed = b.vm.qmp.hmp('info qtree')
        self.assertEqual(listed.count('dev: smbus-eeprom'), 8, 'EEPROMs')
        vm = self.start('-machine', b.machine, '-device', 'i2c-ddc,address=0x37,xres=1024,yres=768')
        base = self.base(pc.Board(vm, b.machine))
        edid = [self.byte(vm, base, 0x37, i) for i in range(128)]
        self.assertEqual(edid[:8], [0, 255, 255, 255, 255, 255, 255, 0], 'header')
        self.assertEqual(sum(edid) & 0xff, 0, 'checksum')
        self.assertEqual((edid[56] | (edid[58] & 0xf0) << 4, edid[59] | (edid[61] & 0xf0) << 4), (1024, 768), 'size')

    @each_board()
    def test_eeproms_answer_and_others_do_not(self, b):
        base = self.base(b)
        for slave in (0x50, 0x57):
            self.check(self.transfer(b.vm, base, slave << 1, 0x10, 2, 0x5a), 2, f'write to {slave:#x}')
            self.check(self.transfer(b.vm, base, slave << 1 | 1, 0x10, 2), 2, f'read of {slave:#x}')
            self.check(b.vm.inb(base + 5), 0x5a, f'byte of {slave:#x}')
        for slave in (0x00, 0x4f, 0x58, 0x7f):
            self.check(self.transfer(b.vm, base, slave << 1, 0, 2), 4, f'nobody at {slave:#x}')

    @each_board()
    def test_every_protocol_at_every_address_ends(self, b):
        base = self.base(b)
        for address in range(256):
            for kind in range(8):
                status = self.transfer(b.vm, base, address, 0xff, kind, 0xff)
                self.assertIn(status, (2, 4), f'address {address:#x} protocol {kind}')
        for offset in range(64):
            b.vm.outb(base + offset, 0xff)
            b.vm.inb(base + offset)
        for _ in range(100):
            b.vm.outb(base + 7, 0xff)
            b.vm.inb(base + 7)


if __name__ == '__main__':
    unittest.main()
