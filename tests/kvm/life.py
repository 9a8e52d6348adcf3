#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Life of a machine under KVM: stop and cont, resets, death, what monitors see."""
import re

import kvmtest
from kvmtest import EXIT, IRQCHIPS, PROTECTED, REAL

# Counts for ever, with known values in registers.
COUNTING = PROTECTED + '''
    movl $0x11223344, %ebx
    movl $0x55667788, %esi
    movl $0x600, %edi
    movl $0, 0x500
2:  incl 0x500
    jmp 2b
'''
SLEEPING = REAL + '''
    movl $0x11223344, %ebx
2:  hlt
    jmp 2b
'''
TRIPLE_FAULT = PROTECTED + '''
    lidt 0xf0000 + none
    ud2
none: .word 0
    .long 0
'''
# Code where no memory is: KVM cannot fetch it.
LOST = PROTECTED + '''
    movl $0xe0000000, %eax
    jmp *%eax
'''
# Ends when the NMI it waits for has come.
NMI = PROTECTED + '''
    movl $0xf0000 + nmi, %eax
    movw %ax, 0x3010
    movw $0x08, 0x3012
    movw $0x8e00, 0x3014
    movw $0xf, 0x3016
    lidt 0xf0000 + idtr
    movl $0x1ff, 0xfee000f0
    movl $0x400, 0xfee00360               /* LINT1 is the NMI button */
    movl $0x11223344, %ebx
2:  hlt
    jmp 2b
nmi: movb $0x31, %al
''' + EXIT + '''
idtr: .word 0x7f
    .long 0x3000
'''


# Looks at the ACPI registers of CPU 1: one that is there is started, and counts; one that is to go is ejected.
HOTPLUG = PROTECTED + '''
    movl $0x06ff66f0, 0x8000              /* code16: lock incl 0x500; 3: hlt; jmp 3b */
    movl $0xebf40500, 0x8004
    movb $0xfd, 0x8008
    movl $0, 0x500
    movl $0x1ff, 0xfee000f0
2:  movw $0xaf00, %dx
    movl $1, %eax
    outl %eax, %dx
    movw $0xaf04, %dx
    inb %dx, %al
    testb $4, %al
    jnz 4f
    testb $2, %al
    jz 2b
    movb $2, %al                          /* seen */
    outb %al, %dx
    movl $0x01000000, 0xfee00310          /* INIT and start-up to APIC 1 */
    movl $0x4500, 0xfee00300
    movl $0x01000000, 0xfee00310
    movl $0x4608, 0xfee00300
    jmp 2b
4:  movb $4, %al
    outb %al, %dx
    movb $8, %al
    outb %al, %dx
    jmp 2b
'''


