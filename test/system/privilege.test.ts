import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, describe, it } from 'node:test';
import { TestNetns } from '../support/netns.js';
import { needsRoot } from '../support/root.js';

const SYSTEM = new URL('../../src/system/', import.meta.url).href;

/** Runs a script in a process that lacks a capability, with `load` to import a file of the room; answers its output. */
function without(capability: string, script: string): string {
  const program = `const load = (file) => import(${JSON.stringify(SYSTEM)} + file); ${script}`;
  const drop = [`--bounding-set=-${capability}`, `--inh-caps=-${capability}`];
  const node = [process.execPath, '--input-type=module', '--eval', program];
  const child = spawnSync('setpriv', [...drop, ...node], { encoding: 'utf8', timeout: 20_000 });
  assert.equal(child.status, 0, child.stderr);
  return child.stdout.trim();
}

describe('without privileges', { skip: needsRoot() }, () => {
  const netns = new TestNetns();
  after(() => netns.delete());

  it('a TAP says what it needs', () => {
    const output = without(
      'net_admin',
      `const { openTap } = await load('tap.js');
       const wanted = { name: 'vxt0', mac: '02:00:00:00:00:01', mtu: 1400, netns: null, persist: false };
       try { openTap({ ...wanted, queues: 1, offload: 'off' }); }
       catch (error) { console.log(error.message); }`,
    );
    assert.equal(output, 'interface vxt0: this process lacks CAP_NET_ADMIN (EPERM)');
  });

  it('the underlay socket takes the buffers it can get', () => {
    const output = without(
      'net_admin',
      `const { openUnderlay } = await load('udp.js');
       const { execFileSync } = await import('node:child_process');
       const { readFileSync } = await import('node:fs');
       const plain = { workers: 1, sources: 1, checksum: 'always', acceptZeroChecksum6: false, offload: 'off' };
       const socket = openUnderlay({ listen: { ip: '127.0.0.1', port: 47899 }, ...plain });
       const most = Math.min(Number(readFileSync('/proc/sys/net/core/rmem_max', 'utf8')), 8 << 20) * 2;
       const line = execFileSync('ss', ['-Huanm', 'sport', '=', ':47899'], { encoding: 'utf8' });
       console.log(line.includes('rb' + most + ',') ? 'cut' : line);
       socket.close();`,
    );
    assert.equal(output, 'cut');
  });

  it('another namespace says what it needs, our own does not need it', () => {
    const output = without(
      'sys_admin',
      `const { withNetns } = await load('netns.js');
       console.log(withNetns('/proc/self/ns/net', () => 'own'));
       try { withNetns(${JSON.stringify(netns.name)}, () => 0); } catch (error) { console.log(error.message); }`,
    );
    assert.equal(output, `own\nnetwork namespace ${netns.name}: entering it needs root (CAP_SYS_ADMIN) (EPERM)`);
  });
});
