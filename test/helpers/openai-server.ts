import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';

/** A request as the server got it. */
export interface Got {
  method: string;
  url: string;
  headers: IncomingMessage['headers'];
  text: string;
  // biome-ignore lint/suspicious/noExplicitAny: a test knows what it sent
  body: any;
  /** Resolves when its client has left before the answer was whole. */
  left: Promise<void>;
}

type Behaviour = (got: Got, response: ServerResponse) => unknown;

/** An OpenAI-compatible server of one model, which does what a test says; ended with the test. */
export async function openAiServer(behave: Behaviour = say('Hello')) {
  const state = {
    behave,
    model: { id: 'tiny', root: '/models/tiny', created: 0 } as Record<string, unknown>,
    /** Answers to other paths, by path; they count as no questions. */
    pages: new Map<string, Behaviour>(),
  };
  /** The questions, without the looks at the list of models. */
  const questions: Got[] = [];
  let wake = () => {};
  const server = createServer(async (request, response) => {
    const left = new Promise<void>((resolve) => response.once('close', () => response.writableFinished || resolve()));
    const { method = '', url = '', headers } = request;
    const written = await text(request).catch(() => '');
    const got = { method, url, headers, text: written, body: jsonOf(written), left };
    const page = state.pages.get(url);
    if (page) return page(got, response);
    if (url === '/v1/models') {
      // As vLLM and llama.cpp do: with the present time.
      state.model['created'] = Number(state.model['created']) + 1;
      return sendJson(response, 200, { object: 'list', data: [state.model] });
    }
    questions.push(got);
    wake();
    return state.behave(got, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  onTestFinished(close);
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  /** The nth question, from 1, when it has come. */
  const question = async (number: number): Promise<Got> => {
    for (;;) {
      const got = questions[number - 1];
      if (got) return got;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  return { state, url, questions, question, close };
}

/** Answers with a text, as a stream where one is asked for. Each word is a part of it. */
export function say(words: string, finish: string | null = 'stop'): Behaviour {
  return (got, response) => {
    if (got.url.endsWith('/embeddings')) return sendJson(response, 200, vectors(got));
    if (!got.body?.stream) return sendJson(response, 200, answerOf(words, finish));
    beginStream(response);
    for (const event of eventsOf(words, finish, got.body.stream_options?.include_usage === true)) response.write(event);
    return response.end();
  };
}

/** Whole answers to a chat. */
export function answerOf(words: string, finish: string | null = 'stop') {
  const message = { role: 'assistant', content: words };
  return {
    id: 'chat-1',
    object: 'chat.completion',
    created: 7,
    model: 'tiny',
    choices: [{ index: 0, message, finish_reason: finish }],
    usage,
  };
}

const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 };

/** The events of a stream, to its end. */
export function eventsOf(words: string, finish: string | null = 'stop', withUsage = false): string[] {
  const base = { id: 'chat-1', object: 'chat.completion.chunk', created: 7, model: 'tiny' };
  const part = (delta: object, end: string | null) => ({ ...base, choices: [{ index: 0, delta, finish_reason: end }] });
  const parts = words.split(/(?<= )/).map((word) => part({ content: word }, null));
  const cost = withUsage ? [{ ...base, choices: [], usage }] : [];
  const chunks = [part({ role: 'assistant', content: '' }, null), ...parts, part({}, finish), ...cost];
  return [...chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`), 'data: [DONE]\n\n'];
}

export function beginStream(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
  response.flushHeaders();
}

export function sendJson(response: ServerResponse, status: number, value: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value));
}

function vectors({ body }: Got) {
  const inputs = Array.isArray(body.input) ? body.input : [body.input];
  const data = inputs.map((_: unknown, index: number) => ({ object: 'embedding', index, embedding: [index, 0.5] }));
  return { object: 'list', model: 'tiny', data, usage };
}

function jsonOf(written: string): unknown {
  try {
    return JSON.parse(written);
  } catch {
    return null;
  }
}
