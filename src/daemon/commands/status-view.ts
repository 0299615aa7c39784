/** `vxlane status`: how each overlay is in a line, and all that is wrong with the command that shows more. */
import type { ConfigurationView, DaemonView, OverlayStatus, Problem, StatusView } from '../../control/protocol.js';
import { DROP_TEXT } from '../../datapath/drops.js';
import type { Overlay } from '../overlay/overlay.js';
import type { Vnic } from '../overlay/vnic.js';
import { type Registry, sorted } from './registry.js';
import type { Rate } from './traffic-meter.js';

/** A drop now and then is no trouble. */
const DROPS_WORTH_A_LINE = 1;

export function statusView(registry: Registry, daemon: DaemonView): StatusView {
  const { datapath, meter, now } = registry;
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
    overlays: rows.map(({ overlay, vnics, rate }) => overlayStatus(overlay, vnics, rate)),
    problems: [
      ...configurationProblems(daemon.configuration),
      ...rows.flatMap(({ overlay, vnics, rate }) => overlayProblems(overlay, vnics, rate)),
    ],
  };
}

function overlayStatus(overlay: Overlay, vnics: readonly Vnic[], rate: Rate): OverlayStatus {
  const { name, vni, search } = overlay.identity;
  return {
    ...{ name, vni, search },
    status: overlay.health.status,
    vnics: vnics.length,
    vnicsUp: vnics.filter((vnic) => !vnic.isDown).length,
    peers: overlay.remotes.count,
    mtu: overlay.mtu,
    framesPerSecond: Math.round(rate.framesPerSecond),
    dropsPerSecond: Math.round(rate.dropsPerSecond),
  };
}

function configurationProblems(configuration: ConfigurationView | null): Problem[] {
  if (configuration === null || configuration.status === 'applied') return [];
  const { file, status, details } = configuration;
  return [{ severity: 'bad', text: `${file} is ${status}: ${details.join('; ')}`, command: 'vxlane show-config' }];
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
  return problems;
}
