#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Wrong command lines: each must end with status 1 and an error that names the culprit and, for a misspelling, the way out."""
import os
import re
import subprocess
import sys
import tempfile
import unittest

EMULATOR = os.path.join(os.environ.get('RHEA_BUILD', 'build'), 'qemu-system-x86_64')
WORK = tempfile.mkdtemp(prefix='rhea-cli-')


def made(name, data):
    path = os.path.join(WORK, name)
    with open(path, 'wb') as f:
        f.write(data)
    return path


EMPTY = made('empty', b'')
SHORT = made('short', b'\x7fEL')
TEXT = made('text', b'this is not a kernel\n' * 200)
TRUNCATED = made('truncated', b'\0' * 0x1f1 + b'\x40' + b'\0' * 12 + b'\x55\xaa\xeb\x66HdrS\x0f\x02' + b'\0' * 100)
DISK = made('disk.raw', b'\0' * 1048576)
MISSING = os.path.join(WORK, 'missing')

TWO_NODES = '-m 256 -object memory-backend-ram,id=a,size=128M -object memory-backend-ram,id=b,size=128M '

# (command line, words that the error must contain)
CASES = [
    # options themselves
    ('-foo', ['-foo']),
    ('-machin q35', ['-machin', "'-machine'"]),
    ('-smpp 2', ['-smpp', "'-smp'"]),
    ('--nographc', ['nographc', "'-nographic'"]),
    ('-serial', ['-serial', 'argument']),
    ('-m', ['-m', 'argument']),
    ('-vnc :1', ['-vnc', 'not supported yet']),
    ('-cdrom x.iso', ['-cdrom x.iso', "Could not open 'x.iso'"]),
    ('-icount 1', ['-icount', 'not supported yet']),
    ('-netdev user,id=n', ['-netdev', 'not supported yet']),
    ('-nic user', ['-nic user', 'not supported yet']),
    ('-audiodev alsa,id=a', ['alsa', 'not supported yet']),
    ('-audiodev nnoe,id=a', ['nnoe', "'none'"]),
    ('-overcommit mem-lock=sometimes', ['mem-lock', 'sometimes']),
    ('-overcommit cpu-pm=maybe', ['cpu-pm', 'maybe']),
    ('-echr 300', ['300']),
    ('-k klingon', ['klingon']),
    ('-parallel foo', ['-parallel', 'foo']),
    ('-run-with user=nobody-of-that-name', ['nobody-of-that-name']),
    ('-run-with async-teardown=on', ['async-teardown', 'not supported yet']),
    ('-watchdog-action pounce', ['pounce']),
    # machine
    ('-M q36', ['q36', "'q35'"]),
    ('-M pc-q35-11.11', ['pc-q35-11.11', 'pc-q35-11.1']),
    ('-machine q35,hpett=off', ['hpett', "'hpet'"]),
    ('-machine q35,hpet=maybe', ['hpet', 'maybe']),
    ('-machine pc,max-ram-below-4g=xyz', ['max-ram-below-4g', 'xyz']),
    ('-machine q35,memory-backend=nope', ['nope']),
    ('-machine accel=tgc', ['tgc', "'tcg'"]),
    ('-machine q35,=x', ['-machine']),
    # accelerator
    ('-accel tch', ['tch', "'tcg'"]),
    ('-accel tcg,tb-sise=5', ['tb-sise', "'tb-size'"]),
    ('-accel tcg,thread=many', ['thread', 'many']),
    ('-accel tcg,tb-size=-1', ['tb-size', '-1']),
    # CPU
    ('-cpu qemu65', ['qemu65', 'qemu64']),
    ('-cpu qemu64,+ssse4', ['ssse4', 'ssse3']),
    ('-cpu qemu64,avx9=on', ['avx9', 'avx']),
    ('-cpu qemu64,avx=perhaps', ['avx', 'perhaps']),
    ('-cpu max,vendor=Short', ['vendor']),
    ('-cpu max,family=x', ['family', 'x']),
    ('-cpu Skylake-Servr', ['Skylake-Servr', 'Skylake-Server']),
    # smp
    ('-smp 0', ['cpus']),
    ('-smp two', ['two']),
    ('-smp cpus=2,core=2', ["'core'", "'cores'"]),
    ('-smp 4,sockets=3,cores=1,threads=1', ['sockets', '3', 'maxcpus']),
    ('-smp 4,maxcpus=2', ['maxcpus', '2']),
    ('-smp 100000', ['100000']),
    ('-smp 2,clusters=2', ['clusters']),
    ('-smp 99999999999999999999', ['99999999999999999999']),
    # memory
    ('-m lots', ['lots']),
    ('-m 128Q', ['128Q']),
    ('-m 128,slot=2', ["'slot'", "'slots'"]),
    ('-m 512,slots=2', ['slots']),
    ('-m 512,maxmem=256,slots=1', ['maxmem', '256']),
    ('-m 512,maxmem=1G', ['maxmem', 'slots']),
    ('-m 99999999999T', ['99999999999T']),
    # NUMA
    ('-numa foo', ["'type'", 'foo']),
    ('-numa nod', ["'node'"]),
    ('-numa node,memdv=a', ['memdv', "'memdev'"]),
    ('-numa node,mem=128M', ['mem', 'memdev']),
    ('-numa node,memdev=nope', ['memdev=nope']),
    ('-numa node', ['total memory for NUMA nodes', '0x8000000']),
    ('-numa node,nodeid=200', ['200']),
    ('-numa node,nodeid=0 -numa node,nodeid=0', ['Duplicate NUMA nodeid: 0']),
    ('-numa node,nodeid=0 -numa node,nodeid=2', ['Node ID missing: 1']),
    ('-numa node,cpus=9', ['CPU index (9)', 'maxcpus (1)']),
    ('-smp 4 -numa node,cpus=0-1 -numa node,cpus=1-3', ['already assigned to node-id: 0']),
    ('-smp 4 -numa node,cpus=3-1', ['3-1']),
    ('-numa dist,src=0,dst=1,val=20', ['declare it first']),
    ('-numa node -numa node -numa dist,src=0,dst=1,val=5', ['(5)', '10']),
    ('-numa node -numa dist,src=0,dst=0,val=20', ['Local distance of node 0']),
    (TWO_NODES + '-numa node,memdev=a -numa node,memdev=b -numa dist,src=0,dst=0,val=10', ['distance between node 0 and 1 is missing']),
    (TWO_NODES + '-numa node,memdev=a -numa node,memdev=a', ['used multiple times']),
    ('-numa cpu,node-id=0,socket-id=0', ['node-id=0', 'defined']),
    ('-numa node -numa cpu,node-id=0,socket-id=9', ['no match found']),
    ('-numa node,initiator=0', ['hmat=on']),
    ('-M q35,hmat=on -numa node -numa node,cpus=0 -numa hmat-lb,initiator=0,target=0,hierarchy=memory,data-type=access-latency,latency=5',
     ['initiator=0', "isn't an initiator"]),
    ('-M q35,hmat=on -numa node,cpus=0 -numa hmat-lb,initiator=0,target=0,hierarchy=memory,data-type=access-latency,bandwidth=5M', ['bandwidth']),
    ('-M q35,hmat=on -numa node,cpus=0 -numa hmat-cache,node-id=0,size=10K,level=4,associativity=direct,policy=none,line=8', ['level=4']),
    ('-M q35,hmat=on -numa node,cpus=0 -numa hmat-cache,node-id=0,size=10K,level=1,associativity=dirct,policy=none,line=8', ["'direct'"]),
    # objects, devices, globals
    ('-object memory-backend-ramm,id=m,size=1M', ['memory-backend-ramm', 'memory-backend-ram']),
    ('-object memory-backend-ram,id=m', ['size']),
    ('-object memory-backend-ram,size=1M', ['id']),
    ('-object memory-backend-ram,id=m,size=1M,shaer=on', ['shaer', "'share'"]),
    ('-object memory-backend-file,id=m,size=1M', ['mem-path']),
    ('-object memory-backend-ram,id=9m,size=1M', ['9m']),
    ('-device isa-seriall', ['isa-seriall', 'isa-serial']),
    ('-device isa-serial,chardv=x', ['chardv', "'chardev'"]),
    ('-device isa-serial,chardev=nope', ['nope']),
    ('-device isa-debug-exit,iobase=zz', ['iobase', 'zz']),
    ('-device isa-debugcon', ['chardev']),
    ('-device ide-hd', ['drive']),
    ('-device ide-hd,drive=nope', ['nope']),
    ('-device VGA,vgamem_mb=3 -vga none', ['vgamem_mb', '3']),
    ('-device isa-serial,bus=nowhere', ['nowhere']),
    ('-device VGA,addr=99 -vga none', ['99']),
    ('-device', ['-device', 'argument']),
    ('-global nonsense', ['nonsense']),
    ('-global driver=isa-serial,property=irq', ['value']),
    # chardevs and monitors
    ('-chardev stdioo,id=c', ['stdioo', 'stdio']),
    ('-chardev stdio', ['id']),
    ('-chardev file,id=c', ['path']),
    ('-chardev file,id=c,path=/nonexistent-dir/x', ['/nonexistent-dir/x']),
    ('-chardev socket,id=c,prt=5', ['prt', 'port']),
    ('-chardev ringbuf,id=c,size=100', ['100']),
    ('-chardev null,id=c -chardev null,id=c', ['c']),
    ('-serial foo:bar', ['foo']),
    ('-serial chardev:nope', ['nope']),
    ('-mon chardev=nope', ['nope']),
    ('-chardev null,id=c -mon c,mode=contrl', ['contrl', 'control']),
    ('-qmp unix:/nonexistent-dir/sock,server=on,wait=off', ['/nonexistent-dir/sock']),
    # display
    ('-display gtkk', ['gtkk', 'gtk']),
    ('-display sdl', ['sdl', 'not supported yet']),
    ('-vga stdd', ['stdd', 'std']),
    # disks
    (f'-hda {MISSING}', [MISSING]),
    (f'-drive file={DISK},format=rwa', ['rwa', 'raw']),
    (f'-drive file={DISK},format=raw,if=idee', ['idee', 'ide']),
    (f'-drive file={DISK},format=raw,fomat=raw', ['fomat', 'format']),
    (f'-blockdev driver=file,filename={DISK}', ['node-name']),
    (f'-blockdev driver=fiel,node-name=n,filename={DISK}', ['fiel', 'file']),
    ('-blockdev raw,node-name=n,file=nope', ['nope']),
    (f'-blockdev {{"driver":"file","node-name":"n","filename":"{DISK}"', ['JSON']),
    # kernel and firmware files
    (f'-kernel {MISSING}', [MISSING]),
    (f'-kernel {EMPTY}', [EMPTY]),
    (f'-kernel {SHORT}', [SHORT]),
    (f'-kernel {TEXT}', [TEXT]),
    (f'-kernel {TRUNCATED}', [TRUNCATED]),
    ('-append quiet', ['-append', '-kernel']),
    (f'-initrd {DISK}', ['-initrd', '-kernel']),
    (f'-bios {MISSING}', [MISSING]),
    (f'-bios {EMPTY}', [EMPTY]),
    (f'-bios {SHORT}', [SHORT]),
    # others
    ('-uuid 1234', ['1234', 'UUID']),
    ('-rtc base=yesterday', ['yesterday']),
    ('-rtc clock=hots', ['hots', 'host']),
    ('-rtc bas=utc', ["'bas'", "'base'"]),
    ('-name guest=x,proces=y', ['proces', 'process']),
    ('-d intt', ['intt', 'int']),
    ('-D /nonexistent-dir/log -d int', ['/nonexistent-dir/log']),
    ('-pidfile /nonexistent-dir/pid', ['/nonexistent-dir/pid']),
    ('-debugcon foo:bar', ['foo']),
    ('-qtest nonsense', ['nonsense']),
]


