/** What an instance pushes, on its way to whoever listens: checked. Throws what is wrong with it. */
import { checkIp, checkMac, checkTarget, checkTtl, checkVteps, type Underlay } from './answers.js';
import type { Said } from './messages.js';
import type { PluginSink } from './types.js';

export type Pushed = Extract<Said, { kind: 'put' | 'withdraw' | 'moved' | 'vteps' | 'floodChanged' }>;

export function handOver(said: Pushed, sink: PluginSink, underlay: Underlay): void {
  if (said.kind === 'floodChanged') {
    sink.floodChanged();
    return;
  }
  if (said.kind === 'vteps') {
    sink.vteps(checkVteps(said.ips, underlay));
    return;
  }
  const mac = checkMac(said.mac);
  if (said.kind === 'put') sink.put(mac, checkTarget(said.target, underlay), checkTtl(said.ttl));
  else if (said.kind === 'withdraw') sink.withdraw(mac);
  else sink.moved(checkIp(said.ip), mac);
}
