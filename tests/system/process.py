#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the command line says of the process: daemon, sandbox, inherited descriptors, files of options, messages."""
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'qtest'))

import qtest    # noqa: E402

WORK = tempfile.mkdtemp(prefix='rhea-process-')


def run(*args, **kw):
    return subprocess.run([qtest.emulator(), '-display', 'none', *args], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=qtest.TIMEOUT_S, env=qtest.environment(), **kw)


def connect(path):
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.connect(path)
    return qtest.Qmp(sock, lambda: qtest.EmulatorDied('connection closed'))


def end(qmp):
    qmp('quit')
    try:
        qmp.event('nothing more')
    except qtest.EmulatorDied:
        qmp.lines.sock.close()


def process_status(pid, field):
    with open(f'/proc/{pid}/status', encoding='ascii') as f:
        return re.search(rf'^{field}:\s*(.*)$', f.read(), re.M)[1]


class Daemon(unittest.TestCase):
    def test_parent_returns_when_the_monitor_listens(self):
        pidfile, monitor = os.path.join(WORK, 'pid'), os.path.join(WORK, 'qmp')
        p = run('-M', 'none', '-nodefaults', '-nographic', '-S', '-daemonize', '-pidfile', pidfile, '-qmp', f'unix:{monitor},server=on,wait=off')
        self.assertEqual((p.returncode, p.stdout, p.stderr), (0, '', ''))
        qmp = connect(monitor)                  # no waiting: it listens already
        with open(pidfile, encoding='ascii') as f:
            pid = int(f.read())
        self.assertEqual(os.readlink(f'/proc/{pid}/cwd'), '/')
        self.assertEqual({os.readlink(f'/proc/{pid}/fd/{n}') for n in range(3)}, {'/dev/null'})
        self.assertNotEqual(os.getsid(pid), os.getsid(0))
        self.assertNotEqual(os.getsid(pid), pid, 'a session leader could get a terminal')
        end(qmp)

    def test_failure_of_the_child_is_the_parents(self):
        p = run('-daemonize', '-M', 'q36')
        self.assertEqual(p.returncode, 1)
        self.assertIn('q36', p.stderr)

    def test_the_terminal_is_not_to_be_had(self):
        for args in (['-serial', 'stdio'], ['-monitor', 'stdio', '-serial', 'none'], ['-chardev', 'stdio,id=c'], ['-nographic']):
            with self.subTest(args):
                p = run('-daemonize', '-S', *args)
                self.assertEqual(p.returncode, 1)
                self.assertIn('-daemonize', p.stderr)


class InheritedDescriptors(qtest.Case):
    def test_a_set_stands_for_a_file(self):
        path = os.path.join(WORK, 'serial')
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.set_inheritable(fd, True)
        qmp_path = os.path.join(WORK, 'set-qmp')
        p = subprocess.Popen([qtest.emulator(), '-accel', 'qtest', '-M', 'pc', '-S', '-display', 'none', '-nodefaults', '-add-fd',
                              f'set=3,fd={fd},opaque=log', '-chardev', 'file,id=c,path=/dev/fdset/3,append=on', '-device', 'isa-serial,chardev=c',
                              '-qmp', f'unix:{qmp_path},server=on,wait=off', '-daemonize'], pass_fds=[fd], stdin=subprocess.DEVNULL,
                             env=qtest.environment())
        os.close(fd)
        self.assertEqual(p.wait(qtest.TIMEOUT_S), 0)
        qmp = connect(qmp_path)
        self.assertEqual(qmp('query-fdsets'), [{'fdset-id': 3, 'fds': [{'fd': fd, 'opaque': 'log'}]}])
        qmp.hmp('o/1b 0x3f8 0x52')
        qmp.hmp('o/1b 0x3f8 0x68')
        qmp('remove-fd', fdset_id=3)
        self.assertEqual(qmp('query-fdsets'), [])
        qmp.hmp('o/1b 0x3f8 0x65')              # what is open stays open
        end(qmp)
        with open(path, encoding='ascii') as f:
            self.assertEqual(f.read(), 'Rhe')

    def test_descriptors_that_are_refused(self):
        read_only = os.open('/dev/null', os.O_RDONLY)
        for args, word in [(['-add-fd', 'fd=99,set=1'], 'not valid or already in use'), (['-add-fd', 'fd=2,set=1'], 'standard I/O'),
                           (['-add-fd', 'fd=9'], 'set is required'), (['-add-fd', 'set=9'], 'fd is required'),
                           (['-chardev', 'file,id=c,path=/dev/fdset/8'], '/dev/fdset/8'),
                           (['-add-fd', f'fd={read_only},set=1', '-chardev', 'file,id=c,path=/dev/fdset/1'], 'Permission denied')]:
            with self.subTest(args):
                p = run('-S', *args, pass_fds=[read_only])
                self.assertEqual(p.returncode, 1)
                self.assertIn(word, p.stderr)
        os.close(read_only)


