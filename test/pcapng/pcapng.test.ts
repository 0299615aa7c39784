/** pcapng files: tshark and capinfos read every field that is written, and our own reader too, however they come. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { LINKTYPE_ETHERNET, LINKTYPE_RAW } from '../../src/pcapng/format.js';
import { type Packet, PcapngReader } from '../../src/pcapng/read.js';
import {
  enhancedPacket,
  interfaceDescription,
  interfaceStatistics,
  type PacketToWrite,
  sectionHeader,
} from '../../src/pcapng/write.js';
import { frame } from '../support/frames.js';
import { openDirectory } from '../support/open-directory.js';

const directory = openDirectory('pcapng');
after(() => rmSync(directory, { recursive: true }));

const INTERFACES = [
  interfaceDescription({ linkType: LINKTYPE_ETHERNET, name: 'foo0', description: 'VNIC', snapLength: 262_144 }),
  interfaceDescription({ linkType: LINKTYPE_RAW, name: 'underlay1', description: '10.0.0.1:4789', snapLength: 100 }),
];
const BEGIN = Buffer.concat([sectionHeader('vxlane 1.2.3', 'Linux 6'), ...INTERFACES]);

test('tshark and capinfos read what is written', () => {
  const inner = frame('02:00:00:00:00:01', '02:00:00:00:00:02');
  const packet = {
    interface: 0,
    timeNs: 1_796_000_000_123_456_789n,
    pieces: [inner.subarray(0, 20), inner.subarray(20, 41)], // of an odd length, in pieces
    length: inner.length,
    direction: 'in',
    comment: 'overlay0; dropped: bad_arp: malformed ARP – “so”',
    missing: 7,
  } as const;
  const statistics = { interface: 0, timeNs: packet.timeNs, received: 9, dropped: 8, comment: 'lost' };
  const file = join(directory, 'x.pcapng');
  writeFileSync(
    file,
    Buffer.concat([
      BEGIN,
      enhancedPacket(packet),
      enhancedPacket({ ...packet, direction: 'out', comment: '', missing: 0 }),
      enhancedPacket({ ...packet, direction: 'unknown' }),
      interfaceStatistics(statistics),
      interfaceStatistics({ ...statistics, interface: 1, comment: '' }),
    ]),
  );
  const fields = ['interface_name', 'interface_description', 'time_epoch', 'len', 'cap_len', 'packet_flags_direction'];
  const columns = [...fields, 'comment'].flatMap((field) => ['-e', `frame.${field}`]);
  const options = { encoding: 'utf8', env: { ...process.env, TZ: 'UTC' } } as const;
  const lines = execFileSync('tshark', ['-n', '-r', file, '-T', 'fields', ...columns], options)
    .trim()
    .split('\n');
  const same = ['foo0', 'VNIC', '1796000000.123456789', '60', '41'];
  assert.deepEqual(
    lines.map((line) => line.split('\t')),
    [
      [...same, '0x00000001', packet.comment],
      [...same, '0x00000002'],
      [...same, '0x00000000', packet.comment],
    ].map((cells) => (cells.length === 6 ? [...cells, ''] : cells)),
  );
  const info = execFileSync('capinfos', [file], options);
  for (const said of [/Number of packets: +3/, /vxlane 1\.2\.3/, /Linux 6/, /Name = foo0/, /Encapsulation = Raw IP/]) {
    assert.match(info, said);
  }
  assert.match(info, /Time precision = nanoseconds \(9\)/);
  assert.match(info, /Number of stat entries = 1/);
});

test('the reader has again what was written, in whatever parts it comes', () => {
  const packet: fc.Arbitrary<PacketToWrite> = fc.record({
    interface: fc.constantFrom(0, 1),
    timeNs: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
    pieces: fc.array(fc.uint8Array({ maxLength: 70 }), { maxLength: 3 }),
    length: fc.integer({ min: 0, max: 1 << 20 }),
    direction: fc.constantFrom('in', 'out', 'unknown'),
    comment: fc.string({ unit: 'binary', maxLength: 80 }).map((text) => text.toWellFormed()),
    missing: fc.nat(9),
  });
  fc.assert(
    fc.property(
      fc.array(packet, { maxLength: 20 }),
      fc.infiniteStream(fc.integer({ min: 1, max: 90 })),
      (all, cuts) => {
        const end = interfaceStatistics({ interface: 0, timeNs: 1n, received: 3, dropped: 2, comment: '' });
        const file = Buffer.concat([BEGIN, ...all.map(enhancedPacket), end]);
        const reader = new PcapngReader();
        const read = [];
        for (let at = 0; at < file.length; ) {
          const size = cuts.next().value!;
          read.push(...reader.read(file.subarray(at, at + size)));
          at += size;
        }
        assert.deepEqual(read.pop(), { kind: 'statistics', dropped: 2 });
        assert.deepEqual(
          (read as Packet[]).map(({ bytes, ...rest }) => ({ ...rest, bytes: [...bytes] })),
          all.map(({ interface: number, pieces, timeNs, length, direction, comment }) => ({
            ...{ kind: 'packet', timeNs, length, direction, comment },
            name: ['foo0', 'underlay1'][number],
            description: ['VNIC', '10.0.0.1:4789'][number],
            linkType: [LINKTYPE_ETHERNET, LINKTYPE_RAW][number],
            bytes: [...Buffer.concat(pieces)],
          })),
        );
      },
    ),
  );
});

test('what is no pcapng is refused, and costs no memory', () => {
  assert.throws(() => [...new PcapngReader().read(Buffer.from('HTTP/1.1 200 OK'))], /a pcapng block of \d+ bytes/);
});
