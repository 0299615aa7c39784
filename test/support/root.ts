/** Tests that make namespaces and TAPs need root. Under CI that is a must; elsewhere they are skipped, and say why. */
import { accessSync, constants } from 'node:fs';

/** For the `skip` option of node:test: false when this process may do it all, else the reason. Throws under CI. */
export function needsRoot(): string | false {
  const reason = whyNot();
  if (reason !== false && process.env.CI) throw new Error(`under CI every test must run: ${reason}`);
  return reason;
}

function whyNot(): string | false {
  if (process.getuid?.() !== 0) return 'needs root, for network namespaces and TAPs: sudo npm test';
  try {
    accessSync('/dev/net/tun', constants.R_OK | constants.W_OK);
    return false;
  } catch {
    return 'needs /dev/net/tun: modprobe tun';
  }
}
