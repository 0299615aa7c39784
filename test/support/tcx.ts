/** The BPF programs at an interface's tcx ingress, as the kernel tells them. */
import assert from 'node:assert/strict';
import { lastErrno, pointerTo, syscallBpf } from '../../src/system/libc.js';

const SYS_BPF = ({ x64: 321, arm64: 280 } as Readonly<Record<string, number>>)[process.arch];
const BPF_PROG_QUERY = 16;
const BPF_TCX_INGRESS = 46;

/** How many there are, in the thread's namespace. */
export function tcxPrograms(ifindex: number): number {
  const ids = Buffer.alloc(64 * 4);
  //  union bpf_attr of BPF_PROG_QUERY  0         4             8       12             16    24      28
  //                                   | ifindex | attach type | flags | attach flags | ids | count |
  const attributes = Buffer.alloc(64);
  attributes.writeUInt32LE(ifindex, 0);
  attributes.writeUInt32LE(BPF_TCX_INGRESS, 4);
  attributes.writeBigUInt64LE(BigInt(pointerTo(ids)), 16);
  attributes.writeUInt32LE(ids.length / 4, 24);
  const answer = syscallBpf(SYS_BPF!, BPF_PROG_QUERY, attributes, attributes.length);
  assert.equal(answer, 0, `BPF_PROG_QUERY: errno ${lastErrno()}`);
  return attributes.readUInt32LE(24);
}
