import { setImmediate } from 'node:timers/promises';
import type { EventMap } from '../api/event-map.ts';
import type { MemoMode, MemoNamespaceSettings, MemoPutAnswer, MemoRefusal, MemoSimilarAnswer } from '../api/memo.ts';
import { CacheError } from '../core/errors.ts';
import { leaseText, missText, type Result, resultFields } from './answers.ts';
import { Arriving } from './arriving.ts';
import type { Asker, Presence } from './asker.ts';
import { BlobExchange } from './blob-exchange.ts';
import type { Found, Question } from './find.ts';
import { Finder } from './finder.ts';
import { Flights, type Lease } from './flights.ts';
import type { GraphRows } from './graph-rows.ts';
import { LateRefusals } from './late-refusals.ts';
import { Manage } from './manage.ts';
import { NodeOutputs } from './node-outputs.ts';
import { Opened, type OpenedDeps } from './opened.ts';
import { draft, type PutDeps, type PutRequest, refusal, refusalFor, resultOf, storeValue } from './put.ts';
import { Served } from './served.ts';
import { SharedLayer, type SharedLayerDeps } from './shared-layer/shared-layer.ts';
import type { SimilarDeps } from './similar/similar.ts';
import { fileScheme, SourceDeps, type SourceDepsDeps } from './source-deps.ts';
import type { Store } from './store.ts';
import { type Given, isSameValue } from './values.ts';

export interface MemoDeps extends Omit<OpenedDeps, 'sharedWith'>, SourceDepsDeps, SimilarDeps, Omit<PutDeps, 'sources'> {
  /** The servers that results are shared through; null = not shared. */
  shared: Pick<SharedLayerDeps, 'servers' | 'deadlineMs' | 'pauses'> | null;
  mode(): MemoMode;
}

const mostRounds = 3;

/** The plane of results: a result that any program has computed is found by its key. Answers are JSON texts. */
export class Memo implements AsyncDisposable {
  readonly #deps: MemoDeps;
  readonly #opened: Opened;
  readonly #sources: SourceDeps;
  readonly #flights: Flights<Result>;
  readonly #shared: SharedLayer | null;
  readonly #finder: Finder;
  readonly #unsubscribe: () => void;
  readonly #arriving: Arriving;
  readonly manage: Manage;
  readonly blobs: BlobExchange;
  readonly outputs: NodeOutputs;
  readonly served = new Served();
  readonly lateRefusals: LateRefusals;

