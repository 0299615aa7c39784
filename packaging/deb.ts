/**
 * The Debian package, by dpkg-deb alone: what the npm package has, with the libraries it needs from the lock file, so
 * that nothing is fetched when it is built or installed.
 */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { SCRIPTS } from '../src/cli/completion/scripts.js';
import { manPages } from './man-pages.js';
import { roffOf } from './roff.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const HOME = 'usr/lib/vxlane';
const DOCS = 'usr/share/doc/vxlane';
/** Whoever builds; the variables are those of Debian's own tools. */
const { DEBFULLNAME = 'The vxlane authors', DEBEMAIL = 'vxlane@example.org' } = process.env;
const MAINTAINER = `${DEBFULLNAME} <${DEBEMAIL}>`;
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

/** What nobody reads when the program runs; of libraries more, but their licenses are kept. */
const UNREAD = /\.(map|d\.[cm]?ts)$/;
/** But for these: a stack in the log says where in the sources it was. */
const BUNDLE_MAP = /^dist\/src\/bundle\/.*\.map$/;
const UNREAD_OF_LIBRARY =
  /\.(markdown|html|sh|cc|hh?|inc|asm|S)$|(?<!licen[cs]e)\.md$|^\.|^(eslint\.config|bin|cnoke|trampolines)\./i;
/** At the top of a library. */
const UNREAD_DIRECTORY = /^(docs?|tests?|benchmarks?|examples?|scripts|integration|bin|musl_.*)$/;

interface Manifest {
  readonly version: string;
  readonly description: string;
  readonly files: readonly string[];
  readonly engines: { readonly node: string };
}

export interface DebOptions {
  /** Where the package is written. */
  readonly directory: string;
  /** In the place of package.json's. */
  readonly version?: string | undefined;
  /** `none` is for a package that goes nowhere. */
  readonly compression?: 'xz' | 'none';
}

