import type { Reporter, TestModule } from 'vitest/node';
import { slowTests } from './helpers/slow.ts';

/** Files of tests that this system cannot run, with the reason. Single tests of other files are left out by themselves. */
interface LeftOut {
  file: string;
  why: string;
  on: readonly NodeJS.Platform[];
}

const leftOut: readonly LeftOut[] = [
  { file: 'test/memo/node-client-away.test.ts', why: 'no process can be halted there (SIGSTOP)', on: ['win32'] },
  { file: 'test/e2e/package.test.ts', why: 'npm is no program there that starts without a shell', on: ['win32'] },
  { file: 'test/e2e/two-users.test.ts', why: 'its second user is made with setpriv', on: ['win32', 'darwin'] },
];

/** The files that are left out on a system; says each with its reason in one line. */
export function filesLeftOut(platform: NodeJS.Platform, say: (line: string) => void = console.error): string[] {
  const files = leftOut.filter(({ on }) => on.includes(platform));
  for (const { file, why } of files) say(`${file} is left out: ${why}`);
  return files.map(({ file }) => file);
}

/** The tag of tests that take seconds of processor time, and whose subject a quicker test has too. */
export const slowTag = 'slow';

/** Says at the end how many slow tests were left out, and how to run them. */
export class SlowLeftOut implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const tests = modules.flatMap(({ children }) => [...children.allTests('skipped')]);
    const slow = tests.filter(({ tags }) => tags.includes(slowTag)).length;
    if (slow > 0 && !slowTests) console.error(`${slow} slow tests are left out; SLOW_TESTS=1 npm test runs them too`);
  }
}
