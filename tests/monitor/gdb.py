#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""gdb's remote protocol: a client of our own, and gdb itself, with a guest whose every step is known; TCG and KVM."""
import os
import re
import shutil
import socket
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'kvm'))
import kvmtest                                      # noqa: E402
import qtest                                        # noqa: E402

GUEST = kvmtest.PROTECTED + '''
    xorl %ebx, %ebx
again: call work
    jmp again
work: incl %ebx
store: movl %ebx, 0x5000
stored: movl 0x6000, %ecx
loaded: nop
    ret
'''
TCG = ['tcg', 'tcg,jit=off']
# Of KVM's points a test machine's restricted one may have no INT3 and no watchpoints: suite `nested` tries those.
ACCELS = TCG + ([] if kvmtest.why_not() else ['kvm'])


class Client:
    def __init__(self, sock):
        self.sock, self.data = sock, b''
        sock.settimeout(qtest.TIMEOUT_S)

    def send(self, text):
        data = text if isinstance(text, bytes) else text.encode('latin1')
        self.sock.sendall(b'$' + data + b'#%02x' % (sum(data) & 0xff))

    def byte(self):
        while not self.data:
            data = self.sock.recv(65536)
            if not data:
                raise EOFError
            self.data += data
        first, self.data = self.data[:1], self.data[1:]
        return first

    def reply(self):
        while (c := self.byte()) != b'$':
            assert c in b'+-', c
        text = b''
        while (c := self.byte()) != b'#':
            text += c
        assert int(self.byte() + self.byte(), 16) == sum(text) & 0xff
        self.sock.sendall(b'+')
        return text.decode('latin1')

    def __call__(self, text):
        self.send(text)
        return self.reply()

    def number(self, n):
        return int.from_bytes(bytes.fromhex(self(f'p{n:x}')), 'little')

    def word(self, addr):
        return int.from_bytes(bytes.fromhex(self(f'm{addr:x},4')), 'little')


RBX, RCX, RIP, EFLAGS, CS = 1, 2, 16, 17, 18


def labels_of(folder):
    """Linear addresses of the labels of the guest that was assembled there."""
    symbols = subprocess.run(['nm', os.path.join(folder, 'guest.o')], capture_output=True, text=True, check=True).stdout
    return {name: 0xf0000 + int(at, 16) for at, _, name in (line.split() for line in symbols.splitlines())}


# What holds of GUEST, whoever runs it.

def run_to(t, g, at):
    """To the instruction at @at by a hardware breakpoint."""
    t.assertEqual(g(f'Z1,{at:x},1'), 'OK')
    t.assertEqual(g('c'), 'T05thread:01;')
    t.assertEqual(g.number(RIP), at)
    t.assertEqual(g(f'z1,{at:x},1'), 'OK')


def check_breakpoints(t, g, at, kind):
    run_to(t, g, at['again'])
    first = g.number(RBX) + 1
    t.assertEqual(g(f'Z{kind},{at["store"]:x},1'), 'OK')
    for i in range(first, first + 20):
        t.assertEqual(g('c'), 'T05thread:01;')
        t.assertEqual((g.number(RIP), g.number(RBX)), (at['store'], i))
        t.assertNotEqual(g.word(0x5000), i, 'the instruction has not run')
        # As gdb goes on from a breakpoint: off, step, on.
        t.assertEqual(g(f'z{kind},{at["store"]:x},1'), 'OK')
        t.assertEqual(g('s'), 'T05thread:01;')
        t.assertEqual((g.number(RIP), g.word(0x5000)), (at['stored'], i))
        t.assertEqual(g(f'Z{kind},{at["store"]:x},1'), 'OK')
    t.assertEqual(g(f'z{kind},{at["store"]:x},1'), 'OK')
    t.assertEqual(g(f'z{kind},{at["store"]:x},1'), 'E22', 'it is gone')


def check_steps(t, g, at):
    run_to(t, g, at['again'])
    first = g.number(RBX)
    for i in range(5):
        for rip in (at['work'], at['store'], at['stored'], at['loaded'], at['loaded'] + 1, at['again'] + 5, at['again']):
            t.assertEqual(g('s'), 'T05thread:01;')
            t.assertEqual(g.number(RIP), rip)
        t.assertEqual(g.number(RBX), first + i + 1)
    t.assertEqual(g.number(EFLAGS) & 0x100, 0, "the trap flag is not the guest's")


