import { onTestFinished } from 'vitest';
import type { MemoStats } from '../../src/api/memo.ts';
import { createMemo, type MemoOptions } from '../../src/index.ts';
import { daemonOfFile, runDaemon } from '../helpers/daemon.ts';

/** With time enough for a busy machine. */
const timeoutMs = { connect: 30_000, answer: 30_000 };

let namespaces = 0;

/** A namespace of its own in the daemon of all tests of this file. */
export function sharedRig() {
  namespaces += 1;
  return createRig({ namespace: `shop-${namespaces}` }, daemonOfFile());
}

/** A client of a daemon, by default one of its own. */
export async function createRig(options: Partial<MemoOptions> = {}, running = runDaemon({})) {
  const daemon = await running;
  const open = (more: Partial<MemoOptions> = {}) => {
    const memo = createMemo({ namespace: 'shop', stateDir: daemon.stateDir, timeoutMs, ...options, ...more });
    onTestFinished(() => memo.close());
    return memo;
  };
  const stats = () => daemon.client.ask<MemoStats>('GET', '/api/cache/stats?plane=memo');
  return { daemon, open, stats, memo: open() };
}
