/** Every code that routes.ts and docs/openapi.json name is met at that route, with the status that they say. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { followCapture } from '../../../src/control/follow-capture.js';
import type { CaptureRequest } from '../../../src/control/protocol.js';
import { sendRequest } from '../../../src/control/request.js';
import { ROUTES, type RouteName } from '../../../src/control/routes.js';
import { uniqueName } from '../../support/netns.js';
import { freePort } from '../../support/ports.js';
import { needsRoot } from '../../support/root.js';
import { ApiRig, DECLARED_MAC, document, MAC } from './rig.js';

const OTHER_MAC = 'de:ad:be:ef:00:03';
const MULTICAST = '01:00:5e:00:00:01';
const STATIC_MAC = '02:00:00:00:00:01';
const FIXED_PORT = freePort();

type Provoked = {
  [Name in RouteName]: Record<(typeof ROUTES)[Name]['refuses'][number], (rig: ApiRig) => Promise<unknown>>;
};

const vnic = (rig: ApiRig, changes: object) =>
  rig.client.createVnic({ name: uniqueName('v'), overlay: 'overlay0', mac: MAC, netns: rig.netns.name, ...changes });

const trunk = (rig: ApiRig, changes: object) =>
  rig.client.createTrunk({
    ...{ name: uniqueName('t'), mac: OTHER_MAC, netns: rig.netns.name },
    ...{ members: [{ vlan: 100, overlay: 'point0' }], ...changes },
  });

/** The VNIC that no file declares. */
const commanded = async ({ client }: ApiRig) =>
  (await client.vnics()).find(({ declared }) => declared === null)?.name ?? '';

