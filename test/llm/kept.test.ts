import type { ServerResponse } from 'node:http';
import { describe, expect, test } from 'vitest';
import { answerOf, beginStream, eventsOf, openAiServer, say, sendJson } from '../helpers/openai-server.ts';
import { patience } from '../helpers/patience.ts';
import { llmDaemon, told, wordsIn } from './llm-rig.ts';

const streamed = { stream: true };
const withUsage = { stream: true, stream_options: { include_usage: true } };

describe('an answer to a repeatable question', () => {
  test('is computed once, and found after a restart', async () => {
    const { chat, daemon, questions } = await llmDaemon(say('Hello there'));
    const first = await told(chat());
    const again = await told(chat());
    await daemon.restart();
    const later = await told(chat());
    expect([first.mark, again.mark, later.mark]).toEqual(['MISS', 'HIT', 'HIT']);
    expect(new Set([first, again, later].map(({ text }) => text))).toEqual(new Set([JSON.stringify(answerOf('Hello there'))]));
    expect(again.headers.get('content-type')).toMatch(/^application\/json/);
    expect(questions).toHaveLength(1);
  });

  test('that was streamed is replayed as it came', async () => {
    const { chat, questions } = await llmDaemon(say('One two three'));
    const first = await told(chat(withUsage));
    const again = await told(chat(withUsage));
    expect(again).toMatchObject({ status: 200, mark: 'HIT', text: first.text });
    expect(first.text).toBe(eventsOf('One two three', 'stop', true).join(''));
    expect(again.headers.get('content-type')).toMatch(/^text\/event-stream/);
    expect(questions).toHaveLength(1);
  });

  test('is told in each form from the other', async () => {
    const { chat, questions } = await llmDaemon(say('One two three'));
    await told(chat(withUsage));
    const whole = await told(chat());
    expect(JSON.parse(whole.text)).toMatchObject({ ...answerOf('One two three'), created: 7 });
    // A client that did not ask what it has cost expects a choice in every chunk.
    const plain = await told(chat(streamed));
    expect(plain.text).toBe(eventsOf('One two three').join(''));
    const other = { seed: 5 };
    await told(chat(other));
    const events = await told(chat({ ...other, ...withUsage }));
    expect([whole, plain, events].map(({ mark }) => mark)).toEqual(['HIT', 'HIT', 'HIT']);
    expect(wordsIn(events.text)).toBe('One two three');
    expect(events.text).toMatch(/"usage":\{"prompt_tokens":3.*\n\ndata: \[DONE\]\n\n$/);
    expect(questions).toHaveLength(2);
  });

  test('without what it has cost is asked for anew where a client wants to know that', async () => {
    const { chat, questions } = await llmDaemon(say('One two'));
    await told(chat(streamed));
    expect((await told(chat())).mark).toBe('MISS');
    await expect.poll(async () => (await told(chat())).mark, { timeout: patience(20_000) }).toBe('HIT');
    expect((await told(chat(streamed))).mark).toBe('HIT');
    expect(questions.slice(0, 2).map(({ body }) => body.stream)).toEqual([true, undefined]);
  });

  test('with calls of tools keeps them in both forms', async () => {
    const part = (index: number, call: object, id = {}) => ({ tool_calls: [{ index, ...id, function: call }] });
    const deltas = [
      { role: 'assistant', content: null },
      part(0, { name: 'look', arguments: '' }, { id: 'a', type: 'function' }),
      part(0, { arguments: '{"at":' }),
      part(1, { name: 'go', arguments: '{}' }, { id: 'b', type: 'function' }),
      part(0, { arguments: '"x"}' }),
    ];
    const { chat } = await llmDaemon((_got, response) => {
      beginStream(response);
      const base = { id: 'c', object: 'chat.completion.chunk', created: 1, model: 'tiny' };
      for (const delta of deltas)
        response.write(`data: ${JSON.stringify({ ...base, choices: [{ index: 0, delta, finish_reason: null }] })}\r\n\r\n`);
      response.write(
        `data: ${JSON.stringify({ ...base, choices: [{ index: 0, delta: {}, finish_reason: 'tool_calls' }] })}\r\n\r\n`,
      );
      response.end(`data: ${JSON.stringify({ ...base, choices: [], usage: { total_tokens: 9 } })}\r\n\r\ndata: [DONE]\r\n\r\n`);
    });
    await told(chat(withUsage));
    const { mark, text } = await told(chat());
    const { choices, usage } = JSON.parse(text);
    expect({ mark, usage, finish: choices[0].finish_reason }).toEqual({
      mark: 'HIT',
      usage: { total_tokens: 9 },
      finish: 'tool_calls',
    });
    expect(choices[0].message).toEqual({
      role: 'assistant',
      content: null,
      tool_calls: [
        { id: 'a', type: 'function', function: { name: 'look', arguments: '{"at":"x"}' } },
        { id: 'b', type: 'function', function: { name: 'go', arguments: '{}' } },
      ],
    });
  });

  test('embeddings and completions are kept too', async () => {
    const { post, questions, state } = await llmDaemon();
    const embed = { model: 'tiny', input: ['a', 'b'] };
    expect([(await told(post('embeddings', embed))).mark, (await told(post('embeddings', embed))).mark]).toEqual([
      'MISS',
      'HIT',
    ]);
    state.behave = (_got, response) =>
      sendJson(response, 200, {
        object: 'text_completion',
        choices: [{ index: 0, text: 'yes', finish_reason: 'length' }],
        usage: {},
      });
    const complete = { model: 'tiny', prompt: 'a', seed: 1 };
    expect([(await told(post('completions', complete))).mark, (await told(post('completions', complete))).mark]).toEqual([
      'MISS',
      'HIT',
    ]);
    expect((await told(post('completions', { ...complete, stream: true }))).text).toContain('"text":"yes"');
    expect(questions).toHaveLength(2);
  });

  test('is a result: memo commands list, find by tag and clear it; no prompt is in the list', async () => {
    const { chat, daemon, questions } = await llmDaemon();
    await told(chat());
    await told(chat());
    const list = await daemon.client.ask('GET', '/api/cache/entries?plane=memo&ns=llm');
    expect(list).toMatchObject({ total: 1, entries: [{ kind: 'bytes', label: null, tags: ['model:tiny'] }] });
    const { entries } = list as { entries: { freshForMs: number }[] };
    expect(entries[0]?.freshForMs).toBeLessThanOrEqual(3600_000);
    await daemon.client.ask('POST', '/api/memo/invalidate', { body: { ns: 'llm', tags: ['model:tiny'] } });
    expect((await told(chat())).mark).toBe('MISS');
    expect(questions).toHaveLength(2);
  });

  test('has the time to live that its namespace says', async () => {
    const { chat, daemon } = await llmDaemon();
    await daemon.client.ask('PUT', '/api/memo/namespaces/llm', { body: { ttl: '30d' } });
    await told(chat());
    await told(chat());
    const { entries } = await daemon.client.ask<{ entries: { freshForMs: number }[] }>(
      'GET',
      '/api/cache/entries?plane=memo&ns=llm',
    );
    expect(entries[0]?.freshForMs).toBeGreaterThan(24 * 3600_000);
  });

  test('that is stale is given at once, and computed anew behind it', async () => {
    const { chat, daemon, question, state } = await llmDaemon(say('old'));
    await daemon.client.ask('PUT', '/api/memo/namespaces/llm', { body: { ttl: 1, stale: '1h' } });
    await told(chat());
    state.behave = say('new');
    await expect.poll(async () => (await told(chat())).mark, { timeout: patience(20_000) }).toBe('STALE');
    await question(2);
    await expect.poll(async () => wordsIn((await told(chat())).text), { timeout: patience(20_000) }).toBe('new');
  });
});

describe('another answer is given', () => {
  const big = (seed: string) => `{"model":"tiny","seed":${seed},"messages":[]}`;
  test.each([
    ['seeds beyond 2^53', big('18446744073709551615'), big('18446744073709551614')],
    ['another temperature', { temperature: 0, top_p: 1 }, { temperature: 0, top_p: 0.5 }],
    ['another text', { temperature: 0, messages: ['a'] }, { temperature: 0, messages: ['a '] }],
    ['a field that nobody knows', { temperature: 0 }, { temperature: 0, chat_template_kwargs: { enable_thinking: false } }],
  ])('for %s', async (_name, one, other) => {
    const { post, questions } = await llmDaemon();
    await told(post('chat/completions', one));
    expect((await told(post('chat/completions', other))).mark).toBe('MISS');
    expect(questions).toHaveLength(2);
  });

  test('by another server, and when the same one has another model behind the same name', { tags: 'slow' }, async () => {
    const { chat, daemon, questions, state } = await llmDaemon(say('of one'));
    await told(chat());
    state.model['root'] = '/models/other';
    state.behave = say('of another');
    await expect
      .poll(async () => wordsIn((await told(chat())).text), { timeout: patience(20_000), interval: 200 })
      .toBe('of another');
    expect(questions).toHaveLength(2);
    const second = await openAiServer(say('of a second'));
    Object.assign(second.state.model, { root: '/models/other' });
    await daemon.restart({ AUTOCACHE_LLM_URL: `${second.url}/v1` });
    expect(wordsIn((await told(chat())).text)).toBe('of a second');
  });
});

test('the same question in another order, for another user, is the same', async () => {
  const { post, questions } = await llmDaemon();
  await told(post('chat/completions', '{"temperature":0.0,"messages":[{"role":"user","content":"Hi"}],"model":"tiny"}'));
  const again = '{ "model":"tiny", "user":"bob", "messages":[{"content":"Hi","role":"user"}], "temperature":0 }';
  expect((await told(post('chat/completions', again))).mark).toBe('HIT');
  expect(questions).toHaveLength(1);
});

describe('not kept is', () => {
  const twice = async (more: object, init: { headers?: Record<string, string> } = {}, behave = say('Hello')) => {
    const { chat, questions, kept } = await llmDaemon(behave);
    const marks = [(await told(chat(more, init))).mark, (await told(chat(more, init))).mark];
    expect(questions).toHaveLength(2);
    expect(await kept()).toBe(0);
    return marks;
  };

  test.each([
    [{ temperature: 0.7 }],
    [{ temperature: undefined }],
    [{ temperature: 1, seed: -1 }],
    [{ temperature: 1, seed: 4294967295 }],
    [{ temperature: 0.2, seed: null }],
    [{ temperature: '0' }],
  ])('the answer to %j, which may be another next time', async (more) => {
    expect(await twice(more)).toEqual(['BYPASS', 'BYPASS']);
  });

  test('one of a client that says no-store', async () => {
    expect(await twice({}, { headers: { 'cache-control': 'no-store' } })).toEqual(['BYPASS', 'BYPASS']);
  });

  test.each([['content_filter'], [null], ['error']])('one that ended by %s', { tags: 'slow' }, async (finish) => {
    expect(await twice({}, {}, say('Hel', finish))).toEqual(['MISS', 'MISS']);
    expect(await twice(streamed, {}, say('Hel', finish))).toEqual(['MISS', 'MISS']);
  });

  test('one with fewer choices than were asked for', async () => {
    expect(await twice({ n: 2 })).toEqual(['MISS', 'MISS']);
  });

  test('an error, whatever its status says', { tags: 'slow' }, async () => {
    const error = { error: { message: 'out of memory', type: 'server_error' } };
    expect(await twice({}, {}, (_got, response) => sendJson(response, 200, error))).toEqual(['MISS', 'MISS']);
    expect(await twice({}, {}, (_got, response) => sendJson(response, 200, { ...answerOf('x'), ...error }))).toEqual([
      'MISS',
      'MISS',
    ]);
    expect(await twice({}, {}, (_got, response) => sendJson(response, 500, answerOf('x')))).toEqual(['MISS', 'MISS']);
  });

  test('a stream without its end, or with an error in it', { tags: 'slow' }, async () => {
    const events = eventsOf('One two');
    const sending = (some: string[]) => (_got: unknown, response: ServerResponse) => {
      beginStream(response);
      response.end(some.join(''));
    };
    expect(await twice(streamed, {}, sending(events.slice(0, -1)))).toEqual(['MISS', 'MISS']);
    const failed = [...events.slice(0, 2), 'data: {"error":{"message":"out of memory"}}\n\n', ...events.slice(2)];
    expect(await twice(streamed, {}, sending(failed))).toEqual(['MISS', 'MISS']);
  });

  test('anything while results are off', async () => {
    const { chat, questions } = await llmDaemon(say('Hello'), { AUTOCACHE_MEMO: 'off' });
    const answers = [await told(chat()), await told(chat())];
    expect(answers.map(({ mark }) => mark)).toEqual(['BYPASS', 'BYPASS']);
    expect(questions).toHaveLength(2);
  });
});

test('no-cache asks anew and keeps the new answer; x-autocached: store keeps what may differ', async () => {
  const { chat, state, questions } = await llmDaemon(say('old'));
  await told(chat());
  state.behave = say('new');
  expect(wordsIn((await told(chat({}, { headers: { 'cache-control': 'no-cache' } }))).text)).toBe('new');
  await expect.poll(async () => wordsIn((await told(chat())).text), { timeout: patience(20_000) }).toBe('new');
  const store = { headers: { 'x-autocached': 'store' } };
  await told(chat({ temperature: 0.9 }, store));
  expect((await told(chat({ temperature: 0.9 }, store))).mark).toBe('HIT');
  expect(questions).toHaveLength(3);
  expect(questions.every(({ headers }) => headers['x-autocached'] === undefined)).toBe(true);
});
