/**
 * The word of `known` with the fewest edits from `word`, relative to its length: a name without one of its words (`FREE` for
 * `MIN_FREE`) is nearer to it than to a short name with hardly a letter in common.
 * @throws RangeError when `known` is empty
 */
export function nearest(word: string, known: readonly string[]): string {
  const best = nearestWithin(word, known, 1);
  if (best === null) throw new RangeError('nothing to choose from');
  return best;
}

/** The same, or null when more than this part of its letters differs, 0 to 1. */
export function nearestWithin(word: string, known: readonly string[], most: number): string | null {
  let best: { candidate: string; distance: number } | null = null;
  for (const candidate of known) {
    const longer = Math.max(word.length, candidate.length);
    // As many edits as this are needed for the difference of the lengths alone.
    if (Math.abs(word.length - candidate.length) / longer > most) continue;
    const distance = edits(word, candidate) / longer;
    if (distance <= most && (!best || distance < best.distance)) best = { candidate, distance };
  }
  return best?.candidate ?? null;
}

/**
 * Fewest insertions, deletions, replacements and swaps of neighbours that turn `a` into `b` (optimal string alignment, the
 * restricted Damerau-Levenshtein distance), row by row.
 */
function edits(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replace = at(row, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      next.push(
        Math.min(replace, at(row, j) + 1, at(next, j - 1) + 1, swapped ? at(before, j - 2) + 1 : Number.POSITIVE_INFINITY),
      );
    }
    [before, row] = [row, next];
  }
  return at(row, b.length);
}

function at(row: number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}