/** Answers the path of the package. Needs a build, and node_modules as the lock file has it. */
export async function buildDeb({ directory, version, compression = 'xz' }: DebOptions): Promise<string> {
  const architecture = ARCHITECTURES[process.arch];
  if (architecture === undefined) throw new Error(`no Debian architecture for ${process.arch}: expected x64 or arm64`);
  const manifest = { ...(JSON.parse(read('package.json')) as Manifest) };
  const shown = version ?? manifest.version;
  const stage = mkdtempSync(join(tmpdir(), 'vxlane-deb-'));
  try {
    chmodSync(stage, 0o755);
    stageProgram(stage, { ...manifest, version: shown });
    stageLibraries(join(stage, HOME));
    await stageManPages(stage);
    stageRest(stage, manifest.files, debianVersion(shown));
    stageControl(stage, { manifest, architecture, version: debianVersion(shown) });
    const path = join(directory, `vxlane_${debianVersion(shown)}_${architecture}.deb`);
    mkdirSync(directory, { recursive: true });
    execFileSync('dpkg-deb', [`-Z${compression}`, '--build', '--root-owner-group', stage, path], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    return path;
  } finally {
    rmSync(stage, { recursive: true });
  }
}

/** `1.0.0-beta.1` comes before `1.0.0`, which `~` says to dpkg. */
export const debianVersion = (version: string): string => `${version.replace('-', '~')}-1`;

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

function put(stage: string, path: string, text: string | Uint8Array, mode = 0o644): void {
  mkdirSync(dirname(join(stage, path)), { recursive: true, mode: 0o755 });
  writeFileSync(join(stage, path), text);
  chmodSync(join(stage, path), mode);
}

const putZipped = (stage: string, path: string, text: string): void =>
  put(stage, `${path}.gz`, gzipSync(text, { level: 9 }));

/** Modes as a package has them, whatever the umask of whoever built. */
function copy(from: string, to: string): void {
  cpSync(join(ROOT, from), to, { recursive: true, filter: (path) => isRead(relative(ROOT, path)) });
  for (const path of [to, ...below(to)]) chmodSync(path, statSync(path).isDirectory() ? 0o755 : 0o644);
}

function isRead(path: string): boolean {
  const name = basename(path);
  const [, top] = /^node_modules\/(?:@[^/]+\/)?[^/]+\/([^/]+)/.exec(path) ?? [];
  if (UNREAD.test(name)) return BUNDLE_MAP.test(path);
  return top === undefined || !(UNREAD_OF_LIBRARY.test(name) || UNREAD_DIRECTORY.test(top));
}

function below(directory: string): string[] {
  if (!statSync(directory).isDirectory()) return [];
  return readdirSync(directory, { recursive: true, encoding: 'utf8' }).map((path) => join(directory, path));
}

/** What npm would pack, but documents, which have a place of their own. */
function stageProgram(stage: string, manifest: Manifest): void {
  for (const path of manifest.files.filter((each) => !/^docs$|\.md$/.test(each))) copy(path, join(stage, HOME, path));
  put(stage, `${HOME}/package.json`, `${JSON.stringify({ ...manifest, scripts: {} }, null, 2)}\n`);
  const main = 'dist/src/main.js';
  // The package needs Debian's node, not the one that comes first for whoever types the command.
  put(stage, join(HOME, main), read(main).replace(/^#!.*/, '#!/usr/bin/node'), 0o755);
  mkdirSync(join(stage, 'usr/bin'), { recursive: true });
  symlinkSync(`../lib/vxlane/${main}`, join(stage, 'usr/bin/vxlane'));
}

interface Locked {
  readonly dev?: boolean;
  readonly optional?: boolean;
}

/** Those that the program needs at run time. Optional ones for other machines are not here. */
function stageLibraries(home: string): void {
  const { packages } = JSON.parse(read('package-lock.json')) as { packages: Record<string, Locked> };
  for (const [path, { dev, optional }] of Object.entries(packages)) {
    if (path === '' || dev === true || path.replace(/^node_modules\//, '').includes('node_modules/')) continue;
    if (!existsSync(join(ROOT, path))) {
      if (optional === true) continue;
      throw new Error(`${path} is not there: npm ci`);
    }
    copy(path, join(home, path));
  }
}

async function stageManPages(stage: string): Promise<void> {
  for (const page of await manPages()) {
    putZipped(stage, `usr/share/man/man${page.section}/${page.name}.${page.section}`, roffOf(page));
  }
}

function stageRest(stage: string, files: readonly string[], version: string): void {
  put(stage, 'usr/share/bash-completion/completions/vxlane', SCRIPTS.bash);
  put(stage, 'usr/share/zsh/vendor-completions/_vxlane', SCRIPTS.zsh);
  put(stage, 'usr/share/fish/vendor_completions.d/vxlane.fish', SCRIPTS.fish);
  put(stage, 'usr/lib/systemd/system/vxlane.service', read('packaging/vxlane.service'));
  put(stage, 'etc/default/vxlane', read('packaging/debian/default'));
  put(stage, 'etc/vxlane/vxlane.yaml', read('packaging/debian/vxlane.yaml'));
  put(stage, 'usr/share/lintian/overrides/vxlane', read('packaging/debian/lintian-overrides'));
  if (files.includes('docs')) {
    cpSync(join(ROOT, 'docs'), join(stage, DOCS, 'docs'), { recursive: true });
    for (const path of below(join(stage, DOCS))) chmodSync(path, statSync(path).isDirectory() ? 0o755 : 0o644);
  }
  putZipped(stage, `${DOCS}/changelog`, read('CHANGELOG.md'));
  const seconds = Number(process.env.SOURCE_DATE_EPOCH ?? Date.now() / 1000);
  const date = new Date(seconds * 1000).toUTCString().replace('GMT', '+0000');
  const entry = `vxlane (${version}) unstable; urgency=medium\n\n  * What is new is in changelog.gz.\n\n`;
  putZipped(stage, `${DOCS}/changelog.Debian`, `${entry} -- ${MAINTAINER}  ${date}\n`);
  const license = read('LICENSE').split('\n').slice(4).join('\n').trim();
  const text = license.split('\n').map((line) => ` ${line === '' ? '.' : line}`);
  put(stage, `${DOCS}/copyright`, read('packaging/debian/copyright').replace('@LICENSE@', text.join('\n')));
}

interface Control {
  readonly manifest: Manifest;
  readonly architecture: string;
  readonly version: string;
}

function stageControl(stage: string, { manifest, architecture, version }: Control): void {
  const files = below(stage).filter((path) => lstatSync(path).isFile());
  const conffiles = files.map((path) => `/${relative(stage, path)}`).filter((path) => path.startsWith('/etc/'));
  const sums = execFileSync('md5sum', files.map((path) => relative(stage, path)).sort(), { cwd: stage });
  const kibibytes = files.reduce((sum, path) => sum + Math.ceil(statSync(path).size / 1024), 0);
  const fields = {
    Package: 'vxlane',
    Version: version,
    Section: 'net',
    Priority: 'optional',
    Architecture: architecture,
    Maintainer: MAINTAINER,
    'Installed-Size': String(kibibytes),
    // What the native library asks of the C library is long in every Debian that has such a nodejs.
    Depends: `nodejs (>= ${manifest.engines.node.replace('>=', '')}), adduser, libc6 (>= 2.25), libgcc-s1, libstdc++6`,
    Recommends: 'iproute2',
    Suggests: 'bash-completion',
    Description: [
      'userspace VXLAN tunnel endpoint with pluggable MAC lookup',
      'vxlane gives virtual machines, containers and hosts private layer 2 networks',
      'over any IP network. The answer to "on which host is this MAC?" comes from a',
      'search plugin: a file, etcd, one peer, multicast, or one of your own.',
      '.',
      'The service runs "vxlane daemon" with /etc/vxlane/vxlane.yaml; members of the',
      'group vxlane may use its control socket.',
    ].join('\n '),
  };
  const control = Object.entries(fields).map(([name, value]) => `${name}: ${value}\n`);
  put(stage, 'DEBIAN/control', control.join(''));
  put(stage, 'DEBIAN/conffiles', conffiles.map((path) => `${path}\n`).join(''));
  put(stage, 'DEBIAN/md5sums', sums);
  for (const script of ['postinst', 'prerm', 'postrm']) {
    put(stage, `DEBIAN/${script}`, read(`packaging/debian/${script}`), 0o755);
  }
}
