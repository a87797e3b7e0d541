import type { OutgoingHttpHeaders } from 'node:http';
import { json } from 'node:stream/consumers';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../runtime/clock.ts';
import { InFlight } from '../runtime/in-flight.ts';
import type { Upstream } from '../runtime/upstream.ts';

/** Maximum delay until a server restarted with another model is noticed, ms. */
const validMs = 3000;
const answerMs = 2000;
/** Maximum number of accounts whose lists are remembered. */
const mostLists = 100;

interface Listed {
  models: Model[];
  /** Monotonic ms. */
  at: number;
}

/** The constant fields of a model: some servers give the present time as `created`. */
interface Model {
  id?: unknown;
  root?: unknown;
  /** Of llama.cpp: size and shape of the file. */
  meta?: unknown;
}

/**
 * The models that the server answers with. Many servers have one model and ignore the name in the request, so the name alone
 * identifies nothing in a key.
 */
export class Models {
  readonly #upstream: Upstream;
  readonly #clock: Clock;
  readonly #lists = new LRUCache<string, Listed>({ max: mostLists });
  readonly #asking = new InFlight<string, Model[] | null>();

  constructor(upstream: Upstream, clock: Clock) {
    this.#upstream = upstream;
    this.#clock = clock;
  }

  /**
   * The model of this name, or all when there is none. The last known list counts while the server is away.
   * @param account stands for the client: servers show each account other models
   * @returns null when nothing is known
   */
  async behind(name: string, account: string, headers: OutgoingHttpHeaders): Promise<Model[] | null> {
    const known = this.#lists.get(account);
    const isKnown = known !== undefined && this.#clock.monotonic() - known.at < validMs;
    const models = isKnown ? known.models : await this.#asking.run(account, () => this.#ask(account, headers));
    if (models === null) return null;
    const named = models.filter(({ id }) => id === name);
    return named.length > 0 ? named : models;
  }

  async #ask(account: string, headers: OutgoingHttpHeaders): Promise<Model[] | null> {
    const models = await this.#read(headers).catch(() => this.#lists.get(account)?.models ?? null);
    if (models !== null) this.#lists.set(account, { models, at: this.#clock.monotonic() });
    return models;
  }

  /** A server without such a list has one model, or a fixed set. @throws when it is away or in trouble */
  async #read(headers: OutgoingHttpHeaders): Promise<Model[]> {
    const signal = AbortSignal.timeout(answerMs);
    const answer = await this.#upstream.send({ method: 'GET', path: 'models', headers, body: null, signal });
    const status = answer.statusCode ?? 0;
    if (status >= 500) {
      answer.destroy();
      throw new Error(`the server answers ${status}`);
    }
    if (status !== 200) {
      answer.resume();
      return [];
    }
    const { data } = (await json(answer)) as { data?: unknown };
    const listed = Array.isArray(data) ? data : [];
    return listed.map(({ id, root, meta }: Model) => ({ id, root, meta }));
  }
}
