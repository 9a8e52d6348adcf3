#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""virtio-blk: requests cut anywhere, what it refuses, configuration, errors of the drive, state in mid-work."""
import os
import resource
import shlex
import struct
import tempfile
import unittest
import unittest.mock

import qtest
import virtio_ring as v
from virtio_ring import Driver, NEXT, WRITE, INDIRECT

IN, OUT, SCSI, FLUSH, GET_ID, DISCARD, WRITE_ZEROES = 0, 1, 2, 4, 8, 11, 13
OK, IOERR, UNSUPP = 0, 1, 2
HEADER, STATUS, DATA = 0x200000, 0x200100, 0x201000
SECTORS = 128
F_RO, F_FLUSH, F_CONFIG_WCE = 1 << 5, 1 << 9, 1 << 11


class Blk(qtest.Case):
    def start_disk(self, device='', modern=True, drive='', image=None, extra=()):
        self.image = image or self.enterContext(tempfile.NamedTemporaryFile())
        if not image:
            self.content = os.urandom(SECTORS * 512)
            self.image.write(self.content)
            self.image.flush()
        m = self.start('-nodefaults', '-M', 'microvm', *(['-global', 'virtio-mmio.force-legacy=off'] if modern else []),
                       '-drive', f'id=d,if=none,format=raw,file={self.image.name}{drive}', *extra,
                       '-device', f'virtio-blk-device,drive=d{device}')
        d = Driver(m, legacy=not modern, size=16)
        d.start()
        return m, d

    def offer(self, d, kind, sector=0, data=(), head=0, header=None, status=STATUS):
        """Header, @data as [(address, length, device writes?)], status."""
        d.m.write(HEADER + 16 * head, header if header is not None else struct.pack('<IIQ', kind, 0, sector))
        d.m.writeb(status, 0xff)
        length = 16 if header is None else len(header)
        d.offer(d.chain([(HEADER + 16 * head, length, False), *data, (status, 1, True)], head))

    def request(self, d, kind, sector=0, data=(), **options):
        """Returns the status."""
        self.offer(d, kind, sector, data, **options)
        self.assertIsNotNone(d.take())
        return d.m.readb(STATUS)

    def on_disk(self, sector=0, sectors=SECTORS):
        with open(self.image.name, 'rb') as f:
            f.seek(sector * 512)
            return f.read(sectors * 512)


