import type { Catalog } from '../catalog/catalog.ts';
import { Periodic } from '../runtime/periodic.ts';

const everyMs = 500;

/** Writes the gathered facts twice a second until the returned function is called, which writes once more. */
export function startFlushing({
  catalog,
  leases,
  handedOut,
  onTrouble,
}: {
  catalog: Catalog;
  leases: { changes(): Parameters<Catalog['usage']['leases']>[0] | null };
  handedOut: { save(write: (changes: Parameters<Catalog['handedOut']['change']>[0]) => void): void };
  /** Statistics wait for the next time; lookups continue. */
  onTrouble(error: unknown): void;
}): () => void {
  const flush = () => {
    // What was gathered waits for the next time.
    if (!catalog.isWritable()) return;
    const changed = leases.changes();
    if (changed) catalog.usage.leases(changed);
    handedOut.save((changes) => catalog.handedOut.change(changes));
    catalog.usage.flush();
    catalog.reserveSpace();
  };
  const flushing = new Periodic(flush, { everyMs, onError: onTrouble });
  flushing.later();
  return () => {
    void flushing[Symbol.asyncDispose]();
    try {
      flush();
    } catch (error) {
      onTrouble(error);
    }
  };
}
