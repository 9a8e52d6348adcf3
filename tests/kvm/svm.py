#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
The emulator as the host of guests: it emulates a processor with SVM, boots Debian's kernel, that loads kvm-amd. Inside, a C
program runs guests by /dev/kvm, and the emulator itself, with KVM, runs Debian's kernel.
"""
import os
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'guest'))
import guest                                        # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = os.path.join(guest.BUILD, 'nested')
SUMS = 'real-mode guest: sum 1032\nlong-mode guest: sum 500000500000'


class Outer(guest.Guest):
    def __init__(self, *args):
        self.cmd = [guest.EMULATOR, '-m', '1024', '-nodefaults', '-display', 'none', '-serial', 'stdio', '-kernel', f'{FOLDER}/vmlinuz',
                    '-initrd', f'{FOLDER}/outer.gz', '-append', 'console=ttyS0 quiet panic=-1 mitigations=off', *args]
        self.log, self.seen = '', 0

    def prompt(self, limit=guest.LIMIT):
        self.expect(r'outer# ', limit)

    def __enter__(self):
        super().__enter__()
        self.expect('outer host runs: ')
        self.prompt()
        return self


class Svm(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        subprocess.run([os.path.join(HERE, 'make-nested'), FOLDER, guest.EMULATOR], check=True)

    def reload(self, outer, npt):
        outer.shell(f'rmmod kvm_amd; insmod /mod/kvm-amd.ko npt={npt} || insmod /mod/kvm-amd.ko* npt={npt}')
        self.assertEqual(outer.shell('cat /sys/module/kvm_amd/parameters/npt'), 'NY'[npt])

    def test_guests_of_a_program(self):
        for args in (['-accel', 'tcg', '-cpu', 'max'], ['-accel', 'tcg,jit=off', '-cpu', 'max'], ['-accel', 'tcg', '-cpu', 'EPYC-Milan'],
                     ['-accel', 'tcg', '-cpu', 'max', '-smp', '2']):
            with self.subTest(args=args), Outer(*args) as outer:
                self.assertEqual(outer.shell('run-guests'), SUMS)
                self.reload(outer, 0)
                self.assertEqual(outer.shell('run-guests'), SUMS)
        with self.subTest(args='without nested paging'), Outer('-accel', 'tcg', '-cpu', 'Opteron_G3') as outer:
            self.assertEqual(outer.shell('run-guests'), SUMS)

    def test_emulator_inside(self):
        with Outer('-accel', 'tcg', '-cpu', 'max', '-smp', '2') as outer:
            for npt, smp, irqchip in ((1, 1, 'on'), (1, 2, 'on'), (1, 1, 'split'), (0, 1, 'on')):
                with self.subTest(npt=npt, smp=smp, irqchip=irqchip):
                    self.reload(outer, npt)
                    text = outer.shell(f'RUN="poweroff -f" inner rhea kvm,kernel-irqchip={irqchip} -smp {smp}')
                    self.assertRegex(text, rf'inner guest runs: \S+, {smp} CPU\(s\), clock kvm-clock')
                    self.assertIn('Power down', text)


if __name__ == '__main__':
    if not shutil.which('cpio'):
        print('skipped: needs cpio')
        sys.exit(77)
    unittest.main()
