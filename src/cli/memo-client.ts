import type {
  MemoEntriesAnswer,
  MemoExplainAnswer,
  MemoFound,
  MemoInvalidateRequest,
  MemoNamespaceView,
  MemoRemoval,
  MemoSort,
  MemoStats,
  MemoVerifyAnswer,
  MemoWarmAnswer,
} from '../api/memo.ts';
import { JsonText } from '../client/daemon-call.ts';
import type { Client } from './client.ts';

/** Identifies a result by its namespace and its key. */
export interface MemoKey {
  ns: string;
  key: string;
}

/** The routes of results, typed. Every method throws as those of `Client` do. */
export class MemoClient {
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  stats(): Promise<MemoStats> {
    return this.#client.ask('GET', '/api/cache/stats?plane=memo');
  }

  async namespaces(): Promise<MemoNamespaceView[]> {
    const { namespaces } = await this.#client.ask<{ namespaces: MemoNamespaceView[] }>('GET', '/api/memo/namespaces');
    return namespaces;
  }

  entries(query: { ns?: string; tag?: string; search?: string; sort: MemoSort; limit: number }): Promise<MemoEntriesAnswer> {
    const words = Object.fromEntries(Object.entries(query).map(([name, value]) => [name, String(value)]));
    return this.#client.ask('GET', `/api/cache/entries?${new URLSearchParams({ plane: 'memo', ...words })}`);
  }

  get(key: MemoKey): Promise<MemoFound> {
    return this.#client.ask('POST', '/api/memo/get', { body: key });
  }

  explain(key: MemoKey): Promise<MemoExplainAnswer> {
    return this.#client.ask('GET', `/api/memo/explain?${new URLSearchParams({ ...key })}`);
  }

  invalidate(body: MemoInvalidateRequest): Promise<MemoRemoval> {
    return this.#client.ask('POST', '/api/memo/invalidate', { body, answerMs: null });
  }

  verify(): Promise<MemoVerifyAnswer> {
    return this.#client.ask('POST', '/api/memo/verify', { body: {}, answerMs: null });
  }

  /** @param items the text of a JSON list */
  warm(items: string): Promise<MemoWarmAnswer> {
    const body = new JsonText(`{"plane":"memo","items":${items}}`);
    return this.#client.ask('POST', '/api/cache/warm', { body, answerMs: null });
  }
}
