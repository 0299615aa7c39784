/** What one case works with: a backend of its own, and instances that are all stopped at its end. */
import { fileURLToPath } from 'node:url';
import { type Encap, hasPorts, withPort } from '../../encapsulations.js';
import { type FoundPlugin, findPlugin } from '../find.js';
import { Deadlines } from '../host/deadlines.js';
import { parseProperties } from '../props.js';
import { Complaint, expectDone } from './complaint.js';
import { Lone } from './lone.js';
import { overlayOf } from './query.js';
import { Running } from './running.js';
import type { Backend, Subject } from './subject.js';

const NOTICE_MS = 10_000;

/** Throws why there is no such plugin. */
export async function find({ plugin, isolation = 'process' }: Subject): Promise<FoundPlugin> {
  const reference = plugin instanceof URL ? fileURLToPath(plugin) : plugin;
  const deadlines = new Deadlines(() => performance.now());
  const timer = setInterval(() => deadlines.tick(performance.now()), 100);
  try {
    return await findPlugin(reference, isolation, deadlines);
  } finally {
    clearInterval(timer);
  }
}

export class Bench {
  readonly subject: Subject;
  readonly found: FoundPlugin;
  readonly backend: Backend;
  readonly #instances: { stop(): Promise<void> }[] = [];

  private constructor(subject: Subject, found: FoundPlugin, backend: Backend) {
    this.subject = subject;
    this.found = found;
    this.backend = backend;
  }

  static async open(subject: Subject, found: FoundPlugin): Promise<Bench> {
    return new Bench(subject, found, await subject.backend());
  }

  get noticeMs(): number {
    return this.subject.noticeMs ?? NOTICE_MS;
  }

  /** The backend's properties, and these instead, as the daemon would hand them over. */
  values(instead: Readonly<Record<string, string>> = {}, encap: Encap = 'vxlan') {
    const { properties } = this.found.manifest;
    const specs = properties.flatMap((spec) => withPort(encap, spec));
    const given = Object.entries({ ...this.backend.properties, ...instead });
    const isOf = (name: string) =>
      hasPorts(encap) || !properties.some((spec) => spec.isTunnelPort && spec.name === name);
    return parseProperties(specs, Object.fromEntries(given.filter(([name]) => isOf(name))));
  }

  /** An instance that has not been started. */
  make(instead: Readonly<Record<string, string>> = {}, encap: Encap = 'vxlan'): Running {
    const running = new Running(this.found, this.values(instead, encap), this.subject, encap);
    this.#instances.push(running);
    return running;
  }

  async start(encap: Encap = 'vxlan'): Promise<Running> {
    const running = this.make({}, encap);
    await expectDone('start', running.host.start());
    return running;
  }

  /** An instance without a host. */
  lone(): Lone {
    const lone = new Lone(this.found.location, this.values(), overlayOf('vxlan', this.subject.family));
    this.#instances.push(lone);
    return lone;
  }

  async mend(): Promise<void> {
    if (this.backend.mend === undefined) throw new Complaint('the backend that hangs or fails has no mend()');
    await this.backend.mend();
  }

  async close(): Promise<void> {
    await Promise.all(this.#instances.map((each) => each.stop()));
    await this.backend.close?.();
  }
}
