#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
KVM with all its features, which a test machine's own /dev/kvm may not have: Debian's QEMU (TCG with SVM) boots Debian's kernel,
that loads kvm-amd, and the emulator under test runs Debian's kernel inside.

Slow (some ten minutes): suite `nested`. $RHEA_NESTED_SMP: vCPU counts to try, "1,2,4".
"""
import os
import re
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'guest'))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'monitor'))
import gdb                                          # noqa: E402
import guest                                        # noqa: E402
import kvmtest                                      # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
HOST_QEMU = '/usr/bin/qemu-system-x86_64'
FOLDER = os.path.join(guest.BUILD, 'nested')
SMP = os.environ.get('RHEA_NESTED_SMP', '1,2,4').split(',')
STARTED = r'inner guest runs: (\S+), (\d+) CPU\(s\), clock (\S+)\n'


class Outer(guest.Guest):
    """The host of the guests."""
    def __init__(self):
        self.cmd = [HOST_QEMU, '-accel', 'tcg,thread=multi', '-cpu', 'max', '-m', '1800', '-smp', '2', '-nodefaults', '-display', 'none',
                    '-serial', 'stdio', '-kernel', f'{FOLDER}/vmlinuz', '-initrd', f'{FOLDER}/outer.gz',
                    '-append', 'console=ttyS0 quiet panic=-1 mitigations=off']
        self.log, self.seen = '', 0

    def prompt(self, limit=guest.LIMIT):
        self.expect(r'outer# ', limit)


class ShellClient(gdb.Client):
    """A debugger of @command, which runs in the outer host, typed into that one's shell."""
    def __init__(self, outer, command):
        self.outer, self.seen = outer, 0
        outer.shell('rm -f /tmp/g.in /tmp/g.out; mkfifo /tmp/g.in /tmp/g.out; : > /tmp/out; '
                    f'({command} -gdb pipe:/tmp/g < /dev/null > /tmp/log 2>&1 &); (cat /tmp/g.out > /tmp/out &)')

    def __call__(self, text):
        end = f'tail -c +{self.seen + 1} /tmp/out'
        reply = self.outer.shell(f"printf '+$%s#%02x' '{text}' {sum(text.encode()) & 0xff} > /tmp/g.in; "
                                 f"until {end} | grep -q '#..$'; do usleep 10000; done; {end}")
        self.seen += len(reply)
        return re.fullmatch(r'\+?\$(.*)#..', reply).group(1)


