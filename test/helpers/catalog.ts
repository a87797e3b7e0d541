import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { Catalog } from '../../src/catalog/catalog.ts';
import type { Copy, Fingerprint, SourceFile } from '../../src/core/types.ts';
import type { Clock } from '../../src/runtime/clock.ts';
import { ManualClock } from './manual-clock.ts';
import { tempDir } from './temp-dir.ts';

let empty: Buffer | null = null;

/** The catalog in `dir`; an empty one where there is none. The migrations take longer than most tests, and run once a process. */
export function catalogIn(dir: string): string {
  const file = join(dir, 'catalog.db');
  if (existsSync(file)) return file;
  if (!empty) {
    const made = join(tempDir(), 'catalog.db');
    new Catalog(made, new ManualClock())[Symbol.dispose]();
    empty = readFileSync(made);
  }
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  writeFileSync(file, empty);
  return file;
}

/** A catalog in its own directory, closed when the test ends. */
export function openCatalog(options: { file?: string; clock?: Clock } = {}) {
  const file = options.file ?? catalogIn(tempDir());
  const catalog = new Catalog(file, options.clock ?? new ManualClock());
  let open = true;
  const close = () => {
    if (!open) return;
    open = false;
    catalog[Symbol.dispose]();
  };
  onTestFinished(close);
  return { catalog, file, close };
}

export const fingerprint = (size = 1000, mtimeNs = '1700000000123456789', ino: string | null = '42'): Fingerprint => ({
  size,
  mtimeNs,
  ino,
});

export function sourceFile(rel: string, part: Partial<SourceFile> = {}): SourceFile {
  const root = part.root ?? '/models';
  return { path: `${root}/${rel}`, root, rel, category: rel.split('/')[0] ?? null, fingerprint: fingerprint(), ...part };
}

/** A copy in service, only in the catalog: it has no file. */
export function putCopy(
  catalog: Catalog,
  file: SourceFile,
  { tier = 'ssd', path = `/cache/files/${file.rel}` }: Partial<Pick<Copy, 'tier' | 'path'>> = {},
): Copy {
  const copy = reserveCopy(catalog, file, { tier, path });
  const { size } = file.fingerprint;
  const seal = { size, mtimeNs: file.fingerprint.mtimeNs, ino: String(1000 + copy.id) };
  catalog.copies.publish(copy.id, { seal, hash: 'xxh128c8:00', sha256: null, source: file.fingerprint });
  const published = catalog.copies.ofEntry(copy.entryId).find(({ id }) => id === copy.id);
  if (!published) throw new Error('the copy is not in the catalog');
  return published;
}

/** A copy in progress. */
export function reserveCopy(
  catalog: Catalog,
  file: SourceFile,
  { tier = 'ssd', path = `/cache/files/${file.rel}` }: Partial<Pick<Copy, 'tier' | 'path'>> = {},
): Copy {
  const entry = catalog.entries.put(file);
  const endless = { limit: Number.POSITIVE_INFINITY, free: Number.POSITIVE_INFINITY, floor: 0 };
  const reservation = catalog.copies.reserve({
    entryId: entry.id,
    tier,
    path,
    source: file.fingerprint,
    bytes: file.fingerprint.size,
    ...endless,
  });
  if (!('copy' in reservation)) throw new Error('no room');
  return reservation.copy;
}