class OptionsFromElsewhere(qtest.Case):
    def config(self, text):
        path = os.path.join(WORK, 'config')
        with open(path, 'w', encoding='ascii') as f:
            f.write(text)
        return path

    def test_file_of_options(self):
        m = self.start('-readconfig', self.config('''# a comment
[machine]
  type = "q35"

[memory]
  size = "24M"

[name]
  guest = "from, file"

[chardev "log"]
  backend = "ringbuf"
  size = "64"

[device "port"]
  driver = "isa-serial"
  chardev = "log"

[global]
  driver = "VGA"
  property = "vgamem_mb"
  value = "8"
'''), '-nodefaults', '-vga', 'std')
        self.assertEqual(m.qmp('query-name'), {'name': 'from, file'})
        self.assertEqual(m.qmp('query-memory-size-summary')['base-memory'], 24 << 20)
        self.assertIn('q35', m.qmp('qom-get', path='/machine', property='type'))
        m.outb(0x3f8, 0x41)
        self.assertEqual(m.qmp('ringbuf-read', device='log', size=10), 'A')
        self.assertEqual(m.qmp('qom-get', path='/machine/peripheral/port', property='chardev'), 'log')
        self.assertIn('vgamem_mb = 8', m.qmp.hmp('info qtree'))

    def test_mistakes_in_a_file_name_their_line(self):
        for text, words in [('[machine]\ntype = q35\n', ['line 2', 'type = q35']), ('type = "q35"\n', ['line 1', 'no group']),
                            ('\n[machin]\n type = "q35"\n', ['line 2', "'machine'"]), ('[machine\n', ['line 1', 'parse error'])]:
            with self.subTest(text):
                p = run('-S', '-readconfig', self.config(text))
                self.assertEqual(p.returncode, 1)
                for word in words:
                    self.assertIn(word, p.stderr)

    def test_set_changes_an_option(self):
        m = self.start('-nodefaults', '-vga', 'none', '-device', 'VGA,id=v', '-set', 'device.v.vgamem_mb=4')
        self.assertEqual(m.qmp('qom-get', path='/machine/peripheral/v', property='vgamem_mb'), 4)

    def test_set_needs_something_to_change(self):
        for text, word in [('device.x.y=1', 'there is no device "x"'), ('devise.x.y=1', "'device'"), ('device', "can't parse"),
                           ('device.x=1', "can't parse"), ('device..y=1', "can't parse")]:
            p = run('-S', '-set', text)
            self.assertEqual(p.returncode, 1, text)
            self.assertIn(word, p.stderr)


class ParallelPorts(qtest.Case):
    def test_bytes_reach_the_host(self):
        path = os.path.join(WORK, 'printed')
        m = self.start('-M', 'pc', '-nodefaults', '-parallel', 'none', '-parallel', f'file:{path}')
        self.assertEqual(m.inb(0x379), 0xff, 'no first port')
        for byte in b'page':
            m.outb(0x278, byte)
            m.outb(0x27a, 0x0d)                 # STROBE
            m.outb(0x27a, 0x0c)
        with open(path, 'rb') as f:
            self.assertEqual(f.read(), b'page')


class Messages(unittest.TestCase):
    def test_time_and_name(self):
        p = run('-msg', 'timestamp=on,guest-name=on', '-name', 'guest=wendy', '-device', 'nonesuch')
        self.assertRegex(p.stderr, r'^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z wendy qemu-system-x86_64: -device nonesuch: ')

    def test_unknown_trace_event_is_only_warned_of(self):
        p = run('-trace', 'nonesuch', '-device', 'none')
        self.assertIn("warning: no trace event matches 'nonesuch'", p.stderr)

    def test_trace_events_from_a_file(self):
        events, log = os.path.join(WORK, 'events'), os.path.join(WORK, 'log')
        with open(events, 'w', encoding='ascii') as f:
            f.write('# of PCI\npci_config_*\n')
        with qtest_machine('-trace', f'events={events},file={log}') as m:
            self.assertIn('pci_config_read : state 1', m.qmp.hmp('info trace-events'))


def qtest_machine(*args):
    class Running:
        def __enter__(self):
            self.m = qtest.Machine(*args)
            return self.m

        def __exit__(self, *exc):
            self.m.close()
    return Running()


