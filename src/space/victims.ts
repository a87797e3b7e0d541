import type { Catalog } from '../catalog/catalog.ts';
import type { Copy } from '../core/types.ts';
import type { Leaver } from '../policy/leaving.ts';
import type { Evictor } from './evict.ts';
import { isSpare, type Unit } from './eviction-order.ts';

/** The copies that must stay now, but may leave at another time. */
export interface Kept {
  /** Whether it is the interrupted part of the copy that room is made for, which takes no further room. */
  isOwn(copy: Copy): boolean;
  /** Copies that could not be removed. */
  stuck: ReadonlySet<number>;
  /** Copies of this score and above stay. */
  below?: number | undefined;
  /** Open paths. */
  inUse: ReadonlySet<string>;
}

/** Maximum number of copies kept for the farm before one of more worth: a host with only such copies need not read all to free one. */
const mostKept = 256;

/** Units that can leave, in the form that `leaving` takes. */
export type Victim = Unit & Leaver;

/**
 * The units that can leave: first ordinary ones, then those that the farm keeps, then those that a running program was given. Each is
 * checked when its turn comes.
 */
export function* victimsOf(
  units: Iterable<Unit>,
  { catalog, evictor }: { catalog: Catalog; evictor: Evictor },
  { isOwn, stuck, below = Number.POSITIVE_INFINITY, inUse }: Kept,
): Generator<Victim> {
  const given: Victim[] = [];
  const kept: Victim[] = [];
  const isFree = ({ names }: Victim) =>
    names.every(({ copy, entry }) =>
      isOwn(copy) ? evictor.obstacleForSuccessor(copy, inUse) === null : evictor.obstacle(copy, entry, inUse) === null,
    );
  for (const unit of units) {
    if (unit.score >= below) break;
    const names = unit.names.filter(({ copy }) => !(isOwn(copy) && copy.state === 'copying'));
    const [first] = names;
    if (!first || names.some(({ copy }) => copy.state === 'evicting' || stuck.has(copy.id))) continue;
    const isGiven = names.some(({ copy }) => !isSpare(catalog, copy) && evictor.mayBeOpenedAgain(copy));
    const isKept = kept.length < mostKept && names.some(({ copy }) => !isSpare(catalog, copy) && evictor.isKeptByFarm(copy));
    const victim = { ...unit, names, bytes: first.copy.bytes, given: isGiven || isKept };
    if (isGiven) given.push(victim);
    else if (isKept) kept.push(victim);
    else if (isFree(victim)) yield victim;
  }
  for (const victim of [...kept, ...given]) if (isFree(victim)) yield victim;
}
