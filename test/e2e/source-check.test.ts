/** Who may send to an overlay: a peer that the search plugin names, and not a stranger, with every built-in plugin. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import type { Server } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { withNetns } from '../../src/system/netns.js';
import { needsEtcd } from '../support/etcd.js';
import { BROADCAST, datagram, frame } from '../support/frames.js';
import { SvpServer } from '../support/svp-server.js';
import { ENDPOINT, PREFIX, STORE, Store } from './etcd-store.js';
import { buildSourceLab, INNER, reaching, type SourceLab, UNDERLAY, untilReaching, VNI } from './source-lab.js';
import { drops, eventually, labTest, mac, pingAll } from './support.js';

/** The peer's requests come through, all of them, and are answered; the stranger's are not, and it is named. */
async function checkBoth(lab: SourceLab): Promise<void> {
  const { ours, peer, stranger, addresses } = lab;
  await pingAll(peer, INNER[0]);
  assert.equal(await reaching(lab, stranger), 0);
  assert.equal(await reaching(lab, peer), 3);
  const refused = await drops(ours, 'source_unknown');
  assert.ok(refused >= 3, `${refused} frames were refused`);
  const allow = `vxlane modify-overlay -p source-allow=${addresses[2]} ov0`;
  const status = await ours.vxlane('status');
  assert.match(
    status,
    new RegExp(`ov0 has dropped \\d+ frames of ${addresses[2].replaceAll('.', '\\.')}, which is no`),
  );
  assert.ok(status.includes(allow), status);
  assert.ok((await ours.vxlane('show-stats')).includes(allow));
  assert.ok(ours.daemonLog().includes(allow));
}

/** Whether each of three requests of the stranger is dropped for its sender. */
async function isRefused({ ours, stranger }: SourceLab): Promise<boolean> {
  const before = await drops(ours, 'source_unknown');
  await stranger.try(['ping', '-n', '-c', '3', '-i', '0.2', '-W', '0.3', INNER[0]]);
  return (await drops(ours, 'source_unknown')) === before + 3;
}

for (const [family, border] of [
  [4, 'tap'],
  [6, 'socket'],
] as const) {
  labTest(`direct, IPv${family}, border ${border}: its peer may send, a stranger may not`, async ({ lab, step }) => {
    const [, peer] = UNDERLAY[family];
    const source = await buildSourceLab(lab, family, 'direct', [`direct/dest_ip=${peer}`], ['--underlay', border]);
    const { ours, stranger, addresses } = source;
    await checkBoth(source);

    await step('the command that status names lets the stranger in', async () => {
      await ours.vxlane('modify-overlay', '-p', `source-allow=${addresses[2]}`, 'ov0');
      assert.equal(await reaching(source, stranger), 3);
      assert.ok(!(await ours.vxlane('status')).includes('has dropped'), 'it is no stranger now');
      await ours.vxlane('modify-overlay', '-p', 'source-allow=none', 'ov0');
      assert.equal(await reaching(source, stranger), 0);
    });

    await step('source-check=off lets anybody in', async () => {
      await ours.vxlane('modify-overlay', '-p', 'source-check=off', 'ov0');
      assert.equal(await reaching(source, stranger), 3);
      await ours.vxlane('modify-overlay', '-p', 'source-check=vtep', 'ov0');
      assert.equal(await reaching(source, stranger), 0);
    });

    await step("a VNIC's own MAC never comes in", async () => {
      await stranger.exec('ip', 'link', 'set', 'vx0', 'address', mac(1));
      await ours.vxlane('modify-overlay', '-p', 'source-check=off', 'ov0');
      await stranger.exec('ip', 'neigh', 'replace', INNER[0], 'lladdr', 'ff:ff:ff:ff:ff:ff', 'dev', 'vx0');
      assert.equal(await reaching(source, stranger), 0);
      assert.equal(await drops(ours, 'source_local'), 3);
    });
  });
}

