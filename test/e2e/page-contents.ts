/** What the page shows, beside what the daemon and its commands say. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createClient, type StatsView } from '../../src/control/client.js';
import { inner, PATIENCE_MS, type Parts, rows, shows, vnicMac } from './page-lab.js';
import { eventually } from './support.js';

/** Where no route leads. */
const NOWHERE = { mac: '02:00:00:00:00:99', ip: '203.0.113.9', inner: '10.55.55.99' };
/** Of traffic, as the map has it. */
const RATE = String.raw`[1-9][\d.]* kbit/s, [1-9]\d*(\.\d+)? frames/s`;
const HOSTILE = '<img src=x onerror=window.hacked=1>';
/** One that says markup whatever it is asked. */
const HOSTILE_PLUGIN = `export default { name: 'evil', mode: 'dynamic', properties: [], create: () => ({
  start() {}, stop() {}, lookup() { throw new Error('<script>window.hacked=2</script>'); } }) };`;

const grouped = (value: number): string => String(value).replaceAll(/\B(?=(\d{3})+$)/g, ',');
const traffic = ({ frames, bytes }: { frames: number; bytes: number }) => [grouped(frames), grouped(bytes)];
const nameOf = (item: string): string => item.trim().split(' ')[0]!;

export async function counters(parts: Parts): Promise<void> {
  const { page, one } = parts;
  await sameCounters(parts);
  const { overlays } = await one.vxlaneJson<StatsView>('show-stats');
  assert.ok(overlays.find(({ name }) => name === 'blue0')!.encap.frames >= 6);
  const health = (await rows(page, '#overlays-table')).map(([name, status, vni]) => [name, status, vni]);
  assert.deepEqual(health, [
    ['blue0', 'ONLINE', '7'],
    ['green0', 'ONLINE', '8'],
  ]);
}

export async function sameCounters({ page, one }: Parts): Promise<void> {
  const wanted = (stats: StatsView) => ({
    overlays: stats.overlays.map(({ name, encap, decap, drops }) => {
      const dropped = Object.values(drops).reduce((sum, frames) => sum + frames, 0);
      return [name, ...traffic(encap), ...traffic(decap), grouped(dropped)];
    }),
    vnics: stats.vnics.map(({ name, tx, rx, drops }) => [name, ...traffic(tx), ...traffic(rx), grouped(drops)]),
    peers: [
      ...stats.endpoints.map(({ endpoint, overlays, encap, decap, drops: of }) => {
        return [endpoint, overlays.join(', '), ...traffic(encap), ...traffic(decap), grouped(of)];
      }),
      ...[stats.otherSenders]
        .filter(({ frames }) => frames > 0)
        .map((others) => {
          return ['others', '', '–', '–', ...traffic(others), '–'];
        }),
    ],
    drops: stats.drops.map(({ reason, frames, text }) => [reason, grouped(frames), text]),
  });
  // Hosts chatter now and then, so the two are looked at until they agree.
  let said = '';
  await eventually(
    'the page has the numbers of show-stats',
    async () => {
      const shown = {
        overlays: await rows(page, '#counters-overlays'),
        vnics: (await rows(page, '#counters-vnics')).map(([name, , , ...numbers]) => [name, ...numbers]),
        peers: (await rows(page, '#counters-peers')).map((row) => row.slice(0, 7)),
        drops: (await rows(page, '#counters-drops'))
          .filter((row) => row.length > 1)
          .map(([reason, frames, , text]) => [reason, frames, text]),
      };
      const expected = wanted(await one.vxlaneJson<StatsView>('show-stats'));
      said = `${JSON.stringify(shown)}\n${JSON.stringify(expected)}`;
      return JSON.stringify(shown) === JSON.stringify(expected);
    },
    PATIENCE_MS,
  ).catch((error: Error) => assert.fail(`${error.message}\n${said}`));
}

