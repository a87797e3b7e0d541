import type { Database } from '../sqlite/database.ts';

const changed = 'autocached_placement_changed';
const ofEntry = (id: string) => `SELECT ${changed}(placement_id) FROM copies WHERE entry_id = ${id};`;

/** Covers every write, in any module, that changes a placement's bytes, its names or their sources. */
const triggers = `
  CREATE TEMP TRIGGER placement_named AFTER INSERT ON copies BEGIN ${ofEntry('new.entry_id')} END;
  CREATE TEMP TRIGGER placement_unnamed AFTER DELETE ON copies BEGIN
    SELECT ${changed}(old.placement_id); ${ofEntry('old.entry_id')}
  END;
  CREATE TEMP TRIGGER placement_renamed AFTER UPDATE ON copies BEGIN
    SELECT ${changed}(old.placement_id); ${ofEntry('old.entry_id')} ${ofEntry('new.entry_id')}
  END;
  CREATE TEMP TRIGGER placement_filled AFTER UPDATE OF bytes, form ON placements BEGIN SELECT ${changed}(new.id); END;
  CREATE TEMP TRIGGER placement_used AFTER UPDATE OF path, root, category, uses, last_use, votes, demand ON entries BEGIN
    ${ofEntry('new.id')}
  END;`;

/** Tells which placements have changed, so that an index in memory reads those again and no others. */
export class ChangedPlacements {
  #changed: Set<number> | null = null;

  constructor(db: Database) {
    db.onOpened((raw) => {
      // Another file has replaced a damaged one.
      this.#changed = null;
      raw.function(changed, (id: number) => {
        this.#changed?.add(id);
        return null;
      });
      raw.exec(triggers);
    });
  }

  /** From now on changes are noted; what was noted is forgotten. */
  begin(): void {
    this.#changed = new Set();
  }

  /** Ids of the placements that have changed since the last call; null when nothing was noted, and any may have changed. */
  take(): Set<number> | null {
    const taken = this.#changed;
    if (taken?.size) this.#changed = new Set();
    return taken;
  }
}
