/** The pcapng file of a capture, read back: what each frame was taken by. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Names } from '../../../src/daemon/capture/names.js';
import { Session } from '../../../src/daemon/capture/session.js';
import type { CapturedFrame } from '../../../src/datapath/capture-types.js';
import type { Datapath } from '../../../src/datapath/datapath.js';
import type { Encap } from '../../../src/encapsulations.js';
import { PcapngReader } from '../../../src/pcapng/read.js';
import { frame } from '../../support/frames.js';

const LISTEN = { ip: '10.0.0.1', port: 5001 };
const BYTES = frame('02:00:00:00:00:01', '02:00:00:00:00:02');
const ALL = { overlay: null, vnic: null, mac: null, ip: null, reasons: [], snapLength: 262_144 };

/** Sent by the socket of number 1. */
function sentBy(encap: Encap): CapturedFrame {
  return {
    ...{ point: 'to_underlay', timeNs: 0n, overlay: 1, vnic: 1, frames: 1, length: BYTES.length, bytes: BYTES },
    ...{ reason: null, verdict: 'none', outputs: 0, to: null },
    underlay: {
      ...{ socket: 1, listen: LISTEN, encap, sourcePort: 5001, peer: { ip: '10.0.0.2', port: 5001 } },
      ...{ tos: 0, ttl: 64, mayBeFragmented: false, cameInFragments: false, vxlanHeader: Buffer.alloc(8) },
    },
  };
}

test('a socket that has the number of one that is gone is another interface', async () => {
  let take = (_frame: CapturedFrame): void => {};
  const datapath = {
    capture(_filter: unknown, taker: typeof take) {
      take = taker;
      return { lost: () => 0, close: async () => {} };
    },
  } as unknown as Datapath;
  const names = { comment: () => '' } as unknown as Names;
  const file: Uint8Array[] = [];
  const sink = { hasRoom: () => true, write: (block: Uint8Array) => void file.push(block), end() {} };
  const session = new Session(datapath, names, ALL, null, sink, () => {});
  const encaps = ['geneve', 'vxlan', 'vxlan'] as const;
  for (const encap of encaps) take(sentBy(encap));
  await session.end();
  const blocks = [...new PcapngReader().read(Buffer.concat(file))];
  assert.deepEqual(
    blocks.flatMap((block) => (block.kind === 'packet' ? [`${block.name}: ${block.description}`] : [])),
    encaps.map((encap) => `underlay1: underlay socket, 10.0.0.1:5001, ${encap}`),
  );
  assert.equal(blocks.filter(({ kind }) => kind === 'statistics').length, 2);
});
