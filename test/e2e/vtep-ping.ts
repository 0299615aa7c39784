/** `vxlane ping` in tests: a busy machine is given time to answer. */
import assert from 'node:assert/strict';
import type { Host } from './support.js';

export interface Pinged {
  readonly mtu: number;
  readonly vteps: readonly {
    readonly endpoint: string;
    readonly found: string;
    readonly sent: number;
    readonly answered: number;
    readonly rttMs: { min: number; avg: number; max: number } | null;
    readonly largest: number | null;
    readonly pathMtu: number | null;
    readonly echo: { rttMs: number | null; reason: string } | null;
  }[];
}

/** Of one question and nothing else. */
export const QUICK = ['-c', '1', '--sweep', 'off'] as const;
/** The same, of one that will not answer. */
export const SILENT = [...QUICK, '-W', '0.3'] as const;

/** Exit status and what was printed. */
export async function ping(
  host: Host,
  overlay: string,
  ...args: string[]
): Promise<[code: number | null, stdout: string, stderr: string]> {
  const patience = args.includes('-W') ? [] : ['-W', '5'];
  const { code, stdout, stderr } = await host.tryVxlane('ping', overlay, '-i', '0', ...patience, ...args);
  return [code, stdout, stderr];
}

export async function pingJson(
  host: Host,
  overlay: string,
  ...args: string[]
): Promise<[code: number | null, view: Pinged]> {
  const [code, stdout, stderr] = await ping(host, overlay, '--json', ...args);
  assert.equal(stderr, '');
  return [code, JSON.parse(stdout) as Pinged];
}

/** VTEPs that `to` means (`--all`: all) are these, and each answers. */
export async function vtepsAnswer(host: Host, overlay: string, to: string, expected: readonly string[]): Promise<void> {
  const [code, { vteps }] = await pingJson(host, overlay, to, ...QUICK);
  const found = vteps.map(({ endpoint, answered }) => `${endpoint} ${answered}`);
  assert.deepEqual([code, found], [0, expected.map((endpoint) => `${endpoint} 1`)], to);
}

/** The VTEP that `to` means is the kernel's, which does not answer, and its host does. */
export async function hostAnswersAlone(host: Host, overlay: string, to: string, endpoint: string): Promise<void> {
  const [code, { vteps }] = await pingJson(host, overlay, to, ...SILENT);
  const [vtep] = vteps;
  assert.deepEqual([code, vtep?.endpoint, vtep?.answered], [1, endpoint, 0], to);
  assert.ok((vtep!.echo?.rttMs ?? -1) >= 0, vtep!.echo?.reason);
}
