/**
 * Super-frames inside a tunnel over a veth pair: written by hand on one underlay TAP, they arrive whole at another and
 * at the kernel's vxlan device, and cut with right checksums where the interface cannot do that.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { ipBytes } from '../../src/address.js';
import { withNetns } from '../../src/system/netns.js';
import { closeFd } from '../../src/system/syscalls.js';
import { bindTogether, newTunnelSocket } from '../../src/system/udp-socket.js';
import { openUnderlayTap, type UnderlayTap } from '../../src/system/underlay-tap.js';
import { macWord } from '../support/bytes.js';
import { payloadOf } from '../support/flows.js';
import { loadBuild, SCRATCH } from '../support/module.js';
import { run, TestNetns } from '../support/netns.js';
import { needsRoot } from '../support/root.js';
import { ACK, buildFrame, concat, type Flow, headerLengthOf, TCP, UDP, vnetOf } from '../support/super-frames.js';
import { until } from '../support/until.js';
import { receiveOne, sendOne } from './messages.js';
import { Frames, macBytes, TUNNEL_VNET, WAIT_MS } from './underlay-host.js';

const PORT = 4789;
const SOURCE_PORT = 50_000;
const VNI = 23;
const MTU = 1500;
const ROOM = 70_000;
const VXLAN_HLEN = 8;
const INNER_MACS = ['02:00:00:00:00:1b', '02:00:00:00:00:1a'] as const;
const OUTER = { 4: ['192.0.2.1', '192.0.2.2'], 6: ['fd00::1', 'fd00::2'] } as const;
const INNER = ['10.9.0.1', '10.9.0.2'] as const;
const INNER_PORT = 7000;
const OFFLOADS = ['tx', 'tso', 'tx-udp_tnl-segmentation', 'tx-udp_tnl-csum-segmentation'];

/** tshark's words for the status of a checksum. None is illegal over IPv6 but for tunnels (RFC 6935). */
const RIGHT = 1;
const NONE = { 4: 3, 6: 4 } as const;

const m = await loadBuild('release');

/** A flow inside the tunnel, from the first host to the second. */
function innerFlow(protocol: 6 | 17): Flow {
  return {
    version: 4,
    protocol,
    macs: concat(macBytes(INNER_MACS[0]), macBytes(INNER_MACS[1])),
    tags: [],
    addresses: concat(ipBytes(INNER[0]), ipBytes(INNER[1])),
    ports: [40_000, INNER_PORT],
    ttl: 64,
    tos: 0,
    flowLabel: 0,
    df: true,
    id: 1,
    ipOptions: new Uint8Array(),
    seq: 1000,
    ack: 1,
    window: 1000,
    flags: ACK,
    tcpOptions: new Uint8Array(),
  };
}

/** One host of two, with an underlay TAP. */
class End {
  readonly netns = new TestNetns();
  readonly tap: UnderlayTap;
  readonly frames: Frames;

  /** `wire` connects it to its peer. */
  constructor(wire: (netns: TestNetns) => void, side: 0 | 1) {
    this.netns.exec('sysctl', '-qw', 'net.ipv6.conf.default.addr_gen_mode=1', 'net.ipv6.conf.default.accept_dad=0');
    wire(this.netns);
    for (const ip of [`${OUTER[4][side]}/24`, `${OUTER[6][side]}/64`]) {
      this.netns.exec('ip', 'addr', 'add', ip, 'dev', 'under0');
    }
    this.netns.exec('ip', 'link', 'set', 'under0', 'up');
    this.tap = this.inside(() => openUnderlayTap(1));
    this.frames = new Frames(this.tap.fds[0]!, TUNNEL_VNET, ROOM);
    this.inside(() => this.tap.attach(this.ifindex));
  }

  get ifindex(): number {
    return this.netns.link('under0').ifindex;
  }

  inside<T>(action: () => T): T {
    return withNetns(this.netns.name, action);
  }

  listen(isOn: boolean): void {
    for (const ip of [...OUTER[4], ...OUTER[6]]) {
      if (isOn) this.tap.listen({ ip, port: PORT }, 1);
      else this.tap.unlisten({ ip, port: PORT });
    }
  }

  offloads(state: 'on' | 'off', ...names: string[]): void {
    this.netns.exec('ethtool', '-K', 'under0', ...names.flatMap((name) => [name, state]));
  }

  close(): void {
    this.tap.close();
    this.netns.delete();
  }
}

