#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Disks that cannot be: missing, unreadable, in use, in the wrong place. Each row has words that our error must contain, and,
where QEMU is installed, that its error for the same command line contains too.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'qtest'))

import qtest    # noqa: E402

QEMU = shutil.which('qemu-system-x86_64')
WORK = tempfile.mkdtemp(prefix='rhea-drives-')
A, ODD, EMPTY, FOLDER, NONE = (os.path.join(WORK, n) for n in ('a.img', 'odd.img', 'empty.img', 'folder', 'none.img'))
for name, size in ((A, 1 << 20), (ODD, 1000), (EMPTY, 0)):
    with open(name, 'wb') as f:
        f.truncate(size)
os.mkdir(FOLDER)

ROWS = [    # claim, command line, words of both (None: QEMU takes it, or words it differently), words of ours
    ('a missing file', f'-drive file={NONE},format=raw', ['Could not open', NONE, 'No such file']),
    ('a missing CD', f'-cdrom {NONE}', ['-cdrom', 'Could not open', NONE]),
    ('a missing file by blockdev', f'-blockdev file,node-name=n,filename={NONE}', ['Could not open', NONE]),
    ('a folder', f'-drive file={FOLDER},format=raw', [FOLDER]),
    ('the place of another drive', f'-drive file={A},format=raw,index=0 -drive file={A},format=raw,index=0', ['bus=0, unit=0 (index=0) exists']),
    ('a bus that is not there', f'-drive file={A},format=raw,index=9', ['machine type does not support if=ide,bus=4,unit=1']),
    ('a fifth floppy drive', f'-drive if=floppy,index=5,file={A},format=raw', ['if=floppy', 'unit=5']),
    ('SCSI without a controller', f'-drive file={A},format=raw,if=scsi', ['if=scsi,bus=0,unit=0']),
    ('virtio, which comes later', f'-drive file={A},format=raw,if=virtio', None, ['if=virtio']),
    ('a disk device without a disk', '-device ide-hd', ['-device ide-hd']),
    ('a unit that the bus has not', f'-drive if=none,id=d,file={A},format=raw -device ide-hd,drive=d,unit=5', ["IDE unit 5", '2 units']),
    ('one disk for two devices', f'-drive if=none,id=d,file={A},format=raw -device ide-hd,drive=d,unit=0 -device ide-hd,drive=d,unit=1', ['in use']),
    ('a disk that is no disk', '-device ide-cd,drive=nope', ["can't find value 'nope'"]),
    ('a full IDE bus', f'-nodefaults -blockdev file,node-name=a,filename={A},read-only=on -device ide-cd,bus=ide.0,unit=0 -device ide-cd,bus=ide.0,unit=1 '
     '-device ide-cd,bus=ide.0,unit=0', ['-device ide-cd,bus=ide.0,unit=0: '], ['full']),
    ('a bus by a wrong name', '-device ide-cd,bus=ide.7', ["'ide.7'"]),
    ('a device on the wrong sort of bus', '-device ide-cd,bus=pci.0', ['pci.0']),
    ('a disk that cannot be written', f'-drive if=none,id=d,file={A},format=raw,readonly=on -device ide-hd,drive=d', ['read-only']),
    ('two devices in a PCI slot', '-vga none -device VGA,addr=2 -device VGA,addr=2', ['slot', '2', 'VGA'], ['slot 02.0', 'taken by VGA']),
    ('a PCI slot of the chip set', '-vga none -device VGA,addr=1', ['slot', 'PIIX3'], ['slot 01.0', 'taken by PIIX3']),
    ('more serial ports than ISA has', ' '.join(['-nodefaults'] + ['-chardev null,id=c{0} -device isa-serial,chardev=c{0}'.format(i) for i in range(5)]),
     ['isa-serial', '4']),
    ('a third floppy drive on the controller', '-nodefaults -device floppy,unit=3', ['unit 3', '2 units']),
    ('firmware in flash of an odd size', f'-drive if=pflash,file={ODD},format=raw', None, ['1024']),
    ('firmware in an empty flash', f'-drive if=pflash,file={EMPTY},format=raw', ['pflash0'], ['0 bytes']),
    ('an unknown cache mode', f'-drive file={A},format=raw,cache=somtimes', ['cache', 'somtimes'], ['invalid cache option']),
    ('an unknown aio', f'-drive file={A},format=raw,aio=fast', ['invalid aio option']),
    ('locking that is neither on nor off', f'-drive file={A},format=raw,file.locking=maybe', ['maybe']),
    ('a format that there is not', f'-drive file={A},format=rwa', ["'rwa'"]),
    ('a node that is not there', '-blockdev raw,node-name=a,file=b', ["node-name='b'"]),
    ('a node without name', f'-blockdev file,filename={A}', ["'node-name' must be specified"]),
    ('two nodes of one name', f'-blockdev file,filename={A},node-name=n -blockdev file,filename={A},node-name=n', ['Duplicate nodes', "'n'"]),
    ('a window larger than the file', f'-blockdev file,filename={A},node-name=n -blockdev raw,node-name=r,file=n,offset=1M,size=1M', None, ['has to be', '1048576']),
    ('a qcow2 image that is none', f'-drive file={A},format=qcow2', ['not in qcow2 format']),
]


