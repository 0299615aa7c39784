/** Overlays of every encapsulation that the plugin takes. */
import { ENCAPS, ENCAPSULATIONS, isEncap } from '../../encapsulations.js';
import type { Bench } from './bench.js';
import type { CaseBody, Facts } from './case.js';
import { Complaint } from './complaint.js';

const NAMED = '`encapsulations` has names as `create-overlay -e` has them; docs/plugins.md, "Properties"';
const SERVED = 'where nobody says the port of a VTEP it is `context.tunnelPort`; docs/plugins.md, "Answers"';

export function encapsulationCases({ found }: Facts): CaseBody[] {
  const all: CaseBody[] = [{ name: 'serves overlays of every encapsulation', contract: SERVED, run: served }];
  if (found.manifest.encapsulations === undefined) return all;
  return [{ name: 'names encapsulations that there are', contract: NAMED, run: named }, ...all];
}

async function named({ found }: Bench): Promise<void> {
  const names = found.manifest.encapsulations ?? [];
  const wrong = names.filter((name) => !isEncap(name));
  if (wrong.length > 0) throw new Complaint(`there is no encapsulation ${wrong.join(', ')}: known are ${ENCAPS}`);
  if (names.length === 0) throw new Complaint('it names no encapsulation: no overlay can have it');
}

async function served(bench: Bench): Promise<void> {
  const { encapsulations = ENCAPS } = bench.found.manifest;
  for (const encap of ENCAPS.filter((name) => encapsulations.includes(name))) {
    const when = `in an overlay of ${encap}`;
    const running = await bench.start(encap);
    await running.expectAllKnown(when);
    for (const [mac, ip] of Object.entries(bench.subject.portless ?? {})) {
      await running.expectTarget(mac, { ip, port: ENCAPSULATIONS[encap].port }, when);
    }
    running.expectWell();
  }
}
