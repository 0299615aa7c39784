/**
 * An instance in a thread that nothing keeps but the plugin itself, so that what it leaves behind shows; and without
 * the host, which would settle every question by itself. Asked directly, in any order.
 */
import { Worker } from 'node:worker_threads';
import type { PropertyValue } from '../api.js';
import type { AboutOverlay, PluginLocation, QuestionName, Said } from '../host/messages.js';
import { wordsOf } from '../host/words.js';
import { Complaint } from './complaint.js';

/** To the thread: put this question to the instance, or nothing more will come. */
export type LoneMessage =
  | { readonly kind: 'ask'; readonly id: number; readonly question: QuestionName; readonly args: readonly unknown[] }
  | { readonly kind: 'finish' };

/** From the thread: what the instance says; or what is still there a while after `finish`. */
export type LoneSaid = Said | { readonly kind: 'left'; readonly resources: readonly string[] };

export interface LoneStart {
  readonly location: PluginLocation;
  readonly leftAfterMs: number;
}

/** A thread that has not ended by itself this long after `finish` is asked why. */
const LEFT_AFTER_MS = 1000;

interface Asked {
  resolve(value: unknown): void;
  reject(reason: Error): void;
}

export class Lone {
  readonly #worker: Worker;
  readonly #asked = new Map<number, Asked>();
  readonly #values: Readonly<Record<string, PropertyValue>>;
  readonly #overlay: AboutOverlay;
  readonly #ended: Promise<string | null>;
  /** What keeps the thread after `finish`; of a thread that ends, nothing. */
  #left: readonly string[] | null = null;
  #nextId = 0;

  constructor(location: PluginLocation, values: Readonly<Record<string, PropertyValue>>, overlay: AboutOverlay) {
    this.#values = values;
    this.#overlay = overlay;
    const workerData: LoneStart = { location, leftAfterMs: LEFT_AFTER_MS };
    this.#worker = new Worker(new URL('./lone-entry.js', import.meta.url), { workerData, stdout: true, stderr: true });
    this.#worker.on('message', (said: LoneSaid) => this.#heard(said));
    this.#ended = new Promise((resolve) => {
      this.#worker.once('error', (thrown) => resolve(`the plugin threw ${wordsOf(thrown)}`));
      this.#worker.once('exit', (code) =>
        resolve(code === 0 ? null : `the plugin ended its thread: exit code ${code}`),
      );
    });
    void this.#ended.then((reason) => {
      for (const { reject } of this.#asked.values()) reject(new Complaint(reason ?? 'the plugin ended its thread'));
    });
  }

  create(): Promise<unknown> {
    return this.ask('create', [this.#overlay, this.#values]);
  }

  /** As the instance answers or fails. */
  ask(question: QuestionName, args: readonly unknown[] = []): Promise<unknown> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#asked.set(id, { resolve, reject });
      this.#send({ kind: 'ask', id, question, args });
    });
  }

  /** What keeps the thread although nothing more will come; null: it has ended by itself, as it should. */
  async finish(): Promise<readonly string[] | null> {
    this.#send({ kind: 'finish' });
    const reason = await this.#ended;
    if (this.#left === null && reason !== null) throw new Complaint(reason);
    return this.#left;
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }

  #send(message: LoneMessage): void {
    this.#worker.postMessage(message);
  }

  #heard(said: LoneSaid): void {
    if (said.kind === 'answer') this.#asked.get(said.id)?.resolve(said.value);
    else if (said.kind === 'fault') this.#asked.get(said.id)?.reject(new Error(said.words));
    else if (said.kind === 'left') {
      this.#left = said.resources;
      void this.#worker.terminate();
    }
    if (said.kind === 'answer' || said.kind === 'fault') this.#asked.delete(said.id);
  }
}
