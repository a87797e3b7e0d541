/** Whether the result of one text was right for another of this similarity. */
export interface Judged {
  similarity: number;
  right: boolean;
}

/** Minimum number of judgements before anything is served. */
export const fewestJudged = 20;

/** Similarity at which right and wrong are even; above 1, even equal texts would be wrong as a rule. */
const middles = Array.from({ length: 36 }, (_, index) => 0.5 + index / 50);
/** Steepness of the curve there. */
const slopes = [8, 16, 32, 64, 128, 256, 512];
const curves = middles.flatMap((middle) => slopes.map((slope) => ({ middle, slope })));
/** Shares of the doubt in the fit that the bound ignores; the best of these counts. */
const doubts = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1];
/** Minimum chance to be right of a served result, so that known errors do not use up the share that may be wrong. */
const leastLikely = 0.9;
/** Similarities that differ by less count as equal. */
const step = 1 / 256;

/**
 * The chance at which a text must be computed, although a similar one is known, so that of all answers at most the share `most` is wrong.
 *
 * vCache (arXiv 2502.03771): the share of right answers at a similarity follows a logistic curve of its own for each text; an answer is
 * right when it is computed, or with the curve's chance p, so computing with chance (1 - most - p) / (1 - p) is enough, for a p
 * that the curve exceeds with high probability. Here that p comes from the weights of a grid of curves under what was judged, which stays
 * honest when all judgements agree; the paper's normal approximation does not.
 */
export function exploreChance(judged: readonly Judged[], similarity: number, most: number): number {
  if (judged.length < fewestJudged) return 1;
  const logs = likelihoods(judged);
  const best = logs.reduce((one, other) => Math.max(one, other), Number.NEGATIVE_INFINITY);
  const { right } = logChances(similarity);
  const weighed = curves.map((_, at) => ({ p: Math.exp(right[at] ?? 0), weight: Math.exp((logs[at] ?? 0) - best) }));
  weighed.sort((a, b) => a.p - b.p);
  const total = weighed.reduce((sum, { weight }) => sum + weight, 0);
  const likely = Math.max(...doubts.map((doubt) => (1 - doubt) * quantile(weighed, doubt * total)));
  return likely < leastLikely ? 1 : Math.max(0, (1 - most - likely) / (1 - likely));
}

/** The likelihood of each curve, given all judgements. */
function likelihoods(judged: readonly Judged[]): Float64Array {
  const sums = new Float64Array(curves.length);
  for (const { similarity, right } of judged) {
    const logs = logChances(similarity)[right ? 'right' : 'wrong'];
    for (let at = 0; at < sums.length; at += 1) sums[at] = (sums[at] as number) + (logs[at] as number);
  }
  return sums;
}

interface LogChances {
  right: Float64Array;
  wrong: Float64Array;
}

const known = new Map<number, LogChances>();

/** The log chances of each curve at a similarity. */
function logChances(similarity: number): LogChances {
  const at = Math.round(similarity / step);
  let found = known.get(at);
  if (!found) {
    const right = curves.map(({ middle, slope }) => 1 / (1 + Math.exp(-slope * (at * step - middle))));
    const log = (chance: number) => Math.log(Math.max(1e-12, chance));
    found = { right: Float64Array.from(right, log), wrong: Float64Array.from(right, (chance) => log(1 - chance)) };
    known.set(at, found);
  }
  return found;
}

function quantile(sorted: readonly { p: number; weight: number }[], below: number): number {
  let sum = 0;
  for (const { p, weight } of sorted) {
    sum += weight;
    if (sum > below) return p;
  }
  return 0;
}
