import { expect, onTestFinished, test, vi } from 'vitest';
import { createMemo } from '../../../src/index.ts';
import { runDaemon } from '../../helpers/daemon.ts';

test('a Node program says which part of a key may be told in other words', async () => {
  const daemon = await runDaemon({});
  await daemon.client.ask('PUT', '/api/memo/namespaces/shop', { body: { semantic: { mode: 'normalise' } } });
  const timeoutMs = { connect: 30_000, answer: 30_000 };
  const memo = createMemo({ namespace: 'shop', stateDir: daemon.stateDir, timeoutMs });
  onTestFinished(() => memo.close());
  const answer = vi.fn((model: string, question: string) => `${model}: ${question}`);
  const ask = memo.memoize(answer, { key: (model) => [model], text: (_, question) => question });
  expect(await ask('a', 'Red or blue?')).toBe('a: Red or blue?');
  expect(await ask('a', 'red or BLUE')).toBe('a: Red or blue?');
  expect(await ask('b', 'red or BLUE')).toBe('b: red or BLUE');
  expect(await ask('a', 'red or green')).toBe('a: red or green');
  expect(answer).toHaveBeenCalledTimes(3);
  expect(() => memo.memoize(answer, { text: () => 'a' })).toThrow(TypeError);
});
