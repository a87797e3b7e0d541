/**
 * A program that asks for one key many times at once, each time as a client of its own. Its computation writes a line to `log`, and
 * is over when `gate` exists.
 */
import { appendFileSync, existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { createMemo } from '../../src/index.ts';

interface Job {
  stateDir: string;
  calls: number;
  log: string;
  gate: string;
}

const { stateDir, calls, log, gate } = JSON.parse(process.argv[2] ?? '') as Job;
const timeoutMs = { connect: 60_000, answer: 60_000 };

const answers = Array.from({ length: calls }, async () => {
  const memo = createMemo({ namespace: 'flight', stateDir, timeoutMs });
  const value = await memo.getOrCompute(['equal'], async () => {
    appendFileSync(log, 'computed\n');
    // Without a gate this never ends, and nothing but its lease is left of the program.
    if (gate === '') return new Promise<string>(() => {});
    while (!existsSync(gate)) await sleep(20);
    return `of ${process.pid}`;
  });
  memo.close();
  return value;
});
void Promise.all(answers).then((values) => console.log(JSON.stringify(values)));
