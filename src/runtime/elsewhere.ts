import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../core/errors.ts';
import type { Log } from './log.ts';

const folderName = 'elsewhere';

/**
 * Notes in the user's usual state directory that a daemon has its state in another one, so that commands find it from any directory.
 * @returns a function that removes the note
 */
export function noteElsewhere(stateDir: string, usual: string, log: Log): () => void {
  if (stateDir === usual) return () => {};
  const note = join(usual, folderName, createHash('sha256').update(stateDir).digest('hex').slice(0, 16));
  try {
    mkdirSync(join(usual, folderName), { recursive: true, mode: 0o700 });
    writeFileSync(note, stateDir, { mode: 0o600 });
  } catch (error) {
    log.debug({ note, why: messageOf(error) }, 'commands need --state to find this daemon');
  }
  return () => rmSync(note, { force: true });
}

/** Other state directories of running daemons, as last noted. */
export function statesElsewhere(usual: string): string[] {
  const folder = join(usual, folderName);
  try {
    return readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'));
  } catch {
    return [];
  }
}
