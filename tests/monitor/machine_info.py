#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the monitor tells of the machine: PCI, places for CPUs, NUMA, ROMs, memory blocks, disk statistics, trace events."""
import os
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path += [os.path.join(HERE, '..', 'qtest'), os.path.join(HERE, '..', 'system')]

import qtest                                            # noqa: E402
from snapshot_drives import read_sector, write_sector   # noqa: E402

NUMA = ('-smp', '3,maxcpus=4,cores=2,threads=2', '-m', '64', '-object', 'memory-backend-ram,id=a,size=40M',
        '-object', 'memory-backend-ram,id=b,size=24M', '-numa', 'node,memdev=a,cpus=0-1', '-numa', 'node,memdev=b', '-numa', 'cpu,node-id=1,core-id=1')


class Pci(qtest.Case):
    def test_devices_are_those_of_configuration_space(self):
        for machine in ('pc', 'q35'):
            m = self.start('-M', machine, '-device', 'VGA,id=screen,addr=9', '-vga', 'none')
            m.outl(0xcf8, 0x80004810)
            m.outl(0xcfc, 0xe0000000)           # BAR 0 of the VGA
            m.outl(0xcf8, 0x80004804)
            m.outl(0xcfc, 2)                    # decode memory
            bus, = m.qmp('query-pci')
            self.assertEqual(bus['bus'], 0)
            for d in bus['devices']:
                m.outl(0xcf8, 0x80000000 | d['slot'] << 11 | d['function'] << 8)
                self.assertEqual(m.inl(0xcfc), d['id']['device'] << 16 | d['id']['vendor'])
                m.outl(0xcf8, 0x80000008 | d['slot'] << 11 | d['function'] << 8)
                self.assertEqual(m.inl(0xcfc) >> 16, d['class_info']['class'])
            screen, = (d for d in bus['devices'] if d['qdev_id'] == 'screen')
            self.assertEqual((screen['slot'], screen['class_info']['desc']), (9, 'VGA controller'))
            self.assertEqual(screen['regions'][0], {'bar': 0, 'type': 'memory', 'address': 0xe0000000, 'size': 16 << 20, 'prefetch': True,
                                                    'mem_type_64': False})
            self.assertEqual(len(bus['devices']), m.qmp.hmp('info pci').count('function'))

    def test_none_without_a_bus(self):
        self.assertEqual(self.start('-M', 'none').qmp('query-pci'), [])


class Prints(qtest.Case):
    def test_interrupts(self):
        m = self.start('-M', 'pc')
        text = lambda command: m.qmp(command)['human-readable-text']    # noqa: E731
        self.assertNotIn(' 5: ', text('x-query-irq'))
        m.outb(0x21, 0)                         # unmasked: the i8259's IMR shows in its line
        for port, value in ((0x20, 0x11), (0x21, 0x08), (0x21, 0x04), (0x21, 0x01), (0x21, 0xa5)):
            m.outb(port, value)
        self.assertRegex(text('x-query-interrupt-controllers'), r'pic0: .*imr=a5.*irq_base=08')
        self.assertIn('ioapic0: ver=0x20', text('x-query-interrupt-controllers'))
        m.outb(0x43, 0x34), m.outb(0x40, 100), m.outb(0x40, 0)
        m.command('clock_step', '10000000')
        self.assertRegex(text('x-query-irq'), r'isa-i8259:\n 0: [1-9]')
        for command, line in (('x-query-irq', 'info irq'), ('x-query-interrupt-controllers', 'info pic')):
            self.assertEqual(m.qmp.hmp(line), text(command))

    def test_translator(self):
        with self.assertRaisesRegex(qtest.QmpError, 'only available with accel=tcg'):
            self.start().qmp('x-query-jit')
        self.assertEqual(self.start().qmp('x-accel-stats'), {'human-readable-text': ''})
        m = self.start('-S', accel='tcg')
        self.assertIn('TLB refills', m.qmp('x-query-jit')['human-readable-text'])
        self.assertEqual(m.qmp.hmp('info accel'), m.qmp('x-accel-stats')['human-readable-text'])

    def test_nothing_to_list(self):
        m = self.start()
        for command in ('query-jobs', 'query-block-jobs', 'query-memory-devices'):
            self.assertEqual(m.qmp(command), [], command)
        self.assertEqual(m.qmp.hmp('info block-jobs'), 'No active jobs\n')
        self.assertEqual(m.qmp.hmp('info memory-devices'), '')


