#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Machine types and their versions: which there are, and what older ones set otherwise."""
import unittest

import qtest

VERSIONS = '11.1 11.0 10.2 10.1 10.0 9.2 9.1 9.0 8.2 8.1 8.0 7.2 7.1 7.0 6.2 6.1 6.0 5.2'.split()
NEWEST = VERSIONS[0]


def number(version):
    return tuple(int(part) for part in version.split('.'))


class MachineTypes(qtest.Case):
    def test_versions_names_and_limits(self):
        machines = {m['name']: m for m in self.start('-M', 'none').qmp('query-machines')}
        for version in VERSIONS:
            for family, alias in ('pc-i440fx-', 'pc'), ('pc-q35-', 'q35'):
                m = machines[family + version]
                with self.subTest(machine=m['name']):
                    self.assertEqual(m['deprecated'], number(version) < (8, 2))
                    self.assertEqual(m.get('alias'), alias if version == NEWEST else None)
                    self.assertEqual(m.get('is-default', False), m['name'] == f'pc-i440fx-{NEWEST}')
                    wanted = 255 if alias == 'pc' else 4096 if number(version) >= (9, 0) else \
                        1024 if number(version) >= (8, 1) else 288
                    self.assertEqual(m['cpu-max'], wanted)
                    self.assertTrue(m['acpi'] and m['hotpluggable-cpus'])
        self.assertEqual({k: machines['none'].get(k) for k in ('cpu-max', 'acpi', 'default-cpu-type', 'default-ram-id')},
                         {'cpu-max': 1, 'acpi': False, 'default-cpu-type': None, 'default-ram-id': 'ram'})

    def test_an_older_machine_has_the_rows_of_all_versions_since(self):
        machines = {m['name']: m['compat-props'] for m in self.start('-M', 'none').qmp('query-machines', compat_props=True)}
        for family in 'pc-i440fx-', 'pc-q35-':
            for older, newer in zip(VERSIONS[1:], VERSIONS):
                rows, start = machines[family + older], machines[family + newer]
                self.assertEqual(rows[:len(start)], start, f'{family}{older}')
                self.assertGreater(len(rows), len(start), f'{family}{older}')
        self.assertIn({'qom-type': 'virtio-iommu-pci', 'property': 'aw-bits', 'value': '39'}, machines['pc-q35-11.1'])

    def test_every_row_fits_its_property(self):
        """The oldest machine applies every row that names a property which exists; a wrong value would end start-up."""
        for machine in 'pc-i440fx-5.2', 'pc-q35-5.2':
            vm = self.start('-M', machine)
            self.assertEqual(vm.qmp('query-status')['status'], 'running')
            for name, wanted in ('family', 6), ('model', 6), ('stepping', 3), ('hv-version-id-build', 0x1bbc):
                self.assertEqual(vm.qmp('qom-get', path='/machine/unattached/device[0]', property=name), wanted, name)

    def test_entry_point_of_smbios_by_version(self):
        for version, wanted in (NEWEST, 'auto'), ('9.0', 'auto'), ('8.2', '64'), ('8.1', '64'), ('8.0', '32'), ('5.2', '32'):
            vm = self.start('-M', f'pc-q35-{version}')
            self.assertEqual(vm.qmp('qom-get', path='/machine', property='smbios-entry-point-type'), wanted, version)

    def test_the_user_overrides_a_version(self):
        vm = self.start('-M', 'pc-i440fx-6.0', '-global', 'qemu64-x86_64-cpu.model=9')
        for name, wanted in ('model', 9), ('family', 6):
            self.assertEqual(vm.qmp('qom-get', path='/machine/unattached/device[0]', property=name), wanted, name)
        vm = self.start('-M', 'pc-i440fx-6.0,smbios-entry-point-type=64')
        self.assertEqual(vm.qmp('qom-get', path='/machine', property='smbios-entry-point-type'), '64')

    def test_the_empty_machine_has_nothing_but_monitors(self):
        vm = self.start('-M', 'none', '-S')
        self.assertEqual(vm.qmp('query-cpus-fast'), [])
        self.assertEqual(vm.qmp.hmp('info pci'), '')
        self.assertEqual(vm.inl(0xcfc), 0xffffffff)


if __name__ == '__main__':
    unittest.main()
