# SPDX-License-Identifier: GPL-2.0-or-later
"""
What tests of PC devices share: PCI configuration space, the places of chip set registers, finding a device, and the
interrupt controllers as instruments.

A device's interrupt is best observed at the IO APIC (irq_intercept_in of IOAPIC[board]), or in the 8259's IRR with the
input made level-triggered (ELCR), where a bit is the line's level.
"""
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
        """Intercepted lines that are high, but for those of free-running timers (PIT and RTC)."""
        return {n for n, level in vm.irqs.items() if level and n not in (0, 2, 8)}

    def reset(self, vm):
        vm.qmp('system_reset')
        vm.qmp.event(RESET)


IOAPIC = {'pc': '/machine/i440fx/ioapic', 'q35': '/machine/q35/ioapic'}
PIT_PIN = (2, 0)            # the PIT's pin at the IO APIC; counted before or after the board's change of 0 to 2


def children(m, path):
    return [(p['name'], p['type'][6:-1]) for p in m.qmp('qom-list', path=path) if p['type'].startswith('child<')]


def devices(m, kind):
    """QOM paths of all devices of @kind that have no id, in order of creation."""
    found = [name for name, t in children(m, '/machine/unattached') if t == kind]
    return ['/machine/unattached/' + name for name in sorted(found, key=lambda n: int(n[n.index('[') + 1:-1]))]


def pit_edges(m):
    """Rising edges of the PIT's interrupt that an intercepted IO APIC has seen."""
    return sum(1 for pin, level in m.irq_log if pin in PIT_PIN and level)


class Pic:
    """One 8259A."""
    def __init__(self, m, base, elcr):
        self.m, self.base, self.elcr = m, base, elcr

    def init(self, icw2, icw3, icw4=0x01, icw1=0x11):
        self.m.outb(self.base, icw1)
        self.m.outb(self.base + 1, icw2)
        if not icw1 & 2:
            self.m.outb(self.base + 1, icw3)
        if icw1 & 1:
            self.m.outb(self.base + 1, icw4)

    def command(self, value):
        self.m.outb(self.base, value)

    def irr(self):
        self.m.outb(self.base, 0x0a)
        return self.m.inb(self.base)

    def isr(self):
        self.m.outb(self.base, 0x0b)
        return self.m.inb(self.base)

    def poll(self):
        """Acknowledges by a poll command: number of the request, or None."""
        self.m.outb(self.base, 0x0c)
        value = self.m.inb(self.base)
        return value & 7 if value & 0x80 else None

    @property
    def imr(self):
        return self.m.inb(self.base + 1)

    @imr.setter
    def imr(self, value):
        self.m.outb(self.base + 1, value)


class Pics:
    """The pair as PC firmware sets it up: vectors 8 and 0x70, all masked, edge-triggered."""
    def __init__(self, m):
        self.m = m
        self.master, self.slave = Pic(m, 0x20, 0x4d0), Pic(m, 0xa0, 0x4d1)
        self.init()

    def init(self):
        self.master.init(0x08, 0x04)
        self.slave.init(0x70, 0x02)
        self.master.imr = self.slave.imr = 0xff

    def level_mode(self, irq):
        """From now on level(irq) is the level of the line."""
        port = 0x4d1 if irq >= 8 else 0x4d0
        self.m.outb(port, self.m.inb(port) | 1 << irq % 8)

    def requested(self, irq):
        return (self.slave if irq >= 8 else self.master).irr() >> irq % 8 & 1

    level = requested


class IoApic:
    """Indirect registers of the IO APIC."""
    BASE = 0xfec00000
    MASK, LEVEL, REMOTE_IRR, LOW = 1 << 16, 1 << 15, 1 << 14, 1 << 13

    def __init__(self, m, base=BASE):
        self.m, self.base = m, base

    def read(self, index):
        self.m.writel(self.base, index)
        return self.m.readl(self.base + 0x10)

    def write(self, index, value):
        self.m.writel(self.base, index)
        self.m.writel(self.base + 0x10, value)

    def entry(self, pin):
        return self.read(0x11 + 2 * pin) << 32 | self.read(0x10 + 2 * pin)

    def set_entry(self, pin, value):
        self.write(0x11 + 2 * pin, value >> 32)
        self.write(0x10 + 2 * pin, value & 0xffffffff)
