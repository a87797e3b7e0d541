import { EventEmitter } from 'node:events';
import { PassThrough, Readable, Writable } from 'node:stream';
import { WriteStream } from 'node:tty';
import { runProgram } from '../../src/cli/program.ts';
import type { Screen } from '../../src/cli/text/look.ts';

interface Run {
  stateDir?: string;
  /** Columns of a terminal; left out = the output goes to a file. */
  columns?: number;
  /** What is typed or piped in. */
  input?: string;
  /** Standard input is a terminal. */
  interactive?: boolean;
  cwd?: string;
  self?: string[];
}

interface Ran {
  code: number;
  out: string;
  err: string;
}

/** A run of the whole program in this process. */
export async function runCli(args: string[], run: Run = {}): Promise<Ran> {
  const { done } = startCli(args, run);
  return done;
}

/** The same, for runs that a test speaks to while they last. */
export function startCli(args: string[], run: Run = {}) {
  const out = new Output(run.columns);
  const err = new Output(run.columns);
  const signals = new EventEmitter();
  const input = run.interactive ? new PassThrough() : Readable.from(run.input === undefined ? [] : [run.input]);
  if (run.interactive && run.input !== undefined) (input as PassThrough).write(run.input);
  const stdin = Object.assign(input, { isTTY: run.interactive ?? false });
  const { cwd = '/nowhere', self = [] } = run;
  const all = run.stateDir === undefined ? args : [...args, '--state', run.stateDir];
  const done = runProgram(all, { out, err, in: stdin, cwd, self, signals }).then((code) => ({
    code,
    out: out.text,
    err: err.text,
  }));
  return { done, out, err, signals, in: input as PassThrough };
}

/** A stream that keeps what is written, as a terminal of some width or as a file. */
class Output extends Writable implements Screen {
  text = '';
  isTTY: boolean;
  columns: number;
  rows?: number;
  #wake: (() => void)[] = [];

  constructor(columns?: number) {
    super();
    this.isTTY = columns !== undefined;
    this.columns = columns ?? 0;
  }

  /** As a real terminal decides it: by NO_COLOR, TERM and the like. */
  getColorDepth(env?: object): number {
    return WriteStream.prototype.getColorDepth.call(this as unknown as WriteStream, env);
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    for (const wake of this.#wake.splice(0)) wake();
    done();
  }

  async until(words: string): Promise<void> {
    while (!this.text.includes(words)) await new Promise<void>((resolve) => this.#wake.push(resolve));
  }
}
