import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runDaemon } from '../helpers/daemon.ts';
import { openAiServer } from '../helpers/openai-server.ts';

/** A daemon before a server that a test commands, and clients of its OpenAI-compatible API. */
export async function llmDaemon(behave?: Parameters<typeof openAiServer>[0], settings: Record<string, string> = {}) {
  const server = await openAiServer(behave);
  const daemon = await runDaemon({}, { AUTOCACHE_LLM_URL: server.url, ...settings });
  const address = () => daemon.client.daemon.url;
  const token = () => readFileSync(join(daemon.stateDir, 'token'), 'utf8').trim();
  /** Any request below /llm/v1/, as an OpenAI client with the daemon's token for its key sends it. */
  const send = (
    path: string,
    { headers = {}, ...init }: Omit<RequestInit, 'headers'> & { headers?: Record<string, string> } = {},
  ) => fetch(`${address()}/llm/v1/${path}`, { ...init, headers: { authorization: `Bearer ${token()}`, ...headers } });
  const post = (path: string, body: unknown, init: Parameters<typeof send>[1] = {}) => {
    const headers = { 'content-type': 'application/json', ...init.headers };
    return send(path, { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body), ...init, headers });
  };
  const chat = (more: object = {}, init: Parameters<typeof send>[1] = {}) =>
    post('chat/completions', { model: 'tiny', temperature: 0, messages: [{ role: 'user', content: 'Hi' }], ...more }, init);
  const kept = async () => (await daemon.client.stats()).memo.current_items;
  return { ...server, daemon, address, token, send, post, chat, kept };
}

/** How an answer was come by, and its body. */
export async function told(asked: Response | Promise<Response>) {
  const answer = await asked;
  return {
    status: answer.status,
    mark: answer.headers.get('x-autocached'),
    headers: answer.headers,
    text: await answer.text(),
  };
}

/** The words of an answer, whole or streamed. */
export function wordsIn(text: string): string {
  if (text.startsWith('{')) return JSON.parse(text).choices[0].message.content;
  const chunks = [...text.matchAll(/^data: (\{.*\})$/gm)].map(([, json = '']) => JSON.parse(json));
  return chunks.map(({ choices: [choice] }) => choice?.delta.content ?? '').join('');
}
