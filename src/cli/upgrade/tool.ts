import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { CacheError, messageOf } from '../../core/errors.ts';
import { errnoOf } from '../../runtime/errnos.ts';

const run = promisify(execFile);
/** Timeout of a tool, ms: a download over a slow line takes long. */
const longestMs = 20 * 60_000;
const mostOutput = 16 * 2 ** 20;

/** Runs npm, git or Node. @returns its output @throws CacheError INTERNAL with its message; NOT_FOUND when it is not there */
export async function tool([program = '', ...args]: readonly string[], cwd: string): Promise<string> {
  // npm is a script there, which only a shell runs.
  const shell = process.platform === 'win32' && program === 'npm';
  try {
    const { stdout } = await run(program, args, { cwd, shell, timeout: longestMs, maxBuffer: mostOutput });
    return stdout.trim();
  } catch (error) {
    if (errnoOf(error) === 'ENOENT')
      throw new CacheError('NOT_FOUND', `this machine has no ${program}`, {
        hint: `install ${program}, then again`,
        cause: error,
      });
    const said = String((error as { stderr?: unknown }).stderr ?? '').trim() || messageOf(error);
    const lines = said.split('\n').slice(-8);
    throw new CacheError('INTERNAL', `${[program, ...args].join(' ')}:`, { lines, cause: error });
  }
}
