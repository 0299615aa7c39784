/** `vxlane demo` as a person runs it: it proves the hosts, and nothing of it is left, however it ends. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import type { Running } from '../../src/demo/processes.js';
import { type Lab, labTest } from './support.js';

const MAIN = fileURLToPath(new URL('../../src/main.js', import.meta.url));

function start(lab: Lab, ...args: string[]): Running {
  return lab.processes.spawn([process.execPath, MAIN, 'demo', ...args], { timeoutMs: 90_000 });
}

/** Namespaces of the laboratory in that process; they carry its pid. */
async function namespacesOf(lab: Lab, demo: Running): Promise<string[]> {
  const all = (await lab.ip('netns', 'list')).split('\n').map((line) => line.split(' ')[0] as string);
  return all.filter((name) => name.includes(`-${demo.pid}-`));
}

labTest('the demo proves every pair and the lease, and cleans up', async ({ lab }) => {
  const demo = start(lab);
  const ended = await demo.done;
  assert.equal(ended.code, 0, ended.stdout + ended.stderr);
  const text = stripVTControlCharacters(ended.stdout); // in colour under CI
  assert.match(text, /zlan2 # vxlane create-vnic -m de:ad:be:ef:00:01 -l overlay0 bar0\n/);
  assert.equal([...text.matchAll(/IPv[46] [\d.]+ ms/g)].length, 12, text);
  assert.match(text, /lease of 10\.55\.55\.3/);
  assert.match(text, /Every pair reaches the other\./);
  assert.deepEqual(await namespacesOf(lab, demo), []);
});

/** Ends by running its arguments where dnsmasq is not installed: in a mount namespace, so it stays for all others. */
const WITHOUT_DNSMASQ = `
set -e
mount -t tmpfs none "$0"
for part in usr var etc; do
  mkdir "$0/$part" "$0/$part.work"
  mount -t overlay overlay -o "lowerdir=/$part,upperdir=$0/$part,workdir=$0/$part.work" "/$part"
done
dpkg --purge --force-depends dnsmasq-base dnsmasq >&2
exec "$@"`;

labTest('the demo installs what its lease needs, and does without where there is no network', async ({ lab }) => {
  const directory = mkdtempSync(join(tmpdir(), 'vxlane-demo-'));
  const argv = ['unshare', '-m', 'sh', '-c', WITHOUT_DNSMASQ, directory, process.execPath, MAIN, 'demo'];
  const ended = await lab.processes.spawn(argv, { timeoutMs: 180_000 }).done;
  rmdirSync(directory);
  assert.equal(ended.code, 0, ended.stdout + ended.stderr);
  const text = stripVTControlCharacters(ended.stdout);
  assert.match(text, /installing dnsmasq-base \(apt-get\)/);
  assert.match(text, /lease of 10\.55\.55\.3|skipped: not installed: dnsmasq /);
});

labTest('Ctrl-C in the middle of the demo leaves nothing', async ({ lab }) => {
  const demo = start(lab);
  await demo.printed(/create-vnic .* bar0/, 60_000);
  assert.equal((await namespacesOf(lab, demo)).length, 4);
  const ended = await demo.stop('SIGINT');
  assert.equal(ended.code, 130, ended.stderr);
  assert.equal(ended.stderr, '');
  assert.deepEqual(await namespacesOf(lab, demo), []);
});

labTest('demo --keep stays up, says how to look around, and goes on SIGTERM', async ({ lab }) => {
  const demo = start(lab, '--keep');
  const [, socket] = (await demo.printed(/show-overlay --socket (\S+)/, 60_000)) as unknown as [string, string];
  const shown = await lab.processes.run([process.execPath, MAIN, 'show-overlay', '-t', '--socket', socket]);
  assert.match(shown, /de:ad:be:ef:00:02/);
  const [, netns] = /ip netns exec (zlan-\S+) ping 10\.55\.55\.3/.exec(demo.stdout) as unknown as [string, string];
  await lab.processes.run(['ip', 'netns', 'exec', netns, 'ping', '-n', '-c', '1', '-W', '5', '10.55.55.3']);
  assert.equal((await demo.stop('SIGTERM')).code, 143);
  assert.deepEqual(await namespacesOf(lab, demo), []);
  assert.equal(existsSync(socket), false);
});

labTest('without root the demo says so in one line', async ({ lab }) => {
  // nobody, but able to read this build wherever it lies
  const reading = ['--inh-caps=+dac_read_search', '--ambient-caps=+dac_read_search'];
  const nobody = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', ...reading];
  const ended = await lab.processes.try([...nobody, process.execPath, MAIN, 'demo']);
  assert.equal(ended.code, 1);
  assert.match(ended.stderr, /^vxlane: vxlane demo makes network namespaces .*: run it as root\n$/);
});
