import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { detectMedium } from '../../src/media/medium.ts';
import { Roots } from '../../src/roots/registry.ts';
import { SourceClient } from '../../src/sources/client.ts';
import { readerIn } from '../../src/sources/pool.ts';
import type { OpenReader } from '../../src/sources/rpc.ts';
import { patience, soon } from '../helpers/patience.ts';
import { tempTree } from './temp-tree.ts';

const python = '/usr/bin/python3';
const canMount = (() => {
  try {
    accessSync('/dev/fuse');
    accessSync(python);
    return process.getuid?.() === 0;
  } catch {
    return false;
  }
})();

/** Mounts a file system that hangs. `askedBy` resolves with the thread whose first call hangs in it; `release` takes it away again. */
async function hang(place: string) {
  const script = fileURLToPath(new URL('./readers/hung-mount.py', import.meta.url));
  const mounting = spawn(python, [script, place], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(mounting, 'exit');
  const release = async () => {
    mounting.stdin.end();
    await ended;
  };
  onTestFinished(release);
  const lines = createInterface(mounting.stdout);
  const askedBy = new Promise<string>((resolve) => {
    lines.on('line', (line) => line !== 'mounted' && resolve(line));
  });
  await once(lines, 'line');
  return { askedBy, release };
}

/** Whether this thread is to end by SIGKILL, and has not. */
function isKilled(thread: string): boolean {
  const pending = /^ShdPnd:\s*(\w+)$/m.exec(readFileSync(`/proc/${thread}/status`, 'utf8'))?.[1] ?? '0';
  return (BigInt(`0x${pending}`) & (1n << BigInt(constants.signals.SIGKILL - 1))) !== 0n;
}

function defer<T>() {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

describe.runIf(canMount)('a mount that really hangs', () => {
  it('is told by the mount table alone, and hangs neither the daemon nor its local roots', async () => {
    const top = tempTree({ 'models/a.ckpt': 'x', 'models/nas': '-> ../mnt', mnt: null });
    const { askedBy, release } = await hang(join(top, 'mnt'));
    const ended = defer<string>();
    let isEnded = false;
    const openProcess: OpenReader = (listener) => {
      const onExit = (why: string) => {
        isEnded = true;
        ended.resolve(why);
        listener.onExit(why);
      };
      const reader = readerIn('process')({ ...listener, onExit });
      return {
        ...reader,
        // Killed before it has come to the mount, the process would end at once: on a busy machine its start takes long.
        kill: (error) => void askedBy.then(() => reader.kill(error)),
      };
    };
    const roots = new Roots();
    const host = new SourceClient({ roots, openProcess, hangMs: 50 });
    onTestFinished(() => host[Symbol.asyncDispose]());
    expect(await detectMedium(join(top, 'models/nas/loras'))).toMatchObject({
      kind: 'nas',
      from: 'detected',
      resolved: join(top, 'mnt/loras'),
    });

    const medium = await detectMedium(join(top, 'models'));
    const { root } = roots.add({ path: join(top, 'models'), origin: 'config', medium });
    // The first question starts the thread; this deadline is for the mount.
    expect(await host.identify(root, { deadlineMs: 20_000 })).toMatchObject({ state: 'ok' });
    expect(await host.stat(join(top, 'models/nas/b.ckpt'), { deadlineMs: patience(300) })).toMatchObject({ state: 'away' });
    expect(await host.walk(root, { onFiles: () => {} })).toMatchObject({ files: 1, foreign: [join(top, 'models/nas')] });
    expect(await host.stat(join(top, 'models/a.ckpt'), { deadlineMs: 20_000 })).toMatchObject({ state: 'present' });
    // The daemon's own threads are free: this needs one of them.
    expect((await stat(top)).isDirectory()).toBe(true);
    // The reader is killed, and cannot die before the mount answers or goes.
    const thread = await askedBy;
    await vi.waitFor(() => expect(isKilled(thread)).toBe(true), soon());
    expect(isEnded).toBe(false);
    await release();
    expect(await ended.promise).toBe('the reading process ended (SIGKILL)');
  });
});
