/** Names to addresses, by a real name server on loopback. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { resolveHost } from '../../../src/search/plugins/svp/resolve.js';
import { freePort } from '../../support/ports.js';

describe('a host name', () => {
  const { signal } = new AbortController();
  let dir: string;
  let hostsFile: string;
  let servers: string[];
  let dnsmasq: ChildProcess;

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'vxlane-dns-'));
    hostsFile = join(dir, 'hosts');
    await writeFile(hostsFile, '127.0.0.1 localhost\n10.0.0.7 svp.home SVP # ours\nfd00::7\tsvp.home\n');
    const port = freePort();
    servers = [`127.0.0.1:${port}`];
    const records = ['10.0.0.2', '10.0.0.1', 'fd00::1'].map((ip) => `--host-record=both.test,${ip}`);
    const only = ['--host-record=six.test,fd00::6', '--txt-record=none.test,text'];
    const alone = ['--no-daemon', '--no-resolv', '--no-hosts', '--conf-file=/dev/null', '--pid-file='];
    const listen = ['--bind-interfaces', '--listen-address=127.0.0.1', `--port=${port}`, '--local=/test/', '--user='];
    dnsmasq = spawn('dnsmasq', [...alone, ...listen, ...records, ...only], { stdio: ['ignore', 'ignore', 'pipe'] });
    await once(dnsmasq.stderr!, 'data');
  });

  after(async () => {
    dnsmasq.kill('SIGKILL');
    await rm(dir, { recursive: true });
  });

  const resolve = (host: string) => resolveHost(host, signal, { servers, hostsFile });

  test('has all its addresses of both families, always in the same order', async () => {
    assert.deepEqual(await resolve('both.test'), ['10.0.0.1', '10.0.0.2', 'fd00::1']);
    assert.deepEqual(await resolve('six.test'), ['fd00::6']);
  });

  test('is looked for in the hosts file first', async () => {
    assert.deepEqual(await resolve('svp.home'), ['10.0.0.7', 'fd00::7']);
    assert.deepEqual(await resolve('svp'), ['10.0.0.7']);
  });

  test('that is an address is that address', async () => {
    assert.deepEqual(await resolve('fd00:0::9'), ['fd00::9']);
  });

  test('that has no address is refused in words', async () => {
    await assert.rejects(resolve('nobody.test'), { message: 'no such name' });
    await assert.rejects(resolve('none.test'), { message: 'the name has no address' });
  });

  test('is refused in words when there is no name server', async () => {
    const dead = { servers: [`127.0.0.1:${freePort()}`], hostsFile };
    await assert.rejects(resolveHost('both.test', signal, dead), { message: /^no name server|^the name server/ });
  });

  test('is not waited for after the end', async () => {
    const silent = createSocket('udp4').bind(0, '127.0.0.1');
    await once(silent, 'listening');
    const end = new AbortController();
    const asked = resolveHost('both.test', end.signal, { servers: [`127.0.0.1:${silent.address().port}`], hostsFile });
    await once(silent, 'message');
    end.abort();
    await assert.rejects(asked);
    silent.close();
  });
});
