import { CacheError } from '../core/errors.ts';
import { counted } from '../core/format.ts';
import { compileGlob } from '../core/glob.ts';
import { lastName } from '../core/last-name.ts';
import { nearestWithin } from '../runtime/nearest.ts';

/** Things that a word of the command line may mean, and their names for people. */
export interface Kind<T> {
  /** `preset`, and of several `presets`. */
  noun: string;
  plural?: string;
  /** Its names; the first one is shown. A word may be one of them, a part of one, or a glob. */
  names(item: T): readonly string[];
  /** Its id; the beginning of it is enough. */
  id?(item: T): string;
  /** The command that lists all of them. */
  list: string;
}

const mostShown = 10;
/** Minimum length of the beginning of an id: shorter ones fit too many. */
const leastId = 4;
/** Maximum share of differing letters in a suggested name. */
const mostDifferent = 0.5;

/**
 * The one thing that a word means: its whole name, the beginning of its id, a part of its name, or a glob.
 * @throws CacheError NOT_FOUND with a suggestion; BAD_REQUEST with at most ten candidates when there are several
 */
export function chooseOne<T>(word: string, items: readonly T[], kind: Kind<T>): T {
  const found = matchesOf(word, items, kind);
  const [only, ...more] = found;
  if (only === undefined) throw unknown(word, items, kind);
  if (more.length === 0) return only;
  const shown = found.slice(0, mostShown).map((item) => shownAs(item, kind));
  const rest = found.length > mostShown ? [`and ${found.length - mostShown} more`] : [];
  const message = `${counted(found.length, kind.noun, kind.plural)} match "${word}":`;
  throw new CacheError('BAD_REQUEST', message, { lines: [...shown, ...rest], hint: 'give more of the name' });
}

/** The same; undefined when no thing matches. @throws CacheError BAD_REQUEST as `chooseOne` */
export function chooseKnown<T>(word: string, items: readonly T[], kind: Kind<T>): T | undefined {
  return matchesOf(word, items, kind).length === 0 ? undefined : chooseOne(word, items, kind);
}

/** The same as `chooseOne`; a glob means all of its matches. */
export function chooseAll<T>(word: string, items: readonly T[], kind: Kind<T>): T[] {
  const found = isGlob(word) ? matchesOf(word, items, kind) : [];
  return found.length > 0 ? found : [chooseOne(word, items, kind)];
}

/** An exact name means itself, even if it is a part of others. */
function matchesOf<T>(word: string, items: readonly T[], { names, id }: Kind<T>): T[] {
  const small = word.toLowerCase();
  const ways: ((item: T) => boolean)[] = [
    (item) => id?.(item) === word || names(item).includes(word),
    (item) => names(item).some((name) => name.toLowerCase() === small),
    isGlob(word) ? globbed(word, names) : () => false,
    (item) => word.length >= leastId && id?.(item).startsWith(word) === true,
    (item) => names(item).some((name) => name.toLowerCase().includes(small)),
  ];
  for (const isMeant of ways) {
    const found = items.filter(isMeant);
    if (found.length > 0) return found;
  }
  return [];
}

function globbed<T>(glob: string, names: Kind<T>['names']): (item: T) => boolean {
  const matches = compileGlob(glob, { ignoreCase: true, backslash: false });
  return (item) => names(item).some((name) => matches(name) || matches(lastName(name)));
}

function unknown<T>(word: string, items: readonly T[], kind: Kind<T>): CacheError {
  const all = items.flatMap((item) => kind.names(item).map((name) => ({ name: name.toLowerCase(), item })));
  const near = nearestWithin(
    word.toLowerCase(),
    all.map(({ name }) => name),
    mostDifferent,
  );
  const meant = all.find(({ name }) => name === near);
  return new CacheError('NOT_FOUND', `no ${kind.noun} matches "${word}"`, {
    hint: meant ? `did you mean ${shownAs(meant.item, kind)}?` : kind.list,
  });
}

function shownAs<T>(item: T, { names, id }: Kind<T>): string {
  const [name = ''] = names(item);
  return [...(id ? [id(item).slice(0, 12)] : []), ...(name === '' ? [] : [name])].join('  ');
}

export function isGlob(text: string): boolean {
  return /[*?]/.test(text);
}
