import { expect, test } from 'vitest';
import type { DaemonEvent } from '../../src/api/event-text.ts';
import { jobStatuses } from '../../src/core/vocabulary.ts';
import { tellEvent } from '../../src/http/told-events.ts';
import { createClient } from '../helpers/services.ts';

/** Only the fields that the words are made of. */
const told = (name: string, data: object) => tellEvent({ name, data } as DaemonEvent);
const eventText = (name: string, data: object) => told(name, data).text;
const kindOf = (name: string) => told(name, { path: '/m/a', bytes: 1 }).kind;
const isTrouble = (name: string, data: object) => told(name, { path: '/m/a', ...data }).trouble;

test('every event has a sentence, a kind, and those that need a look are known', () => {
  expect(eventText('job-done', { path: '/m/a.safetensors', bytesTotal: 1024 })).toBe('Copied: a.safetensors, 1 KiB');
  expect(eventText('job-done', { path: 'D:\\m\\a.safetensors', bytesTotal: 1024 })).toBe('Copied: a.safetensors, 1 KiB');
  expect(eventText('job-failed', { path: '/m/a', state: 'cancelled', error: { message: 'x' } })).toBe('Cancelled: a');
  expect(eventText('root-health', { path: '/m', health: 'away', why: null })).toBe('/m is away');
  expect(eventText('config-changed', { changed: [], warnings: [] })).toBe('The settings files are right again');
  expect(eventText('of-a-newer-daemon', { x: 1 })).toBe('of-a-newer-daemon: {"x":1}');
  expect(kindOf('entry-evicted')).toBe('Cache');
  expect(isTrouble('root-health', { health: 'ok' })).toBe(false);
  expect(isTrouble('root-health', { health: 'away' })).toBe(true);
  expect(isTrouble('job-failed', { state: 'failed' })).toBe(true);
  expect(isTrouble('job-failed', { state: 'cancelled' })).toBe(false);
  expect(jobStatuses).toContain('giving-way');
});

test('the last events are told in words, the newest first, each under a number that stays', async () => {
  const { get, events } = createClient();
  const ask = async () =>
    (await get('/api/events/told')).body as { kinds: string[]; events: { number: number; text: string }[] };
  events.emit('mode-changed', { mode: 'off' });
  events.emit('entry-evicted', { entry: 1, path: '/nas/loras/a.safetensors', bytes: 2048, why: 'purge' });
  expect(await ask()).toMatchObject({
    kinds: expect.arrayContaining(['Cache', 'Settings']),
    events: [
      {
        number: 2,
        text: 'Evicted: a.safetensors, 2 KiB: purge',
        kind: 'Cache',
        path: '/nas/loras/a.safetensors',
        trouble: false,
      },
      { number: 1, text: 'Mode: off', kind: 'Settings', path: null, trouble: false },
    ],
  });
  for (let n = 0; n < 1000; n += 1) events.emit('mode-changed', { mode: 'off' });
  const { events: last } = await ask();
  expect(last).toHaveLength(300);
  expect([last[0]?.number, last.at(-1)?.number]).toEqual([1002, 703]);
});
