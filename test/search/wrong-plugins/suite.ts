/** The conformance suite on plugins that differ from a right one. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after } from 'node:test';
import { pathToFileURL } from 'node:url';
import { conformance, type Subject } from 'vxlane/search/testing';
import { openDirectory } from '../../support/open-directory.js';
import { FACTS } from './backend.js';

const directory = openDirectory('wrong');
after(() => rmSync(directory, { recursive: true }));
const RIGHT = new URL('right.js', import.meta.url).href;

let count = 0;

/** The suite on the right plugin with this difference: methods, which may use `it` and `context`; in threads. */
export function suiteOf(methods: string, manifest: string, facts: Partial<Subject>) {
  const path = join(directory, `wrong-${count++}.js`);
  const text = `import { right } from ${JSON.stringify(RIGHT)};
    const proto = Object.getPrototypeOf(right().create({}, {}));
    const later = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    export default right((it, context) => (${methods}), ${manifest});`;
  writeFileSync(path, text);
  return conformance({ ...FACTS, ...facts, isolation: 'thread', plugin: pathToFileURL(path) });
}
