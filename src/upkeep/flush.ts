import type { Catalog } from '../catalog/catalog.ts';
import type { Log } from '../core/log.ts';

const everyMs = 500;

/** Writes what was gathered twice a second until the returned function is called, which writes once more. */
export function startFlushing({
  catalog,
  leases,
  log,
}: {
  catalog: Catalog;
  leases: { changes(): { copyPath: string; client: string }[] | null };
  log: Log;
}): () => void {
  const flush = () => {
    try {
      const changed = leases.changes();
      if (changed) catalog.usage.leases(changed);
      catalog.usage.flush();
    } catch (err) {
      // Statistics wait for the next time; lookups go on.
      log.error({ err }, 'the catalog could not be written');
    }
  };
  const timer = setInterval(flush, everyMs);
  return () => {
    clearInterval(timer);
    flush();
  };
}
