/** Every frame that the datapath took is accounted for. Not in the middle of a worker's turn. */
import assert from 'node:assert/strict';

type Totals = Readonly<Record<string, number>>;

export function booksBalance(totals: Totals): boolean {
  return takenIn(totals) === accountedFor(totals);
}

export function assertBooks(totals: Totals): void {
  assert.equal(takenIn(totals), accountedFor(totals), JSON.stringify(totals));
}

function takenIn(t: Totals): number {
  return t.encapIn! + t.decapIn! + t.injected! + t.copies! + t.tooBigAnswers!;
}

function accountedFor(t: Totals): number {
  return t.encapOut! + t.delivered! + t.dropped! + t.held! + t.upcalled!;
}
