import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { runDaemon } from '../helpers/daemon.ts';
import { sendJson } from '../helpers/openai-server.ts';
import { llmDaemon, told } from './llm-rig.ts';

/** All bytes below a directory. */
function bytesBelow(dir: string): string {
  const files = readdirSync(dir, { recursive: true, encoding: 'utf8' }).map((name) => join(dir, name));
  return files.map((file) => (statSync(file).isFile() ? readFileSync(file, 'latin1') : '')).join('\n');
}

describe('credentials', () => {
  test('the daemon’s token stays with the daemon', async () => {
    const { chat, send, token, questions } = await llmDaemon();
    await told(chat());
    await told(send('files'));
    await told(send('files', { headers: { authorization: `bearer ${token()}`, 'x-autocached-token': token() } }));
    expect(questions).toHaveLength(3);
    expect(JSON.stringify(questions.map(({ headers }) => headers))).not.toContain(token());
    expect(questions.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined, undefined]);
  });

  test('those of the server pass to it beside the token, and lie nowhere', async () => {
    const key = 'Bearer sk-very-secret-of-the-server';
    const { chat, daemon, token, question } = await llmDaemon();
    const headers = { authorization: key, 'x-autocached-token': token() };
    expect((await told(chat({}, { headers }))).status).toBe(200);
    expect((await question(1)).headers).toMatchObject({ authorization: key });
    expect((await question(1)).headers).not.toHaveProperty('x-autocached-token');
    expect((await told(chat({}, { headers }))).mark).toBe('HIT');
    await daemon.end();
    expect(bytesBelow(daemon.dir)).not.toContain('very-secret');
  });

  test('an answer is given to the account alone that asked for it', async () => {
    const { chat, token, questions } = await llmDaemon((got, response) =>
      got.headers.authorization === 'Bearer good'
        ? sendJson(response, 200, { choices: [{ index: 0, message: { content: 'secret' }, finish_reason: 'stop' }] })
        : sendJson(response, 401, { error: { message: 'wrong key' } }),
    );
    const as = (key: string) => told(chat({}, { headers: { authorization: `Bearer ${key}`, 'x-autocached-token': token() } }));
    expect((await as('good')).status).toBe(200);
    expect(await as('bad')).toMatchObject({ status: 401, text: expect.stringContaining('wrong key') });
    expect((await as('good')).mark).toBe('HIT');
    expect(questions).toHaveLength(2);
  });

  test.each([
    [{}],
    [{ authorization: 'Bearer sk-of-the-server' }],
    [{ 'x-autocached-token': 'f'.repeat(64), authorization: 'Bearer sk-of-the-server' }],
  ])('without the token nothing is forwarded: %j', async (headers) => {
    const { address, questions } = await llmDaemon();
    const body = '{"model":"tiny","temperature":0,"messages":[]}';
    for (const path of ['chat/completions', 'files']) {
      const json = { 'content-type': 'application/json', ...headers };
      const { status, text } = await told(fetch(`${address()}/llm/v1/${path}`, { method: 'POST', body, headers: json }));
      expect({ status, ...JSON.parse(text) }).toMatchObject({
        status: 401,
        error: { type: 'authentication_error', code: 'UNAUTHORIZED' },
      });
    }
    expect(questions).toHaveLength(0);
  });

  test('the header for the token opens no other route, and pages of others reach nothing', async () => {
    const { address, token, send } = await llmDaemon();
    const headers = { 'x-autocached-token': token() };
    expect((await fetch(`${address()}/api/cache/stats`, { headers })).status).toBe(401);
    expect((await send('models', { headers: { origin: 'http://evil.example' } })).status).toBe(403);
  });
});

describe('what is no question passes as it is', () => {
  test('paths, queries, methods, statuses, headers and bodies', async () => {
    const { send, questions, state } = await llmDaemon((got, response) =>
      sendJson(response, 418, { url: got.url, method: got.method, text: got.text }, { 'x-request-id': 'r1' }),
    );
    const answer = await told(send('files/abc?limit=2&after=a%2Fb', { method: 'DELETE' }));
    expect(answer).toMatchObject({ status: 418, mark: 'BYPASS' });
    expect(answer.headers.get('x-request-id')).toBe('r1');
    expect(JSON.parse(answer.text)).toEqual({ url: '/v1/files/abc?limit=2&after=a%2Fb', method: 'DELETE', text: '' });
    const form = new FormData();
    form.set('file', new Blob([Buffer.alloc(3_000_000, 'x')]), 'a.wav');
    expect(
      JSON.parse((await told(send('audio/transcriptions', { method: 'POST', body: form }))).text).text.length,
    ).toBeGreaterThan(3_000_000);
    expect(questions[1]?.headers['content-type']).toMatch(/^multipart\/form-data; boundary=/);
    state.pages.set('/v1/head', (_got, response) => response.writeHead(200, { etag: '"e"', 'content-length': '5' }).end());
    const head = await send('head', { method: 'HEAD' });
    expect([head.status, head.headers.get('etag'), head.headers.get('content-length')]).toEqual([200, '"e"', '5']);
    expect(JSON.parse((await told(send('models'))).text).data[0].id).toBe('tiny');
  });

  test('a redirect is not followed', async () => {
    const { send, questions } = await llmDaemon((_got, response) =>
      response.writeHead(307, { location: 'http://127.0.0.1:1/' }).end(),
    );
    expect((await send('files', { redirect: 'manual' })).status).toBe(307);
    expect(questions).toHaveLength(1);
  });

  test.each([
    '..%2f..%2fadmin',
    '%2e%2e/%2e%2e/admin',
    '..\\..\\admin',
    '/evil.example/x',
    'http://evil.example/x',
    '@evil.example/',
  ])('no path leads to another server or out of its API: %s', async (path) => {
    const { address, token, questions } = await llmDaemon();
    const { request } = await import('node:http');
    const status = await new Promise((resolve, reject) => {
      const options = { path: `/llm/v1/${path}`, headers: { authorization: `Bearer ${token()}` } };
      request(address(), options, (answer) => resolve(answer.resume().statusCode))
        .on('error', reject)
        .end();
    });
    expect([200, 404]).toContain(status);
    for (const { url } of questions) expect(url).toMatch(/^\/v1\//);
  });

  test('a body that is no JSON is refused, and one that is no object passes', { tags: 'slow' }, async () => {
    const { post, questions } = await llmDaemon((_got, response) => sendJson(response, 422, { error: { message: 'no' } }));
    const broken = await told(post('chat/completions', '{"model":'));
    expect({ status: broken.status, ...JSON.parse(broken.text) }).toMatchObject({
      status: 400,
      error: { type: 'invalid_request_error' },
    });
    expect(await told(post('chat/completions', '[1]'))).toMatchObject({ status: 422, mark: 'BYPASS' });
    expect(await told(post('chat/completions', `{"seed":1,"x":${'['.repeat(300)}${']'.repeat(300)}}`))).toMatchObject({
      status: 422,
      mark: 'BYPASS',
    });
    expect(questions).toHaveLength(2);
  });
});

test('without a server the API says how to name one', async () => {
  const { client, stateDir } = await runDaemon({});
  const headers = { authorization: `Bearer ${readFileSync(join(stateDir, 'token'), 'utf8').trim()}` };
  const { status, text } = await told(fetch(`${client.daemon.url}/llm/v1/models`, { headers }));
  expect({ status, ...JSON.parse(text) }).toMatchObject({
    status: 404,
    error: { message: expect.stringContaining('AUTOCACHE_LLM_URL') },
  });
});