labTest('files: the table says who may send, before and after it changes, a restart and kill -9', async (context) => {
  const { lab, step } = context;
  const file = join(lab.dir, 'hosts.json');
  const [own, at, strange] = UNDERLAY[4];
  const table = (entries: Record<string, string>) =>
    writeFileSync(file, JSON.stringify(Object.fromEntries(Object.entries(entries).map(([key, ip]) => [key, { ip }]))));
  table({ [mac(1)]: own, [mac(2)]: at });
  const source = await buildSourceLab(lab, 4, 'files', [`files/config=${file}`]);
  const { ours, peer, stranger } = source;
  await step('nobody has asked for the peer, and all that it sends comes through', async () => {
    assert.equal(await reaching(source, peer), 3);
    await checkBoth(source);
  });

  await step('fdb: a MAC comes from where the table has it', async () => {
    await ours.vxlane('modify-overlay', '-p', 'source-check=fdb', 'ov0');
    await pingAll(peer, INNER[0]);
    await peer.exec('ip', 'link', 'set', 'vx0', 'address', mac(1 + 1 + 16));
    assert.equal(await reaching(source, peer), 0, 'the table has no such MAC');
    await peer.exec('ip', 'link', 'set', 'vx0', 'address', mac(2));
    await ours.vxlane('modify-overlay', '-p', 'source-check=vtep', 'ov0');
  });

  await step('an entry comes, an entry goes', async () => {
    table({ [mac(1)]: own, [mac(2)]: at, [mac(9)]: strange });
    await untilReaching(source, stranger, 3);
    table({ [mac(1)]: own, [mac(2)]: at });
    await untilReaching(source, stranger, 0);
    await pingAll(peer, INNER[0]);
  });

  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    await step(`a restart after ${signal}`, async () => {
      await ours.stopDaemon(signal);
      await ours.startDaemon();
      await ours.vxlane('wait');
      assert.equal(await reaching(source, peer), 3);
      assert.equal(await reaching(source, stranger), 0);
    });
  }

  await step('the plugin is swapped while the peer sends: it is known throughout', async () => {
    const pings = peer.spawn(['ping', '-n', '-i', '0.02', '-c', '400', '-W', '2', INNER[0]], { timeoutMs: 60_000 });
    for (const search of ['direct', 'flood', 'files', 'direct', 'files']) {
      const at4 = {
        direct: `direct/dest_ip=${at}`,
        flood: `flood/endpoints=${own},${at}`,
        files: `files/config=${file}`,
      };
      await ours.vxlane('modify-overlay', '--search', search, '-p', at4[search as keyof typeof at4], 'ov0');
      assert.ok(await isRefused(source), search);
    }
    const { stdout } = await pings.done;
    assert.match(stdout, /400 packets transmitted, 400 received/);
  });
});

labTest(
  'flood: those of the list may send; with a group anybody, unless it is said otherwise',
  async ({ lab, step }) => {
    const [own, at, strange] = UNDERLAY[4];
    const source = await buildSourceLab(lab, 4, 'flood', [`flood/endpoints=${own},${at}`]);
    const { ours, peer, stranger } = source;
    await checkBoth(source);
    await step(
      'what a stranger sends teaches nothing, and whoever was let in and is no more is forgotten',
      async () => {
        const shows = async () => ours.vxlane('show-overlay', '-t', 'ov0');
        assert.ok(!(await shows()).includes(strange));
        await ours.vxlane('modify-overlay', '-p', 'source-check=off', 'ov0');
        assert.equal(await reaching(source, stranger), 3);
        await pingAll(stranger, INNER[0]); // it has been learned by now
        assert.ok((await shows()).includes(strange));
        await ours.vxlane('modify-overlay', '-p', 'source-check=vtep', 'ov0');
        assert.ok(!(await shows()).includes(strange));
        await pingAll(peer, INNER[0]);
      },
    );
    await step('a group: whoever is in it need not be in a list', async () => {
      await ours.vxlane('delete-vnic', 'v0');
      await ours.vxlane('delete-overlay', 'ov0');
      const properties = [`vxlan/listen_ip=${own}`, 'flood/group=239.1.1.1'].flatMap((each) => ['-p', each]);
      const create = ['create-overlay', '-v', String(VNI), '-e', 'vxlan', '-s', 'flood', ...properties, 'ov0'];
      const { stderr } = await ours.tryVxlane(...create);
      assert.match(stderr, /source-check is off/);
      assert.match(await ours.vxlane('show-overlay', 'ov0'), /source-check +rw +- +off +off/);
    });
  },
);

