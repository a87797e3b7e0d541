/**
 * Whether the constants of `heat` hold on users that they were not chosen for.
 *
 *     npm run bench -- cross-check DIRECTORY [VARIANT...]
 *
 * DIRECTORY as for `replay`; traces are called PROFILE-SEED. One constant is changed at a time; all variants, unless some are named.
 * Scores are seconds saved as a share of what no schedule can exceed. A single score depends on which files just fit, so each is the
 * mean of three: with the cache size of the bound, 7 % less room, and 7 % more. The first table has each variant's mean, and its gain over the present
 * constants with an interval of nine in ten: the gains of the traces, redrawn a thousand times; and the mean and the gain at the
 * sizes of the bounds alone. The second has each profile with the constants that are best on all others, as a gain or loss against
 * the present ones. The third has the gain where a third of the sessions, drawn at random, never happened, as a share of the
 * seconds that the present constants save: no constant was chosen on these loads.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import Table from 'cli-table3';
import { type Counting, usualCounting } from '../src/core/demand.ts';
import { usualWeights, type Weights, weighted } from '../src/policy/heat.ts';
import { parseBounds } from '../src/replay/bounds.ts';
import { replay } from '../src/replay/replay.ts';
import { parseTrace, type Trace } from '../src/replay/trace.ts';

const minute = 60_000;
const present = 'present';
const alone = 'hosts without the farm';
const all: Record<string, Partial<Weights & Counting>> = {
  [present]: {},
  [alone]: {},
  'margin 1.05': { margin: 1.05 },
  'margin 1.33': { margin: 1.33 },
  'burst 1.5': { burst: 1.5 },
  'burst 6': { burst: 6 },
  'queued 20': { queued: 20 },
  'queued 500': { queued: 500 },
  'wishes 10 min apart': { windowMs: 10 * minute },
  'wishes 20 min apart': { windowMs: 20 * minute },
  'wishes 60 min apart': { windowMs: 60 * minute },
  'habits 30 min apart': { habitMs: 30 * minute },
  'habits 4 h apart': { habitMs: 240 * minute },
  'mixing 0.003': { mixing: 0.003 },
  'mixing 0.03': { mixing: 0.03 },
  'first wish 0.5': { first: 0.5 },
  'first wish 1': { first: 1 },
};

let seed = 11;
function random(): number {
  seed = (seed * 1103515245 + 12345) & 0x7fffffff;
  return seed / 0x7fffffff;
}

const [directory, ...named] = process.argv.slice(2);
if (directory === undefined) throw new Error('usage: npm run bench -- cross-check DIRECTORY [VARIANT...]');
const variants = named.length === 0 ? Object.keys(all) : [present, ...named];
const bounds = parseBounds('bounds.json', readFileSync(join(directory, 'bounds.json'), 'utf8'));
const names = [...bounds.keys()];
const profiles = [...new Set(names.map((name) => name.slice(0, name.lastIndexOf('-'))))];
/** Room as a share of that of the bounds. */
const rooms = [0.93, 1, 1.07];
/** By variant: the mean score on each trace, the same at the sizes of the bounds, and with fewer sessions the seconds saved. */
const [scores, exact, thinned] = [byVariant(), byVariant(), byVariant()];

function byVariant(): Map<string, number[]> {
  return new Map(variants.map((variant) => [variant, []]));
}

function saved(trace: Trace, capacity: number, variant: string): number {
  const changed = all[variant];
  if (changed === undefined) throw new Error(`"${variant}" is none of ${Object.keys(all).join(', ')}`);
  if (variant === alone && trace.hosts.length > 1)
    return trace.hosts.reduce((sum, reads, k) => {
      const one = { ...trace, hosts: [reads], ...(trace.runs && { runs: [trace.runs[k] ?? []] }) };
      return sum + saved(one, capacity, present);
    }, 0);
  const [weights, counting] = [
    { ...usualWeights, ...changed },
    { ...usualCounting, ...changed },
  ];
  return replay(trace, { capacity, coldRatio: null, policy: (context) => weighted(context, weights), counting }).secondsSaved;
}

/** The lines of the sessions that remain. */
function withFewerSessions(text: string): string {
  const [title = '', ...lines] = text.split('\n');
  const column = title.split(',').indexOf('session');
  const kept = new Map<string, boolean>();
  const isKept = (line: string) => {
    const session = line.split(',')[column] ?? '';
    if (!kept.has(session)) kept.set(session, random() > 1 / 3);
    return kept.get(session);
  };
  return [title, ...lines.filter(isKept)].join('\n');
}

for (const [name, sizes] of bounds) {
  const text = gunzipSync(readFileSync(join(directory, `${name}.csv.gz`))).toString();
  const [trace, fewer] = [parseTrace(name, text), parseTrace(name, withFewerSessions(text))];
  for (const variant of variants) {
    const shares = rooms.map((room) =>
      meanOf(sizes.map(({ capacity, upperSeconds }) => saved(trace, Math.round(room * capacity), variant) / upperSeconds)),
    );
    scores.get(variant)?.push(meanOf(shares));
    exact.get(variant)?.push(shares[rooms.indexOf(1)] ?? Number.NaN);
    thinned.get(variant)?.push(meanOf(sizes.map(({ capacity }) => saved(fewer, capacity, variant))));
  }
  process.stderr.write(`${name}\n`);
}

const variantTable = new Table({
  head: ['variant', 'mean', 'gain, points', 'nine in ten', 'at the sizes alone', 'gain, points'],
  style: { head: [], border: [] },
});
for (const variant of variants) {
  const gains = gainsOf(variant);
  const drawn = Array.from({ length: 1000 }, () => meanOf(gains.map(() => gains[Math.floor(random() * gains.length)] ?? 0)));
  drawn.sort((a, b) => a - b);
  variantTable.push([
    variant,
    meanOf(of(variant)).toFixed(4),
    points(meanOf(gains)),
    `${points(drawn[50])} to ${points(drawn[950])}`,
    meanOf(exact.get(variant) ?? []).toFixed(4),
    points(meanOf(exact.get(variant) ?? []) - meanOf(exact.get(present) ?? [])),
  ]);
}
console.log(variantTable.toString());

const profileTable = new Table({
  head: ['profile', 'best on the others', 'present', 'there', 'gain, points'],
  style: { head: [], border: [] },
});
for (const profile of profiles) {
  const isIn = (index: number) => names[index]?.startsWith(`${profile}-`) ?? false;
  const mean = (variant: string, inside: boolean) => meanOf(of(variant).filter((_, index) => isIn(index) === inside));
  const best = variants.reduce((one, other) => (mean(other, false) > mean(one, false) ? other : one));
  const [here, there] = [mean(present, true), mean(best, true)];
  profileTable.push([profile, best, here.toFixed(4), there.toFixed(4), points(there - here)]);
}
console.log(profileTable.toString());

const thinnedTable = new Table({ head: ['variant', 'gain with fewer sessions, %'], style: { head: [], border: [] } });
for (const variant of variants) {
  const ratios = (thinned.get(variant) ?? []).map((seconds, index) => seconds / (thinned.get(present)?.[index] ?? 1) - 1);
  thinnedTable.push([variant, points(meanOf(ratios))]);
}
console.log(thinnedTable.toString());

function of(variant: string): number[] {
  return scores.get(variant) ?? [];
}

function gainsOf(variant: string): number[] {
  return of(variant).map((score, index) => score - (of(present)[index] ?? 0));
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function points(share = 0): string {
  return (100 * share).toFixed(2);
}
