#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Why KVM cannot be had, in one line each; what falls back, and what is refused."""
import os
import pty
import stat
import subprocess
import unittest

import kvmtest
import qtest

NOBODY = 65534


class Errors(kvmtest.Case):
    def run_emulator(self, *args, **options):
        return subprocess.run([os.path.abspath(qtest.emulator()), '-display', 'none', '-S', '-nodefaults', *args], capture_output=True,
                              text=True, timeout=qtest.TIMEOUT_S, stdin=subprocess.DEVNULL, env=qtest.environment(), **options)

    def refused(self, *args, **options):
        r = self.run_emulator(*args, **options)
        self.assertEqual(r.returncode, 1, r.stderr)
        lines = r.stderr.strip().split('\n')
        self.assertEqual(len(lines), 1, r.stderr)
        return lines[0]

    def test_no_device(self):
        line = self.refused('-accel', 'kvm,device=/nonexistent/kvm')
        self.assertIn('/nonexistent/kvm', line)
        self.assertIn('-accel kvm', line)
        self.assertNotIn('No such file', line, 'the cause is told, not the error number')

    def test_not_kvms_device(self):
        self.assertIn("/dev/null is not KVM's device", self.refused('-accel', 'kvm,device=/dev/null'))

    @unittest.skipIf(os.getuid(), 'needs root to become somebody else')
    def test_no_permission(self):
        path = os.path.join(self.tmp(), 'kvm')
        os.mknod(path, 0o600 | stat.S_IFCHR, os.stat('/dev/kvm').st_rdev)
        os.chmod(os.path.dirname(path), 0o755)
        line = self.refused('-accel', f'kvm,device={path}', user=NOBODY, group=NOBODY, extra_groups=[])
        self.assertIn('no permission', line)
        self.assertIn(path, line)
        group = os.stat('/dev/kvm').st_gid
        if group:
            os.chown(path, 0, group)
            os.chmod(path, 0o660)
            line = self.refused('-accel', f'kvm,device={path}', user=NOBODY, group=NOBODY, extra_groups=[])
            self.assertIn('usermod -aG', line)

    def test_fallback_warns_once(self):
        for args in (('-accel', 'kvm,device=/nonexistent', '-accel', 'tcg'), ('-accel', 'kvm,device=/dev/null', '-accel', 'tcg')):
            m = self.start(*args, '-S', accel=None)
            self.assertEqual(m.qmp('query-kvm'), {'enabled': False, 'present': True})
            self.assertEqual(m.stderr().count('trying the next accelerator'), 1, m.stderr())
        m = self.start('-machine', 'pc,accel=kvm:tcg', '-S', accel=None)
        self.assertEqual(m.qmp('query-kvm'), {'enabled': True, 'present': True})

    def test_hint_where_kvm_would_work(self):
        for args, wanted in (((), 1), (('-accel', 'tcg'), 0), (('-accel', 'kvm'), 0)):
            master, slave = pty.openpty()
            p = subprocess.Popen([qtest.emulator(), '-display', 'none', '-nodefaults', '-S', '-monitor', 'stdio', *args], stderr=slave,
                                 stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=qtest.environment())
            os.close(slave)
            p.communicate(b'quit\n', timeout=qtest.TIMEOUT_S)
            text = b''
            try:
                while data := os.read(master, 4096):
                    text += data
            except OSError:                             # the other side is closed
                pass
            os.close(master)
            self.assertEqual(text.count(b'-accel kvm would'), wanted, (args, text))

    def test_all_ways_to_ask(self):
        for args in (('-enable-kvm',), ('-accel', 'kvm'), ('-machine', 'q35,accel=kvm'), ('-machine', 'q35,accel=kvm,kernel-irqchip=split'),
                     ('-M', 'pc,kernel-irqchip=off', '-enable-kvm'), ('-accel', 'kvm', '-accel', 'tcg')):
            m = self.start(*args, '-S', accel=None)
            self.assertTrue(m.qmp('query-kvm')['enabled'], args)

    def test_idle_guest_that_keeps_its_processor(self):
        m = self.start('-accel', 'kvm', '-overcommit', 'cpu-pm=on', '-accel', 'tcg', '-S', accel=None)
        self.assertTrue(m.qmp('query-kvm')['enabled'] or 'cpu-pm=on' in m.stderr())
        self.assertIn('cpu-pm', self.refused('-overcommit', 'cpu-pm=perhaps'))

    def test_wrong_values(self):
        self.assertIn("did you mean 'split'", self.refused('-accel', 'kvm,kernel-irqchip=splt'))
        self.assertIn("power of two, not 1000", self.refused('-accel', 'kvm,dirty-ring-size=1000'))
        self.assertIn("'never'", self.refused('-accel', 'kvm,notify-vmexit=never'))
        self.assertIn('kernel-irqchp', self.refused('-accel', 'kvm,kernel-irqchp=on'))

    def test_cpu_models(self):
        line = self.refused('-accel', 'kvm', '-cpu', 'qemu64,enforce,+mpx')
        self.assertIn("host doesn't support requested features", line)
        self.assertIn('mpx', line)
        self.assertIn("'host' requires KVM", self.refused('-accel', 'tcg', '-cpu', 'host'))
        for model in ('host', 'max'):
            m = self.start('-accel', 'kvm', '-cpu', model, '-S', accel=None)
            self.assertNotIn('warning', m.stderr(), model)
            path = m.qmp('query-cpus-fast')[0]['qom-path']

            def get(name):
                return m.qmp('qom-get', path=path, property=name)
            self.assertTrue(get('kvmclock') and get('hypervisor') and get('x2apic'))
            self.assertFalse(get('invtsc'))
            with open('/proc/cpuinfo') as f:
                info = dict(line.strip().split('\t: ', 1) for line in f.read().split('\n\n')[0].split('\n') if '\t: ' in line)
                info = {k.strip(): v for k, v in info.items()}
            self.assertEqual((get('vendor'), get('family'), get('model'), get('stepping')),
                             (info['vendor_id'], int(info['cpu family']), int(info['model']), int(info['stepping'])))


if __name__ == '__main__':
    kvmtest.main()
