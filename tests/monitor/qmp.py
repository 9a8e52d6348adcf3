#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""QMP sessions: greeting and negotiation, rubbish of all sorts, ids, order, events, slow and vanishing clients."""
import json
import os
import random
import re
import socket
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'qtest'))

import qtest    # noqa: E402

ARGS = ('-M', 'pc', '-S')
sys.setrecursionlimit(5000)         # for replies nested as deep as is allowed


class Negotiation(qtest.Case):
    def setUp(self):
        self.qmp = self.start(*ARGS, negotiate=False).qmp

    def error(self, text):
        self.qmp.send_text(text + '\n')
        return self.qmp.reply()['error']

    def test_greeting(self):
        version = self.qmp.greeting['version']
        self.assertEqual(version['qemu'], {'major': 11, 'minor': 1, 'micro': 0})
        self.assertRegex(version['package'], r'^Rhea \d')
        self.assertEqual(self.qmp.greeting['capabilities'], ['oob'])

    def test_nothing_else_before_negotiation(self):
        self.assertEqual(self.error('{"execute": "query-status"}'),
                         {'class': 'CommandNotFound', 'desc': "Expecting capabilities negotiation with 'qmp_capabilities'"})
        self.qmp('qmp_capabilities')
        self.qmp('query-status')

    def test_negotiation_only_once(self):
        self.qmp('qmp_capabilities')
        error = self.error('{"execute": "qmp_capabilities"}')
        self.assertEqual(error['class'], 'CommandNotFound')
        self.assertIn('already complete', error['desc'])

    def test_unknown_capability(self):
        error = self.error('{"execute": "qmp_capabilities", "arguments": {"enable": ["obo"]}}')
        self.assertEqual(error['desc'], "Parameter 'enable[0]' does not accept value 'obo'; did you mean 'oob'?")

    def test_oob_has_to_be_turned_on(self):
        self.qmp('qmp_capabilities')
        self.assertIn("'exec-oob' is unexpected", self.error('{"exec-oob": "query-status"}')['desc'])

    def test_oob_turned_on(self):
        self.qmp('qmp_capabilities', enable=['oob'])
        self.assertEqual(self.error('{"exec-oob": "query-status"}')['desc'], 'The command query-status does not support OOB')
        self.assertIn('foo', self.error('{"exec-oob": "foo"}')['desc'])


REJECTED = [    # claim, message, error class, part of the description
    ('an unknown command', {'execute': 'foo'}, 'CommandNotFound', 'The command foo has not been found'),
    ('a misspelt command', {'execute': 'query-sttus'}, 'CommandNotFound', "did you mean 'query-status'?"),
    ('underscores for hyphens', {'execute': 'query_status'}, 'CommandNotFound', "did you mean 'query-status'?"),
    ('no command', {'id': 1}, 'GenericError', "lacks member 'execute'"),
    ('an unknown member', {'exec': 'stop'}, 'GenericError', "QMP input member 'exec' is unexpected"),
    ('a number as command', {'execute': 5}, 'GenericError', "QMP input member 'execute' must be a string"),
    ('arguments that are no object', {'execute': 'stop', 'arguments': []}, 'GenericError',
     "QMP input member 'arguments' must be an object"),
    ('a list', [1], 'GenericError', 'QMP input must be a JSON object'),
    ('a string', 'x', 'GenericError', 'QMP input must be a JSON object'),
    ('arguments for a command without', {'execute': 'stop', 'arguments': {'a': 1}}, 'GenericError', "Parameter 'a' is unexpected"),
    ('a missing argument', {'execute': 'qom-list'}, 'GenericError', "Parameter 'path' is missing"),
    ('a misspelt argument', {'execute': 'qom-list', 'arguments': {'path': '/', 'pth': 1}}, 'GenericError',
     "Parameter 'pth' is unexpected; did you mean 'path'?"),
    ('a wrong type', {'execute': 'qom-list', 'arguments': {'path': 5}}, 'GenericError',
     "Invalid parameter type for 'path', expected: string"),
    ('a number that is no integer', {'execute': 'pmemsave', 'arguments': {'val': 1.5, 'size': 1, 'filename': 'x'}}, 'GenericError',
     "Invalid parameter type for 'val', expected: integer"),
    ('an unknown enum value', {'execute': 'set-action', 'arguments': {'reboot': 'rest'}}, 'GenericError',
     "Parameter 'reboot' does not accept value 'rest'; did you mean 'reset'?"),
    ('an unknown path', {'execute': 'qom-list', 'arguments': {'path': '/nope'}}, 'DeviceNotFound', "Device '/nope' not found"),
    ('an unknown property', {'execute': 'qom-get', 'arguments': {'path': '/machine', 'property': 'tpye'}}, 'GenericError', "'tpye'"),
    ('an unknown device type', {'execute': 'device_add', 'arguments': {'driver': 'foo'}}, 'GenericError', "'foo'"),
    ('a missing device type', {'execute': 'device_add', 'arguments': {}}, 'GenericError', "Parameter 'driver' is missing"),
    ('an unknown device', {'execute': 'device_del', 'arguments': {'id': 'foo'}}, 'DeviceNotFound', "Device 'foo' not found"),
    ('an unknown object', {'execute': 'object-del', 'arguments': {'id': 'foo'}}, 'GenericError', "'foo'"),
    ('an unknown type', {'execute': 'device-list-properties', 'arguments': {'typename': 'x'}}, 'DeviceNotFound', "Device 'x' not found"),
    ('a type that is no device', {'execute': 'device-list-properties', 'arguments': {'typename': 'container'}}, 'GenericError',
     "Parameter 'typename' expects a non-abstract device type"),
    ('a CPU that is not there', {'execute': 'human-monitor-command', 'arguments': {'command-line': 'help', 'cpu-index': 9}},
     'GenericError', "Parameter 'cpu-index' expects a CPU number"),
]

