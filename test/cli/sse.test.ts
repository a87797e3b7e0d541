import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { DaemonEvent } from '../../src/api/event-text.ts';
import { readEvents } from '../../src/cli/sse.ts';
import { running } from './samples.ts';

const stream = [
  ': the daemon is alive\n\n',
  `event: job-progress\ndata: ${JSON.stringify(running)}\n\n`,
  'event: mode-changed\r\ndata: {"mode":\r\ndata: "off"}\r\n\r\n',
  ': still alive\n\n',
].join('');

const whole = [
  { name: 'job-progress', data: running },
  { name: 'mode-changed', data: { mode: 'off' } },
];

test('events arrive whole, however the network cuts the stream', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), async (lengths) => {
      expect(await read(cut(stream, lengths))).toEqual(whole);
    }),
  );
});

test('an event that the daemon did not finish is not taken for one', async () => {
  expect(await read([stream, 'event: mode-changed\ndata: {"mode":"read-'])).toEqual(whole);
});

async function read(pieces: string[]): Promise<DaemonEvent[]> {
  async function* chunks() {
    yield* pieces;
  }
  const events: DaemonEvent[] = [];
  for await (const event of readEvents(chunks())) events.push(event);
  return events;
}

function cut(text: string, lengths: number[]): string[] {
  const pieces: string[] = [];
  for (let start = 0, turn = 0; start < text.length; turn++) {
    const end = start + (lengths[turn % lengths.length] ?? 1);
    pieces.push(text.slice(start, end));
    start = end;
  }
  return pieces;
}
