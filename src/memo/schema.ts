import type { Schema } from '../sqlite/schema.ts';

const migrations: readonly string[] = [
  `
  CREATE TABLE namespaces (name TEXT PRIMARY KEY, version TEXT NOT NULL, epoch INTEGER NOT NULL, settings TEXT NOT NULL) STRICT, WITHOUT ROWID;

  -- A result. doc: its JSON text, or null when the text lies in the blob body. rank orders what leaves first; of equal ranks, last_use.
  CREATE TABLE entries (
    id INTEGER PRIMARY KEY,
    ns TEXT NOT NULL,
    key BLOB NOT NULL,
    epoch INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('json', 'bytes', 'files', 'doc')),
    doc TEXT,
    body BLOB,
    inline_bytes INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    cost_ms INTEGER,
    created_at INTEGER NOT NULL,
    fresh_until INTEGER,
    ends_at INTEGER,
    hits INTEGER NOT NULL DEFAULT 0,
    votes REAL NOT NULL,
    voted_at INTEGER NOT NULL,
    last_hit_at INTEGER,
    last_use INTEGER NOT NULL,
    rank REAL NOT NULL,
    label TEXT,
    UNIQUE (ns, key),
    CHECK ((doc IS NULL) = (body IS NOT NULL))
  ) STRICT;
  CREATE INDEX entries_by_epoch ON entries (ns, epoch);
  CREATE INDEX entries_by_rank ON entries (rank, last_use);
  CREATE INDEX entries_by_end ON entries (ends_at) WHERE ends_at IS NOT NULL;

  -- verified_at: when its bytes were hashed last, wall-clock ms.
  CREATE TABLE blobs (
    sha256 BLOB PRIMARY KEY,
    size INTEGER NOT NULL,
    seal_mtime_ns TEXT NOT NULL,
    seal_ino TEXT NOT NULL,
    verified_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE entry_blobs (
    entry_id INTEGER NOT NULL REFERENCES entries (id) ON DELETE CASCADE,
    sha256 BLOB NOT NULL REFERENCES blobs (sha256),
    PRIMARY KEY (entry_id, sha256)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX blob_users ON entry_blobs (sha256);

  CREATE TABLE tags (
    tag TEXT NOT NULL,
    entry_id INTEGER NOT NULL REFERENCES entries (id) ON DELETE CASCADE,
    PRIMARY KEY (tag, entry_id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX tags_of_entry ON tags (entry_id);

  -- dep: 'file:' and a path. state: the fingerprint of that file when the result came; null when it could not be asked.
  CREATE TABLE deps (
    dep TEXT NOT NULL,
    entry_id INTEGER NOT NULL REFERENCES entries (id) ON DELETE CASCADE,
    state TEXT,
    PRIMARY KEY (dep, entry_id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX deps_of_entry ON deps (entry_id);

  CREATE TABLE daily (
    day TEXT NOT NULL,
    ns TEXT NOT NULL,
    hits INTEGER NOT NULL,
    stale INTEGER NOT NULL,
    misses INTEGER NOT NULL,
    coalesced INTEGER NOT NULL,
    stores INTEGER NOT NULL,
    rejected INTEGER NOT NULL,
    evictions INTEGER NOT NULL,
    disagreements INTEGER NOT NULL,
    bytes_in INTEGER NOT NULL,
    bytes_out INTEGER NOT NULL,
    seconds_saved REAL NOT NULL,
    PRIMARY KEY (day, ns)
  ) STRICT, WITHOUT ROWID;

  -- The sums over all rows: a limit is asked for before every write.
  CREATE TABLE totals (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    items INTEGER NOT NULL,
    inline_bytes INTEGER NOT NULL,
    blobs INTEGER NOT NULL,
    blob_bytes INTEGER NOT NULL,
    tick INTEGER NOT NULL
  ) STRICT;
  INSERT INTO totals VALUES (1, 0, 0, 0, 0, 0);
  CREATE TRIGGER entry_added AFTER INSERT ON entries BEGIN
    UPDATE totals SET items = items + 1, inline_bytes = inline_bytes + new.inline_bytes;
  END;
  CREATE TRIGGER entry_removed AFTER DELETE ON entries BEGIN
    UPDATE totals SET items = items - 1, inline_bytes = inline_bytes - old.inline_bytes;
  END;
  CREATE TRIGGER blob_added AFTER INSERT ON blobs BEGIN
    UPDATE totals SET blobs = blobs + 1, blob_bytes = blob_bytes + new.size;
  END;
  CREATE TRIGGER blob_removed AFTER DELETE ON blobs BEGIN
    UPDATE totals SET blobs = blobs - 1, blob_bytes = blob_bytes - old.size;
  END;
  `,
  `
  -- What Redis has still to be told (docs/MEMO.md, "Several machines"): a value to be written or removed, or a mark that invalidates.
  CREATE TABLE owed (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL CHECK (kind IN ('value', 'mark')),
    ns TEXT NOT NULL,
    name TEXT NOT NULL,
    UNIQUE (kind, ns, name)
  ) STRICT;
  -- missed: results have changed while it was not in use.
  CREATE TABLE shared_servers (server TEXT PRIMARY KEY, missed INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  `,
  `
  -- Outputs of ComfyUI's nodes, as hashes: whether a class of nodes gives the same for the same is learnt by comparing its runs.
  CREATE TABLE repeatable (
    class TEXT NOT NULL,
    code TEXT NOT NULL,
    agreed INTEGER NOT NULL,
    disagreed INTEGER NOT NULL,
    PRIMARY KEY (class, code)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE seen (key BLOB PRIMARY KEY, session TEXT NOT NULL, result BLOB NOT NULL, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE INDEX seen_by_age ON seen (at);
  `,
  `
  -- Compiled graphs of presets. config, prompt, models: JSON. last_use orders what leaves first.
  CREATE TABLE graphs (
    key BLOB PRIMARY KEY,
    preset TEXT NOT NULL,
    config TEXT NOT NULL,
    prompt TEXT NOT NULL,
    models TEXT NOT NULL,
    hits INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    last_use INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  `
  ALTER TABLE daily ADD COLUMN alike INTEGER NOT NULL DEFAULT 0;

  -- Texts of results in namespaces that compare them. Each has hashes only: of everything else in its key, of the normalised text, of its
  -- words; and the vector of its meaning, in the space of a model.
  CREATE TABLE texts (
    entry_id INTEGER PRIMARY KEY REFERENCES entries (id) ON DELETE CASCADE,
    ns TEXT NOT NULL,
    scope BLOB NOT NULL,
    normal BLOB NOT NULL,
    words BLOB NOT NULL,
    embedder TEXT,
    vector BLOB,
    CHECK ((embedder IS NULL) = (vector IS NULL))
  ) STRICT;
  CREATE INDEX texts_by_normal ON texts (ns, normal);
  CREATE INDEX texts_by_words ON texts (ns, words);
  CREATE INDEX texts_by_embedder ON texts (ns, embedder);

  -- Whether the result of a text was right for another one.
  CREATE TABLE judged (
    id INTEGER PRIMARY KEY,
    entry_id INTEGER NOT NULL REFERENCES texts (entry_id) ON DELETE CASCADE,
    similarity REAL NOT NULL,
    is_right INTEGER NOT NULL CHECK (is_right IN (0, 1))
  ) STRICT;
  CREATE INDEX judged_by_entry ON judged (entry_id);
  `,
  `
  -- When a class of nodes has disagreed first, wall-clock ms.
  ALTER TABLE repeatable ADD COLUMN disagreed_at INTEGER;
  `,
  `
  -- Vectors count under the limit of results.
  ALTER TABLE totals ADD COLUMN vector_bytes INTEGER NOT NULL DEFAULT 0;
  UPDATE totals SET vector_bytes = (SELECT coalesce(sum(length(vector)), 0) FROM texts);
  CREATE TRIGGER vector_changed AFTER UPDATE OF vector ON texts BEGIN
    UPDATE totals SET vector_bytes = vector_bytes + coalesce(length(new.vector), 0) - coalesce(length(old.vector), 0);
  END;
  CREATE TRIGGER vector_removed AFTER DELETE ON texts WHEN old.vector IS NOT NULL BEGIN
    UPDATE totals SET vector_bytes = vector_bytes - length(old.vector);
  END;
  `,
  `
  -- They count under the limit of their namespace, too.
  CREATE TABLE vectors_of (ns TEXT PRIMARY KEY, bytes INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  INSERT INTO vectors_of SELECT ns, sum(length(vector)) FROM texts WHERE vector IS NOT NULL GROUP BY ns;
  CREATE TRIGGER vector_of_changed AFTER UPDATE OF vector ON texts BEGIN
    INSERT INTO vectors_of VALUES (new.ns, coalesce(length(new.vector), 0) - coalesce(length(old.vector), 0))
      ON CONFLICT (ns) DO UPDATE SET bytes = bytes + excluded.bytes;
  END;
  CREATE TRIGGER vector_of_removed AFTER DELETE ON texts WHEN old.vector IS NOT NULL BEGIN
    UPDATE vectors_of SET bytes = bytes - length(old.vector) WHERE ns = old.ns;
  END;
  `,
  `
  -- Whether its file survives a loss of power.
  ALTER TABLE blobs ADD COLUMN is_synced INTEGER NOT NULL DEFAULT 1 CHECK (is_synced IN (0, 1));
  CREATE INDEX unsynced_blobs ON blobs (sha256) WHERE is_synced = 0;
  `,
];

/** The schema of `memo.db`: a separate file, because it changes often, and a loss costs only results that can be computed again. */
export const memoSchema: Schema = {
  name: 'the file of results',
  migrations,
  withoutIt: 'results are computed again',
  // A daemon that serves lookups opens it.
  openWaitMs: 50,
};
