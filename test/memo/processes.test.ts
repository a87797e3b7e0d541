import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type DaemonProcess, startDaemonProcess } from '../helpers/daemon-process.ts';
import { patience } from '../helpers/patience.ts';

interface Answer {
  state: string;
  value?: number;
  at: number;
}

/** A program in a process of its own: see `asker.mjs`. */
function startAsker({ client }: DaemonProcess, environment: Record<string, string>) {
  const { url, tokenFile } = client.daemon;
  const env = { PATH: process.env['PATH'] ?? '', URL: url, TOKEN: readFileSync(tokenFile, 'utf8').trim(), ...environment };
  const child: ChildProcess = spawn(process.execPath, [join(import.meta.dirname, 'asker.mjs')], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout ?? process.stdin });
  const computing = Promise.withResolvers<void>();
  const answers = new Promise<Answer[]>((resolve) => {
    lines.on('line', (line) => (line === 'computing' ? computing.resolve() : resolve(JSON.parse(line) as Answer[])));
  });
  return { child, computing: computing.promise, answers };
}

const stats = (daemon: DaemonProcess) => daemon.client.stats().then(({ memo }) => memo);

describe('programs in processes of their own', () => {
  test('100 equal requests of 8 programs are one computation', async () => {
    const daemon = await startDaemonProcess({ settings: {} });
    const askers = Array.from({ length: 8 }, (_, index) => startAsker(daemon, { TAKES: index < 4 ? '13' : '12', PID: '1' }));
    const answers = (await Promise.all(askers.map((asker) => asker.answers))).flat();
    expect(answers).toHaveLength(100);
    const computed = answers.filter(({ state }) => state === 'computed');
    expect(computed).toHaveLength(1);
    expect(new Set(answers.filter(({ state }) => state === 'hit').map(({ value }) => value)).size).toBe(1);
    expect(await stats(daemon)).toMatchObject({ misses: 1, hits: 99, stores: 1, computing: 0, waiting: 0 });
  });

  test('when the holder is killed, the oldest waiter computes, long before the lease is over', { tags: 'slow' }, async () => {
    const daemon = await startDaemonProcess({ settings: {} });
    const holder = startAsker(daemon, { BEHAVIOUR: 'hang', PID: '1' });
    await holder.computing;
    const second = startAsker(daemon, { BEHAVIOUR: 'compute', TAKES: '1', PID: '1' });
    await expect.poll(async () => (await stats(daemon)).waiting, { timeout: patience(20_000) }).toBe(1);
    const third = startAsker(daemon, { TAKES: '5' });
    await expect.poll(async () => (await stats(daemon)).waiting, { timeout: patience(20_000) }).toBe(6);
    // The lease has two minutes, which is more than this test has.
    holder.child.kill('SIGKILL');
    expect(await second.answers).toMatchObject([{ state: 'computed' }]);
    expect((await third.answers).map(({ state }) => state)).toEqual(Array(5).fill('hit'));
  });
});