describe('super-frames inside a tunnel', { skip: needsRoot() }, () => {
  let ours: End;
  let theirs: End;
  before(() => {
    ours = new End(
      (netns) => netns.exec('ip', 'link', 'add', 'under0', 'mtu', `${MTU}`, 'type', 'veth', 'peer', 'under1'),
      0,
    );
    theirs = new End((netns) => {
      ours.netns.exec('ip', 'link', 'set', 'under1', 'netns', netns.name, 'name', 'under0');
    }, 1);
    // The neighbours are known before, so that all that is seen is what is sent here.
    for (const version of [4, 6]) ours.netns.exec('ping', '-c', '1', '-W', '5', OUTER[version as 4 | 6][1]);
  });
  beforeEach(() => {
    ours.offloads('on', ...OFFLOADS);
    theirs.listen(true);
    while (theirs.frames.read() !== null);
  });
  after(() => {
    ours?.close();
    theirs?.close();
  });

  /** Writes it as a worker would: all headers in front of the frame, in place. */
  const sendSuper = (flow: Flow, payload: Uint8Array, segment: number, outer: 4 | 6, withChecksum: boolean) => {
    const inner = buildFrame(flow, payload, true);
    const hlen = outer === 4 ? m.OUTER_IPV4_HLEN.value : m.OUTER_IPV6_HLEN.value;
    const template = SCRATCH + 256;
    const innerVnet = SCRATCH + 512;
    const vnet = SCRATCH + 1024;
    const frame = vnet + TUNNEL_VNET;
    const vxlan = frame + hlen;
    m.bytes.set(vnetOf(flow, segment), innerVnet);
    m.bytes.set(inner, vxlan + VXLAN_HLEN);
    m.vxlanStamp(vxlan, VNI);
    const mac = macWord(ours.tap.mac);
    const [src, dst] = OUTER[outer].map((ip) => Buffer.from(ipBytes(ip))) as [Buffer, Buffer];
    if (outer === 4) {
      m.outerTemplate4(template, mac, ours.ifindex, src.readUInt32BE(), dst.readUInt32BE(), PORT);
    } else {
      const half = (ip: Buffer, at: number) => ip.readBigUInt64BE(at);
      m.outerTemplate6(template, mac, ours.ifindex, half(src, 0), half(src, 8), half(dst, 0), half(dst, 8), PORT);
    }
    m.outerStamp(frame, template, hlen, VXLAN_HLEN + inner.length, SOURCE_PORT, withChecksum);
    const tunnel = outer === 4 ? m.VNET_TUNNEL_IPV4.value : m.VNET_TUNNEL_IPV6.value;
    m.tunnelVnetSet(vnet, innerVnet, tunnel, withChecksum, hlen + VXLAN_HLEN, hlen - 8, headerLengthOf(flow), 14);
    const whole = m.bytes.slice(vnet, vxlan + VXLAN_HLEN + inner.length);
    ours.frames.write(whole.subarray(TUNNEL_VNET), whole.subarray(0, TUNNEL_VNET));
    return { inner, hlen };
  };

  /**
   * What comes to the second host, `bytes` of it, as tshark tells it: inner payload, and the status of the outer UDP
   * checksum. All other checksums have to be right, and no frame above the MTU.
   */
  const captured = async (bytes: number, send: () => void): Promise<{ length: number; udp: number }[]> => {
    const folder = mkdtempSync(join(tmpdir(), 'vxlane-tunnel-'));
    const file = join(folder, 'pcap');
    const argv = ['tcpdump', '-Z', 'root', '--immediate-mode', '-U', '-n', '-i', 'under0', '-w', file, 'udp'];
    const tcpdump = spawn('ip', ['netns', 'exec', theirs.netns.name, ...argv], { stdio: ['ignore', 'ignore', 'pipe'] });
    const ended = new Promise((resolve) => tcpdump.once('exit', resolve));
    await new Promise<void>((resolve) => {
      tcpdump.stderr.on('data', (text) => `${text}`.includes('listening on') && resolve());
    });
    send();
    await until(() => statSync(file).size >= bytes);
    tcpdump.kill('SIGINT');
    await ended;
    const check = ['ip', 'udp', 'tcp'].flatMap((protocol) => ['-o', `${protocol}.check_checksum:TRUE`]);
    const wanted = ['frame.len', 'tcp.len', 'tcp.checksum.status', 'ip.checksum.status', 'udp.checksum.status'];
    const fields = wanted.flatMap((field) => ['-e', field]);
    const text = run('tshark', '-r', file, '-n', ...check, '-T', 'fields', ...fields);
    rmSync(folder, { recursive: true });
    return text
      .trim()
      .split('\n')
      .map((line) => {
        const [frame, tcp, ...statuses] = line.split('\t');
        assert.ok(Number(frame) <= MTU + 14, text);
        const [tcpStatus, ipStatuses, udp] = statuses;
        assert.ok(
          ipStatuses!.split(',').every((status) => status === `${RIGHT}`),
          text,
        );
        assert.equal(tcpStatus, `${RIGHT}`, text);
        return { length: Number(tcp), udp: Number(udp) };
      });
  };

  for (const outer of [4, 6] as const) {
    for (const withChecksum of [false, true]) {
      const how = `IPv${outer} outside, ${withChecksum ? 'with' : 'without'} an outer checksum`;

      it(`arrive whole at another TAP, byte for byte: ${how}`, () => {
        const flow = innerFlow(TCP);
        const { inner, hlen } = sendSuper(flow, payloadOf(64_000, 7), 1380, outer, withChecksum);
        const got = theirs.frames.readBoth();
        assert.ok(got !== null);
        assert.deepEqual(Uint8Array.from(got.frame.subarray(hlen + VXLAN_HLEN)), inner);
        m.bytes.set(got.vnet, SCRATCH);
        assert.equal(m.tunnelVnetIsTunnel(SCRATCH), true);
        m.tunnelVnetInner(SCRATCH, SCRATCH, hlen + VXLAN_HLEN);
        const vnet = vnetOf(flow, 1380);
        const seen = m.bytes.slice(SCRATCH, SCRATCH + 10);
        assert.deepEqual([...seen.slice(0, 2), ...seen.slice(4)], [...vnet.slice(0, 2), ...vnet.slice(4)]);
        assert.equal(theirs.frames.read(), null);
      });

      it(`are cut, and summed, where the interface can do neither: ${how}`, async () => {
        ours.offloads('off', ...OFFLOADS);
        const payload = payloadOf(20_000, 8);
        const send = () => sendSuper(innerFlow(TCP), payload, 1380, outer, withChecksum);
        const seen = await captured(payload.length, send);
        const count = Math.ceil(payload.length / 1380);
        const expected = Array.from({ length: count }, (_, index) => Math.min(1380, payload.length - index * 1380));
        assert.deepEqual(
          seen.map(({ length }) => length),
          expected,
        );
        assert.deepEqual(new Set(seen.map(({ udp }) => udp)), new Set([withChecksum ? RIGHT : NONE[outer]]));
        const hlen = (outer === 4 ? 42 : 62) + VXLAN_HLEN;
        const pieces: Uint8Array[] = [];
        for (let frame = theirs.frames.read(); frame !== null; frame = theirs.frames.read()) {
          pieces.push(frame.subarray(hlen + headerLengthOf(innerFlow(TCP))));
        }
        assert.deepEqual(concat(...pieces), payload);
      });
    }
  }

  describe("with the kernel's vxlan device", () => {
    let socket: number;
    before(() => {
      const { netns } = theirs;
      const [local, remote] = [OUTER[4][1], OUTER[4][0]];
      const where = ['id', `${VNI}`, 'dstport', `${PORT}`, 'local', local, 'remote', remote, 'dev', 'under0'];
      netns.exec('ip', 'link', 'add', 'vx0', 'address', INNER_MACS[0], 'type', 'vxlan', ...where);
      netns.exec('ip', 'addr', 'add', `${INNER[1]}/24`, 'dev', 'vx0');
      netns.exec('ip', 'link', 'set', 'vx0', 'up');
      netns.exec('ip', 'neigh', 'add', INNER[0], 'lladdr', INNER_MACS[1], 'dev', 'vx0');
      const endpoint = { ip: INNER[1], port: INNER_PORT };
      socket = theirs.inside(() => newTunnelSocket(endpoint));
      assert.equal(
        theirs.inside(() => bindTogether([socket], endpoint)),
        0,
      );
    });
    after(() => closeFd(socket));

    it('one that we write is taken apart there: every datagram in order', () => {
      theirs.listen(false);
      const payload = payloadOf(40_000, 9);
      sendSuper(innerFlow(UDP), payload, 1200, 4, false);
      for (let at = 0; at < payload.length; at += 1200) {
        const received = receiveOne(socket, WAIT_MS);
        assert.ok(typeof received !== 'number', `errno ${received}, at ${at}`);
        assert.deepEqual(Uint8Array.from(received.payload), payload.slice(at, at + 1200));
      }
    });

    it('one that it sends comes whole', () => {
      ours.tap.listen({ ip: OUTER[4][0], port: PORT }, 1);
      const payload = payloadOf(40_000, 10);
      assert.equal(sendOne(socket, INNER[0], 40_000, Buffer.from(payload), 1200), 1);
      const got = ours.frames.readBoth();
      assert.ok(got !== null);
      const outer = m.OUTER_IPV4_HLEN.value + VXLAN_HLEN;
      assert.deepEqual(Uint8Array.from(got.frame.subarray(outer + 42)), payload);
      m.bytes.set(got.vnet, SCRATCH);
      assert.equal(m.tunnelVnetIsTunnel(SCRATCH), true);
      m.tunnelVnetInner(SCRATCH, SCRATCH, outer);
      const view = Buffer.from(m.bytes.slice(SCRATCH, SCRATCH + 10));
      assert.deepEqual([view[0], view[1], view.readUInt16LE(4), view.readUInt16LE(6)], [1, 5, 1200, 34]);
      ours.tap.unlisten({ ip: OUTER[4][0], port: PORT });
    });
  });
});
