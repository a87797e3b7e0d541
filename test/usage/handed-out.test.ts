import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test, vi } from 'vitest';
import { processAt, processForm } from '../../src/runtime/processes.ts';
import { HandedOut, type HandedOutPath, silentMs } from '../../src/usage/handed-out.ts';
import { ManualClock } from '../helpers/manual-clock.ts';

const elsewhere = { app: 'comfyui', pid: 7, process: 'other-kernel/4026531836/123' };

function arrange(saved: HandedOutPath[] = []) {
  const clock = new ManualClock();
  return { clock, handedOut: new HandedOut(clock, saved) };
}

test('a process is told apart from one that gets its number later', { skip: process.platform !== 'linux' }, () => {
  const own = processAt(process.pid);
  expect(own).toMatch(processForm);
  const { handedOut } = arrange();
  handedOut.note('/c/a', '/m/a', { app: 'comfyui', pid: process.pid, process: `${own}0` });
  expect(handedOut.sourceOf('/c/a')).toBeNull();
  handedOut.note('/c/b', '/m/b', { app: 'comfyui', pid: process.pid });
  expect(handedOut.sourceOf('/c/b')).toBe('/m/b');
});

test('a path is kept for a process until it ends', { skip: process.platform !== 'linux' }, async () => {
  const { clock, handedOut } = arrange();
  const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: ['pipe', 'ignore', 'ignore'] });
  handedOut.note('/c/a', '/m/a', { app: 'comfyui', pid: child.pid ?? 0 });
  handedOut.note('/c/a', '/m/a', { app: 'comfyui', pid: process.pid });
  handedOut.note('/c/b', '/m/b', { app: 'comfyui', pid: child.pid ?? 0 });
  clock.advance(2 * silentMs);
  expect(handedOut.unneeded()).toEqual([]);
  const ended = once(child, 'exit');
  child.stdin?.end();
  await ended;
  clock.advance(2000);
  expect(handedOut.unneeded()).toEqual([{ path: '/c/b', source: '/m/b' }]);
  expect(handedOut.sourceOf('/c/a')).toBe('/m/a');
  handedOut.forget(['/c/b']);
  expect(handedOut.unneeded()).toEqual([]);
});

test('a container whose processes cannot be seen is heard of now and again, and has ended after ten minutes of silence', () => {
  const { clock, handedOut } = arrange();
  handedOut.note('/c/a', '/m/a', elsewhere);
  expect(handedOut.heard(elsewhere)).toBe(false);
  clock.advance(silentMs - 1);
  handedOut.heard(elsewhere);
  clock.advance(silentMs - 1);
  expect(handedOut.sourceOf('/c/a')).toBe('/m/a');
  clock.advance(1);
  expect(handedOut.sourceOf('/c/a')).toBeNull();
  expect(handedOut.unneeded()).toEqual([{ path: '/c/a', source: '/m/a' }]);
});

test('two containers with the same pid are two programs', () => {
  const { handedOut } = arrange();
  handedOut.note('/c/a', '/m/a', elsewhere);
  handedOut.note('/c/b', '/m/b', { ...elsewhere, process: 'other-kernel/4026539999/123' });
  const write = vi.fn();
  handedOut.save(write);
  expect(new Set(write.mock.calls[0]?.[0].added.map(({ program }: HandedOutPath) => program)).size).toBe(2);
});

test('whoever has no pid, and a pid that is nobody here, has a lease only', () => {
  const { handedOut } = arrange();
  handedOut.note('/c/a', '/m/a', null);
  handedOut.note('/c/a', '/m/a', { app: 'curl' });
  handedOut.note('/c/a', '/m/a', { app: 'curl', pid: 2 ** 30 });
  expect(handedOut.sourceOf('/c/a')).toBeNull();
});

test('what changed is written once; what could not be written is written the next time', () => {
  const { handedOut } = arrange();
  handedOut.note('/c/a', '/m/a', elsewhere);
  const full = () => {
    throw new Error('disk full');
  };
  expect(() => handedOut.save(full)).toThrow('disk full');
  const write = vi.fn();
  handedOut.save(write);
  const program = `7@${elsewhere.process}`;
  expect(write.mock.calls).toEqual([[{ added: [{ path: '/c/a', source: '/m/a', program }], forgotten: [] }]]);
  handedOut.note('/c/a', '/m/a', elsewhere);
  handedOut.save(write);
  expect(write).toHaveBeenCalledTimes(1);
});

test('after a restart of the daemon a program has a whole term again', () => {
  const { clock, handedOut } = arrange([{ path: '/c/a', source: '/m/a', program: `7@${elsewhere.process}` }]);
  expect(handedOut.sourceOf('/c/a')).toBe('/m/a');
  clock.advance(silentMs);
  expect(handedOut.sourceOf('/c/a')).toBeNull();
});
