import { expect, test, vi } from 'vitest';
import { createRoutes } from '../../../comfyui/web/routes.js';

const session = '/autocached/session';
const change = '/autocached/change';

/** A ComfyUI whose token may change; `asked` are the paths, in order. */
function comfyui(token: string | null) {
  const asked: string[] = [];
  const server = {
    token,
    asked,
    changes: [] as unknown[],
    refused: undefined as string | undefined,
    ask: async (path: string, { headers = {}, body = '' }: { headers?: Record<string, string>; body?: string } = {}) => {
      asked.push(path);
      if (path === session) return server.token === null ? respond(403, {}) : respond(200, { token: server.token });
      if (path === change) {
        if (headers['X-Autocached-Token'] !== server.token) return respond(403, { error: 'not for this page' });
        server.changes.push(JSON.parse(body));
        return respond(200, { alive: true, ...(server.refused && { refused: server.refused }) });
      }
      return respond(200, { alive: true, mayChange: true, models: [] });
    },
  };
  return server;
}

const respond = (status: number, answer: unknown) => new Response(JSON.stringify(answer), { status });

test('the token is fetched for the first change, and once', async () => {
  const server = comfyui('one');
  const routes = createRoutes(server.ask, false);
  await routes.state();
  expect(await routes.change({ mode: 'off' })).toBe(true);
  expect(await routes.change({ pin: ['loras/a'] })).toBe(true);
  expect(server.asked).toEqual(['/autocached/state', session, change, change]);
  expect(server.changes).toEqual([{ mode: 'off' }, { pin: ['loras/a'] }]);
});

test('after a restart of ComfyUI the change is made with its new token', async () => {
  const server = comfyui('one');
  const routes = createRoutes(server.ask, false);
  await routes.change({ mode: 'off' });
  server.token = 'two';
  expect(await routes.change({ mode: 'read-only' })).toBe(true);
  expect(server.changes).toEqual([{ mode: 'off' }, { mode: 'read-only' }]);
});

test('a change that is not allowed is tried twice and no more', async () => {
  const server = comfyui(null);
  expect(await createRoutes(server.ask, false).change({ mode: 'off' })).toBe(false);
  expect(server.asked).toEqual([session, session]);
});

test('what the daemon refuses was not done', async () => {
  const server = comfyui('one');
  server.refused = 'loras/a is not known';
  expect(await createRoutes(server.ask, false).change({ pin: ['loras/a'] })).toBe(false);
});

test('in a page of another site nothing can be changed', async () => {
  const { ask } = comfyui('one');
  expect((await createRoutes(ask, false).state()).mayChange).toBe(true);
  expect((await createRoutes(ask, true).state()).mayChange).toBe(false);
});

test('an address of ComfyUI that is refused is told from a daemon that is away', async () => {
  const routes = createRoutes(async () => respond(403, { error: 'not for this page' }), false);
  expect(await routes.state()).toEqual({ alive: false, mayChange: false, refused: true });
});

test.each([
  ['no connection', () => Promise.reject(new TypeError('failed to fetch'))],
  ['no such route', async () => respond(404, { alive: true })],
  ['no JSON', async () => new Response('<html>')],
])('%s is a daemon that is away, without a word on the console', async (_what, ask) => {
  const said = ['log', 'info', 'warn', 'error'].map((level) => vi.spyOn(console, level as 'log'));
  const routes = createRoutes(ask, false);
  expect(await routes.state()).toEqual({ alive: false, mayChange: false });
  expect(await routes.workflow('{}')).toEqual({ alive: false });
  expect(await routes.change({ mode: 'off' })).toBe(false);
  for (const spy of said) expect(spy).not.toHaveBeenCalled();
});