  constructor(deps: MemoDeps) {
    this.#deps = deps;
    this.#sources = new SourceDeps(deps);
    this.#shared = deps.shared && new SharedLayer({ ...deps, ...deps.shared, ...this.#sharing() });
    this.#opened = new Opened({ ...deps, sharedWith: this.#shared?.sharedWith ?? null });
    this.#finder = new Finder({ ...deps, sources: this.#sources, opened: this.#opened, shared: this.#shared });
    this.#flights = new Flights(deps.clock);
    this.lateRefusals = new LateRefusals(deps);
    const parts = {
      ...deps,
      ...{ opened: this.#opened, sources: this.#sources, flights: this.#flights },
      ...{ served: this.served, lateRefusals: this.lateRefusals, shared: this.#shared },
      arriving: () => this.#arriving.all(),
    };
    this.manage = new Manage(parts);
    this.blobs = new BlobExchange(parts);
    this.#arriving = new Arriving({
      ...{ blobs: this.blobs, flights: this.#flights, put: (request) => this.#put(request) },
      onRefused: (one, why) => {
        if (typeof why === 'object') this.#usage(one.ns, { rejected: 1 });
        this.lateRefusals.add(one, why);
      },
    });
    this.outputs = new NodeOutputs({ ...parts, manage: this.manage });
    this.#unsubscribe = deps.events.subscribe((name, event) => {
      if (name === 'copy-stale') this.#sourceChanged((event as EventMap['copy-stale']).path);
      if (name === 'cache-disk') this.#opened.diskChanged();
    });
  }

  /** Its version, for the keys that are made here. */
  versionOf(ns: string): string {
    return this.#opened.store?.namespaces.of(ns).version ?? '';
  }

  settingsOf(ns: string): MemoNamespaceSettings {
    return this.#opened.store?.namespaces.of(ns).settings ?? {};
  }

  get mode(): MemoMode {
    return this.#deps.mode();
  }

  /**
   * The result of `use` on the compiled graphs of presets; null while no store exists, or when it fails.
   * @param create whether to make the store if none exists @param orThrow whether a failure is thrown
   */
  withGraphs<T>(use: (rows: GraphRows) => T, { create = false, orThrow = false } = {}): T | null {
    try {
      if (this.#deps.mode() !== 'on' || this.#deps.state() !== 'here') return null;
      const store = create ? this.#opened.store : this.#opened.existing;
      return store && use(store.graphs);
    } catch (error) {
      this.#opened.trouble(error);
      if (orThrow) throw error;
      return null;
    }
  }

  /** Whether texts can be compared by their meaning. */
  get canEmbed(): boolean {
    return this.#finder.canEmbed;
  }

  /** `{"state":"hit",…}` or a miss. */
  async get(question: Question): Promise<string> {
    const { clock } = this.#deps;
    const began = clock.monotonic();
    await this.#arriving.of(question);
    const found = (await this.#finder.find(question)) ?? (await this.#finder.findAlike(question));
    this.#count(question.ns, found);
    this.served.latency[found ? 'hit' : 'miss'].push(clock.monotonic() - began);
    return found ? this.#foundText(question.key, found) : missText(question.key);
  }

  /** A result, or the right to compute it; waits for the holder of that right. */
  async take(question: Question, asker: Asker, waitMs: number): Promise<string> {
    const { ns, key } = question;
    await this.#arriving.of(question);
    for (let round = 1; ; round += 1) {
      const found = (await this.#finder.find(question)) ?? (round === 1 ? await this.#finder.findAlike(question) : null);
      if (found) {
        const refresh = found.state === 'stale' ? this.#lease(question, asker) : null;
        this.#count(ns, found);
        return this.#foundText(key, found, refresh === null ? '' : `,"refresh":"${refresh.id}"`);
      }
      // Nothing is coordinated while results are off.
      if (this.#deps.mode() === 'off') return this.#missed(ns, '{"state":"timeout"}');
      // A result may have come meanwhile; the number of rounds is limited because it may not be servable.
      if (round < mostRounds && this.#finder.isThere(question)) continue;
      const lease = this.#lease(question, asker);
      if (lease) return this.#missed(ns, leaseText(lease));
      const outcome = await this.#flights.wait(ns, key, asker, waitMs);
      if (outcome.state === 'done') {
        this.#usage(ns, { hits: 1, coalesced: 1 });
        this.served.hit(ns, 'computation');
        return `{"state":"hit","key":"${key}","ageMs":0,${this.#fields(outcome.result)}}`;
      }
      if (outcome.state === 'compute') return this.#missed(ns, leaseText(outcome.lease));
      // A caller that does not wait polls.
      if (outcome.state === 'timeout') return waitMs === 0 ? '{"state":"timeout"}' : this.#missed(ns, '{"state":"timeout"}');
      return this.#missed(ns, JSON.stringify({ state: 'error', error: outcome.error, coalescedError: true }));
    }
  }

  /** Stores a result, and gives it to all waiters. @throws CacheError BAD_REQUEST, NOT_FOUND, LEASE_LOST */
  async put({ given, ...request }: PutRequest): Promise<MemoPutAnswer> {
    // Of two results of a key the later one stays.
    while (this.#arriving.of(request)) await this.#arriving.of(request);
    if (!('staged' in given)) return this.#put({ ...request, given });
    const known = this.#leaseOf(request);
    // All others may be refused when their hash is known.
    const isSure = request.costMs === null && !request.negative && (!known || (known.held && !known.lease.isVoid));
    return this.#arriving.put({ ...request, given }, { isSure, lease: known?.lease ?? null });
  }

  async #put(request: PutRequest<Given>): Promise<MemoPutAnswer> {
    const { ns, key } = request;
    const lease = this.#leaseOf(request);
    const store = this.#store();
    // No asker waits, and no blob exists.
    if (this.#deps.mode() === 'off') return { stored: false, reason: 'OFF', key };
    const value = draft(store, request.given);
    // Waiters need not wait for the disk: their answers are sent first. A result with a lost lease is compared instead.
    if ((!lease || lease.held) && this.#flights.tell(ns, key, resultOf(key, value)) > 0) await setImmediate();
    const reason = await this.#stored(store, request, value, lease).catch((error) => this.#refused(error));
    if (reason !== 'DISAGREES') this.#flights.done(ns, key, resultOf(key, value));
    if (reason === null) {
      this.lateRefusals.forget(request);
      this.#usage(ns, { stores: 1, bytesIn: value.bytes });
      if (request.asked) this.#finder.learn({ ...request, asked: request.asked });
    } else this.#usage(ns, reason === 'DISAGREES' ? { disagreements: 1 } : { rejected: 1 });
    return reason === null ? { stored: true, key } : { stored: false, reason, key };
  }

  /** The texts asked in similar words, the nearest first. @param asked `scope` null = of all scopes */
  similar(ns: string, asked: { text: string; scope: string | null }, most: number): Promise<MemoSimilarAnswer> {
    return this.#finder.similar(ns, asked, most);
  }

  /** @throws CacheError LEASE_LOST */
  renew(id: string, holder: (lease: Lease) => Presence): Lease {
    return this.#flights.renew(id, holder);
  }

  /** Gives a lease back; with an error each waiter is told of it, once. */
  release(id: string, error: string | null): void {
    if (error === null) this.#flights.release(id);
    else this.#flights.failed(id, error);
  }

  /** Gives a lease back whose result cannot be shared: all waiters compute. */
  dissolve(id: string): void {
    this.#flights.dissolve(id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#unsubscribe();
    await this.#arriving.all();
    this.#flights[Symbol.dispose]();
    await this.#shared?.[Symbol.asyncDispose]();
    await this.#opened[Symbol.asyncDispose]();
  }

  #sharing(): Pick<SharedLayerDeps, 'sources' | 'store' | 'isKeeping'> {
    const isKeeping = () => this.#deps.mode() === 'on' && this.#deps.state() === 'here';
    return { sources: this.#sources, store: () => this.#opened.open, isKeeping };
  }

  /** Null when nothing is served. */
  #store(): Store | null {
    return this.#deps.mode() === 'off' ? null : this.#opened.store;
  }

  async #stored(
    store: Store | null,
    request: PutRequest<Given>,
    value: ReturnType<typeof draft>,
    lease: { lease: Lease; held: boolean } | null,
  ): Promise<MemoRefusal | null> {
    const { ns } = request;
    if (this.#deps.mode() === 'read-only' || !store || this.#deps.state() !== 'here') return 'READ_ONLY';
    const { epoch, settings } = store.namespaces.of(ns);
    const isVoid = () => lease?.lease.isVoid === true;
    if (isVoid()) return 'INVALIDATED';
    const deps = { ...this.#deps, sources: this.#sources };
    const reason = refusal(deps, value, request, settings);
    if (reason !== null) return reason;
    if (lease && !lease.held) {
      // An equal result is accepted from any program; a different one shows that the key does not determine it.
      const known = await this.#finder.find({ ns: request.ns, key: request.key, as: 'value' });
      if (known?.state === 'hit')
        return isSameValue({ ...known.result, text: known.result.text ?? '' }, value) ? null : 'DISAGREES';
    }
    const heldMs = lease && Math.round(this.#deps.clock.monotonic() - lease.lease.since);
    return storeValue(deps, store, { request, value, epoch, heldMs, isVoid });
  }

  /** @throws CacheError BAD_REQUEST when the lease is of another key */
  #leaseOf({ ns, key, lease }: Omit<PutRequest, 'given'>): { lease: Lease; held: boolean } | null {
    const known = lease === null ? null : this.#flights.find(lease);
    if (known && (known.lease.ns !== ns || known.lease.key !== key))
      throw new CacheError('BAD_REQUEST', 'the lease is of another key');
    return known;
  }

  /** Why a result was not stored; waiters get it in any case. @throws CacheError */
  #refused(error: unknown): MemoRefusal {
    const reason = refusalFor(error);
    this.#opened.trouble(error);
    return reason;
  }

  #lease({ ns, key }: Question, asker: Asker): Lease | null {
    return this.#flights.lease(ns, key, asker);
  }

  #sourceChanged(path: string): void {
    const dep = `${fileScheme}${path}`;
    this.#sources.forget(dep);
    const store = this.#opened.existing;
    store?.removeBehind(store.entries.withDep(dep));
  }

  #count(ns: string, found: Found | null): void {
    if (!found) return void this.#missed(ns, '');
    const { entry, state, layer, likeness } = found;
    const secondsSaved = (entry.costMs ?? 0) / 1000;
    this.served.hit(ns, layer);
    const hit = { hits: 1, stale: state === 'stale' ? 1 : 0, alike: likeness ? 1 : 0 };
    this.#usage(ns, { ...hit, bytesOut: entry.bytes, secondsSaved });
  }

  #missed(ns: string, answer: string): string {
    this.#usage(ns, { misses: 1 });
    return answer;
  }

  #usage(ns: string, part: Parameters<Store['usage']['add']>[1]): void {
    this.#store()?.usage.add(ns, part);
  }

  #foundText(key: string, { state, ageMs, result, likeness }: Found, more = ''): string {
    const similar = likeness ? `,"similar":${JSON.stringify(likeness)}` : '';
    return `{"state":"${state}","key":"${key}","ageMs":${Math.round(ageMs)},${this.#fields(result)}${similar}${more}}`;
  }

  #fields(result: Result): string {
    return resultFields(result, (sha256) => this.#opened.store?.files.pathOf(sha256) ?? '');
  }
}