class WrongCommandLines(unittest.TestCase):
    def test_each(self):
        self.assertGreaterEqual(len(CASES), 60)
        for line, words in CASES:
            with self.subTest(line=line):
                args = line.split()
                p = subprocess.run([EMULATOR, '-display', 'none', '-S', *args], stdin=subprocess.DEVNULL, capture_output=True,
                                   text=True, timeout=60)
                self.assertEqual(p.returncode, 1, f'status of: {line}\n{p.stderr}')
                self.assertEqual(p.stdout, '', 'an error goes to stderr')
                self.assertTrue(p.stderr.startswith('qemu-system-x86_64: '), p.stderr)
                self.assertEqual(p.stderr.count('\n'), 1, f'one line, not:\n{p.stderr}')
                for word in words:
                    self.assertIn(word, p.stderr)

    def test_every_device_misspelt(self):
        """A letter too many, two swapped, one missing: the error names the device that was meant."""
        listing = subprocess.run([EMULATOR, '-device', 'help'], capture_output=True, text=True, timeout=60).stdout
        names = [n for n in re.findall(r'^name "([^"]+)"', listing, re.MULTILINE) if not n.endswith('-cpu')]
        self.assertGreater(len(names), 30)
        for name in names:
            for wrong in (name + 'z', name[1] + name[0] + name[2:], name[:-1]):
                # Of short names the wrong one may be as near to another, or right.
                if wrong == name or len(name) < 6 and wrong != name + 'z' or wrong in names:
                    continue
                with self.subTest(name=name, wrong=wrong):
                    p = subprocess.run([EMULATOR, '-display', 'none', '-device', wrong], stdin=subprocess.DEVNULL, capture_output=True,
                                       text=True, timeout=60)
                    self.assertEqual(p.returncode, 1)
                    self.assertEqual(p.stderr, f"qemu-system-x86_64: -device {wrong}: '{wrong}' is not a valid device model name; "
                                               f"did you mean '{name}'?\n")


if __name__ == '__main__':
    unittest.main()
