import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { FastifyInstance } from 'fastify';
import { expect, test, vi } from 'vitest';
import { llmPath } from '../../../src/http/guard.ts';
import { openApiDocument, subjects } from '../../../src/http/reference/document.ts';
import { createClient } from '../../helpers/services.ts';

interface Document {
  openapi: string;
  info: { version: string };
  components: { schemas: Record<string, object> };
  paths: Record<
    string,
    Record<string, { summary: string; requestBody?: { required: boolean }; responses: Record<string, { description: string }> }>
  >;
}

const operations = Object.values(subjects).flat();

async function document(): Promise<Document> {
  return (await openApiDocument('1.2.3')) as Document;
}

test('the daemon serves the reference of its API', async () => {
  const { get } = createClient();
  const { status, body } = await get('/api/openapi.json');
  expect(status).toBe(200);
  expect(body).toEqual(JSON.parse(JSON.stringify(await document())));
  expect(body).toMatchObject({ openapi: '3.1.0', info: { version: '1.2.3' } });
});

/** The routes of the app, as `GET /api/jobs`. */
async function routes(): Promise<string[]> {
  const found: string[] = [];
  const note = (message: unknown) =>
    (message as { fastify: FastifyInstance }).fastify.addHook('onRoute', ({ method, url }) => {
      found.push(...[method].flat().map((one) => `${one} ${url}`));
    });
  subscribe('fastify.initialization', note);
  const { app } = createClient();
  unsubscribe('fastify.initialization', note);
  await app.ready();
  return [...new Set(found)];
}

test('every request that the daemon answers is in it, and no other', async () => {
  const isForPages = (route: string) => route.endsWith(' /') || / \/(?:dashboard|comfyui)\//.test(route);
  const isForwarded = (route: string) => route.includes(` ${llmPath}`);
  // Fastify answers HEAD wherever it answers GET.
  const isHead = (route: string, _index: number, all: string[]) =>
    route.startsWith('HEAD') && all.includes(route.replace('HEAD', 'GET')) && !route.includes('/blobs/');
  const served = (await routes()).filter((route) => !isForPages(route) && !isForwarded(route));
  expect(served.length).toBeGreaterThan(50);
  const told = operations.map(({ method, url }) => `${method} ${url}`);
  expect(told.toSorted()).toEqual(served.filter((...each) => !isHead(...each)).toSorted());
});

test('every request has a summary, its fields, its answer and its errors', async () => {
  const { paths } = await document();
  const all = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, ...operation })),
  );
  expect(all.length).toBe(operations.length);
  for (const { summary, responses, path } of all) {
    expect(summary, path).toMatch(/^[A-Z].{5,}[^.]$/);
    const statuses = Object.keys(responses).map(Number);
    expect(
      statuses.some((status) => status < 300),
      path,
    ).toBe(true);
    expect(statuses, path).toEqual(expect.arrayContaining([400, 403, 431, 500]));
  }
  expect(paths['/api/lookup']).toMatchObject({
    post: {
      requestBody: {
        required: true,
        content: { 'application/json': { schema: { properties: { path: { maxLength: 32767 } } } } },
      },
      responses: { 413: { description: 'BODY_TOO_LARGE' }, 401: { description: 'UNAUTHORIZED' } },
    },
  });
  expect(paths['/api/cache/warm']).toMatchObject({ post: { requestBody: { required: false } } });
  expect(paths['/api/jobs/{id}']).toMatchObject({ delete: { parameters: [{ name: 'id', in: 'path', required: true }] } });
  expect(paths['/healthz']).toMatchObject({ get: { security: [] } });
});

test('shapes that several answers share have names, and every name that is used is there', async () => {
  const whole = await document();
  const used = [...JSON.stringify(whole).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name);
  expect(new Set(used)).toEqual(new Set(Object.keys(whole.components.schemas)));
  expect(used).toContain('Job');
});

test('an answer that is not as in the reference fails the tests of routes', async () => {
  const { get, services: served } = createClient();
  expect((await get('/api/jobs')).status).toBe(200);
  vi.spyOn(served.copier, 'jobs').mockReturnValue([{ id: 'seven' } as never]);
  expect(await get('/api/jobs')).toMatchObject({ status: 500, body: { error: { message: expect.stringContaining('id') } } });
});
