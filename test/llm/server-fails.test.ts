import { createServer } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { answerOf, beginStream, eventsOf, type Got, say, sendJson } from '../helpers/openai-server.ts';
import { soon } from '../helpers/patience.ts';
import { llmDaemon, told, wordsIn } from './llm-rig.ts';

/** A promise that a test resolves. */
function gate() {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: resolve };
}

async function waiting(daemon: { client: { stats(): Promise<{ memo: { waiting: number } }> } }, count: number) {
  await expect.poll(async () => (await daemon.client.stats()).memo.waiting, soon()).toBe(count);
}

describe('equal questions at the same time', () => {
  test('are one question to the server, streamed or not', async () => {
    const { opened, open } = gate();
    const { chat, daemon, question, questions } = await llmDaemon(async (got, response) => {
      await opened;
      say('One two')(got, response);
    });
    const usage = { stream: true, stream_options: { include_usage: true } };
    const first = told(chat(usage));
    await question(1);
    const others = [usage, {}, { stream: true }, { user: 'x' }].map((more) => told(chat(more)));
    await waiting(daemon, 4);
    open();
    const answers = await Promise.all([first, ...others]);
    expect(answers.map(({ mark }) => mark)).toEqual(['MISS', 'HIT', 'HIT', 'HIT', 'HIT']);
    expect(new Set(answers.map(({ text }) => wordsIn(text)))).toEqual(new Set(['One two']));
    expect(questions).toHaveLength(1);
  });

  test('get the same failure, once, with when to try again; the next question is asked anew', async () => {
    const { opened, open } = gate();
    const { chat, daemon, question, questions, state } = await llmDaemon(async (_got, response) => {
      await opened;
      sendJson(response, 429, { error: { message: 'slow down', type: 'rate_limit_error' } }, { 'retry-after': '7' });
    });
    const first = told(chat());
    await question(1);
    const others = [told(chat()), told(chat({ stream: true }))];
    await waiting(daemon, 2);
    open();
    for (const { status, headers, text } of await Promise.all([first, ...others])) {
      expect({ status, after: headers.get('retry-after') }).toEqual({ status: 429, after: '7' });
      expect(JSON.parse(text).error.message).toBe('slow down');
    }
    expect(questions).toHaveLength(1);
    state.behave = say('better');
    expect(wordsIn((await told(chat())).text)).toBe('better');
  });

  test('whose answer is whole, and not kept, get it all the same', async () => {
    const { opened, open } = gate();
    const { chat, daemon, question, questions } = await llmDaemon(async (got, response) => {
      await opened;
      say('No.', 'content_filter')(got, response);
    });
    const first = told(chat());
    await question(1);
    const other = told(chat());
    await waiting(daemon, 1);
    open();
    expect((await Promise.all([first, other])).map(({ text }) => wordsIn(text))).toEqual(['No.', 'No.']);
    expect(questions).toHaveLength(1);
  });

  test('when the client that was first leaves, its question ends, and the next one is asked', async () => {
    let isFirst = true;
    const { chat, daemon, question, questions } = await llmDaemon((got, response) => {
      if (!isFirst) return say('for the second')(got, response);
      isFirst = false;
      beginStream(response);
      return response.write(eventsOf('for the first ')[1]);
    });
    const leaving = new AbortController();
    const first = await chat({ stream: true }, { signal: leaving.signal });
    const reader = first.body?.getReader();
    await reader?.read();
    const second = told(chat());
    await waiting(daemon, 1);
    leaving.abort();
    await (await question(1)).left;
    expect(wordsIn((await second).text)).toBe('for the second');
    expect(questions).toHaveLength(2);
  });
});

describe('the server is stopped', () => {
  test.each([
    ['that is repeatable', {}],
    ['that is not', { temperature: 1 }],
  ])('when a client leaves before its answer to a question %s has begun', async (_name, more) => {
    const { chat, question, kept } = await llmDaemon(() => {});
    const leaving = new AbortController();
    const asked = chat(more, { signal: leaving.signal });
    const { left } = await question(1);
    leaving.abort();
    await expect(asked).rejects.toThrow();
    await left;
    expect(await kept()).toBe(0);
  });

  test('while the client does not read', async () => {
    let written = 0;
    const total = 256;
    const { chat } = await llmDaemon(async (_got, response) => {
      beginStream(response);
      const mib = `: ${'x'.repeat(2 ** 20)}\n\n`;
      const { promise: closed, resolve: close } = Promise.withResolvers<void>();
      response.once('close', close);
      for (; written < total && !response.destroyed; written += 1)
        if (!response.write(mib)) await Promise.race([closed, new Promise<void>((resolve) => response.once('drain', resolve))]);
      response.end();
    });
    const leaving = new AbortController();
    const answer = await chat({ stream: true }, { signal: leaving.signal });
    expect(answer.status).toBe(200);
    let before = -1;
    // As long as something moves, it is waited for.
    await expect
      .poll(
        () => {
          const isStill = written === before && written > 0;
          before = written;
          return isStill;
        },
        { ...soon(), interval: 500 },
      )
      .toBe(true);
    expect(written).toBeLessThan(total);
    leaving.abort();
  });
});

