/** Daemons that ask a Service Volume Protocol server: a machine moves, addresses move, the server goes and comes. */
import assert from 'node:assert/strict';
import type { Server } from 'node:net';
import { withNetns } from '../../src/system/netns.js';
import { OPS, SvpServer, sixteen, uuid } from '../support/svp-server.js';
import { eventually, type Host, labTest, mac, neighbourOf, pingAll, setLinkLocal, untilUsable } from './support.js';
import { vtepsAnswer } from './vtep-ping.js';

const VNI = 23;
const SERVER = '10.88.88.100';
/** A log is read within 10 s, and what it was about asked again 11 s later, as the server has a cache of 10 s. */
const NOTICED_MS = 40_000;

labTest('hosts find each other by an svp server, and what moves is followed', async ({ lab, step }) => {
  const home = await lab.addHost('svp', { addresses: [`${SERVER}/24`] });
  const server = new SvpServer();
  const listen = () => server.listen((listener: Server) => withNetns(home.netns, () => listener.listen(1296)));
  await listen();
  try {
    const [one, two, three] = (await Promise.all([1, 2, 3].map((n) => addDaemon(n)))) as [Host, Host, Host];
    // reads the same log as overlay0, and must leave it alone
    await createOverlay(one, 1, 24, 'beside');
    await addMachine(one, one, 1);
    await addMachine(two, two, 2);

    await step('they ping each other over IPv4 and IPv6', async () => {
      await pingAll(one, '10.55.55.2');
      await pingAll(one, 'fe80::2%vnic1');
      assert.equal(await destination(one, mac(2)), '10.88.88.2:4789');
    });

    await step('their VTEPs answer each other', async () => {
      await vtepsAnswer(one, 'overlay0', '--all', ['10.88.88.2:4789']);
      await vtepsAnswer(two, 'overlay0', mac(1), ['10.88.88.1:4789']);
    });

    await step('a machine moves to another host: frames follow, though the server answers what it was', async () => {
      await one.vxlane('modify-overlay', '-d', mac(2), 'overlay0');
      await pingAll(one, '10.55.55.2'); // the server has the answer in its cache now
      await two.vxlane('delete-vnic', 'vnic2');
      const moved = await lab.addMachine('moved');
      await addMachine(three, moved, 2);
      locate(2, 3, 2);
      server.record('10.88.88.1', { uuid: uuid(1), vni: VNI, mac: mac(2) });
      await eventually('the record is acknowledged', async () => server.logOf('10.88.88.1').length === 0, NOTICED_MS);
      await eventually('frames follow', () => isReached(one, '10.55.55.2'), NOTICED_MS);
      assert.equal(await destination(one, mac(2)), '10.88.88.3:4789');
      server.cacheMs = 0; // the other steps need not wait for that
    });

    await step('addresses move to another machine: the neighbours that knew the old one are told', async () => {
      await pingAll(one, 'fe80::2%vnic1');
      assert.equal(await neighbourOf(one, 'vnic1', '10.55.55.2'), mac(2));
      locate(2, 3);
      locate(4, 2, 2);
      const ownersAsked = () =>
        server.asked(OPS.VL3).filter(({ payload }) => sixteen('fe80::2').equals(payload.subarray(0, 16))).length;
      const before = ownersAsked();
      for (const [n, ip] of ['10.55.55.2', 'fe80::2'].entries()) {
        server.record('10.88.88.1', { uuid: uuid(10 + n), vni: VNI, ip });
      }
      for (const address of ['10.55.55.2', 'fe80::2']) {
        const knows = async () => (await neighbourOf(one, 'vnic1', address)) === mac(4);
        await eventually(`the new owner of ${address} is known`, knows, NOTICED_MS);
      }
      await eventually('acknowledged', async () => server.logOf('10.88.88.1').length === 0);
      assert.equal(ownersAsked() - before, 1, 'one question of its new owner');
      assert.deepEqual([...server.acknowledged].sort(), [uuid(1), uuid(10), uuid(11)].sort(), 'once each');
    });

    await step('a server that goes costs nothing that is known, and nothing for good', async () => {
      locate(2, 3, 2);
      await one.exec('ip', 'neigh', 'flush', 'dev', 'vnic1');
      await pingAll(one, '10.55.55.2');
      await server.close();
      await pingAll(one, '10.55.55.2');
      await listen();
      await one.vxlane('modify-overlay', '-f', 'overlay0');
      await eventually('asked again', () => isReached(one, '10.55.55.2'));
    });
  } finally {
    await server.close();
  }

  async function addDaemon(n: number): Promise<Host> {
    const host = await lab.addHost(`host${n}`, { addresses: [`10.88.88.${n}/24`] });
    await host.startDaemon();
    await createOverlay(host, n, VNI, 'overlay0');
    return host;
  }

  async function createOverlay(host: Host, n: number, vni: number, name: string): Promise<void> {
    const properties = [`vxlan/listen_ip=10.88.88.${n}`, `svp/host=${SERVER}`, `svp/underlay_ip=10.88.88.${n}`];
    const options = properties.flatMap((each) => ['-p', each]);
    await host.vxlane('create-overlay', '-v', String(vni), '-e', 'vxlan', '-s', 'svp', ...options, name);
  }

  /** A VNIC of machine `n` on `host`, in the namespace of `guest`, with its addresses. */
  async function addMachine(host: Host, guest: Host, n: number): Promise<void> {
    const device = `vnic${n}`;
    const where = host === guest ? [] : ['-n', guest.netns];
    await host.vxlane('create-vnic', '-m', mac(n), '-l', 'overlay0', ...where, device);
    await guest.exec('ip', 'link', 'set', device, 'up');
    await guest.exec('ip', 'addr', 'add', `10.55.55.${n}/24`, 'dev', device);
    await setLinkLocal(guest, device, `fe80::${n}`);
    await untilUsable(guest, device);
    if (host === guest) locate(n, n, n);
  }

  /** The server says: machine `n` is on that host, and has the addresses with that last number, or none. */
  function locate(n: number, host: number, last: number | null = null): void {
    const owns = last === null ? [] : [`10.55.55.${last}`, `fe80::${last}`];
    server.set(VNI, mac(n), { ip: `10.88.88.${host}`, owns });
  }
});

async function isReached(host: Host, address: string): Promise<boolean> {
  return (await host.try(['ping', '-c', '1', '-W', '2', address])).code === 0;
}

async function destination(host: Host, target: string): Promise<string | undefined> {
  const rows = await host.vxlaneJson<{ mac: string; destination: string }[]>('show-overlay', '-t', 'overlay0');
  return rows.find((row) => row.mac === target)?.destination;
}
