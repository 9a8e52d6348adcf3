#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
translator.py [RUNS] [EMULATOR...]: seconds that each of workloads.c takes inside a guest, and the first emulator's speed
in multiples of each other one's. The emulators run in turn; figures are medians. An EMULATOR may hold options.
"""
import gzip
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'guest'))
from guest import EMULATOR, GUESTS, Guest  # noqa: E402


def build(work):
    """workloads.c as a program, and an initrd with it. Returns the names of the workloads."""
    program = os.path.join(work, 'workloads')
    subprocess.run(['cc', '-O2', '-static', '-o', program, os.path.join(HERE, 'workloads.c'), '-lm'], check=True)
    archive = subprocess.run(['cpio', '-o', '-H', 'newc', '--quiet'], input=b'workloads\n', cwd=work, check=True,
                             stdout=subprocess.PIPE).stdout
    with open(os.path.join(work, 'initrd'), 'wb') as out, open(f'{GUESTS}/amd64/initrd.gz', 'rb') as initrd:
        shutil.copyfileobj(initrd, out)
        out.write(gzip.compress(archive))
    return subprocess.run([program], check=True, stdout=subprocess.PIPE, text=True).stdout.split()


def one_run(emulator, work, names):
    g = Guest([])
    g.cmd[g.cmd.index(f'{GUESTS}/amd64/initrd.gz')] = os.path.join(work, 'initrd')
    g.cmd[:1] = emulator.split()
    seconds = {}
    start = time.monotonic()
    with g:
        g.prompt()
        seconds['boot'] = time.monotonic() - start
        for name in names:
            start = time.monotonic()
            g.shell(f'/workloads {name}')
            seconds[name] = time.monotonic() - start
    return seconds


def main():
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    emulators = sys.argv[2:] or [EMULATOR, 'qemu-system-x86_64 -accel tcg']
    results = {e: [] for e in emulators}
    with tempfile.TemporaryDirectory() as work:
        names = build(work)
        for _ in range(runs):
            for e in emulators:
                results[e].append(one_run(e, work, names))
    median = {e: {n: statistics.median(r[n] for r in results[e]) for n in ['boot', *names]} for e in emulators}
    for i, e in enumerate(emulators):
        print(f'emulator {i}: {e}')
    first, others = emulators[0], emulators[1:]
    print(f'{"seconds":12}' + ''.join(f'{i:>10}' for i in range(len(emulators))) +
          ''.join(f'{f"{i} / 0":>10}' for i in range(1, len(emulators))))
    for n in median[first]:
        print(f'{n:12}' + ''.join(f'{median[e][n]:10.2f}' for e in emulators) +
              ''.join(f'{median[e][n] / median[first][n]:10.2f}' for e in others))
    for i, e in enumerate(others, 1):
        mean = math.exp(statistics.mean(math.log(median[e][n] / median[first][n]) for n in median[first]))
        print(f'geometric mean of {i} / 0: {mean:.2f}')


main()
