import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { JobView } from '../../src/api/api.ts';
import { listen } from '../../src/http/listen.ts';
import { patience } from '../helpers/patience.ts';
import { createClient, createServices } from '../helpers/services.ts';

async function start() {
  const rig = createServices();
  const server = await listen(rig.services, {
    host: '127.0.0.1',
    port: 0,
    stateDir: rig.dir,
    directories: [],
    keptToken: null,
  });
  let open = true;
  const stop = async () => {
    if (open) await server[Symbol.asyncDispose]();
    open = false;
  };
  onTestFinished(stop);
  const token = readFileSync(join(rig.dir, 'token'), 'utf8').trim();
  const headers = { authorization: `Bearer ${token}` };
  /** An open stream, and what has come over it so far. */
  const stream = async () => {
    const abort = new AbortController();
    const response = await fetch(`${server.url}/api/events`, { headers, signal: abort.signal });
    let text = '';
    const over = (async () => {
      for await (const part of response.body?.pipeThrough(new TextDecoderStream()) ?? []) text += part;
    })().catch(() => {});
    const until = (wanted: string) => vi.waitUntil(() => text.includes(wanted), { timeout: patience(5000) });
    await until(': autocached');
    return { response, until, text: () => text, close: () => abort.abort(), over };
  };
  return { ...rig, url: server.url, headers, token, stop, stream };
}

type Started = Awaited<ReturnType<typeof start>>;

function parse(text: string): { event: string; data: unknown }[] {
  return text
    .split('\n\n')
    .filter((block) => block.startsWith('event: '))
    .map((block) => {
      const [, event = '', data = 'null'] = /^event: (.*)\ndata: (.*)$/.exec(block) ?? [];
      return { event, data: JSON.parse(data) as unknown };
    });
}

/** How many listen to the bus from now on: a stream that was closed must not go on listening. */
function countListeners(rig: Started): () => number {
  const open = new Set<object>();
  const subscribe = rig.events.subscribe.bind(rig.events);
  vi.spyOn(rig.events, 'subscribe').mockImplementation((listener) => {
    const end = subscribe(listener);
    open.add(listener);
    return () => {
      open.delete(listener);
      end();
    };
  });
  return () => open.size;
}

describe('GET /api/events', () => {
  test('tells the life of a copy as it happens', async () => {
    const rig = await start();
    const { response, until, text } = await rig.stream();
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('access-control-allow-origin')).toBeNull();
    const { path } = rig.source('loras/a.safetensors', 1000);
    await rig.copy(path);
    await until('job-done');
    const events = parse(text());
    expect(events.map(({ event }) => event).filter((event) => event !== 'job-progress')).toEqual([
      'job-queued',
      'job-started',
      'job-done',
    ]);
    expect(events.at(-1)?.data).toMatchObject({ path, state: 'done', bytesDone: 1000 } satisfies Partial<JobView>);
  });

  test('keeps a name with line breaks in one event', async () => {
    const rig = await start();
    const { until, text } = await rig.stream();
    rig.events.emit('copy-stale', { entry: 1, path: '/a\n\nevent: fake\ndata: {}\n\n' });
    rig.events.emit('mode-changed', { mode: 'off' });
    await until('mode-changed');
    expect(parse(text()).map(({ event }) => event)).toEqual(['copy-stale', 'mode-changed']);
  });

  test('ends with its listener: programs that come and go leave nothing behind', async () => {
    const rig = await start();
    const listeners = countListeners(rig);
    const streams = await Promise.all([rig.stream(), rig.stream(), rig.stream()]);
    expect(listeners()).toBe(3);
    for (const stream of streams) stream.close();
    await vi.waitUntil(() => listeners() === 0, { timeout: patience(5000) });
  });

  test('is open to so many and no more, and again when one has gone', async () => {
    const rig = await start();
    const streams = await Promise.all(Array.from({ length: 64 }, () => rig.stream()));
    const refused = await fetch(`${rig.url}/api/events`, { headers: rig.headers });
    expect(refused.status).toBe(409);
    expect(await refused.json()).toMatchObject({ error: { code: 'CONFLICT' } });
    streams[0]?.close();
    await vi.waitUntil(async () => (await fetch(`${rig.url}/api/events`, { headers: rig.headers })).status === 200, {
      timeout: patience(5000),
    });
  });

  test('does not hold up the end of the daemon', async () => {
    const rig = await start();
    const { over } = await rig.stream();
    await rig.stop();
    await over;
  });

  test('asked for by HEAD is answered and takes no place', async () => {
    const rig = await start();
    for (let time = 0; time < 70; time += 1) {
      const response = await fetch(`${rig.url}/api/events`, { method: 'HEAD', headers: rig.headers });
      expect(response.status).toBeLessThan(500);
      expect(response.status).not.toBe(409);
    }
  });

  test('does not pile up in memory for a listener that has stopped reading', async () => {
    const rig = await start();
    const listeners = countListeners(rig);
    const { port } = new URL(rig.url);
    const socket: Socket = connect(Number(port), '127.0.0.1');
    onTestFinished(() => void socket.destroy());
    socket.on('error', () => {});
    socket.write(`GET /api/events HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: Bearer ${rig.token}\r\n\r\n`);
    await vi.waitUntil(() => listeners() === 1, { timeout: patience(5000) });
    socket.pause();
    const path = `/${'x'.repeat(100_000)}`;
    for (let sent = 0; sent < 400 && listeners() > 0; sent += 1) {
      rig.events.emit('copy-stale', { entry: 1, path });
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(listeners()).toBe(0);
  });
});

test('the last events are listed for who comes later, the newest first, without the steps of a progress', async () => {
  const { get, events } = createClient();
  events.emit('mode-changed', { mode: 'off' });
  for (let done = 0; done < 5; done += 1) events.emit('verify-progress', { path: '/a', bytesDone: done, bytesTotal: 5 });
  events.emit('mode-changed', { mode: 'read-write' });
  const { body } = await get('/api/events/recent');
  expect(body).toEqual({
    events: [
      { name: 'mode-changed', data: { mode: 'read-write' }, at: expect.stringMatching(/^\d{4}-/) },
      { name: 'mode-changed', data: { mode: 'off' }, at: expect.any(String) },
    ],
  });
  for (let n = 0; n < 1000; n += 1) events.emit('mode-changed', { mode: 'off' });
  expect(((await get('/api/events/recent')).body as { events: unknown[] }).events).toHaveLength(300);
});
