/** Facts in, findings out. */
import type { Check } from './check.js';
import type { Facts } from './facts.js';
import { type Diagnosis, type Finding, SEVERITIES, Unknown, type Unseen } from './finding.js';

export function diagnose(checks: readonly Check[], facts: Facts): Diagnosis {
  const found: { check: Check; finding: Finding }[] = [];
  const unseen = new Map<string, string[]>();
  for (const check of checks) {
    try {
      for (const { object, found: text, mend, severity } of check.find(facts)) {
        const finding = { severity: severity ?? check.severity, object, found: text, why: check.why, mend };
        found.push({ check, finding: { check: check.name, ...finding } });
      }
    } catch (thrown) {
      if (!(thrown instanceof Unknown)) throw thrown;
      unseen.set(thrown.message, [...(unseen.get(thrown.message) ?? []), check.name]);
    }
  }
  const explained = new Set(found.flatMap(({ check, finding }) => (check.isGeneral ? [] : [finding.object])));
  const kept = found.filter(({ check, finding }) => !check.isGeneral || !explained.has(finding.object));
  const rank = ({ severity }: Finding) => SEVERITIES.indexOf(severity);
  return {
    findings: kept.map(({ finding }) => finding).sort((a, b) => rank(a) - rank(b)),
    unseen: [...unseen].map(([reason, names]): Unseen => ({ checks: names, reason })),
  };
}
