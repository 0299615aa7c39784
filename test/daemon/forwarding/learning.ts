/** A learner over a recording FDB, with a clock. */
import { DEFAULT_MOVES } from '../../../src/daemon/forwarding/flap-guard.js';
import { Learner } from '../../../src/daemon/forwarding/learner.js';
import { Targets } from '../../../src/daemon/forwarding/targets.js';
import { Health } from '../../../src/daemon/health/health.js';
import type { Learning } from '../../../src/search/api.js';
import { LISTEN } from '../harness.js';
import { OVERLAY, RecordingDatapath } from '../recording-datapath.js';

export const RULES: Learning = { ageing: 300_000, max: 4, port: 4789 };
const START_MS = 5_000_000;
const BRIDGE = 7;
export const HERE = { kind: 'local', vnic: BRIDGE };
export const FREEZE_MS = 60_000;
export const FREEZING: Learning = { ...RULES, ageing: 3_600_000, moves: { ...DEFAULT_MOVES, freeze: FREEZE_MS } };
export const macOf = (n: number) => `02:00:00:00:00:${n.toString(16).padStart(2, '0')}`;

/** A learner and a clock; `hear` is what the datapath does for a frame that names a MAC and its VTEP. */
export function learner(rules: Learning | null = RULES) {
  const datapath = new RecordingDatapath();
  const targets = new Targets({
    fdb: datapath,
    overlay: OVERLAY,
    fdbSize: 64,
    isOwn: ({ ip }) => ip === LISTEN.ip,
    anyMacVnic: () => BRIDGE,
    nowMs: START_MS,
  });
  const health = new Health();
  const logged: string[] = [];
  const log = (level: string) => (message: string, fields?: object) =>
    void logged.push(`${level} ${message} ${JSON.stringify(fields)}`);
  const heardAt = new Map<string, number>();
  const cameHere: string[] = [];
  const here: string[] = [];
  const told: object[] = [];
  const it = new Learner({
    targets,
    heardAtMs: (mac) => heardAt.get(mac) ?? null,
    isOwn: (ip) => ip === LISTEN.ip,
    onCameHere: (mac) => void cameHere.push(mac),
    onHere: (mac, isHere) => void here.push(`${mac} ${isHere}`),
    onStir: () => {},
    tell: (kind, mac, change) => void told.push({ kind, mac, ...change }),
    health,
    log: { debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error') },
    nowMs: START_MS,
  });
  it.configure(rules);
  let nowMs = START_MS;
  return {
    it,
    told,
    datapath,
    targets,
    health,
    logged,
    cameHere,
    here,
    hear(mac: string, ip: string | null) {
      heardAt.set(mac, nowMs);
      it.heard(mac, ip, nowMs);
    },
    /** Frames from a MAC that the FDB agrees with: nobody is told. */
    stillHeard: (mac: string) => void heardAt.set(mac, nowMs),
    pass(ms: number) {
      nowMs += ms;
      it.tick(nowMs);
    },
    now: () => nowMs,
    fdb: (mac: string) => datapath.fdb.get(mac)?.target,
  };
}
