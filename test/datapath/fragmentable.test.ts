// Datagrams that may be fragmented (vxlan/df): which they are, and that what does not fit its path leaves all the same.

import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { describe, it } from 'node:test';
import { DEFAULT_OUTER, type OuterHeader } from '../../src/outer-header.js';
import { BUILDS, type Core, type Output, OVERLAY } from '../support/core.js';
import { payloadOf } from '../support/flows.js';
import { BROADCAST, datagram, frame } from '../support/frames.js';
import { FRAGMENTABLE } from '../support/outputs.js';
import { buildFrame, type Flow, headerLengthOf, l3Of, segmentsOf, TCP, vnetOf } from '../support/super-frames.js';
import { A, ENDPOINT, expectedAnswer, FAR, FLOW4, FLOW6, INNER, MTU, packetOf, setUp } from './too-big-frames.js';

const { EINVAL, EIO, EMSGSIZE } = constants.errno;
const WITHOUT_DF: Flow = { ...FLOW4, df: false };
const NOT_IP = frame(FAR, A, { payload: Buffer.alloc(INNER + 1) });
const tcp = (flow: Flow): Flow => ({ ...flow, protocol: TCP });

for (const build of BUILDS) {
  const host = (df: OuterHeader['df'], mtu: number | null = MTU, config: Parameters<Core['overlay']>[0] = {}) => {
    const lab = setUp(build, mtu, { outer: { ...DEFAULT_OUTER, df }, ...config });
    lab.core.tables.setFragmentable(OVERLAY.socket, [[FRAGMENTABLE]]);
    /** How many datagrams the kernel is given in each send. */
    const sends: number[] = [];
    lab.core.answerSend = (datagrams) => {
      sends.push(datagrams);
      return 0;
    };
    return { ...lab, sends };
  };
  const fragmentable = (outputs: readonly Output[]) =>
    outputs.map((one) => ('to' in one ? one.fragmentable === true : 'VNIC'));

  describe(`datagrams that may be fragmented, ${build} build`, () => {
    const tag = { tags: [0x8100_0005] };
    const KINDS: readonly (readonly [string, Uint8Array, OuterHeader['df'] | 'never'])[] = [
      ['IPv4 with DF', packetOf(FLOW4, 100), 'unset'],
      ['IPv4 without DF', packetOf(WITHOUT_DF, 100), 'inherit'],
      ['IPv4 with DF, tagged', packetOf({ ...FLOW4, ...tag }, 100), 'unset'],
      ['IPv4 without DF, tagged', packetOf({ ...WITHOUT_DF, ...tag }, 100), 'inherit'],
      ['IPv6', packetOf(FLOW6, 100), 'unset'],
      ['what is not IP', frame(FAR, A), 'inherit'],
    ];
    for (const [name, sent, least] of KINDS) {
      it(`${name} is one ${least === 'unset' ? 'with df=unset alone' : 'with df=unset and df=inherit'}`, () => {
        for (const df of ['set', 'unset', 'inherit'] as const) {
          const { core, vnic } = host(df);
          const is = df === 'unset' || df === least;
          assert.deepEqual(fragmentable(core.encap(vnic, [sent])), [is], df);
        }
      });
    }

    it('which they are may change while the overlay runs', () => {
      const { core, overlay, vnic } = host('set');
      for (const df of ['unset', 'set'] as const) {
        core.setOverlay(overlay, { outer: { ...DEFAULT_OUTER, df } });
        assert.deepEqual(fragmentable(core.encap(vnic, [packetOf(FLOW4, 100)])), [df === 'unset']);
      }
    });

    it('leave whatever their length is, and nobody is told that they are too big', () => {
      const { core, vnic } = host('unset');
      const frames = [packetOf(FLOW4, INNER + 1), packetOf(WITHOUT_DF, 2000), packetOf(FLOW6, 2000), NOT_IP];
      const outputs = core.encap(vnic, frames);
      assert.deepEqual(
        outputs,
        frames.map((sent) => ({
          to: '10.0.0.2:4789',
          datagram: datagram(23, Buffer.from(sent)),
          fragmentable: true,
        })),
      );
      assert.deepEqual(core.counters.drops(), {});
      assert.equal(core.counters.totals().tooBigAnswers, 0);
      core.checkBooks();
    });

    it('with df=inherit, what has DF inside is dropped when it does not fit, and its sender told', () => {
      const { core, vnic } = host('inherit');
      for (const flow of [FLOW4, FLOW6]) {
        const tooBig = packetOf(flow, INNER + 1);
        assert.deepEqual(core.encap(vnic, [tooBig]), [{ vnic, frame: expectedAnswer(tooBig, flow, INNER) }]);
      }
      assert.deepEqual(core.counters.drops(), { exceeds_pmtu: 2 });
      assert.deepEqual(fragmentable(core.encap(vnic, [packetOf(WITHOUT_DF, INNER + 1), NOT_IP])), [true, true]);
      core.checkBooks();
    });

    it('share no send when they do not fit, for the kernel makes no fragments of such', () => {
      const { core, vnic, sends } = host('unset', MTU, { segment: true });
      const [big, fits] = [packetOf(WITHOUT_DF, INNER + 1), packetOf(WITHOUT_DF, INNER)];
      const outputs = core.encap(vnic, [fits, fits, big, big, big, fits, fits, fits]);
      assert.deepEqual(sends, [2, 1, 1, 1, 1, 2], 'a shorter one has ended the chain of the three');
      assert.deepEqual(
        outputs.map((one) => 'to' in one && one.datagram.length - 8 - 14),
        [INNER, INNER, INNER + 1, INNER + 1, INNER + 1, INNER, INNER, INNER],
      );
      core.checkBooks();
    });

    it('of a super-frame leave one by one when they do not fit, and together when they do', () => {
      for (const flow of [tcp(WITHOUT_DF), WITHOUT_DF]) {
        const { core, vnic, sends } = host('unset', MTU, { segment: true });
        const most = INNER - (headerLengthOf(flow) - l3Of(flow));
        for (const [size, expected] of [
          [most + 1, [1, 1, 1]],
          [most, [3]],
        ] as const) {
          const payload = payloadOf(2 * size + 100, 1);
          const outputs = core.encap(vnic, [buildFrame(flow, payload, true)], [vnetOf(flow, size)]);
          assert.deepEqual(
            outputs.map((one) => 'to' in one && Uint8Array.from(one.datagram.subarray(8))),
            segmentsOf(flow, payload, size),
          );
          assert.deepEqual(sends.splice(0), expected);
        }
        core.checkBooks();
      }
    });

    it('are flooded to every endpoint, whatever each path takes', () => {
      const { core, overlay, vnic } = host('unset');
      const other = { ip: '10.0.0.3', port: 4789 };
      core.setOverlay(overlay, {
        outer: { ...DEFAULT_OUTER, df: 'unset' },
        flood: { endpoints: [ENDPOINT, other], unknown: true },
      });
      const sent = frame(BROADCAST, A, { payload: Buffer.alloc(INNER + 1) });
      assert.deepEqual(fragmentable(core.encap(vnic, [sent])), [true, true]);
      core.checkBooks();
    });

    for (const [name, errno] of Object.entries({ EMSGSIZE, EINVAL })) {
      it(`leave one by one after ${name} for a message, and messages are cut again after that`, () => {
        const { core, vnic, sends } = host('unset', null, { segment: true });
        const index = core.endpoints.intern(ENDPOINT, OVERLAY.socket);
        core.answerSend = (datagrams) => {
          sends.push(datagrams);
          return datagrams > 1 ? errno : 0;
        };
        const frames = Array.from({ length: 5 }, () => packetOf(FLOW4, 1500));
        assert.equal(core.encap(vnic, frames).length, 5);
        assert.deepEqual(sends.splice(0), [5, 1, 1, 1, 1, 1]);
        assert.deepEqual(core.upcalls(), [{ kind: 'too_long', overlay: 0, endpoint: index }]);
        core.answerSend = (datagrams) => {
          sends.push(datagrams);
          return 0;
        };
        assert.equal(core.encap(vnic, frames).length, 5);
        assert.deepEqual(sends, [5]);
        assert.deepEqual(core.counters.drops(), {});
        core.checkBooks();
      });
    }

    it('leave one by one for good after EIO for a message', () => {
      const { core, vnic, sends } = host('unset', null, { segment: true });
      core.answerSend = (datagrams) => {
        sends.push(datagrams);
        return datagrams > 1 ? EIO : 0;
      };
      const frames = [1, 2].map(() => packetOf(FLOW4, 1500));
      for (let round = 0; round < 2; round++) assert.equal(core.encap(vnic, frames).length, 2);
      assert.deepEqual(sends, [2, 1, 1, 1, 1]);
    });

    it('EMSGSIZE for a message with DF is its loss, beside others that may be fragmented', () => {
      const { core, vnic, sends } = host('inherit', null, { segment: true });
      core.answerSend = (datagrams) => {
        sends.push(datagrams);
        return datagrams > 1 ? EMSGSIZE : 0;
      };
      const outputs = core.encap(
        vnic,
        [FLOW4, FLOW4, WITHOUT_DF, WITHOUT_DF].map((flow) => packetOf(flow, 1500)),
      );
      assert.deepEqual(sends, [2, 2, 1, 1]);
      assert.deepEqual(fragmentable(outputs), [true, true]);
      assert.deepEqual(core.counters.drops(), { exceeds_pmtu: 2 });
      core.checkBooks();
    });
  });
}
