import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { isDeepStrictEqual } from 'node:util';
import { CoalescedError, createMemo } from '../../client/memo.ts';
import { hashFile } from '../../client/memo-values.ts';
import { environmentVariable } from '../../config/environment-variable.ts';
import { CacheError, sentenceOf, troubleOf } from '../../core/errors.ts';
import { plain } from '../../core/printable.ts';
import { type Session, stateDirOf } from '../session.ts';
import { runCommand } from './command.ts';
import { type CommandResult, replay, resultOf } from './result.ts';

export interface ExecOptions {
  ns: string;
  /** A key in place of the command line and the working directory. */
  key?: string;
  file?: string[];
  env?: string[];
  output?: string[];
  /** The working directory is not part of the key. */
  anywhere?: true;
  /** Standard input is read to its end first, and is part of the key. */
  stdin?: true;
  ttl?: string;
  tag?: string[];
}

/** Maximum wait for another run, ms: a command may take hours, and waiters learn of its end at once. */
const longestWaitMs = 3_600_000;

/** The command has ended, and its result must not be kept. */
class NotKept extends Error {
  readonly exitCode: number;

  constructor(exitCode: number) {
    super(`the command ended with exit code ${exitCode}`);
    this.exitCode = exitCode;
  }
}

/**
 * Runs a command once per key: later runs print what it printed and make its outputs again. Answers the exit code.
 * @throws CacheError BAD_REQUEST for an input that cannot be read
 */
export async function execOnce(session: Session, argv: readonly string[], options: ExecOptions): Promise<number> {
  const dir = await mkdtemp(join(tmpdir(), 'autocached-exec-')).catch(() => null);
  if (dir === null) return (await runCommand(session, argv, null)).exitCode;
  try {
    return await execIn(dir, session, argv, options);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function execIn(dir: string, session: Session, argv: readonly string[], options: ExecOptions): Promise<number> {
  const { ns, output = [], ttl, tag } = options;
  const input = options.stdin ? join(dir, 'stdin') : undefined;
  if (input !== undefined) await pipeline(session.in, createWriteStream(input, { mode: 0o600 }));
  const parts = await partsOf(session, argv, options, input);
  const capture = { stdout: join(dir, 'stdout'), stderr: join(dir, 'stderr') };
  const onWarning = (message: string) => void session.err.write(`${plain(`autocached: ${message}`)}\n`);
  const memo = createMemo({ namespace: ns, stateDir: stateDirOf(session), onWarning });
  let ran = false;
  const compute = async (): Promise<CommandResult> => {
    ran = true;
    const { exitCode, captured } = await runCommand(session, argv, capture, input);
    if (exitCode !== 0 || !captured) throw new NotKept(exitCode);
    const result = await resultOf(session.cwd, capture, output).catch((error: unknown) => {
      session.err.write(`${plain(`autocached: the result is not kept: ${sentenceOf(error)}`)}\n`);
      throw new NotKept(exitCode);
    });
    // The command may have read other contents than those in the key.
    if (!isDeepStrictEqual(parts, await partsOf(session, argv, options, input).catch(() => null))) throw new NotKept(exitCode);
    return result;
  };
  try {
    const keep = { waitMs: longestWaitMs, ...(ttl !== undefined && { ttl }), ...(tag && { tags: tag }) };
    const result = await memo.getOrCompute(parts, compute, keep);
    if (!ran) await replay(session, result);
    return 0;
  } catch (error) {
    if (error instanceof NotKept) return error.exitCode;
    // It failed in another run; running it here gives the user its own message.
    if (error instanceof CoalescedError) return (await runCommand(session, argv, null, input)).exitCode;
    throw error;
  } finally {
    await memo.settled();
    memo.close();
  }
}

/** @param input the file with the content of standard input, if that is part of the key */
async function partsOf(
  session: Session,
  argv: readonly string[],
  options: ExecOptions,
  input: string | undefined,
): Promise<object> {
  const { key, file = [], env = [], output = [], anywhere } = options;
  const files = file.map(async (name) => [name, await hashOf(resolve(session.cwd, name))]);
  return {
    exec: key ?? argv,
    ...(key === undefined && anywhere !== true && { cwd: session.cwd }),
    files: await Promise.all(files),
    env: env.map((name) => [name, environmentVariable(name)]),
    output,
    ...(input !== undefined && { stdin: await hashFile(input) }),
  };
}

/** @throws CacheError BAD_REQUEST */
function hashOf(path: string): Promise<string> {
  return hashFile(path).catch((error) => {
    // Reading a directory fails without its name.
    throw new CacheError('BAD_REQUEST', `an input cannot be read: ${path}: ${troubleOf(error)}`, { cause: error });
  });
}
