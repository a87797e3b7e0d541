import { setImmediate as nextTurn } from 'node:timers/promises';
import { policies } from '../policy/policies.ts';
import { missSeconds, replaying } from './replay.ts';
import type { Read, Trace } from './trace.ts';

export interface MissCurveRequest {
  /** Bytes, ascending. */
  sizes: readonly number[];
  policy: keyof typeof policies;
  /** Time before which reads only fill the cache, seconds since the beginning of the trace. */
  from: number;
  /** Maximum number of reads replayed for each size, and before `from`; of more, those of some files are. */
  mostReads?: number;
  /** With a cold tier: size over compressed size of a file, and bytes per second of a restore. */
  cold?: { ratio: (read: Read) => number; restoreSpeed: number };
}

export interface MissCurve {
  /** Restores of compressed copies are no misses, but their time counts; `written`: bytes to the SSD. */
  points: { bytes: number; seconds: number; misses: number; restores: number; written: number }[];
  /** Share of sampled files. */
  sampled: number;
}

/** Default number of reads of a replay, which takes a tenth of a second. */
const usualReads = 20_000;
/** Minimum saving of a larger cache, as a share of the cost of misses. */
const worthTelling = 0.1;
/** Maximum time for which other work waits, ms. */
const turnMs = 5;

/**
 * The cost of misses with caches of these sizes: seconds that loads took longer than from a copy.
 *
 * A long trace is sampled by files, as in SHARDS (Waldspurger et al., FAST 2015): a file is among those replayed if the hash of its name is
 * below a bound, then with all of its reads, and the cache is smaller by the same share (miniature simulation, the same authors, ATC 2017:
 * it works for any policy). Misses of the sample are scaled up by that share; files in constant use hit in or out of it, so the result
 * is not scaled by reads. A small cache holds few models, so a small sample would be unreliable: there the sample is larger.
 */
export async function missCurve(
  recorded: Trace,
  { sizes, policy, from, mostReads = usualReads, cold }: MissCurveRequest,
): Promise<MissCurve> {
  const trace = without(recorded, from, mostReads);
  const reads = trace.hosts.reduce((sum, host) => sum + host.length, 0);
  const least = Math.min(1, mostReads / Math.max(1, reads));
  const points: MissCurve['points'] = [];
  for (const bytes of sizes) {
    const share = Math.min(1, Math.max(least, leastCache(trace) / Math.max(1, bytes)));
    const sample = share < 1 ? sampleOf(trace, share) : trace;
    const tier = cold ? { coldRatio: cold.ratio, restoreSpeed: cold.restoreSpeed } : { coldRatio: null };
    const options = { ...tier, capacity: share * bytes, policy: policies[policy], from };
    const outcome = await inTurns(replaying(sample, options));
    const whole = (sampled: number) => Math.round(sampled / share);
    points.push({
      bytes,
      seconds: Math.max(0, missSeconds(outcome)) / share,
      misses: whole(outcome.reads - outcome.hits),
      restores: whole(outcome.coldHits),
      written: whole(outcome.writtenBytes),
    });
  }
  return { points, sampled: least };
}

/** The larger size that saves most per byte: its additional bytes and seconds; null when none saves a tenth. */
export function worthiest(
  points: readonly { bytes: number; seconds: number }[],
  size: number,
): { bytes: number; seconds: number } | null {
  const now = points.find(({ bytes }) => bytes === size);
  if (!now) return null;
  const larger = points
    .map(({ bytes, seconds }) => ({ bytes: bytes - size, seconds: now.seconds - seconds }))
    .filter(({ bytes, seconds }) => bytes > 0 && seconds > 0 && seconds >= worthTelling * now.seconds);
  return larger.toSorted((a, b) => b.seconds / b.bytes - a.seconds / a.bytes)[0] ?? null;
}

/** The trace from this time on, with `mostBefore` reads before it. */
function without(trace: Trace, from: number, mostBefore: number): Trace {
  const hosts = trace.hosts.map((host) => host.slice(Math.max(0, host.findLastIndex(({ at }) => at < from) + 1 - mostBefore)));
  return { ...trace, hosts };
}

/** Minimum size of a sampled cache, bytes: it must hold several of the large files to be representative. */
function leastCache(trace: Trace): number {
  let largest = 0;
  for (const host of trace.hosts) for (const { size } of host) largest = Math.max(largest, size);
  return 16 * largest;
}

/** The trace of the files whose hash is below the bound. */
export function sampleOf(trace: Trace, share: number): Trace {
  const isSampled = (file: string) => hashOf(file) < share * 2 ** 32;
  const hosts = trace.hosts.map((host) => host.filter(({ file }) => isSampled(file)));
  const sizes = new Map(hosts.flatMap((host) => host.map(({ file, size }) => [file, size] as const)));
  const runs = trace.runs?.map((host) =>
    host.flatMap((run) => {
      const opens = run.opens.filter(({ file }) => isSampled(file));
      return opens.length > 0 ? { ...run, opens } : [];
    }),
  );
  const footprint = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  return { name: trace.name, hosts, footprint, ...(runs && { runs }) };
}

/** FNV-1a with the finish of MurmurHash3: 32 bits, evenly spread. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let k = 0; k < text.length; k++) hash = Math.imul(hash ^ text.charCodeAt(k), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

async function inTurns<T>(steps: Generator<void, T>): Promise<T> {
  for (let began = performance.now(); ; ) {
    const { done, value } = steps.next();
    if (done) return value;
    if (performance.now() - began < turnMs) continue;
    await nextTurn();
    began = performance.now();
  }
}
