import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { CacheError } from '../../core/errors.ts';
import { plain } from '../../core/printable.ts';
import { meaningOf } from '../../runtime/errnos.ts';
import { daemonLogName } from '../../runtime/log.ts';
import type { Answer } from '../print.ts';
import { type Run, type Session, stateDirOf } from '../session.ts';

interface Options {
  follow?: true;
  lines: number;
}

/** Maximum bytes of the log that are read for its last lines. */
const mostBytes = 4 * 2 ** 20;
const followMs = 500;

export function addLogs(program: Command, run: Run): void {
  program
    .command('logs')
    .description('show the end of the log of a daemon that runs in the background')
    .option('-f, --follow', 'go on with what comes, until Ctrl-C')
    .option('-n, --lines <number>', 'how many lines', wholeNumber, 50)
    .action(run(logs));
}

function wholeNumber(text: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('expected a number of lines, such as 50');
}

async function logs(session: Session, { follow, lines }: Options): Promise<Answer | undefined> {
  const path = join(stateDirOf(session), daemonLogName);
  const { text, end } = await lastPart(path);
  const last = text
    .split('\n')
    .filter((line) => line !== '')
    .slice(lines === 0 ? Infinity : -lines);
  if (!follow) return { data: { path, lines: last }, page: () => last.map(plain).join('\n') };
  const print = (some: readonly string[]) => {
    for (const line of some) session.out.write(`${plain(line)}\n`);
  };
  print(last);
  await followFrom(path, end, { print, signal: session.unread });
  return undefined;
}

/** @throws CacheError NOT_FOUND without a log */
async function lastPart(path: string): Promise<{ text: string; end: number }> {
  const { text, end } = (await readFrom(path, (size) => Math.max(0, size - mostBytes))) ?? noLog(path);
  return { text, end };
}

function noLog(path: string): never {
  throw new CacheError('NOT_FOUND', `there is no log ${path}`, {
    hint: 'A daemon in the foreground writes to its terminal, one of a service to the log of the system.',
  });
}

/** Reads new text from `end` on; a log that is shorter than before has started over. */
async function followFrom(
  path: string,
  end: number,
  { print, signal }: { print: (lines: readonly string[]) => void; signal: AbortSignal },
): Promise<void> {
  let rest = '';
  while (!signal.aborted) {
    const read = await readFrom(path, (size) => (size < end ? 0 : end));
    if (read) {
      const lines = (rest + read.text).split('\n');
      rest = lines.pop() ?? '';
      print(lines);
      end = read.end;
    }
    await sleep(followMs, undefined, { signal }).catch(() => {});
  }
}

/** Null when there is no such file. */
async function readFrom(path: string, startOf: (size: number) => number): Promise<{ text: string; end: number } | null> {
  try {
    await using file = await open(path, 'r');
    const { size } = await file.stat();
    const start = startOf(size);
    const bytes = Buffer.alloc(size - start);
    const { bytesRead } = await file.read(bytes, 0, bytes.length, start);
    return { text: bytes.subarray(0, bytesRead).toString(), end: start + bytesRead };
  } catch (error) {
    if (meaningOf(error) === 'missing') return null;
    throw error;
  }
}
