/** Who is answered and which replies count, without a datapath: frames go to a list. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Endpoint, formatEndpoint } from '../../../src/address.js';
import { VtepLoopback } from '../../../src/daemon/oam/loopback.js';
import type { LoopbackUpcall } from '../../../src/datapath/types.js';
import { loopbackMessage, loopbackReply, readLoopback, vtepMac } from '../../../src/oam/loopback.js';

const HERE = { ip: '10.0.0.1', port: 4789 };
const PEER = { ip: '10.0.0.2', port: 4790 };

function setUp() {
  const sent: { to: Endpoint; frame: Uint8Array }[] = [];
  const ends: string[] = [];
  const state = { answers: true, nowMs: 1000, hasRoom: true, isStirred: false, source: HERE.ip as string | null };
  const known: string[] = [];
  const loopback = new VtepLoopback({
    datapath: {
      tunnel: (_overlay, to, frame) => (state.hasRoom ? sent.push({ to, frame }) : 0),
      knows: (_overlay, endpoint) => known.includes(formatEndpoint(endpoint)),
      pathMtuTo: () => 1400,
      countDrop: (_overlay, reason) => void ends.push(reason),
      countAnswered: () => void ends.push('answered'),
    },
    overlay: 1,
    listen: HERE,
    sourceTo: () => state.source,
    answers: () => state.answers,
    stir: () => {
      state.isStirred = true;
    },
    now: () => state.nowMs,
  });
  const come = (frame: Uint8Array, ip = PEER.ip) => {
    loopback.handle({ kind: 'loopback', overlay: 1, vnic: 0, ip, frame } satisfies LoopbackUpcall);
    return ends.at(-1);
  };
  return { loopback, sent, state, known, come };
}

const message = (transaction = 7, size = 64) =>
  loopbackMessage(HERE.ip, PEER, transaction, size, Uint8Array.from([transaction]));

describe('a VTEP that is asked', () => {
  it('answers where the question came from, at the port that it names, with as many bytes', () => {
    const { sent, come } = setUp();
    assert.equal(come(message(7, 1400), '10.9.9.9'), 'answered');
    assert.deepEqual(sent, [{ to: { ip: '10.9.9.9', port: PEER.port }, frame: loopbackReply(message(7, 1400)) }]);
  });

  it('does not where it is off, of what is no loopback, or when the ring is full', () => {
    const { sent, state, come } = setUp();
    assert.equal(come(message().slice(0, 30)), 'oam_refused');
    state.answers = false;
    assert.equal(come(message()), 'oam_refused');
    state.answers = true;
    state.hasRoom = false;
    assert.equal(come(message()), 'inject_ring_full');
    assert.equal(sent.length, 0);
  });

  it('answers a peer 100 times at once and 100 times a second, and all of them 500 times', () => {
    const { state, come } = setUp();
    const answered = (count: number, ip: (n: number) => string) =>
      Array.from({ length: count }, (_, n) => come(message(), ip(n))).filter((end) => end === 'answered').length;
    assert.equal(
      answered(150, () => PEER.ip),
      100,
    );
    assert.equal(come(message()), 'oam_limited');
    assert.equal(
      answered(1000, (n) => `10.1.${n >> 8}.${n & 255}`),
      400,
    );
    state.nowMs += 100;
    assert.equal(
      answered(50, () => PEER.ip),
      10,
    );
    assert.equal(
      answered(3000, (n) => `10.2.${n >> 8}.${n & 255}`),
      40,
      'what the overlay has left, though each is another peer',
    );
  });
});

describe('a VTEP that is asked for what it is not', () => {
  it('discards what is for the MAC of another', () => {
    const { sent, state, come } = setUp();
    const other = loopbackMessage('10.0.0.9', PEER, 7, 64, Uint8Array.from([7]));
    assert.equal(come(other), 'oam_refused');
    state.source = null;
    assert.equal(come(message()), 'oam_refused', 'it has no address towards that one');
    assert.equal(sent.length, 0);
  });

  it('answers a peer at a port that it sends to, else at one a minute, else at its own', () => {
    const { sent, state, known, come } = setUp();
    const asked = (port: number, ip = PEER.ip) => {
      come(loopbackMessage(HERE.ip, { ip: PEER.ip, port }, 7, 64, Uint8Array.from([7])), ip);
      return sent.at(-1)?.to.port;
    };
    assert.deepEqual([asked(5000), asked(5001), asked(5002)], [5000, 5000, 5000]);
    known.push(`${PEER.ip}:5001`);
    assert.equal(asked(5001), 5001);
    state.nowMs += 60_000;
    assert.equal(asked(5002), 5002);
    for (let n = 0; n < 2000; n++) {
      state.nowMs += 2;
      asked(6000, `10.3.${n >> 8}.${n & 255}`);
    }
    assert.equal(asked(6000, '10.4.0.1'), HERE.port);
  });
});

describe('a VTEP that asks', () => {
  it('on every address does so from the one that it is reached by, and not where there is none', async () => {
    const { loopback, sent, state } = setUp();
    state.source = '10.0.0.5';
    void loopback.probe(PEER, 64, 1000);
    const read = readLoopback(sent[0]!.frame);
    assert.deepEqual([read?.source, read?.sender], [vtepMac('10.0.0.5'), { ip: '10.0.0.5', port: HERE.port }]);
    state.source = null;
    assert.deepEqual(await loopback.probe(PEER, 64, 1000), { rttMs: null, pathMtu: null, unsent: 'there is no route' });
    loopback.close();
  });

  it('takes the reply to an open question once, and from whom it asked alone', async () => {
    const { loopback, sent, state, come } = setUp();
    const asked = loopback.probe(PEER, 64, 1000);
    assert.deepEqual([state.isStirred, loopback.isAtRest], [true, false]);
    const { to, frame } = sent[0]!;
    assert.deepEqual(to, PEER);
    assert.deepEqual(readLoopback(frame)?.sender, HERE);
    const reply = loopbackReply(frame);
    const other = reply.slice();
    other[other.length - 2]! ^= 1;
    const short = loopbackReply(frame.slice(0, -1));
    assert.equal(come(reply, '10.0.0.3'), 'oam_refused', 'another address');
    assert.equal(come(other), 'oam_refused', 'another byte');
    assert.equal(come(short), 'oam_refused', 'a byte less');
    assert.equal(come(loopbackReply(message())), 'oam_refused', 'another transaction');
    state.nowMs += 3;
    assert.equal(come(reply), 'answered');
    assert.deepEqual(await asked, { rttMs: 3, pathMtu: 1400, unsent: '' });
    assert.equal(come(reply), 'oam_refused', 'a second time');
    assert.ok(loopback.isAtRest);
  });

  it('gives up in time, when the overlay goes, and when nothing can be sent', async () => {
    const { loopback, sent, state, come } = setUp();
    const asked = loopback.probe(PEER, 64, 1000);
    const second = loopback.probe(PEER, 64, 9000);
    loopback.tick(1999);
    loopback.tick(2000);
    assert.equal((await asked).rttMs, null);
    assert.equal(come(loopbackReply(sent[0]!.frame)), 'oam_refused', 'too late');
    loopback.close();
    assert.equal((await second).rttMs, null);
    state.hasRoom = false;
    assert.match((await loopback.probe(PEER, 64, 1000)).unsent, /did not keep up/);
    assert.notEqual(readLoopback(sent[0]!.frame)?.transaction, readLoopback(sent[1]!.frame)?.transaction);
  });
});