class Drives(qtest.Case):
    def test_added_and_deleted(self):
        with tempfile.NamedTemporaryFile() as f, tempfile.NamedTemporaryFile() as g:
            g.truncate(1 << 16)
            f.write(b'here'.ljust(512, b'.') * 64)
            f.flush()
            m = self.start('-M', 'pc', '-drive', f'id=hd,if=ide,format=raw,file={f.name}')
            names = lambda: {b['device'] for b in m.qmp('query-block')}     # noqa: E731
            self.assertEqual(read_sector(m, 1)[:4], b'here')
            self.assertEqual(m.qmp.hmp(f'drive_add 0 if=none,id=more,format=raw,file={g.name},readonly=on,file.locking=off'), 'OK\n')
            self.assertIn('more', names())
            self.assertIn('if=none', m.qmp.hmp('drive_add 0 id=x'))
            self.assertIn('needs a node-name', m.qmp.hmp('drive_add -n 0 driver=raw'))
            self.assertEqual(m.qmp.hmp('drive_del more'), '')
            self.assertNotIn('more', names())
            self.assertEqual(m.qmp.hmp(f'drive_add 0 if=none,id=twice,file.locking=off,file={f.name},format=raw'), 'OK\n', 'without locks')
            self.assertIn('lock', m.qmp.hmp(f'drive_add 0 if=none,id=locked,file={f.name},format=raw'))
            self.assertIn("'more' not found", m.qmp.hmp('drive_del more'))
            self.assertEqual(m.qmp.hmp(f'drive_add -n 0 driver=file,node-name=n,filename={g.name},read-only=on'), '')
            self.assertIn('n', {b['node-name'] for b in m.qmp('query-named-block-nodes')})
            self.assertIn('not found', m.qmp.hmp('drive_del n'))
            # The guest's disk goes under its feet: it sees errors, nothing worse.
            self.assertEqual(m.qmp.hmp('drive_del hd'), '')
            self.assertNotIn('hd', names())
            m.outb(0x1f6, 0xe0), m.outb(0x1f2, 1), m.outb(0x1f3, 1), m.outb(0x1f4, 0), m.outb(0x1f5, 0), m.outb(0x1f7, 0x20)
            for _ in range(1000):
                if not m.inb(0x3f6) & 0x80:
                    break
            self.assertEqual(m.inb(0x1f7) & 1, 1, 'ERR')
            m.qmp('system_reset')
            self.assertTrue(m.qmp('query-status')['running'])


class Layout(qtest.Case):
    def test_places_for_cpus(self):
        m = self.start('-M', 'q35', *NUMA)
        cpus = m.qmp('query-hotpluggable-cpus')
        self.assertEqual([(c['props']['core-id'], c['props']['thread-id'], c['props']['node-id']) for c in cpus], [(1, 1, 1), (1, 0, 1), (0, 1, 0), (0, 0, 0)])
        self.assertNotIn('qom-path', cpus[0])
        here = {c['qom-path']: c['props'] for c in m.qmp('query-cpus-fast')}
        self.assertEqual({c['qom-path'] for c in cpus[1:]}, set(here))
        for c in cpus[1:]:
            self.assertEqual(here[c['qom-path']], c['props'])
        text = m.qmp.hmp('info hotpluggable-cpus')
        self.assertEqual(text.count('type: "qemu64-x86_64-cpu"'), 4)
        self.assertEqual(text.count('qom_path'), 3)

    def test_numa(self):
        m = self.start('-M', 'pc', *NUMA)
        wanted = ('2 nodes\nnode 0 cpus: 0 1\nnode 0 size: 40 MB\nnode 0 plugged: 0 MB\n'
                  'node 1 cpus: 2\nnode 1 size: 24 MB\nnode 1 plugged: 0 MB\n')
        self.assertEqual(m.qmp.hmp('info numa'), wanted)
        self.assertEqual(m.qmp('x-query-numa')['human-readable-text'], wanted)
        # The second node's memory begins where the first one's ends, on both sides of the VGA window and as one.
        m.writeb((40 << 20) - 1, 0x11)
        m.writeb(40 << 20, 0x22)
        self.assertEqual(m.readw((40 << 20) - 1), 0x2211)
        blocks = {line.split()[0]: line for line in m.qmp.hmp('info ramblock').splitlines()[1:]}
        self.assertIn(f'0x{40 << 20:016x}', blocks['a'])
        self.assertIn(f'0x{24 << 20:016x}', blocks['b'])
        self.assertTrue(blocks['pc.bios'].endswith('rw') or blocks['pc.bios'].endswith('ro'))

    def test_without_nodes(self):
        m = self.start('-M', 'none')
        self.assertEqual(m.qmp('x-query-numa')['human-readable-text'], '0 nodes\n')
        for command, words in [('query-hotpluggable-cpus', 'does not support hot-plugging'), ('x-query-usb', 'USB support not enabled'),
                               ('query-acpi-ospm-status', 'not supported')]:
            with self.assertRaises(qtest.QmpError) as error:
                m.qmp(command)
            self.assertIn(words, error.exception.desc)

    def test_roms(self):
        text = self.start('-M', 'pc').qmp.hmp('info roms')
        self.assertRegex(text, r'addr=00000000fffc0000 size=0x040000 mem=rom name="bios-256k.bin"')
        self.assertIn('fw=genroms/kvmvapic.bin size=0x000200', text)
        self.assertIn('name="etc/acpi/tables"', text)

    def test_boot_order_for_the_next_start(self):
        m = self.start('-M', 'pc')
        self.assertEqual(m.qmp.hmp('boot_set nd'), 'boot device list now set to nd\n')
        m.outb(0x70, 0x3d)
        self.assertEqual(m.inb(0x71), 0x34)
        self.assertIn("'x'", m.qmp.hmp('boot_set x'))