class Actions(qtest.Case):
    def test_words(self):
        p = run('-S', '-action', 'reboot=rest')
        self.assertEqual(p.returncode, 1)
        self.assertIn("did you mean 'reset'?", p.stderr)

    def tco_expires(self, *args):
        """The ICH9's watchdog runs out twice, which is when it acts."""
        m = self.start('-M', 'q35', *args)
        m.outl(0xcf8, 0x8000f840)
        m.outl(0xcfc, 0x600)                    # PMBASE
        m.outl(0xcf8, 0x8000f844)
        m.outb(0xcfc, 0x80)                     # ACPI_CNTL: decode it
        m.outl(0xcf8, 0x8000f8f0)
        m.outl(0xcfc, 0xfed1c001)               # RCBA
        m.writel(0xfed1f410, m.readl(0xfed1f410) & ~0x20)   # GCS.NO_REBOOT
        tco = 0x660
        m.outw(tco + 0x12, 4)
        m.outw(tco + 8, 0)
        m.outw(tco, 1)
        m.clock_step(20_000_000_000)
        return m

    def test_watchdog_pauses(self):
        m = self.tco_expires('-action', 'watchdog=pause')
        self.assertEqual(m.qmp.event('WATCHDOG')['data'], {'action': 'pause'})
        m.qmp.event('STOP')
        self.assertEqual(m.qmp('query-status'), {'running': False, 'status': 'watchdog'})

    def test_watchdog_resets_unless_told_otherwise(self):
        m = self.tco_expires()
        self.assertEqual(m.qmp.event('WATCHDOG')['data'], {'action': 'reset'})
        self.assertEqual(m.qmp.event('RESET')['data']['guest'], True)

    def test_watchdog_ends_the_program(self):
        m = self.tco_expires('-watchdog-action', 'poweroff')
        self.assertEqual(m.wait_exit(), 0)

    def test_watchdog_set_by_the_monitor(self):
        m = self.start('-M', 'q35')
        m.qmp('watchdog-set-action', action='none')
        m.qmp('set-action', watchdog='shutdown')


class Sandbox(qtest.Case):
    ALL = 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny'

    def test_filter_is_there(self):
        m = self.start('-M', 'pc', '-sandbox', self.ALL)
        self.assertEqual(process_status(m.process.pid, 'Seccomp'), '2')
        for task in os.listdir(f'/proc/{m.process.pid}/task'):
            self.assertEqual(process_status(f'{m.process.pid}/task/{task}', 'Seccomp'), '2')
        m.qmp('system_reset')                   # threads, timers and files work as before
        m.qmp.event('RESET')
        self.assertEqual(m.qmp('query-status')['running'], True)

    def test_off_is_off(self):
        m = self.start('-M', 'pc', '-sandbox', 'off')
        self.assertEqual(process_status(m.process.pid, 'Seccomp'), '0')

    def test_wrong_words(self):
        for text, word in [('on,spawn=foo', 'spawn'), ('on,elevateprivileges=childen', 'children'), ('maybe', 'maybe'), ('on,spwan=deny', "'spawn'")]:
            p = run('-S', '-sandbox', text)
            self.assertEqual(p.returncode, 1, text)
            self.assertIn(word, p.stderr)


class Secrets(qtest.Case):
    def test_sources(self):
        key, path = bytes(range(32)), os.path.join(WORK, 'key')
        with open(path, 'wb') as f:
            f.write(key)
        m = self.start('-M', 'none', '-object', json.dumps({'qom-type': 'secret', 'id': 'master', 'format': 'raw', 'file': path}),
                       '-object', 'secret,id=plain,data=hidden')
        # "letmein" under that key and an IV of zeros: made by openssl enc -aes-256-cbc
        m.qmp('object-add', **{'qom_type': 'secret', 'id': 's', 'keyid': 'master', 'iv': 'AAAAAAAAAAAAAAAAAAAAAA==', 'format': 'base64',
                               'data': '4QTUqTcO3X/wflDFWw3jPw=='})
        m.qmp('object-del', id='s')

    def test_refused(self):
        for args, word in [('id=s', "Either 'file' or 'data'"), ('id=s,data=x,file=y', 'mutually exclusive'), ('id=s,file=/nonexistent', '/nonexistent'),
                           ('id=s,data=!!!,format=base64', 'base64'), ('id=s,data=AAAA,format=base64,keyid=k', 'IV is required'),
                           ('id=s,data=AAAA,format=base64,keyid=k,iv=AAAAAAAAAAAAAAAAAAAAAA==', "No secret with id 'k'")]:
            p = run('-S', '-object', 'secret,' + args)
            self.assertEqual(p.returncode, 1, args)
            self.assertIn(word, p.stderr)


if __name__ == '__main__':
    unittest.main()
