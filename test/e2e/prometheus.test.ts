/** A real Prometheus scrapes a daemon that carries frames, over the port of --http, and its alert rules look at it. */
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createClient } from '../../src/control/client.js';
import { eventually, type Host, labTest, mac, pingAll } from './support.js';

const RULES = fileURLToPath(new URL('../../../docs/examples/prometheus/vxlane.rules.yml', import.meta.url));
const TOKEN = 'a-token-of-this-test-alone';
const AT = '10.88.88.1:9448';

interface Answer {
  readonly data: { readonly result: { readonly metric: Record<string, string>; readonly value: [number, string] }[] };
}

labTest('Prometheus scrapes over --http', async ({ lab, step }) => {
  const one = await lab.addHost('one', { addresses: ['10.88.88.1/24'] });
  const two = await lab.addHost('two', { addresses: ['10.88.88.2/24'] });
  const token = join(lab.dir, 'token');
  writeFileSync(token, TOKEN, { mode: 0o600 });
  const hosts = join(lab.dir, 'hosts.json');
  const entry = (n: number) => [mac(n), { ip: `10.88.88.${n}`, arp: `10.55.55.${n}` }];
  writeFileSync(hosts, JSON.stringify(Object.fromEntries([entry(1), entry(2)])));
  const begin = async (host: Host, n: number, ...options: string[]) => {
    await host.startDaemon(...options);
    const properties = ['-p', `vxlan/listen_ip=10.88.88.${n}`, '-p', `files/config=${hosts}`];
    await host.vxlane('create-overlay', '-e', 'vxlan', '-v', '7', '-s', 'files', ...properties, 'blue0');
    await host.vxlane('create-vnic', '-l', 'blue0', '-m', mac(n), 'foo0');
    await host.exec('ip', 'addr', 'add', `10.55.55.${n}/24`, 'dev', 'foo0');
  };
  await begin(one, 1, '--http', AT, '--http-token-file', token);
  await begin(two, 2);
  await pingAll(one, '10.55.55.2');

  await step('the port shows nothing without the token, and nothing that changes something with it', async () => {
    const curl = (...args: string[]) => two.exec('curl', '-sS', '-o', '/dev/null', '-w', '%{http_code}', ...args);
    const shown = ['-H', `Authorization: Bearer ${TOKEN}`];
    assert.equal(await curl(`http://${AT}/metrics`), '401');
    assert.equal(await curl(...shown, `http://${AT}/metrics`), '200');
    assert.equal(await curl(...shown, '-X', 'DELETE', `http://${AT}/v1/vnics/foo0`), '404');
    assert.equal(await curl(`http://${AT}/readyz`), '200');
  });

  await step('what Prometheus has is what show-stats says, and no alert fires', async () => {
    const dir = join(lab.dir, 'prometheus');
    mkdirSync(dir);
    copyFileSync(RULES, join(dir, 'vxlane.rules.yml'));
    const scrape = { job_name: 'vxlane', authorization: { credentials: TOKEN }, static_configs: [{ targets: [AT] }] };
    const config = {
      global: { scrape_interval: '1s', evaluation_interval: '1s' },
      rule_files: ['vxlane.rules.yml'],
      scrape_configs: [scrape],
    };
    writeFileSync(join(dir, 'prometheus.yml'), JSON.stringify(config));
    const at = '127.0.0.1:9091';
    two.spawn(
      [
        'prometheus',
        `--config.file=${dir}/prometheus.yml`,
        `--storage.tsdb.path=${dir}/data`,
        `--web.listen-address=${at}`,
      ],
      {},
    );
    const ask = async (query: string): Promise<Answer['data']['result']> => {
      const sent = ['--data-urlencode', `query=${query}`, `http://${at}/api/v1/query`];
      const { code, stdout } = await two.try(['curl', '-sS', '-G', ...sent]);
      // It says so in words while it starts.
      return code === 0 && stdout.startsWith('{') ? (JSON.parse(stdout) as Answer).data.result : [];
    };
    await eventually('it is up', async () => (await ask('up{job="vxlane"}'))[0]?.value[1] === '1', 60_000);
    const { vnics } = await createClient(one.socket).stats();
    const { frames } = vnics[0]!.tx;
    const sent = async () => Number((await ask('vxlane_vnic_transmit_frames_total{vnic="foo0"}'))[0]?.value[1]);
    await eventually(
      `it has at least the ${frames} frames that foo0 had sent`,
      async () => (await sent()) >= frames,
      30_000,
    );
    assert.ok((await sent()) <= (await createClient(one.socket).stats()).vnics[0]!.tx.frames);
    const online = await ask('vxlane_overlay_online{overlay="blue0"}');
    assert.deepEqual(
      online.map(({ value }) => value[1]),
      ['1'],
    );
    const firing = await ask('ALERTS{alertstate="firing"}');
    assert.deepEqual(
      firing.map(({ metric }) => metric.alertname),
      [],
    );
  });
});
