#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Is what we have of the interface the same as QEMU 11.1's?

In: the reply of query-qmp-schema of this program (printed by the program RHEA_SCHEMA_DUMP names) and the one of QEMU
11.1 (qemu-11.1-schema.json, names of types masked, the redundant "values" of enums left out). Every command and event
of ours is compared member by member through all the types it reaches. What may be missing stands in LACKING, with the
reason; nothing may be more than there, except commands named x-rhea-.
"""
import json
import os
import subprocess
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))

# path of a type ("command!arg" or "command!ret", then member names): names that may be missing below it
LACKING = {
    'object-add!arg qom-type': (None, 'further object types come with their subsystems'),
    'query-migrate-capabilities!ret [] capability': (None, 'machines can not be migrated yet'),
    'migrate-set-capabilities!arg capabilities [] capability': (None, 'the same'),
    'query-blockstats!ret []': ({'driver-specific'}, 'it comes with further drivers'),
    'blockdev-add!arg driver': (None, 'further block drivers come with block formats and protocols'),
    'blockdev-add!arg (file)': ({'pr-manager'}, 'it comes with SCSI passthrough'),
    'blockdev-add!arg (qcow2)': (None, 'cache sizes, encryption and external data files'),
    'chardev-add!arg backend type': (None, 'kinds that need hardware or libraries of the host'),
    'chardev-change!arg backend type': (None, 'the same'),
}


def load_reference():
    with open(os.path.join(HERE, 'qemu-11.1-schema.json'), encoding='utf-8') as f:
        return {e['name']: e for e in json.load(f)}


def load_ours():
    text = subprocess.run([os.environ['RHEA_SCHEMA_DUMP']], check=True, capture_output=True, text=True).stdout
    return {e['name']: e for e in json.loads(text)}


class Comparison:
    """Differences between the types of two entities, each as a line of text."""
    def __init__(self, ours, theirs):
        self.ours, self.theirs, self.differences, self.seen = ours, theirs, [], set()

    def differ(self, path, text):
        self.differences.append(f'{path}: {text}')

    def names(self, path, what, ours, theirs):
        """Compares sets of names; returns those in both."""
        extra, missing = set(ours) - set(theirs), set(theirs) - set(ours)
        for place, (allowed, _) in LACKING.items():
            if path.startswith(place):
                missing = set() if allowed is None else missing - allowed
        if extra:
            self.differ(path, f'{what} that QEMU has not: {", ".join(sorted(extra))}')
        if missing:
            self.differ(path, f'{what} missing: {", ".join(sorted(missing))}')
        return [n for n in ours if n in theirs]

    def features(self, path, a, b):
        if sorted(a.get('features', [])) != sorted(b.get('features', [])):
            self.differ(path, f'features {a.get("features", [])}, QEMU {b.get("features", [])}')

    def types(self, path, a_name, b_name):
        if (a_name, b_name) in self.seen:
            return
        self.seen.add((a_name, b_name))
        a, b = self.ours[a_name], self.theirs[b_name]
        if a['meta-type'] != b['meta-type']:
            self.differ(path, f'is {a["meta-type"]} {a_name}, QEMU {b["meta-type"]} {b_name}')
            return
        self.features(path, a, b)
        getattr(self, a['meta-type'])(path, a, b)

    def builtin(self, path, a, b):
        if a != b:
            self.differ(path, f'is {a["name"]}, QEMU {b["name"]}')

    def array(self, path, a, b):
        self.types(path + ' []', a['element-type'], b['element-type'])

    def enum(self, path, a, b):
        ours, theirs = ({m['name']: m for m in e['members']} for e in (a, b))
        for name in self.names(path, 'values', ours, theirs):
            self.features(f'{path} = {name}', ours[name], theirs[name])
        if a['values'] != [m['name'] for m in a['members']]:
            self.differ(path, '"values" and "members" disagree')

    def object(self, path, a, b):
        ours, theirs = ({m['name']: m for m in e['members']} for e in (a, b))
        for name in self.names(path, 'members', ours, theirs):
            here = f'{path} {name}'
            if ('default' in ours[name]) != ('default' in theirs[name]):
                self.differ(here, 'optional in one, required in the other')
            self.features(here, ours[name], theirs[name])
            self.types(here, ours[name]['type'], theirs[name]['type'])
        if a.get('tag') != b.get('tag'):
            self.differ(path, f'tag {a.get("tag")}, QEMU {b.get("tag")}')
            return
        ours, theirs = ({v['case']: v['type'] for v in e.get('variants', [])} for e in (a, b))
        for case in [c for c in ours if c in theirs]:       # the tag's enum has been compared
            self.types(f'{path} ({case})', ours[case], theirs[case])
        if 'tag' in a:
            tag = next(m['type'] for m in a['members'] if m['name'] == a['tag'])
            if {m['name'] for m in self.ours[tag]['members']} != set(ours):
                self.differ(path, 'variants do not cover the tag')

    def alternate(self, path, a, b):
        ours, theirs = (sorted(m['type'] for m in e['members']) for e in (a, b))
        if len(ours) != len(theirs):
            self.differ(path, f'{len(ours)} forms, QEMU {len(theirs)}')
        for x, y in zip(ours, theirs):
            self.types(path + ' |', x, y)


class SchemaParity(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.ours, cls.theirs = load_ours(), load_reference()
        cls.interface = [e for e in cls.ours.values() if e['meta-type'] in ('command', 'event')]

    def test_every_entity_of_ours_is_as_in_qemu(self):
        self.assertGreater(len(self.interface), 40)
        for e in self.interface:
            if e['name'].startswith('x-rhea-'):
                continue
            with self.subTest(e['name']):
                self.assertIn(e['name'], self.theirs, 'QEMU has no such command or event')
                reference = self.theirs[e['name']]
                c = Comparison(self.ours, self.theirs)
                c.features(e['name'], e, reference)
                if e.get('allow-oob') != reference.get('allow-oob'):
                    c.differ(e['name'], 'allow-oob')
                for key in ('arg-type', 'ret-type'):
                    self.assertEqual(key in e, key in reference)
                    if key in e:
                        c.types(f'{e["name"]}!{key[:3]}', e[key], reference[key])
                self.assertEqual(c.differences, [])

    def test_commands_that_the_first_guest_needs_are_there(self):
        wanted = '''qmp_capabilities stop cont quit system_reset system_powerdown query-status query-version query-commands
            query-qmp-schema query-cpus-fast qom-list qom-get qom-set qom-list-types device-list-properties
            human-monitor-command STOP RESUME RESET SHUTDOWN POWERDOWN GUEST_PANICKED x-rhea-query-death'''.split()
        self.assertEqual([n for n in wanted if n not in self.ours], [])

    def test_the_comparison_sees_differences(self):
        """Sabotage: each change of our schema must be found."""
        def change(name, f):
            ours = json.loads(json.dumps(self.ours))
            f(ours[name], ours)
            c = Comparison(ours, self.theirs)
            for key in ('arg-type', 'ret-type'):
                if key in ours[name]:
                    c.types(name, ours[name][key], self.theirs[name][key])
            return c.differences

        def members(e, ours, key):
            return ours[e[key]]['members']
        changes = [
            ('a member renamed', 'qom-get', lambda e, o: members(e, o, 'arg-type')[0].update(name='pth')),
            ('a member dropped', 'qom-get', lambda e, o: members(e, o, 'arg-type').pop()),
            ('a member made optional', 'qom-get', lambda e, o: members(e, o, 'arg-type')[0].update(default=None)),
            ('a type changed', 'qom-get', lambda e, o: members(e, o, 'arg-type')[0].update(type='int')),
            ('another return type', 'qom-get', lambda e, o: e.update({'ret-type': 'str'})),
            ('an array made a single value', 'qom-list', lambda e, o: e.update({'ret-type': e['ret-type'].strip('[]')})),
        ]
        for claim, name, f in changes:
            with self.subTest(claim):
                self.assertNotEqual(change(name, f), [])
        self.assertEqual(change('qom-get', lambda e, o: None), [])


if __name__ == '__main__':
    unittest.main()
