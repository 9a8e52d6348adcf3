#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
startup.py [RUNS] [EMULATOR...]: time from exec to the QMP greeting, and idle resident memory, with -M q35 -S -display none.

Runs the emulators in turn (A B A B ...) and prints the median of each figure, and Rhea's share of the others'. Resident
memory is what the process has mapped and touched, with and without the pages of files it shares with others.
"""
import json
import os
import select
import statistics
import subprocess
import sys
import time

RHEA = os.path.join(os.environ.get('RHEA_BUILD', 'build'), 'qemu-system-x86_64')


def one_run(emulator):
    start = time.monotonic()
    p = subprocess.Popen([*emulator.split(), '-M', 'q35', '-S', '-display', 'none', '-nodefaults', '-qmp', 'stdio'],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0)
    greeting = b''
    while b'\n' not in greeting:
        select.select([p.stdout], [], [], 30)
        data = os.read(p.stdout.fileno(), 65536)
        if not data:
            raise SystemExit(f'{emulator} ended without a greeting')
        greeting += data
    seconds = time.monotonic() - start
    json.loads(greeting.splitlines()[0])
    time.sleep(0.3)
    rollup = dict(line.split(':') for line in open(f'/proc/{p.pid}/smaps_rollup').read().splitlines()[1:])
    kib = {k: int(v.split()[0]) for k, v in rollup.items()}
    p.kill()
    p.wait()
    return seconds * 1000, kib['Rss'] / 1024, (kib['Private_Dirty'] + kib['Private_Clean']) / 1024


def main():
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 11
    emulators = sys.argv[2:] or [RHEA, 'qemu-system-x86_64']
    results = {e: [] for e in emulators}
    for _ in range(runs):
        for e in emulators:
            results[e].append(one_run(e))
    print(f'{"":44}{"greeting ms":>14}{"RSS MiB":>10}{"private MiB":>13}')
    medians = {e: [statistics.median(column) for column in zip(*results[e])] for e in emulators}
    for e in emulators:
        print(f'{e[-42:]:44}' + '{:14.1f}{:10.1f}{:13.1f}'.format(*medians[e]))
    for e in emulators[1:]:
        print(f'{"first / " + e[-34:]:44}' + '{:14.2f}{:10.2f}{:13.2f}'.format(
            *[a / b for a, b in zip(medians[emulators[0]], medians[e])]))


main()
