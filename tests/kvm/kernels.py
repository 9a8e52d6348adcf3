#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The multiboot and PVH kernels of qtest/boot_options.py, run by KVM."""
import os
import sys
import unittest

os.environ['RHEA_TEST_ACCEL'] = 'kvm'
import kvmtest                                      # noqa: E402
from boot_options import KernelTest                 # noqa: E402,F401

if __name__ == '__main__':
    word = kvmtest.why_not()
    if word:
        print(f'skipped: {word}')
        sys.exit(77)
    unittest.main()
