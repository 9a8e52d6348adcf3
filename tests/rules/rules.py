#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules of the source tree that a compiler does not check: layers, licence lines, documentation of what exists."""
import os
import re
import subprocess
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# From docs/devel/architecture.rst: a folder may include from itself and from those before it.
LAYERS = ['core', 'qapi', 'memory', 'chardev', 'block', 'ui', 'accel', 'target/i386', 'hw', 'monitor', 'system']


def files(*endings):
    try:
        names = subprocess.run(['git', '-C', ROOT, 'ls-files', '-co', '--exclude-standard'], capture_output=True, text=True,
                               check=True).stdout.split()
    except (FileNotFoundError, subprocess.CalledProcessError):      # no git here, or none of its trees
        names = [os.path.relpath(os.path.join(d, f), ROOT) for d, _, fs in os.walk(ROOT) for f in fs]
    return [n for n in names if n.endswith(endings) and not n.startswith('build') and os.path.exists(os.path.join(ROOT, n))]


def layer(path):
    for i, folder in enumerate(LAYERS):
        if path.startswith(folder + '/'):
            return i
    return None


class Rules(unittest.TestCase):
    def test_includes_go_downwards_only(self):
        wrong, seen = [], 0
        for name in files('.c', '.h'):
            mine = layer(name)
            if mine is None:
                continue
            with open(os.path.join(ROOT, name)) as f:
                for n, line in enumerate(f, 1):
                    m = re.match(r'#\s*include "([^"]+)"', line)
                    theirs = m and layer(m.group(1))
                    if theirs is None:
                        continue
                    seen += 1
                    if theirs > mine:
                        wrong.append(f'{name}:{n}: {LAYERS[mine]} includes {m.group(1)}')
        self.assertGreater(seen, 100, 'the check found hardly any includes: is it looking at the tree?')
        self.assertEqual(wrong, [])

    def test_every_source_says_its_licence(self):
        names = files('.c', '.h', '.py', '.S', '.def', 'meson.build')
        self.assertGreater(len(names), 50)
        bare = []
        for name in names:
            with open(os.path.join(ROOT, name)) as f:
                if 'SPDX-License-Identifier: GPL-2.0-or-later' not in f.read(300):
                    bare.append(name)
        self.assertEqual(bare, [])

    def test_lines_fit(self):
        long = []
        for name in files('.c', '.h'):
            if name.startswith('tests/'):
                continue                        # a row stays a row
            with open(os.path.join(ROOT, name)) as f:
                long += [f'{name}:{n}' for n, line in enumerate(f, 1) if len(line.rstrip('\n')) > 160]
        self.assertEqual(long, [])

    def test_every_device_has_description_and_state(self):
        wrong, seen = [], 0
        for name in files('.c'):
            if not name.startswith('hw/'):
                continue
            with open(os.path.join(ROOT, name)) as f:
                text = f.read()
            for m in re.finditer(r'const (?:\w*DeviceType|PciDeviceType) (\w+) = \{(.*?)\n\};', text, re.S):
                seen += 1
                body = m.group(2)
                if '.is_abstract = true' in body:
                    continue
                for field in ('.description', '.state'):
                    # The PCI layer saves configuration space, so a device that is only that needs no rows of its own.
                    if field not in body and not (field == '.state' and '.config' in body):
                        wrong.append(f'{name}: {m.group(1)} has no {field}')
        self.assertGreater(seen, 10)
        self.assertEqual(wrong, [])


if __name__ == '__main__':
    unittest.main()
