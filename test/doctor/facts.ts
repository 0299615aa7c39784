/** Facts of a healthy host, and the findings of one check on them changed. */

import type { StatsView } from '../../src/control/protocol.js';
import { CHECKS } from '../../src/doctor/checks/index.js';
import { diagnose } from '../../src/doctor/diagnose.js';
import type { DaemonFacts, Facts, OverlayFacts, UnderlayFacts } from '../../src/doctor/facts.js';
import type { Diagnosis } from '../../src/doctor/finding.js';

/** Of one overlay `ov0`, whose drops are these. */
export function stats(drops: Record<string, number> = {}): StatsView {
  const none = { frames: 0, bytes: 0 };
  const plugin = { name: 'files', questions: 0, faults: 0, timeouts: 0, deaths: 0 };
  const overlay = { encap: none, decap: none, fragments: 0, drops, expectedDrops: 0, strangers: [], plugin };
  return {
    totals: {},
    drops: Object.entries(drops).map(([reason, frames]) => ({ reason, frames, isExpected: false, text: '' })),
    overlays: [{ name: 'ov0', ...overlay }],
    vnics: [],
    endpoints: [],
    otherSenders: none,
  };
}

const OVERLAY: OverlayFacts = {
  view: {
    name: 'ov0',
    vni: 42,
    encap: 'vxlan',
    search: 'files',
    temporary: false,
    status: 'ONLINE',
    details: '',
    declared: null,
    properties: [],
  },
  status: {
    name: 'ov0',
    vni: 42,
    search: 'files',
    status: 'ONLINE',
    details: '',
    state: 'serving',
    pluginPlace: null,
    vnics: 0,
    vnicsUp: 0,
    peers: 1,
    mtu: 1450,
    framesPerSecond: 0,
    dropsPerSecond: 0,
  },
  encap: 'vxlan',
  listen: { ip: '10.88.88.1', port: 4789, device: null },
  endpoints: ['10.88.88.2'],
  stale: 0,
  moves: [],
  deaths: [],
};

const LINK = { ifindex: 2, name: 'eth0', isRunning: true, isLoopback: false, isEthernet: true, mtu: 1500 };
const ROUTE = { ifindex: 2, gateway: null, source: null, mtu: null, isMtuDiscovered: false, isLocal: false };

const UNDERLAY: UnderlayFacts = {
  tunnel: {
    name: 'ov0',
    encap: 'vxlan',
    listen: { ip: '10.88.88.1', port: 4789, device: null },
    mtu: 1450,
    endpoints: ['10.88.88.2'],
    isUp: true,
  },
  link: LINK,
  rpFilter: 1,
  portHolder: null,
  socketDrops: [7, 7],
  checksumErrors: [3, 3],
  endpoints: [{ ip: '10.88.88.2', route: ROUTE, link: LINK, neighbour: 'REACHABLE', echo: 'large', echoBytes: 1500 }],
};

const DAEMON: DaemonFacts['status']['daemon'] = {
  version: '1.0.0',
  pid: 761,
  engine: 'uring',
  engineReason: '',
  underlay: { border: 'socket', reason: 'socket was asked for' },
  capabilities: ['CAP_NET_ADMIN', 'CAP_NET_RAW', 'CAP_BPF', 'CAP_SYS_ADMIN'],
  workers: 1,
  fdbSize: 65536,
  fdbEntries: 2,
  workerRestarts: 0,
  captures: 0,
  logLevel: 'info',
  uptimeSeconds: 60,
  successor: null,
  configuration: null,
};

export interface Changes {
  readonly daemon?: Partial<DaemonFacts['status']['daemon']>;
  readonly view?: Partial<OverlayFacts['view']>;
  readonly overlay?: Partial<OverlayFacts>;
  readonly underlay?: Partial<UnderlayFacts>;
  /** Of the second read. */
  readonly drops?: Record<string, number>;
  readonly facts?: Partial<Facts>;
}

/** Of all checks. */
export function diagnosisOf({ daemon, view, overlay, underlay, drops = {}, facts }: Changes): Diagnosis {
  const one: OverlayFacts = { ...OVERLAY, ...overlay, view: { ...OVERLAY.view, ...view } };
  const all: Facts = {
    socket: '/run/vxlane/vxlane.sock',
    noDaemon: null,
    daemon: {
      value: {
        status: { daemon: { ...DAEMON, ...daemon }, overlays: [one.status], problems: [] },
        overlays: [one],
        vnics: [],
        before: stats(),
        after: stats(drops),
        seconds: 2,
      },
    },
    processes: { value: [] },
    starter: { unknown: 'a daemon runs' },
    kernel: { ioUringDisabled: 0, uringRefusal: null, hasTunDevice: true, now: Date.UTC(2026, 10, 30) },
    sysctl: { value: { rmemMax: 212_992, wmemMax: 212_992 } },
    underlays: { value: [{ ...UNDERLAY, ...underlay }] },
    vnicLinks: { value: [] },
    firewall: { value: [] },
    state: {
      value: {
        directory: '/var/lib/vxlane',
        damaged: [],
        fromTheFuture: [],
        lockHolder: 761,
        vnicElsewhere: null,
        forgotten: null,
      },
    },
    ...facts,
  };
  return diagnose(CHECKS, all);
}
