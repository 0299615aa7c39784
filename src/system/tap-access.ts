/** Whether this process may make TAPs, said before anybody needs one. */
import { close, statSync } from 'node:fs';
import { messageOf } from '../errors.js';
import { effectiveCapabilities } from './capabilities.js';
import { errnoName } from './errno.js';
import { openTun, TUN_DEVICE } from './tun.js';

/** What stands against making or attaching a TAP, a phrase each. None is no promise: only making one is the proof. */
export function tapObstacles(): string[] {
  const obstacles: string[] = [];
  const fd = openTun();
  // The kernel may take tens of milliseconds for it, and a start need not wait for that.
  if (fd >= 0) close(fd, () => {});
  else obstacles.push(`${TUN_DEVICE} cannot be opened (${errnoName(-fd)}): ${describeDevice()}`);
  if (!effectiveCapabilities().includes('CAP_NET_ADMIN')) obstacles.push('this process lacks CAP_NET_ADMIN');
  return obstacles;
}

function describeDevice(): string {
  try {
    const { mode, uid, gid, rdev } = statSync(TUN_DEVICE);
    const permissions = (mode & 0o7777).toString(8).padStart(4, '0');
    const kind = rdev === 0 ? 'no device node' : `device ${rdev >> 8}:${rdev & 0xff}`;
    return `it is ${kind}, mode ${permissions}, owner ${uid}:${gid}; this process is ${process.geteuid?.()}`;
  } catch (thrown) {
    const isMissing = (thrown as NodeJS.ErrnoException).code === 'ENOENT';
    return isMissing ? 'there is no such device node; try: modprobe tun' : messageOf(thrown);
  }
}
