#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Mistakes in a schema end the build with words that name the place: one row a mistake. And names in C."""
import json
import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, '..', '..', '..')
sys.path.insert(0, os.path.join(ROOT, 'qapi', 'gen'))
sys.dont_write_bytecode = True

from emit_types import enum_constant    # noqa: E402
from schema import Schema, SchemaError, c_name, camel, snake     # noqa: E402

D = {'doc': 'A thing.'}
E = {'enum': 'E', 'values': {'a': 'x', 'b': 'x'}} | D
S = {'struct': 'S', 'members': {'m': ['str', 'x']}} | D

MISTAKES = [    # claim, definitions, part of the message
    ('not an array', {}, 'not an array of definitions'),
    ('no kind', [{'doc': 'X.'}], 'a definition has one of'),
    ('two kinds', [E | S], 'a definition has one of'),
    ('no doc', [{'enum': 'E', 'values': {'a': 'x'}}], '"doc" must be a sentence'),
    ('doc without full stop', [{'enum': 'E', 'doc': 'x', 'values': {'a': 'x'}}], '"doc" must be a sentence'),
    ('unknown key', [E | {'prefx': 'X'}], "key 'prefx' is not one of"),
    ('bad type name', [{'struct': 'lower', 'members': {}} | D], 'the name does not match'),
    ('bad command name', [{'command': 'Upper'} | D], 'the name does not match'),
    ('bad event name', [{'event': 'lower'} | D], 'the name does not match'),
    ('type defined twice', [S, S], 'the name is taken'),
    ('command defined twice', [{'command': 'c'} | D, {'command': 'c'} | D], 'defined twice'),
    ('unknown type', [{'struct': 'S', 'members': {'m': 'Nope'}} | D], "type 'Nope' is not defined"),
    ('list of lists', [{'struct': 'S', 'members': {'m': '[[str]]'}} | D], 'list of lists'),
    ('unknown base', [S | {'base': 'Nope'}], "type 'Nope' is not defined"),
    ('base is an enum', [E, S | {'base': 'E'}], 'is not a struct'),
    ('own base', [S | {'base': 'S'}], 'its own base'),
    ('member twice by base', [S, {'struct': 'T', 'base': 'S', 'members': {'m': 'str'}} | D], "member 'm' is there twice"),
    ('bad member', [{'struct': 'S', 'members': {'m': 1}} | D], "member 'm' is neither"),
    ('bad condition', [S | {'if': ['x']}], '"if" is not a condition'),
    ('bad features', [S | {'features': ['x']}], '"features" maps names'),
    ('empty enum', [{'enum': 'E', 'values': {}} | D], 'values are missing'),
    ('enum values that are equal in C', [{'enum': 'E', 'values': {'a-b': 'x', 'a_b': 'x'}} | D], 'equal names in C'),
    ('no discriminator', [E, {'union': 'U', 'base': {'k': 'E'}, 'branches': {}} | D], "discriminator 'None'"),
    ('discriminator is no enum', [{'union': 'U', 'base': {'k': 'str'}, 'discriminator': 'k', 'branches': {}} | D],
     "discriminator 'k' is not"),
    ('optional discriminator', [E, {'union': 'U', 'base': {'k?': 'E'}, 'discriminator': 'k', 'branches': {}} | D],
     "discriminator 'k' is not"),
    ('branch that is no value', [E, S, {'union': 'U', 'base': {'k': 'E'}, 'discriminator': 'k', 'branches': {'z': 'S'}} | D],
     "branch 'z' is not a value of E"),
    ('branch that is no struct', [E, {'union': 'U', 'base': {'k': 'E'}, 'discriminator': 'k', 'branches': {'a': 'str'}} | D],
     "branch 'a' is of builtin str"),
    ('branch repeats a member', [E, S, {'union': 'U', 'base': {'k': 'E', 'm': 'str'}, 'discriminator': 'k',
                                        'branches': {'a': 'S'}} | D], "branch 'a' repeats member 'm'"),
    ('alternate that is ambiguous', [E, {'alternate': 'A', 'branches': {'x': 'str', 'y': 'E'}} | D], 'can not be told apart'),
    ('arguments that are an enum', [E, {'command': 'c', 'arguments': 'E'} | D], 'can not be the arguments'),
    ('rate key that is no member', [{'event': 'EV', 'data': {'a': 'str'}, 'rate-limit-ms': 1, 'rate-key': 'b'} | D],
     '"rate-key" \'b\' is not a member'),
]


