/** What the suite is told of `etcd`: a real one for every case, which is stopped, killed and started again. */
import type { Backend, Subject } from 'vxlane/search/testing';
import { EtcdServer } from '../../support/etcd.js';

const [A, B, C, D] = [0, 1, 2, 3].map((n) => `de:ad:be:ef:00:0${n}`) as [string, string, string, string];

const HERE = '192.0.2.1';

export const etcdSubject = {
  plugin: 'etcd',
  known: { [A]: { ip: '10.88.88.69', port: 4789 }, [B]: { ip: '10.88.88.70', port: 4790 } },
  portless: { [D]: '10.88.88.73' },
  unknown: 'de:ad:be:ee:00:00',
  owners: { '10.55.55.2': A, '10.55.55.3': B, '10.55.55.4': null, 'fe80::3': A, 'fe80::5': null },
  servers: { [B]: A, [A]: null },
  changes: { [A]: { ip: '10.88.88.71', port: 4790 }, [B]: null, [C]: { ip: '10.88.88.72', port: 4789 } },
  wrong: { 'etcd/endpoints': 'ftp://127.0.0.1', 'etcd/prefix': '/vxlane' },
  noticeMs: 40_000, // one that was away is tried again after up to 32 s
  backend: etcdBackend,
} satisfies Subject;

async function etcdBackend(): Promise<Backend> {
  const server = await EtcdServer.start();
  const key = (mac: string) => `/vxlane/${mac}`;
  await server.put(key(A), { ip: '10.88.88.69', port: 4789, arp: '10.55.55.2', ndp: 'fe80::3' });
  await server.put(key(B), { ip: '10.88.88.70', port: 4790, arp: '10.55.55.3', ndp: 'fe80::4', 'dhcp-proxy': A });
  await server.put(key(D), { ip: '10.88.88.73' });
  let isKilled = false;
  return {
    properties: { 'etcd/endpoints': server.endpoint, 'etcd/register': 'true', 'etcd/vtep': HERE },
    async locals() {
      const locals: Record<string, string[]> = {};
      for (const [key, { value }] of await server.all('/vxlane/')) {
        const { ip, arp = [], ndp = [] } = JSON.parse(value);
        if (ip === HERE) locals[key.slice('/vxlane/'.length)] = [arp, ndp].flat();
      }
      return locals;
    },
    async change() {
      await server.put(key(A), { ip: '10.88.88.71', port: 4790 });
      await server.ctl('del', key(B));
      await server.put(key(C), { ip: '10.88.88.72', port: 4789 });
    },
    hang: () => server.freeze(),
    async fail() {
      isKilled = true;
      await server.kill();
    },
    async mend() {
      if (isKilled) await server.start();
      else server.thaw();
      isKilled = false;
    },
    close: () => server.remove(),
  };
}
