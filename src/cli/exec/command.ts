import { type ChildProcessByStdio, type StdioOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { messageOf } from '../../core/errors.ts';
import { plain } from '../../core/printable.ts';
import { errnoOf } from '../../runtime/errnos.ts';
import type { Session } from '../session.ts';

/** Exit code of a shell for a command that it cannot start. */
const notStarted = 127;
const bySignal = 128;
const forwarded = ['SIGTERM', 'SIGHUP'] as const;

export interface Ran {
  /** The exit code as a shell gives it. */
  exitCode: number;
  /** Whether its whole output was captured. */
  captured: boolean;
}

/**
 * Runs a command with this program's output; its output also goes into the files of `capture`. Never throws.
 * @param capture null = its output is only passed on @param input the file that it reads; left out = this program's input
 */
export async function runCommand(
  session: Session,
  [program = '', ...args]: readonly string[],
  capture: { stdout: string; stderr: string } | null,
  input?: string,
): Promise<Ran> {
  // Opened before the command: after its end, Node drops unread output.
  const files = [await opened(capture?.stdout), await opened(capture?.stderr)] as const;
  const reading = input === undefined ? null : openSync(input, 'r');
  const stdio: StdioOptions = [reading ?? 'inherit', 'pipe', 'pipe'];
  const child = spawn(program, args, { cwd: session.cwd, stdio }) as ChildProcessByStdio<null, Readable, Readable>;
  if (reading !== null) closeSync(reading);
  const end = (signal: NodeJS.Signals) => void child.kill(signal);
  // A terminal sends an interrupt to its whole group: the command ends by itself, and then this program.
  const wait = () => {};
  for (const signal of forwarded) session.signals.on(signal, end);
  session.signals.on('SIGINT', wait);
  // Its reader is gone: as in a pipe, the command learns so when it writes.
  session.unread.addEventListener('abort', () => child.stdout.destroy());
  try {
    const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
    const [[code, signal], ...whole] = await Promise.all([
      exited,
      passOn(child.stdout, session.out, files[0]),
      passOn(child.stderr, session.err, files[1]),
    ]);
    return { exitCode: code ?? bySignal + constants.signals[signal ?? 'SIGTERM'], captured: whole.every((one) => one) };
  } catch (error) {
    const why = errnoOf(error) === 'ENOENT' ? 'there is no such command' : messageOf(error);
    session.err.write(`${plain(`autocached: ${program} cannot be run: ${why}`)}\n`);
    return { exitCode: notStarted, captured: false };
  } finally {
    for (const signal of forwarded) session.signals.off(signal, end);
    session.signals.off('SIGINT', wait);
  }
}

async function opened(file: string | undefined): Promise<FileHandle | null> {
  return file === undefined ? null : open(file, 'wx').catch(() => null);
}

/** Starts reading at once. @returns whether all of it is in the file. A full disk does not stop the command. */
async function passOn(from: Readable, to: NodeJS.WritableStream, file: FileHandle | null): Promise<boolean> {
  let copy = file;
  try {
    for await (const chunk of from) {
      if (!to.write(chunk)) await once(to, 'drain').catch(() => {});
      try {
        await copy?.appendFile(chunk);
      } catch {
        await copy?.close();
        copy = null;
      }
    }
    return copy !== null;
  } catch {
    return false;
  } finally {
    await copy?.close();
  }
}
