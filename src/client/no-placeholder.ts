import type { BigIntStats } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import { jsonOf } from '../core/json.ts';
import { placeholderOpening } from '../core/remote.ts';

/** Size up to which the allocated blocks of a file prove nothing, bytes. */
const smallBytes = 64n * 1024n;
const daemonAway = 'the daemon does not answer; start it with: autocached start';

/**
 * Makes sure that a file is no placeholder of a model on a remote. One stat; a file is read only when it has the rights of a
 * placeholder.
 * @param why the daemon's sentence, if it gave one
 * @param statOf answers undefined for a file that is not there or does not answer
 * @throws Error
 */
export async function assertNoPlaceholder(
  path: string,
  why: string | null,
  statOf: (path: string) => Promise<BigIntStats | undefined>,
): Promise<void> {
  const found = await statOf(path);
  if (!found?.isFile() || !isClosed(Number(found.mode)) || !(await beginsAsOne(path, found))) return;
  throw new Error(why ?? `${basename(path)} lies on a remote only, and there is no copy of it: ${daemonAway}`);
}

/** No right for anybody; on Windows, none to write. */
function isClosed(mode: number): boolean {
  return (mode & (process.platform === 'win32' ? 0o222 : 0o777)) === 0;
}

/**
 * Only root may read a file without rights. For other users the stat decides: a placeholder has fewer blocks than its size needs. Its
 * sentence may fill a small file, and no model is so small.
 */
async function beginsAsOne(path: string, { blocks, size }: BigIntStats): Promise<boolean> {
  try {
    const file = await open(path, 'r');
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(placeholderOpening.length), 0, placeholderOpening.length, 0);
      return bytesRead > 0 && placeholderOpening.startsWith(buffer.toString('latin1', 0, bytesRead));
    } finally {
      await file.close();
    }
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EACCES' && (size <= smallBytes || blocks * 512n < size);
  }
}

/** The message of a refusal. */
export function refusalOf(text: string): string | null {
  const answer = jsonOf(text) as { error?: { message?: unknown } | null } | null | undefined;
  const message = answer?.error?.message;
  return typeof message === 'string' ? message : null;
}