/** Over `overlay0` with one VNIC that takes any MAC and one static target, and `point0`. */
const PROVOKED: Provoked = {
  daemon: {},
  status: {},
  reload: {},
  replace: {
    successor_failed: async ({ client, directory }) => {
      const command = process.argv;
      process.argv = [process.execPath, join(directory.path, 'no-such-program.js')];
      await client.replace().finally(() => {
        process.argv = command;
      });
    },
  },
  handover: { handover_refused: ({ client }) => client.handover({ pid: process.pid, workers: 16 }) },
  endHandover: { handover_refused: ({ client }) => client.endHandover() },
  setLogLevel: {},
  events: {},
  history: {
    no_such_overlay: ({ client }) => client.history({ overlay: 'nix' }),
    not_loaded: ({ client }) => client.history({ overlay: 'unloaded0' }),
  },
  stats: { no_such_overlay: ({ client }) => client.stats({ overlay: 'nix' }) },
  overlays: {},
  createOverlay: {
    bad_encap: (rig) => rig.client.createOverlay({ ...rig.files('new0', 1), encap: 'gre' }),
    bad_vni: (rig) => rig.client.createOverlay(rig.files('new0', 2 ** 24)),
    bad_properties: (rig) => rig.client.createOverlay({ ...rig.files('new0', 1), properties: {} }),
    bad_search_path: (rig) => rig.client.createOverlay({ ...rig.files('new0', 1), search: './x.js' }),
    name_taken: (rig) => rig.client.createOverlay(rig.files('overlay0', 1)),
    vni_taken: (rig) => rig.client.createOverlay(rig.files('new0', 23)),
    unknown_search_plugin: (rig) => rig.client.createOverlay({ ...rig.files('new0', 1), search: 'nix' }),
    search_plugin_unusable: (rig) => rig.client.createOverlay({ ...rig.files('new0', 1), search: rig.hosts }),
    plugin_failed: (rig) => {
      const path = join(rig.directory.path, 'failing.mjs');
      writeFileSync(
        path,
        `export default { name: 'failing', mode: 'dynamic', properties: [], create: () => ({
          start() { throw new Error('no'); }, stop() {}, lookup: () => null }) };`,
      );
      return rig.client.createOverlay({ ...rig.files('new0', 1), search: path, properties: rig.properties({}) });
    },
    port_in_use: async (rig) => {
      const holder = createSocket('udp4');
      await new Promise<void>((resolve) => holder.bind(FIXED_PORT, '127.0.0.1', resolve));
      const request = rig.files('new0', 1);
      const properties = { ...request.properties, 'vxlan/listen_port': String(FIXED_PORT) };
      await rig.client.createOverlay({ ...request, properties }).finally(() => holder.close());
    },
    address_not_local: (rig) => {
      const request = rig.files('new0', 1);
      const properties = { ...request.properties, 'vxlan/listen_ip': '192.0.2.78' };
      return rig.client.createOverlay({ ...request, properties });
    },
    socket_differs: (rig) => {
      const request = rig.files('new0', 1);
      const properties = { ...request.properties, 'vxlan/source_ports': '3' };
      return rig.client.createOverlay({ ...request, properties });
    },
  },
  overlay: { no_such_overlay: ({ client }) => client.overlay('nix') },
  modifyOverlay: {
    bad_modify: ({ client }) => client.modifyOverlay('overlay0', {}),
    bad_properties: ({ client }) => client.modifyOverlay('overlay0', { properties: { nix: '1' } }),
    no_such_overlay: ({ client }) => client.modifyOverlay('nix', { properties: { mtu: '1400' } }),
    not_loaded: ({ client }) => client.modifyOverlay('unloaded0', { properties: { mtu: '1400' } }),
    property_fixed: ({ client }) => client.modifyOverlay('overlay0', { properties: { vnetid: '7' } }),
    declared_in_file: ({ client }) => client.modifyOverlay('declared0', { properties: { mtu: '1400' } }),
    unknown_search_plugin: ({ client }) => client.modifyOverlay('overlay0', { search: 'nix' }),
    swap_loses_targets: ({ client }) =>
      client.modifyOverlay('overlay0', { search: 'direct', properties: { 'direct/dest_ip': '127.0.0.9' } }),
  },
  deleteOverlay: {
    no_such_overlay: ({ client }) => client.deleteOverlay('nix'),
    overlay_has_vnics: ({ client }) => client.deleteOverlay('overlay0'),
    declared_in_file: ({ client }) => client.deleteOverlay('declared0'),
  },
  targets: {
    no_such_overlay: ({ client }) => client.targets('nix'),
    not_loaded: ({ client }) => client.targets('unloaded0'),
  },
  flushTargets: { no_such_overlay: ({ client }) => client.flushTargets('nix') },
  setTarget: {
    bad_destination: ({ client }) => client.setTarget('overlay0', STATIC_MAC, { destination: 'x' }),
    bad_target_mac: ({ client }) => client.setTarget('overlay0', MULTICAST, { destination: 'drop' }),
    no_such_overlay: ({ client }) => client.setTarget('nix', STATIC_MAC, { destination: 'drop' }),
    target_is_vnic: ({ client }) => client.setTarget('overlay0', MAC, { destination: 'drop' }),
    targets_of_point: ({ client }) => client.setTarget('point0', STATIC_MAC, { destination: 'drop' }),
    wrong_family: ({ client }) => client.setTarget('overlay0', STATIC_MAC, { destination: '[fd00::1]:4789' }),
    points_to_itself: ({ client, port }) =>
      client.setTarget('plain0', STATIC_MAC, { destination: `127.0.0.1:${port}` }),
    declared_in_file: ({ client }) => client.setTarget('declared0', STATIC_MAC, { destination: 'drop' }),
  },
  deleteTarget: {
    no_such_overlay: ({ client }) => client.deleteTarget('nix', STATIC_MAC),
    no_such_target: ({ client }) => client.deleteTarget('overlay0', OTHER_MAC),
    target_is_vnic: ({ client }) => client.deleteTarget('overlay0', MAC),
  },
  moves: {
    no_such_overlay: ({ client }) => client.moves('nix'),
    not_loaded: ({ client }) => client.moves('unloaded0'),
  },
  thaw: {
    no_such_overlay: ({ client }) => client.thaw('nix', MAC),
    no_such_frozen_mac: ({ client }) => client.thaw('overlay0', MAC),
  },
  lookup: {
    no_such_overlay: ({ client }) => client.lookup('nix', MAC),
    overlay_not_up: ({ client }) => client.lookup('down0', MAC),
    not_loaded: ({ client }) => client.lookup('unloaded0', MAC),
  },
  owner: {
    no_such_overlay: ({ client }) => client.owner('nix', '10.0.0.1'),
    overlay_not_up: ({ client }) => client.owner('down0', '10.0.0.1'),
    not_loaded: ({ client }) => client.owner('unloaded0', '10.0.0.1'),
  },
  ping: {
    bad_ping: ({ client }) => client.ping('overlay0', { to: 'nix' }),
    no_such_overlay: ({ client }) => client.ping('nix', {}),
    overlay_not_up: ({ client }) => client.ping('down0', {}),
    not_loaded: ({ client }) => client.ping('unloaded0', {}),
  },
  trace: {
    bad_trace: ({ client }) => client.trace('overlay0', { from: 'nix', arp: '10.0.0.1' }),
    no_such_overlay: ({ client }) => client.trace('nix', { from: '10.0.0.1', frame: '00' }),
    overlay_not_up: ({ client }) => client.trace('down0', { from: '10.0.0.1', frame: '00' }),
    not_loaded: ({ client }) => client.trace('unloaded0', { from: '10.0.0.1', frame: '00' }),
  },
  vnics: {},
  createVnic: {
    bad_mac: (rig) => vnic(rig, { mac: 'x' }),
    bad_vnic_mac: (rig) => vnic(rig, { mac: MULTICAST }),
    no_such_overlay: (rig) => vnic(rig, { overlay: 'nix' }),
    name_taken: (rig) => vnic(rig, { name: 'overlay0', mac: OTHER_MAC }),
    mac_taken: (rig) => vnic(rig, {}),
    mac_is_target: (rig) => vnic(rig, { mac: STATIC_MAC }),
    any_mac_taken: (rig) => vnic(rig, { mac: OTHER_MAC, allowAnyMac: true }),
    bad_trunk: (rig) => vnic(rig, { mac: OTHER_MAC, trunk: { name: 'trunk0', vlan: 5 } }),
    bad_address: (rig) => vnic(rig, { mac: OTHER_MAC, addresses: ['10.55.55.0/24'] }),
    address_taken: (rig) => vnic(rig, { name: 'other0', mac: OTHER_MAC, addresses: ['10.55.55.2/24'] }),
    bad_protection: (rig) => vnic(rig, { mac: OTHER_MAC, protection: ['ip-nospoof'] }),
    bad_rate_limit: (rig) => vnic(rig, { mac: OTHER_MAC, rateBps: 1 }),
    interface_taken: (rig) => vnic(rig, { name: 'lo', mac: OTHER_MAC }),
    no_such_interface: (rig) => vnic(rig, { mac: OTHER_MAC, adopt: true }),
    netns_missing: (rig) => vnic(rig, { mac: OTHER_MAC, netns: 'nix' }),
  },
  createTrunk: {
    bad_mac: (rig) => trunk(rig, { mac: 'x' }),
    bad_vnic_mac: (rig) => trunk(rig, { mac: MULTICAST }),
    no_such_overlay: (rig) => trunk(rig, { members: [{ vlan: 1, overlay: 'nix' }] }),
    name_taken: (rig) => trunk(rig, { name: 'overlay0' }),
    mac_taken: (rig) => trunk(rig, { mac: DECLARED_MAC, members: [{ vlan: 1, overlay: 'declared0' }] }),
    mac_is_target: async (rig) => {
      await rig.client.setTarget('plain0', STATIC_MAC, { destination: 'drop' });
      return trunk(rig, { mac: STATIC_MAC, members: [{ vlan: 1, overlay: 'plain0' }] });
    },
    any_mac_taken: (rig) => trunk(rig, { members: [{ vlan: 1, overlay: 'overlay0' }] }),
    bad_trunk: (rig) => trunk(rig, { name: 'trunk45678901' }),
    bad_protection: (rig) => trunk(rig, { protection: ['ip-nospoof'] }),
    bad_rate_limit: (rig) => trunk(rig, { rateBps: 1 }),
    interface_taken: (rig) => trunk(rig, { name: 'lo' }),
    no_such_interface: (rig) => trunk(rig, { adopt: true }),
    netns_missing: (rig) => trunk(rig, { netns: 'nix' }),
  },
  modifyVnic: {
    bad_modify: async (rig) => rig.client.modifyVnic(await commanded(rig), {}),
    bad_protection: async (rig) => rig.client.modifyVnic(await commanded(rig), { protection: ['arp-nospoof'] }),
    bad_rate_limit: async (rig) => rig.client.modifyVnic(await commanded(rig), { stormPps: 0.5 }),
    no_such_vnic: ({ client }) => client.modifyVnic('nix', { protection: [] }),
    declared_in_file: ({ client, declaredVnic }) => client.modifyVnic(declaredVnic, { protection: [] }),
  },
  deleteVnic: {
    no_such_vnic: ({ client }) => client.deleteVnic('nix'),
    declared_in_file: ({ client, declaredVnic }) => client.deleteVnic(declaredVnic),
  },
};

