/** Modules that cannot be used, each really looked at in its process, and what is told of them. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { findPlugin } from '../../src/search/find.js';
import { Deadlines } from '../../src/search/host/deadlines.js';
import { directory } from './instance-rig.js';

let count = 0;

describe('a module that is no plugin', () => {
  const wrong: [what: string, text: string, reason: RegExp][] = [
    ['has no default export', 'export const plugin = 1;', /no create\(\)/],
    ['throws when it is imported', 'throw new Error("not today");', /not today/],
    [
      'has a syntax error',
      'export default {\n  name: "x",\n  oops oops\n};',
      /\.m?js:3:8: Unexpected identifier 'oops'$/,
    ],
    ['is cut off', 'export default {', /\.m?js:1:\d+: Unexpected end of input$/],
    ['imports what is not there', "import { nothing } from 'node:fs'; export default {};", /export named 'nothing'/],
    [
      'speaks in the place of its instance',
      `import { writeSync } from 'node:fs'; writeSync(3, 'ready\\n'); export default {};`,
      /it said what is no JSON, in the place of its instance$/,
    ],
    ['exits when it is imported', 'process.exit(4);', /exit code 4/],
    [
      'takes memory without end when it is imported',
      'const all = []; while (true) all.push(Buffer.alloc(8 << 20, 1)); export default {};',
      /it needed more than 256 MiB of memory$|it kept its process busy for 5 s$/,
    ],
    [
      'takes much memory while it is imported',
      `globalThis.kept = Array.from({ length: 40 }, () => Buffer.alloc(8 << 20, 1));
       await new Promise((resolve) => setTimeout(resolve, 60_000)); export default {};`,
      /it needed more than 256 MiB of memory$|it kept its process busy for 5 s$/,
    ],
    ['has no name', 'export default { create() {}, mode: "dynamic", properties: [] };', /name: /],
    [
      'names a property that is not its own',
      `export default { create() {}, name: 'x', mode: 'dynamic',
         properties: [{ name: 'mtu/x', type: 'uint', required: false, help: 'h' }] };`,
      /properties.0.name: not x\/…/,
    ],
    [
      'has a default that it would refuse',
      `export default { create() {}, name: 'x', mode: 'dynamic',
         properties: [{ name: 'x/y', type: 'uint', required: false, default: 9, range: [1, 5], help: 'h' }] };`,
      /the default of x\/y is "9": expected a decimal whole number from 1 to 5/,
    ],
  ];
  for (const [what, text, reason] of wrong) {
    it(`because it ${what} is refused with the reason`, async () => {
      const path = join(directory, `wrong-${count++}.js`);
      writeFileSync(path, text);
      await assert.rejects(findPlugin(path, 'process', new Deadlines(() => 0)), ({ code, message }) => {
        assert.equal(code, 'search_plugin_unusable');
        assert.match(message, reason);
        return true;
      });
    });
  }

  it('is told from one that prints while it says what it is', async () => {
    const path = join(directory, `prints-${count++}.js`);
    const name = `get name() { console.log('hello'); return 'x'; }`;
    writeFileSync(path, `export default { ${name}, mode: 'dynamic', properties: [], create() {} };`);
    assert.equal((await findPlugin(path, 'process', new Deadlines(() => 0))).manifest.name, 'x');
  });

  it('is refused, before it runs, when others may write to it', async () => {
    const path = join(directory, `shared-${count++}.js`);
    writeFileSync(path, `import { writeFileSync } from 'node:fs'; writeFileSync('${path}.ran', '');`);
    chmodSync(path, 0o666);
    await assert.rejects(findPlugin(path, 'thread', new Deadlines(() => 0)), {
      code: 'search_plugin_unusable',
      message: `search plugin ${path} cannot be used: others may write to it, by mode 0666: chmod go-w`,
    });
    assert.equal(existsSync(`${path}.ran`), false);
  });

  it('is refused, with what would be right, when the user of its process may not read it', async () => {
    const folder = join(directory, `closed-${count++}`);
    const path = join(folder, 'mine.mjs');
    mkdirSync(folder);
    writeFileSync(path, 'export default {};');
    const refused = async (what: RegExp) =>
      assert.rejects(findPlugin(path, 'process', new Deadlines(() => 0)), { message: what });
    chmodSync(path, 0o640);
    await refused(/its process has a user of its own, who may not read .*mine.mjs: chmod o\+r; or plugin-isolation=/);
    chmodSync(path, 0o644);
    await refused(/no create\(\)/);
    chmodSync(folder, 0o750);
    await refused(/who may not enter .*closed-\d+: chmod o\+x, or have it elsewhere/);
    await assert.rejects(findPlugin(path, 'thread', new Deadlines(() => 0)), { message: /no create\(\)/ });
  });

  it('is refused when it is not there, and when its path is relative', async () => {
    const deadlines = new Deadlines(() => 0);
    await assert.rejects(findPlugin(join(directory, 'none.js'), 'process', deadlines), { message: /no such file/ });
    await assert.rejects(findPlugin('./mine.js', 'process', deadlines), { code: 'bad_search_path' });
    await assert.rejects(findPlugin('vxlane-plugin-none', 'process', deadlines), { message: /no such package/ });
  });
});
