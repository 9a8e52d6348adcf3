#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""QMP commands about the host side: descriptors sent along, character devices, block nodes, CPU models written out."""
import array
import json
import os
import socket
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'qtest'))

import qtest    # noqa: E402


class WithFiles(qtest.Case):
    def setUp(self):
        self.work = tempfile.TemporaryDirectory(prefix='rhea-host-ends-')
        self.addCleanup(self.work.cleanup)

    def path(self, name):
        return os.path.join(self.work.name, name)

    def image(self, name, size=1 << 20):
        with open(self.path(name), 'wb') as f:
            f.truncate(size)
        return self.path(name)

    def refused(self, words, command, **arguments):
        with self.assertRaises(qtest.QmpError) as error:
            self.m.qmp(command, **arguments)
        self.assertIn(words, error.exception.desc)


class Descriptors(WithFiles):
    def send(self, fds, command, **arguments):
        """A command with descriptors; returns its result or the error."""
        text = json.dumps({'execute': command, 'arguments': {k.replace('_', '-'): v for k, v in arguments.items()}, 'id': 'fd'})
        self.m.qmp.lines.sock.sendmsg([text.encode() + b'\n'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', fds))])
        reply = self.m.qmp.reply()
        return reply.get('return', reply.get('error'))

    def test_named(self):
        self.m = self.start('-M', 'pc', '-nodefaults')
        server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        server.bind(self.path('listening'))
        server.listen(1)
        self.assertEqual(self.send([server.fileno()], 'getfd', fdname='door'), {})
        server.close()
        self.m.qmp('chardev-add', id='c', backend={'type': 'socket', 'data': {'addr': {'type': 'fd', 'data': {'str': 'door'}}, 'server': True, 'wait': False}})
        self.refused("named 'door' not found", 'closefd', fdname='door')        # it was taken
        self.m.qmp('device_add', driver='isa-serial', chardev='c', id='s')
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.connect(self.path('listening'))
            self.m.qmp('query-chardev')         # the connection is accepted by the loop before the next command
            while 'disconnected' in next(c['filename'] for c in self.m.qmp('query-chardev') if c['label'] == 'c'):
                pass
            self.m.outb(0x3f8, 0x21)
            self.assertEqual(client.recv(1), b'!')

    def test_sets(self):
        self.m = self.start('-M', 'pc', '-nodefaults')
        with open(self.path('out'), 'wb') as f:
            added = self.send([f.fileno()], 'add-fd', opaque='wr')
        self.assertEqual(added['fdset-id'], 0)
        with open(self.image('in'), 'rb') as f:
            self.assertEqual(self.send([f.fileno()], 'add-fd', fdset_id=0)['fdset-id'], 0)
            self.assertEqual(self.send([f.fileno()], 'add-fd')['fdset-id'], 1)
        sets = self.m.qmp('query-fdsets')
        self.assertEqual([(s['fdset-id'], len(s['fds'])) for s in sets], [(0, 2), (1, 1)])
        self.assertEqual([f.get('opaque') for f in sets[0]['fds']], ['wr', None])
        self.m.qmp('chardev-add', id='c', backend={'type': 'file', 'data': {'out': '/dev/fdset/0'}})
        self.m.qmp('device_add', driver='isa-serial', chardev='c', id='s')
        self.m.outb(0x3f8, 0x2b)
        with open(self.path('out'), 'rb') as f:
            self.assertEqual(f.read(), b'+')
        self.refused('Permission denied', 'chardev-add', id='d', backend={'type': 'file', 'data': {'out': '/dev/fdset/1'}})
        self.m.qmp('blockdev-add', driver='file', node_name='n', filename='/dev/fdset/1', read_only=True)
        self.m.qmp('remove-fd', fdset_id=0, fd=added['fd'])
        self.refused('not found', 'remove-fd', fdset_id=0, fd=added['fd'])
        self.m.qmp('remove-fd', fdset_id=0)
        self.refused("'fdset-id:0' not found", 'remove-fd', fdset_id=0)

    def test_none_was_sent(self):
        self.m = self.start('-M', 'pc')
        for command in ('getfd', 'add-fd'):
            self.refused('No file descriptor supplied', command, **({'fdname': 'x'} if command == 'getfd' else {}))
        fd = os.open('/dev/null', os.O_RDWR)
        self.assertIn('not starting with a digit', self.send([fd], 'getfd', fdname='1x')['desc'])
        self.assertIn('non-negative', self.send([fd], 'add-fd', fdset_id=-2)['desc'])
        os.close(fd)


class Chardevs(WithFiles):
    def test_ring_buffer(self):
        self.m = self.start('-M', 'pc', '-nodefaults')
        self.assertEqual(self.m.qmp('chardev-add', id='ring', backend={'type': 'ringbuf', 'data': {'size': 8}}), {})
        self.m.qmp('ringbuf-write', device='ring', data='0123456789')
        self.assertEqual(self.m.qmp('ringbuf-read', device='ring', size=3), '234')
        self.m.qmp('ringbuf-write', device='ring', data='/wAB', format='base64')
        self.assertEqual(self.m.qmp('ringbuf-read', device='ring', size=100, format='base64'), 'NTY3ODn/AAE=')
        self.assertEqual(self.m.qmp('ringbuf-read', device='ring', size=1), '')
        self.refused('not valid', 'ringbuf-write', device='ring', data='!', format='base64')
        self.refused('greater than zero', 'ringbuf-read', device='ring', size=0)
        self.refused("Device 'x' not found", 'ringbuf-read', device='x', size=1)
        self.m.qmp('chardev-add', id='null', backend={'type': 'null', 'data': {}})
        self.refused('not a ringbuf', 'ringbuf-write', device='null', data='x')
        self.m.qmp('ringbuf-write', device='ring', data='to people')
        self.assertEqual(self.m.qmp.hmp('ringbuf_read ring 100'), 'o people\n')

    def test_backends_are_those_that_can_be_made(self):
        self.m = self.start('-M', 'none')
        names = [b['name'] for b in self.m.qmp('query-chardev-backends')]
        self.assertLessEqual({'file', 'null', 'pty', 'ringbuf', 'socket', 'stdio', 'mux'}, set(names))
        self.assertEqual(names, sorted(names))

    def test_pty_tells_its_path(self):
        self.m = self.start('-M', 'none')
        path = self.m.qmp('chardev-add', id='p', backend={'type': 'pty', 'data': {}})['pty']
        self.assertTrue(os.path.exists(path), path)

    def test_change_under_a_running_port(self):
        self.m = self.start('-M', 'pc', '-nodefaults', '-chardev', 'ringbuf,id=c', '-device', 'isa-serial,chardev=c,id=s')
        self.m.outb(0x3f8, 0x31)
        self.assertEqual(self.m.qmp('ringbuf-read', device='c', size=9), '1')
        self.m.qmp('chardev-change', id='c', backend={'type': 'file', 'data': {'out': self.path('out')}})
        self.m.outb(0x3f8, 0x32)
        with open(self.path('out'), 'rb') as f:
            self.assertEqual(f.read(), b'2')
        # One that cannot be made leaves things as they are.
        self.refused('/nonexistent-dir', 'chardev-change', id='c', backend={'type': 'file', 'data': {'out': '/nonexistent-dir/x'}})
        self.m.outb(0x3f8, 0x33)
        with open(self.path('out'), 'rb') as f:
            self.assertEqual(f.read(), b'23')
        self.assertEqual([c['label'] for c in self.m.qmp('query-chardev') if c['label'] not in ('compat_monitor0', 'qtest')], ['c'])
        self.refused("Chardev 'x' not found", 'chardev-change', id='x', backend={'type': 'null', 'data': {}})

    def test_break_reaches_the_port(self):
        self.m = self.start('-M', 'pc', '-nodefaults', '-chardev', 'ringbuf,id=c', '-device', 'isa-serial,chardev=c')
        self.assertEqual(self.m.inb(0x3fd) & 0x10, 0)
        self.m.qmp('chardev-send-break', id='c')
        self.assertEqual(self.m.inb(0x3fd) & 0x10, 0x10)
        self.refused("Chardev 'x' not found", 'chardev-send-break', id='x')

    def test_remove(self):
        self.m = self.start('-M', 'pc', '-nodefaults', '-chardev', 'null,id=free', '-chardev', 'null,id=used', '-device', 'isa-serial,chardev=used')
        self.m.qmp('chardev-remove', id='free')
        self.refused("Chardev 'free' not found", 'chardev-remove', id='free')
        self.refused("Chardev 'used' is busy", 'chardev-remove', id='used')
        self.refused('Duplicate ID', 'chardev-add', id='used', backend={'type': 'null', 'data': {}})
        self.refused('serial', 'chardev-add', id='x', backend={'type': 'serial', 'data': {'device': '/dev/ttyS0'}})


class BlockNodes(WithFiles):
    def test_add_use_remove(self):
        self.m = self.start('-M', 'pc', '-nodefaults')
        self.m.qmp('blockdev-add', driver='file', node_name='f', filename=self.image('a'), cache={'direct': False})
        self.m.qmp('blockdev-add', driver='raw', node_name='r', file='f', read_only=True)
        nodes = {n['node-name']: n for n in self.m.qmp('query-named-block-nodes')}
        self.assertEqual((nodes['r']['drv'], nodes['r']['ro'], nodes['f']['ro']), ('raw', True, False))
        self.assertEqual(nodes['r']['children'], [{'child': 'file', 'node-name': 'f'}])
        self.refused("'f' is busy", 'blockdev-del', node_name='f')
        self.m.qmp('blockdev-del', node_name='r')
        self.m.qmp('blockdev-del', node_name='f')
        self.refused("node-name='f'", 'blockdev-del', node_name='f')
        self.assertEqual(self.m.qmp('query-named-block-nodes'), [])

    def test_refused(self):
        self.m = self.start('-M', 'pc', '-nodefaults')
        name = self.image('a')
        for words, arguments in [("'driver' is missing", {'node_name': 'n'}), ('node-name', {'driver': 'file', 'filename': name}),
                                 ("'file' is missing", {'driver': 'raw', 'node_name': 'n'}), ("did you mean 'raw'", {'driver': 'rwa', 'node_name': 'n'}),
                                 ('/nonexistent', {'driver': 'file', 'node_name': 'n', 'filename': '/nonexistent'}),
                                 ("'filename'", {'driver': 'file', 'node_name': 'n', 'filname': name}),
                                 ('takes', {'driver': 'file', 'node_name': 'n', 'filename': name, 'read_only': 'maybe'})]:
            with self.subTest(words):
                self.refused(words, 'blockdev-add', **arguments)


class CpuModels(qtest.Case):
    def test_expansion(self):
        m = self.start('-M', 'none', accel='tcg')
        static = m.qmp('query-cpu-model-expansion', type='static', model={'name': 'max'})['model']
        self.assertEqual(static['name'], 'base')
        self.assertIs(static['props']['sse2'], True)
        self.assertIs(static['props']['vmx'], False)
        self.assertGreater(len(static['props']), 300)
        # What was written out gives the same CPU when it is read back.
        again = m.qmp('query-cpu-model-expansion', type='static', model={'name': 'base', 'props': static['props']})['model']
        self.assertEqual(again, static)
        full = m.qmp('query-cpu-model-expansion', type='full', model=static)['model']
        self.assertEqual(full['name'], 'base')
        self.assertEqual({k: full['props'][k] for k in static['props']}, static['props'])
        changed = m.qmp('query-cpu-model-expansion', type='static', model={'name': 'Nehalem', 'props': {'sse2': False, 'stepping': 9}})['model']['props']
        self.assertEqual((changed['sse2'], changed['sse'], changed['stepping'], changed['vendor']), (False, True, 9, 'GenuineIntel'))
        host = m.qmp('query-cpu-model-expansion', type='static', model={'name': 'host'})['model']
        self.assertIs(host['props']['sse2'], True)

    def test_refused(self):
        m = self.start('-M', 'none', accel='tcg')
        for words, model in [("'foo' not found", {'name': 'foo'}), ("'base-x86_64-cpu.foo' not found", {'name': 'base', 'props': {'foo': True}}),
                             ('sse2', {'name': 'base', 'props': {'sse2': 'maybe'}}), ('object', {'name': 'base', 'props': []})]:
            with self.assertRaises(qtest.QmpError) as error:
                m.qmp('query-cpu-model-expansion', type='full', model=model)
            self.assertIn(words, error.exception.desc)


if __name__ == '__main__':
    unittest.main()
