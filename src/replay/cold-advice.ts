import type { ColdAdvice } from '../api/loads.ts';
import { tierTraits } from '../core/tier-traits.ts';
import { type MissCurveRequest, missCurve } from './miss-curve.ts';
import type { Trace } from './trace.ts';

/** Minimum saving that pays for its writes: share of the cost of misses, and seconds. With a cost of as many seconds it should end. */
const [worthShare, worthSeconds] = [0.1, 60];

interface ColdRequest extends Omit<MissCurveRequest, 'sizes' | 'cold'> {
  /** Bytes of the cache. */
  limit: number;
  /** Whether the least valuable copies are compressed at present. */
  isOn: boolean;
  /** Measured speed of a restore, bytes per second; null = not measured, the usual speed counts. */
  measured: number | null;
}

/**
 * Whether compressing the least valuable copies pays, by replaying the loads with and without. Restores take time, source speeds are
 * those of the loads; files with an unknown compression ratio count with the mean of the others.
 * @returns null when no ratio is known
 */
export async function coldAdvice(trace: Trace, request: ColdRequest): Promise<ColdAdvice | null> {
  const { limit, isOn, measured, ...common } = request;
  const mean = meanRatio(trace);
  if (mean === null) return null;
  const restoreSpeed = measured ?? tierTraits.cold.usualSpeed;
  const cold = { ratio: ({ ratio = mean }: { ratio?: number }) => ratio, restoreSpeed };
  const [plain] = (await missCurve(trace, { ...common, sizes: [limit] })).points;
  const [compressed] = (await missCurve(trace, { ...common, sizes: [limit], cold })).points;
  if (!plain || !compressed) return null;
  const saves = plain.seconds - compressed.seconds;
  const pays = saves >= Math.max(worthSeconds, worthShare * plain.seconds);
  return {
    isOn,
    saves,
    restores: compressed.restores,
    written: compressed.written - plain.written,
    restoreSpeed,
    measured: measured !== null,
    ratio: mean,
    change: isOn ? (saves <= -worthSeconds ? 'off' : null) : pays ? 'cold' : null,
  };
}

/** Mean ratio of the files with a known one, weighted by bytes; null when there are none. */
function meanRatio(trace: Trace): number | null {
  const sizes = new Map(
    trace.hosts.flatMap((host) => host.flatMap(({ file, size, ratio }) => (ratio ? [[file, { size, ratio }] as const] : []))),
  );
  let [plain, compressed] = [0, 0];
  for (const { size, ratio } of sizes.values()) {
    plain += size;
    compressed += size / ratio;
  }
  return compressed > 0 ? plain / compressed : null;
}
