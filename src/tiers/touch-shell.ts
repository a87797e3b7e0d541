import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { bounded } from '../runtime/deadline.ts';

const answerMs = 10_000;
const idleMs = 10_000;

type Shell = ChildProcessByStdio<Writable, Readable, null>;

/**
 * Sets mtimes to the nanosecond, which Node cannot, with `touch`. A persistent shell starts it for each file: starting a process from
 * a large one takes many times as long, and blocks its thread meanwhile.
 */
class TouchShell {
  #shell: Shell | null = null;
  #waiting: (() => void)[] = [];
  #idle: NodeJS.Timeout | undefined;

  /** Resolves after the attempt; the file shows whether it succeeded. */
  async touch(file: string, mtimeNs: string): Promise<void> {
    clearTimeout(this.#idle);
    const shell = this.#shell ?? this.#start();
    const answered = new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
      shell.stdin.write(`touch -c -d @${mtimeNs.slice(0, -9)}.${mtimeNs.slice(-9)} -- ${quoted(file)} 2>/dev/null; echo\n`);
    });
    await bounded(answered, answerMs);
    if (this.#waiting.length === 0) this.#idle = setTimeout(() => this.#shell?.stdin.end(), idleMs).unref();
  }

  #start(): Shell {
    const shell = spawn('sh', [], { stdio: ['pipe', 'pipe', 'ignore'] });
    const answer = (lines: number) => {
      for (const resolve of this.#waiting.splice(0, lines)) resolve();
    };
    const end = () => {
      if (this.#shell !== shell) return;
      this.#shell = null;
      answer(this.#waiting.length);
    };
    shell.on('error', end).on('exit', end);
    shell.stdin.on('error', end);
    shell.stdout.on('data', (lines: Buffer) => answer(lines.length));
    this.#shell = shell;
    // Neither the shell nor its pipes keep a process from ending.
    for (const handle of [shell, shell.stdin, shell.stdout]) (handle as unknown as { unref?(): void }).unref?.();
    return shell;
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

const shell = new TouchShell();

/** Sets the mtime of a file to the nanosecond, if the system's `touch` can. Never rejects. */
export async function touch(file: string, mtimeNs: string): Promise<void> {
  const isExact = mtimeNs.endsWith('000');
  const isAfter1970 = !mtimeNs.startsWith('-') && mtimeNs.length > 9;
  if (process.platform !== 'win32' && !isExact && isAfter1970) await shell.touch(file, mtimeNs);
}
