/** Checks whose faults no laboratory can have: facts in, findings out. e2e/doctor.test.ts provokes the others. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { CHECKS } from '../../src/doctor/checks/index.js';
import { doctorDocument } from '../../src/doctor/document.js';
import type { Tunnel } from '../../src/doctor/facts.js';
import { ENCAPSULATIONS, type Encap } from '../../src/encapsulations.js';
import { type Changes, diagnosisOf } from './facts.js';

const MOVE = { mac: 'de:ad:be:ef:00:05', destination: '10.88.88.2:4789', home: '10.88.88.3:4789', moves: 9 };
const DIED = { time: '2026-11-29T23:50:00.000Z', reason: 'exit 1' };

/** What is changed of a healthy host; the one check that finds something, how bad, and what mends it. */
const FAULTS: readonly (readonly [check: string, severity: string, mend: RegExp, changes: Changes])[] = [
  [
    'io-uring-forbidden',
    'note',
    /^sysctl -w kernel.io_uring_disabled=0$/,
    {
      daemon: { engine: 'mmsg', engineReason: 'not permitted' },
      facts: { kernel: { ioUringDisabled: 2, uringRefusal: 'no', hasTunDevice: true, now: 0 } },
    },
  ],
  ['io-uring-forbidden', 'note', /seccomp/, { daemon: { engine: 'mmsg', engineReason: 'not permitted (EPERM)' } }],
  [
    'tun-missing',
    'fault',
    /^modprobe tun$/,
    { facts: { kernel: { ioUringDisabled: 0, uringRefusal: null, hasTunDevice: false, now: 0 } } },
  ],
  ['udp-buffers-small', 'warning', /vxlane top/, { underlay: { socketDrops: [7, 9] } }],
  ['workers-restarted', 'warning', /report it/, { daemon: { workerRestarts: 1 } }],
  [
    'configuration-not-applied',
    'fault',
    /^vxlane daemon --config \/etc\/v.yaml --check$/,
    { daemon: { configuration: { file: '/etc/v.yaml', status: 'refused', details: ['no'], appliedAt: null } } },
  ],
  [
    'port-taken',
    'fault',
    /show type vxlan; /,
    { underlay: { portHolder: 'the kernel', tunnel: tunnelOf('vxlan-gpe') } },
  ],
  ['port-taken', 'fault', /show type geneve; /, { underlay: { portHolder: 'the kernel', tunnel: tunnelOf('geneve') } }],
  ['state-held', 'warning', /^ps -fp 9$/, { facts: { state: stateHeldBy(9) } }],
  ['checksums-wrong', 'warning', /ethtool/, { drops: { bad_outer_checksum: 2 } }],
  ['checksums-wrong', 'warning', /ethtool/, { underlay: { checksumErrors: [3, 4] } }],
  ['unknown-vni', 'warning', /compare vnetid/, { drops: { unknown_vni: 2 } }],
  ['plugin-slow', 'warning', /show-overlay -f/, { drops: { lookup_timeout: 5 } }],
  ['drops-rise', 'warning', /--reason no_such_mac/, { drops: { no_such_mac: 5 } }],
  ['plugin-restarts', 'warning', /events --overlay ov0/, { overlay: { deaths: [DIED] } }],
  ['mac-flapping', 'warning', /--thaw/, { overlay: { moves: [{ ...MOVE, state: 'frozen', frozenSeconds: 9 }] } }],
  [
    'mac-flapping',
    'warning',
    /show-overlay -m/,
    { overlay: { moves: [{ ...MOVE, state: 'duplicate', frozenSeconds: null }] } },
  ],
  ['directory-away', 'fault', /etcdctl/, { view: { search: 'etcd', status: 'DEGRADED', details: 'no leader' } }],
  ['directory-away', 'fault', /etcdctl/, { view: { search: 'etcd' }, overlay: { stale: 3 } }],
  ['directory-away', 'fault', /gobgp/, { view: { search: 'evpn', status: 'DEGRADED', details: 'no session' } }],
  ['overlay-degraded', 'fault', /show-overlay -f ov0/, { view: { status: 'DEGRADED', details: 'line 1: no' } }],
  ['firewall', 'warning', /list/, { facts: { firewall: filter('unclear') } }],
];

function tunnelOf(encap: Encap): Tunnel {
  const listen = { ip: '10.88.88.1', port: ENCAPSULATIONS[encap].port, device: null };
  return { name: 'ov0', encap, listen, mtu: 1450, endpoints: [], isUp: false };
}

function stateHeldBy(pid: number) {
  const nothing = { damaged: [], fromTheFuture: [], vnicElsewhere: null, forgotten: null };
  return { value: { directory: '/var/lib/vxlane', ...nothing, lockHolder: pid } };
}

function filter(verdict: 'drop' | 'unclear') {
  return { value: [{ overlay: 'ov0', port: 4789, where: 'table inet f', verdict, mend: 'nft list ruleset' }] };
}

test('nothing is found on a healthy host, and nothing is left out', () => {
  assert.deepEqual(diagnosisOf({}), { findings: [], unseen: [] });
});

test('VNICs that are down are not the directory', () => {
  const view = { search: 'etcd', status: 'DEGRADED', details: '1 of 2 VNICs is down: web: no interface' } as const;
  assert.deepEqual(diagnosisOf({ view }).findings, []);
  const [old] = diagnosisOf({ view, overlay: { stale: 3 } }).findings;
  assert.equal(old?.found, '3 targets are as they were before a restart');
});

for (const [check, severity, mend, changes] of FAULTS) {
  test(`${check} is found alone: ${JSON.stringify(changes).slice(0, 60)}`, () => {
    const { findings } = diagnosisOf(changes);
    assert.deepEqual(
      findings.map((finding) => [finding.check, finding.severity]),
      [[check, severity]],
    );
    assert.match(findings[0]!.mend, mend);
  });
}

test('what is no trouble is not found', () => {
  const quiet: Changes[] = [
    { drops: { arp_unknown: 1, host_chatter: 100 } },
    { daemon: { engine: 'mmsg', engineReason: 'mmsg was asked for' } },
    { overlay: { moves: [{ ...MOVE, state: 'moving', frozenSeconds: null }] } },
    { overlay: { deaths: [{ ...DIED, time: '2026-11-29T20:00:00.000Z' }] } },
  ];
  for (const changes of quiet) assert.deepEqual(diagnosisOf(changes).findings, []);
});

test('a drop rule has no effect on what passes by the underlay TAP: it is a note there', () => {
  const { findings } = diagnosisOf({
    daemon: { underlay: { border: 'tap', reason: '' } },
    facts: { firewall: filter('drop') },
  });
  assert.deepEqual(
    findings.map(({ check, severity }) => [check, severity]),
    [['firewall', 'note']],
  );
});

test('what nobody can tell is said once, with the checks that wanted it', () => {
  const { findings, unseen } = diagnosisOf({ facts: { firewall: { unknown: 'nft is not installed' } } });
  assert.deepEqual(findings, []);
  assert.deepEqual(unseen, [{ checks: ['firewall'], reason: 'nft is not installed' }]);
});

test('docs/doctor.md is what the checks say (npm run checks)', () => {
  assert.equal(readFileSync(new URL('../../../docs/doctor.md', import.meta.url), 'utf8'), doctorDocument());
  const names = CHECKS.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
});
