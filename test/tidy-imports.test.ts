// Imports run one way only: each room names the rooms below it that it may import. A failure says file:line.

import assert from 'node:assert/strict';
import { dirname, join, normalize } from 'node:path';
import { test } from 'node:test';
import { read, sources } from './support/tree.js';

interface Import {
  readonly from: string;
  readonly to: string;
  readonly line: number;
}

/** Relative imports of a file, resolved to source paths without extension. */
function importsOf(path: string): Import[] {
  const lines = read(path).split('\n');
  return lines.flatMap((text, index) => {
    const found = /(?:from|import\()\s*'(\.[^']+)'/.exec(text);
    if (found === null) return [];
    const to = normalize(join(dirname(path), found[1]!)).replace(/\.(js|ts)$/, '');
    return [{ from: path, to, line: index + 1 }];
  });
}

const BELOW_THE_ENGINE = ['layout', 'wire', 'table', 'ring', 'offload', 'datapath'].map((room) => `assembly/${room}`);
/** What both engines are made of; neither imports the other. */
const ENGINE_PARTS = ['descriptors', 'submissions', 'intake', 'tunnel-intake', 'turn', 'output'].map(
  (part) => `assembly/engine/${part}`,
);

/** What each room may import, besides itself. Longest prefix wins. LEAVES may be imported by all of src. */
const ROOMS: Record<string, readonly string[]> = {
  'assembly/layout': [],
  'assembly/wire': ['assembly/layout'],
  'assembly/table': ['assembly/layout', 'assembly/wire'],
  'assembly/ring': ['assembly/layout', 'assembly/wire'],
  'assembly/offload': ['assembly/layout', 'assembly/wire', 'assembly/table'],
  'assembly/datapath': ['assembly/layout', 'assembly/wire', 'assembly/table', 'assembly/ring', 'assembly/offload'],
  'assembly/engine/descriptors': ['assembly/layout', 'assembly/wire'],
  'assembly/engine/intake': BELOW_THE_ENGINE,
  'assembly/engine/tunnel-intake': [...BELOW_THE_ENGINE, 'assembly/engine/intake'],
  'assembly/engine/turn': BELOW_THE_ENGINE,
  'assembly/engine/submissions': ['assembly/layout', 'assembly/ring', 'assembly/engine/descriptors'],
  'assembly/engine/output': [...BELOW_THE_ENGINE, 'assembly/engine/descriptors', 'assembly/engine/submissions'],
  'assembly/engine/mmsg': [...BELOW_THE_ENGINE, ...ENGINE_PARTS],
  'assembly/engine/uring': [...BELOW_THE_ENGINE, ...ENGINE_PARTS],
  'assembly/index': ['assembly'],
  'src/errors': [],
  'src/address': [],
  'src/silence': [],
  'src/begun-thread': ['src/errors'],
  'src/stack': [],
  'src/log-levels': [],
  'src/nearest-names': [],
  'src/table': [],
  'src/outer-header': [],
  'src/encapsulations': ['src/address'],
  'src/link-protection': ['src/address', 'src/errors'],
  'src/rate-limits': ['src/errors'],
  'src/trunk': ['src/errors'],
  'src/event-kinds': [],
  'src/version': [],
  'src/directory': [],
  'src/ownership': [],
  'src/secrets': [],
  'src/system': [],
  'src/datapath': ['src/system', 'assembly/layout', 'build/release'],
  'src/search/api': [],
  'src/search/props': ['src/search/api'],
  'src/search/registry': ['src/search/api', 'src/search/plugins'],
  'src/search/host': ['src/search/api', 'src/search/props', 'src/system/capabilities'],
  'src/search/host/load': [
    'src/search/api',
    'src/search/host/load-module',
    'src/search/host/messages',
    'src/search/plugins',
  ],
  'src/search/find': ['src/search/host', 'src/search/registry'],
  'src/search/grpc': [],
  'src/search/plugins': ['src/search/api', 'src/search/grpc'],
  'src/search/index': ['src/search/api'],
  'src/search/testing': ['src/search/api', 'src/search/host', 'src/search/find', 'src/search/props'],
  'src/proxy': [],
  'src/pcapng': [],
  'src/oam': ['src/proxy/bytes'],
  'src/control/routes': [],
  'src/control/snap-length': [],
  'src/control/limits': [],
  'src/control/link-name': [],
  'src/control/requests': ['src/control/limits', 'src/control/link-name', 'src/control/snap-length'],
  'src/control/views': [],
  'src/control/status': ['src/control/views'],
  'src/control/stats': [],
  'src/control/events': [],
  'src/control/handover': ['src/control/link-name'],
  'src/control/protocol': [
    'src/control/default-socket',
    'src/control/handover',
    'src/control/limits',
    'src/control/routes',
    'src/control/requests',
    'src/control/views',
    'src/control/status',
    'src/control/stats',
    'src/control/events',
  ],
  'src/control': ['src/control/protocol'],
  // src/daemon, from the process down: each row names rooms further down only.
  'src/daemon/program': ['src/daemon/main', 'src/daemon/state'],
  'src/daemon/main': [
    'src/daemon/daemon',
    'src/daemon/handover',
    'src/daemon/http-listener',
    'src/daemon/config-file',
    'src/daemon/state',
    'src/daemon/underlay',
    'src/daemon/log',
    'src/daemon/service-manager',
    'src/daemon/signals',
    'src/daemon/guarded-parts',
    'src/daemon/socket-groups',
    'src/datapath',
    'src/control',
    'src/overlay-properties/overlay-properties',
    'src/search/host/begin',
    'src/search/host/deadlines',
    'src/system',
  ],
  'src/daemon/signals': ['src/daemon/daemon', 'src/daemon/log'],
  'src/daemon/daemon': [
    'src/daemon/trace',
    'src/daemon/capture',
    'src/daemon/clockwork',
    'src/daemon/events',
    'src/daemon/handover',
    'src/daemon/inheritance',
    'src/daemon/config-file',
    'src/daemon/commands',
    'src/daemon/probes',
    'src/daemon/overlay',
    'src/daemon/state',
    'src/daemon/underlay',
    'src/daemon/log',
    'src/control/limits',
    'src/control/protocol',
    'src/datapath/datapath',
    'src/search/host/begin',
    'src/search/registry',
  ],
  'src/daemon/trace': [
    'src/daemon/capture',
    'src/daemon/commands',
    'src/daemon/forwarding/decision',
    'src/daemon/overlay',
    'src/daemon/plugin',
    'src/control/protocol',
    'src/datapath',
    'src/proxy',
    'src/search',
  ],
  'src/daemon/capture': [
    'src/daemon/commands',
    'src/control/capture-stream',
    'src/control/protocol',
    'src/datapath',
    'src/pcapng',
  ],
  'src/daemon/http-listener': ['src/daemon/health', 'src/daemon/log', 'src/control'],
  'src/daemon/probes': ['src/daemon/commands', 'src/daemon/metrics', 'src/control'],
  'src/daemon/metrics': [
    'src/daemon/events',
    'src/daemon/commands',
    'src/daemon/oam',
    'src/daemon/underlay',
    'src/daemon/upcalls',
    'src/datapath',
    'src/control/protocol',
  ],
  'src/daemon/clockwork': [
    'src/daemon/guarded-parts',
    'src/daemon/config-file',
    'src/daemon/commands',
    'src/daemon/overlay',
    'src/datapath/types',
    'src/system/link',
  ],
  'src/daemon/handover': [
    'src/daemon/commands',
    'src/daemon/inheritance',
    'src/daemon/state',
    'src/daemon/log',
    'src/control',
    'src/system/descriptors',
  ],
  'src/daemon/config-file': [
    'src/daemon/commands',
    'src/daemon/overlay',
    'src/daemon/health',
    'src/config',
    'src/control/protocol',
    'src/overlay-properties',
    'src/system/link',
    'src/system/netns',
    'src/system/routes',
    'src/search',
  ],
  'src/daemon/commands': [
    'src/daemon/events',
    'src/daemon/inheritance',
    'src/daemon/overlay',
    'src/daemon/oam',
    'src/daemon/plugin',
    'src/daemon/upcalls',
    'src/daemon/state',
    'src/daemon/underlay',
    'src/daemon/log',
    'src/config',
    'src/control/limits',
    'src/control/protocol',
    'src/datapath',
    'src/overlay-properties',
    'src/search',
    'src/system/capabilities',
    'src/system/tap-access',
    'src/system/tap-search',
  ],
  'src/daemon/inheritance': ['src/control/protocol', 'src/system'],
  'src/daemon/overlay': [
    'src/daemon/events',
    'src/datapath',
    'src/system',
    'src/search',
    'src/overlay-properties',
    'src/daemon/plugin',
    'src/daemon/upcalls',
    'src/daemon/forwarding',
    'src/daemon/oam',
    'src/daemon/underlay',
    'src/daemon/health',
    'src/daemon/log',
  ],
  'src/daemon/oam': [
    'src/daemon/events',
    'src/daemon/token-bucket',
    'src/datapath/types',
    'src/oam',
    'src/overlay-properties',
    'src/system/icmp-echo',
  ],
  'src/daemon/plugin': [
    'src/datapath/types',
    'src/search',
    'src/overlay-properties',
    'src/daemon/forwarding/targets',
    'src/daemon/health',
  ],
  'src/daemon/upcalls': [
    'src/daemon/plugin',
    'src/daemon/forwarding/decision',
    'src/daemon/forwarding/neighbours',
    'src/daemon/forwarding/targets',
    'src/daemon/health',
    'src/datapath/types',
    'src/proxy',
    'src/search',
  ],
  'src/daemon/forwarding': [
    'src/daemon/token-bucket',
    'src/daemon/underlay',
    'src/daemon/health',
    'src/datapath/types',
    'src/oam',
    'src/overlay-properties',
    'src/search/api',
    'src/system/link',
  ],
  'src/daemon/underlay': [
    'src/daemon/health',
    'src/daemon/log',
    'src/datapath/types',
    'src/overlay-properties',
    'src/system',
  ],
  'src/daemon/state': ['src/control/link-name', 'src/overlay-properties', 'src/search/api', 'src/system/lock'],
  'src/daemon/events': ['src/control/events'],
  'src/daemon/health': ['src/search/api'],
  'src/daemon/guarded-parts': ['src/daemon/log'],
  'src/daemon/token-bucket': [],
  'src/daemon/user': ['src/directory', 'src/errors', 'src/system'],
  'src/daemon/socket-groups': ['src/control', 'src/system'],
  'src/daemon/log': ['src/search/api'],
  'src/daemon/service-manager': ['src/daemon/log', 'src/system'],
  'src/overlay-properties': ['src/search'],
  'src/config': ['src/control/link-name', 'src/search', 'src/overlay-properties'],
  'src/demo': [],
  'src/doctor/finding': [],
  'src/doctor': [
    'src/doctor/finding',
    'src/control/client',
    'src/control/default-socket',
    'src/control/protocol',
    'src/config',
    'src/daemon/state/stored',
    'src/datapath',
    'src/overlay-properties/mtu',
    'src/overlay-properties/tunnel',
    'src/system',
  ],
  'src/bugreport': [
    'src/control/client',
    'src/control/protocol',
    'src/control/request',
    'src/doctor',
    'src/overlay-properties/overlay-properties',
    'src/search/registry',
    'src/system/netns',
  ],
  'src/cli': ['src/control', 'src/pcapng'],
  'src/cli/completion': ['src/cli/command', 'src/control/request', 'src/search', 'src/overlay-properties'],
  'src/cli/commands/etcd': ['src/cli', 'src/search/plugins'],
  'src/cli/commands/daemon': [
    'src/cli',
    'src/daemon/main',
    'src/daemon/program',
    'src/daemon/user',
    'src/datapath/begin',
  ],
  'src/cli/commands/doctor': ['src/cli', 'src/doctor'],
  'src/cli/commands/bugreport': ['src/cli', 'src/bugreport'],
  'src/cli/commands/demo': ['src/cli', 'src/demo/demo'],
  'src/main': ['src/cli'],
  // In a browser: of the host it has types alone, of vxlane/client.
  web: [],
};
const LEAVES = [
  'src/errors',
  'src/address',
  'src/silence',
  'src/begun-thread',
  'src/stack',
  'src/event-kinds',
  'src/version',
  'src/directory',
  'src/ownership',
  'src/secrets',
  'src/log-levels',
  'src/nearest-names',
  'src/table',
  'src/outer-header',
  'src/encapsulations',
  'src/link-protection',
  'src/rate-limits',
  'src/trunk',
];
const SYSTEM_ONLY = /from '(koffi|node:ffi)'/;

