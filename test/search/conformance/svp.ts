/** What the suite is told of `svp`: a server on loopback that holds two MACs and moves one. */
import type { Backend, Subject } from 'vxlane/search/testing';
import { SvpServer, uuid } from '../../support/svp-server.js';

const [A, B] = ['de:ad:be:ef:00:00', 'de:ad:be:ef:00:01'] as const;
const VNI = 23;
const UNDERLAY_IP = '10.88.88.69';
let records = 0;

export const svpSubject = {
  plugin: 'svp',
  known: { [A]: { ip: '10.88.88.69', port: 4789 }, [B]: { ip: '10.88.88.70', port: 4790 } },
  unknown: 'de:ad:be:ee:00:00',
  owners: { '10.55.55.2': A, '10.55.55.3': B, '10.55.55.4': null, 'fe80::3': A, 'fe80::5': null },
  changes: { [A]: { ip: '10.88.88.71', port: 4789 } },
  wrong: { 'svp/host': '10.0.0.1:1296', 'svp/underlay_ip': '224.0.0.1' },
  noticeMs: 25_000, // the log is read every 5 to 10 s, and a server that was away is tried again after up to 32
  backend: serverBackend,
} satisfies Subject;

async function serverBackend(): Promise<Backend> {
  const server = new SvpServer();
  server.set(VNI, A, { ip: '10.88.88.69', owns: ['10.55.55.2', 'fe80::3'] });
  server.set(VNI, B, { ip: '10.88.88.70', port: 4790, owns: ['10.55.55.3', 'fe80::4'] });
  const port = await server.listen();
  const answer = server.behave;
  let isOpen = true;
  return {
    properties: { 'svp/host': '127.0.0.1', 'svp/port': String(port), 'svp/underlay_ip': UNDERLAY_IP },
    change: () => {
      server.set(VNI, A, { ip: '10.88.88.71', owns: ['10.55.55.2', 'fe80::3'] });
      server.record(UNDERLAY_IP, { uuid: uuid(++records), vni: VNI, mac: A });
    },
    hang: () => {
      server.behave = () => {};
    },
    fail: async () => {
      isOpen = false;
      await server.close();
    },
    mend: async () => {
      server.behave = answer;
      if (!isOpen) await server.listen((listener) => listener.listen(port, '127.0.0.1'));
      isOpen = true;
    },
    close: async () => {
      if (isOpen) await server.close();
    },
  };
}