RUBBISH = [     # claim, bytes, errors that follow
    ('a word', b'rubbish\n', 1),
    ('two words', b'more rubbish\n', 2),
    ('a closing bracket', b'}\n', 1),
    ('an empty line', b'\n', 0),
    ('a comma too many', b'{"execute": "query-status",}\n', 1),
    ('wrong brackets', b'{"execute": "query-status"]\n', 1),
    ('a string without end', b'{"execute": "query-sta\n', 1),
    ('bytes that are no UTF-8', b'{"execute": "\xc3\x28"}\n', 1),
    ('0xff', b'{"execute": \xff\n', 1),
    ('NUL', b'{"execute": "a\0b"}\n', 1),
    ('half a surrogate pair', b'{"execute": "\\ud800"}\n', 1),
    ('a number too large', b'{"execute": "stop", "id": 123456789012345678901234567890}\n', 1),
    ('a control character in a string', b'{"execute": "\x01"}\n', 1),
    ('an HTTP request', b'GET / HTTP/1.1\r\nHost: x\r\n\r\n', None),
    ('nesting without end', b'[' * 100000 + b'\n', 1),
    ('nesting of objects', b'{"a":' * 100000 + b'\n', 1),
    ('a comment', b'{"execute": /* no */ "stop"}\n', 1),
]


