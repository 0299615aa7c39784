/** `npm run deb [-- VERSION]`: writes the Debian package to build/, and says where it is. */
import { statSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildDeb } from './deb.js';

const directory = fileURLToPath(new URL('../../build', import.meta.url));
const path = await buildDeb({ directory, version: process.argv[2] });
process.stdout.write(`${relative(process.cwd(), path)}: ${(statSync(path).size / 1e6).toFixed(1)} MB\n`);
