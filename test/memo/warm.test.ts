import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { expect, onTestFinished, test } from 'vitest';
import { createClient } from '../helpers/services.ts';

/** A web server, and how many requests it got. */
async function serve(answer: RequestListener) {
  const site = { asked: 0, url: '' };
  const server = createServer((request, response) => {
    site.asked += 1;
    answer(request, response);
  });
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  site.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/picture`;
  return site;
}

function createWarmer() {
  const { post, settings } = createClient();
  const warm = async (items: object[]) => (await post('/api/cache/warm', { plane: 'memo', items })).body;
  return { post, warm, settings };
}

test('what is at an address is stored with its type, and found without asking again', async () => {
  const site = await serve((_request, response) => response.setHeader('content-type', 'image/png').end('picture'));
  const { post, warm } = createWarmer();
  expect(await warm([{ ns: 'web', url: site.url, tags: ['t'] }])).toMatchObject({ items: [{ state: 'stored' }] });
  expect(await warm([{ ns: 'web', url: site.url }])).toMatchObject({ items: [{ state: 'hit' }] });
  expect(site.asked).toBe(1);
  const { body } = await post('/api/memo/get', { ns: 'web', parts: { url: site.url } });
  expect(body).toMatchObject({ state: 'hit', kind: 'bytes', size: 7, contentType: 'image/png' });
});

test('an encoded answer is stored as what it says', async () => {
  const site = await serve((_request, response) =>
    response.setHeader('content-encoding', 'gzip').end(gzipSync('x'.repeat(999))),
  );
  const { post, warm } = createWarmer();
  await warm([{ ns: 'web', url: site.url, parts: 'own' }]);
  expect((await post('/api/memo/get', { ns: 'web', parts: 'own' })).body).toMatchObject({ state: 'hit', size: 999 });
});

test.each<[string, RequestListener, RegExp]>([
  ['that is not there', (_request, response) => response.writeHead(404).end('no'), /answered 404/],
  [
    'that breaks off',
    (_request, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('half');
      setImmediate(() => response.destroy());
    },
    /\S/,
  ],
])('an address %s leaves nothing, and the others are warmed', async (_what, answer, why) => {
  const site = await serve(answer);
  const { post, warm } = createWarmer();
  expect(
    await warm([
      { ns: 'web', url: site.url },
      { ns: 'web', parts: 1, value: 1 },
    ]),
  ).toMatchObject({
    items: [{ state: 'miss', error: expect.stringMatching(why) }, { state: 'stored' }],
  });
  expect((await post('/api/memo/get', { ns: 'web', parts: { url: site.url } })).body).toMatchObject({ state: 'miss' });
});

test('what is larger than a value may be is not stored', async () => {
  const site = await serve((_request, response) => response.end('x'.repeat(100)));
  const { warm, settings } = createWarmer();
  settings.change({ memo_max_value: '10B' });
  expect(await warm([{ ns: 'web', url: site.url }])).toMatchObject({ items: [{ state: 'miss', error: expect.any(String) }] });
});
