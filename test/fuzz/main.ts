/**
 * `npm run fuzz`: rounds of the fuzzer for as long as one likes, by the seeds from one on. Exit code 1 when a round
 * fails; whoever mends it adds its seed to corpus.ts.
 */
import { parseArgs } from 'node:util';
import { BUILDS, type Build } from '../support/core.js';
import { CORPUS } from './corpus.js';
import { ROUND_FRAMES, runRound } from './round.js';

const USAGE = `npm run fuzz -- [--minutes M] [--rounds N] [--seed S] [--build ${BUILDS.join('|')}]
  --minutes  how long (default 10); the round that has begun then is finished
  --rounds   at most so many rounds of ${ROUND_FRAMES} frames
  --seed     of the first round, the next ones count up (default: by the clock)
  --build    of the datapath (default release; debug is slower, and has asserts)
`;
const SAY_EVERY_MS = 10_000;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    rounds: { type: 'string', default: '1000000000' },
    seed: { type: 'string', default: String(Date.now() & 0x7fff_ffff) },
    build: { type: 'string', default: 'release' },
    help: { type: 'boolean', default: false },
  },
});
const [minutes, rounds, seed] = [values.minutes, values.rounds, values.seed].map(Number) as [number, number, number];
const build = BUILDS.find((each) => each === values.build);
if (values.help) process.stdout.write(USAGE);
else if (build === undefined || !(minutes > 0) || !(rounds > 0) || !Number.isInteger(seed)) {
  process.stderr.write(USAGE);
  process.exitCode = 2;
} else fuzz(build);

function fuzz(which: Build): void {
  const start = performance.now();
  const outcomes = new Set<string>();
  let saidAt = start;
  let done = 0;
  const isOver = () => done >= rounds || performance.now() - start >= minutes * 60_000;
  const say = () => {
    const seconds = (performance.now() - start) / 1000;
    const frames = Math.round((done * ROUND_FRAMES) / seconds);
    console.log(`${Math.round(seconds)} s: ${done} rounds, ${frames} frames/s, ${outcomes.size} outcomes met`);
  };
  for (const next of seeds()) {
    if (isOver()) break;
    for (const outcome of runRound(which, next)) outcomes.add(outcome);
    done++;
    if (performance.now() - saidAt < SAY_EVERY_MS) continue;
    saidAt = performance.now();
    say();
  }
  say();
}

/** The corpus first, unless one round is to be repeated. */
function* seeds(): Generator<number, void> {
  if (rounds > 1) yield* CORPUS;
  for (let next = seed; ; next++) yield next;
}