labTest('svp: a peer that sends first is asked about, and loses nothing; a stranger is not let in', async ({ lab }) => {
  const home = await lab.addHost('svp', { addresses: ['10.88.88.100/24'] });
  const server = new SvpServer();
  await server.listen((listener: Server) => withNetns(home.netns, () => listener.listen(1296)));
  try {
    const [own, at, strange] = UNDERLAY[4];
    server.set(VNI, mac(1), { ip: own, owns: [] });
    server.set(VNI, mac(2), { ip: at, owns: [] });
    const source = await buildSourceLab(lab, 4, 'svp', ['svp/host=10.88.88.100', `svp/underlay_ip=${own}`]);
    const { ours, peer, stranger } = source;
    assert.equal(await reaching(source, peer), 3, 'its first request waits for the answer');
    await checkBoth(source);
    await stranger.exec('ip', 'link', 'set', 'vx0', 'address', mac(2));
    assert.equal(await reaching(source, stranger), 0, "with the peer's MAC");
    await stranger.exec('ip', 'link', 'set', 'vx0', 'address', mac(9));
    await ours.vxlane('modify-overlay', '-s', `${mac(9)}=${strange}:4789`, 'ov0');
    assert.equal(await reaching(source, stranger), 3, 'the operator knows it');
  } finally {
    await server.close();
  }
});

labTest('a program of this host does not send in its name', async ({ lab }) => {
  const file = join(lab.dir, 'hosts.json');
  const [own, at] = UNDERLAY[4];
  writeFileSync(file, JSON.stringify({ [mac(1)]: { ip: own }, [mac(2)]: { ip: at }, [mac(3)]: { ip: own } }));
  const source = await buildSourceLab(lab, 4, 'files', [`files/config=${file}`]);
  const { ours, peer } = source;
  await ours.vxlane('lookup', 'ov0', mac(3));
  const bytes = datagram(VNI, frame(BROADCAST, mac(2))).toString('base64');
  const program = `process.setuid(65534); const socket = require('node:dgram').createSocket('udp4');
    socket.send(Buffer.from('${bytes}', 'base64'), 4789, '${own}', () => socket.close())`;
  await ours.exec(process.execPath, '-e', program);
  await eventually('it is refused', async () => (await drops(ours, 'source_unknown')) === 1);
  assert.match(await ours.vxlane('status'), new RegExp(`has dropped 1 frames? of ${own.replaceAll('.', '\\.')}`));
  assert.equal(await reaching(source, peer), 3);
});

const missing = needsEtcd();
if (missing !== false) test('etcd: the keys say who may send', { skip: missing }, () => {});
else {
  labTest('etcd: the keys say who may send', async ({ lab, step }) => {
    const store = new Store(await lab.addHost('store', { addresses: [`${STORE}/24`] }));
    await store.start();
    const [own, at, strange] = UNDERLAY[4];
    await store.put(mac(1), { ip: own });
    await store.put(mac(2), { ip: at });
    const source = await buildSourceLab(lab, 4, 'etcd', [`etcd/endpoints=${ENDPOINT}`, `etcd/prefix=${PREFIX}`]);
    await checkBoth(source);
    await step('a key comes', async () => {
      await store.put(mac(9), { ip: strange });
      await untilReaching(source, source.stranger, 3);
    });
    await step('etcd is gone: who was known stays so', async () => {
      await store.kill();
      assert.equal(await reaching(source, source.peer), 3);
    });
  });
}
