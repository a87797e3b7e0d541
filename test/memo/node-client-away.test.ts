import { rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { MemoStats } from '../../src/api/memo.ts';
import { createMemo, type MemoOptions } from '../../src/index.ts';
import { startFakeDaemon } from '../cli/fake-daemon.ts';
import { endDaemonProcess, startDaemonProcess } from '../helpers/daemon-process.ts';
import { soon } from '../helpers/patience.ts';
import { tempDir } from '../helpers/temp-dir.ts';

/** For what answers; what hangs never does. */
const patient = { connect: 30_000, answer: 30_000 };
const brief = { connect: 200, answer: 200 };

function open(stateDir: string, timeoutMs: MemoOptions['timeoutMs'] = patient) {
  const memo = createMemo({ namespace: 'shop', stateDir, timeoutMs });
  onTestFinished(() => memo.close());
  return memo;
}

/** Fails the test on any promise whose failure nobody takes. */
function watchRejections(): () => unknown[] {
  const seen: unknown[] = [];
  const note = (reason: unknown) => void seen.push(reason);
  process.on('unhandledRejection', note);
  onTestFinished(() => void process.off('unhandledRejection', note));
  return () => seen;
}

describe('a program computes', () => {
  test('when there is no daemon, and shares what is computed at that time', async () => {
    const memo = open(tempDir());
    const gate = Promise.withResolvers<string>();
    const compute = vi.fn(() => gate.promise);
    const both = [memo.getOrCompute('key', compute), memo.getOrCompute('key', compute)];
    gate.resolve('computed');
    expect(await Promise.all(both)).toEqual(['computed', 'computed']);
    expect(compute).toHaveBeenCalledOnce();
    await expect(memo.invalidate({ all: true })).rejects.toMatchObject({ code: 'NOT_RUNNING' });
  });

  test('when the daemon accepts and never answers, and then without waiting for it again', async () => {
    const daemon = await startFakeDaemon();
    onTestFinished(() => daemon[Symbol.asyncDispose]());
    const sockets: Socket[] = [];
    const silent = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1');
    await new Promise((resolve) => silent.once('listening', resolve));
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      silent.close();
    });
    const { port } = silent.address() as { port: number };
    await daemon.writeDaemonFile({ url: `http://127.0.0.1:${port}` });
    const memo = open(daemon.stateDir, brief);
    for (let call = 0; call < 20; call += 1) expect(await memo.getOrCompute(call, () => call)).toBe(call);
    // One attempt after two seconds, the next after four more: a busy machine may see some.
    expect(sockets.length).toBeLessThan(10);
  });

  test.each([
    ['an error', () => Promise.reject(new Error('its own'))],
    ['what it never says', () => ({ state: 'perhaps' })],
    ['nothing', () => null],
    ['no JSON', (_: unknown, response: { end(text: string): void }) => void response.end('<html>')],
  ])('when the daemon answers with %s', async (_what, route) => {
    const daemon = await startFakeDaemon({ 'POST /api/memo/take': route as never });
    onTestFinished(() => daemon[Symbol.asyncDispose]());
    expect(await open(daemon.stateDir).getOrCompute('key', () => 'computed')).toBe('computed');
  });

  test('when the daemon dies while it computes, and returns the result', async () => {
    const rejections = watchRejections();
    const { stateDir, child } = await startDaemonProcess({ settings: {} });
    const memo = open(stateDir);
    const compute = async () => {
      await endDaemonProcess(child, 'SIGKILL');
      return Buffer.from('computed');
    };
    expect(await memo.getOrCompute('key', compute)).toEqual(Buffer.from('computed'));
    const failing = () => Promise.reject(new Error('its own'));
    await expect(memo.getOrCompute('other', failing)).rejects.toThrow('its own');
    await memo.settled();
    expect(rejections()).toEqual([]);
  });

  test('when the daemon hangs while another program computes', { tags: 'slow', timeout: 120_000 }, async () => {
    const { stateDir, child, client } = await startDaemonProcess({ settings: {} });
    onTestFinished(() => void child.kill('SIGCONT'));
    const never = Promise.withResolvers<string>();
    const holds = vi.fn(() => never.promise);
    const held = open(stateDir).getOrCompute('key', holds);
    await vi.waitFor(() => expect(holds).toHaveBeenCalled(), soon());
    const waiting = open(stateDir).getOrCompute('key', () => 'computed here');
    await vi.waitFor(async () => {
      const { waiting: number } = await client.ask<MemoStats>('GET', '/api/cache/stats?plane=memo');
      expect(number).toBe(1);
    }, soon());
    child.kill('SIGSTOP');
    expect(await waiting).toBe('computed here');
    child.kill('SIGCONT');
    never.resolve('late');
    expect(await held).toBe('late');
  });

  test('and finds its results again when the daemon is back', { tags: 'slow' }, async () => {
    const settings = {};
    const { stateDir, child, dir } = await startDaemonProcess({ settings });
    const memo = open(stateDir);
    await memo.getOrCompute('key', () => 'stored');
    await memo.settled();
    await endDaemonProcess(child);
    rmSync(join(stateDir, 'daemon.json'), { force: true });
    expect(await memo.getOrCompute('key', () => 'computed')).toBe('computed');
    await startDaemonProcess({ settings, dir });
    expect(await memo.getOrCompute('key', () => 'computed')).toBe('stored');
  });
});