class Session(qtest.Case):
    def setUp(self):
        self.machine = self.start(*ARGS)
        self.qmp = self.machine.qmp

    def errors_until_answer(self, claim):
        """Sends a good command; counts the errors before its reply."""
        errors = []
        self.qmp.send_text(json.dumps({'execute': 'query-status', 'id': claim}) + '\n')
        while True:
            reply = self.qmp.reply()
            if reply.get('id') == claim:
                self.assertIn('return', reply)
                return errors
            errors.append(reply['error'])

    def test_commands_that_are_rejected(self):
        for claim, message, cls, words in REJECTED:
            with self.subTest(claim):
                if isinstance(message, dict):
                    message = message | {'id': claim}
                self.qmp.send_text(json.dumps(message) + '\n')
                reply = self.qmp.reply()
                self.assertIn('error', reply)
                self.assertEqual(reply['error']['class'], cls)
                self.assertIn(words, reply['error']['desc'])
                if isinstance(message, dict):
                    self.assertEqual(reply['id'], claim)

    def test_rubbish_costs_an_error_and_no_more(self):
        for claim, text, count in RUBBISH:
            with self.subTest(claim):
                self.qmp.send_text(text)
                errors = self.errors_until_answer(claim)
                if count is not None:
                    self.assertEqual(len(errors), count, errors)
                for error in errors:
                    self.assertEqual(error['class'], 'GenericError')
                    self.assertNotIn('\n', error['desc'])

    def test_deep_nesting_up_to_the_limit(self):
        self.qmp.send_text('{"execute": "query-status", "id": ' + '[' * 1023 + ']' * 1023 + '}\n')
        reply = self.qmp.reply()
        self.assertIn('return', reply)
        self.assertEqual(json.dumps(reply['id']), '[' * 1023 + ']' * 1023)
        self.qmp.send_text('{"execute": "query-status", "id": ' + '[' * 1024 + ']' * 1024 + '}\n')
        self.assertIn('1024', self.qmp.reply()['error']['desc'])

    def test_a_message_of_64_mib(self):
        head, tail = '{"execute": "query-name", "arguments": {"x": "', '"}}'
        fill = 'x' * ((64 << 20) - len(head) - len(tail))
        self.qmp.send_text(head + fill + tail + '\n')
        self.assertIn("Parameter 'x' is unexpected", self.qmp.reply()['error']['desc'])
        self.qmp.send_text(head + fill + 'x' + tail + '\n')
        self.assertIn('64 MiB', self.qmp.reply()['error']['desc'])
        self.assertEqual(self.errors_until_answer('after'), [])

    def test_half_lines(self):
        for part in ('{"exe', 'cute": "query-', 'status"', ', "id"', ': 7', '}'):
            self.qmp.send_text(part)
        self.assertEqual(self.qmp.reply()['id'], 7)

    def test_many_commands_at_once_are_answered_in_order(self):
        count = 2000
        self.qmp.send_text(''.join(f'{{"execute": "query-status", "id": {i}}}' for i in range(count)))
        self.assertEqual([self.qmp.reply()['id'] for _ in range(count)], list(range(count)))

    def test_ids_come_back_as_they_are(self):
        for value in (0, -1, 18446744073709551615, 1.5, 'x', '', None, True, [1, {'a': None}], {'x': {'y': []}}, '\u00e4\U0001f600"\\'):
            with self.subTest(id=value):
                self.qmp.send_text(json.dumps({'execute': 'query-status', 'id': value}) + '\n')
                reply = self.qmp.reply()
                self.assertIn('id', reply)
                self.assertEqual(reply['id'], value)

    def test_single_quotes(self):
        self.qmp.send_text("{'execute': 'query-status', 'id': 'q'}\n")
        self.assertEqual(self.qmp.reply()['id'], 'q')

    def test_a_client_that_does_not_read_stops_itself_only(self):
        request = b'{"execute": "query-qmp-schema"}' * 64
        self.qmp.lines.sock.setblocking(False)
        sent = 0
        try:
            while sent < (64 << 20):
                sent += self.qmp.lines.sock.send(request)
        except BlockingIOError:
            pass
        self.assertLess(sent, 64 << 20, 'the monitor goes on reading')
        with open(f'/proc/{self.machine.process.pid}/statm', encoding='ascii') as f:
            resident = int(f.read().split()[1]) * os.sysconf('SC_PAGESIZE')
        self.assertLess(resident, 512 << 20)
        self.assertEqual(self.machine.command('endianness'), ['little'], 'the main loop goes on')

    def test_mutated_commands(self):
        """Good messages with bytes changed, dropped and doubled: the session and the machine live on."""
        good = [json.dumps(m).encode() for _, m, _, _ in REJECTED] + [b'{"execute": "query-status", "id": [1, {"a": null}]}',
                b'{"execute": "qom-get", "arguments": {"path": "/machine", "property": "type"}}']
        rng = random.Random(3)
        for _ in range(3000):
            text = bytearray(rng.choice(good))
            for _ in range(rng.randrange(1, 4)):
                at = rng.randrange(len(text))
                change = rng.randrange(3)
                if change == 0:
                    text[at] = rng.choice(b'{}[]",:\\\'0x\xff\n\0 ')
                elif change == 1:
                    del text[at:at + rng.randrange(1, 8)]
                else:
                    text[at:at] = text[at:at + rng.randrange(1, 8)]
                if not text:
                    break
            self.qmp.send_text(bytes(text) + b'\n')
        self.qmp.send_text(b'\xff\n')             # drops what may be open
        self.qmp.send_text('{"execute": "query-status", "id": "the end"}\n')
        while self.qmp.reply().get('id') != 'the end':
            pass
        self.assertEqual(self.machine.command('endianness'), ['little'])

    def test_introspection_names_every_command(self):
        schema = {e['name']: e for e in self.qmp('query-qmp-schema')}
        commands = {c['name'] for c in self.qmp('query-commands')}
        self.assertEqual(commands, {n for n, e in schema.items() if e['meta-type'] == 'command'})
        self.assertGreater(len(commands), 40)

    def test_every_query_answers_what_the_schema_says(self):
        """Every query-* without required arguments is called, and its reply checked against query-qmp-schema."""
        schema = {e['name']: e for e in self.qmp('query-qmp-schema')}
        called = 0
        for name, e in schema.items():
            if e['meta-type'] != 'command' or not re.match(r'(x-rhea-)?query-', name):
                continue
            if any('default' not in m for m in schema[e['arg-type']]['members']):
                continue
            with self.subTest(name):
                self.check_value(schema, e['ret-type'], self.qmp(name), name)
                called += 1
        self.assertGreater(called, 15)

    def check_value(self, schema, type_name, value, path):
        e = schema[type_name]
        if e['meta-type'] == 'builtin':
            kinds = {'string': str, 'int': int, 'number': (int, float), 'boolean': bool, 'null': type(None), 'value': object}
            self.assertIsInstance(value, kinds[e['json-type']], path)
        elif e['meta-type'] == 'enum':
            self.assertIn(value, [m['name'] for m in e['members']], path)
        elif e['meta-type'] == 'array':
            self.assertIsInstance(value, list, path)
            for i, item in enumerate(value):
                self.check_value(schema, e['element-type'], item, f'{path}[{i}]')
        elif e['meta-type'] == 'object':
            self.assertIsInstance(value, dict, path)
            members = {m['name']: m for m in e['members']}
            for variant in e.get('variants', []):
                if variant['case'] == value.get(e['tag']):
                    members |= {m['name']: m for m in schema[variant['type']]['members']}
            for name, m in members.items():
                self.assertTrue(name in value or 'default' in m, f'{path}.{name} is missing')
            for name, item in value.items():
                self.assertIn(name, members, f'{path}.{name}')
                self.check_value(schema, members[name]['type'], item, f'{path}.{name}')

    def test_events_of_stop_and_cont(self):
        self.qmp('cont')
        self.assertEqual(set(self.qmp.event('RESUME')), {'event', 'timestamp'})
        self.qmp('stop')
        event = self.qmp.event('STOP')
        self.assertEqual(set(event['timestamp']), {'seconds', 'microseconds'})
        self.qmp('system_reset')
        self.assertEqual(self.qmp.event('RESET')['data'], {'guest': False, 'reason': 'host-qmp-system-reset'})

    def test_quit_answers_first(self):
        self.assertEqual(self.qmp('quit'), {})
        self.assertEqual(self.qmp.event('SHUTDOWN')['data'], {'guest': False, 'reason': 'host-qmp-quit'})
        self.assertEqual(self.machine.wait_exit(), 0)