class Work(Blk):
    def test_read(self):
        for modern in (True, False):
            m, d = self.start_disk(modern=modern)
            self.assertEqual(self.request(d, IN, 3, [(DATA, 512, True), (DATA + 0x800, 1024, True)]), OK)
            self.assertEqual(m.read(DATA, 512) + m.read(DATA + 0x800, 1024), self.content[3 * 512:6 * 512])
            self.assertEqual(d.acknowledge(), 1)

    def test_write(self):
        for modern in (True, False):
            m, d = self.start_disk(modern=modern)
            data = os.urandom(1024)
            m.write(DATA, data)
            self.assertEqual(self.request(d, OUT, 126, [(DATA, 1000, False), (DATA + 1000, 24, False)]), OK)
            self.assertEqual(self.request(d, FLUSH), OK)
            self.assertEqual(self.on_disk(), self.content[:126 * 512] + data)

    def test_header_data_and_status_in_pieces(self):
        m, d = self.start_disk()
        data = bytes(range(256)) * 2
        m.write(HEADER, struct.pack('<IIQ', OUT, 0, 5) + data)
        d.offer(d.chain([(HEADER, 3, False), (HEADER + 3, 10, False), (HEADER + 13, 100, False),
                         (HEADER + 113, 415, False), (STATUS + 0x1000, 1, True)]))
        d.take()
        self.assertEqual((m.readb(STATUS + 0x1000), self.on_disk(5, 1)), (OK, data))
        m.write(HEADER, struct.pack('<IIQ', IN, 0, 5))
        d.offer(d.chain([(HEADER, 16, False), (DATA, 7, True), (DATA + 7, 506, True)]))     # data and status in one
        self.assertEqual(d.take(), (0, 513))
        self.assertEqual((m.read(DATA, 512), m.readb(DATA + 512)), (data, OK))

    def test_indirect(self):
        m, d = self.start_disk()
        d.start(v.F_VERSION_1 | v.F_INDIRECT)
        m.write(HEADER, struct.pack('<IIQ', IN, 0, 7))
        m.write(DATA + 0x2000, d.packed(HEADER, 16, NEXT, 1) + d.packed(DATA, 512, WRITE | NEXT, 2) + d.packed(STATUS, 1, WRITE))
        d.put_desc(9, DATA + 0x2000, 48, INDIRECT)
        d.offer(9)
        self.assertEqual(d.take(), (9, 513))
        self.assertEqual(m.read(DATA, 512), self.content[7 * 512:8 * 512])

    def test_many_at_once(self):
        m, d = self.start_disk()
        for n in range(5):
            self.offer(d, IN, n, [(DATA + 512 * n, 512, True)], head=3 * n, status=STATUS + n)
        self.assertEqual({d.take()[0] for _ in range(5)}, {0, 3, 6, 9, 12})
        self.assertEqual(m.read(DATA, 5 * 512), self.content[:5 * 512])

    def test_serial(self):
        for serial, wanted in (('abc', b'abc'.ljust(20, b'\0')), ('x' * 30, b'x' * 20)):
            m, d = self.start_disk(f',serial={serial}')
            self.assertEqual(self.request(d, GET_ID, 0, [(DATA, 20, True)]), OK)
            self.assertEqual(m.read(DATA, 20), wanted)
        self.assertEqual(self.request(d, GET_ID, 0, [(DATA + 32, 4, True)]), OK)
        self.assertEqual(m.read(DATA + 32, 5), b'xxxx\0')

    def test_zeroes_and_discard(self):
        m, d = self.start_disk()
        m.write(DATA, struct.pack('<QII', 2, 3, 0))
        self.assertEqual(self.request(d, WRITE_ZEROES, 0, [(DATA, 16, False)]), OK)
        self.assertEqual(self.on_disk(), self.content[:1024] + bytes(1536) + self.content[5 * 512:])
        self.assertEqual(self.request(d, DISCARD, 0, [(DATA, 16, False)]), OK)

    def test_write_cache(self):
        m, d = self.start_disk()
        self.assertEqual(m.readb(d.base + 0x120), 0, 'a driver without FLUSH writes through')
        m.writeb(d.base + 0x120, 1)                         # CONFIG_WCE was not taken
        self.assertEqual(m.readb(d.base + 0x120), 0)
        d.start(v.F_VERSION_1 | F_CONFIG_WCE)
        self.assertEqual(m.readb(d.base + 0x120), 1)
        m.writeb(d.base + 0x120, 0)
        m.state_cycle()
        self.assertEqual(m.readb(d.base + 0x120), 0)
        d.set(v.STATUS, 0)
        self.assertEqual(m.readb(d.base + 0x120), 1)


