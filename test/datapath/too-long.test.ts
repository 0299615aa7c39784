// The kernel does not take datagrams for their length: the host is told of which endpoint, and old kernels' EINVAL for
// a message does not turn segmentation off.

import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { describe, it } from 'node:test';
import { BUILDS, type Build, Core, type Output, OVERLAY } from '../support/core.js';
import { frame } from '../support/frames.js';

const A = 'de:ad:be:ef:00:00';
const FAR = 'de:ad:be:ef:00:02';
const ENDPOINT = { ip: '10.0.0.1', port: 4789 };
const { EINVAL, EIO, EMSGSIZE } = constants.errno;
const TWENTY = Array.from({ length: 20 }, () => frame(FAR, A, { payload: Buffer.alloc(1000, 7) }));

function setUp(build: Build, config: Parameters<Core['overlay']>[0] = {}) {
  const core = new Core(build);
  const overlay = core.overlay(config);
  const vnic = core.vnic(overlay, A);
  core.remote(overlay, FAR, ENDPOINT);
  return { core, vnic, endpoint: core.endpoints.intern(ENDPOINT, OVERLAY.socket) };
}

for (const build of BUILDS) {
  describe(`datagrams that the kernel finds too long, ${build} build`, () => {
    it('the host is told which endpoint they were for, not more than 100 times a second', () => {
      const { core, vnic, endpoint } = setUp(build);
      core.answerSend = () => EMSGSIZE;
      assert.deepEqual(core.encap(vnic, TWENTY), []);
      assert.deepEqual(core.upcalls(), Array(20).fill({ kind: 'too_long', overlay: 0, endpoint }));
      for (let batch = 0; batch < 20; batch++) core.encap(vnic, TWENTY);
      assert.equal(core.upcalls().length, 80);
      core.nowMs += 100;
      for (let batch = 0; batch < 20; batch++) core.encap(vnic, TWENTY);
      assert.equal(core.upcalls().length, 10);
      assert.deepEqual(core.counters.drops(), { exceeds_pmtu: 820 });
      assert.equal(core.counters.endpoint(endpoint).drops, 820);
      core.checkBooks();
    });

    it('nothing is told of other errors', () => {
      const { core, vnic, endpoint } = setUp(build);
      core.answerSend = () => constants.errno.EPERM;
      core.encap(vnic, TWENTY);
      assert.deepEqual(core.upcalls(), []);
      assert.equal(core.counters.endpoint(endpoint).drops, 20, 'all the same the endpoint has lost them');
    });

    /** The sizes of the messages that the kernel is asked to take. */
    function sends({ core, vnic }: ReturnType<typeof setUp>, answer: (datagrams: number) => number) {
      const asked: number[] = [];
      core.answerSend = (datagrams) => {
        asked.push(datagrams);
        return answer(datagrams);
      };
      const outputs: Output[] = core.encap(vnic, TWENTY);
      core.checkBooks();
      return { asked, sent: outputs.length };
    }
    const alone = Array(20).fill(1);

    it('EINVAL for a message and EMSGSIZE for its datagrams: the next message is cut again', () => {
      const lab = setUp(build, { segment: true });
      const refused = sends(lab, (datagrams) => (datagrams > 1 ? EINVAL : EMSGSIZE));
      assert.deepEqual(refused, { asked: [20, ...alone], sent: 0 });
      assert.deepEqual(lab.core.counters.drops(), { exceeds_pmtu: 20 });
      assert.deepEqual(
        sends(lab, () => 0),
        { asked: [20], sent: 20 },
      );
    });

    it('EINVAL for a message whose datagrams are taken: no message of the socket is cut any more', () => {
      const lab = setUp(build, { segment: true });
      assert.deepEqual(
        sends(lab, (datagrams) => (datagrams > 1 ? EINVAL : 0)),
        { asked: [20, ...alone], sent: 20 },
      );
      assert.deepEqual(
        sends(lab, () => 0),
        { asked: alone, sent: 20 },
      );
    });

    it('EIO: no message of the socket is cut any more, whatever becomes of its datagrams', () => {
      const lab = setUp(build, { segment: true });
      const refused = sends(lab, (datagrams) => (datagrams > 1 ? EIO : EMSGSIZE));
      assert.deepEqual(refused, { asked: [20, ...alone], sent: 0 });
      assert.deepEqual(sends(lab, () => 0).asked, alone);
    });
  });
}
