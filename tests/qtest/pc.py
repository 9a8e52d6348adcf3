# SPDX-License-Identifier: GPL-2.0-or-later
"""PCI configuration space and the places of chip set registers, on top of qtest.py's port and memory commands."""
import qtest

CONFIG_ADDRESS, CONFIG_DATA = 0xcf8, 0xcfc
ENABLE = 1 << 31
COMMAND, STATUS, BAR0, ROM_BAR, INTERRUPT_LINE, INTERRUPT_PIN = 0x04, 0x06, 0x10, 0x30, 0x3c, 0x3d
COMMAND_IO, COMMAND_MEMORY, COMMAND_MASTER, COMMAND_INTX_DISABLE = 1, 2, 4, 1 << 10
MASKED = 1 << 16        # of an IO APIC redirection entry


def devfn(slot, function=0):
    return slot << 3 | function


class Config:
    """Configuration space of one function of bus 0, by ports 0xcf8 and 0xcfc."""

    def __init__(self, vm, slot, function=0, bus=0):
        self.vm = vm
        self.base = ENABLE | bus << 16 | devfn(slot, function) << 8

    def read(self, offset, size=4):
        self.vm.outl(CONFIG_ADDRESS, self.base | offset & 0xfc)
        port = CONFIG_DATA + (offset & 3)
        return {1: self.vm.inb, 2: self.vm.inw, 4: self.vm.inl}[size](port)

    def write(self, offset, value, size=4):
        self.vm.outl(CONFIG_ADDRESS, self.base | offset & 0xfc)
        port = CONFIG_DATA + (offset & 3)
        {1: self.vm.outb, 2: self.vm.outw, 4: self.vm.outl}[size](port, value)

    def bar_size(self, offset):
        """Sizes a BAR as software does, and puts its value back."""
        old = self.read(offset)
        self.write(offset, 0xffffffff)
        mask = self.read(offset)
        self.write(offset, old)
        mask &= ~3 if mask & 1 else ~0xf
        return -mask & 0xffffffff

    def command(self, value):
        self.write(COMMAND, value, 2)

    def find_capability(self, wanted):
        at = self.read(0x34, 1) if self.read(STATUS, 2) & 0x10 else 0
        for _ in range(48):
            if not at or self.read(at, 1) == wanted:
                return at
            at = self.read(at + 1, 1)
        raise AssertionError('the capability list has a loop')


def all_functions(vm):
    return [(slot, function) for slot in range(32) for function in range(8)
            if Config(vm, slot, function).read(0) != 0xffffffff]


class Board:
    """What differs between pc and q35 for a test that runs on both."""

    def __init__(self, vm, machine):
        self.vm, self.machine = vm, machine
        self.q35 = machine == 'q35'
        self.host = Config(vm, 0)
        self.bridge = Config(vm, 31) if self.q35 else Config(vm, 1)
        self.pam0 = 0x90 if self.q35 else 0x59
        self.smram = 0x9d if self.q35 else 0x72
        self.ioapic_path = '/machine/q35/ioapic' if self.q35 else '/machine/i440fx/ioapic'
        self.acpi_enable, self.acpi_disable = (2, 3) if self.q35 else (0xf1, 0xf0)
        self.pm = 0x600
        self.gpe0 = 0x620 if self.q35 else 0xafe0
        self.gpe_half = 8 if self.q35 else 2

    def map_pm(self):
        """Puts the power management block at port 0x600, as firmware does."""
        if self.q35:
            self.bridge.write(0x40, self.pm | 1)
            self.bridge.write(0x44, 0x80, 1)
        else:
            pm = Config(self.vm, 1, 3)
            pm.write(0x40, self.pm | 1)
            pm.write(0x80, 1, 1)
        return self.pm


MACHINES = ['pc', 'q35']
RESET = 'RESET'


def each_board(*args):
    """Runs a test once for each machine, with a fresh Board."""
    def decorate(test):
        def run(self):
            for machine in MACHINES:
                with self.subTest(machine=machine):
                    test(self, Board(self.start('-M', machine, '-m', '256', *args), machine))
        run.__name__, run.__doc__ = test.__name__, test.__doc__
        return run
    return decorate


class ChipsetCase(qtest.Case):
    def check(self, got, wanted, claim):
        self.assertEqual(got, wanted, f'{claim}: is {got:#x}, wanted {wanted:#x}')

    def high(self, vm):
        """Intercepted lines that are high."""
        return {n for n, level in vm.irqs.items() if level}

    def reset(self, vm):
        vm.qmp('system_reset')
        vm.qmp.event(RESET)
