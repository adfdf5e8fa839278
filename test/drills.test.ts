import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drills, runDrills } from './drills/drill.ts';

/** The short form of `npm run drills`: a fault or two of each kind. */
test('a disturbed run loses nothing and ends with the bytes of one that never was', async (t) => {
  const reports = await runDrills(1, drills.length, ({ kind, skipped }) => {
    if (skipped) t.diagnostic(`${kind} skipped: ${skipped}`);
  });
  assert.equal(reports.length, drills.length);
  for (const { kind, lost, differing, complaints, faults, skipped } of reports) {
    assert.deepEqual({ kind, lost, differing, complaints }, { kind, lost: 0, differing: 0, complaints: [] });
    if (!skipped) assert.ok(faults > 0, `${kind}: no fault met a run`);
  }
});
