/** `vxlane status`: how each overlay is in a line, and all that is wrong with the command that shows more. */
import type { ConfigurationView, DaemonView, OverlayStatus, Problem, StatusView } from '../../control/protocol.js';
import { DROP_TEXT } from '../../datapath/drops.js';
import type { UnknownVni } from '../../datapath/types.js';
import type { Overlay } from '../overlay/overlay.js';
import type { Vnic } from '../overlay/vnic.js';
import type { State } from '../state/store.js';
import { byName, type Registry, sorted } from './registry.js';
import type { Rate } from './traffic-meter.js';
import { unloadedStatuses, whyOf } from './unloaded.js';
import { placeText } from './views.js';

/** A drop now and then is no trouble. */
const DROPS_WORTH_A_LINE = 1;
/** Of an overlay. */
const STRANGERS_NAMED = 3;

/** `failures`: of what goes on by itself, by part. */
export function statusView(registry: Registry, daemon: DaemonView, failures: ReadonlyMap<string, string>): StatusView {
  const { datapath, meter, now, state } = registry;
  const vnicsOn = new Map<string, Vnic[]>();
  for (const vnic of sorted(registry.vnics)) {
    const { overlay } = vnic.identity;
    vnicsOn.set(overlay, [...(vnicsOn.get(overlay) ?? []), vnic]);
  }
  const rows = sorted(registry.overlays).map((overlay) => {
    const rate = meter.rate(overlay, datapath, now());
    return { overlay, rate, vnics: vnicsOn.get(overlay.name) ?? [] };
  });
  return {
    daemon,
    overlays: [
      ...rows.map(({ overlay, vnics, rate }) => overlayStatus(overlay, vnics, rate)),
      ...unloadedStatuses(state),
    ].sort(byName),
    problems: [
      ...failureProblems(failures),
      ...configurationProblems(daemon.configuration),
      ...unloadedProblems(state),
      ...rows.flatMap(({ overlay, vnics, rate }) => overlayProblems(overlay, vnics, rate)),
      ...restProblems(meter.rateOfRest(datapath, now()), datapath.unknownVnis()),
    ],
  };
}

/** In one line, for who looks at many services at once. What is not loaded counts: it is not well. */
export function summary({ overlays, vnics, state }: Registry): string {
  const lost = { overlays: state.overlays.unloaded.size, vnics: state.vnics.unloaded.size };
  const degraded = [...overlays.values()].filter(({ health }) => health.status === 'DEGRADED').length + lost.overlays;
  const down = [...vnics.values()].filter(({ isDown }) => isDown).length + lost.vnics;
  const counts = { overlays: overlays.size + lost.overlays, vnics: vnics.size + lost.vnics };
  return `overlays: ${counts.overlays}, DEGRADED: ${degraded}; VNICs: ${counts.vnics}, down: ${down}`;
}

function overlayStatus(overlay: Overlay, vnics: readonly Vnic[], rate: Rate): OverlayStatus {
  const { name, vni, search } = overlay.identity;
  return {
    ...{ name, vni, search },
    status: overlay.health.status,
    details: overlay.health.details,
    state: overlay.state,
    pluginPlace: placeText(overlay),
    vnics: vnics.length,
    vnicsUp: vnics.filter((vnic) => !vnic.isDown).length,
    peers: overlay.remotes.count,
    mtu: overlay.mtu,
    framesPerSecond: Math.round(rate.framesPerSecond),
    dropsPerSecond: Math.round(rate.dropsPerSecond),
  };
}

function failureProblems(failures: ReadonlyMap<string, string>): Problem[] {
  return [...failures].map(([part, reason]) => {
    const text = `what the daemon does by itself fails (${part}), and is tried again: ${reason}`;
    return { severity: 'bad', text, command: 'vxlane log-level debug' };
  });
}

function configurationProblems(configuration: ConfigurationView | null): Problem[] {
  if (configuration === null || configuration.status === 'applied') return [];
  const { file, status, details } = configuration;
  return [{ severity: 'bad', text: `${file} is ${status}: ${details.join('; ')}`, command: 'vxlane show-config' }];
}

function unloadedProblems({ overlays, vnics }: State): Problem[] {
  const problem = (what: string, why: string, command: string): Problem => ({
    severity: 'bad',
    text: `${what} is ${why}`,
    command: `vxlane ${command}`,
  });
  return [
    ...[...overlays.unloaded.values()].map((each) =>
      problem(`overlay ${each.name}`, whyOf(each), `show-overlay -f ${each.name}`),
    ),
    ...[...vnics.unloaded.values()].map((each) => problem(`VNIC ${each.name}`, whyOf(each), `show-vnic ${each.name}`)),
  ];
}

function overlayProblems(overlay: Overlay, vnics: readonly Vnic[], rate: Rate): Problem[] {
  const { name, health } = overlay;
  const problems: Problem[] = [];
  if (health.status === 'DEGRADED') {
    const text = `overlay ${name} is DEGRADED: ${health.details}`;
    problems.push({ severity: 'bad', text, command: `vxlane show-overlay -f ${name}` });
  }
  for (const vnic of vnics.filter((each) => each.problem !== '')) {
    const text = `VNIC ${vnic.name}${vnic.isDown ? ' is down' : ''}: ${vnic.problem}`;
    problems.push({ severity: 'bad', text, command: `vxlane show-vnic ${vnic.name}` });
  }
  if (rate.reason !== null && rate.dropsPerSecond >= DROPS_WORTH_A_LINE) {
    const most = `most as ${rate.reason}: ${DROP_TEXT[rate.reason]}`;
    const text = `overlay ${name} drops ${Math.round(rate.dropsPerSecond)} frames/s, ${most}`;
    problems.push({ severity: 'note', text, command: `vxlane show-stats ${name}` });
  }
  return [...problems, ...strangerProblems(overlay)];
}

/** Who was refused: the first ones by name. */
function strangerProblems({ name, attachment }: Overlay): Problem[] {
  if (attachment === null) return [];
  const { strangers } = attachment.sources;
  const { all } = strangers;
  const named = all.slice(0, STRANGERS_NAMED);
  const problems = named.map(({ ip, mac, frames }): Problem => {
    const what = `${frames} frames of ${ip}, which is no VTEP that it knows (the last one of ${mac})`;
    return { severity: 'note', text: `overlay ${name} has dropped ${what}`, command: strangers.commandFor(ip) };
  });
  if (all.length === named.length) return problems;
  const text = `overlay ${name} has dropped frames of ${all.length - named.length} more senders that it does not know`;
  return [...problems, { severity: 'note', text, command: `vxlane show-stats ${name}` }];
}

/** What arrives and belongs to no overlay. `unknown`: those whose VNI nobody has, the last that were seen. */
function restProblems({ reason, dropsPerSecond }: Rate, unknown: readonly UnknownVni[]): Problem[] {
  if (reason === null || dropsPerSecond < DROPS_WORTH_A_LINE) return [];
  const seen = [...new Set(unknown.map(({ vni, ip }) => `VNI ${vni} from ${ip}`))];
  const last = reason === 'unknown_vni' && seen.length > 0 ? ` (last seen: ${seen.join(', ')})` : '';
  const what = `${Math.round(dropsPerSecond)} datagrams/s that belong to no overlay are dropped`;
  const text = `${what}, most as ${reason}: ${DROP_TEXT[reason]}${last}`;
  return [{ severity: 'note', text, command: 'vxlane show-stats' }];
}
