/** All facts, gathered once: from the daemon if one answers, and from the host. */
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '../../control/client.js';
import { messageOf, VxlaneError } from '../../errors.js';
import { withNetns } from '../../system/netns.js';
import { probeUring } from '../../system/uring.js';
import type { DaemonFacts, Facts, KernelFacts } from '../facts.js';
import type { Known } from '../finding.js';
import { type FirstLook, firstLook } from './daemon.js';
import { echoes } from './echo.js';
import { filterFacts } from './firewall.js';
import { DEFAULT_STATE_DIR, daemonAt, daemonsBeside } from './processes.js';
import { stateFacts } from './state.js';
import { dropsBefore, echoesOf, sysctlFacts, underlayFacts } from './underlay.js';
import { vnicLinkFacts } from './vnic-links.js';

export interface Looking {
  readonly client: Client;
  readonly socket: string;
  /** null: all of them. */
  readonly overlay: string | null;
  /** null: that of the daemon, as its process was told. */
  readonly stateDir: string | null;
  /** Between two reads of the counters. */
  readonly seconds: number;
}

export async function gatherFacts(looking: Looking): Promise<Facts> {
  const { client, socket, overlay, stateDir, seconds } = looking;
  const look = await firstLook(client, overlay);
  const isThere = 'status' in look;
  const pid = isThere ? look.status.daemon.pid : null;
  const process = pid === null ? null : daemonAt(pid);
  const nowMs = Date.now();
  const shared = {
    socket,
    noDaemon: isThere ? null : look,
    processes: daemonsBeside(pid ?? 'self'),
    kernel: kernelFacts(nowMs),
    state: stateFacts(stateDir ?? process?.stateDir ?? DEFAULT_STATE_DIR, nowMs),
  };
  if (!isThere) {
    const unknown = { unknown: `no daemon answers on ${socket}` };
    const [sysctl, rest] = [attempt(() => sysctlFacts(null)), unknown];
    return { ...shared, daemon: unknown, sysctl, underlays: rest, vnicLinks: rest, firewall: rest };
  }
  const netns = `/proc/${pid}/ns/net`;
  const underlays = await hostFacts(netns, look, seconds);
  const daemon = await secondLook(client, look, seconds, nowMs);
  return {
    ...shared,
    daemon,
    sysctl: attempt(() => sysctlFacts(netns)),
    underlays,
    vnicLinks: vnicLinkFacts(netns, look.vnics),
    firewall: 'unknown' in underlays ? underlays : attempt(() => filterFacts(netns, look.overlays, underlays.value)),
  };
}

/** Takes so many seconds at least. */
async function hostFacts(netns: string, look: FirstLook, seconds: number): Promise<Facts['underlays']> {
  try {
    withNetns(netns, () => undefined);
    const before = dropsBefore(netns, look.overlays);
    const isOver = sleep(seconds * 1000);
    const answers = await echoes(netns, echoesOf(netns, look.overlays));
    await isOver;
    return { value: underlayFacts(netns, look.overlays, { before, answers, daemon: look.status.daemon.pid }) };
  } catch (thrown) {
    if (!(thrown instanceof VxlaneError)) throw thrown;
    await sleep(seconds * 1000);
    return { unknown: `the daemon's network namespace cannot be entered: ${thrown.message}` };
  }
}

async function secondLook(
  client: Client,
  look: FirstLook,
  leastSeconds: number,
  sinceMs: number,
): Promise<Known<DaemonFacts>> {
  try {
    const after = await client.stats();
    return { value: { ...look, after, seconds: Math.max(leastSeconds, (Date.now() - sinceMs) / 1000) } };
  } catch (thrown) {
    if (!(thrown instanceof VxlaneError)) throw thrown;
    return { unknown: `the daemon went away: ${thrown.message}` };
  }
}

function attempt<T>(look: () => T): Known<T> {
  try {
    return { value: look() };
  } catch (thrown) {
    if (!(thrown instanceof Error)) throw thrown;
    return { unknown: messageOf(thrown) };
  }
}

function kernelFacts(now: number): KernelFacts {
  const probe = probeUring();
  return {
    ioUringDisabled: numberIn('/proc/sys/kernel/io_uring_disabled'),
    uringRefusal: probe.ok ? null : probe.reason,
    hasTunDevice: existsSync('/dev/net/tun'),
    now,
  };
}

function numberIn(path: string): number | null {
  try {
    return Number(readFileSync(path, 'utf8'));
  } catch {
    return null;
  }
}