class Configuration(Blk):
    def test_features_and_configuration(self):
        for modern, features in ((True, 0x10130006e54), (False, 0x31006ed4)):
            m, d = self.start_disk(modern=modern)
            self.assertEqual(hex(d.offered()), hex(features))
            config = m.read(d.base + 0x100, 60)
            self.assertEqual(struct.unpack('<QII', config[:16]), (SECTORS, 0, 254))
            self.assertEqual(struct.unpack('<IBBHI', config[20:32]), (512, 0, 0, 0, 0))
            self.assertEqual(struct.unpack('<HIIIII', config[34:56]), (1, 4194303, 1, 1, 4194303, 1))
            self.assertEqual([d.get(v.QUEUE_NUM_MAX), m.readl(d.base + 0x13c)], [256, 0xffffffff])

    def test_properties(self):
        m, d = self.start_disk(',queue-size=16,num-queues=3,logical_block_size=4096,physical_block_size=8192,discard=off,'
                               'write-zeroes=off,config-wce=off,write-cache=off')
        self.assertEqual(hex(d.offered()), hex(0x10130001454))
        self.assertEqual([d.get(v.QUEUE_NUM_MAX), m.readl(d.base + 0x114), m.readb(d.base + 0x118), m.readw(d.base + 0x122)],
                         [16, 4096, 1, 3])
        self.assertEqual(self.request(d, IN, 8, [(DATA, 4096, True)]), OK)
        self.assertEqual(m.read(DATA, 4096), self.content[4096:8192])
        for sector, bytes_ in ((1, 4096), (0, 512)):
            self.assertEqual(self.request(d, IN, sector, [(DATA, bytes_, True)]), IOERR)

    def test_what_cannot_be(self):
        with tempfile.NamedTemporaryFile() as image:
            image.truncate(1 << 16)
            drive = ['-drive', f'id=d,if=none,format=raw,file={image.name}']
            for args, error in ((['-device', 'virtio-blk-device'], 'drive'),
                                ([*drive, '-device', 'virtio-blk-device,drive=e'], "'e'"),
                                ([*drive, '-device', 'virtio-blk-device,drive=d,queue-size=3'], "'queue-size'"),
                                ([*drive, '-device', 'virtio-blk-device,drive=d,queue-size=2048'], "'queue-size'"),
                                ([*drive, '-device', 'virtio-blk-device,drive=d,num-queues=0'], "'num-queues'"),
                                ([*drive, '-device', 'virtio-blk-device,drive=d,max-discard-sectors=0'], "'max-discard-sectors'"),
                                (['-drive', 'id=c,if=none,media=cdrom', '-device', 'virtio-blk-device,drive=c'], 'empty')):
                with self.subTest(args):
                    m = qtest.Machine('-nodefaults', '-M', 'microvm', *args, accel=None, qmp=False)
                    self.addCleanup(m.close)
                    self.assertEqual(m.wait_exit(), 1)
                    self.assertIn(error, m.stderr())


class Misuse(Blk):
    def test_ranges(self):
        m, d = self.start_disk()
        for kind in (IN, OUT):
            for sector, bytes_ in ((SECTORS, 512), (SECTORS - 1, 1024), (1 << 63, 512), ((1 << 64) - 1, 512), (1 << 55, 512),
                                   (0, 511), (0, 513)):
                with self.subTest(kind=kind, sector=sector, bytes=bytes_):
                    self.assertEqual(self.request(d, kind, sector, [(DATA, bytes_, kind == IN)]), IOERR)
        self.assertEqual(self.on_disk(), self.content)

    def test_segments(self):
        m, d = self.start_disk()
        for kind in (DISCARD, WRITE_ZEROES):
            for segment, wanted in ((struct.pack('<QII', SECTORS, 1, 0), IOERR), (struct.pack('<QII', 1 << 63, 1, 0), IOERR),
                                    (struct.pack('<QII', 0, 0xffffffff, 0), IOERR), (struct.pack('<QII', 0, 1, 2), UNSUPP),
                                    (bytes(15), IOERR), (bytes(32), UNSUPP)):
                with self.subTest(kind=kind, segment=segment):
                    m.write(DATA, segment)
                    self.assertEqual(self.request(d, kind, 0, [(DATA, len(segment), False)]), wanted)
            self.assertEqual(self.request(d, kind), IOERR, 'no segment')
        self.assertEqual(self.on_disk(), self.content)

    def test_unknown_requests(self):
        m, d = self.start_disk()
        for kind in (SCSI, 3, 9, 0xffffffff):
            self.assertEqual(self.request(d, kind), UNSUPP)

    def test_headers_that_are_none(self):
        m, d = self.start_disk()
        for buffers in ([(HEADER, 15, False), (STATUS, 1, True)], [(HEADER, 16, False)], [(STATUS, 1, True)]):
            with self.subTest(buffers):
                d.start()
                d.offer(d.chain(buffers))
                self.assertTrue(d.get(v.STATUS) & v.NEEDS_RESET)
                d.start()
                self.assertEqual(self.request(d, IN, 0, [(DATA, 512, True)]), OK)

    def test_read_only(self):
        m, d = self.start_disk(drive=',readonly=on')
        self.assertTrue(d.offered() & F_RO)
        self.assertEqual(self.request(d, OUT, 0, [(DATA, 512, False)]), IOERR)
        m.write(DATA, struct.pack('<QII', 0, 1, 0))
        self.assertEqual(self.request(d, WRITE_ZEROES, 0, [(DATA, 16, False)]), IOERR)
        self.assertEqual(self.on_disk(), self.content)