export async function map({ page, one }: Parts): Promise<void> {
  const flow = one.spawn(['ping', '-q', '-i', '0.05', inner(2)], { timeoutMs: 120_000 });
  const edge = (endpoint: string) => page.locator('#map-drawing .edge', { hasText: `${endpoint}:4789:` });
  const says = async (endpoint: string, pattern: RegExp) =>
    eventually(
      `the edge to ${endpoint} says ${pattern}`,
      async () =>
        pattern.test(
          (await edge(endpoint)
            .first()
            .textContent({ timeout: 1000 })
            .catch(() => '')) ?? '',
        ),
      PATIENCE_MS,
    );
  await says('10.88.88.2', new RegExp(`: sent ${RATE}; received ${RATE}; loss 0 %$`));
  const { endpoints } = await createClient(one.socket).stats();
  assert.equal(await page.locator('#map-drawing .edge').count(), endpoints.length);
  assert.match((await page.locator('#map-drawing').textContent())!, /This VTEP10\.88\.88\.1/);
  assert.match(
    (await page.locator('#map-text').textContent())!,
    /^2 peers\. Most is between here and 10\.88\.88\.2:4789: /,
  );
  // Its frames leave for where no route leads, beside those to a peer that is there.
  await one.vxlane('modify-overlay', '-s', `${NOWHERE.mac}=${NOWHERE.ip}:4789`, 'blue0');
  await one.exec('ip', 'neigh', 'add', NOWHERE.inner, 'lladdr', NOWHERE.mac, 'dev', 'web1');
  const lost = one.spawn(['ping', '-q', '-i', '0.05', NOWHERE.inner], { timeoutMs: 120_000 });
  await says(NOWHERE.ip, /: sent 0 bit\/s, 0 frames\/s; received 0 bit\/s, 0 frames\/s; loss 100 %$/);
  assert.match((await edge(NOWHERE.ip).getAttribute('class'))!, /losing/);
  await shows(page, '#map-text', /Loss on the way out to 1 peer; Drops by reason says why\.$/);
  await shows(page, '#problems', /Note: overlay blue0 drops \d+ frames\/s, most as underlay_unreachable/);
  await shows(page, '#now-drops-text', /^loss on the way out \d+(\.\d)? %$/);
  await Promise.all([flow.stop(), lost.stop()]);
  await one.vxlane('modify-overlay', '-d', NOWHERE.mac, 'blue0');
}

export async function charts({ page, one }: Parts): Promise<void> {
  await shows(page, '[data-chart=drops] .legend', /underlay_unreachable/);
  const figure = page.locator('[data-chart=frames]');
  assert.deepEqual(
    await figure
      .locator('.legend li')
      .allTextContents()
      .then((all) => all.map(nameOf)),
    ['sent', 'received'],
  );
  assert.equal(await page.locator('.plot canvas').count(), 3);
  await figure.locator('summary').click();
  assert.deepEqual(await figure.locator('thead th').allTextContents(), ['Until', 'sent', 'received']);
  const { points } = await createClient(one.socket).history();
  const most = Math.max(...points.map(({ drops, seconds }) => (drops.underlay_unreachable ?? 0) / seconds));
  const shown = await shows(page, '[data-chart=drops] figcaption', /underlay_unreachable: at most [\d.]+\/s, at /);
  assert.ok(Math.abs(Number(/unreachable: at most ([\d.]+)/.exec(shown)![1]) - most) < 1, `${shown}, and ${most}`);
  // What is of another overlay is left away.
  await page.locator('#overlays-table button', { hasText: 'green0' }).click();
  await shows(page, '[data-chart=drops] figcaption', /^Nothing was dropped that should not have been\.$/);
  await page.selectOption('#scope', '');
  await shows(page, '[data-chart=drops] figcaption', /underlay_unreachable/);
}

export async function targets({ page }: Parts): Promise<void> {
  await page.selectOption('#targets-overlay', 'blue0');
  const found = async () => (await rows(page, '#targets-table')).map(([mac, destination]) => `${mac} ${destination}`);
  for (const [sought, expected] of [
    ['DEAD.BEEF.0002', [`${vnicMac(2)} 10.88.88.2:4789`]],
    ['10.88.88.3', [`${vnicMac(3)} 10.88.88.3:4789`]],
    ['vnic web1', [`${vnicMac(1)} vnic web1`]],
  ] as const) {
    await page.fill('#targets-search', sought);
    await eventually(`${sought} is found`, async () => String(await found()) === String(expected), PATIENCE_MS);
    await shows(page, '#targets-text', /^1 of \d+ targets match\.$/);
  }
  await page.fill('#targets-search', '<nobody>');
  await shows(page, '#targets-table .nothing', /^None is like that$/);
  await page.fill('#targets-search', '');
  await shows(page, '#targets-text', /^\d+ targets\.$/);
}

