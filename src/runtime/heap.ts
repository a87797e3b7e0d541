import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** What may gather beside what is alive before it is collected, percent. */
const garbagePercent = 25;

/**
 * Keeps the old generation of the heap near what is alive, from here on. V8 bounds it by what outlived its last full collection, and
 * begins without a bound: until a first one is due, tens of MiB of garbage stay. Takes the time of a full collection.
 */
export function boundOldGeneration(): void {
  setFlagsFromString(`--heap-growing-percent=${garbagePercent}`);
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  collect();
}
