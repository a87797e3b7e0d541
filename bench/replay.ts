/**
 * Eviction policies over recorded reads of model files: the share of the possible time saving that each reaches.
 *
 *     node bench/replay.ts DIRECTORY
 *
 * The directory holds traces as CSV (`autocached simulate --help` lists the columns) and `bounds.json`: for each trace the cache
 * sizes to try, and the seconds that no schedule can exceed. SCORE is seconds saved / that bound, mean over traces and sizes; nine
 * of ten reach at least p10. Copying and compressing take no time here. With a cold tier, all weights count as bf16, and as fp16.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import Table from 'cli-table3';
import type { Outcome } from '../src/replay/replay.ts';
import { ratesOf, type SimulatedPolicy, simulate, simulatedPolicies } from '../src/replay/simulate.ts';
import { parseTrace } from '../src/replay/trace.ts';

interface Bounds {
  trace: string;
  bounds: { capacityBytesPerNode: number; upperSeconds: number }[];
}

const directory = process.argv[2];
if (directory === undefined) throw new Error('usage: npm run bench -- replay DIRECTORY');
const all = JSON.parse(readFileSync(join(directory, 'bounds.json'), 'utf8')) as Bounds[];
const tiers = { '': null, 'cold, bf16': 'bf16', 'cold, fp16': 'f16' } as const;
const runs = new Map<string, { outcome: Outcome; score: number }[]>();

for (const { trace: name, bounds } of all) {
  const trace = parseTrace(name, gunzipSync(readFileSync(join(directory, `${name}.csv.gz`))).toString());
  for (const { capacityBytesPerNode, upperSeconds } of bounds) {
    for (const [label, cold] of Object.entries(tiers)) {
      const request = { sizes: [{ bytes: capacityBytesPerNode }], policies: simulatedPolicies, cold };
      for (const result of await simulate([trace], request)) {
        if (result.cold !== (cold !== null)) continue;
        const key = keyOf(result.policy, label);
        const { outcome } = result;
        runs.set(key, [...(runs.get(key) ?? []), { outcome, score: outcome.secondsSaved / upperSeconds }]);
      }
    }
  }
}

const head = ['policy', 'tier', 'score', 'p10', 'worst', 'byte hit rate', 'written / read', 'restored'];
const table = new Table({ head, style: { head: [], border: [], compact: true } });
for (const policy of simulatedPolicies) {
  for (const label of Object.keys(tiers)) {
    const of = runs.get(keyOf(policy, label)) ?? [];
    const scores = of.map(({ score }) => score).sort((a, b) => a - b);
    const { byteHitRate, written, restored } = ratesOf(of.map(({ outcome }) => outcome));
    const mean = scores.reduce((sum, score) => sum + score, 0) / scores.length;
    const figures = [mean, scores[Math.floor(scores.length / 10)], scores[0], byteHitRate, written, restored];
    table.push([policy, label, ...figures.map((figure = Number.NaN) => figure.toFixed(3))]);
  }
}
console.log(`${table.toString()}\n${all.length} traces`);

function keyOf(policy: SimulatedPolicy, label: string): string {
  return `${policy} ${label}`;
}
