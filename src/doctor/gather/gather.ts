/** All facts, gathered once: from the daemon if one answers, and from the host. */
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '../../control/client.js';
import { VxlaneError } from '../../errors.js';
import { withNetns } from '../../system/netns.js';
import { probeUring } from '../../system/uring.js';
import type { DaemonFacts, Facts, KernelFacts, OverlayFacts, Tunnel } from '../facts.js';
import { attempt, type Known } from '../finding.js';
import { type FirstLook, firstLook } from './daemon.js';
import { echoes } from './echo.js';
import { filterFacts } from './firewall.js';
import { plannedTunnels } from './planned.js';
import { DEFAULT_STATE_DIR, daemonNamed, daemonOf, daemonsBeside, packagedConfig } from './processes.js';
import { starterFacts } from './starter.js';
import { stateFacts } from './state.js';
import { countersOf, echoesOf, sysctlFacts, underlayFacts } from './underlay.js';
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
  const found = attempt(() => (isThere ? daemonNamed(look.status.daemon.pid, socket) : daemonOf(socket)));
  if (isThere && 'unknown' in found) return elsewhere(looking, look, found);
  const process = 'value' in found ? found.value : null;
  const pid = process?.pid ?? null;
  const netns = pid === null ? null : `/proc/${pid}/ns/net`;
  const nowMs = Date.now();
  const directory = stateDir ?? process?.stateDir ?? DEFAULT_STATE_DIR;
  const shared = {
    socket,
    noDaemon: isThere ? null : look,
    processes: daemonsBeside(pid ?? 'self'),
    starter: attempt(starterFacts),
    kernel: kernelFacts(nowMs),
    sysctl: attempt(() => sysctlFacts(netns)),
    state: stateFacts(directory, nowMs),
  };
  if (!isThere) {
    const unknown = { unknown: look.code === NOT_PERMITTED ? look.message : `no daemon answers on ${socket}` };
    const config = process === null ? packagedConfig() : process.config;
    const tunnels = look.code === NOT_PERMITTED ? unknown : plannedTunnels(directory, config);
    const underlays = 'unknown' in tunnels ? tunnels : await hostFacts(netns, tunnels.value, pid, 0);
    return { ...shared, daemon: unknown, underlays, vnicLinks: unknown, firewall: firewallOf(netns, underlays) };
  }
  const loaded = look.overlays.filter(({ status }) => status.state !== 'unloaded').map(tunnelOf);
  const underlays = await hostFacts(netns, loaded, pid, seconds);
  const daemon = await secondLook(client, look, seconds, nowMs);
  const vnicLinks = vnicLinkFacts(netns, look.vnics);
  return { ...shared, daemon, underlays, vnicLinks, firewall: firewallOf(netns, underlays) };
}

/** Of a daemon whose process, files and network are not to be found from here. */
async function elsewhere(
  { client, socket, stateDir, seconds }: Looking,
  look: FirstLook,
  unknown: { readonly unknown: string },
): Promise<Facts> {
  const nowMs = Date.now();
  await sleep(seconds * 1000);
  return {
    ...{ socket, noDaemon: null, kernel: kernelFacts(nowMs) },
    ...{
      processes: unknown,
      starter: unknown,
      sysctl: unknown,
      underlays: unknown,
      vnicLinks: unknown,
      firewall: unknown,
    },
    state: stateDir === null ? unknown : stateFacts(stateDir, nowMs),
    daemon: await secondLook(client, look, seconds, nowMs),
  };
}

const NOT_PERMITTED = 'daemon_not_permitted';

function tunnelOf({ view, status, encap, listen, endpoints }: OverlayFacts): Tunnel {
  return { name: view.name, encap, listen, mtu: status.mtu, endpoints, isUp: status.state !== 'down' };
}

function firewallOf(netns: string | null, underlays: Facts['underlays']): Facts['firewall'] {
  return 'unknown' in underlays ? underlays : attempt(() => filterFacts(netns, underlays.value));
}

/** Takes so many seconds at least; 0: nobody is asked for an echo, and no counter is waited for. */
async function hostFacts(
  netns: string | null,
  tunnels: readonly Tunnel[],
  daemon: number | null,
  seconds: number,
): Promise<Facts['underlays']> {
  try {
    withNetns(netns, () => undefined);
    const before = countersOf(netns, tunnels);
    const isOver = sleep(seconds * 1000);
    const answers = await echoes(netns, seconds === 0 ? [] : echoesOf(netns, tunnels));
    await isOver;
    return { value: underlayFacts(netns, tunnels, { before, answers, daemon }) };
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