export async function events({ page, one }: Parts): Promise<void> {
  await shows(page, '#events-table', /overlay created/);
  await one.vxlane('create-vnic', '-l', 'green0', '-m', '02:00:00:00:08:77', 'late0');
  await eventually(
    'the VNIC that was made is the latest of its kind',
    async () =>
      (await rows(page, '#events-table')).some(
        (row) => row.slice(1, 4).join() === 'vnic created,vnic late0,02:00:00:00:08:77',
      ),
    PATIENCE_MS,
  );
  await page.selectOption('#scope', 'blue0');
  await shows(page, '#events-text', /^Of overlay blue0 alone\.$/);
  assert.doesNotMatch((await page.locator('#events-table').textContent())!, /late0/);
  await page.selectOption('#scope', '');
  await one.vxlane('delete-vnic', 'late0');
  await shows(page, '#events-table', /vnic deleted *vnic late0/);
}

export async function trace({ page, one }: Parts): Promise<void> {
  await page.selectOption('#trace-overlay', 'blue0');
  await page.selectOption('#trace-from', 'web1');
  const end = async (...args: string[]) => {
    const { stdout } = await one.tryVxlane('trace', 'blue0', ...args);
    return /^end +(.*)$/m.exec(stdout)![1]!;
  };
  const ask = async (kind: string, value: string, name: string) => {
    await page.selectOption('#trace-kind', kind);
    await page.fill('#trace-value', value);
    await page.getByRole('button', { name: 'Trace' }).click();
    const expected = await end('--from', 'web1', `--${name}`, value);
    await eventually(
      `the trace of --${name} ${value} ends: ${expected}`,
      async () =>
        (await page
          .locator('#trace-result .end')
          .textContent({ timeout: 1000 })
          .catch(() => ''))!.endsWith(`The frame ${expected}`),
      PATIENCE_MS,
    );
  };
  await ask('ping', inner(2), 'ping');
  await ask('to', '02:00:00:00:00:42', 'to');
  assert.match((await page.locator('#trace-result .end').getAttribute('class'))!, /dropped/);
  await page.selectOption('#trace-kind', 'arp');
  await page.fill('#trace-value', 'nix');
  await page.keyboard.press('Enter');
  await shows(page, '#trace-result', /^bad trace: not an IPv4 address: nix$/);
  await page.selectOption('#trace-from', { label: 'another VTEP' });
  assert.ok(await page.locator('#trace-vtep').isVisible());
  await page.fill('#trace-vtep', '10.88.88.9');
  await page.fill('#trace-value', `${vnicMac(1)}${vnicMac(9)}88b5`);
  await page.keyboard.press('Enter');
  await shows(page, '#trace-result', /The frame is dropped: source_unknown: /);
  await page.selectOption('#trace-from', 'web1');
}

export async function hostile({ page, one, lab }: Parts): Promise<void> {
  const path = join(lab.dir, `${HOSTILE}.mjs`);
  writeFileSync(path, HOSTILE_PLUGIN, { mode: 0o644 });
  await one.vxlane('create-overlay', '-e', 'vxlan', '-v', '9', '-s', path, '-p', 'vxlan/listen_ip=10.88.88.1', 'evil0');
  await one.vxlane('create-vnic', '-l', 'evil0', '-m', '02:00:00:00:09:01', 'evil1');
  await eventually(
    'the path of the plugin is text',
    async () => (await rows(page, '#overlays-table')).some((row) => row.includes(path)),
    PATIENCE_MS,
  );
  await shows(page, '#events-table', /overlay evil0.*<img src=x onerror/);
  await page.selectOption('#trace-overlay', 'evil0');
  await page.selectOption('#trace-kind', 'to');
  await page.fill('#trace-value', '02:00:00:00:09:02');
  await page.getByRole('button', { name: 'Trace' }).click();
  await shows(page, '#trace-result', /<script>window\.hacked=2<\/script>/);
  assert.equal(await page.locator('main img, main script').count(), 0);
  assert.equal(await page.evaluate('typeof window.hacked'), 'undefined');
  await one.vxlane('delete-vnic', 'evil1');
  await one.vxlane('delete-overlay', 'evil0');
  const isGone = async () => (await rows(page, '#overlays-table')).length === 2;
  await eventually('what is deleted is not shown any more', isGone, PATIENCE_MS);
  await eventually('another overlay is traced', () => page.locator('#trace-vtep').isHidden(), PATIENCE_MS);
}
