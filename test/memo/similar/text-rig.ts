import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { MemoExplainAnswer, MemoFound, MemoSemantic, MemoSimilarAnswer, MemoStats } from '../../../src/api/memo.ts';
import { type Embeds, startEmbeddingServer } from '../../helpers/embedding-server.ts';
import { ManualClock } from '../../helpers/manual-clock.ts';
import { patience } from '../../helpers/patience.ts';
import { createClient } from '../../helpers/services.ts';

const files = new URL('../../fixtures/minilm/', import.meta.url);
const vectors = JSON.parse(readFileSync(new URL('vectors.json', files), 'utf8')) as Record<string, string>;

/** The texts whose vectors all-MiniLM-L6-v2 has made; each is 384 signed bytes, of another length than 1. */
export const texts = Object.keys(vectors);

export const miniLm: Embeds = (text) => {
  const known = vectors[text];
  if (known === undefined) return { status: 500, body: `no vector of ${text}` };
  return [...new Int8Array(Buffer.from(known, 'base64'))];
};

/** A client of the routes, over a server of embeddings, and a namespace that compares texts. */
export async function withTexts(
  semantic: MemoSemantic | null,
  { embeds = miniLm, ns = 'faq' }: { embeds?: Embeds; ns?: string } = {},
) {
  const server = await startEmbeddingServer(embeds);
  const clock = new ManualClock();
  const client = createClient({ clock, settings: { AUTOCACHE_EMBEDDINGS_URL: server.url } });
  const compare = (how: object | null, of = ns) =>
    client.send({ method: 'PUT', url: `/api/memo/namespaces/${of}`, payload: { semantic: how } });
  const post = async <T>(url: string, body: object): Promise<T> => (await client.post(url, { ns, ...body })).body as T;
  const put = async (text: string, value: unknown, more: object = {}) => {
    const answer = await post<{ stored: boolean; key: string }>('/api/memo/put', { text, value, ...more });
    expect(answer).toMatchObject({ stored: true });
    return answer.key;
  };
  const get = (text: string, more: object = {}) => post<MemoFound>('/api/memo/get', { text, ...more });
  const similar = async (text: string, more: object = {}) =>
    (await post<MemoSimilarAnswer>('/api/memo/similar', { text, ...more })).similar;
  const explain = async (key: string) => (await client.get(`/api/memo/explain?ns=${ns}&key=${key}`)).body as MemoExplainAnswer;
  const stats = async () => (await client.get('/api/cache/stats?plane=memo')).body as MemoStats;
  /** Resolves when the meaning of a text is known, too: that is behind the answer. */
  const learnt = (text: string, more: object = {}) =>
    expect.poll(async () => (await similar(text, more))[0]?.similarity, { timeout: patience(10_000) }).toBeGreaterThan(0.9999);
  const learn = async (text: string, value: unknown, more: { parts?: unknown } = {}) => {
    const key = await put(text, value, more);
    await learnt(text, more);
    return key;
  };
  if (semantic) expect(await compare(semantic)).toMatchObject({ status: 200, body: { settings: { semantic } } });
  return { ...client, clock, server, ns, compare, request: post, put, get, similar, explain, stats, learnt, learn };
}