def load(definitions, enabled=()):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, 'bad.json')
        with open(path, 'w', encoding='utf-8') as f:
            f.write(definitions if isinstance(definitions, str) else json.dumps(definitions))
        return Schema([path], enabled)


class Generator(unittest.TestCase):
    def test_mistakes_are_named(self):
        for claim, definitions, message in MISTAKES:
            with self.subTest(claim):
                with self.assertRaises(SchemaError) as caught:
                    load(definitions)
                self.assertIn(message, str(caught.exception))
                self.assertTrue(str(caught.exception).startswith('bad.json'), str(caught.exception))

    def test_text_that_is_not_json(self):
        for text in ('[', '[{]', '[{"enum": "E", "enum": "F"}]'):
            with self.subTest(text), self.assertRaises(SchemaError):
                load(text)

    def test_the_program_fails_with_the_message(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, 'bad.json')
            with open(path, 'w', encoding='utf-8') as f:
                json.dump([S | {'base': 'Nope'}], f)
            run = subprocess.run([sys.executable, os.path.join(ROOT, 'qapi', 'gen', 'qapi_gen.py'), '--out', folder, path],
                                 capture_output=True, text=True, check=False)
            self.assertEqual(run.returncode, 1)
            self.assertIn("bad.json: struct S: type 'Nope' is not defined", run.stderr)

    def test_conditions(self):
        rows = [('A', ['A'], True), ('A', [], False), ({'not': 'A'}, [], True), ({'all': ['A', 'B']}, ['A'], False),
                ({'any': ['A', 'B']}, ['B'], True), ({'all': [{'not': 'A'}, {'any': ['B', 'C']}]}, ['C'], True)]
        for condition, enabled, there in rows:
            with self.subTest(condition=condition, enabled=enabled):
                self.assertEqual('S' in load([S | {'if': condition}], enabled).types, there)

    def test_names(self):
        self.assertEqual([snake(n) for n in ('CpuInfoFast', 'QMPCapability', 'ACPIOSTInfo', 'query-kvm', 'Point3')],
                         ['cpu_info_fast', 'qmp_capability', 'acpiost_info', 'query_kvm', 'point3'])
        self.assertEqual([camel(n) for n in ('query-kvm', 'DEVICE_DELETED')], ['QueryKvm', 'DeviceDeleted'])
        self.assertEqual([c_name(n) for n in ('default', 'a-b.c', '3des', 'x86_64')], ['default_', 'a_b_c', '_3des', 'x86_64'])
        e = load([{'enum': 'Algo', 'values': {'3des': 'x', 'int': 'x', 'x-y': 'x'}} | D]).types['Algo']
        self.assertEqual([enum_constant(e, v.name) for v in e.values], ['ALGO_3DES', 'ALGO_INT', 'ALGO_X_Y'])

    def test_every_member_of_our_schema_is_described(self):
        folder = os.path.join(ROOT, 'qapi', 'schema')
        schema = Schema([os.path.join(folder, f) for f in sorted(os.listdir(folder))])
        bare = [f'{t.name}.{m.name}' for t in schema.types.values() for m in t.members + t.values if not m.doc]
        self.assertGreater(len(schema.types), 50)
        self.assertEqual(bare, [])


if __name__ == '__main__':
    unittest.main()
