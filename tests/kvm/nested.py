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
import guest                                        # noqa: E402

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


class Nested(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
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
