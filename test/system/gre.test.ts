// Raw sockets of GRE: which of several at one address keeps a datagram, and what is said where there may be none.

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { NO_PORT } from '../../src/address.js';
import { openUnderlay } from '../../src/system/udp.js';
import { needsRoot } from '../support/root.js';

const UNDERLAY = new URL('../../src/system/udp.js', import.meta.url).href;
const WORKERS = 3;
const FLOWS = 96;

/** Sends a datagram of each flow, and a short one; python has the raw sockets that Node lacks. */
const SEND = `
import socket, sys
family, to = (socket.AF_INET6, '::1') if sys.argv[1] == '6' else (socket.AF_INET, '127.0.0.1')
s = socket.socket(family, socket.SOCK_RAW, 47)
for flow in range(${FLOWS}): s.sendto(bytes([0x20, 0, 0x65, 0x58, 0, 0x10, 0x92, flow]) + bytes(60), (to, 0))
s.sendto(bytes([0x20, 0, 0x65]), (to, 0))
`;

/** What a listener of so many has got: its own process reads them, as Node has no recv. */
const RECEIVE = `
import os, sys
for fd in map(int, sys.argv[2:]):
    got = []
    while True:
        try: data = os.read(fd, 2048)
        except BlockingIOError: break
        if sys.argv[1] == '4': data = data[(data[0] & 15) * 4:]
        got.append(data[7] if len(data) > 7 else -1)
    print(*got)
`;

const options = (ip: string) => ({
  ...{ listen: { ip, port: NO_PORT }, workers: WORKERS, sources: 1, acceptZeroChecksum6: false },
  ...{ checksum: 'always' as const, isGre: true },
});

describe('raw sockets of GRE', { skip: needsRoot() }, () => {
  for (const [family, ip] of [
    ['4', '127.0.0.1'],
    ['6', '::1'],
  ] as const) {
    it(`keep each flow at one of the workers, and all of it, over IPv${family}`, () => {
      const underlay = openUnderlay(options(ip));
      try {
        assert.equal(underlay.gso, false);
        assert.equal(underlay.setGro(true), false);
        execFileSync('python3', ['-c', SEND, family]);
        const { listeners } = underlay;
        // They are close-on-exec: the child has them as 3 and on.
        const stdio = ['ignore', 'pipe', 'inherit', ...listeners] as const;
        const numbers = listeners.map((_, index) => String(3 + index));
        const text = execFileSync('python3', ['-c', RECEIVE, family, ...numbers], {
          stdio: [...stdio],
          encoding: 'utf8',
        });
        const got = text
          .trimEnd()
          .split('\n')
          .map((line) => line.split(' ').map(Number));
        assert.equal(got.length, WORKERS);
        for (const flows of got) assert.ok(flows.length > FLOWS / WORKERS / 3, `${flows.length} of ${FLOWS} flows`);
        const sorted = got.flat().sort((a, b) => a - b);
        assert.deepEqual(sorted, [-1, ...Array(FLOWS).keys()]);
      } finally {
        underlay.close();
      }
    });
  }

  it('are refused in one line without CAP_NET_RAW', () => {
    const program =
      `import(${JSON.stringify(UNDERLAY)}).then(({ openUnderlay }) => ` +
      `openUnderlay(${JSON.stringify(options('127.0.0.1'))})).catch(({ code, message }) => console.log(code, message))`;
    const bare = ['--bounding-set', '-net_raw', '--inh-caps', '-net_raw'];
    const { stdout } = spawnSync('setpriv', [...bare, process.execPath, '-e', program], { encoding: 'utf8' });
    assert.match(stdout, /^raw_socket_refused .*127\.0\.0\.1.*CAP_NET_RAW.*\n$/);
  });
});
