/** hosts.json edited under traffic: nothing is lost, a bad edit changes nothing, and what moves is followed. */
import assert from 'node:assert/strict';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { buildSeed, SEED_FILE, type SeedMachine } from '../../src/demo/seed.js';
import { SteadyFlows } from './steady-flows.js';
import { eventually, type Host, labTest, neighbourOf, pingAll, untilUsable } from './support.js';

type Entries = Record<string, { ip: string; port: number; arp: string; ndp: string }>;

interface Health {
  status: string;
  details: string;
}

labTest('an edit of hosts.json takes effect under traffic', async ({ lab, step }) => {
  const { machines, file } = await buildSeed(lab);
  const [zlan, zlan2, zlan3] = machines as [SeedMachine, SeedMachine, SeedMachine];
  await Promise.all(machines.map(({ host, seed }) => untilUsable(host, seed.vnic)));
  const edit = (change: (entries: Entries) => void) => {
    const entries = JSON.parse(SEED_FILE) as Entries;
    change(entries);
    replace(file, JSON.stringify(entries, null, 2));
  };

  await step('valid edits lose no packet', async () => {
    const flows = await SteadyFlows.start(zlan.host, zlan2.host, [{ name: 'zlan to zlan2', address: '10.55.55.3' }]);
    for (let turn = 0; turn < 12; turn += 1) {
      const extra = `02:00:00:00:00:${turn.toString(16).padStart(2, '0')}`;
      if (turn % 2 === 0) edit((entries) => setEntry(entries, extra, turn));
      else writeFileSync(file, SEED_FILE); // in place, as an editor without a temporary file does
      await sleep(250);
    }
    await flows.end();
  });

  await step('a bad edit is shown, changes nothing and goes away with the next good one', async () => {
    await zlan.host.vxlane('modify-overlay', '-f', 'overlay0'); // so that what is known is asked again
    replace(file, SEED_FILE.replace('"10.88.88.70"', '"10.88.88"'));
    const { details } = await degraded(zlan.host);
    assert.match(details, /de:ad:be:ef:00:01\.ip: not an IP address: "10\.88\.88"/);
    assert.match(await zlan.host.vxlane('show-overlay', '-f'), /overlay0 +DEGRADED +.*de:ad:be:ef:00:01\.ip/);
    await pingAll(zlan.host, '10.55.55.3');
    replace(file, '{ "de:ad');
    await eventually('the syntax error is shown', async () => /line 1/.test((await health(zlan.host)).details));
    await pingAll(zlan.host, '10.55.55.4');
    replace(file, SEED_FILE);
    await eventually('ONLINE again', async () => (await health(zlan.host)).status === 'ONLINE');
  });

  await step('a MAC that moves to another host is followed', async () => {
    const destination = () => targetOf(zlan.host, zlan2.seed.mac);
    await pingAll(zlan.host, '10.55.55.3');
    assert.equal(await destination(), '10.88.88.70:4789');
    await zlan2.host.vxlane('delete-vnic', 'bar0');
    const moved = await lab.addMachine('moved');
    await zlan3.host.vxlane('create-vnic', '-m', zlan2.seed.mac, '-l', 'overlay0', '-n', moved.netns, 'bar0');
    await moved.exec('ip', 'addr', 'add', '10.55.55.3/24', 'dev', 'bar0');
    edit((entries) => {
      (entries[zlan2.seed.mac] as Entries[string]).ip = '10.88.88.71';
    });
    await eventually('zlan sends to the new host', async () => (await destination()) === '10.88.88.71:4789');
    await pingAll(zlan.host, '10.55.55.3');
  });

  await step('an address that moves to another MAC is announced to those who know the old one', async () => {
    const { host, seed } = zlan;
    await pingAll(host, '10.55.55.4');
    await pingAll(host, `fe80::5%${seed.vnic}`);
    assert.equal(await neighbourOf(host, seed.vnic, '10.55.55.4'), zlan3.seed.mac);
    assert.equal(await neighbourOf(host, seed.vnic, 'fe80::5'), zlan3.seed.mac);
    edit((entries) => {
      const [second, third] = [entries[zlan2.seed.mac], entries[zlan3.seed.mac]] as [Entries[string], Entries[string]];
      [second.arp, third.arp] = [third.arp, second.arp];
      [second.ndp, third.ndp] = [third.ndp, second.ndp];
    });
    for (const address of ['10.55.55.4', 'fe80::5']) {
      await eventually(`zlan knows the new owner of ${address}`, async () => {
        return (await neighbourOf(host, seed.vnic, address)) === zlan2.seed.mac;
      });
    }
  });
});

function setEntry(entries: Entries, mac: string, last: number): void {
  entries[mac] = { ip: '10.88.88.99', port: 4789, arp: `10.55.55.${100 + last}`, ndp: `fe80::${100 + last}` };
}

/** Replaces a file as careful programs do: readers see the old text or the new one. */
function replace(file: string, text: string): void {
  writeFileSync(`${file}.new`, text);
  renameSync(`${file}.new`, file);
  assert.equal(readFileSync(file, 'utf8'), text);
}

async function health(host: Host): Promise<Health> {
  const [overlay] = await host.vxlaneJson<Health[]>('show-overlay', '-f', 'overlay0');
  return overlay as Health;
}

function degraded(host: Host): Promise<Health> {
  return eventually('DEGRADED', async () => {
    const now = await health(host);
    return now.status === 'DEGRADED' && now;
  });
}

async function targetOf(host: Host, mac: string): Promise<string | undefined> {
  const rows = await host.vxlaneJson<{ mac: string; destination: string }[]>('show-overlay', '-t', 'overlay0');
  return rows.find((row) => row.mac === mac)?.destination;
}
