/**
 * One of many programs that load models through the daemon: checks every byte it reads, mostly ends its lease then as ComfyUI's shim does,
 * and prints what it found as lines of JSON. It ends when its standard input does.
 */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { DaemonCalls } from '../../src/client/daemon-call.ts';
import { KnownDaemon } from '../../src/client/known-daemon.ts';
import { createResolver } from '../../src/index.ts';
import { processAt } from '../../src/runtime/processes.ts';
import { blockBytes, type Found, versionIn } from './load-model.ts';

const tellEveryMs = 2000;

const [stateDir = '', ...models] = process.argv.slice(2);
const timeoutMs = { connect: 1000, answer: 5000 };
const resolver = createResolver({ stateDir, timeoutMs });
const daemon = new KnownDaemon(stateDir, () => {});
const calls = new DaemonCalls();
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
  if (path !== model) {
    found.hits += 1;
    // One that is killed, or forgets it, leaves it to run out.
    if (Math.random() < 0.9) await endLease(path);
  }
  if (performance.now() - toldAt < tellEveryMs && !ended) continue;
  console.log(JSON.stringify(found));
  found = { loads: 0, hits: 0, reasons: {}, wrong: [] };
  toldAt = performance.now();
}
resolver.close();
calls.close();

async function endLease(path: string): Promise<void> {
  const body = { client: { app: 'node', pid: process.pid }, end: [path] };
  const call = { method: 'POST' as const, path: '/api/leases', body, process: processAt(process.pid) };
  try {
    await calls.call(await daemon.find(), { ...call, connectMs: timeoutMs.connect, answerMs: timeoutMs.answer });
  } catch {
    // It was killed.
    daemon.forget();
  }
}

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