describe('a server that', () => {
  test('dies in the middle of a stream: the client is told, and does not take it for whole', async () => {
    const { chat, kept, state } = await llmDaemon((_got, response) => {
      beginStream(response);
      response.write(eventsOf('One two')[1], () => response.destroy());
    });
    const answer = await chat({ stream: true });
    const chunks: string[] = [];
    const reading = (async () => {
      for await (const chunk of answer.body ?? []) chunks.push(Buffer.from(chunk).toString());
    })();
    await expect(reading).rejects.toThrow();
    const events = chunks
      .join('')
      .split('\n\n')
      .filter((event) => event !== '');
    expect(events.join()).not.toContain('[DONE]');
    expect(JSON.parse(events.at(-1)?.slice('data: '.length) ?? '')).toMatchObject({
      error: { type: 'server_error', code: 'UPSTREAM_AWAY' },
    });
    expect(await kept()).toBe(0);
    state.behave = say('One two');
    expect((await told(chat({ stream: true }))).mark).toBe('MISS');
  });

  test('dies in the middle of a whole answer: 502', async () => {
    const { chat, kept } = await llmDaemon((_got, response) => {
      const text = JSON.stringify(answerOf('x'));
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': text.length });
      response.write(text.slice(0, 40), () => response.destroy());
    });
    for (const more of [{}, { temperature: 1 }]) {
      const { status, text } = await told(chat(more));
      expect({ status, ...JSON.parse(text) }).toMatchObject({
        status: 502,
        error: { message: expect.stringContaining('broke off'), param: null },
      });
    }
    expect(await kept()).toBe(0);
  });

  test('is not running: 502; what it has answered before is still found', async () => {
    const { chat, close } = await llmDaemon();
    await told(chat());
    await told(chat());
    await close();
    expect((await told(chat())).mark).toBe('HIT');
    const { status, text } = await told(chat({ seed: 1 }));
    expect(status).toBe(502);
    expect(JSON.parse(text).error).toMatchObject({
      message: expect.stringContaining('is not running'),
      type: 'server_error',
      code: 'UPSTREAM_AWAY',
    });
  });

  test('accepts and never answers: 504', async () => {
    const { chat, send } = await llmDaemon(() => {}, { AUTOCACHE_LLM_TIMEOUT: '500ms' });
    for (const asked of [chat(), chat({ stream: true, temperature: 1 }), send('audio/voices')]) {
      const { status, text } = await told(asked);
      expect({ status, ...JSON.parse(text) }).toMatchObject({ status: 504, error: { code: 'UPSTREAM_SILENT' } });
    }
  });

  test('falls silent in the middle of a stream: the client is told', async () => {
    const { chat } = await llmDaemon(
      (_got, response) => {
        beginStream(response);
        response.write(eventsOf('One two')[1]);
      },
      { AUTOCACHE_LLM_TIMEOUT: '500ms' },
    );
    const answer = await chat({ stream: true });
    let text = '';
    const reading = (async () => {
      for await (const chunk of answer.body ?? []) text += Buffer.from(chunk).toString();
    })();
    await expect(reading).rejects.toThrow();
    expect(text).toContain('UPSTREAM_SILENT');
  });

  test('speaks no HTTP: 502', async () => {
    const stranger = createServer((socket) => socket.end('what?\r\n\r\n')).listen(0, '127.0.0.1');
    onTestFinished(() => void stranger.close());
    await new Promise((resolve) => stranger.once('listening', resolve));
    const { port } = stranger.address() as { port: number };
    const { chat } = await llmDaemon(undefined, { AUTOCACHE_LLM_URL: `http://127.0.0.1:${port}` });
    expect((await told(chat())).status).toBe(502);
  });

  test('closes a kept connection at the moment it is used again: the question is sent anew', async () => {
    let isFirst = true;
    const { chat, questions } = await llmDaemon((got: Got, response) => {
      // It came over the connection that the list of models was read from.
      if (isFirst) response.destroy();
      else say('Hello')(got, response);
      isFirst = false;
    });
    expect((await told(chat())).status).toBe(200);
    expect(questions).toHaveLength(2);
  });
});
