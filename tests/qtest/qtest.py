# SPDX-License-Identifier: GPL-2.0-or-later
"""
Client of the qtest protocol and of QMP, for device tests.

    class SerialTest(qtest.Case):
        def test_scratch_register(self):
            m = self.start('-M', 'pc')              # the emulator under -accel qtest: no CPU runs, the clock stands still
            m.outb(0x3ff, 0x5a)
            self.assertEqual(m.inb(0x3ff), 0x5a)

start() ends the emulator with the test and fails the test if the emulator died, or a sanitizer complained. The emulator
is $RHEA_EMULATOR, or qemu-system-x86_64 in $RHEA_BUILD (default: build).
"""
import base64
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest

TIMEOUT_S = int(os.environ.get('RHEA_TEST_TIMEOUT_S', 120))     # of one reply; only a hang reaches it


def emulator():
    return os.environ.get('RHEA_EMULATOR') or os.path.join(os.environ.get('RHEA_BUILD', 'build'), 'qemu-system-x86_64')


def environment():
    """What the command line says is kept to the end on purpose, so an emulator's leaks are not looked for."""
    options = os.environ.get('ASAN_OPTIONS', '')
    return os.environ | {'ASAN_OPTIONS': f'detect_leaks=0:{options}'.rstrip(':')}


class EmulatorDied(Exception):
    """The emulator ended, or closed its side, in the middle of a test."""


class QtestError(Exception):
    """A command was answered by FAIL."""


class QmpError(Exception):
    """A QMP command failed. `cls` is the error class."""
    def __init__(self, error):
        super().__init__(error['desc'])
        self.cls, self.desc = error['class'], error['desc']


class LineSocket:
    """A stream socket read line by line."""
    def __init__(self, sock, died):
        self.sock, self.died, self.buffer = sock, died, b''
        sock.settimeout(TIMEOUT_S)

    def send(self, data):
        try:
            self.sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            raise self.died() from None

    def line(self):
        while b'\n' not in self.buffer:
            try:
                data = self.sock.recv(1 << 20)
            except ConnectionResetError:
                data = b''
            except socket.timeout:
                raise TimeoutError(f'no reply within {TIMEOUT_S} s') from None
            if not data:
                raise self.died()
            self.buffer += data
        line, _, self.buffer = self.buffer.partition(b'\n')
        return line.decode()


class Qmp:
    """A QMP connection. Events that arrive meanwhile are kept in `events`."""
    def __init__(self, sock, died, negotiate=True):
        self.lines, self.events, self.next_id = LineSocket(sock, died), [], 0
        self.greeting = self.message()['QMP']
        if negotiate:
            self('qmp_capabilities')

    def message(self):
        return json.loads(self.lines.line())

    def send_text(self, text):
        self.lines.send(text if isinstance(text, bytes) else text.encode())

    def reply(self):
        """The next message that is no event."""
        while True:
            m = self.message()
            if 'event' not in m:
                return m
            self.events.append(m)

    def __call__(self, command, /, **arguments):
        """Runs a command ('-' in argument names as '_'); returns its result or raises QmpError."""
        self.next_id += 1
        request = {'execute': command, 'id': self.next_id}
        if arguments:
            request['arguments'] = {k.replace('_', '-'): v for k, v in arguments.items()}
        self.send_text(json.dumps(request) + '\n')
        reply = self.reply()
        assert reply.get('id') == self.next_id, reply
        if 'error' in reply:
            raise QmpError(reply['error'])
        return reply['return']

    def hmp(self, line):
        return self('human-monitor-command', command_line=line).replace('\r\n', '\n')

    def event(self, name):
        """Waits for event @name and returns it; those before it stay in `events`."""
        while True:
            for i, e in enumerate(self.events):
                if e['event'] == name:
                    return self.events.pop(i)
            m = self.message()
            assert 'event' in m, m
            self.events.append(m)


