/** Who is asked whether a VTEP is there. Loopback probes are promises here; the echo is the kernel's. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { askersOf, type Sender } from '../../../src/daemon/commands/askers.js';

const PEER = { ip: '127.0.0.9', port: 4789 };

function setUp() {
  const asked: string[] = [];
  const overlays = new Map<string, Sender>();
  const answers: (number | null)[] = [];
  /** What happens while an answer is waited for. */
  const meanwhile = { run: () => {} };
  function add(name: string, socket: number, ip = PEER.ip): void {
    const loopback = {
      async probe() {
        asked.push(name);
        meanwhile.run();
        return { rttMs: answers.shift() ?? null, pathMtu: null, unsent: '' };
      },
    };
    const configuration = { settings: { socket: { listen: { ip: '127.0.0.1', port: 4789, bind: null } } } };
    const remotes = { has: (each: string) => each === ip };
    overlays.set(name, { name, configuration, remotes, attachment: { socket, loopback } } as unknown as Sender);
  }
  return { asked, overlays, answers, meanwhile, add, ...askersOf(overlays) };
}

describe('a VTEP is asked', () => {
  it('by overlays of the socket that sends to it, whatever others send to its address', async () => {
    const { asked, answers, add, ask, isSentTo, overlaysOf } = setUp();
    for (const n of [1, 2, 3, 4, 5]) add(`other${n}`, 1);
    add('elsewhere', 2, '127.0.0.8');
    assert.deepEqual([isSentTo(PEER, 2), overlaysOf(PEER, 2), await ask(PEER, 2)], [false, [], null]);
    add('mine', 2);
    answers.push(1);
    assert.equal((await ask(PEER, 2))?.vtep, true);
    assert.deepEqual([asked, isSentTo(PEER, 2), overlaysOf(PEER, 2)], [['mine'], true, ['mine']]);
  });

  it('in vain where whoever asked is gone before there was an answer', async () => {
    const { overlays, answers, meanwhile, add, ask } = setUp();
    add('a', 1);
    assert.equal((await ask(PEER, 1))?.vtep, false);
    meanwhile.run = () => void overlays.delete('a');
    assert.equal(await ask(PEER, 1), null);
    add('a', 1);
    answers.push(1);
    assert.equal((await ask(PEER, 1))?.vtep, true, 'an answer is one all the same');
    add('a', 1);
    meanwhile.run = () => add('a', 1, '127.0.0.8');
    assert.equal(await ask(PEER, 1), null, 'another one that has its name sends elsewhere');
  });
});
