import { describe, expect, onTestFinished, test } from 'vitest';
import { CacheError } from '../../src/core/errors.ts';
import { type PeerKind, type PeerOptions, startPeer } from '../../src/runtime/peer.ts';
import type { Local, Remote } from './peer-module.ts';

const ended = new CacheError('CANCELLED', 'the test is over');

function start(kind: PeerKind, options: Partial<PeerOptions<Local>> & { module?: string } = {}) {
  const heard: string[] = [];
  const exit = Promise.withResolvers<string>();
  const module = new URL(options.module ?? './peer-module.ts', import.meta.url);
  const peer = startPeer<Remote, Local>(module, kind, {
    functions: { double: (value) => 2n * value, heard: (text) => void heard.push(text) },
    onExit: exit.resolve,
    ...options,
  });
  onTestFinished(() => peer.kill(ended));
  return { peer, heard, exit: exit.promise };
}

describe.each(['thread', 'process'] as const)('a module beside this one, as a %s', (kind) => {
  test('answers calls, and calls back', async () => {
    const { peer } = start(kind);
    expect(await peer.call.kind()).toBe(kind);
    expect(await Promise.all([peer.call.doubled(2n ** 70n), peer.call.doubled(3n)])).toEqual([2n ** 71n, 6n]);
  });

  test('is told things in order, without an answer', async () => {
    const { peer, heard } = start(kind);
    peer.tell.note('one');
    peer.tell.note('two');
    expect(await peer.call.noted()).toEqual(['one', 'two']);
    expect(heard).toEqual(['one', 'two']);
  });

  test('fails with what was thrown there', async () => {
    const { peer } = start(kind);
    const failure = await peer.call.fail().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(CacheError);
    expect(failure).toMatchObject({ code: 'SOURCE_AWAY', message: 'no', hint: 'mount it' });
    await expect(peer.call.wrong()).rejects.toMatchObject({ code: 'INTERNAL', message: 'a fault' });
    expect(await peer.call.kind()).toBe(kind);
  });

  test('that hangs is killed, and who waits for it hears why', async () => {
    let alive = () => {};
    const started = new Promise<void>((resolve) => {
      alive = resolve;
    });
    const { peer, heard, exit } = start(kind, { onHeard: () => alive() });
    peer.tell.note('hanging');
    await started;
    const waiting = [peer.call.hang(), peer.call.noted()];
    peer.kill(ended);
    for (const call of waiting) await expect(call).rejects.toBe(ended);
    await expect(peer.call.kind()).rejects.toBe(ended);
    peer.tell.note('to nobody');
    expect(await exit).toBe(kind === 'thread' ? '1' : 'SIGKILL');
    expect(heard).toEqual(['hanging']);
  });

  test('that ends by itself fails what it was asked', async () => {
    const { peer, exit } = start(kind);
    const asked = peer.call.never();
    peer.tell.exit(7);
    await expect(asked).rejects.toMatchObject({ code: 'INTERNAL', message: `the ${kind} ended (7)` });
    expect(await exit).toBe('7');
  });

  test('that is not there has ended', async () => {
    const { peer, exit } = start(kind, { module: './no-such-module.ts' });
    await expect(peer.call.kind()).rejects.toMatchObject({ code: 'INTERNAL' });
    expect(await exit).toBe('1');
  });
});

test('a process has the environment that it was given', async () => {
  const { peer } = start('process', { env: { NODE_OPTIONS: '--no-such-option' } });
  await expect(peer.call.kind()).rejects.toMatchObject({ message: 'the process ended (9)' });
});
