import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { watchComfyuiQueue } from '../../src/comfyui/queue.ts';
import { createLog } from '../../src/runtime/log.ts';
import { runDaemon } from '../helpers/daemon.ts';
import { patience, soon } from '../helpers/patience.ts';
import { feeding, objectInfo } from '../workflow/documents.ts';

const log = createLog({ level: 'silent', form: 'json' });

/** A ComfyUI as far as the watch sees it. */
async function fakeComfyui(state: { running?: unknown[]; pending?: unknown[]; broken?: boolean; redirect?: string }) {
  const asked = { queue: 0, object_info: 0 };
  const server = createServer((request, response: ServerResponse) => {
    const path = (request.url ?? '').slice(1) as keyof typeof asked;
    asked[path] += 1;
    if (state.redirect) response.writeHead(302, { location: state.redirect }).end();
    else if (state.broken) response.writeHead(500).end();
    else if (path === 'object_info') response.end(JSON.stringify(objectInfo));
    else response.end(JSON.stringify({ queue_running: state.running ?? [], queue_pending: state.pending ?? [] }));
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { asked, server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` };
}

function item(number: number, id: string, prompt: unknown = {}): unknown[] {
  return [number, id, prompt, { client_id: 'x' }, ['99']];
}

/** What the watch tells, until the test waits for the next. */
function watching(url: string, everyMs = 1) {
  const told: string[] = [];
  const queues: string[] = [];
  const waiting: { what: string; done: () => void }[] = [];
  const tell = (what: string) => {
    told.push(what);
    for (const one of waiting) if (told.includes(one.what)) one.done();
  };
  const end = watchComfyuiQueue({
    url,
    everyMs,
    log,
    onPrompt: async ({ promptId }) => {
      tell(promptId);
      if (promptId === 'broken') throw new Error('cannot be read');
    },
    onQueue: ({ running, pending }) => queues.push([...running, '|', ...pending].join(' ')),
    onObjectInfo: (info) => tell(`object_info with ${Object.keys(info as object).length > 100}`),
  });
  onTestFinished(end);
  const until = (what: string) =>
    told.includes(what) ? Promise.resolve() : new Promise<void>((done) => waiting.push({ what, done }));
  return { told, queues, until, prompts: () => told.filter((what) => !what.startsWith('object_info')) };
}

test('prompts are told once each: the running one, then those that wait, in the order in which they will run', async () => {
  const state = { running: [item(1, 'runs')], pending: [item(4, 'third'), item(2, 'first'), item(3, 'broken')] };
  const { url } = await fakeComfyui(state);
  const watch = watching(url);
  await watch.until('third');
  expect(watch.prompts()).toEqual(['runs', 'first', 'broken', 'third']);
  state.running = state.pending.slice(1, 2);
  state.pending = [item(5, 'later'), ...state.pending.slice(0, 1)];
  await watch.until('later');
  expect(watch.prompts()).toEqual(['runs', 'first', 'broken', 'third', 'later']);
  expect(watch.queues[0]).toBe('runs | first broken third');
  expect(watch.queues).toContain('first | third later');
});

test('what ComfyUI says of its nodes is asked for once, and again after it was away', async () => {
  const state: { broken?: boolean; pending?: unknown[] } = {};
  const { url, asked } = await fakeComfyui(state);
  const watch = watching(url);
  await watch.until('object_info with true');
  const looks = asked.queue;
  await expect.poll(() => asked.queue, soon()).toBeGreaterThan(looks + 2);
  expect(asked.object_info).toBe(1);
  state.broken = true;
  const before = asked.queue;
  await expect.poll(() => asked.queue, soon()).toBeGreaterThan(before + 2);
  state.broken = false;
  await expect.poll(() => asked.object_info, soon()).toBe(2);
});

test('a ComfyUI that is not there yet is tried less and less often', async () => {
  const { url, asked } = await fakeComfyui({ broken: true });
  const timers = vi.spyOn(globalThis, 'setTimeout');
  onTestFinished(() => void timers.mockRestore());
  watching(url, 5);
  await expect.poll(() => asked.queue, soon()).toBeGreaterThan(3);
  const pauses = timers.mock.calls.filter(([work]) => String(work).includes('this.now()')).map(([, ms]) => ms);
  expect(pauses.slice(0, 3)).toEqual([10, 20, 40]);
});

test('a redirect is not followed: the address is the one that was configured', async () => {
  const target = await fakeComfyui({ running: [item(1, 'elsewhere')] });
  const { url, asked } = await fakeComfyui({ redirect: `${target.url}queue` });
  const watch = watching(url);
  await expect.poll(() => asked.queue, soon()).toBeGreaterThan(2);
  expect(target.asked.queue).toBe(0);
  expect(watch.told).toEqual([]);
});

test('without the shim, the models of queued prompts are copied as soon as the daemon runs', async () => {
  const name = 'loras/style.safetensors';
  const lora = feeding('LoraLoaderModelOnly', { lora_name: 'style.safetensors', strength_model: 1 });
  const { url } = await fakeComfyui({ pending: [item(1, 'p1', lora)] });
  const { client, root } = await runDaemon({ [name]: 3000 }, { AUTOCACHE_COMFYUI_URL: url });
  const events = await client.events(AbortSignal.timeout(patience(10_000)));
  const { items } = await client.warm({ names: [name], check: true });
  if (!items[0]?.ready) for await (const { name: event } of events) if (event === 'job-done') break;
  expect((await client.warm({ names: [name], check: true })).items).toMatchObject([{ ready: true, path: join(root, name) }]);
  expect((await client.jobs()).jobs).toMatchObject([{ priority: 'prefetch', state: 'done' }]);
});
