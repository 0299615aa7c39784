/** Who starts a daemon on this host, and what it may do then. */
import { spawnSync } from 'node:child_process';
import { effectiveCapabilities } from '../../system/capabilities.js';
import type { StarterFacts } from '../facts.js';

const UNIT = 'vxlane.service';
const ASKED = ['LoadState', 'User', 'CapabilityBoundingSet', 'AmbientCapabilities'];

/** The unit, where systemd has one; else whoever asks. */
export function starterFacts(): StarterFacts {
  const options = ASKED.map((each) => `--property=${each}`);
  const { status, stdout } = spawnSync('systemctl', ['show', UNIT, ...options], { encoding: 'utf8', timeout: 5000 });
  return (
    (status === 0 ? unitFacts(stdout) : null) ?? {
      by: `user ${process.geteuid?.()}`,
      capabilities: effectiveCapabilities(),
    }
  );
}

/** What `systemctl show` prints, a `Name=value` a line; null: there is no such unit. Exported for tests. */
export function unitFacts(shown: string): StarterFacts | null {
  const lines = shown
    .split('\n')
    .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)] as const);
  const { LoadState, User, CapabilityBoundingSet, AmbientCapabilities } = Object.fromEntries(lines);
  if (LoadState !== 'loaded') return null;
  const isRoot = [undefined, '', 'root', '0'].includes(User);
  const names = (isRoot ? CapabilityBoundingSet : AmbientCapabilities) ?? '';
  return {
    by: UNIT,
    capabilities: names
      .toUpperCase()
      .split(' ')
      .filter((name) => name !== ''),
  };
}