const inside = (path: string, prefix: string): boolean => path === prefix || path.startsWith(`${prefix}/`);

function roomOf(path: string): string | undefined {
  const name = path.replace(/\.ts$/, '');
  return Object.keys(ROOMS)
    .filter((room) => inside(name, room))
    .sort((a, b) => b.length - a.length)[0];
}

function isAllowed({ from, to }: Import): boolean {
  const room = roomOf(from);
  if (room === undefined) return false;
  if (inside(to, room) || ROOMS[room]!.some((allowed) => inside(to, allowed))) return true;
  return from.startsWith('src/') && LEAVES.includes(to) && !LEAVES.includes(room);
}

test('imports run left to right only', () => {
  const rooms = sources.filter((path) => /^(assembly|src|web)\//.test(path));
  const homeless = rooms.filter((path) => roomOf(path) === undefined);
  assert.deepEqual(homeless, [], 'files in no room');
  const wrong = rooms
    .flatMap(importsOf)
    .filter((one) => !isAllowed(one))
    .map(({ from, to, line }) => `${from}:${line} must not import ${to}`);
  assert.deepEqual(wrong, []);
});

test('no room of src may import what it does not', () => {
  const imports = sources.filter((path) => path.startsWith('src/')).flatMap(importsOf);
  const unused = Object.entries(ROOMS)
    .filter(([room]) => room.startsWith('src/'))
    .flatMap(([room, allowed]) => {
      const own = imports.filter(({ from }) => roomOf(from) === room);
      return allowed.filter((each) => !own.some(({ to }) => inside(to, each))).map((each) => `${room}: ${each}`);
    });
  assert.deepEqual(unused, []);
});

test('no import circles, type-only ones included', () => {
  const known = new Set(sources);
  const imports = new Map(sources.map((path) => [path, importsOf(path).map(({ to }) => `${to}.ts`)] as const));
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (path: string, way: readonly string[]): void => {
    if (way.includes(path)) circles.push([...way.slice(way.indexOf(path)), path].join(' -> '));
    if (done.has(path) || way.includes(path) || !known.has(path)) return;
    for (const to of imports.get(path)!) visit(to, [...way, path]);
    done.add(path);
  };
  for (const path of sources) visit(path, []);
  assert.deepEqual(circles, []);
});

test('nothing imports bench or test, and only src/system knows libc', () => {
  const wrong = sources
    .filter((path) => /^(assembly|src)\//.test(path))
    .filter((path) => importsOf(path).some(({ to }) => /^(bench|test)\//.test(to)))
    .concat(sources.filter((path) => SYSTEM_ONLY.test(read(path)) && !path.startsWith('src/system/')));
  assert.deepEqual(wrong, []);
});