class Machine:
    """An emulator under test."""
    def __init__(self, *args, accel='qtest', qmp=True, negotiate=True):
        self.folder = tempfile.mkdtemp(prefix='rhea-qtest-')
        self.irqs = {}              # level of intercepted lines, by number
        self.irq_log = []           # their changes: (number, level)
        self.args, self.expect_death = args, False
        command = [emulator()]
        listeners = {}
        if accel:
            command += ['-accel', accel]
        for name in (['qtest'] if accel == 'qtest' else []) + (['qmp'] if qmp else []):
            listeners[name] = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            listeners[name].bind(os.path.join(self.folder, name))
            listeners[name].listen(1)
            listeners[name].settimeout(TIMEOUT_S)
            command += [f'-{name}', f'unix:{self.folder}/{name}']
        if accel == 'qtest':
            command += ['-qtest-log', os.path.join(self.folder, 'log')]
        command += ['-display', 'none', *args]
        self.errors = open(os.path.join(self.folder, 'stderr'), 'w+b')
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.errors, stderr=self.errors,
                                        env=environment())
        try:
            self.lines = LineSocket(self.accept(listeners['qtest']), self.died) if 'qtest' in listeners else None
            self.qmp = Qmp(self.accept(listeners['qmp']), self.died, negotiate) if 'qmp' in listeners else None
        except BaseException:
            self.process.kill()
            self.process.wait()
            self.errors.close()
            shutil.rmtree(self.folder, ignore_errors=True)
            raise
        finally:
            for listener in listeners.values():
                listener.close()

    def accept(self, listener):
        listener.settimeout(0.2)
        for _ in range(TIMEOUT_S * 5):
            try:
                sock, _ = listener.accept()
                return sock
            except socket.timeout:
                if self.process.poll() is not None:
                    raise self.died() from None
        raise TimeoutError('the emulator does not connect')

    def stderr(self):
        self.errors.flush()
        self.errors.seek(0)
        return self.errors.read().decode(errors='replace')

    def died(self):
        try:
            status = self.process.wait(10)
        except subprocess.TimeoutExpired:
            status = 'none: still running'
        return EmulatorDied(f'exit status {status}, arguments {" ".join(self.args)}\n{self.stderr()[-8000:]}')

    def wait_exit(self):
        """Waits until the emulator ends by itself; returns its exit status."""
        self.expect_death = True
        return self.process.wait(TIMEOUT_S)

    def close(self):
        """Ends the emulator; raises if it had died, or a sanitizer has something to say."""
        early = self.process.poll()
        if early is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                early = 'none: SIGTERM did not end it'
        text = self.stderr()
        self.errors.close()
        for lines in (self.lines, self.qmp and self.qmp.lines):
            if lines:
                lines.sock.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        if 'Sanitizer' in text or 'runtime error:' in text:
            raise EmulatorDied(f'sanitizer report:\n{text[-16000:]}')
        if early is not None and not self.expect_death:
            raise EmulatorDied(f'exit status {early}\n{text[-8000:]}')

    # The protocol

    def command(self, *words):
        """Sends a line; returns the words after OK."""
        self.lines.send((' '.join(str(w) for w in words) + '\n').encode())
        while True:
            reply = self.lines.line().split(' ')
            if reply[0] != 'IRQ':
                break
            self.note_irq(reply)
        if reply[0] != 'OK':
            raise QtestError(' '.join(reply[1:]))
        return reply[1:]

    def note_irq(self, words):
        number, level = int(words[2]), int(words[1] == 'raise')
        self.irqs[number] = level
        self.irq_log.append((number, level))

    def outb(self, port, value):
        self.command('outb', hex(port), hex(value))

    def outw(self, port, value):
        self.command('outw', hex(port), hex(value))

    def outl(self, port, value):
        self.command('outl', hex(port), hex(value))

    def inb(self, port):
        return int(self.command('inb', hex(port))[0], 0)

    def inw(self, port):
        return int(self.command('inw', hex(port))[0], 0)

    def inl(self, port):
        return int(self.command('inl', hex(port))[0], 0)

    def writeb(self, addr, value):
        self.command('writeb', hex(addr), hex(value))

    def writew(self, addr, value):
        self.command('writew', hex(addr), hex(value))

    def writel(self, addr, value):
        self.command('writel', hex(addr), hex(value))

    def writeq(self, addr, value):
        self.command('writeq', hex(addr), hex(value))

    def readb(self, addr):
        return int(self.command('readb', hex(addr))[0], 0)

    def readw(self, addr):
        return int(self.command('readw', hex(addr))[0], 0)

    def readl(self, addr):
        return int(self.command('readl', hex(addr))[0], 0)

    def readq(self, addr):
        return int(self.command('readq', hex(addr))[0], 0)

    def read(self, addr, size):
        return base64.b64decode(self.command('b64read', hex(addr), size)[0]) if size else b''

    def write(self, addr, data):
        if data:
            self.command('b64write', hex(addr), len(data), base64.b64encode(data).decode())

    def memset(self, addr, size, value):
        self.command('memset', hex(addr), size, value)

    def clock_step(self, ns=None):
        """Moves the virtual clock by @ns, or to the next timer; timers on the way run. Returns the new time."""
        return int(self.command('clock_step', *([] if ns is None else [ns]))[0])

    def clock_set(self, ns):
        return int(self.command('clock_set', ns)[0])

    def irq_intercept_in(self, path, *name):
        """From now on irq(n) knows the level of input @n of the device at @path."""
        self.command('irq_intercept_in', path, *name)

    def irq_intercept_out(self, path, *name):
        self.command('irq_intercept_out', path, *name)

    def irq(self, number):
        """Level of an intercepted line. Changes come before the reply to the command that made them."""
        return self.irqs.get(number, 0)

    def set_irq_in(self, path, name, number, level):
        self.command('set_irq_in', path, name or 'unnamed-gpio-in', number, level)

    def state_cycle(self):
        """What migration does to devices, in place: all are saved, reset, and loaded again."""
        return int(self.command('state_cycle')[0])

    # Helpers for devices on PCI: configuration mechanism #1

    def pci_select(self, slot, function, offset, bus=0):
        self.outl(0xcf8, 0x80000000 | bus << 16 | slot << 11 | function << 8 | offset & 0xfc)

    def pci_read(self, slot, function, offset, size, bus=0):
        self.pci_select(slot, function, offset, bus)
        return {1: self.inb, 2: self.inw, 4: self.inl}[size](0xcfc + (offset & 3))

    def pci_write(self, slot, function, offset, size, value, bus=0):
        self.pci_select(slot, function, offset, bus)
        {1: self.outb, 2: self.outw, 4: self.outl}[size](0xcfc + (offset & 3), value)


class Case(unittest.TestCase):
    """A test that starts machines."""
    def start(self, *args, **options):
        machine = Machine(*args, **options)
        self.addCleanup(machine.close)
        return machine
