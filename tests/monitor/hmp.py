#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""HMP: what commands print, what mistakes get for an answer, and the editor on a real terminal."""
import fcntl
import os
import pty
import re
import re
import select
import subprocess
import sys
import tempfile
import termios
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'qtest'))

import qtest    # noqa: E402

PRINTS = [      # line, output (a string: all of it; a tuple: parts)
    ('print 5', '0x5\n'), ('p/x 5', '0x5\n'), ('p /d -1', '-1\n'), ('p /x -1', '0xffffffffffffffff\n'), ('p /u -1', '18446744073709551615\n'),
    ('p /o 8', '010\n'), ('p /c 65', "'A'\n"), ("p /d 'A'", '65\n'), ('p /d 2+3*4', '14\n'), ('p /d (2+3)*4', '20\n'),
    ('p /d 7/2', '3\n'), ('p /d -7%3', '-1\n'), ('p /x 0xf0&0x3c|1', '0x31\n'), ('p /x 6^3', '0x5\n'), ('p /x ~0', '0xffffffffffffffff\n'),
    ('p /d - - 5', '5\n'), ('p /d 0x7fffffffffffffff+1', '-9223372036854775808\n'), ('p /d (-0x7fffffffffffffff-1)/-1', '-9223372036854775808\n'),
    ('p /d (-0x7fffffffffffffff-1)%-1', '0\n'), ('p /d 010', '8\n'),
    ('p 1/0', ('division by zero', 'help print')), ('p 1%0', ('division by zero',)), ('p (1', ("')' expected",)), ('p 1)', ("extraneous", "')'")),
    ('p', ("argument 'expr' is missing",)), ('p $eex', ("unknown register '$eex'", "did you mean")), ('p 1+', ('unexpected end',)),
    ('p x', ("invalid char 'x'",)), ('p ' + '(' * 5000, ('nested too deeply',)), ('p ' + '-' * 5000 + '1', ('nested too deeply',)),
    ('p 99999999999999999999', ('too large',)), ("p 'ab'", ('character constant',)), ('p /q 1', ("'q'",)),
    ('p /x $eip', '0xfff0\n'), ('p /x $pc', '0xfffffff0\n'), ('p /x $cs', '0xf000\n'), ('p /x $cs.base', '0xffff0000\n'),
    ('xp /4xb 0x10000', '00010000: 0x01 0x02 0x03 0x04\n'), ('xp/2xh 0x10000', '00010000: 0x0201 0x0403\n'),
    ('xp /1xw 0x10000', '00010000: 0x04030201\n'), ('xp /1xg 0x10000', '00010000: 0x0807060504030201\n'),
    ('xp /3db 0x1000f', '0001000f:  -1  16   0\n'), ('xp /2ub 0x1000f', '0001000f: 255  16\n'), ('xp /1ob 0x10007', '00010007: 0010\n'),
    ('xp /9xb 0x10000', '00010000: 0x01 0x02 0x03 0x04 0x05 0x06 0x07 0x08\n00010008: 0x09\n'),
    ('xp /5xw 0x10020', '00010020: 0x00000000 0x00000000 0x00000000 0x00000000\n00010030: 0x00000000\n'),
    ('xp /4cb 0x10040', "00010040: 'A' '\\n' '\\'' '\\x80'\n"), ('x /2xb 0x10000', '0000000000010000: 0x01 0x02\n'),
    ('x', ("argument 'addr' is missing", 'help x')), ('xp /0xb 0', ''),
    ('xp /3i 0x10050', '0x00010050:  90                       nop      \n0x00010051:  b8 34 12                 movw     $0x1234, %ax\n'
                       '0x00010054:  eb fe                    jmp      0x54\n'),
    ('sum 0x10000 4', '08198\n'), ('gpa2hva 0xfffffffff000', ('Error: ', 'no RAM')), ('gva2gpa 0x10000', 'gpa: 0x10000\n'),
    ('info status', 'VM status: paused (prelaunch)\n'), ('info name', 'tested\n'), ('info version', ('11.1.0 (Rhea ',)),
    ('info uuid', '00000000-0000-0000-0000-000000000000\n'), ('info cpus', ('* CPU #0: thread_id=', ' model=qemu64')),
    ('info mem', 'PG disabled\n'), ('info tlb', 'PG disabled\n'), ('info chardev', ('filename=unix:',)),
    ('info registers', ('CPU#0\n', 'EIP=0000fff0 EFL=00000002 [-------] CPL=0', 'CS =f000 ffff0000 0000ffff 00009b00\n', 'CR0=60000010')),
    ('info registers -a', ('CPU#0\n',)), ('info registers 7', ('Error: ', 'CPU#7')), ('info mtree', ('memory-region', 'system')),
    ('info qtree', ('bus: ', 'dev: ')), ('info qom-tree', ('/machine (pc-i440fx', '/peripheral')), ('info qom-tree /nope', ("'/nope'",)),
    ('info pci', ('Bus  0, device   0, function 0:', '8086:1237')), ('info block', ''), ('info kvm', ('kvm support: ',)),
    ('info memory_size_summary', ('base memory: 33554432\n',)), ('info trace-events', (' : state 0',)), ('info accelerators', ('* qtest',)),
    ('info pic', ('ioapic0: ver=0x20 ', 'pic0: irr=00', 'pic1: irr=00')), ('info irq', ('for ioapic:\n', 'for isa-i8259:\n')),
    ('info lapic', ('local APIC of CPU 0, id 0, xAPIC mode', 'SPIV\t 0x000000ff')), ('info lapic 0', ('local APIC of CPU 0',)),
    ('info lapic 7', 'Error: no CPU has the APIC id 7\n'),
    ('info death', ('not died',)), ('info history', ''),
    ('help stop', 'stop|s  -- stop the guest\n'), ('help info status', ('info status  -- ',)), ('help info', ('info status', 'info version')),
    ('help', ('stop|s', 'info [subcommand]', 'xp /fmt addr')), ('?', ('stop|s',)), ('help foo', ("no command 'foo'",)), ('info', ('info status',)),
    ('foo', "unknown command: 'foo'\n"), ('info foo', "unknown command: 'info foo'\n"), ('info stat', ("unknown command: 'info stat'",)),
    ('system_rset', "unknown command: 'system_rset'; did you mean 'system_reset'?\n"), ('info versoin', ("did you mean 'version'?",)),
    ('stop now', ("stop: extraneous characters at the end of line: 'now'", 'help stop')), ('', ''), ('  # a comment', ''),
    ('cpu 0', ''), ('cpu 5', ('Error: invalid CPU index 5: the highest is 0',)), ('cpu -1', ('Error: ',)), ('cpu', ("argument 'index' is missing",)),
    ('device_del foo', "Error: Device 'foo' not found\n"), ('device_add foo', ('Error: ', "'foo'")), ('device_add', ("'driver' is missing",)),
    ('qom-get /machine type', '"pc-i440fx-11.1-machine"\n'), ('qom-list /foo', "Error: Device '/foo' not found\n"),
    ('qom-list', ('machine (child<',)), ('qom-set /machine foo 1', ('Error: ', "'foo'")), ('qom-set -j /machine foo {', ('Error: ',)),
    ('object_add memory-backend-ram,id=a,size=1M', ''), ('qom-get /objects/a size', '1048576\n'), ('object_del a', ''), ('object_del a', ('Error: ',)),
    ('object_add memory-backend-ram,id=b', ('Error: ',)), ('object_add memory-backend-rum,id=b,size=1M', ("did you mean 'memory-backend-ram'?",)),
    ('log help', ('none ', 'int ', 'cpu_reset ')), ('log int,cpu_reset', ''), ('log none', ''), ('log innt', ('Error: ', 'innt')),
    ('logfile /nonexistent/x', ('Error: ', '/nonexistent/x')), ('trace-event nothing* on', ('Error: ', 'nothing*')), ('trace-event x maybe', ("'maybe'",)),
    ('help "foo', ('quoted string',)), ('qom-get "/machine" "type"', '"pc-i440fx-11.1-machine"\n'), ('qom-get "a\\q" b', ('escape',)),
    ('o /b 0x80 0x12', ''), ('i /b 0x92', ('portb[0x0092] = 0x',)), ('i /h 0xcfc', ('portw[0x0cfc] = 0x',)), ('i', ("'addr' is missing",)),
]


