/** Flows of numbered datagrams that run beside whatever a test does, and must lose nothing by it: see steady.ts. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Running } from '../../src/demo/processes.js';
import type { Steadiness, SteadyTask } from './steady.js';
import type { Host } from './support.js';

const PROGRAM = fileURLToPath(new URL('./steady.js', import.meta.url));
const PORT = 7100;
const EVERY_MS = 10;
/** Longer than a datagram takes, held for an answer or not. */
const DRAIN_MS = 500;

export interface Flow {
  readonly name: string;
  /** Where its datagrams go. */
  readonly address: string;
}

export class SteadyFlows {
  readonly #flows: readonly Flow[];
  readonly #sender: Running;
  readonly #receiver: Running;

  private constructor(flows: readonly Flow[], sender: Running, receiver: Running) {
    this.#flows = flows;
    this.#sender = sender;
    this.#receiver = receiver;
  }

  /** All addresses are those of `to`. Resolves when every flow arrives: its destination is known from now on. */
  static async start(from: Host, to: Host, flows: readonly Flow[]): Promise<SteadyFlows> {
    const addresses = flows.map(({ address }) => address);
    const running = async (host: Host, role: SteadyTask['role']) => {
      const task: SteadyTask = { role, addresses, port: PORT, everyMs: EVERY_MS };
      const program = host.spawn([process.execPath, PROGRAM, JSON.stringify(task)]);
      await program.printed(/ready/);
      return program;
    };
    const receiver = await running(to, 'receive');
    const sender = await running(from, 'send');
    await receiver.printed(/all flow/);
    return new SteadyFlows(flows, sender, receiver);
  }

  /** Ends them: every datagram must have arrived once and in order. Answers how many a flow. */
  async end(): Promise<number> {
    const sent = await ended(this.#sender);
    await sleep(DRAIN_MS);
    const received = await ended(this.#receiver);
    const wrong = this.#flows.flatMap(({ name }, flow) => {
      const isGood = received.count[flow] === sent.count[flow] && received.outOfOrder[flow]?.length === 0;
      return isGood
        ? []
        : [{ name, sent: sent.count[flow], received: received.count[flow], gaps: received.outOfOrder[flow] }];
    });
    assert.deepEqual(wrong, []);
    return Math.min(...sent.count);
  }
}

async function ended(program: Running): Promise<Steadiness> {
  const { code, stdout, stderr } = await program.stop();
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout.trim().split('\n').at(-1) as string) as Steadiness;
}
