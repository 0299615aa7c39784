/**
 * A daemon behind its control socket, with objects of every kind, and a client that checks each reply against the
 * schemas of its route and against docs/openapi.json.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { stringify } from 'yaml';
import type * as z from 'zod';
import { type Client, createClient } from '../../../src/control/client.js';
import { SCHEMAS } from '../../../src/control/protocol.js';
import { ROUTES, type RouteName } from '../../../src/control/routes.js';
import { startControlServer } from '../../../src/control/server.js';
import { TestNetns, uniqueName } from '../../support/netns.js';
import { freePort } from '../../support/ports.js';
import { StateDirectory, startDaemon } from '../running.js';

export const document = JSON.parse(readFileSync(new URL('../../../../docs/openapi.json', import.meta.url), 'utf8'));
const ajv = new Ajv2020({ strict: false, allErrors: true });
formats.default(ajv);
ajv.addSchema(document, 'openapi');

export const MAC = 'de:ad:be:ef:00:01';
/** The one MAC that the file of the `files` plugin knows. */
export const FAR_MAC = 'de:ad:be:ef:00:09';
/** Inside; FAR_MAC has it. */
export const FAR_IP = '10.55.55.77';
export const DECLARED_MAC = 'de:ad:be:ef:00:02';

/** What the document says of a successful reply; null: it has no body. */
function documented(name: RouteName): ((reply: unknown) => boolean) | null {
  const { method, path, status } = ROUTES[name];
  const at = ['paths', path.replaceAll(/:(\w+)/g, '{$1}'), method.toLowerCase(), 'responses', String(status)];
  if (status === 204) return null;
  const escaped = [...at, 'content', 'application/json', 'schema'].map((part) =>
    encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1')),
  );
  const check = ajv.compile({ $ref: `openapi#/${escaped.join('/')}` });
  return (reply) => {
    assert.ok(check(reply), `${name}: ${JSON.stringify(check.errors)}`);
    return true;
  };
}

export class ApiRig {
  readonly directory = new StateDirectory();
  readonly netns = new TestNetns();
  readonly socket = join(this.directory.path, 'run', 'vxlane.sock');
  readonly hosts = join(this.directory.path, 'hosts.json');
  /** Of the overlays that commands make. */
  readonly port = freePort();
  readonly declaredVnic = uniqueName('d');
  /** Routes that have answered, with all their replies. */
  readonly replies = new Map<RouteName, unknown[]>();
  readonly client: Client;
  #end: () => Promise<void> = async () => {};

  constructor() {
    const client = createClient(this.socket);
    const checked = Object.entries(client).map(([name, call]) => [name, this.#checked(name, call as Call)]);
    this.client = Object.fromEntries(checked) as Client;
  }

  /**
   * `declared0` and its VNIC are the file's; so is `down0`, whose listen address no interface has. `unloaded0` was kept
   * by a version that this one does not know.
   */
  async start(): Promise<void> {
    mkdirSync(join(this.directory.path, 'overlays'));
    writeFileSync(this.directory.file('overlays', 'unloaded0'), '{ "version": 999 }');
    writeFileSync(this.hosts, JSON.stringify({ [FAR_MAC]: { ip: '127.0.0.9', arp: FAR_IP } }));
    const config = join(this.directory.path, 'vxlane.yaml');
    const declared = (vni: number, ip: string) => {
      const listen = { 'vxlan/listen_ip': ip, 'vxlan/listen_port': this.port };
      return { vni, search: 'files', properties: { ...listen, 'files/config': this.hosts } };
    };
    const overlays = { declared0: declared(90, '127.0.0.1'), down0: declared(91, '192.0.2.77') };
    const vnic = { overlay: 'declared0', mac: DECLARED_MAC, netns: this.netns.name };
    writeFileSync(config, stringify({ overlays, vnics: { [this.declaredVnic]: vnic } }));
    const running = await startDaemon(this.directory.path, 1024, config);
    const { log, daemon } = running;
    const server = await startControlServer({
      socket: this.socket,
      controller: daemon,
      probes: daemon.probes,
      events: daemon.eventLog,
      captures: daemon.captures,
      log,
    });
    this.#end = async () => {
      await server.close();
      await running.stop();
      assert.deepEqual(
        log.lines.filter((line) => /^error (?!a state file cannot be used)/.test(line)),
        [],
      );
    };
  }

  async end(): Promise<void> {
    await this.#end();
    this.netns.delete();
    this.directory.delete();
  }

  properties(own: Record<string, string>): Record<string, string> {
    return { 'vxlan/listen_ip': '127.0.0.1', 'vxlan/listen_port': String(this.port), ...own };
  }

  files(name: string, vni: number) {
    return { name, vni, encap: 'vxlan', search: 'files', properties: this.properties({ 'files/config': this.hosts }) };
  }

  direct(name: string, vni: number) {
    const properties = this.properties({ 'direct/dest_ip': '127.0.0.9' });
    return { name, vni, encap: 'vxlan', search: 'direct', properties };
  }

  #checked(name: string, call: Call): Call {
    if (!Object.hasOwn(ROUTES, name)) return call;
    const route = name as RouteName;
    const check = documented(route);
    return async (...args) => {
      const reply = await call(...args);
      const schema: z.ZodType | null = SCHEMAS[route].reply;
      if (schema === null) assert.equal(reply, undefined);
      else assert.deepEqual(schema.parse(reply), reply);
      check?.(reply);
      this.replies.set(route, [...(this.replies.get(route) ?? []), reply]);
      return reply;
    };
  }
}

type Call = (...args: unknown[]) => Promise<unknown>;
