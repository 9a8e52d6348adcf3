#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
boot.py [RUNS] [EMULATOR...]: seconds from exec to the guest's shell prompt and to the end after poweroff, in turn.

An EMULATOR may hold options: 'qemu-system-x86_64 -accel tcg'.
"""
import os
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'guest'))
from guest import EMULATOR, Guest  # noqa: E402


def one_run(emulator):
    start = time.monotonic()
    g = Guest([])
    g.cmd[:1] = emulator.split()
    with g:
        g.prompt()
        prompt = time.monotonic() - start
        g.send('poweroff -f')
        g.wait_exit()
    return prompt, time.monotonic() - start


def main():
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    emulators = sys.argv[2:] or [EMULATOR, 'qemu-system-x86_64 -accel tcg']
    results = {e: [] for e in emulators}
    for _ in range(runs):
        for e in emulators:
            results[e].append(one_run(e))
    for e in emulators:
        prompt, end = (statistics.median(column) for column in zip(*results[e]))
        print(f'{e[-60:]:62} prompt {prompt:7.2f} s   end {end:7.2f} s')


main()
