import { type Copy, type CopyState, type Entry, type Form, type TierName, tierNames } from '../core/types.ts';
import type { Database } from '../sqlite/database.ts';
import { type EntryRow, entryOf } from './entries.ts';

/** A copy with its placement and its content. */
interface CopyRow {
  id: number;
  placement_id: number;
  entry_id: number;
  tier: TierName;
  path: string;
  state: CopyState;
  source_size: number;
  source_mtime_ns: string;
  source_ctime_ns: string | null;
  source_ino: string | null;
  created_at: number | null;
  content_id: number | null;
  form: Form;
  bytes: number;
  seal_size: number | null;
  seal_mtime_ns: string | null;
  seal_ino: string | null;
  verified_at: number | null;
  hash: string | null;
  sha256: string | null;
}

const columns = `c.*, p.content_id, p.form, p.bytes, p.seal_size, p.seal_mtime_ns, p.seal_ino, p.verified_at,
    n.hash, iif(p.identified, n.sha256, NULL) AS sha256`;
const tables = 'copies c JOIN placements p ON p.id = c.placement_id LEFT JOIN contents n ON n.id = p.content_id';
const selectCopies = `SELECT ${columns} FROM ${tables}`;
const selectPlaced = `SELECT e.*, e.path AS source_path, ${columns} FROM ${tables} JOIN entries e ON e.id = c.entry_id`;

/** A copy with its entry. */
export interface Placed {
  copy: Copy;
  entry: Entry;
}

/** ORDER BY: the fastest tier first. */
export const fastestFirst = `CASE c.tier ${tierNames.map((name, rank) => `WHEN '${name}' THEN ${rank}`).join(' ')} END`;

/** Copies `c` with their placements `p` and contents `n`. @param where the conditions, and any clauses after them */
export function copyRows(db: Database, where: string, ...values: unknown[]): CopyRow[] {
  // SQLite replans a join for each value of a bare parameter, which takes longer than the join; a plus in front prevents that.
  return db.all<CopyRow>(`${selectCopies} WHERE ${where.replaceAll('?', '+?')}`, ...values);
}

/** The same with their entries `e`, in one statement. @param values by name */
export function placedRows(db: Database, where: string, values: Record<string, unknown>): (Placed & { id: number })[] {
  type Row = CopyRow & Omit<EntryRow, 'id' | 'path'> & { source_path: string };
  return db.all<Row>(`${selectPlaced} WHERE ${where}`, values).map((row) => ({
    id: row.id,
    copy: copyOf(row),
    entry: entryOf({ ...row, id: row.entry_id, path: row.source_path }),
  }));
}

/** The row as the type of the program. */
export function copyOf(row: CopyRow): Copy {
  const { seal_size: size, seal_mtime_ns: mtimeNs, seal_ino: ino } = row;
  return {
    id: row.id,
    entryId: row.entry_id,
    placement: row.placement_id,
    content: row.content_id,
    tier: row.tier,
    form: row.form,
    path: row.path,
    state: row.state,
    source: {
      size: row.source_size,
      mtimeNs: row.source_mtime_ns,
      ...(row.source_ctime_ns !== null && { ctimeNs: row.source_ctime_ns }),
      ino: row.source_ino,
    },
    createdAt: row.created_at,
    seal: size === null || mtimeNs === null || ino === null ? null : { size, mtimeNs, ino },
    hash: row.hash,
    sha256: row.sha256,
    bytes: row.bytes,
  };
}
