import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect } from 'vitest';
import { program } from './daemon-process.ts';

const python = process.platform === 'win32' ? 'python' : 'python3';

/** Runs the unittest files of a folder that match the pattern, and expects them to pass. @returns how many there were, and why some were left out */
export async function runPythonTests(dir: string, pattern: string): Promise<{ found: number; leftOut: string[] }> {
  const run = ['-m', 'unittest', 'discover', '-v', '-s', dir, '-p', pattern];
  const child = spawn(python, run, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, AUTOCACHED_NODE: process.execPath, AUTOCACHED_PROGRAM: program },
  });
  const [said, [status]] = await Promise.all([text(child.stderr), once(child, 'exit')]).catch((error: Error) => {
    throw new Error(`these tests need ${python}, Python 3.9 or newer, on the PATH: ${error.message}`);
  });
  expect(status, said).toBe(0);
  return {
    found: Number(/^Ran (\d+) tests?/m.exec(said)?.[1]),
    leftOut: [...said.matchAll(/skipped '(.*)'$/gm)].map(([, why = '']) => why),
  };
}

/** Tests in a file, so that none is lost to a mistake in finding them. */
export function countPythonTests(dir: string, file: string): number {
  return readFileSync(join(dir, file), 'utf8').match(/^ {4}(async )?def test_/gm)?.length ?? 0;
}