class Disks(qtest.Case):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix='rhea-disks-')
        self.addCleanup(self.folder.cleanup)
        self.image = os.path.join(self.folder.name, 'disk')
        with open(self.image, 'wb') as f:
            f.truncate(1 << 20)

    def test_statistics_count_requests(self):
        m = self.start('-M', 'pc', '-drive', f'file={self.image},format=raw,id=d')
        before = m.qmp('query-blockstats')[0]
        self.assertEqual((before['device'], before['stats']['wr_operations']), ('d', 0))
        before = before['stats']                # the disk itself has looked for a partition table
        read_sector(m, 3)
        read_sector(m, 4)
        write_sector(m, 100, b'x' * 512)
        stats = m.qmp('query-blockstats')[0]['stats']
        self.assertEqual((stats['rd_operations'] - before['rd_operations'], stats['rd_bytes'] - before['rd_bytes']), (2, 1024))
        self.assertEqual((stats['wr_operations'], stats['wr_bytes'], stats['wr_highest_offset']), (1, 512, 101 * 512))
        self.assertGreater(stats['rd_total_time_ns'], 0)
        self.assertEqual((stats['failed_rd_operations'], stats['invalid_wr_operations']), (0, 0))
        self.assertIn(f'd: rd_bytes={stats["rd_bytes"]} wr_bytes=512 rd_operations={stats["rd_operations"]} wr_operations=1',
                      m.qmp.hmp('info blockstats'))
        nodes = {n['node-name']: n['stats']['rd_operations'] for n in m.qmp('query-blockstats', query_nodes=True)}
        self.assertEqual(sorted(nodes.values()), [0, stats['rd_operations']])

    def test_resize(self):
        m = self.start('-M', 'pc', '-nodefaults', '-blockdev', f'file,filename={self.image},node-name=f', '-blockdev', 'raw,file=f,node-name=r')
        m.qmp('block_resize', node_name='r', size=3 << 20)
        self.assertEqual(os.path.getsize(self.image), 3 << 20)
        self.assertEqual(next(n['image']['virtual-size'] for n in m.qmp('query-named-block-nodes') if n['node-name'] == 'r'), 3 << 20)
        for words, arguments in [('exactly one', {'size': 1}), ("node-name='x'", {'node_name': 'x', 'size': 1}), ("'x' not found", {'device': 'x', 'size': 1}),
                                 ('size', {'node_name': 'r', 'size': -1})]:
            with self.assertRaises(qtest.QmpError) as error:
                m.qmp('block_resize', **arguments)
            self.assertIn(words, error.exception.desc)

    def test_resize_of_what_cannot_be_written(self):
        m = self.start('-M', 'pc', '-nodefaults', '-blockdev', f'file,filename={self.image},node-name=f,read-only=on')
        with self.assertRaises(qtest.QmpError) as error:
            m.qmp('block_resize', node_name='f', size=5 << 20)
        self.assertIn('read-only', error.exception.desc)
        self.assertEqual(os.path.getsize(self.image), 1 << 20)


class TraceEvents(qtest.Case):
    def test_on_and_off(self):
        m = self.start('-M', 'none')
        self.assertEqual(m.qmp('trace-event-get-state', name='pci_config_read'), [{'name': 'pci_config_read', 'state': 'disabled'}])
        m.qmp('trace-event-set-state', name='pci_config_*', enable=True)
        self.assertEqual({e['name'] for e in m.qmp('trace-event-get-state', name='*') if e['state'] == 'enabled'}, {'pci_config_read', 'pci_config_write'})
        m.qmp('trace-event-set-state', name='pci_config_read', enable=False)
        self.assertEqual({e['name'] for e in m.qmp('trace-event-get-state', name='*') if e['state'] == 'enabled'}, {'pci_config_write'})
        for command, arguments in [('trace-event-get-state', {}), ('trace-event-set-state', {'enable': True})]:
            with self.assertRaises(qtest.QmpError) as error:
                m.qmp(command, name='nonesuch', **arguments)
            self.assertIn('unknown event "nonesuch"', error.exception.desc)
        m.qmp('trace-event-set-state', name='nonesuch', enable=True, ignore_unavailable=True)


if __name__ == '__main__':
    unittest.main()
