/** What is installed for a laboratory. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { needsRoot } from '../support/root.js';

const REQUIREMENTS = fileURLToPath(new URL('../../src/demo/requirements.js', import.meta.url));
/** A package manager that asks the host's service manager for a start, as packages of services do. */
const APT_GET = `#!/bin/sh
systemctl start vxlane-no-such.service >>"$SAID" 2>&1
echo "$1 $?" >>"$SAID"
`;

test('packages are installed without starting the services they bring', { skip: needsRoot() }, (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'vxlane-requirements-'));
  t.after(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, 'apt-get'), APT_GET, { mode: 0o755 });
  const said = join(directory, 'said');
  const script = `
    const { requireTools } = await import(${JSON.stringify(REQUIREMENTS)});
    requireTools([{ program: 'vxlane-no-such', package: 'vxlane-no-such' }], console.log);`;
  const env = { ...process.env, PATH: `${directory}:${process.env.PATH}`, SAID: said };
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    env,
  });
  assert.equal(stdout, 'installing vxlane-no-such (apt-get)\n');
  assert.match(stderr, /vxlane-no-such/);
  assert.notEqual(status, 0);
  const outcome = readFileSync(said, 'utf8');
  assert.match(outcome, /ignoring command 'start'[\s\S]*update 0\n[\s\S]*ignoring command 'start'[\s\S]*install 0\n/);
});
