/** Every check, in the order of docs/doctor.md. */
import type { Check } from '../check.js';
import { daemonChecks } from './daemon.js';
import { firewallChecks } from './firewall.js';
import { kernelChecks } from './kernel.js';
import { overlayChecks } from './overlays.js';
import { stateChecks } from './state.js';
import { restOfDrops, trafficChecks } from './traffic.js';
import { underlayChecks } from './underlay.js';
import { vnicChecks } from './vnics.js';

const specific: readonly Check[] = [
  ...daemonChecks,
  ...stateChecks,
  ...kernelChecks,
  ...underlayChecks,
  ...firewallChecks,
  ...vnicChecks,
  ...overlayChecks,
  ...trafficChecks,
];

export const CHECKS: readonly Check[] = [
  ...specific,
  restOfDrops(new Set(specific.flatMap(({ reasons = [] }) => reasons))),
];
