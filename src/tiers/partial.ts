import { createHash } from 'node:crypto';
import { chmodSync, lstatSync, readdirSync, rmSync, truncateSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { jsonOf } from '../core/json.ts';
import { isExactly, isInteger, isMatch, isShaped } from '../core/shape.ts';
import type { SourceFile } from '../core/types.ts';
import { readSmallFileSync } from '../runtime/small-file.ts';
import { isSource, mostProofBytes } from './manifest.ts';

/**
 * The journal beside an unfinished file: its source, the bytes written, and their hashes. It is not trusted. A resumed copy reads
 * those bytes again and compares, so a torn or stale journal costs only time.
 */
export interface Journal {
  source: SourceFile;
  /** Bytes from the start of the file to the end of the last present chunk. */
  bytes: number;
  /** The hash of each chunk, hex; null for a missing one, where chunks come in any order. */
  chunks: (string | null)[];
}

const suffix = { journal: '.journal', next: '.journal.new', seal: '.seal' };

/** An unfinished file and its journal. */
export function partialFiles(temp: string): string[] {
  return [temp, temp + suffix.journal];
}

/** Bytes of one chunk's hash as hex. */
const digestLength = 32;
/** Marks the hash of a missing chunk. A program without support for gaps sees no hash, and restarts such a file. */
const absent = '-'.repeat(digestLength);

const isJournal = isShaped<{ version: 1; source: SourceFile; bytes: number; chunks: string }>({
  version: isExactly(1),
  source: isSource,
  bytes: isInteger(1),
  chunks: isMatch(/^([\da-f]{32}|-{32})+$/),
});

/** The path of a source's unfinished copy. It depends only on the source's path, so it is found again after a crash. */
export function partialPath(partialDir: string, sourcePath: string): string {
  return join(partialDir, `${createHash('sha256').update(sourcePath).digest('hex').slice(0, 32)}.part`);
}

/** The unfinished files of a tier, by path. */
export function listPartials(partialDir: string): string[] {
  const names = new Set(readdirSync(partialDir).flatMap((name) => /^([\da-f]{32}\.part)(\.|$)/.exec(name)?.[1] ?? []));
  return [...names].map((name) => join(partialDir, name));
}

/** Writes the journal so that a reader finds the old or the new one, or, after a power cut, an incomplete one. */
export async function writeJournal(temp: string, journal: Journal): Promise<void> {
  // Removes leftovers of a crash; a planted link is not followed.
  await rm(temp + suffix.next, { force: true });
  const file = await open(temp + suffix.next, 'wx', 0o600);
  try {
    const chunks = journal.chunks.map((digest) => digest ?? absent).join('');
    await file.writeFile(JSON.stringify({ version: 1, ...journal, chunks }));
  } finally {
    await file.close();
  }
  await rename(temp + suffix.next, temp + suffix.journal);
}

/** The journal, and when it was written (wall clock, ms); undefined when it is absent or incomplete. */
export function readJournal(temp: string): (Journal & { writtenAt: number }) | undefined {
  try {
    const journal = jsonOf(readSmallFileSync(temp + suffix.journal, mostProofBytes).toString('utf8'));
    if (!isJournal(journal)) return undefined;
    const { source, bytes, chunks } = journal;
    if (bytes > source.fingerprint.size) return undefined;
    const digests = (chunks.match(new RegExp(`.{${digestLength}}`, 'g')) ?? []).map((one) => (one === absent ? null : one));
    return { source, bytes, chunks: digests, writtenAt: lstatSync(temp + suffix.journal).mtimeMs };
  } catch {
    return undefined;
  }
}

/**
 * Keeps the resumable part of an unfinished file and removes the rest, or all. Nothing may write to it meanwhile.
 * @returns bytes kept
 */
export function keepPartial(temp: string): number {
  const journal = readJournal(temp);
  try {
    const stat = lstatSync(temp);
    if (journal && stat.isFile() && stat.size > 0) {
      // A copy interrupted during its publication is already read-only.
      chmodSync(temp, 0o600);
      if (stat.size > journal.bytes) truncateSync(temp, journal.bytes);
      for (const leftover of [suffix.next, suffix.seal]) rmSync(temp + leftover, { force: true });
      return Math.min(stat.size, journal.bytes);
    }
  } catch {
    // Absent or unusable: it is removed.
  }
  dropPartial(temp);
  return 0;
}

/** Removes an unfinished file and all files beside it. @returns false when the system refuses (open on Windows, say) */
export function dropPartial(temp: string): boolean {
  try {
    for (const part of [suffix.journal, suffix.next, suffix.seal, '']) rmSync(temp + part, { force: true });
    return true;
  } catch {
    return false;
  }
}
