import { open, stat } from 'node:fs/promises';
import { CacheError, troubleOf } from '../core/errors.ts';
import { readSmallFile } from '../runtime/small-file.ts';
import { readDocument } from '../workflow/read-document.ts';

/** Maximum size of a workflow, bytes. */
const mostBytes = 512 * 2 ** 20;
const headBytes = 64;

/**
 * The prompt or workflow that a file holds (JSON, PNG or WebP), as the daemon's workflow routes take it.
 * @throws CacheError BAD_REQUEST when it holds none or cannot be read
 */
export async function readWorkflow(path: string): Promise<object> {
  try {
    const { prompt, workflow, targets } = readDocument(await readSmallFile(path, mostBytes));
    return {
      ...(prompt && { prompt }),
      ...(workflow && { workflow }),
      ...(targets && { partial_execution_targets: [...targets] }),
    };
  } catch (error) {
    const hint = error instanceof CacheError ? error.hint : null;
    throw new CacheError('BAD_REQUEST', `${path} cannot be read as a workflow: ${troubleOf(error)}`, {
      ...(hint && { hint }),
      cause: error,
    });
  }
}

/**
 * The same for a file that may be something else, by its content: null if it is neither image nor prompt nor workflow.
 * @throws CacheError BAD_REQUEST for an image that carries no workflow
 */
export async function workflowIn(path: string): Promise<object | null> {
  const head = await headOf(path);
  if (/^\x89PNG|^RIFF.{4}WEBP/s.test(head)) return readWorkflow(path);
  // A JSON file may also be a model's configuration.
  return /^(\xef\xbb\xbf)?\s*\{\s*["}]/.test(head) ? readWorkflow(path).catch(() => null) : null;
}

/** The first bytes as Latin-1; empty if it is no file or cannot be read. */
async function headOf(path: string): Promise<string> {
  try {
    if (!(await stat(path)).isFile()) return '';
    await using file = await open(path);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(headBytes), 0, headBytes, 0);
    return buffer.toString('latin1', 0, bytesRead);
  } catch {
    return '';
  }
}
