import { once } from 'node:events';
import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import { onTestFinished } from 'vitest';

const sqlite = createRequire(import.meta.url).resolve('better-sqlite3');

/** Another program that holds the write lock of a file of SQLite until it is told to let go. */
export async function lockDatabase(file: string) {
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