class Output(qtest.Case):
    def setUp(self):
        self.m = self.start('-M', 'pc', '-m', '32M', '-S', '-name', 'tested', '-nodefaults')
        self.m.write(0x10000, bytes(range(1, 17)))
        self.m.writeb(0x1000f, 0xff)
        self.m.writeb(0x10010, 16)
        self.m.writeb(0x10011, 0)
        self.m.write(0x10040, b"A\n'\x80")
        self.m.write(0x10050, b'\x90\xb8\x34\x12\xeb\xfe')

    def test_what_commands_print(self):
        for line, wanted in PRINTS:
            with self.subTest(line[:80]):
                text = self.m.qmp.hmp(line)
                if isinstance(wanted, str):
                    self.assertEqual(text, wanted)
                else:
                    for part in wanted:
                        self.assertIn(part, text)

    def test_interrupts_are_counted(self):
        def timer_counts():
            return [int(n) for n in re.findall(r'for (?:ioapic:\n 2|isa-i8259:\n 0): (\d+)', self.m.qmp.hmp('info irq'))]
        for command, risen in ((0x30, 0), (0x34, 1), (0x30, 1), (0x34, 2)):     # output low at once; high at once
            self.m.outb(0x43, command)
            counts = timer_counts() or [0, 0]
            start = counts if command == 0x30 and not risen else start
            self.assertEqual(counts, [n + risen for n in start], hex(command))
        self.assertRegex(self.m.qmp.hmp('info pic'), r'pic0: irr=01 ')

    def test_output_has_carriage_returns(self):
        self.assertEqual(self.m.qmp('human-monitor-command', command_line='info name'), 'tested\r\n')

    def test_memory_goes_to_files(self):
        with tempfile.TemporaryDirectory() as folder:
            for command in ('memsave', 'pmemsave'):
                path = os.path.join(folder, command)
                self.assertEqual(self.m.qmp.hmp(f'{command} 0x10000 0x10 "{path}"'), '')
                with open(path, 'rb') as f:
                    self.assertEqual(f.read(), bytes(range(1, 16)) + b'\xff')
        self.assertIn('Error: ', self.m.qmp.hmp('pmemsave 0 16 /nonexistent/file'))

    def test_commands_act(self):
        self.m.qmp.hmp('cont')
        self.m.qmp.event('RESUME')
        self.assertEqual(self.m.qmp.hmp('info status'), 'VM status: running\n')
        self.m.qmp.hmp('s')
        self.m.qmp.event('STOP')
        self.assertEqual(self.m.qmp.hmp('info status'), 'VM status: paused\n')
        self.m.qmp.hmp('system_reset')
        self.m.qmp.event('RESET')
        self.m.qmp.hmp('q')
        self.assertEqual(self.m.wait_exit(), 0)

    def test_every_command_in_help_exists_and_says_what_it_is(self):
        rows = [(line, line.split('|')[0].split()[0]) for line in self.m.qmp.hmp('help').splitlines()]
        rows += [(line, 'info ' + line.split()[1]) for line in self.m.qmp.hmp('help info').splitlines()]
        self.assertGreater(len(rows), 40)
        for line, name in rows:
            with self.subTest(name):
                self.assertRegex(line, r' -- \S')
                self.assertIn(line, self.m.qmp.hmp('help ' + name) if name != 'info' else line)


