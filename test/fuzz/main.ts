/**
 * `npm run fuzz`: rounds of the fuzzer for as long as one likes, by the seeds from one on. Exit code 1 when a round
 * fails; whoever mends it adds the round to corpus.ts.
 */
import { parseArgs } from 'node:util';
import { BUILDS, type Build } from '../support/core.js';
import { CORPUS, type Found } from './corpus.js';
import { KINDS, type Kind } from './encapsulations.js';
import { ROUND_FRAMES, runRound } from './round.js';

const USAGE = `npm run fuzz -- [--minutes M] [--rounds N] [--frames N] [--seed S] [--build ${BUILDS.join('|')}]
                [--encapsulation ${KINDS.join('|')}]
  --minutes  how long; the round that has begun then is finished (default: 10, or for ever with --rounds or --frames)
  --rounds   at most so many rounds of ${ROUND_FRAMES} frames
  --frames   until so many datagrams have arrived
  --seed     of the first round, the next ones count up (default: by the clock)
  --build    of the datapath (default release; debug is slower, and has asserts)
  --encapsulation  only datagrams of this kind, and nothing from VNICs
`;
const SAY_EVERY_MS = 10_000;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string' },
    rounds: { type: 'string' },
    frames: { type: 'string' },
    encapsulation: { type: 'string' },
    seed: { type: 'string', default: String(Date.now() & 0x7fff_ffff) },
    build: { type: 'string', default: 'release' },
    help: { type: 'boolean', default: false },
  },
});
const isBounded = values.rounds !== undefined || values.frames !== undefined;
const minutes = Number(values.minutes ?? (isBounded ? Infinity : 10));
const [rounds, frames, seed] = [
  Number(values.rounds ?? Infinity),
  Number(values.frames ?? Infinity),
  Number(values.seed),
];
const build = BUILDS.find((each) => each === values.build);
const only = values.encapsulation === undefined ? null : KINDS.find((each) => each === values.encapsulation);
const isRight = [minutes, rounds, frames].every((each) => each > 0) && Number.isInteger(seed);
if (values.help) process.stdout.write(USAGE);
else if (build === undefined || only === undefined || !isRight) {
  process.stderr.write(USAGE);
  process.exitCode = 2;
} else fuzz(build, only);

function fuzz(which: Build, kind: Kind | null): void {
  const start = performance.now();
  const outcomes = new Set<string>();
  let saidAt = start;
  let done = 0;
  let datagrams = 0;
  const isOver = () => done >= rounds || datagrams >= frames || performance.now() - start >= minutes * 60_000;
  const say = () => {
    const seconds = (performance.now() - start) / 1000;
    const met = `${datagrams} datagrams have arrived, ${outcomes.size} outcomes met`;
    console.log(`${Math.round(seconds)} s: ${done} rounds from seed ${seed}, ${met}`);
  };
  for (const next of roundsOf(kind)) {
    if (isOver()) break;
    const met = runRound(which, next.seed, next.kind);
    for (const outcome of met.outcomes) outcomes.add(outcome);
    datagrams += met.datagrams;
    done++;
    if (performance.now() - saidAt < SAY_EVERY_MS) continue;
    saidAt = performance.now();
    say();
  }
  say();
}

/** What the corpus has of the kind first, unless one round is to be repeated. */
function* roundsOf(kind: Kind | null): Generator<Found, void> {
  if (rounds > 1) yield* CORPUS.filter((found) => kind === null || found.kind === kind);
  for (let next = seed; ; next++) yield { seed: next, kind };
}
