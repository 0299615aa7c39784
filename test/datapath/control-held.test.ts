// Control messages (O flag) of senders that nobody knows yet: for no VNIC (RFC 8926 section 3.4), whatever waits.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Encap } from '../../src/encapsulations.js';
import { loopbackMessage, vtepMac } from '../../src/oam/loopback.js';
import { BUILDS, type Build, Core } from '../support/core.js';
import { frame } from '../support/frames.js';

const HERE = 'de:ad:be:ef:00:00';
const PEER = { ip: '10.88.88.71', port: 4790 };

const behind = (header: string, inner: Uint8Array): Buffer => Buffer.concat([Buffer.from(header, 'hex'), inner]);

function setUp(build: Build, encap: Encap, sourceCheck: 'vtep' | 'fdb') {
  const core = new Core(build);
  const sources = [[{ withChecksum: 3, withoutChecksum: 3 }]];
  const socket = core.tables.addSocket({ encap, listeners: [4], sources });
  const overlay = core.overlay({ vni: 0x80_0015, socket, lookup: true, sourceCheck });
  return { core, socket, overlay, vnic: core.vnic(overlay, HERE) };
}

for (const build of BUILDS) {
  describe(`control messages of unknown senders, ${build} build`, () => {
    const SENDER = vtepMac('192.0.2.9');
    const question = loopbackMessage('192.0.2.1', { ip: '192.0.2.9', port: 6081 }, 7, 100, Buffer.alloc(16));
    const kinds: [Encap, usual: string, control: string][] = [
      ['geneve', '0000655880001500', '0080655880001500'],
      ['vxlan-gpe', '0c00000380001500', '0d00000380001500'],
    ];
    for (const [encap, usual, control] of kinds) {
      for (const sourceCheck of ['vtep', 'fdb'] as const) {
        it(`${encap}, source-check=${sourceCheck}: no VNIC gets one that would have waited, and the host does`, () => {
          const { core, socket, overlay, vnic } = setUp(build, encap, sourceCheck);
          const hear = (header: string, inner: Uint8Array) =>
            assert.deepEqual(core.decap([behind(header, inner)], { socket, from: PEER.ip }), []);
          const inner = frame(HERE, SENDER);
          hear(control, inner);
          assert.deepEqual([core.upcalls(), core.counters.totals().held], [[], 0], 'nobody is asked for it');
          hear(usual, inner);
          hear(control, inner);
          hear(control, question); // behind those of the same MAC that wait
          assert.equal(core.counters.totals().held, 2);
          core.upcalls();
          core.remote(overlay, SENDER, PEER);
          assert.deepEqual(core.turn(), [{ vnic, frame: inner }]);
          assert.deepEqual(
            core.upcalls().map(({ kind }) => kind),
            ['loopback'],
          );
          assert.deepEqual(core.counters.drops(), { oam_refused: 2 });
          core.checkBooks();
        });
      }
    }
  });
}