def complaint(program, line):
    """Status and error of @program, without the lines that lead up to it."""
    p = subprocess.run([program, '-M', 'pc', '-accel', 'tcg', '-display', 'none', '-S', '-monitor', 'none', '-serial', 'none', '-nic', 'none', *line.split()],
                       stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, env=qtest.environment())
    return p.returncode, '\n'.join(l for l in p.stderr.splitlines() if 'warning' not in l.lower())


class BadDrives(unittest.TestCase):
    def test_each(self):
        for claim, line, both, *ours in ROWS:
            with self.subTest(claim):
                status, text = complaint(qtest.emulator(), line)
                self.assertEqual(status, 1, text)
                for word in (both or []) + (ours[0] if ours else []):
                    self.assertIn(word, text)

    @unittest.skipUnless(QEMU, 'no QEMU to compare with')
    def test_reference_means_the_same(self):
        for claim, line, both, *_ in ROWS:
            if both is None:
                continue
            with self.subTest(claim):
                status, text = complaint(QEMU, line)
                self.assertEqual(status, 1, text)
                found = [word for word in both if re.sub(r'[^a-z0-9]', '', word.lower()) in re.sub(r'[^a-z0-9]', '', text.lower())]
                self.assertTrue(found, f'none of {both} in: {text}')

    @unittest.skipIf(os.geteuid() == 0 and not shutil.which('setpriv'), 'root can read everything')
    def test_files_that_may_not_be_read(self):
        path = os.path.join(WORK, 'secret.img')
        shutil.copy(A, path)
        os.chmod(path, 0)
        os.chmod(WORK, 0o755)
        drop = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] if os.geteuid() == 0 else []
        program = os.path.realpath(qtest.emulator())
        if drop and subprocess.run([*drop, program, '-version'], capture_output=True, check=False).returncode:
            self.skipTest('nobody cannot run the emulator here')
        p = subprocess.run([*drop, program, '-display', 'none', '-S', '-drive', f'file={path},format=raw'], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                           timeout=60, env=qtest.environment())
        self.assertEqual(p.returncode, 1)
        self.assertIn('Permission denied', p.stderr)
        os.chmod(path, 0o444)                   # now it can be read, but not be written
        p = subprocess.run([*drop, program, '-display', 'none', '-S', '-drive', f'file={path},format=raw'], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                           timeout=60, env=qtest.environment())
        self.assertEqual(p.returncode, 1)
        self.assertIn('Permission denied', p.stderr)


class Running(qtest.Case):
    def test_an_image_in_use(self):
        self.start('-M', 'pc', '-drive', f'file={A},format=raw')
        status, text = complaint(qtest.emulator(), f'-drive file={A},format=raw')
        self.assertEqual(status, 1)
        self.assertRegex(text, r'lock')
        self.assertIn(A, text)
        if QEMU:                                # each sees the other's locks
            status, text = complaint(QEMU, f'-drive file={A},format=raw')
            self.assertEqual(status, 1)
            self.assertIn('lock', text)

    def test_ide_is_not_hot_plugged(self):
        m = self.start('-M', 'pc', '-nodefaults', '-blockdev', f'file,filename={A},node-name=n')
        for driver in ('ide-hd', 'ide-cd'):
            with self.assertRaises(qtest.QmpError) as error:
                m.qmp('device_add', driver=driver, bus='ide.0', **({'drive': 'n'} if driver == 'ide-hd' else {}))
            self.assertIn("does not support hotplugging", error.exception.desc)
        q = self.start('-M', 'q35', '-nodefaults')
        with self.assertRaises(qtest.QmpError) as error:
            q.qmp('device_add', driver='ide-cd', bus='ide.3')
        self.assertIn("does not support hotplugging", error.exception.desc)

    def test_a_size_that_is_no_whole_sector(self):
        with open(ODD, 'wb') as f:
            f.write(b'z' * 1000)
        m = self.start('-M', 'pc', '-drive', f'file={ODD},format=raw,snapshot=on,id=d')
        self.assertEqual(m.qmp('query-block')[0]['inserted']['image']['virtual-size'], 1024)


if __name__ == '__main__':
    unittest.main()
