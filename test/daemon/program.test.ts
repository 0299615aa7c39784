// What was compiled of the daemon's program is believed only as it was written, and where nobody else may write.
import assert from 'node:assert/strict';
import {
  chmodSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Program } from '../../src/daemon/program.js';
import { VxlaneError } from '../../src/errors.js';
import { PseudoTerminal } from '../e2e/pseudo-terminal.js';
import { Random } from '../support/random.js';
import { needsRoot } from '../support/root.js';
import { until } from '../support/until.js';

describe('the daemon’s program', () => {
  let stateDir = '';
  let file = '';
  beforeEach(async () => {
    stateDir = mkdtempSync(join(tmpdir(), 'vxlane-program-'));
    file = join(stateDir, 'compiled');
    const program = new Program(stateDir);
    assert.equal(program.isKept, false);
    program.run();
    await program.keep(true);
  });
  afterEach(() => rmSync(stateDir, { recursive: true }));

  it('is compiled once, for this user alone', () => {
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.equal(new Program(stateDir).isKept, true);
  });

  it('is compiled once more when the start that compiled it had no VNICs, and another has', async () => {
    rmSync(file);
    const first = new Program(stateDir);
    first.run();
    await first.keep(false);
    const inode = () => statSync(file).ino;
    const [empty, full] = [new Program(stateDir), new Program(stateDir)];
    assert.deepEqual([empty.isKept, empty.isWhole], [true, false]);
    const before = inode();
    await empty.keep(false);
    assert.equal(inode(), before);
    full.run();
    await full.keep(true);
    const whole = new Program(stateDir);
    assert.deepEqual([whole.isKept, whole.isWhole], [true, true]);
    const after = inode();
    await whole.keep(false);
    assert.equal(inode(), after);
  });

  // What was kept has no import(), and what writes a log that people read is loaded for a terminal alone.
  it('runs at a terminal when it was kept', { skip: needsRoot() }, async () => {
    const main = fileURLToPath(new URL('../../src/main.js', import.meta.url));
    const files = ['--socket', join(stateDir, 'vxlane.sock'), '--state-dir', stateDir];
    const terminal = new PseudoTerminal([process.execPath, main, 'daemon', '--workers', '1', ...files], {});
    try {
      await until(() => terminal.status !== null || /ready/.test(terminal.raw));
      assert.equal(terminal.status, null, terminal.raw);
      terminal.signal('SIGTERM');
      await until(() => terminal.status !== null);
      assert.equal(terminal.status, 0, terminal.raw);
    } finally {
      terminal.close();
    }
  });

  it('throws errors that the command line knows', async () => {
    const config = join(stateDir, 'vxlane.yaml');
    await assert.rejects(new Program(stateDir).run().checkConfiguration(config, false), VxlaneError);
  });

  it('is compiled anew where a bit of what was kept is another, or the end is missing', async () => {
    const bytes = readFileSync(file);
    const random = new Random(bytes.length);
    for (let round = 0; round < 5; round++) {
      const bit = random.below(bytes.length * 8);
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      writeFileSync(file, flipped);
      assert.equal(new Program(stateDir).isKept, false, `bit ${bit}`);
    }
    for (const length of [0, 3, 4, bytes.length - 1]) {
      writeFileSync(file, bytes.subarray(0, length));
      assert.equal(new Program(stateDir).isKept, false, `${length} bytes`);
    }
    const program = new Program(stateDir);
    program.run();
    await program.keep(true);
    assert.equal(new Program(stateDir).isKept, true);
  });

  it('is compiled anew where somebody else may have written', async () => {
    chmodSync(file, 0o666);
    assert.equal(new Program(stateDir).isKept, false);
    chmodSync(file, 0o600);
    chmodSync(stateDir, 0o777);
    assert.equal(new Program(stateDir).isKept, false);
    chmodSync(stateDir, 0o700);
    assert.equal(new Program(stateDir).isKept, true);
    renameSync(file, `${file}.elsewhere`);
    symlinkSync(`${file}.elsewhere`, file);
    const program = new Program(stateDir);
    assert.equal(program.isKept, false);
    await program.keep(true);
    assert.equal(new Program(stateDir).isKept, true);
  });
});
