/** What the suite is told of `evpn`: a real GoBGP for every case, which is stopped, killed and started again. */
import type { Backend, Subject } from 'vxlane/search/testing';
import { GoBgp } from '../../support/gobgp.js';

const [A, B, C] = ['de:ad:be:ef:00:00', 'de:ad:be:ef:00:01', 'de:ad:be:ef:00:02'] as const;
const [HERE, FIRST, SECOND, THIRD] = ['192.0.2.1', '10.88.88.69', '10.88.88.70', '10.88.88.71'] as const;

export const evpnSubject = {
  plugin: 'evpn',
  known: { [A]: { ip: FIRST, port: 4789 }, [B]: { ip: SECOND, port: 4789 } },
  unknown: 'de:ad:be:ee:00:00',
  owners: { '10.55.55.2': A, '10.55.55.3': B, '10.55.55.4': null, 'fe80::3': A, 'fe80::5': null },
  changes: { [A]: { ip: THIRD, port: 4789 }, [B]: null, [C]: { ip: FIRST, port: 4789 } },
  wrong: { 'evpn/gobgp': 'nowhere', 'evpn/route_targets': '65000', 'evpn/rd': '1.2.3:4', 'evpn/cert': '/cert.pem' },
  noticeMs: 40_000,
  backend: evpnBackend,
} satisfies Subject;

async function evpnBackend(): Promise<Backend> {
  const gobgp = await GoBgp.start();
  const fill = async () => {
    await gobgp.mac({ mac: A, ip: '10.55.55.2', vtep: FIRST });
    await gobgp.mac({ mac: A, ip: 'fe80::3', vtep: FIRST });
    await gobgp.mac({ mac: B, ip: '10.55.55.3', vtep: SECOND });
    await gobgp.vtep(FIRST);
  };
  await fill();
  let isKilled = false;
  return {
    properties: { 'evpn/gobgp': gobgp.endpoint },
    async change() {
      await gobgp.mac({ mac: A, ip: '10.55.55.2', vtep: THIRD });
      for (const ip of ['10.55.55.2', 'fe80::3']) await gobgp.mac({ mac: A, ip, vtep: FIRST }, 'del');
      await gobgp.mac({ mac: B, ip: '10.55.55.3', vtep: SECOND }, 'del');
      await gobgp.mac({ mac: C, vtep: FIRST });
    },
    hang: () => gobgp.freeze(),
    async fail() {
      isKilled = true;
      await gobgp.kill();
    },
    async mend() {
      if (isKilled) await gobgp.start();
      else gobgp.thaw();
      if (isKilled) await fill();
      isKilled = false;
    },
    async locals() {
      const locals: Record<string, string[]> = {};
      for (const line of await gobgp.routes(` ${HERE} `)) {
        const [, mac, ip] = /\[mac:([^\]]*)\]\[ip:([^\]]*)\]/.exec(line) ?? [];
        if (mac !== undefined && ip !== undefined) {
          locals[mac] = [...(locals[mac] ?? []), ...(ip === '<nil>' ? [] : [ip])];
        }
      }
      return locals;
    },
    close: () => gobgp.remove(),
  };
}