/** Of what may be captured. */
const CAPTURES: Record<string, Partial<CaptureRequest>> = {
  bad_ip: { ip: '10.0.0.0/8' },
  bad_reason: { reasons: ['nix'] },
  no_such_overlay: { overlay: 'nix' },
  not_loaded: { overlay: 'unloaded0' },
  overlay_not_up: { overlay: 'down0' },
  no_such_vnic: { vnic: 'nix' },
};

const statusOf = (code: string) => (code.startsWith('bad_') ? 400 : code.startsWith('no_such_') ? 404 : 409);

/** As a client sees it that knows of no codes. */
async function statusOfRaw(socket: string, method: string, path: string): Promise<number> {
  const { request } = await import('node:http');
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath: socket, method, path, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    sent.on('error', reject);
    sent.end();
  });
}

describe('refusals of the control API', { skip: needsRoot() }, () => {
  let rig: ApiRig;
  before(async () => {
    rig = new ApiRig();
    await rig.start();
    const { client } = rig;
    await client.createOverlay(rig.files('overlay0', 23));
    await client.createOverlay(rig.direct('point0', 24));
    await client.createOverlay(rig.files('plain0', 25));
    await vnic(rig, { allowAnyMac: true, addresses: ['10.55.55.2/24'] });
    await client.setTarget('overlay0', STATIC_MAC, { destination: 'drop' });
    assert.ok((await client.vnics()).some(({ mac }) => mac === DECLARED_MAC));
  });
  after(() => rig.end());

  const { responses } = document.paths['/v1/captures'].post;
  for (const [code, asked] of Object.entries(CAPTURES)) {
    it(`capture: ${code}`, async () => {
      await assert.rejects(followCapture(rig.socket, asked), { code });
      assert.match(responses[statusOf(code)].description, new RegExp(`\`${code}\``));
    });
  }

  for (const [name, cases] of Object.entries(PROVOKED) as [RouteName, Provoked[RouteName]][]) {
    const { method, path } = ROUTES[name];
    const documented = document.paths[path.replaceAll(/:(\w+)/g, '{$1}')][method.toLowerCase()].responses;

    it(`${name}: a parameter that it does not have is refused`, async () => {
      const at = `${path.replace(':name', 'nix').replace(':mac', MAC).replace(':ip', '10.0.0.1')}?nonsense=1`;
      await assert.rejects(sendRequest({ socket: rig.socket, method, path: at, timeoutMs: 5000 }), {
        code: 'bad_request',
        message: 'bad request: unrecognized key: "nonsense"',
      });
      assert.equal(await statusOfRaw(rig.socket, method, at), 400);
      assert.match(documented[400].description, /`bad_request`/);
    });

    for (const [code, provoke] of Object.entries(cases) as [string, (rig: ApiRig) => Promise<unknown>][]) {
      it(`${name}: ${code}`, async () => {
        await assert.rejects(provoke(rig), { code });
        assert.match(documented[statusOf(code)].description, new RegExp(`\`${code}\``));
      });
    }
  }
});
