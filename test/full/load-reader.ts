/**
 * One of many programs that load models through the daemon: checks every byte it reads, and prints what it found as lines of JSON. It
 * ends when its standard input does.
 */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { createResolver } from '../../src/index.ts';
import { blockBytes, type Found, versionIn } from './load-model.ts';

const tellEveryMs = 2000;

const [stateDir = '', ...models] = process.argv.slice(2);
const resolver = createResolver({ stateDir, timeoutMs: { connect: 1000, answer: 5000 } });
let found: Found = { loads: 0, hits: 0, reasons: {}, wrong: [] };
let ended = false;
process.stdin.on('close', () => {
  ended = true;
});
process.stdin.resume();

for (let toldAt = performance.now(); !ended; ) {
  const model = models[Math.floor(Math.random() * models.length)] ?? '';
  const oldest = presentVersion(model);
  const { path, reason } = await resolver.resolve(model, { waitMs: Math.random() < 0.2 ? 2000 : 0 });
  try {
    const bytes = readFileSync(path);
    const version = versionIn(bytes);
    const isWhole = bytes.length % blockBytes === 0 && bytes.subarray(blockBytes).equals(bytes.subarray(0, -blockBytes));
    if (!isWhole) found.wrong.push(`${path} (${reason}) is a mixture`);
    else if (version < oldest || version > presentVersion(model))
      found.wrong.push(`${path} (${reason}) is of version ${version}`);
  } catch (error) {
    found.wrong.push(`${path} (${reason}) cannot be read: ${error}`);
  }
  found.loads += 1;
  found.reasons[reason] = (found.reasons[reason] ?? 0) + 1;
  // Without a daemon to wait for, the readers alone would take the whole machine.
  await sleep(20);
  if (path !== model) found.hits += 1;
  if (performance.now() - toldAt < tellEveryMs && !ended) continue;
  console.log(JSON.stringify(found));
  found = { loads: 0, hits: 0, reasons: {}, wrong: [] };
  toldAt = performance.now();
}
resolver.close();

function presentVersion(model: string): number {
  const block = Buffer.alloc(blockBytes);
  const file = openSync(model, 'r');
  try {
    readSync(file, block, 0, blockBytes, 0);
    return versionIn(block);
  } finally {
    closeSync(file);
  }
}
