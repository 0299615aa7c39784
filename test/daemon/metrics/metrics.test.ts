/** /metrics of a daemon that carries frames: right in the eyes of others, equal to show-stats, and documented. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, it, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import type { StatsView } from '../../../src/control/protocol.js';
import type { Registry } from '../../../src/daemon/commands/registry.js';
import { metricsDocument } from '../../../src/daemon/metrics/document.js';
import { exposition, type Family, labelsOf } from '../../../src/daemon/metrics/exposition.js';
import { FAMILIES } from '../../../src/daemon/metrics/families.js';
import { DaemonProbes } from '../../../src/daemon/probes.js';
import { Durations } from '../../../src/daemon/upcalls/durations.js';
import { DROP_TEXT } from '../../../src/datapath/drops.js';
import { needsRoot } from '../../support/root.js';
import { until } from '../../support/until.js';
import { daemonFixture, OTHER_MAC } from '../fixture.js';

const file = (path: string) => readFileSync(new URL(`../../../../${path}`, import.meta.url), 'utf8');

/** Values by the whole name with its labels, as they stand on the page. */
function parsed(page: string): Map<string, number> {
  const lines = page.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  );
}

function check(args: string[], input?: string): void {
  const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8', input });
  assert.equal(status, 0, `${stdout}${stderr}`);
  assert.equal(stderr, '');
}

/** Names that an expression asks for. */
function namesIn(expression: string): string[] {
  const plain = expression.replaceAll(/"[^"]*"/g, '').replaceAll(/\{[^}]*\}|\b(?:by|without) \([^)]*\)/g, '');
  return [...plain.matchAll(/\b((?:vxlane|process)_\w+)/g)].map(([, name]) =>
    name!.replace(/_(bucket|sum|count)$/, ''),
  );
}

const known = new Set(FAMILIES.map(({ name }) => name));

test('docs/metrics.md is that of this version (else: npm run metrics)', () => {
  assert.equal(file('docs/metrics.md'), metricsDocument());
  for (const reason of Object.keys(DROP_TEXT)) assert.ok(file('docs/metrics.md').includes(`\`${reason}\``), reason);
});

test('alert rules are valid, and they and the dashboard ask for metrics that there are', { skip: needsRoot() }, () => {
  const rules = file('docs/examples/prometheus/vxlane.rules.yml');
  check(['check', 'rules', new URL('../../../../docs/examples/prometheus/vxlane.rules.yml', import.meta.url).pathname]);
  const dashboard = JSON.parse(file('docs/examples/prometheus/grafana-dashboard.json'));
  const expressions = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }: { expr: string }) => expr));
  const asked = [...expressions, rules].flatMap(namesIn);
  assert.ok(new Set(asked).size > 25, `${new Set(asked).size} metrics`);
  assert.deepEqual(
    asked.filter((name) => !known.has(name)),
    [],
  );
});

test('what a text may have is escaped, and a histogram counts up to its end', () => {
  assert.equal(labelsOf({ a: 'x"y\\z\n', b: 7 }), 'a="x\\"y\\\\z\\n",b="7"');
  const durations = new Durations();
  for (const ms of [0.05, 0.1, 2, 99_999]) durations.observe(ms);
  assert.equal(durations.count, 4);
  const upTo = (bound: number) => durations.buckets.find(([each]) => each === bound)?.[1];
  assert.deepEqual([upTo(0.0001), upTo(0.001), upTo(0.0025), upTo(3)], [2, 2, 3, 3]);
  const odd: Family<null> = { name: 'odd', type: 'gauge', help: 'Odd', labels: [], samples: () => [] };
  assert.equal([...exposition([odd], null)].join(''), '');
});