class Life(kvmtest.Case):
    def word(self, m, addr):
        return int(m.qmp.hmp(f'xp /1wx {addr:#x}').split(':')[1], 16)

    def wait_for_progress(self, m):
        before = self.word(m, 0x500)
        while self.word(m, 0x500) == before:
            pass

    def test_thousand_stops(self):
        for irqchip in IRQCHIPS:
            m = self.start_guest(COUNTING, '-smp', '2', irqchip=irqchip)
            while self.word(m, 0x500) == 0:
                pass
            for i in range(1000):
                m.qmp('stop')
                if i % 100 == 0:
                    first = self.word(m, 0x500)
                    self.assertEqual(m.qmp('query-status')['status'], 'paused')
                    self.assertEqual(self.word(m, 0x500), first, 'a stopped guest does not run')
                m.qmp('cont')
            self.wait_for_progress(m)
            registers = m.qmp.hmp('info registers')
            self.assertIn('EBX=11223344', registers)
            self.assertIn('ESI=55667788', registers)
            self.assertRegex(registers, r'CR0=0*11 ')

    def test_registers_of_running_and_sleeping(self):
        for source in (COUNTING, SLEEPING):
            for irqchip in IRQCHIPS:
                m = self.start_guest(source, irqchip=irqchip)
                while 'EBX=11223344' not in m.qmp.hmp('info registers'):
                    pass
                for _ in range(50):
                    self.assertIn('EBX=11223344', m.qmp.hmp('info registers'))
                self.assertIn('jmp', m.qmp.hmp('x /4i $pc'))

    def test_thread_ids(self):
        m = self.start_guest(COUNTING, '-smp', '3')
        cpus = m.qmp('query-cpus-fast')
        self.assertEqual([c['cpu-index'] for c in cpus], [0, 1, 2])
        for cpu in cpus:
            with open(f'/proc/{m.process.pid}/task/{cpu["thread-id"]}/comm') as f:
                self.assertEqual(f.read().strip(), f'CPU {cpu["cpu-index"]}/KVM')
        self.assertEqual(m.qmp.hmp('info kvm'), 'kvm support: enabled\n')
        self.assertEqual(m.qmp('query-accelerators')['enabled'], 'kvm')

    def test_cpu_comes_and_goes(self):
        for irqchip in IRQCHIPS:
            m = self.start_guest(HOTPLUG, '-smp', '1,maxcpus=2', irqchip=irqchip)
            for i in range(30):
                m.qmp('device_add', driver='qemu64-x86_64-cpu', id='late', socket_id=0, core_id=1, thread_id=0)
                while self.word(m, 0x500) <= i:
                    pass
                thread = m.qmp('query-cpus-fast')[1]['thread-id']
                with open(f'/proc/{m.process.pid}/task/{thread}/comm') as f:
                    self.assertEqual(f.read().strip(), 'CPU 1/KVM')
                if i % 3 == 0:
                    registers = m.qmp.hmp('info registers -a').split('CPU#1')[1]
                    base, ip = (int(re.search(p, registers).group(1), 16) for p in (r'CS =\w+ (\w+)', r'EIP=(\w+)'))
                    self.assertIn(base + ip, (0x8006, 0x8007), 'it waits after its one instruction')
                m.qmp('device_del', id='late')
                m.qmp.event('DEVICE_DELETED')
                self.assertEqual(len(m.qmp('query-cpus-fast')), 1)
                self.assertEqual(self.word(m, 0x500), i + 1, 'each started once')

    def test_statistics(self):
        m = self.start_guest(COUNTING, '-smp', '2')
        schemas = {s['target']: {v['name']: v for v in s['stats']} for s in m.qmp('query-stats-schemas', provider='kvm')}
        self.assertEqual(sorted(schemas), ['vcpu', 'vm'])
        self.assertEqual(schemas['vcpu']['exits'], {'name': 'exits', 'type': 'cumulative', 'exponent': 0})
        self.assertEqual(m.qmp('query-stats-schemas', provider='cryptodev'), [])
        for target, count in ('vm', 1), ('vcpu', 2):
            results = m.qmp('query-stats', target=target)
            self.assertEqual(len(results), count)
            for r in results:
                self.assertEqual([v['name'] for v in r['stats']], list(schemas[target]))
                for v in r['stats']:
                    kind = schemas[target][v['name']]
                    self.assertIsInstance(v['value'], list if 'histogram' in kind['type'] else
                                          bool if kind.get('unit') == 'boolean' else int, kind)
        path = m.qmp('query-cpus-fast')[0]['qom-path']
        ask = dict(target='vcpu', vcpus=[path], providers=[{'provider': 'kvm', 'names': ['exits']}])
        before = m.qmp('query-stats', **ask)
        self.assertEqual([(r['qom-path'], [v['name'] for v in r['stats']]) for r in before], [(path, ['exits'])])
        self.assertEqual(m.qmp('query-stats', target='vcpu', vcpus=['/machine']), [])
        self.assertEqual(m.qmp('query-stats', target='vm', providers=[{'provider': 'cryptodev'}]), [])

    def test_triple_fault_resets(self):
        for irqchip in IRQCHIPS:
            m = self.start_guest(TRIPLE_FAULT, '-S', '-no-reboot', irqchip=irqchip)
            m.qmp('cont')
            event = m.qmp.event('SHUTDOWN')
            self.assertEqual((event['data']['guest'], event['data']['reason']), (True, 'guest-reset'))
            self.assertEqual(m.wait_exit(), 0)
            self.assertIn('triple fault', m.stderr())

    def test_internal_error_stops_and_tells(self):
        m = self.start_guest(LOST)
        m.qmp.event('STOP')
        self.assertEqual(m.qmp('query-status')['status'], 'internal-error')
        self.assertRegex(m.stderr(), r'KVM internal error, suberror \d')
        self.assertRegex(m.stderr(), r'RAX 0*e0000000')
        m.qmp('system_reset')
        m.qmp.event('RESET')
        self.assertEqual(m.qmp('query-status')['status'], 'prelaunch')

    def test_many_resets(self):
        for irqchip in IRQCHIPS:
            m = self.start_guest(COUNTING, '-smp', '2', irqchip=irqchip)
            for _ in range(20):
                while not 0 < self.word(m, 0x500) or 'EBX=11223344' not in m.qmp.hmp('info registers'):
                    pass
                m.qmp('system_reset')
                m.qmp.event('RESET')
            self.wait_for_progress(m)

    def test_nmi(self):
        for irqchip in IRQCHIPS:
            m = self.start_guest(NMI, irqchip=irqchip)
            while 'EBX=11223344' not in m.qmp.hmp('info registers'):
                pass
            m.qmp('inject-nmi')
            self.assertEqual(m.wait_exit() >> 1, 0x31, irqchip)


if __name__ == '__main__':
    kvmtest.main()
