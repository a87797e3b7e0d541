import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Garbage relative to live memory at which the heap is collected, percent. */
const garbagePercent = 25;

/**
 * Keeps the old generation of the heap near the size of live objects from here on. V8 limits it by the survivors of its last full
 * collection, and begins without a limit: until the first one, tens of MiB of garbage stay. Takes the time of a full collection.
 */
export function boundOldGeneration(): void {
  setFlagsFromString(`--heap-growing-percent=${garbagePercent}`);
  collectGarbage();
}

/** Collects the whole heap of this thread: for the end of work that leaves much garbage, before a long time without any. */
export function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  collect();
}

/**
 * Frees the memory of each compilation by V8's Maglev when it ends, in all threads. By default that waits until no compilation is
 * pending: on a busy machine, the functions of the first requests all become hot together, and up to 16 MiB stay. Without effect in
 * Node 22, which has no Maglev.
 */
export function freeCompilationsAtOnce(): void {
  setFlagsFromString('--no-maglev-destroy-on-background');
}
