/** `--check --deep`: what a configuration file points to on its host, beside a daemon that notices nothing of it. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { labTest } from './support.js';

const CONFIG = `\
overlays:
  ov0:
    { vni: 1, search: files, properties: { vxlan/listen_ip: 10.88.88.1, files/config: hosts.json } }
  ov1:
    { vni: 2, search: ./mine.mjs, properties: { vxlan/listen_ip: 0.0.0.0, vxlan/listen_port: 4790 } }
  ov2:
    vni: 3
    search: ./mine.mjs
    properties: { vxlan/listen_ip: 10.88.88.1, vxlan/listen_port: 4791, vxlan/underlay_dev: eth0 }
vnics:
  v0: { overlay: ov0, mac: 02:00:00:00:00:01 }
  v1: { overlay: ov0, mac: 02:00:00:00:00:02, netns: NETNS }
`;

const plugin = (start: string) => `export default { name: 'mine', mode: 'dynamic', properties: [],
  create: (context) => ({ start() { ${start} }, stop() {}, lookup: () => null }) };`;

labTest('--check --deep finds what a file points to and is not there', async ({ lab, step }) => {
  const host = await lab.addHost('one', { addresses: ['10.88.88.1/24'] });
  const machine = await lab.addMachine('vm');
  const folder = join(lab.dir, 'etc');
  mkdirSync(folder);
  const [config, table, module] = ['vxlane.yaml', 'hosts.json', 'mine.mjs'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(config, CONFIG.replace('NETNS', machine.netns));
  writeFileSync(table, '{}');
  writeFileSync(module, plugin(''));
  const main = fileURLToPath(new URL('../../src/main.js', import.meta.url));
  const check = async (...more: string[]) => {
    const { code, stdout, stderr } = await host.try([
      process.execPath,
      main,
      ...['daemon', '--config', config, '--check', ...more],
    ]);
    return { code, stdout, lines: stderr.trim().split('\n') };
  };
  const right = { code: 0, stdout: `${config} is right: overlays: 3, VNICs: 2\n`, lines: [''] };

  await step('a file that points to what is there is right, also while a daemon runs with it', async () => {
    assert.deepEqual(await check('--deep'), right);
    await host.startDaemon('--config', config);
    type Status = { overlays: { name: string; status: string; details: string; state: string }[] };
    const health = async () =>
      (await host.vxlaneJson<Status>('status')).overlays.map(({ name, status, details, state }) => [
        name,
        status,
        details,
        state,
      ]);
    const before = await health();
    assert.deepEqual(await check('--deep'), right);
    assert.deepEqual(await health(), before);
    await host.stopDaemon();
  });

  await step('all that is not there is named at once, a line each, with the line of its object', async () => {
    writeFileSync(table, '{ "02:00:00:00:00:09": { "ip": "10.88" } }');
    writeFileSync(module, plugin(`context.degrade('the directory is away')`));
    writeFileSync(
      config,
      CONFIG.replace('NETNS', 'nosuchns')
        .replace('0.0.0.0', '10.88.88.7')
        .replace('underlay_dev: eth0', 'underlay_dev: eth7'),
    );
    assert.equal((await check()).code, 0, 'the file alone is right');
    const { code, stdout, lines } = await check('--deep');
    assert.deepEqual([code, stdout], [1, '']);
    const why = 'line 1, column 32: 02:00:00:00:00:09.ip: not an IP address: "10.88"';
    const expected = [
      `2: ov0: search plugin files: start: files/config ${table}: ${why}`,
      '4: ov1: listen on port 4790/udp: no interface here has address 10.88.88.7 (EADDRNOTAVAIL)',
      '4: ov1: the directory is away',
      '6: ov2: underlay_dev is eth7: no interface here has that name; make it, or name another (ENODEV)',
      '6: ov2: the directory is away',
      '12: v1: network namespace nosuchns: /run/netns/nosuchns does not exist; try: ip netns add (ENOENT)',
    ];
    assert.deepEqual(
      lines,
      expected.map((line) => `vxlane: ${config}:${line}`),
    );
  });

  await step('a search plugin that cannot start is named with its reason', async () => {
    writeFileSync(config, CONFIG.replace('NETNS', machine.netns));
    writeFileSync(table, '{}');
    writeFileSync(module, plugin("throw new Error(['no key for', context.listen.ip, context.listen.port].join(' '))"));
    const { code, lines } = await check('--deep');
    assert.equal(code, 1);
    assert.equal(lines.length, 2, lines.join('\n'));
    assert.match(lines[0]!, /:4: ov1: .*no key for 0\.0\.0\.0 4790/);
  });
});
