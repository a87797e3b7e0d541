/** A Node program in which many ask for one result at once; prints when each had it, in seconds of the clock. The job is its argument. */
import { createMemo } from '../src/index.ts';

const { stateDir, calls } = JSON.parse(process.argv[2] ?? '') as { stateDir: string; calls: number };
const memo = createMemo({ namespace: 'bench', stateDir });
const computed = () => Promise.reject(new Error('it was computed a second time'));
const answers = Array.from({ length: calls }, async () => {
  await memo.getOrCompute('programs', computed);
  return Date.now() / 1000;
});
console.log(JSON.stringify(await Promise.all(answers)));
memo.close();
