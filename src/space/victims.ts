import type { Catalog } from '../catalog/catalog.ts';
import type { Copy } from '../core/types.ts';
import type { Leaver } from '../policy/leaving.ts';
import type { Evictor } from './evict.ts';
import { isSpare, type Unit } from './eviction-order.ts';

/** What may not leave now, though it might at another time. */
export interface Kept {
  /** Of the copy that room is made for: its interrupted part takes no further room. */
  isOwn(copy: Copy): boolean;
  /** Could not be removed. */
  stuck: ReadonlySet<number>;
  /** This score and above. */
  below?: number | undefined;
  /** Paths that are open. */
  inUse: ReadonlySet<string>;
}

/** The farm keeps at most so many before another that is worth more: who has only such copies does not read all of them to free one. */
const mostKept = 256;

/** Units that can leave, as what they are to `leaving`. */
export type Victim = Unit & Leaver;

/**
 * Those of the units that can leave: first those that nobody holds dear, then those that the farm keeps, then those that a running program
 * was given. Each is asked when its turn comes.
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
