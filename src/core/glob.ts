import { CacheError } from './errors.ts';
import { foldCase } from './fold-case.ts';
import { shortened } from './units.ts';

/** Longest glob, characters: a path that is longer can still be named by a part of it. */
const longest = 1024;
/** Maximum alternatives that the braces of one glob stand for. */
const mostAlternatives = 256;

export interface GlobOptions {
  /** Upper and lower case are the same. */
  ignoreCase: boolean;
  /** A backslash separates folders, as on Windows; otherwise it takes the meaning from the next character. */
  backslash: boolean;
}

type Matches = (text: string) => boolean;

/**
 * Compiles a glob: `*` and `?` within a folder name, `**` across folders, `[a-z]`, `[!a]`, `{a,b}`, and `!` in front for the
 * opposite. Matching always takes time in proportion to the glob times the text.
 * @throws CacheError BAD_REQUEST for a glob that has no such bound (`+(a)`, `{1..9}`) or is too long
 */
export function compileGlob(glob: string, options: GlobOptions): Matches {
  const read = options.backslash ? glob.replaceAll('\\', '/') : glob;
  if (read.length > longest) throw refused(glob, `it is longer than ${longest} characters`);
  if (/[+@!*?]\(/.test(read))
    throw refused(glob, 'groups such as +(a) are not supported; use {a,b}, and [(] for a bracket in a name');
  const isOpposite = read.startsWith('!');
  const alternatives = expandBraces(isOpposite ? read.slice(1) : read, glob).map((text) => compileOne(text, options));
  const fold = foldOf(options);
  return (text) => {
    const folders = fold(options.backslash ? text.replaceAll('\\', '/') : text).split('/');
    return alternatives.some((matches) => matches(folders)) !== isOpposite;
  };
}

/** One step within the name of a folder or file: a text to find as it is, or one character of some kind. */
type Step = { text: string } | { one: (character: string) => boolean };

/** The name's steps between its stars; `null` for `**`, which stands for any folders. */
type Segment = Step[][] | null;

function compileOne(glob: string, options: GlobOptions): (folders: readonly string[]) => boolean {
  const segments = foldOf(options)(glob)
    .split(/(?<!\\)\//)
    .map((text): Segment => (text === '**' ? null : parseSegment(text, glob)));
  return (folders) =>
    matchAround(
      segments,
      folders.length,
      (segment) => segment === null,
      (segment, at) => segment !== null && matchesName(segment, folders[at] ?? ''),
    );
}

/**
 * Whether items fit a list in which some stand for any number of others. Backtracking to the last of those is enough: an earlier
 * one could only take more of the same.
 */
function matchAround<T>(
  wanted: readonly T[],
  length: number,
  isAny: (item: T) => boolean,
  fits: (item: T, at: number) => boolean,
) {
  let [item, at, lastAny, atLastAny] = [0, 0, -1, 0];
  while (at < length) {
    const next = wanted[item];
    if (next !== undefined && isAny(next)) {
      [lastAny, atLastAny] = [item, at];
      item += 1;
    } else if (next !== undefined && fits(next, at)) {
      item += 1;
      at += 1;
    } else if (lastAny >= 0) {
      atLastAny += 1;
      [item, at] = [lastAny + 1, atLastAny];
    } else {
      return false;
    }
  }
  return wanted.slice(item).every(isAny);
}

/** The first piece begins the name, the last one ends it, and each of the others is taken where it is found first. */
function matchesName(pieces: readonly Step[][], name: string): boolean {
  const [first = [], ...rest] = pieces;
  const last = rest.pop();
  const begun = endOf(first, name, 0);
  if (begun === null) return false;
  // A star stands for something: "*" alone is not the empty name.
  if (last === undefined) return begun === name.length;
  if (name === '') return false;
  let at = begun;
  for (const piece of rest) {
    const found = find(piece, name, at);
    if (found === null) return false;
    at = found;
  }
  const start = name.length - lengthOf(last);
  return start >= at && endOf(last, name, start) === name.length;
}

/** End of the first occurrence of the steps at or after `from`; null without one. */
function find(steps: readonly Step[], name: string, from: number): number | null {
  const [only] = steps;
  if (only === undefined) return from;
  if (steps.length === 1 && 'text' in only) {
    const found = name.indexOf(only.text, from);
    return found < 0 ? null : found + only.text.length;
  }
  for (let at = from; at + lengthOf(steps) <= name.length; at += 1) {
    const end = endOf(steps, name, at);
    if (end !== null) return end;
  }
  return null;
}

/** End of the steps when they begin at `at`; null when they do not fit there. */
function endOf(steps: readonly Step[], name: string, at: number): number | null {
  let end = at;
  for (const step of steps) {
    if ('text' in step) {
      if (!name.startsWith(step.text, end)) return null;
      end += step.text.length;
    } else {
      // Some letters, and emoji, take two units.
      const character = String.fromCodePoint(name.codePointAt(end) ?? 0);
      if (end >= name.length || !step.one(character)) return null;
      end += character.length;
    }
  }
  return end;
}

function lengthOf(steps: readonly Step[]): number {
  return steps.reduce((sum, step) => sum + ('text' in step ? step.text.length : 1), 0);
}

function parseSegment(text: string, glob: string): Step[][] {
  const pieces: Step[][] = [[]];
  const add = (step: Step) => {
    const piece = pieces.at(-1) ?? [];
    const before = piece.at(-1);
    if (before && 'text' in before && 'text' in step) before.text += step.text;
    else piece.push(step);
  };
  for (let at = 0; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (character === '*') pieces.push([]);
    else if (character === '?') add({ one: () => true });
    else if (character === '\\' && at + 1 < text.length) add({ text: text.charAt(++at) });
    else if (character === '[' && text.indexOf(']', at + 2) > 0) {
      const end = text.indexOf(']', at + 2);
      add({ one: parseClass(text.slice(at + 1, end), glob) });
      at = end;
    } else add({ text: character });
  }
  return pieces;
}

function parseClass(inside: string, glob: string): Matches {
  if (inside.includes('[:')) throw refused(glob, 'classes such as [[:alpha:]] are not supported; use [a-z]');
  const isOpposite = /^[!^]/.test(inside);
  const ranges = [...(isOpposite ? inside.slice(1) : inside).matchAll(/(.)-(.)|(.)/gsu)].map(([, from, to, one]) => [
    from ?? one ?? '',
    to ?? one ?? '',
  ]);
  return (character) => ranges.some(([from = '', to = '']) => from <= character && character <= to) !== isOpposite;
}

/** `{a,b}` as its alternatives, from the inside out; braces without a comma are braces. */
function expandBraces(text: string, glob: string): string[] {
  const open: string[] = [text];
  const done: string[] = [];
  while (open.length > 0) {
    const next = open.pop() ?? '';
    const braces = [...next.matchAll(/(?<!\\)\{([^{}]*)\}/g)];
    const found = braces.find(([, inside]) => inside?.includes(','));
    if (braces.some(([, inside]) => inside?.includes('..') && !inside.includes(','))) {
      throw refused(glob, 'ranges such as {1..9} are not supported; use [1-9] or {1,2}');
    }
    if (!found) done.push(next);
    else {
      const [whole, inside = ''] = found;
      const after = next.slice(found.index + whole.length);
      open.push(...inside.split(',').map((one) => next.slice(0, found.index) + one + after));
    }
    if (open.length + done.length > mostAlternatives) {
      throw refused(glob, `its braces stand for more than ${mostAlternatives} alternatives`);
    }
  }
  return done;
}

function foldOf({ ignoreCase }: GlobOptions): (text: string) => string {
  // A letter with its accent has two forms: that of keyboards, and that of files from a Mac.
  return ignoreCase ? foldCase : (text) => text.normalize('NFC');
}

function refused(glob: string, why: string): CacheError {
  return new CacheError('BAD_REQUEST', `the pattern ${JSON.stringify(shortened(glob))} cannot be used: ${why}`);
}
