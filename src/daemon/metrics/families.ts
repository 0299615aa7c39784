/** Every metric there is, once: the page at /metrics and docs/metrics.md are made of this table. */
import { readdirSync, readFileSync } from 'node:fs';
import { DROP_TEXT, isExpectedDrop } from '../../datapath/drops.js';
import type { DropReason } from '../../datapath/types.js';
import { type Family, histogramSamples, labelsOf } from './exposition.js';
import { OBJECT_FAMILIES } from './object-families.js';
import type { Snapshot } from './snapshot.js';
import { WORKER_FAMILIES } from './worker-families.js';

type Type = Family<Snapshot>['type'];

function single(name: string, type: Type, help: string, value: (seen: Snapshot) => number | null): Family<Snapshot> {
  return {
    ...{ name, type, help, labels: [] },
    samples: (seen) => {
      const found = value(seen);
      return found === null ? [] : [['', found]];
    },
  };
}

const DAEMON_FAMILIES: readonly Family<Snapshot>[] = [
  {
    name: 'vxlane_build_info',
    type: 'gauge',
    help: 'What runs; always 1',
    labels: ['version', 'node', 'engine', 'underlay'],
    samples: ({ daemon: { version, engine, underlay } }) => [
      [labelsOf({ version, node: process.versions.node, engine, underlay: underlay.border }), 1],
    ],
  },
  {
    name: 'vxlane_configuration_status',
    type: 'gauge',
    help: '1 for how the configuration file fares, 0 for the rest; left out where there is none',
    labels: ['status'],
    note: '`status`: `applied`, `incomplete` (some of it could not be done yet) or `refused` (the one before stays).',
    samples: ({ configuration }) =>
      configuration === null
        ? []
        : ['applied', 'incomplete', 'refused'].map((status) => {
            return [labelsOf({ status }), Number(status === configuration.status)];
          }),
  },
  {
    name: 'vxlane_unloaded_objects',
    type: 'gauge',
    help: 'Objects that are kept, and cannot be used',
    labels: ['kind'],
    note: '`kind`: `overlay` or `vnic`.',
    samples: ({ unloaded }) => Object.entries(unloaded).map(([kind, count]) => [labelsOf({ kind }), count]),
  },
  single('vxlane_fdb_entries', 'gauge', 'Forwarding entries of all overlays', ({ daemon }) => daemon.fdbEntries),
  single('vxlane_fdb_limit_entries', 'gauge', 'Most of them (--fdb-size)', ({ daemon }) => daemon.fdbSize),
  single('vxlane_endpoints', 'gauge', 'VTEPs in the table, one for each socket that sends to it', (seen) => {
    return seen.endpointCount;
  }),
  single(
    'vxlane_other_senders_decap_frames_total',
    'counter',
    'Datagrams received from senders that are no endpoint, all together',
    ({ otherSenders }) => otherSenders.frames,
  ),
  single('vxlane_other_senders_decap_bytes_total', 'counter', 'Bytes of the frames in them', ({ otherSenders }) => {
    return otherSenders.bytes;
  }),
  {
    name: 'vxlane_dropped_frames_total',
    type: 'counter',
    help: 'Frames dropped by the whole daemon, every reason there is',
    labels: ['reason', 'expected'],
    note: '`expected`: `true` for what hosts send unasked and nobody misses. Of a reason below.',
    samples: ({ drops }) =>
      (Object.keys(DROP_TEXT) as DropReason[]).map((reason) => {
        return [labelsOf({ reason, expected: String(isExpectedDrop(reason)) }), drops[reason] ?? 0];
      }),
  },
  {
    name: 'vxlane_events_total',
    type: 'counter',
    help: 'What happened, by kind of event; a kind that has never been met is left out',
    labels: ['kind'],
    note: '`kind` of an event: one of [events.md](events.md).',
    samples: ({ events }) => [...events].map(([kind, count]) => [labelsOf({ kind }), count]),
  },
  {
    name: 'vxlane_upcall_duration_seconds',
    type: 'histogram',
    help: 'Time from the datapath asking to what it was told, or that nobody answered',
    labels: ['kind'],
    note: '`kind`: `miss`, a frame to a MAC that the FDB does not have; `proxy`, ARP, neighbour discovery or DHCP.',
    *samples({ durations }) {
      for (const [kind, each] of Object.entries(durations)) yield* histogramSamples(labelsOf({ kind }), each);
    },
  },
];

/** As every program has them, by their usual names. */
const PROCESS_FAMILIES: readonly Family<Snapshot>[] = [
  single('process_cpu_seconds_total', 'counter', 'Time of all threads on a processor', () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  }),
  single('process_resident_memory_bytes', 'gauge', 'Memory that the process has in RAM', () =>
    process.memoryUsage.rss(),
  ),
  single('process_start_time_seconds', 'gauge', 'When it started, in seconds since 1970', () => {
    return Math.round(performance.timeOrigin / 1000);
  }),
  single('process_open_fds', 'gauge', 'Open descriptors', () => readdirSync('/proc/self/fd').length),
  single('process_max_fds', 'gauge', 'Most of them (RLIMIT_NOFILE)', () => {
    const found = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'));
    return found === null ? null : Number(found[1]);
  }),
];

export const FAMILIES: readonly Family<Snapshot>[] = [
  ...DAEMON_FAMILIES,
  ...OBJECT_FAMILIES,
  ...WORKER_FAMILIES,
  ...PROCESS_FAMILIES,
];
