/** An overlay as it is kept. */
import type { StoredOverlay } from '../../../src/daemon/state/stored.js';

export const OVERLAY: StoredOverlay = {
  version: 1,
  name: 'overlay0',
  vni: 23,
  encap: 'vxlan',
  search: 'files',
  properties: { 'vxlan/listen_ip': '10.88.88.69', 'files/config': '/var/tmp/hosts.json' },
  targets: { 'de:ad:be:ef:00:09': '10.88.88.99:4789', 'de:ad:be:ef:00:0a': 'drop' },
};
