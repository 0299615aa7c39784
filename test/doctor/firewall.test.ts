/** What a ruleset does with a VTEP's datagrams: rulesets as nft prints them, and its answer. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, describe, it } from 'node:test';
import type { Packet } from '../../src/doctor/firewall/match.js';
import { parseRuleset } from '../../src/doctor/firewall/ruleset.js';
import { verdictOf } from '../../src/doctor/firewall/verdict.js';
import { needsRoot } from '../support/root.js';

const PACKET: Packet = { family: 'ip', from: '10.88.88.2', to: '10.88.88.1', port: 4789, inbound: 'eth0' };
const SIX: Packet = { family: 'ip6', from: 'fd88::2', to: 'fd88::1', port: 4789, inbound: 'eth0' };

const input = (rules: string, policy = 'accept') =>
  `table inet f {\n${SETS}\nchain i { type filter hook input priority 0; policy ${policy}; ${rules}\n}\n${OTHERS}\n}`;
const SETS = [
  'set peers { type ipv4_addr; flags interval; elements = { 10.88.88.0/30, 10.99.0.1 }; }',
  'map ports { type inet_service : verdict; }',
  'chain nothing { }',
].join('\n');
const OTHERS = 'chain vx { udp dport 4789 accept; drop; }';

const CASES: readonly (readonly [ruleset: string, ends: string | null, packet?: Packet])[] = [
  ['', null],
  [input('udp dport 4789 drop'), 'drop'],
  [input('udp dport 4789 reject'), 'drop'],
  [input('udp dport { 53, 4000-5000 } counter drop'), 'drop'],
  [input('udp dport 4790 drop; tcp dport 4789 drop; icmp type echo-request drop'), null],
  [input('ip saddr 10.88.88.2 udp dport 4789 accept; udp dport 4789 drop'), null],
  [input('ip saddr 10.88.88.3 udp dport 4789 accept; udp dport 4789 drop'), 'drop'],
  [input('ip saddr @peers udp dport 4789 accept', 'drop'), null],
  [input('ip saddr != @peers udp dport 4789 drop'), null],
  [input('ip saddr 10.0.0.0/8 th dport 4789 accept', 'drop'), null],
  [input('ct state established,related accept; iifname "lo" accept; tcp dport 22 accept', 'drop'), 'drop'],
  [input('iifname "eth*" accept', 'drop'), null],
  [input('ct state new,established jump vx', 'drop'), null],
  [input('meta l4proto udp goto vx', 'drop'), null],
  [input('udp sport 5000-6000 udp dport 4789 accept', 'drop'), 'unclear'],
  [input('udp dport 4789 limit rate 5/second drop'), null],
  [input('udp dport vmap { 53 : drop, 4789 : accept }', 'drop'), null],
  [input('udp dport vmap { 53 : accept, 4789 : drop }'), 'drop'],
  [input('udp dport vmap { 53 : accept }', 'drop'), 'drop'],
  [input('udp dport vmap { 4000-5000 : jump nothing }; udp dport 4789 accept', 'drop'), null],
  [input('udp dport vmap { 4000-5000 : goto nothing }; udp dport 4789 accept', 'drop'), 'drop'],
  [input('ct state vmap { established : accept, related : accept, invalid : drop }', 'drop'), 'drop'],
  [input('ether saddr vmap { de:ad:be:ef:00:01 : accept }', 'drop'), 'unclear'],
  [input('udp dport vmap @ports', 'drop'), 'unclear'],
  [input('udp sport 5000-6000 counter', 'drop'), 'drop'],
  [input('udp dport 4789 goto nothing; udp dport 4789 accept', 'drop'), 'drop'],
  [input('udp dport 4789 jump nothing; udp dport 4789 accept', 'drop'), null],
  [input('udp sport 5000-6000 goto nothing; udp dport 4789 drop'), 'unclear'],
  [input('meta nfproto ipv6 drop'), null],
  [input('meta nfproto ipv6 drop'), 'drop', SIX],
  [input('ip6 saddr fd88::/64 udp dport 4789 accept', 'drop'), null, SIX],
  ['table ip f { chain i { type filter hook input priority 0; udp dport 4789 drop; }; }', null, SIX],
  ['table ip f { chain o { type filter hook output priority 0; udp dport 4789 drop; }; }', null],
  ['table ip f { chain p { type filter hook prerouting priority -300; udp dport 4789 drop; }; }', 'drop'],
];

describe('verdicts of rulesets', { skip: needsRoot() }, () => {
  const netns = `nft-${process.pid}`;
  const ip = (...args: string[]) => spawnSync('ip', ['netns', ...args], { encoding: 'utf8' });
  assert.equal(ip('add', netns).status, 0);
  after(() => ip('delete', netns));

  for (const [ruleset, ends, packet = PACKET] of CASES) {
    it(`${packet.family}: ${ruleset.replaceAll(/\s+/g, ' ').replace(SETS, '').replace(OTHERS, '') || 'none'}`, () => {
      const loaded = spawnSync('ip', ['netns', 'exec', netns, 'nft', '-f', '-'], {
        input: `flush ruleset\n${ruleset}\n`,
        encoding: 'utf8',
      });
      assert.equal(loaded.status, 0, loaded.stderr);
      const { stdout } = ip('exec', netns, 'nft', '-j', 'list', 'ruleset');
      assert.equal(verdictOf(parseRuleset(stdout), packet)?.kind ?? null, ends, stdout);
    });
  }
});

it('a chain of an interface is of datagrams that come in there; not every nft says which it is', () => {
  const named = { family: 'netdev', table: 'f' };
  const match = { op: '==', left: { payload: { protocol: 'udp', field: 'dport' } }, right: 4789 };
  const verdictBy = (dev: string | string[] | undefined, inbound: string | null) => {
    const chain = { ...named, name: 'g', hook: 'ingress', type: 'filter', prio: 0, policy: 'accept', dev };
    const rule = { ...named, chain: 'g', handle: 2, expr: [{ match }, { drop: null }] };
    const ruleset = parseRuleset(JSON.stringify({ nftables: [{ chain }, { rule }] }));
    return verdictOf(ruleset, { ...PACKET, inbound })?.kind ?? null;
  };
  assert.equal(verdictBy('eth1', 'eth0'), null);
  assert.equal(verdictBy('eth0', 'eth0'), 'drop');
  assert.equal(verdictBy(['eth0', 'eth1'], 'eth0'), 'drop');
  for (const [dev, inbound] of [
    ['eth0', null],
    [undefined, 'eth0'],
  ] as const) {
    assert.equal(verdictBy(dev, inbound), 'unclear');
  }
});

it('a statement that only the kernel understands may be what lets it pass', () => {
  const named = { family: 'ip', table: 'f' };
  const chain = { ...named, name: 'i', hook: 'input', type: 'filter', prio: 0, policy: 'drop' };
  const rule = { ...named, chain: 'i', handle: 2, expr: [{ counter: null }, { queue: { num: 3 } }] };
  const ruleset = parseRuleset(JSON.stringify({ nftables: [{ chain }, { rule }] }));
  assert.equal(verdictOf(ruleset, PACKET)?.kind, 'unclear');
});
