/** Hosts with traffic between them, and one browser that looks at the page of the first one, inside its namespace. */
import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { eventually, type Host, type Lab } from './support.js';

export const PORT = 9448;
export const URL_OF_PAGE = `http://127.0.0.1:${PORT}/`;

const underlay = (n: number) => `10.88.88.${n}`;
/** Of the VNIC of a host in `blue0`. */
export const inner = (n: number) => `10.55.55.${n}`;
export const vnicMac = (n: number) => `de:ad:be:ef:00:0${n}`;

export interface PageLab {
  readonly hosts: readonly [one: Host, two: Host, three: Host];
  /** The port of the first host is where the page is. `options`: more of its daemon. */
  startFirst(...options: string[]): Promise<void>;
}

/** Three hosts with `blue0` of files, and `green0` from the first to the third alone. Only the first has no daemon. */
export async function pageLab(lab: Lab): Promise<PageLab> {
  const add = (name: string, n: number) => lab.addHost(name, { addresses: [`${underlay(n)}/24`] });
  const hosts = [await add('one', 1), await add('two', 2), await add('three', 3)] as const;
  const file = join(lab.dir, 'hosts.json');
  const entry = (n: number) => [vnicMac(n), { ip: underlay(n), arp: inner(n) }];
  writeFileSync(file, JSON.stringify(Object.fromEntries([1, 2, 3].map(entry))));
  const begin = async (n: number, ...options: string[]) => {
    const host = hosts[n - 1]!;
    await host.startDaemon(...options);
    await host.exec('sysctl', '-q', '-w', 'net.ipv6.conf.default.disable_ipv6=1');
    const listen = ['-p', `vxlan/listen_ip=${underlay(n)}`];
    await host.vxlane(
      'create-overlay',
      '-e',
      'vxlan',
      '-v',
      '7',
      '-s',
      'files',
      ...listen,
      '-p',
      `files/config=${file}`,
      'blue0',
    );
    await host.vxlane('create-vnic', '-l', 'blue0', '-m', vnicMac(n), '-a', `${inner(n)}/24`, `web${n}`);
    if (n === 2) return;
    const other = ['-p', `direct/dest_ip=${underlay(4 - n)}`];
    await host.vxlane('create-overlay', '-e', 'vxlan', '-v', '8', '-s', 'direct', ...listen, ...other, 'green0');
    await host.vxlane('create-vnic', '-l', 'green0', '-m', `02:00:00:00:08:0${n}`, '-a', `10.66.66.${n}/24`, `db${n}`);
  };
  await begin(2);
  await begin(3);
  return { hosts, startFirst: (...options) => begin(1, '--http', `127.0.0.1:${PORT}`, ...options) };
}

/** A browser inside the host's namespace. Nobody sees it, and it ends with `close`. */
export async function browserOn(lab: Lab, host: Host): Promise<Browser> {
  const program = join(lab.dir, 'browser');
  writeFileSync(program, `#!/bin/sh\nexec ip netns exec ${host.netns} chromium "$@"\n`);
  chmodSync(program, 0o755);
  return chromium.launch({ executablePath: program, chromiumSandbox: false, timeout: 90_000 });
}

/** What went wrong in a page, as its browser says: an error that nobody caught, or what its policy refused. */
export function complaintsOf(page: Page): string[] {
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    // A daemon that is away is told in the page; the browser notes each try.
    if (message.type() === 'error' && !/Failed to load resource/.test(message.text())) complaints.push(message.text());
  });
  return complaints;
}

/** Milliseconds: the machine may be busy with other tests. */
export const PATIENCE_MS = 40_000;

/** What each check looks at. */
export interface Parts {
  readonly page: Page;
  readonly one: Host;
  readonly lab: { readonly dir: string };
  readonly browser: Browser;
}

/** Waits until the text of an element is like that; answers it. */
export async function shows(page: Page, selector: string, pattern: RegExp): Promise<string> {
  let seen = '';
  await eventually(
    `${selector} shows ${pattern}`,
    async () => {
      seen = (await page.locator(selector).first().textContent()) ?? '';
      return pattern.test(seen.trim());
    },
    PATIENCE_MS,
  ).catch((error: Error) => assert.fail(`${error.message}; it shows ${JSON.stringify(seen)}`));
  return seen.trim();
}

/** The cells of a table, row by row. */
export async function rows(page: Page, table: string): Promise<string[][]> {
  const all = await page.locator(`${table} tbody tr`).all();
  return Promise.all(all.map((row) => row.locator('th, td').allTextContents()));
}