class State(Blk):
    def test_saved_with_requests_in_the_air(self):
        m, d = self.start_disk()
        for n in range(5):
            self.offer(d, IN, n, [(DATA + 512 * n, 512, True)], head=3 * n, status=STATUS + n)
        m.state_cycle()
        self.assertEqual({d.take()[0] for _ in range(5)}, {0, 3, 6, 9, 12})
        self.assertEqual(m.read(DATA, 5 * 512), self.content[:5 * 512])
        self.assertEqual(d.used_index(), 5)

    def test_reset_with_requests_in_the_air(self):
        m, d = self.start_disk()
        for _ in range(20):
            for n in range(5):
                self.offer(d, IN, n, [(DATA + 512 * n, 512, True)], head=3 * n, status=STATUS + n)
            d.start()
        self.assertEqual(self.request(d, IN, 9, [(DATA, 512, True)]), OK)
        self.assertEqual(m.read(DATA, 512), self.content[9 * 512:10 * 512])


class HostErrors(Blk):
    """The host's file cannot be written beyond its 100th sector."""
    BAD = 120

    def limited(self, policy):
        folder = self.enterContext(tempfile.TemporaryDirectory())
        wrapper = os.path.join(folder, 'emulator')
        with open(wrapper, 'w') as f:
            f.write(f'#!/bin/sh\ntrap "" XFSZ\nulimit -S -f 100\nexec {shlex.quote(os.path.abspath(qtest.emulator()))} "$@"\n')
        os.chmod(wrapper, 0o755)
        with unittest.mock.patch.dict(os.environ, {'RHEA_EMULATOR': wrapper}):
            return self.start_disk(drive=f',werror={policy}')

    def test_reported(self):
        m, d = self.limited('report')
        self.assertEqual(self.request(d, OUT, self.BAD, [(DATA, 512, False)]), IOERR)
        self.assertEqual(m.qmp.event('BLOCK_IO_ERROR')['data']['action'], 'report')
        self.assertNotIn('io-status', m.qmp('query-block')[0])
        self.assertEqual(self.request(d, OUT, 5, [(DATA, 512, False)]), OK)

    def test_ignored(self):
        m, d = self.limited('ignore')
        self.assertEqual(self.request(d, OUT, self.BAD, [(DATA, 512, False)]), OK)
        self.assertEqual(self.on_disk(), self.content)

    def test_stopped_saved_and_gone_on(self):
        m, d = self.limited('stop')
        m.write(DATA, b'A' * 512 + b'B' * 512)
        self.offer(d, OUT, self.BAD, [(DATA, 512, False)])
        m.qmp.event('STOP')
        self.assertEqual((m.qmp('query-status')['status'], d.used_index()), ('io-error', 0))
        self.assertEqual(m.qmp('query-block')[0]['io-status'], 'failed')
        self.offer(d, OUT, self.BAD + 1, [(DATA + 512, 512, False)], head=3, status=STATUS + 1)     # waits too
        m.state_cycle()
        self.assertEqual(d.used_index(), 0)
        resource.prlimit(m.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        m.qmp('cont')
        self.assertEqual({d.take()[0], d.take()[0]}, {0, 3})
        self.assertEqual(m.qmp('query-block')[0]['io-status'], 'ok')
        self.assertEqual([m.readb(STATUS), m.readb(STATUS + 1)], [OK, OK])
        self.assertEqual(self.on_disk(self.BAD, 2), b'A' * 512 + b'B' * 512)

    def test_stopped_and_reset(self):
        m, d = self.limited('stop')
        self.offer(d, OUT, self.BAD, [(DATA, 512, False)])
        m.qmp.event('STOP')
        m.qmp('system_reset')
        m.qmp.event('RESET')
        resource.prlimit(m.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        m.qmp('cont')
        d.start()
        self.assertEqual(self.request(d, IN, self.BAD, [(DATA, 512, True)]), OK)
        self.assertEqual(m.read(DATA, 512), self.content[self.BAD * 512:][:512])


if __name__ == '__main__':
    unittest.main()