class Objects(qtest.Case):
    def setUp(self):
        self.qmp = self.start(*ARGS).qmp

    def test_objects_come_and_go(self):
        self.qmp('object-add', **{'qom-type': 'memory-backend-ram', 'id': 'm0', 'size': 1 << 20})
        listed = {p['name']: p['type'] for p in self.qmp('qom-list', path='/objects')}
        self.assertEqual(listed['m0'], 'child<memory-backend-ram>')
        self.assertEqual(self.qmp('qom-get', path='/objects/m0', property='size'), 1 << 20)
        self.assertEqual(self.qmp('qom-get', path='m0', property='type'), 'memory-backend-ram')
        with self.assertRaises(qtest.QmpError):
            self.qmp('object-add', **{'qom-type': 'memory-backend-ram', 'id': 'm0', 'size': 1 << 20})
        self.qmp('object-del', id='m0')
        with self.assertRaises(qtest.QmpError) as caught:
            self.qmp('qom-get', path='/objects/m0', property='size')
        self.assertEqual(caught.exception.cls, 'DeviceNotFound')

    def test_types(self):
        concrete = {t['name']: t for t in self.qmp('qom-list-types')}
        every = {t['name']: t for t in self.qmp('qom-list-types', abstract=True)}
        self.assertNotIn('device', concrete)
        self.assertEqual(every['device'].get('abstract'), True)
        devices = {t['name'] for t in self.qmp('qom-list-types', implements='device')}
        self.assertLess(devices, set(concrete))
        self.assertGreater(len(devices), 10)
        self.assertEqual(self.qmp('qom-list-types', implements='no-such-type'), [])

    def test_properties_of_every_device(self):
        for t in self.qmp('qom-list-types', implements='device'):
            with self.subTest(t['name']):
                rows = self.qmp('device-list-properties', typename=t['name'])
                names = [r['name'] for r in rows]
                self.assertEqual(len(names), len(set(names)))
                self.assertNotIn('realized', names)
                for r in rows:
                    self.assertTrue(r['type'])

    def test_a_device_comes_and_goes(self):
        self.qmp('device_add', driver='edu', id='e0')
        self.assertIn('e0', [p['name'] for p in self.qmp('qom-list', path='/machine/peripheral')])
        slot = self.qmp('qom-get', path='/machine/peripheral/e0', property='addr') >> 3
        self.qmp('device_del', id='e0')
        self.qmp.hmp('o /w 0xae10 0')                       # the guest's part of ACPI hot-plug: bus 0, eject
        self.qmp.hmp(f'o /w 0xae08 {1 << slot}')
        self.assertEqual(self.qmp.event('DEVICE_DELETED')['data'], {'device': 'e0', 'path': '/machine/peripheral/e0'})
        self.qmp('device_add', driver='edu', id='e0')       # the id is free again

    def test_devices_of_the_machine_stay(self):
        for p in self.qmp('qom-list', path='/machine/unattached'):
            if p['type'].startswith('child<') and p['name'].startswith('device['):
                with self.subTest(p['type']), self.assertRaises(qtest.QmpError):
                    self.qmp('device_del', id='/machine/unattached/' + p['name'])

    def test_every_object_can_be_read(self):
        todo, seen = ['/'], 0
        while todo:
            path = todo.pop()
            for p in self.qmp('qom-list', path=path):
                seen += 1
                if p['type'].startswith('child<'):
                    todo.append(path.rstrip('/') + '/' + p['name'])
                else:
                    try:
                        self.qmp('qom-get', path=path, property=p['name'])
                    except qtest.QmpError as e:     # write-only, or not now: but by name
                        self.assertIn(p['name'], e.desc)
        self.assertGreater(seen, 100)


