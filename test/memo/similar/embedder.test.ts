import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { Embedder } from '../../../src/memo/similar/embedder.ts';
import { createLog } from '../../../src/runtime/log.ts';
import { type Embeds, startEmbeddingServer } from '../../helpers/embedding-server.ts';
import { ManualClock } from '../../helpers/manual-clock.ts';
import { tempDir } from '../../helpers/temp-dir.ts';

const log = createLog({ level: 'silent', form: 'json' });

async function arrange(embeds: Embeds, keyFile: string | null = null) {
  const server = await startEmbeddingServer(embeds);
  const clock = new ManualClock();
  return { ...server, clock, embedder: new Embedder({ url: server.url, model: 'm', keyFile, clock, log }) };
}

test('a text is asked for once, and has a vector of length 1', async () => {
  const { embedder, asked } = await arrange(() => [3, 4]);
  const [one, two] = await Promise.all([embedder.embed('a'), embedder.embed('a')]);
  expect([...(one ?? [])]).toEqual([Math.fround(0.6), Math.fround(0.8)]);
  expect(two).toBe(one);
  expect(asked).toEqual(['a']);
});

test.each<[string, Embeds]>([
  ['has an error', () => ({ status: 500, body: 'out of memory' })],
  ['answers no JSON', () => ({ status: 200, body: '<html>' })],
  ['answers without a vector', () => ({ status: 200, body: '{"data":[]}' })],
  ['answers words', () => ({ status: 200, body: '{"data":[{"embedding":["a"]}]}' })],
  ['answers a vector without direction', () => [0, 0]],
  ['answers without end', () => ({ status: 200, body: 'x'.repeat(2_000_000) })],
])('a server that %s costs the comparison, and is left alone for a while', async (_, wrong) => {
  let isWrong = true;
  const { embedder, asked, clock } = await arrange((text) => (isWrong ? wrong(text) : [1, 0]));
  expect(await embedder.embed('a')).toBeNull();
  expect(await embedder.embed('b')).toBeNull();
  expect(asked).toEqual(['a']);
  isWrong = false;
  clock.advance(5000);
  expect(await embedder.embed('a')).not.toBeNull();
});

test('a server that wants a key gets the one in its file, also after that was changed', async () => {
  const keyFile = join(tempDir(), 'key');
  writeFileSync(keyFile, 'sk-first\n');
  const { embedder, keys } = await arrange(() => [1, 0], keyFile);
  await embedder.embed('a');
  writeFileSync(keyFile, 'sk-second');
  await embedder.embed('b');
  expect(keys).toEqual(['Bearer sk-first', 'Bearer sk-second']);
});

test.each<[string, string | null]>([
  ['is refused and repeated by the server', 'sk-secret'],
  ['has a line too many', 'sk-secret\nsk-secret'],
  ['is no text', 'sk-secret\u0007'],
  ['is missing', null],
])('a key that %s costs the comparison, and is not in the log', async (_, key) => {
  const keyFile = join(tempDir(), 'key');
  if (key !== null) writeFileSync(keyFile, key);
  const warn = vi.spyOn(log, 'warn');
  const refusing = () => ({ status: 401, body: '{"error":{"message":"Incorrect API key provided: sk-secret"}}' });
  const { embedder } = await arrange(refusing, keyFile);
  expect(await embedder.embed('a')).toBeNull();
  expect(warn).toHaveBeenCalledOnce();
  expect(JSON.stringify(warn.mock.lastCall)).not.toContain('sk-secret');
  expect(JSON.stringify(warn.mock.lastCall)).toMatch(
    /Incorrect API key provided: \(the key\)|AUTOCACHE_EMBEDDINGS_KEY_FILE: .*key/,
  );
});

test('a server that does not answer is given up', async () => {
  const timeout = vi.spyOn(AbortSignal, 'timeout').mockImplementation(() => {
    const end = new AbortController();
    setImmediate(() => end.abort(new Error('too late')));
    return end.signal;
  });
  const { embedder } = await arrange(() => 'never');
  expect(await embedder.embed('a')).toBeNull();
  expect(timeout).toHaveBeenCalledOnce();
});

test('a server that is away costs the comparison', async () => {
  const { embedder, stop } = await arrange(() => [1]);
  stop();
  expect(await embedder.embed('a')).toBeNull();
});
