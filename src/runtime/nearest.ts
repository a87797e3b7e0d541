/** Maximum number of compared characters of a word; no name is longer. */
const longestWord = 255;
/** Maximum number of steps of one search, about 20 ms. */
const mostSteps = 2_000_000;
/** Characters are counted by the last bits of their codes. */
const counters = 128;

interface Candidate {
  word: string;
  index: number;
  /** The length of the longer word. */
  longer: number;
  /** Minimum share of its letters that differ. */
  least: number;
}

interface Found {
  word: string;
  index: number;
  /** Edits as part of the length of the longer word. */
  distance: number;
}

/**
 * The word of `known` with the fewest edits from `word`, relative to its length: a name without one of its words (`FREE` for
 * `MIN_FREE`) is nearer to it than to a short name with hardly a letter in common.
 * @throws RangeError when `known` is empty
 */
export function nearest(word: string, known: readonly string[]): string {
  const best = nearestWithin(word, known, 1) ?? known[0];
  if (best === undefined) throw new RangeError('nothing to choose from');
  return best;
}

/**
 * The same, or null when more than this part of its letters differs, 0 to 1. Those that have the most letters in common are compared
 * first, and as many as `mostSteps` allows.
 */
export function nearestWithin(word: string, known: readonly string[], most: number): string | null {
  const wanted = word.slice(0, longestWord);
  let best: Found | null = null;
  let steps = mostSteps;
  for (const { word: candidate, index, longer, least } of candidatesFor(wanted, known, most)) {
    if (best !== null && least > best.distance) break;
    const mostEdits: number = Math.floor(longer * (best?.distance ?? most));
    steps -= wanted.length * Math.min(candidate.length, 2 * mostEdits + 1);
    if (steps < 0) break;
    const distance: number = edits(wanted, candidate, mostEdits) / longer;
    if (distance > most) continue;
    if (best === null || distance < best.distance || (distance === best.distance && index < best.index)) {
      best = { word: known[index] ?? candidate, index, distance };
    }
  }
  return best?.word ?? null;
}

/** The words that may be near enough by their letters in any order, the likeliest first. */
function candidatesFor(wanted: string, known: readonly string[], most: number): Candidate[] {
  const letters = new Int32Array(counters);
  for (let at = 0; at < wanted.length; at += 1) count(letters, wanted, at, 1);
  const candidates = known.flatMap((name, index): Candidate[] => {
    const word = name.slice(0, longestWord);
    const longer = Math.max(wanted.length, word.length, 1);
    if (Math.abs(wanted.length - word.length) > longer * most) return [];
    const least = lettersApart(letters, word) / longer;
    return least > most ? [] : [{ word, index, longer, least }];
  });
  return candidates.sort((a, b) => a.least - b.least);
}

/** Number of letters that one of two words has more than the other: a lower bound of the edits. */
function lettersApart(letters: Int32Array, word: string): number {
  const left = letters.slice();
  for (let at = 0; at < word.length; at += 1) count(left, word, at, -1);
  let [missing, added] = [0, 0];
  for (const one of left) {
    if (one > 0) missing += one;
    else added -= one;
  }
  return Math.max(missing, added);
}

function count(letters: Int32Array, word: string, at: number, by: 1 | -1): void {
  const index = word.charCodeAt(at) % counters;
  letters[index] = (letters[index] ?? 0) + by;
}

/** More than the possible number of edits. */
const far = 4 * longestWord;

/**
 * Fewest insertions, deletions, replacements and swaps of neighbours that turn `a` into `b` (optimal string alignment, the
 * restricted Damerau-Levenshtein distance), row by row, near the diagonal (Ukkonen 1985). @returns `far` for more than `most`
 */
function edits(a: string, b: string, most: number): number {
  let before = new Uint16Array(b.length + 1);
  let row = Uint16Array.from({ length: b.length + 1 }, (_, j) => j);
  let next = new Uint16Array(b.length + 1);
  for (let i = 1; i <= a.length; i += 1) {
    const from = Math.max(1, i - most);
    const to = Math.min(b.length, i + most);
    let last = from === 1 ? i : far;
    next[from - 1] = last;
    let least = last;
    for (let j = from; j <= to; j += 1) {
      const isSame = a.charCodeAt(i - 1) === b.charCodeAt(j - 1);
      let fewest = Math.min((row[j - 1] ?? far) + (isSame ? 0 : 1), (row[j] ?? far) + 1, last + 1);
      const isSwapped = a.charCodeAt(i - 1) === b.charCodeAt(j - 2) && a.charCodeAt(i - 2) === b.charCodeAt(j - 1);
      if (isSwapped) fewest = Math.min(fewest, (before[j - 2] ?? far) + 1);
      next[j] = fewest;
      last = fewest;
      least = Math.min(least, fewest);
    }
    if (least > most) return far;
    // The next row looks one cell beyond this one's end.
    if (to < b.length) next[to + 1] = far;
    [before, row, next] = [row, next, before];
  }
  return row[b.length] ?? far;
}
