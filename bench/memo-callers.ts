/**
 * A Node program in which many ask for one result at once; prints when each had it, in seconds of the clock. The job is its first line
 * of input; it stays until the end of its input, so that its own end takes no time from others that wait.
 */
import { createInterface } from 'node:readline';
import { createMemo } from '../src/index.ts';

const lines = createInterface(process.stdin)[Symbol.asyncIterator]();
const { value: job } = await lines.next();
const { stateDir, calls, parts } = JSON.parse(String(job)) as { stateDir: string; calls: number; parts: string };
const memo = createMemo({ namespace: 'bench', stateDir });
const computed = () => Promise.reject(new Error('it was computed a second time'));
const answers = Array.from({ length: calls }, async () => {
  await memo.getOrCompute(parts, computed);
  return Date.now() / 1000;
});
console.log(JSON.stringify(await Promise.all(answers)));
await lines.next();
memo.close();
