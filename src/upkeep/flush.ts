import type { Catalog } from '../catalog/catalog.ts';
import { Periodic } from '../runtime/periodic.ts';

const everyMs = 500;
/** Shortest time between two writes of given paths, ms: under load, a write for each answer would cost more than the answer. */
const givenMs = 5;

/**
 * Writes the gathered facts twice a second until the returned function is called, which writes once more. The paths that programs were
 * given are written right behind the answer, under load all those of 5 ms together: a program keeps them, also when this daemon is killed.
 */
export function startFlushing({
  catalog,
  leases,
  handedOut,
  onTrouble,
}: {
  catalog: Catalog;
  leases: { changes(): Parameters<Catalog['usage']['leases']>[0] | null };
  handedOut: { onAdded: () => void; save(write: (changes: Parameters<Catalog['handedOut']['change']>[0]) => void): void };
  /** Statistics wait for the next time; lookups continue. */
  onTrouble(error: unknown): void;
}): () => void {
  const saveGiven = () => handedOut.save((changes) => catalog.handedOut.change(changes));
  let givenAt = Number.NEGATIVE_INFINITY;
  let hasStopped = false;
  const writeGiven = () => {
    if (hasStopped) return;
    givenAt = performance.now();
    attempt(() => catalog.isWritable() && saveGiven());
  };
  handedOut.onAdded = () => {
    const pauseMs = givenAt + givenMs - performance.now();
    if (pauseMs > 0) setTimeout(writeGiven, pauseMs);
    else setImmediate(writeGiven);
  };
  const attempt = (write: () => unknown) => {
    try {
      write();
    } catch (error) {
      onTrouble(error);
    }
  };
  const flush = () => {
    // The gathered facts wait for the next time.
    if (!catalog.isWritable()) return;
    const changed = leases.changes();
    if (changed) catalog.usage.leases(changed);
    saveGiven();
    catalog.usage.flush();
    catalog.reserveSpace();
  };
  const flushing = new Periodic(flush, { everyMs, onError: onTrouble });
  flushing.later();
  return () => {
    hasStopped = true;
    void flushing[Symbol.asyncDispose]();
    attempt(flush);
  };
}
