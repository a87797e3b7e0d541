import Sqlite from 'better-sqlite3';
import { messageOf } from '../core/errors.ts';
import { serveParent } from '../runtime/peer.ts';
import { assertSound, type DamageWorker, isDamage } from './damage.ts';

/** The entry of the thread that checks a large catalog for damage. */
serveParent<object, DamageWorker>({
  damageIn(file) {
    const db = new Sqlite(file, { readonly: true });
    try {
      // Each page is read once.
      db.pragma('cache_size = -512');
      assertSound(db);
      return null;
    } catch (error) {
      if (isDamage(error)) return messageOf(error);
      throw error;
    } finally {
      db.close();
    }
  },
});
