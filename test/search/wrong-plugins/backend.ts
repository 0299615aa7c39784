/** A directory for the plugins of this folder, in the thread of the test: answers are late, changes told at once. */
import { BroadcastChannel } from 'node:worker_threads';
import type { Target } from 'vxlane/search';
import type { Backend, Subject } from 'vxlane/search/testing';

/** To the directory: a question, or a client that asks it to end for everybody. */
export type Asked = { readonly ask: string; readonly mac: string } | { readonly ask: 'end' };
/** From it. */
export type Told =
  | { readonly to: string; readonly target: Target | null }
  | { readonly to: string; readonly trouble: string }
  | { readonly changed: string; readonly target: Target | null };

export const [A, B, C] = ['de:ad:be:ef:00:00', 'de:ad:be:ef:00:01', 'de:ad:be:ef:00:02'] as const;
export const BEFORE: Readonly<Record<string, Target>> = {
  [A]: { ip: '10.88.88.69', port: 4789 },
  [B]: { ip: '10.88.88.70', port: 4790 },
};
const CHANGES: Readonly<Record<string, Target | null>> = {
  [A]: { ip: '10.88.88.71', port: 4789 },
  [B]: null,
  [C]: { ip: '10.88.88.72', port: 4789 },
};
/** An answer says what was true when the question came, and a change overtakes it. */
const LATE_MS = 10;

export const FACTS: Omit<Subject, 'plugin'> = {
  known: BEFORE,
  unknown: 'de:ad:be:ee:00:00',
  owners: { '10.55.55.2': A, '10.55.55.9': null, 'fe80::3': A },
  servers: { [B]: A, [A]: null },
  changes: CHANGES,
  wrong: { 'right/channel': 'nowhere' },
  backend: () => backend(),
};

let count = 0;

/** `waits`: a change happens when a MAC that changes is being asked for, and before that is answered. */
export function backend(waits = false): Backend {
  const name = `vxlane-test-${process.pid}-${count++}`;
  const channel = new BroadcastChannel(name);
  const table = new Map<string, Target>(Object.entries(BEFORE));
  let mode: 'well' | 'hangs' | 'fails' = 'well';
  let isOver = false;
  let asked = () => {};
  const tell = (told: Told) => isOver || channel.postMessage(told);
  channel.onmessage = (event) => {
    const question = (event as { data: Asked }).data;
    if (question.ask === 'end') mode = 'hangs';
    if (mode === 'hangs' || !('mac' in question)) return;
    const to = question.ask;
    const told = mode === 'fails' ? { to, trouble: 'out of order' } : { to, target: table.get(question.mac) ?? null };
    setTimeout(() => tell(told), LATE_MS);
    if (question.mac === A) asked();
  };
  const set = (next: typeof mode) => () => {
    mode = next;
  };
  return {
    properties: { 'right/channel': name },
    async change() {
      if (waits) {
        await new Promise<void>((resolve) => {
          asked = resolve;
        });
      }
      for (const [changed, target] of Object.entries(CHANGES)) {
        if (target === null) table.delete(changed);
        else table.set(changed, target);
        tell({ changed, target });
      }
    },
    hang: set('hangs'),
    fail: set('fails'),
    mend: set('well'),
    close() {
      isOver = true;
      channel.close();
    },
  };
}
