/** A diagnosis as `vxlane doctor` prints it. */
import type { Paint, Tint } from '../table.js';
import type { Diagnosis, Finding, Severity } from './finding.js';

const TINTS: Readonly<Record<Severity, Tint>> = { fault: 'bad', warning: 'plain', note: 'faint' };

export function diagnosisText({ findings, unseen }: Diagnosis, paint: Paint): string {
  const told = findings.map((finding) => findingText(finding, paint));
  const hidden = unseen.map(({ checks, reason }) => `not looked at: ${checks.join(', ')}\n  ${reason}\n`);
  const nothing = unseen.length === 0 ? 'nothing is wrong' : 'nothing is wrong in what was looked at';
  return [...(told.length === 0 ? [`${paint('good', nothing)}\n`] : told), ...hidden].join('');
}

function findingText({ severity, check, object, found, why, mend }: Finding, paint: Paint): string {
  const line = paint(TINTS[severity], `${severity}: ${object}: ${found}`);
  return `${line} [${check}]\n  ${why}\n  ${paint('faint', mend)}\n`;
}
