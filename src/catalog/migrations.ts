/** The schema's history: append only. Each step runs once, in one transaction; `PRAGMA user_version` counts them. */
export const migrations: readonly string[] = [
  `
  CREATE TABLE entries (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL UNIQUE,
    root TEXT NOT NULL,
    rel TEXT NOT NULL,
    category TEXT,
    size INTEGER NOT NULL,
    mtime_ns TEXT NOT NULL,
    ino TEXT,
    uses INTEGER NOT NULL DEFAULT 0,
    last_use INTEGER NOT NULL DEFAULT 0,
    last_used_at INTEGER,
    pinned INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE INDEX entries_by_name ON entries (category, rel);

  CREATE TABLE copies (
    id INTEGER PRIMARY KEY,
    entry_id INTEGER NOT NULL REFERENCES entries (id) ON DELETE CASCADE,
    tier TEXT NOT NULL,
    path TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('copying', 'ready', 'stale', 'evicting')),
    source_size INTEGER NOT NULL,
    source_mtime_ns TEXT NOT NULL,
    source_ino TEXT,
    seal_size INTEGER,
    seal_mtime_ns TEXT,
    seal_ino TEXT,
    hash TEXT,
    bytes INTEGER NOT NULL,
    CHECK (state = 'copying' OR seal_size IS NOT NULL)
  ) STRICT;
  CREATE INDEX copies_by_entry ON copies (entry_id, tier);
  CREATE UNIQUE INDEX one_copy_in_service ON copies (entry_id, tier) WHERE state = 'ready';

  CREATE TABLE daily (
    day TEXT PRIMARY KEY,
    hits INTEGER NOT NULL DEFAULT 0,
    misses INTEGER NOT NULL DEFAULT 0,
    hit_bytes INTEGER NOT NULL DEFAULT 0,
    miss_bytes INTEGER NOT NULL DEFAULT 0,
    bytes_copied INTEGER NOT NULL DEFAULT 0,
    evictions INTEGER NOT NULL DEFAULT 0,
    evicted_bytes INTEGER NOT NULL DEFAULT 0,
    seconds_saved REAL NOT NULL DEFAULT 0
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE jobs (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL,
    priority TEXT NOT NULL,
    state TEXT NOT NULL,
    bytes_total INTEGER NOT NULL,
    bytes_done INTEGER NOT NULL,
    error_code TEXT,
    error_message TEXT,
    finished_at INTEGER
  ) STRICT;

  CREATE TABLE leases (
    copy_path TEXT NOT NULL,
    client TEXT NOT NULL,
    PRIMARY KEY (copy_path, client)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE roots (
    path TEXT NOT NULL,
    category TEXT NOT NULL DEFAULT '',
    kind TEXT,
    origin TEXT NOT NULL,
    PRIMARY KEY (path, category)
  ) STRICT, WITHOUT ROWID;

  -- What was changed while running. base is the configured value at that time: a later edit of the configuration wins again.
  CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL, base TEXT NOT NULL) STRICT, WITHOUT ROWID;

  -- For readers beside the daemon (the shim, when the daemon is away): only what is safe to use.
  CREATE VIEW resolver_v1 AS
    SELECT e.path AS source_path, c.source_size, c.source_mtime_ns, c.path AS copy_path,
           c.seal_size AS copy_size, c.seal_mtime_ns AS copy_mtime_ns, c.seal_ino AS copy_ino, c.tier
    FROM copies c JOIN entries e ON e.id = c.entry_id
    WHERE c.state = 'ready' AND coalesce((SELECT value FROM settings WHERE key = 'resolver'), 'on') = 'on';
  `,
  // When a copy was last read again and found as it was copied, wall-clock ms; null = never since it was made.
  'ALTER TABLE copies ADD COLUMN verified_at INTEGER',
  `
  -- Measured speeds of roots (by path) and tiers (by name): bytes per second of large reads, ms of one small read.
  CREATE TABLE speeds (place TEXT PRIMARY KEY, sequential REAL, small_read_ms REAL) STRICT, WITHOUT ROWID;
    `,
  `
  -- What an input of a ComfyUI node class names, as real lookups have shown.
  CREATE TABLE learned (
    class_type TEXT NOT NULL,
    input TEXT NOT NULL,
    category TEXT NOT NULL,
    PRIMARY KEY (class_type, input)
  ) STRICT, WITHOUT ROWID;

  -- Directories whose files are pinned as they come; each path ends with a separator.
  CREATE TABLE pinned_directories (path TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
  `,
  `
  -- The SHA-256 that was found beside a source. same: whether its copy has it; null while that is not known.
  CREATE TABLE published (
    entry_id INTEGER PRIMARY KEY REFERENCES entries (id) ON DELETE CASCADE,
    sha256 TEXT NOT NULL,
    origin TEXT NOT NULL,
    same INTEGER
  ) STRICT;
  `,
  // Copies that share their bytes are known by their inode, those that could by their hash.
  'CREATE INDEX copies_by_inode ON copies (seal_ino); CREATE INDEX copies_by_hash ON copies (hash)',
  `
  -- How wanted a file is: a count that fades, as it was at voted_at (wall-clock ms). What is known from before is the last use.
  ALTER TABLE entries ADD COLUMN votes REAL NOT NULL DEFAULT 0;
  ALTER TABLE entries ADD COLUMN voted_at INTEGER;
  UPDATE entries SET votes = 1, voted_at = last_used_at WHERE last_used_at IS NOT NULL;
  `,
  `
  -- A compressed copy is no file that a loader can open.
  DROP VIEW resolver_v1;
  CREATE VIEW resolver_v1 AS
    SELECT e.path AS source_path, c.source_size, c.source_mtime_ns, c.path AS copy_path,
           c.seal_size AS copy_size, c.seal_mtime_ns AS copy_mtime_ns, c.seal_ino AS copy_ino, c.tier
    FROM copies c JOIN entries e ON e.id = c.entry_id
    WHERE c.state = 'ready' AND c.tier <> 'cold'
      AND coalesce((SELECT value FROM settings WHERE key = 'resolver'), 'on') = 'on';

  -- 1: compressing it would save too little.
  ALTER TABLE copies ADD COLUMN dense INTEGER NOT NULL DEFAULT 0;
  `,
];