describe('the page of a daemon that carries frames', { skip: needsRoot() }, () => {
  const fixture = daemonFixture();

  async function withTraffic(): Promise<{ page: string; stats: StatsView; vnic: string }> {
    const { daemon, netns } = fixture();
    await daemon.createOverlay(fixture().overlay());
    const vnic = fixture().vnic();
    await daemon.createVnic(vnic);
    netns.exec('ip', 'addr', 'add', '10.55.55.2/24', 'dev', vnic.name);
    netns.exec('ip', 'neigh', 'add', '10.55.55.3', 'lladdr', OTHER_MAC, 'dev', vnic.name);
    await until(() => {
      // Again, where the kernel noticed so late that the interface carries frames that these were lost.
      assert.throws(() => netns.exec('ping', '-c', '5', '-i', '0.01', '-W', '0.1', '10.55.55.3'), 'nobody answers');
      assert.throws(() => netns.exec('arping', '-c', '2', '-w', '1', '-I', vnic.name, '10.55.55.4'), 'nobody has it');
      const { overlays } = daemon.stats({ overlay: [] });
      return overlays[0]!.encap.frames >= 5 && overlays[0]!.drops.arp_unknown !== undefined;
    });
    // The VNIC's host also sends what nobody asked for.
    let [page, stats] = ['', daemon.stats({ overlay: [] })];
    await until(async () => {
      const before = stats;
      page = Buffer.from(await daemon.probes.metrics()).toString();
      stats = daemon.stats({ overlay: [] });
      return isDeepStrictEqual(before, stats);
    });
    return { page, stats, vnic: vnic.name };
  }

  it('is right in the eyes of promtool, has every metric, and every label that is documented', async () => {
    const { page } = await withTraffic();
    check(['check', 'metrics'], page);
    const shown = new Set([...page.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name));
    const absent = FAMILIES.map(({ name }) => name).filter((name) => !shown.has(name));
    const unsaid = ['vxlane_configuration_status', 'vxlane_endpoint_heard_seconds', 'vxlane_endpoint_path_mtu_bytes'];
    assert.deepEqual(absent, unsaid, 'no file, no answer, no router');
    for (const { name, type, labels } of FAMILIES.filter(({ name }) => shown.has(name))) {
      const end = type === 'histogram' ? '(?:_bucket|_sum|_count)' : '';
      for (const [, inside = ''] of page.matchAll(new RegExp(`^${name}${end}(?:\\{(.*)\\})? `, 'gm'))) {
        const found = [...inside.matchAll(/(\w+)="/g)].map(([, label]) => label).filter((label) => label !== 'le');
        assert.deepEqual(found, labels, name);
      }
    }
  });

  it('says what show-stats says', async () => {
    const { page, stats, vnic } = await withTraffic();
    const values = parsed(page);
    const { encap, drops, plugin } = stats.overlays[0]!;
    const own = stats.vnics[0]!;
    const overlay = 'overlay="overlay0"';
    assert.ok(plugin.questions > 0 && own.tx.frames > 5);
    const expected: [string, number][] = [
      [`vxlane_overlay_encap_frames_total{${overlay}}`, encap.frames],
      [`vxlane_overlay_encap_bytes_total{${overlay}}`, encap.bytes],
      [`vxlane_vnic_transmit_frames_total{${overlay},vnic="${vnic}"}`, own.tx.frames],
      [`vxlane_vnic_dropped_frames_total{${overlay},vnic="${vnic}"}`, own.drops],
      [`vxlane_plugin_questions_total{${overlay},plugin="files"}`, plugin.questions],
      ...stats.endpoints.map(({ endpoint, encap: sent }): [string, number] => {
        return [`vxlane_endpoint_encap_frames_total{endpoint="${endpoint}"}`, sent.frames];
      }),
      ...Object.entries(drops).map(([reason, frames]): [string, number] => {
        return [`vxlane_overlay_dropped_frames_total{${overlay},reason="${reason}"}`, frames];
      }),
      ...stats.drops.map(({ reason, frames, isExpected }): [string, number] => {
        return [`vxlane_dropped_frames_total{reason="${reason}",expected="${isExpected}"}`, frames];
      }),
      ['vxlane_worker_encap_in_frames_total{worker="0"}', stats.totals.encapIn!],
      ['vxlane_worker_encap_out_frames_total{worker="0"}', stats.totals.encapOut!],
    ];
    assert.deepEqual(
      expected.map(([name]) => [name, values.get(name)]),
      expected,
    );
    const took = (kind: string) => values.get(`vxlane_upcall_duration_seconds_count{kind="${kind}"}`)!;
    assert.ok(took('miss') >= 1 && took('proxy') >= 2, `${took('miss')} misses, ${took('proxy')} for the proxy`);
    for (const name of ['vxlane_worker_turns_total{worker="0"}', 'vxlane_worker_running{worker="0"}']) {
      assert.ok(values.get(name)! >= 1, name);
    }
  });

  it('is made once for all who ask at the same time', async () => {
    const { probes } = fixture().daemon;
    const [one, two] = [probes.metrics(), probes.metrics()];
    assert.equal(await one, await two);
    assert.notEqual(await probes.metrics(), await one);
  });

  it('a daemon is not well, nor ready, while one of its workers does not run', () => {
    const { daemon } = fixture();
    assert.deepEqual([daemon.probes.unhealthy(), daemon.probes.unready()], [null, null]);
    const workers = [{ isRunning: true }, { isRunning: false }];
    const registry = { datapath: { workerViews: () => workers }, isEnding: () => false } as unknown as Registry;
    const probes = new DaemonProbes(registry, () => daemon.daemon());
    const reason = 'datapath worker 1 does not run';
    assert.deepEqual([probes.unhealthy(), probes.unready()], [reason, reason]);
  });
});