class Terminal:
    """An emulator whose monitor is on a pseudo terminal."""
    def __init__(self, *args):
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen([qtest.emulator(), '-accel', 'qtest', '-M', 'pc', '-S', '-display', 'none', *args],
                                        stdin=slave, stdout=slave, stderr=slave, start_new_session=True, env=qtest.environment(),
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(slave)
        self.text = ''

    def wait_raw(self):
        """Until the emulator has taken the terminal over."""
        deadline = time.monotonic() + qtest.TIMEOUT_S
        while termios.tcgetattr(self.master)[3] & termios.ICANON:
            assert time.monotonic() < deadline and self.process.poll() is None, 'the terminal is left alone'
            time.sleep(0.01)

    def send(self, keys):
        os.write(self.master, keys.encode())

    def expect(self, wanted):
        """Reads until @wanted; returns what came before it and consumes both."""
        deadline = time.monotonic() + qtest.TIMEOUT_S
        while wanted not in self.text:
            ready, _, _ = select.select([self.master], [], [], max(deadline - time.monotonic(), 0))
            data = b''
            if ready:
                try:
                    data = os.read(self.master, 65536)
                except OSError:
                    pass
            if not data:
                raise AssertionError(f'{wanted!r} does not come; there is {self.text!r}')
            self.text = (self.text + data.decode(errors='replace')).replace('\r\r', '\r')    # the terminal adds one
        before, _, self.text = self.text.partition(wanted)
        return before

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.master)


