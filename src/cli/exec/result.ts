import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ResultFile } from '../../client/memo-values.ts';
import { makeFile } from '../make-file.ts';
import type { Session } from '../session.ts';

/** The kept result of a command that succeeded. */
export interface CommandResult {
  stdout: ResultFile;
  stderr: ResultFile;
  outputs: { name: string; mode: number; file: ResultFile }[];
}

/** The result of a command. @throws Error of node:fs when an output is missing, or is no file */
export async function resultOf(
  cwd: string,
  { stdout, stderr }: { stdout: string; stderr: string },
  outputs: readonly string[],
): Promise<CommandResult> {
  const files = outputs.map(async (name) => {
    const path = resolve(cwd, name);
    const stats = await stat(path);
    if (!stats.isFile()) throw new Error(`${name} is no file`);
    return { name, mode: stats.mode & 0o777, file: new ResultFile(path) };
  });
  return { stdout: new ResultFile(stdout), stderr: new ResultFile(stderr), outputs: await Promise.all(files) };
}

/** Makes the files again, and prints the command's output. @throws Error of node:fs; no file is left in part */
export async function replay(session: Session, { stdout, stderr, outputs }: CommandResult): Promise<void> {
  for (const { name, mode, file } of outputs) await makeFile(file.path, { to: resolve(session.cwd, name), mode });
  await pipeline(createReadStream(stdout.path), session.out, { end: false });
  await pipeline(createReadStream(stderr.path), session.err, { end: false });
}
