/** What a daemon would have, and be allowed, that does not run. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { textOf } from '../../src/daemon/state/stored.js';
import { plannedTunnels } from '../../src/doctor/gather/planned.js';
import { unitFacts } from '../../src/doctor/gather/starter.js';

test('overlays are those of the state directory and of the file, which is right about what both have', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'vxlane-planned-'));
  t.after(() => rmSync(directory, { recursive: true }));
  mkdirSync(join(directory, 'overlays'));
  const keep = (name: string, properties: object, encap: string = 'vxlan') => {
    const kept = { version: 1, name, vni: 1, encap, search: 'direct', properties, targets: {} };
    writeFileSync(join(directory, 'overlays', `${name}.json`), textOf(kept));
  };
  keep('a', { 'vxlan/listen_ip': '10.0.0.1', 'vxlan/listen_port': '4790', 'direct/dest_ip': '10.0.0.2', mtu: '1400' });
  keep('b', { 'vxlan/listen_ip': '10.0.0.1' });
  writeFileSync(join(directory, 'overlays', 'c.json'), '{');
  keep('g', { 'geneve/listen_ip': '10.0.0.3', 'geneve/underlay_dev': 'eth2' }, 'geneve');
  const config = join(directory, 'vxlane.yaml');
  writeFileSync(
    config,
    `overlays:
  b: { vni: 2, search: files, nonsense: 1, properties: { vxlan/listen_ip: "fd00::1", vxlan/underlay_dev: eth1 },
       targets: { "de:ad:be:ef:00:01": "[fd00::2]:4789", "de:ad:be:ef:00:02": drop } }
  p: { vni: 3, search: files, encap: vxlan-gpe, properties: { vxlan-gpe/listen_ip: 10.0.0.4 } }
`,
  );
  const a = { ip: '10.0.0.1', port: 4790, device: null };
  const b = { ip: 'fd00::1', port: 4789, device: 'eth1' };
  const g = { ip: '10.0.0.3', port: 6081, device: 'eth2' };
  const p = { ip: '10.0.0.4', port: 4790, device: null };
  assert.deepEqual(plannedTunnels(directory, config), {
    value: [
      { name: 'a', encap: 'vxlan', listen: a, mtu: 1400, endpoints: ['10.0.0.2'], isUp: false },
      { name: 'b', encap: 'vxlan', listen: b, mtu: null, endpoints: ['fd00::2'], isUp: false },
      { name: 'g', encap: 'geneve', listen: g, mtu: null, endpoints: [], isUp: false },
      { name: 'p', encap: 'vxlan-gpe', listen: p, mtu: null, endpoints: [], isUp: false },
    ],
  });
  const gone = plannedTunnels(directory, join(directory, 'none.yaml'));
  assert.match(
    'unknown' in gone ? gone.unknown : '',
    /^no daemon answers, and what it would have cannot be read: ENOENT/,
  );
});

test('a unit gives root what its bounding set leaves, and another user what is ambient', () => {
  const shown = 'CapabilityBoundingSet=cap_net_raw cap_net_admin\nAmbientCapabilities=cap_bpf\nLoadState=loaded\n';
  const by = 'vxlane.service';
  assert.deepEqual(unitFacts(`User=\n${shown}`), { by, capabilities: ['CAP_NET_RAW', 'CAP_NET_ADMIN'] });
  assert.deepEqual(unitFacts(`User=vxlane\n${shown}`), { by, capabilities: ['CAP_BPF'] });
  assert.equal(unitFacts('LoadState=not-found\nUser=\n'), null);
});