class Editing(unittest.TestCase):
    def start(self, *args):
        t = Terminal(*args)
        self.addCleanup(t.close)
        return t

    def setUp(self):
        self.t = self.start('-monitor', 'stdio')
        self.t.expect("'help' lists the commands")
        self.t.expect('(qemu) ')

    def enter(self, keys):
        self.t.send(keys + '\r')
        self.t.expect('\r\n')
        return self.t.expect('(qemu) ')

    def test_a_command_and_its_output(self):
        self.assertEqual(self.enter('info status'), 'VM status: paused (prelaunch)\r\n')

    def test_keys(self):
        for keys in ('nfo status\x01i', 'info statx\x7fu\x7fus', 'xx\x15info status', 'info statusxx\x17\x19\x17info\x01\x0binfo status',
                     'status\x1b[Hinfo \x1b[F', 'infostatus\x1b[D\x1b[D\x1b[D\x1b[D\x1b[D\x1b[D \x05'):
            with self.subTest(keys):
                self.assertEqual(self.enter(keys), 'VM status: paused (prelaunch)\r\n')

    def test_history(self):
        self.enter('print /d 1')
        self.enter('print /d 2')
        self.assertEqual(self.enter('\x1b[A\x1b[A'), '1\r\n')
        self.assertEqual(self.enter('\x10\x7f5'), '5\r\n')
        self.assertIn("0: 'print /d 1'\r\n1: 'print /d 2'\r\n", self.enter('info history'))

    def test_completion(self):
        for keys, shown in (('info sta\t', 'VM status'), ('inf\tver\t', '11.1.0'), ('qom-list /mach\tperipheral-a\t', 'type (string'),
                            ('system_re\t\x15info status', 'VM status'), ('log cpu_r\t', ''), ('log none', '')):
            with self.subTest(keys):
                self.assertIn(shown, self.enter(keys))

    def test_completion_lists_candidates(self):
        self.t.send('system_\t')
        listed = self.t.expect('(qemu) system_')
        for word in ('system_reset', 'system_powerdown', 'system_wakeup'):
            self.assertIn(word, listed)

    def test_ids_are_completed(self):
        self.enter('object_add memory-backend-ram,id=some-memory,size=1M')
        self.assertEqual(self.enter('object_del so\t'), '')
        self.assertIn('not found', self.enter('qom-get /objects/some-memory size'))

    def test_rubbish_on_the_terminal(self):
        self.t.send('\x00\x1b[999z\x1b[[[\x1bO\x1b\x7f\x15')
        self.assertEqual(self.enter('info status'), 'VM status: paused (prelaunch)\r\n')

    def test_quit(self):
        self.t.send('quit\r')
        self.assertEqual(self.t.process.wait(qtest.TIMEOUT_S), 0)


class Mux(unittest.TestCase):
    def test_keys_after_the_escape(self):
        disk = tempfile.NamedTemporaryFile()
        self.addCleanup(disk.close)
        disk.truncate(1 << 20)
        t = Terminal('-serial', 'mon:stdio', '-nodefaults', '-drive', f'if=none,format=raw,file={disk.name},id=d')
        self.addCleanup(t.close)
        t.wait_raw()
        t.send('\x01h')
        help_text = t.expect('send Ctrl-A itself')
        for key in 'hxsbtc':
            self.assertIn(f'Ctrl-A {key}', help_text)
        t.send('\x01c')
        t.expect('(qemu) ')
        t.send('\x01s')                         # writes back what disks have cached
        t.send('inf\tstatx\x7f\t\r')            # completion and editing, as on a terminal of its own
        t.expect('VM status: paused (prelaunch)')
        t.expect('(qemu) ')
        t.send('\x01t')
        t.send('info name\rinfo status\r')
        t.expect('] VM status')
        t.send('\x01t')
        t.send('\x01b\x01x')
        self.assertEqual(t.process.wait(qtest.TIMEOUT_S), 0)

    def test_serial_and_monitor_share_the_terminal(self):
        t = Terminal('-serial', 'mon:stdio', '-nodefaults')
        self.addCleanup(t.close)
        t.wait_raw()
        t.send('\x01c')
        t.expect('(qemu) ')
        t.send('info status\r')
        t.expect('VM status: paused (prelaunch)')
        t.expect('(qemu) ')
        t.send('\x01c')
        t.send('\x01c')
        t.expect('(qemu) ')
        t.send('\x01x')
        self.assertEqual(t.process.wait(qtest.TIMEOUT_S), 0)


if __name__ == '__main__':
    unittest.main()