class Clients(qtest.Case):
    """A listening monitor serves one client after another."""
    def connect(self, path):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.connect(path)
        return qtest.Qmp(sock, self.machine.died, negotiate=False)

    def test_each_client_negotiates_anew(self):
        folder = self.enterContext(TemporaryFolder()) if hasattr(self, 'enterContext') else TemporaryFolder().__enter__()
        path = os.path.join(folder, 'monitor')
        self.machine = self.start(*ARGS, '-qmp', f'unix:{path},server=on,wait=off')
        for vanish in (b'', b'{"execute": "query-', b'{"execute": "query-qmp-schema"}' * 50, b'[' * 50):
            with self.subTest(vanish=vanish[:20]):
                client = self.connect(path)
                self.assertEqual(client.greeting['capabilities'], ['oob'])
                client('qmp_capabilities')
                client.send_text(vanish)
                client.lines.sock.close()
        client = self.connect(path)
        client.send_text('{"execute": "query-status"}')
        self.assertEqual(client.reply()['error']['class'], 'CommandNotFound')
        client('qmp_capabilities')
        self.assertEqual(client('query-status')['running'], False)
        client.lines.sock.close()

    def test_events_go_to_all_who_negotiated(self):
        folder = TemporaryFolder().__enter__()
        paths = [os.path.join(folder, n) for n in 'ab']
        self.machine = self.start(*ARGS, *[w for p in paths for w in ('-qmp', f'unix:{p},server=on,wait=off')])
        silent, listening = self.connect(paths[0]), self.connect(paths[1])
        listening('qmp_capabilities')
        self.machine.qmp('cont')
        self.machine.qmp.event('RESUME')
        listening.event('RESUME')
        silent('qmp_capabilities')
        self.assertEqual(silent.events, [])
        for c in (silent, listening):
            c.lines.sock.close()


class TemporaryFolder:
    def __enter__(self):
        import tempfile
        self.folder = tempfile.mkdtemp(prefix='rhea-qmp-')
        return self.folder

    def __exit__(self, *_):
        import shutil
        shutil.rmtree(self.folder, ignore_errors=True)


class Choices(qtest.Case):
    def test_display(self):
        self.assertEqual(self.start(*ARGS).qmp('query-display-options'), {'type': 'none'})

    def test_statistics_without_a_provider(self):
        qmp = self.start(*ARGS).qmp
        self.assertEqual(qmp('query-stats-schemas'), [])
        for target in 'vm', 'vcpu', 'cryptodev':
            self.assertEqual(qmp('query-stats', target=target), [])
        with self.assertRaisesRegex(qtest.QmpError, "'target'.*'cpu'"):
            qmp('query-stats', target='cpu')


if __name__ == '__main__':
    unittest.main()
