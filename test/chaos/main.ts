/**
 * `npm run chaos`: faults of chance on a host under load for as long as one likes. Exit code 1 when something is not
 * true afterwards; the message has the seed that repeats it.
 */
import { parseArgs } from 'node:util';
import { messageOf } from '../../src/errors.js';
import { Random } from '../support/random.js';
import { FAULTS } from './faults.js';
import { runChaos, shuffled } from './run.js';

const USAGE = `npm run chaos -- [--minutes M] [--seed S] [--fault WORD]   (root)
  --minutes  how long (default 10); the fault that has begun then is finished
  --seed     which faults come, and how (default: by the clock)
  --fault    only those whose name contains the word
`;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: String(Date.now() & 0x7fff_ffff) },
    fault: { type: 'string', default: '' },
    help: { type: 'boolean', default: false },
  },
});
const [minutes, seed] = [Number(values.minutes), Number(values.seed)];
const names = Object.keys(FAULTS).filter((name) => name.includes(values.fault));
if (values.help) process.stdout.write(USAGE);
else if (!(minutes > 0) || !Number.isInteger(seed) || names.length === 0) {
  process.stderr.write(`${USAGE}  faults: ${Object.keys(FAULTS).join('; ')}\n`);
  process.exitCode = 2;
} else {
  const start = performance.now();
  function* faults(): Generator<string, void> {
    const random = new Random(~seed);
    while (performance.now() - start < minutes * 60_000) {
      yield* shuffled(random).filter((name) => names.includes(name));
    }
  }
  const onSurvived = (fault: string, ms: number) => console.log(`${(ms / 1000).toFixed(1).padStart(5)} s  ${fault}`);
  console.log(`seed ${seed}`);
  try {
    await runChaos({ seed, faults: faults(), onSurvived });
  } catch (thrown) {
    process.stderr.write(`${messageOf(thrown)}\n`);
    process.exitCode = 1;
  }
}
