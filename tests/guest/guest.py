# SPDX-License-Identifier: GPL-2.0-or-later
"""A Linux guest on the emulator's first serial port: start it, wait for text, type commands, read their output."""
import os
import re
import select
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'qtest'))
import qtest  # noqa: E402

BUILD = os.environ.get('RHEA_BUILD', 'build')
EMULATOR = os.environ.get('RHEA_EMULATOR', os.path.join(BUILD, 'qemu-system-x86_64'))
GUESTS = os.path.join(BUILD, 'guest')
LIMIT = 600     # seconds; a hang ends here, a slow host does not fail


class Guest:
    """with Guest(['-smp', '2'], arch='i386') as g: g.shell('uname -r')"""

    def __init__(self, args, arch='amd64', append='console=ttyS0 panic=-1', memory='512', kernel=True):
        self.cmd = [EMULATOR, '-nodefaults', '-display', 'none', '-m', memory, '-serial', 'stdio', *args]
        if kernel:
            self.cmd += ['-kernel', f'{GUESTS}/{arch}/vmlinuz', '-initrd', f'{GUESTS}/{arch}/initrd.gz', '-append', append]
        self.log = ''
        self.seen = 0

    def __enter__(self):
        self.p = subprocess.Popen(self.cmd, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0)
        return self

    def __exit__(self, *exc):
        self.p.kill()
        self.p.wait()
        self.p.stdin.close()
        self.p.stdout.close()

    def fail(self, why):
        raise AssertionError(f'{why}\ncommand: {" ".join(self.cmd)}\nlast of the console:\n{self.log[-3000:]}')

    def expect(self, pattern, limit=LIMIT):
        """Waits until @pattern appears after what was matched before; returns the match."""
        end = time.monotonic() + limit
        while True:
            m = re.compile(pattern).search(self.log, self.seen)
            if m:
                self.seen = m.end()
                return m
            if not select.select([self.p.stdout], [], [], max(0, end - time.monotonic()))[0]:
                self.fail(f'{limit} s without {pattern!r}')
            data = os.read(self.p.stdout.fileno(), 65536)
            if not data:
                self.fail(f'the emulator ended (status {self.p.wait()}) before {pattern!r}')
            self.log += data.decode(errors='replace').replace('\r', '')

    def prompt(self, limit=LIMIT):
        self.expect(r'guest# ', limit)

    def send(self, text):
        self.p.stdin.write(text.encode() + b'\n')

    def shell(self, command, limit=LIMIT):
        """Runs @command in the guest's shell; returns its output. The shell is at its prompt before and after."""
        self.send(f'{command}; echo "status=""$?"')
        start = self.seen
        self.expect(r'status=""', limit)        # the terminal's echo of the line
        self.expect(r'\n', limit)
        start = self.seen
        m = self.expect(r'status=(\d+)', limit)
        output = self.log[start:m.start()]
        self.prompt(limit)
        if m.group(1) != '0':
            self.fail(f'{command!r} ended with status {m.group(1)}')
        return output.strip()

    def wait_exit(self, limit=LIMIT):
        """Reads on until the emulator ends; returns its status."""
        end = time.monotonic() + limit
        while True:
            if not select.select([self.p.stdout], [], [], max(0, end - time.monotonic()))[0]:
                self.fail(f'{limit} s without the emulator ending')
            data = os.read(self.p.stdout.fileno(), 65536)
            if not data:
                return self.p.wait(limit)
            self.log += data.decode(errors='replace').replace('\r', '')


def start_with_qmp(test, args):
    """A Guest with @args, until @test ends, and a qtest.Qmp session with its emulator."""
    with tempfile.TemporaryDirectory(prefix='rhea-guest-') as folder, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f'{folder}/qmp')
        listener.listen(1)
        g = test.enterContext(Guest(['-qmp', f'unix:{folder}/qmp', *args]))
        sock, _ = listener.accept()
    test.addCleanup(sock.close)
    return g, qtest.Qmp(sock, lambda: AssertionError('the emulator died'))
