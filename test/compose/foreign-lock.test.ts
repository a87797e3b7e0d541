import { once } from 'node:events';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { expect, onTestFinished, test } from 'vitest';
import { runDaemon } from '../helpers/daemon.ts';

const sqlite = createRequire(import.meta.url).resolve('better-sqlite3');

/** Another program that holds the write lock of the catalog until it is told to let go. */
async function lockCatalog(file: string) {
  const program = `
    const { parentPort } = require('node:worker_threads');
    const db = new (require(${JSON.stringify(sqlite)}))(${JSON.stringify(file)}, { timeout: 10_000 });
    db.exec('BEGIN IMMEDIATE');
    parentPort.postMessage('locked');
    parentPort.once('message', () => { db.exec('ROLLBACK'); db.close(); parentPort.postMessage('free'); });`;
  const worker = new Worker(program, { eval: true });
  onTestFinished(async () => void (await worker.terminate()));
  await once(worker, 'message');
  return async () => {
    worker.postMessage('let go');
    await once(worker, 'message');
  };
}

test('another program that holds the catalog locked delays no lookup; what has to be written waits for it', async () => {
  const rig = await runDaemon({ 'loras/a.safetensors': 1000, 'loras/b.safetensors': 1000 });
  const [a, b] = ['a', 'b'].map((name) => join(rig.root, `loras/${name}.safetensors`)) as [string, string];
  await rig.client.warm({ paths: [a], wait: true });
  const lookup = (path: string) => rig.client.lookup({ path, purpose: 'load', waitMs: 0, client: { app: 'test' } });
  await lookup(a);

  const letGo = await lockCatalog(join(rig.stateDir, 'catalog.db'));
  const took: number[] = [];
  const until = performance.now() + 3_000;
  let pinned = false;
  const pin = rig.client.pin({ paths: [a] }).then(() => {
    pinned = true;
  });
  const copied = rig.client.warm({ paths: [b], wait: true });
  while (performance.now() < until) {
    const start = performance.now();
    expect((await lookup(a)).reason).toBe('HIT');
    took.push(performance.now() - start);
  }
  // A write that waited in the thread of the lookups would hold all of them up for two seconds.
  expect(Math.max(...took)).toBeLessThan(1_000);
  expect(pinned).toBe(false);
  await letGo();
  await pin;
  expect(await copied).toMatchObject({ ready: 1 });
  const { entries } = await rig.client.entries({});
  expect(entries.find(({ path }) => path === a)).toMatchObject({ pinned: true, uses: took.length + 1 });
});
