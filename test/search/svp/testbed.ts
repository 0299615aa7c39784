/** An instance of the plugin, whose clock and names a test makes up; the sockets and the lines are real. */
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { REAL_ENVIRONMENT, type SvpEnvironment } from '../../../src/search/plugins/svp/environment.js';
import { SvpInstance } from '../../../src/search/plugins/svp/svp.js';
import { TestClock } from '../../support/clock.js';
import { type RecordingContext, recordingContext } from '../context.js';

export class Testbed extends TestClock implements SvpEnvironment {
  /** What the name resolves to, or why it does not. */
  addresses: string[] | Error = ['127.0.0.1'];
  /** Every attempt to connect: `0 127.0.0.1`, `1000 127.0.0.1`. */
  readonly attempts: string[] = [];
  chance = 0.5;
  line = REAL_ENVIRONMENT.line;

  random = () => this.chance;

  async resolve(): Promise<string[]> {
    if (this.addresses instanceof Error) throw this.addresses;
    return this.addresses;
  }

  connect(ip: string, port: number) {
    this.attempts.push(`${this.now} ${ip}`);
    return REAL_ENVIRONMENT.connect(ip, port);
  }

  /** {@link TestClock.pass}; between two moments, what the sockets have to say. */
  override async pass(ms: number, settle: () => Promise<unknown> = io): Promise<void> {
    await super.pass(ms, settle);
    await io();
  }
}

/** A few rounds of whatever loopback sockets have under way. */
async function io(): Promise<void> {
  for (let round = 0; round < 10; round++) await setImmediate();
  await sleep(2);
  for (let round = 0; round < 10; round++) await setImmediate();
}

export interface Client {
  readonly testbed: Testbed;
  readonly context: RecordingContext;
  readonly instance: SvpInstance;
  /** Why each connection broke, oldest first. */
  readonly breaks: readonly string[];
}

/** An instance that is not started yet. */
export function client(
  port: number,
  vni = 23,
  host = 'svp.test',
  underlayIp = '10.88.88.69',
  testbed = new Testbed(),
): Client {
  const breaks: string[] = [];
  const recording = recordingContext();
  const info = (message: string, fields?: object) => {
    recording.logged.push(`info ${message}`);
    if (fields !== undefined && 'reason' in fields) breaks.push(String(fields.reason));
  };
  const context = { ...recording, vni, log: { ...recording.log, info } };
  const values = { 'svp/host': host, 'svp/port': port, 'svp/underlay_ip': underlayIp };
  return { testbed, context, instance: new SvpInstance(context, values, testbed), breaks };
}
