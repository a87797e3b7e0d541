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
  // When a copy was last verified, wall-clock ms; null = never since it was made.
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
  // Copies that share their bytes have one inode; copies that could share them have one hash.
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
  `
  -- A source has a content, a content has placements on the disks of tiers, and a placement has names: the copies.
  DROP VIEW resolver_v1;
  DROP INDEX copies_by_entry;
  DROP INDEX one_copy_in_service;
  DROP INDEX copies_by_inode;
  DROP INDEX copies_by_hash;
  ALTER TABLE copies RENAME TO copies_before;

  -- Bytes by identity. hash is over their chunk hashes, sha256 that of one of their placements. Equal hashes with different SHA-256
  -- are different contents.
  CREATE TABLE contents (
    id INTEGER PRIMARY KEY,
    hash TEXT NOT NULL,
    size INTEGER NOT NULL,
    sha256 TEXT
  ) STRICT;
  CREATE UNIQUE INDEX contents_by_identity ON contents (hash, size, coalesce(sha256, ''));
  INSERT INTO contents (hash, size)
    SELECT hash, source_size FROM copies_before WHERE state <> 'copying' GROUP BY hash, source_size ORDER BY min(id);

  -- The content of the source as it is; null while it has not been copied. identified: whether its own SHA-256 was made.
  ALTER TABLE entries ADD COLUMN content_id INTEGER REFERENCES contents (id);
  ALTER TABLE entries ADD COLUMN identified INTEGER NOT NULL DEFAULT 0;

  -- A content's bytes, once on a disk: one inode. Without a content while they are being copied; bytes is then what is reserved.
  -- identified: whether the SHA-256 of these very bytes was made. dense: compressing them would save too little.
  CREATE TABLE placements (
    id INTEGER PRIMARY KEY,
    content_id INTEGER REFERENCES contents (id),
    tier TEXT NOT NULL,
    form TEXT NOT NULL CHECK (form IN ('plain', 'compressed', 'derived')),
    bytes INTEGER NOT NULL,
    seal_size INTEGER,
    seal_mtime_ns TEXT,
    seal_ino TEXT,
    identified INTEGER NOT NULL DEFAULT 0,
    dense INTEGER NOT NULL DEFAULT 0,
    verified_at INTEGER,
    UNIQUE (id, tier),
    CHECK (content_id IS NULL OR (seal_size IS NOT NULL AND seal_mtime_ns IS NOT NULL AND seal_ino IS NOT NULL))
  ) STRICT;
  -- Hard links are one placement. It takes the id of its first copy.
  INSERT INTO placements (id, content_id, tier, form, bytes, seal_size, seal_mtime_ns, seal_ino, dense, verified_at)
    SELECT min(c.id), n.id, c.tier, iif(c.tier = 'cold', 'compressed', 'plain'), max(c.bytes),
           c.seal_size, c.seal_mtime_ns, c.seal_ino, max(c.dense), max(c.verified_at)
    FROM copies_before c LEFT JOIN contents n ON c.state <> 'copying' AND n.hash = c.hash AND n.size = c.source_size
    GROUP BY c.tier, c.seal_ino, c.seal_size, c.seal_mtime_ns, c.hash, iif(c.state = 'copying', c.id, NULL);

  -- A name under which a placement is handed out as the copy of a source. created_at: wall-clock ms; null = not known.
  CREATE TABLE copies (
    id INTEGER PRIMARY KEY,
    placement_id INTEGER NOT NULL,
    entry_id INTEGER NOT NULL REFERENCES entries (id) ON DELETE CASCADE,
    tier TEXT NOT NULL,
    path TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('copying', 'ready', 'stale', 'evicting')),
    source_size INTEGER NOT NULL,
    source_mtime_ns TEXT NOT NULL,
    source_ino TEXT,
    created_at INTEGER,
    FOREIGN KEY (placement_id, tier) REFERENCES placements (id, tier)
  ) STRICT;
  INSERT INTO copies (id, placement_id, entry_id, tier, path, state, source_size, source_mtime_ns, source_ino)
    SELECT id, min(id) OVER (
             PARTITION BY tier, seal_ino, seal_size, seal_mtime_ns, hash, iif(state = 'copying', id, NULL)),
           entry_id, tier, path, state, source_size, source_mtime_ns, source_ino
    FROM copies_before;
  DROP TABLE copies_before;

  CREATE INDEX copies_by_entry ON copies (entry_id, tier);
  CREATE UNIQUE INDEX one_copy_in_service ON copies (entry_id, tier) WHERE state = 'ready';
  CREATE INDEX copies_by_placement ON copies (placement_id);
  CREATE INDEX copies_by_path ON copies (path);
  CREATE INDEX copies_out_of_service ON copies (state) WHERE state <> 'ready';
  CREATE INDEX copies_by_source ON copies (source_size, source_mtime_ns);
  CREATE INDEX placements_by_content ON placements (content_id);
  CREATE INDEX placements_by_seal ON placements (seal_ino);
  CREATE INDEX placements_by_tier ON placements (tier, content_id, bytes);

  UPDATE entries SET content_id = (
    SELECT p.content_id FROM copies c JOIN placements p ON p.id = c.placement_id
    WHERE c.entry_id = entries.id AND c.state = 'ready' AND c.source_size = entries.size
      AND c.source_mtime_ns = entries.mtime_ns AND coalesce(c.source_ino = entries.ino, 1)
    ORDER BY c.id DESC LIMIT 1
  );
  CREATE INDEX entries_by_content ON entries (content_id);

  CREATE TRIGGER copies_out_of_copying BEFORE UPDATE OF state ON copies
    WHEN new.state <> 'copying' AND (SELECT content_id FROM placements WHERE id = new.placement_id) IS NULL
    BEGIN SELECT raise(ABORT, 'CHECK constraint failed: a copy in service has a content'); END;

  -- What has no copies any more is no placement, and what has neither placements nor sources is no content.
  CREATE TRIGGER copies_deleted AFTER DELETE ON copies BEGIN
    DELETE FROM placements WHERE id = old.placement_id AND NOT EXISTS (SELECT 1 FROM copies WHERE placement_id = old.placement_id);
  END;
  CREATE TRIGGER copies_moved AFTER UPDATE OF placement_id ON copies BEGIN
    DELETE FROM placements WHERE id = old.placement_id AND NOT EXISTS (SELECT 1 FROM copies WHERE placement_id = old.placement_id);
  END;
  CREATE TRIGGER placements_deleted AFTER DELETE ON placements BEGIN
    DELETE FROM contents WHERE id = old.content_id AND NOT EXISTS (SELECT 1 FROM placements WHERE content_id = old.content_id)
      AND NOT EXISTS (SELECT 1 FROM entries WHERE content_id = old.content_id);
  END;
  CREATE TRIGGER placements_changed AFTER UPDATE OF content_id ON placements WHEN old.content_id IS NOT new.content_id BEGIN
    DELETE FROM contents WHERE id = old.content_id AND NOT EXISTS (SELECT 1 FROM placements WHERE content_id = old.content_id)
      AND NOT EXISTS (SELECT 1 FROM entries WHERE content_id = old.content_id);
  END;
  CREATE TRIGGER entries_deleted AFTER DELETE ON entries BEGIN
    DELETE FROM contents WHERE id = old.content_id AND NOT EXISTS (SELECT 1 FROM placements WHERE content_id = old.content_id)
      AND NOT EXISTS (SELECT 1 FROM entries WHERE content_id = old.content_id);
  END;
  CREATE TRIGGER entries_changed AFTER UPDATE OF content_id ON entries WHEN old.content_id IS NOT new.content_id BEGIN
    DELETE FROM contents WHERE id = old.content_id AND NOT EXISTS (SELECT 1 FROM placements WHERE content_id = old.content_id)
      AND NOT EXISTS (SELECT 1 FROM entries WHERE content_id = old.content_id);
  END;

  CREATE VIEW resolver_v1 AS
    SELECT e.path AS source_path, c.source_size, c.source_mtime_ns, c.path AS copy_path,
           p.seal_size AS copy_size, p.seal_mtime_ns AS copy_mtime_ns, p.seal_ino AS copy_ino, c.tier
    FROM copies c JOIN placements p ON p.id = c.placement_id JOIN entries e ON e.id = c.entry_id
    WHERE c.state = 'ready' AND p.form = 'plain'
      AND coalesce((SELECT value FROM settings WHERE key = 'resolver'), 'on') = 'on';
  `,
  `
  -- Sources are listed from the one that was used last.
  CREATE INDEX entries_by_last_use ON entries (last_use DESC, path);
  `,
  `
  -- Paths that programs were given, which they may open as long as they run.
  CREATE TABLE handed_out (
    path TEXT NOT NULL,
    program TEXT NOT NULL,
    source TEXT NOT NULL,
    PRIMARY KEY (path, program)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- Files of copies that programs wrote to, with the source as it was copied.
  CREATE TABLE written_copies (
    path TEXT PRIMARY KEY,
    source_size INTEGER NOT NULL,
    source_mtime_ns TEXT NOT NULL
  ) STRICT;
  `,
  `
  -- When a source or its inode was last changed: size and mtime can be put back, this cannot. Null where it is not known.
  ALTER TABLE entries ADD COLUMN ctime_ns TEXT;
  ALTER TABLE copies ADD COLUMN source_ctime_ns TEXT;
  -- As resolver_v1, with what tells a source that was rewritten under its old size and time.
  CREATE VIEW resolver_v2 AS
    SELECT e.path AS source_path, c.source_size, c.source_mtime_ns, c.path AS copy_path,
           p.seal_size AS copy_size, p.seal_mtime_ns AS copy_mtime_ns, p.seal_ino AS copy_ino, c.tier,
           c.source_ino, c.source_ctime_ns
    FROM copies c JOIN placements p ON p.id = c.placement_id JOIN entries e ON e.id = c.entry_id
    WHERE c.state = 'ready' AND p.form = 'plain'
      AND coalesce((SELECT value FROM settings WHERE key = 'resolver'), 'on') = 'on';
  `,
  `
  -- The files (JSON) that nodes of a class have loaded with these inputs (JSON); the latest has the highest id.
  CREATE TABLE learned_loads (
    id INTEGER PRIMARY KEY,
    class_type TEXT NOT NULL,
    inputs TEXT NOT NULL,
    files TEXT NOT NULL,
    UNIQUE (class_type, inputs)
  ) STRICT;
  `,
  `
  -- What each tier did for each source; entry 0 is the whole tier.
  CREATE TABLE tier_uses (
    entry_id INTEGER NOT NULL,
    tier TEXT NOT NULL,
    hits INTEGER NOT NULL,
    evictions INTEGER NOT NULL,
    rejected INTEGER NOT NULL,
    loads INTEGER NOT NULL,
    load_ms REAL NOT NULL,
    PRIMARY KEY (entry_id, tier)
  ) STRICT, WITHOUT ROWID;
  CREATE TRIGGER entries_tier_uses AFTER DELETE ON entries BEGIN
    DELETE FROM tier_uses WHERE entry_id = old.id;
  END;
  `,
  `
  -- Browsers that are signed in to the dashboard: the SHA-256 of their two secrets; times are wall-clock ms.
  CREATE TABLE sign_ins (
    id INTEGER PRIMARY KEY,
    cookie_hash TEXT NOT NULL,
    key_hash TEXT NOT NULL,
    browser TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    used_at INTEGER NOT NULL
  ) STRICT;
  `,
  `
  -- How wanted a source is: doubles in the order of \`demand-columns.ts\`. Null before its first use after this step.
  ALTER TABLE entries ADD COLUMN demand BLOB;
  -- What the wishes of all sources have shown (JSON); one row.
  CREATE TABLE habits (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    value TEXT NOT NULL
  ) STRICT;
  `,
  `
  -- What was read from each remote in a month (2026-11, UTC).
  CREATE TABLE remote_use (
    remote TEXT NOT NULL,
    month TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    PRIMARY KEY (remote, month)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- The latest loads of models one by one; times are wall-clock ms. Rows leave in the order of their ids.
  CREATE TABLE load_files (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL UNIQUE,
    category TEXT,
    last_day INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE load_prompts (
    id INTEGER PRIMARY KEY,
    prompt TEXT NOT NULL UNIQUE,
    queued_at INTEGER,
    last_load INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE loads (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    file_id INTEGER NOT NULL,
    size INTEGER NOT NULL,
    medium TEXT NOT NULL,
    source_speed REAL NOT NULL,
    tier TEXT,
    reason TEXT NOT NULL,
    seconds REAL NOT NULL,
    prompt_id INTEGER,
    node_class TEXT
  ) STRICT;
  -- Those before them, by day (since 1970, UTC) and file.
  CREATE TABLE load_days (
    day INTEGER NOT NULL,
    file_id INTEGER NOT NULL,
    loads INTEGER NOT NULL,
    hits INTEGER NOT NULL,
    size INTEGER NOT NULL,
    medium TEXT NOT NULL,
    source_speed REAL NOT NULL,
    seconds REAL NOT NULL,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    PRIMARY KEY (day, file_id)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- The compressed files that another one stands on, by path; they stay as long as such a row does.
  CREATE TABLE bases (
    placement_id INTEGER NOT NULL REFERENCES placements (id) ON DELETE CASCADE,
    path TEXT NOT NULL,
    PRIMARY KEY (placement_id, path)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX bases_by_path ON bases (path);
  `,
  `
  -- The names of sources' contents in the farm, of the size and time that they had then; where the last copy's bytes came from:
  -- peers are host -> bytes (JSON), null = it was made without the farm.
  CREATE TABLE farm_contents (
    entry_id INTEGER PRIMARY KEY,
    content TEXT NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns TEXT NOT NULL,
    origin_bytes INTEGER,
    peers TEXT
  ) STRICT;
  CREATE TRIGGER entries_farm_contents AFTER DELETE ON entries BEGIN
    DELETE FROM farm_contents WHERE entry_id = old.id;
  END;
  `,
  `
  -- Files that are pinned when they come: those that a glob means, or of a category.
  CREATE TABLE pin_rules (
    kind TEXT NOT NULL CHECK (kind IN ('glob', 'category')),
    value TEXT NOT NULL,
    PRIMARY KEY (kind, value)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- Models derived from others. bytes: of the file, or reserved for it while it is made; 0 while it waits. source is null where only
  -- the file told of it. recipe and facts: JSON.
  CREATE TABLE variants (
    path TEXT PRIMARY KEY,
    source TEXT,
    source_size INTEGER NOT NULL,
    source_mtime_ns TEXT NOT NULL,
    recipe TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('wanted', 'making', 'ready')),
    bytes INTEGER NOT NULL,
    facts TEXT,
    created_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- What lies in the shared store, where no Redis keeps it. score: log2 of a count that fades; state: there, or gone.
  CREATE TABLE shared_objects (
    sha256 TEXT PRIMARY KEY,
    bytes INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('there', 'gone')),
    score REAL NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- What foresight has learned (JSON); one row.
  CREATE TABLE foresight (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    value TEXT NOT NULL
  ) STRICT;
  `,
  `
  -- Variants that are to be made, also anew. bytes: reserved, 0 while it waits; replaces: the mtime, ns, of the former file, which stays
  -- until the new one is whole, null = there is none.
  CREATE TABLE variant_orders (
    path TEXT PRIMARY KEY,
    source TEXT NOT NULL,
    source_size INTEGER NOT NULL,
    source_mtime_ns TEXT NOT NULL,
    recipe TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    replaces TEXT,
    created_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  INSERT INTO variant_orders
    SELECT path, source, source_size, source_mtime_ns, recipe, 0, NULL, created_at FROM variants
    WHERE state <> 'ready' AND source IS NOT NULL;
  DELETE FROM variants WHERE state <> 'ready';
  ALTER TABLE variants DROP COLUMN state;
  `,
  `
  -- Pinned by name, and not only by a directory, a glob or a category. Of what such a rule may have pinned nobody knows any more.
  ALTER TABLE entries ADD COLUMN pinned_alone INTEGER NOT NULL DEFAULT 0;
  UPDATE entries SET pinned_alone = pinned WHERE NOT EXISTS (SELECT 1 FROM pin_rules)
    AND NOT EXISTS (SELECT 1 FROM pinned_directories d WHERE substr(entries.path, 1, length(d.path)) = d.path);
  -- The rest of the fingerprint, where it is known.
  ALTER TABLE written_copies ADD COLUMN source_ctime_ns TEXT;
  ALTER TABLE written_copies ADD COLUMN source_ino TEXT;
  ALTER TABLE farm_contents ADD COLUMN ctime_ns TEXT;
  ALTER TABLE farm_contents ADD COLUMN ino TEXT;
  `,
  `
  -- Wishes of other hosts of a farm that the counts of a source began with; null = none.
  ALTER TABLE entries ADD COLUMN told_wishes REAL;
  `,
  `
  -- The rest of the source's fingerprint, where it is known.
  ALTER TABLE variants ADD COLUMN source_ctime_ns TEXT;
  ALTER TABLE variants ADD COLUMN source_ino TEXT;
  ALTER TABLE variant_orders ADD COLUMN source_ctime_ns TEXT;
  ALTER TABLE variant_orders ADD COLUMN source_ino TEXT;
  `,
  `
  -- Sources whose last copy was made from the shared store.
  CREATE TABLE shared_copies (entry_id INTEGER PRIMARY KEY REFERENCES entries (id) ON DELETE CASCADE) STRICT;
  `,
];
