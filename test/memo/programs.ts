import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

export interface Program {
  child: ChildProcess;
  /** What it has printed, with its exit code. */
  ended: Promise<{ code: number | null; out: string; err: string }>;
}

/** Runs `memo-caller.ts` or `memo_caller.py`; ended with the test. */
export function startCaller(language: 'node' | 'python', job: object): Program {
  const file = fileURLToPath(new URL(language === 'node' ? 'memo-caller.ts' : 'memo_caller.py', import.meta.url));
  const command = language === 'node' ? process.execPath : 'python3';
  const child = spawn(command, [file, JSON.stringify(job)], { stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const ended = Promise.all([once(child, 'exit'), text(child.stdout), text(child.stderr)]);
  return { child, ended: ended.then(([[code], out, err]) => ({ code, out, err })) };
}