def check_watchpoint(t, g, at, kind, addr, word, where):
    run_to(t, g, at['again'])
    t.assertEqual(g(f'Z{kind},{addr:x},4'), 'OK')
    for _ in range(3):
        before = g.number(RBX)
        t.assertEqual(g('c'), f'T05thread:01;{word}:{addr:x};')
        t.assertEqual((g.number(RIP), g.number(RBX)), (at[where], before + 1))
    t.assertEqual(g(f'z{kind},{addr:x},4'), 'OK')
    run_to(t, g, at['again'])


WATCHPOINTS = [(2, 0x5000, 'watch', 'stored'), (4, 0x5000, 'awatch', 'stored'), (4, 0x6000, 'awatch', 'loaded'),
               (3, 0x6000, 'rwatch', 'loaded')]


class Gdb(kvmtest.Case):
    def start_debugged(self, source, *args, accel='tcg', run=False):
        """Machine, our client, and the addresses of the guest's labels."""
        folder = self.tmp()
        path = os.path.join(folder, 'bios')
        with open(path, 'wb') as f:
            f.write(kvmtest.assemble(source, folder))
        labels = labels_of(folder)
        stub = os.path.join(folder, 'gdb')
        m = self.start('-accel', accel, '-M', 'pc', '-nodefaults', '-bios', path, *args, *([] if run else ['-S']),
                       '-gdb', f'unix:{stub},server=on,wait=off', accel=None)
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(stub)
        self.addCleanup(sock.close)
        m.stub = stub
        return m, Client(sock), labels

    def each(self, *args, source=GUEST, accels=None):
        for accel in accels or ACCELS:
            with self.subTest(accel=accel):
                yield self.start_debugged(source, *args, accel=accel)

    def to(self, g, at):
        run_to(self, g, at)

    def test_breakpoints(self):
        for kind in (1, 0):
            for m, g, at in self.each(accels=ACCELS if kind else TCG):
                check_breakpoints(self, g, at, kind)
                self.assertEqual(m.qmp('query-status')['status'], 'debug')

    def test_steps(self):
        for m, g, at in self.each():
            check_steps(self, g, at)

    def test_watchpoints(self):
        for point in WATCHPOINTS:
            for m, g, at in self.each(accels=TCG):
                check_watchpoint(self, g, at, *point)

    def test_watched_parts_and_neighbours(self):
        for m, g, at in self.each(accels=TCG):
            self.to(g, at['again'])
            self.assertEqual(g('Z2,5004,4'), 'OK')
            self.to(g, at['again'])                 # its page is written to, it is not
            self.assertEqual(g('Z2,5003,1'), 'OK')
            self.assertEqual(g('c'), 'T05thread:01;watch:5003;')
            self.assertEqual(g.number(RIP), at['stored'])

    def test_registers_and_memory(self):
        for m, g, at in self.each('-cpu', 'max'):
            self.to(g, at['again'])
            self.assertEqual(g(f'P{RBX:x}=8877665544332211'), 'OK')
            self.assertEqual(g.number(RBX), 0x1122334455667788)
            self.to(g, at['loaded'])
            self.assertEqual(g.word(0x5000), 0x55667789)
            self.assertEqual(g('M6000,4:efbeadde'), 'OK')
            self.to(g, at['again'])
            self.to(g, at['loaded'])
            self.assertEqual(g.number(RCX), 0xdeadbeef)
            self.assertEqual(g(b'X6000,4:\x01}\x03}\x04\x7f'), 'OK', 'escaped # and $')
            self.assertEqual(bytes.fromhex(g('m6000,4')), b'\x01\x23\x24\x7f')
            every = g('g')
            self.assertEqual(every[RIP * 16:RIP * 16 + 16], at['loaded'].to_bytes(8, 'little').hex())
            self.assertEqual(g('G' + every), 'OK')
            self.assertEqual(g('g'), every)
            self.assertEqual(g('P' + f'{RIP:x}=' + at['again'].to_bytes(8, 'little').hex()), 'OK')
            self.assertEqual(g('s'), 'T05thread:01;')
            self.assertEqual(g.number(RIP), at['work'], 'it went on where it was told to')

    def test_description_names_what_g_has(self):
        for cpu, arch, feature in (('max', 'i386:x86-64', 'avx'), ('qemu64', 'i386:x86-64', 'sse'), ('486', 'i386', 'core')):
            m, g, at = self.start_debugged(GUEST, '-cpu', cpu)
            xml, part = '', 'm'
            while part[0] == 'm':
                part = g(f'qXfer:features:read:target.xml:{len(xml):x},200')
                xml += part[1:]
            self.assertIn(f'<architecture>{arch}</architecture>', xml)
            self.assertIn(f'org.gnu.gdb.i386.{feature}', xml)
            bits = [int(b) for b in re.findall(r'bitsize="(\d+)"', xml)]
            self.assertEqual(len(g('g')), sum(bits) // 4)
            self.assertEqual(len(g(f'p{len(bits) - 1:x}')), bits[-1] // 4)
            self.assertEqual(g(f'p{len(bits):x}'), 'E22')

    def test_threads(self):
        for m, g, at in self.each('-smp', '3'):
            self.assertEqual(g('qfThreadInfo'), 'm01,02,03')
            self.assertEqual(g('qsThreadInfo'), 'l')
            self.assertIn('multiprocess+', g('qSupported:multiprocess+;xmlRegisters=i386'))
            self.assertEqual(g('qfThreadInfo'), 'mp01.01,p01.02,p01.03')
            self.assertEqual(g('Hgp1.3'), 'OK')
            self.assertEqual(g.number(RIP), 0xfff0)
            self.assertEqual(g('qC'), 'QCp01.03')
            self.assertEqual(g('Hgp1.4'), 'E22')
            self.assertEqual(g('Tp1.2'), 'OK')
            self.assertEqual(g('Tp2.1'), 'E22')
            self.assertEqual(bytes.fromhex(g('qThreadExtraInfo,p1.2'))[:5], b'CPU#1')
            self.assertEqual(g(f'Z1,{at["again"]:x},1'), 'OK')
            self.assertEqual(g('vCont;c:p1.-1'), 'T05thread:p01.01;')
            self.assertEqual(g(f'z1,{at["again"]:x},1'), 'OK')
            self.assertEqual(g('vCont;s:p1.1;c'), 'T05thread:p01.01;')
            self.assertEqual(g.number(RIP), at['work'])
            self.assertEqual(g('vCont;s:p1.1'), 'T05thread:p01.01;')
            self.assertEqual(g.number(RIP), at['store'])
            self.assertEqual(g('vCont;x'), '')
            self.assertEqual(g('vCont;s:p1.9'), 'E22')

    def test_interrupting_and_leaving(self):
        for m, g, at in self.each():
            self.to(g, at['again'])
            g.send('c')
            self.assertEqual(m.qmp.hmp('info status'), 'VM status: running\n')
            g.sock.sendall(b'\x03')
            self.assertEqual(g.reply(), 'T02thread:01;')
            self.assertEqual(m.qmp('query-status')['status'], 'paused')
            self.assertEqual(g(f'Z1,{at["store"]:x},1'), 'OK')
            self.assertEqual(g('D'), 'OK')
            self.assertTrue(m.qmp('query-status')['running'], 'it runs on, and meets no breakpoint')
            before = g.word(0x5000)                 # which stops it again
            m.qmp('cont')
            while g.word(0x5000) == before:
                m.qmp('cont')
            g.sock.close()

    def test_client_that_goes_away(self):
        for m, g, at in self.each():
            self.to(g, at['again'])
            self.assertEqual(g(f'Z1,{at["store"]:x},1'), 'OK')
            g.sock.close()
            while m.qmp('query-chardev') and 'disconnected' not in str([c for c in m.qmp('query-chardev') if c['label'] == 'gdb']):
                pass
            self.assertEqual(m.qmp('query-status')['status'], 'debug', 'as it was')
            m.qmp('cont')
            self.assertTrue(m.qmp('query-status')['running'])
            sock = socket.socket(socket.AF_UNIX)
            sock.connect(m.stub)
            self.addCleanup(sock.close)
            g = Client(sock)
            self.assertEqual(g('?'), 'T05thread:01;')
            self.assertFalse(m.qmp('query-status')['running'], 'who comes stops it')
            self.to(g, at['again'])

    def test_monitor_commands_and_modes(self):
        m, g, at = self.start_debugged(GUEST)
        self.assertEqual(bytes.fromhex(g('qRcmd,' + b'info status'.hex())[1:]), b'VM status: paused (prelaunch)\r\n')
        self.assertEqual(g.reply(), 'OK')
        self.assertEqual(g('qqemu.sstepbits'), 'ENABLE=1,NOIRQ=2,NOTIMER=4')
        self.assertEqual(g('qqemu.sstep'), '0x7')
        self.assertEqual(g('Qqemu.sstep=1'), 'OK')
        self.assertEqual(g('qqemu.sstep'), '0x1')
        self.assertEqual(g('Qqemu.sstep=8'), 'E22')
        self.assertEqual(g('qqemu.PhyMemMode'), '0')
        self.assertEqual(g('Qqemu.PhyMemMode:1'), 'OK')
        self.assertEqual(g('mfffffff0,5'), 'ea000000f0')
        self.assertEqual(g('M7000,2:1234'), 'OK')
        self.assertEqual(g('m7000,2'), '1234')
        for wrong in ('m', 'mx,1', 'm0', 'm0,ffffffff', 'M0,2:12', 'P0', 'Pzz=0', 'H', 'Z0', 'Z0,', 'X0,3:ab', 'qThreadExtraInfo', 'qRcmd,0',
                      'Gzz'):
            self.assertRegex(g(wrong), '^E', wrong)
        self.assertEqual(g('Z7,0,1'), '')
        self.assertEqual(g('qNobody:knows'), '')
        g.sock.sendall(b'$?#00')
        self.assertEqual(g.byte(), b'-')
        g.sock.sendall(b'-')
        self.assertEqual(g.reply(), '', 'the last one again')

    def test_server_on_demand(self):
        m = self.start('-accel', 'tcg', '-M', 'pc', '-nodefaults', '-S', accel=None)
        path = os.path.join(self.tmp(), 'late')
        self.assertIn(path, m.qmp.hmp(f'gdbserver unix:{path},server=on,wait=off'))
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(path)
            self.assertEqual(Client(sock)('qAttached'), '1')
        self.assertEqual(m.qmp.hmp('gdbserver none'), '')
        with socket.socket(socket.AF_UNIX) as sock:
            self.assertRaises(OSError, sock.connect, path)
        self.assertIn("gdbserver", m.qmp.hmp('help gdbserver'))

    def test_gdb_itself(self):
        if not shutil.which('gdb'):
            self.skipTest('there is no gdb')
        for m, g, at in self.each(accels=TCG):
            g.sock.close()
            commands = ['set pagination off', 'set tcp auto-retry off', f'target remote {m.stub}', f'hbreak *{at["again"]}', 'continue', 'delete',
                        f'break *{at["store"]}', 'continue', 'continue', 'printf "ebx %d\\n", $rbx', 'stepi', 'x/wx 0x5000', 'delete',
                        'watch *(int *)0x5000', 'continue', 'info threads', 'monitor info status', 'set var $rbx = 1000', 'delete',
                        f'break *{at["loaded"]}', 'continue', 'p $rbx', 'p $eflags', 'p $xmm0.v4_int32', 'p/x $cr0', 'x/2i $pc', 'detach']
            run = subprocess.run(['gdb', '-nx', '-batch', *(x for c in commands for x in ('-ex', c))], capture_output=True, text=True,
                                 timeout=qtest.TIMEOUT_S)
            for words in (r'ebx 2\n', r'0x5000:\s+0x00000002', r'Old value = 2\nNew value = 3', r'Thread 1[. ].*CPU#0', 'VM status: paused',
                          r'\$1 = 1000', r'\$2 = \[', r'\$3 = \{0, 0, 0, 0\}', r'\$4 = 0x(6000001|11|1)', 'nop\n.*ret', 'detached'):
                self.assertRegex(run.stdout + run.stderr, words)
            self.assertTrue(m.qmp('query-status')['running'])


if __name__ == '__main__':
    unittest.main()
