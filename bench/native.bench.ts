/** How long does the datapath take beside a native program that does the same work? */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { BATCH, type Shape, SOURCES } from './batches.js';
import { ROOT } from './environment.js';
import { SIZES } from './keys.js';
import { report } from './measure.js';
import { median, type RowResult } from './results.js';
import { Datapath } from './turns.js';

const FRAME_LEN = 64;
const ROUNDS = 7;
const RUN_BATCHES = 32; // so short that a busy machine leaves most runs alone
const MS = Number(process.env.VXLANE_BENCH_MS ?? 200);
const SOURCE = join(ROOT, 'bench', 'native', 'native.c');
const FLAGS = ['-O3', '-march=native'];
type Direction = 'encap' | 'decap';
type Traffic = Pick<Shape, 'sources' | 'datagrams'>;

/** Nanoseconds a frame. */
interface Sample {
  readonly work: number;
  readonly baseline: number;
}

class Native {
  readonly #child: ChildProcess;
  readonly #lines: Interface;

  constructor(program: string, entries: number, { sources = SOURCES, datagrams }: Traffic) {
    const parameters = [entries, FRAME_LEN, sources, datagrams === 'no flow' ? 0 : 1].map(String);
    this.#child = spawn(program, parameters, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#lines = createInterface(this.#child.stdout!);
  }

  async sample(direction: Direction): Promise<Sample> {
    const answer = new Promise<string>((resolve, reject) => {
      this.#lines.once('line', resolve);
      this.#child.once('close', (code) => reject(new Error(`the native program ended with ${code}`)));
    });
    this.#child.stdin!.write(`${direction} ${MS}\n`);
    const [work, baseline] = (await answer).split(' ').map(Number);
    this.#child.removeAllListeners('close');
    return { work: work!, baseline: baseline! };
  }

  stop(): void {
    this.#child.stdin!.end();
  }
}

function compile(folder: string): string | null {
  const program = join(folder, 'native');
  const { status } = spawnSync('cc', [...FLAGS, '-o', program, SOURCE], { stdio: 'ignore' });
  return status === 0 ? program : null;
}

/** The median of as many runs as fit. */
function timed(step: () => void, ms: number): number {
  const times: number[] = [];
  for (const end = performance.now() + ms; performance.now() < end; ) {
    const start = process.hrtime.bigint();
    for (let batch = 0; batch < RUN_BATCHES; batch++) step();
    times.push(Number(process.hrtime.bigint() - start) / (RUN_BATCHES * BATCH));
  }
  return median(times);
}

function sampleOf(datapath: Datapath, direction: Direction): Sample {
  const work = timed(() => datapath[direction](), MS * 0.75);
  const baseline = timed(direction === 'encap' ? () => datapath.reads() : () => datapath.receives(), MS * 0.25);
  return { work, baseline };
}

function rowOf(name: string, samples: readonly Sample[], ratio: number | null): RowResult {
  const works = samples.map(({ work }) => work);
  const net = median(samples.map(({ work, baseline }) => work - baseline));
  return { name, median: median(works), fastest: Math.min(...works), net, bytes: null, samples: works.length, ratio };
}

/** Both in turns, so that whatever slows the machine down slows both; the ratio is the median of the rounds'. */
async function compare(native: Native, datapath: Datapath, direction: Direction, table: string): Promise<RowResult[]> {
  const pairs: [Sample, Sample][] = [];
  sampleOf(datapath, direction); // until it is compiled
  for (let round = 0; round < ROUNDS; round++) {
    pairs.push([await native.sample(direction), sampleOf(datapath, direction)]);
  }
  const ratio = median(pairs.map(([a, b]) => (b.work - b.baseline) / (a.work - a.baseline)));
  return [
    rowOf(
      `${direction}, ${table}: native`,
      pairs.map(([a]) => a),
      null,
    ),
    rowOf(
      `${direction}, ${table}: vxlane`,
      pairs.map(([, b]) => b),
      ratio,
    ),
  ];
}

async function rowsOf(program: string): Promise<RowResult[]> {
  const rows: RowResult[] = [];
  for (const { entries, name } of SIZES) rows.push(...(await ofTable(program, entries, name, ['encap', 'decap'])));
  const { entries, name } = SIZES[1];
  rows.push(...(await ofTable(program, entries, `${name}, 1 source port`, ['encap'], { sources: 1 })));
  return [...rows, ...(await ofTable(program, entries, `${name}, of no flow`, ['decap'], { datagrams: 'no flow' }))];
}

async function ofTable(
  program: string,
  entries: number,
  name: string,
  directions: readonly Direction[],
  traffic: Traffic = {},
): Promise<RowResult[]> {
  const native = new Native(program, entries, traffic);
  const datapath = new Datapath(entries, FRAME_LEN, traffic);
  const rows: RowResult[] = [];
  for (const direction of directions) rows.push(...(await compare(native, datapath, direction, name)));
  native.stop();
  datapath.verify();
  return rows;
}

const folder = mkdtempSync(join(tmpdir(), 'vxlane-native-'));
const program = compile(folder);
const how = `${ROUNDS} rounds in turns with bench/native/native.c (cc ${FLAGS.join(' ')}), which does what a turn of`;
report({
  question: 'How long does the datapath take beside a native program that does the same work?',
  operation: 'frame',
  setting:
    program === null
      ? ['There is no C compiler (cc) here, or it refused bench/native/native.c: not measured.']
      : [
          how,
          'the uring engine does with such frames: completions, checks, lookup, header, what may leave or be',
          'delivered together, submissions, counters when they are settled, slots; and nothing for other frames.',
          'Frames of 64 bytes to MACs at random, in batches of 64 and of 64 flows of UDP: to 256 endpoints by 16',
          'source ports (encap), from one sender to 64 VNICs (decap), where both look for a frame of its flow that',
          'each could join, and find none, and native has no join; "of no flow": neither TCP nor UDP, so that nobody',
          'looks. The ratio is to native.',
        ],
  rows: program === null ? [] : await rowsOf(program),
});
rmSync(folder, { recursive: true });
