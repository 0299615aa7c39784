/** What the daemon says of itself, by its control socket. */
import type { OverlayView } from '../../control/protocol.js';
import { openStream } from '../../control/request.js';
import { examine } from '../../doctor/examine.js';
import { diagnosisText } from '../../doctor/text.js';
import { jsonPart, type Part } from '../part.js';
import type { Redactor } from '../redactor.js';
import type { Place } from './place.js';

/** Of each overlay: its FDB may have a million. */
const TARGETS_COUNTED = 1000;
const METRICS_PATIENCE_MS = 10_000;
const DOCTOR_SECONDS = 2;

export function daemonParts({ client, socket, silence, ...place }: Place, redactor: Redactor): Part[] {
  const stateDir = 'value' in place.stateDir ? place.stateDir.value : null;
  const shown = (name: string, what: string, ask: () => Promise<unknown>) =>
    jsonPart(name, what, async () => redactor.object(await ask(), false));
  // One look for all three files: it takes a few seconds.
  let looked: ReturnType<typeof examine> | null = null;
  const look = () => {
    looked ??= examine({ client, socket, overlay: null, stateDir, seconds: DOCTOR_SECONDS });
    return looked;
  };
  const plain = (_: unknown, text: string) => text;
  const ofDoctor: Part[] = [
    {
      name: 'doctor.txt',
      what: 'what vxlane doctor finds',
      gather: async () => diagnosisText((await look()).diagnosis, plain),
    },
    shown('doctor.json', 'the same for programs', async () => (await look()).diagnosis),
    shown('facts.json', 'what it decided by', async () => (await look()).facts),
  ];
  const ofDaemon: Part[] = [
    shown('daemon/status.json', 'vxlane status', () => client.status()),
    shown('daemon/overlays.json', 'overlays and their properties', () => client.overlays()),
    shown('daemon/vnics.json', 'VNICs', () => client.vnics()),
    shown('daemon/stats.json', 'frames, bytes and drops', () => client.stats()),
    shown('daemon/targets.json', `targets counted, of ${TARGETS_COUNTED} an overlay at most`, async () => {
      const overlays = await client.overlays();
      const counts = [];
      for (const overlay of overlays) counts.push(await targetsOf(client, overlay));
      return counts;
    }),
    {
      name: 'daemon/events.jsonl',
      what: 'what happened of late',
      keepsEnd: true,
      gather: async () => (await client.events()).events.map((event) => `${JSON.stringify(event)}\n`).join(''),
    },
    { name: 'daemon/metrics.txt', what: 'metrics, as Prometheus reads them', gather: () => metricsOf(socket) },
  ];
  if (silence === null) return [...ofDoctor, ...ofDaemon];
  // Each would wait as long as the first one has.
  const gather = () => Promise.reject(new Error(silence));
  return [...ofDoctor, ...ofDaemon.map((part) => ({ ...part, gather }))];
}

async function targetsOf(client: Place['client'], { name }: OverlayView) {
  const page = await client.targets(name, { limit: TARGETS_COUNTED }).catch((thrown: Error) => thrown.message);
  if (typeof page === 'string') return { overlay: name, problem: page };
  const { targets, next } = page;
  const sources = targets.map(({ source }) => String(source));
  const bySource = Object.fromEntries([...new Set(sources)].map((each) => [each, count(sources, each)]));
  const destinations = new Set(targets.map(({ destination }) => destination)).size;
  return { overlay: name, counted: targets.length, isAll: next === null, bySource, destinations };
}

const count = (all: readonly string[], one: string) => all.filter((each) => each === one).length;

async function metricsOf(socket: string): Promise<string> {
  const timeoutMs = METRICS_PATIENCE_MS;
  const signal = AbortSignal.timeout(timeoutMs);
  const response = await openStream({ socket, method: 'GET', path: '/metrics', timeoutMs, signal });
  const parts: string[] = [];
  for await (const part of response.setEncoding('utf8')) parts.push(part);
  return parts.join('');
}
