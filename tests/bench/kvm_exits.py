#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Exits a second under KVM: a guest of a few instructions loops over one kind of access; and the time from exec to the end of a guest
that does it once. Given more emulators (environment RHEA_BENCH_WITH, blank between), measures each in the same run.
"""
import os
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'kvm'))
import kvmtest                                      # noqa: E402
import qtest                                        # noqa: E402

COUNT = int(os.environ.get('RHEA_BENCH_COUNT', 100000))
ROUNDS = 3
LOOP = kvmtest.PROTECTED + '''
    SETUP
    movl $COUNT, %ecx
1:  BODY
    decl %ecx
    jnz 1b
    movb $0x21, %al
''' + kvmtest.EXIT
BODIES = {
    'IPI and what it does': kvmtest.IPI,
    'port write': 'outb %al, $0x80',
    'ACPI timer': 'movw $0x408, %dx\n inl %dx, %eax',
    'unassigned memory': 'movl 0xe0000000, %eax',
    'CPUID (no exit to us)': 'movl %ecx, %esi\n xorl %eax, %eax\n cpuid\n movl %esi, %ecx',
}


def seconds(emulator, accel, bios, *args):
    best = None
    for _ in range(ROUNDS):
        start = time.monotonic()
        r = subprocess.run([emulator, '-accel', accel, '-display', 'none', '-nodefaults', '-bios', bios, *kvmtest.EXIT_DEVICE, *args],
                           stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        assert r.returncode == 0x43, (emulator, r.returncode)
        took = time.monotonic() - start
        best = took if best is None else min(best, took)
    return best


def main():
    word = kvmtest.why_not()
    if word:
        print(f'skipped: {word}')
        sys.exit(77)
    emulators = [qtest.emulator(), *os.environ.get('RHEA_BENCH_WITH', '').split()]
    with tempfile.TemporaryDirectory() as folder:
        for name, body in BODIES.items():
            for accel in ('kvm', 'kvm,kernel-irqchip=off'):
                for emulator in emulators:
                    times = []
                    for count in (1, COUNT):
                        bios = os.path.join(folder, 'bios')
                        with open(bios, 'wb') as f:
                            f.write(kvmtest.assemble(LOOP.replace('COUNT', str(count)).replace('BODY', body).replace('SETUP', kvmtest.TWO_CPUS if body == kvmtest.IPI else ''), folder))
                        times.append(seconds(emulator, accel, bios, *(('-smp', '2') if body == kvmtest.IPI else ())))
                    rate = COUNT / max(times[1] - times[0], 1e-9)
                    print(f'{name:24} {accel:24} {rate:10.0f}/s  start to end {times[0] * 1000:4.0f} ms  {emulator}')


if __name__ == '__main__':
    main()