class Nested(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        extra = os.path.join(FOLDER, 'extra')
        os.makedirs(extra, exist_ok=True)
        with open(os.path.join(extra, 'debugged.bin'), 'wb') as f:
            f.write(kvmtest.assemble(gdb.GUEST, FOLDER))
        subprocess.run([os.path.join(HERE, 'make-nested'), FOLDER, guest.EMULATOR], check=True)
        cls.outer = Outer()
        cls.outer.__enter__()
        cls.outer.expect('outer host runs: ')
        cls.outer.prompt()

    @classmethod
    def tearDownClass(cls):
        cls.outer.__exit__()

    def run_inner(self, command, cpus):
        text = self.outer.shell(command)
        m = re.search(STARTED, text)
        self.assertIsNotNone(m, text[-3000:])
        self.assertEqual((m.group(2), m.group(3)), (str(cpus), 'kvm-clock'), text[-3000:])
        return text

    def test_boards_vcpus_interrupt_controllers(self):
        for irqchip in ('on', 'split', 'off'):
            for board in ('pc', 'q35'):
                for smp in SMP:
                    with self.subTest(irqchip=irqchip, board=board, smp=smp):
                        text = self.run_inner(f'RUN="poweroff -f" inner rhea kvm,kernel-irqchip={irqchip} -M {board} -smp {smp}', smp)
                        self.assertIn('Power down', text)

    def test_split_without_hpet(self):
        for hpet in ('on', 'off'):
            text = self.run_inner('RUN="cat /sys/devices/system/clocksource/clocksource0/available_clocksource; poweroff -f" '
                                  f'inner rhea kvm,kernel-irqchip=split -M q35,hpet={hpet} -smp 2', 2)
            self.assertEqual(bool(re.search(r'\bhpet\b', text.split('clock kvm-clock')[1])), hpet == 'on')

    def test_cpu_comes_and_goes(self):
        cpu = '/sys/devices/system/cpu/cpu1'
        run = (f'echo it is ready; until test -e {cpu}/online; do sleep 1; done; echo 1 > {cpu}/online; '
               'echo came: $(nproc), on $(taskset 2 cut -d\' \' -f39 /proc/self/stat); '
               f'while test -e {cpu}; do sleep 1; done; echo went: $(nproc); poweroff -f')
        wait = 'until grep -q "{}" /tmp/log; do sleep 1; done'
        self.outer.shell('mkfifo /tmp/m.in /tmp/m.out; (while true; do cat /tmp/m.out > /dev/null; done &)')
        for irqchip in ('on', 'split', 'off'):
            with self.subTest(irqchip=irqchip):
                self.outer.shell(f'(RUN="{run}" inner rhea kvm,kernel-irqchip={irqchip} -smp 1,maxcpus=2 -monitor pipe:/tmp/m '
                                 '< /dev/null > /tmp/log 2>&1 &)')
                self.outer.shell(wait.format('it is ready'))
                self.outer.shell('echo device_add qemu64-x86_64-cpu,id=c,socket-id=0,core-id=1,thread-id=0 > /tmp/m.in')
                self.outer.shell(wait.format('^came'))
                self.outer.shell('echo device_del c > /tmp/m.in')
                self.outer.shell(wait.format('Power down'))
                text = self.outer.shell('cat /tmp/log')
                self.assertIn('came: 2, on 1\n', text)
                self.assertIn('went: 1\n', text)

    def test_debugger(self):
        at = gdb.labels_of(FOLDER)
        for irqchip in ('on', 'off'):
            g = ShellClient(self.outer, f'rhea -accel kvm,kernel-irqchip={irqchip} -M pc -nodefaults -display none -bios /guest/debugged.bin -S')
            with self.subTest(irqchip=irqchip, what='steps'):
                gdb.check_steps(self, g, at)
            for kind in (0, 1):
                with self.subTest(irqchip=irqchip, what='breakpoints', kind=kind):
                    gdb.check_breakpoints(self, g, at, kind)
            for point in gdb.WATCHPOINTS:
                with self.subTest(irqchip=irqchip, what='watchpoint', point=point):
                    gdb.check_watchpoint(self, g, at, *point)
            self.outer.shell('kill $(pidof rhea); while pidof rhea; do true; done; cat /tmp/log')

    def test_paravirtual_features(self):
        text = self.run_inner('NOTE= RUN="poweroff -f" inner rhea kvm -cpu host -smp 2', 2)
        for words in ('Hypervisor detected: KVM', 'kvm-clock: Using msrs 4b564d01 and 4b564d00', 'PV spinlocks enabled',
                      'setup PV IPIs', 'KVM setup pv remote TLB flush'):
            self.assertIn(words, text)
        text = self.outer.shell('RUN="poweroff -f" inner rhea kvm -cpu qemu64,kvm=off')
        self.assertNotEqual(re.search(STARTED, text).group(3), 'kvm-clock')

    def test_same_cpuid_as_qemus(self):
        for cpu in ('qemu64', 'qemu64,hv-relaxed,hv-vapic,hv-time,hv-vpindex,hv-runtime,hv-synic,hv-stimer,hv-tlbflush,hv-ipi,hv-spinlocks=0x1fff'):
            for emulator in ('qemu', 'rhea'):
                self.outer.shell(f'RUN="guest-cpuid; poweroff -f" inner {emulator} kvm -M q35 -smp 2 -cpu {cpu} > /tmp/log; '
                                 f'grep -E "^[0-9a-f]{{8}}[.]" /tmp/log | sed "s/^00000001.0 \\(........\\) ../00000001.0 \\1 --/; '
                                 f's/^\\(0000000b.*\\) ......../\\1 --/" > /tmp/{emulator}')
            self.assertGreater(int(self.outer.shell('wc -l < /tmp/rhea')), 20)
            self.assertEqual(self.outer.shell('diff /tmp/qemu /tmp/rhea'), '', cpu)


if __name__ == '__main__':
    if not os.path.exists(HOST_QEMU) or not shutil.which('cpio'):
        print('skipped: needs Debian\'s qemu-system-x86 and cpio')
        sys.exit(77)
    unittest.main()
