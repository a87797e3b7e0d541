import type {
  ClearRequest,
  ConfigAnswer,
  ConfigChange,
  EvictRequest,
  ForgetRootsAnswer,
  ForgetRootsRequest,
  JobView,
  Leaving,
  LookupAnswer,
  LookupRequest,
  RemovalAnswer,
  RootsAnswer,
  RootsRequest,
  WarmAnswer,
  WarmRequest,
} from '../api/api.ts';
import type { DaemonFile } from '../api/daemon-file.ts';
import type { EntriesAnswer, EntriesQuery, SourcesAnswer } from '../api/entries.ts';
import type { DaemonEvent } from '../api/event-text.ts';
import type { ExplainAnswer } from '../api/explain.ts';
import type { FarmAnswer, FarmLocateAnswer } from '../api/farm.ts';
import type { MissesAnswer } from '../api/loads.ts';
import type { PinAnswer, PinnedAnswer, PinRequest } from '../api/pins.ts';
import type { RemotesAnswer } from '../api/remotes.ts';
import type { StatsAnswer } from '../api/stats.ts';
import type { TakeOverAnswer, TakeOverRequest } from '../api/take-over.ts';
import type { VerifyAnswer, VerifyRequest } from '../api/verify.ts';
import type { PrefetchAnswer, WorkflowAnswer } from '../api/workflow.ts';
import type { BroughtBackRequest, WrittenAnswer } from '../api/written.ts';
import { CallTimeout, NotTheDaemon } from '../client/connection.ts';
import { type Call, type CallAnswer, DaemonCalls } from '../client/daemon-call.ts';
import { type FoundDaemon, findDaemon } from '../client/daemon-file.ts';
import { CacheError, type ErrorBody, linesOf, messageOf } from '../core/errors.ts';
import { parseForPrinting } from '../core/json.ts';
import { readEvents } from './sse.ts';

const usualWaitMs = 30_000;

/** The daemon's HTTP API, typed. Every method throws `CacheError`: the daemon's own, or `NOT_RUNNING` when there is no answer. */
export class Client {
  readonly #found: FoundDaemon;
  readonly #calls = new DaemonCalls();

  constructor(found: FoundDaemon) {
    this.#found = found;
  }

  /** @throws CacheError `NOT_RUNNING` when the state directory names no daemon. */
  static async find(stateDir: string): Promise<Client> {
    return new Client(findDaemon(stateDir));
  }

  get daemon(): DaemonFile {
    const { url, pid, version, tokenFile } = this.#found;
    return { url, pid, version, tokenFile };
  }

  async healthy(): Promise<boolean> {
    const { status } = await this.#send('GET', '/healthz', { answerMs: 2_000 });
    return status === 200;
  }

  lookup(body: LookupRequest): Promise<LookupAnswer> {
    return this.ask('POST', '/api/lookup', { body, answerMs: usualWaitMs + body.waitMs });
  }

  remotes(): Promise<RemotesAnswer> {
    return this.ask('GET', '/api/remotes');
  }

  farm(): Promise<FarmAnswer> {
    return this.ask('GET', '/api/farm');
  }

  locate(path: string): Promise<FarmLocateAnswer> {
    return this.ask('GET', `/api/farm/locate?${new URLSearchParams({ path })}`);
  }

  stats(): Promise<StatsAnswer> {
    return this.ask('GET', '/api/cache/stats');
  }

  config(): Promise<ConfigAnswer> {
    return this.ask('GET', '/api/cache/config');
  }

  /** The copies that would leave after such a change; nothing changes. Undefined when it does not touch the limit. */
  async leavingAfter(change: ConfigChange): Promise<Leaving | undefined> {
    return (await this.configAfter(change)).leaving;
  }

  /** The settings in force, and the cost of such a change; nothing changes. */
  configAfter(change: ConfigChange): Promise<ConfigAnswer> {
    return this.ask('GET', `/api/cache/config?${new URLSearchParams(change as Record<string, string>)}`);
  }

  changeConfig(body: ConfigChange): Promise<ConfigAnswer> {
    return this.ask('POST', '/api/cache/config', { body });
  }

  clear(body: ClearRequest): Promise<RemovalAnswer> {
    return this.ask('POST', '/api/cache/clear', { body, answerMs: null });
  }

  entries(query: EntriesQuery): Promise<EntriesAnswer> {
    const words = Object.fromEntries(Object.entries(query).map(([key, value]) => [key, String(value)]));
    return this.ask('GET', `/api/cache/entries?${new URLSearchParams(words)}`);
  }

  /** Files on the sources that no program has asked for yet. */
  sources(query: { search?: string; limit?: number } = {}): Promise<SourcesAnswer> {
    const words = Object.fromEntries(Object.entries(query).map(([key, value]) => [key, String(value)]));
    return this.ask('GET', `/api/cache/sources?${new URLSearchParams(words)}`);
  }

  warm(body: WarmRequest): Promise<WarmAnswer> {
    return this.ask('POST', '/api/cache/warm', { body, answerMs: null });
  }

  analyze(body: object): Promise<WorkflowAnswer> {
    return this.ask('POST', '/api/workflows/analyze', { body });
  }

  prefetch(body: object): Promise<PrefetchAnswer> {
    return this.ask('POST', '/api/workflows/prefetch', { body });
  }

  /** A prompt that runs, with its `promptId`. */
  running(body: object): Promise<{ ok: true }> {
    return this.ask('POST', '/api/workflows/running', { body });
  }

  registerRoots(body: RootsRequest): Promise<RootsAnswer> {
    return this.ask('POST', '/api/roots', { body });
  }

  forgetRoots(body: ForgetRootsRequest): Promise<ForgetRootsAnswer> {
    return this.ask('DELETE', '/api/roots', { body, answerMs: null });
  }

  readonly pinned = (): Promise<PinnedAnswer> => this.ask('GET', '/api/cache/pins');

  pin(body: PinRequest): Promise<PinAnswer> {
    return this.ask('POST', '/api/cache/pin', { body });
  }

  unpin(body: PinRequest): Promise<PinAnswer> {
    return this.ask('POST', '/api/cache/unpin', { body });
  }

  evict(body: EvictRequest): Promise<RemovalAnswer> {
    return this.ask('POST', '/api/cache/evict', { body, answerMs: null });
  }

  takeOver(body: TakeOverRequest): Promise<TakeOverAnswer> {
    return this.ask('POST', '/api/cache/take-over', { body, answerMs: null });
  }

  written(): Promise<WrittenAnswer> {
    return this.ask('GET', '/api/cache/written');
  }

  broughtBack(body: BroughtBackRequest): Promise<WrittenAnswer> {
    return this.ask('POST', '/api/cache/written', { body });
  }

  verify(body: VerifyRequest): Promise<VerifyAnswer> {
    return this.ask('POST', '/api/cache/verify', { body, answerMs: null });
  }

  /** @param file an absolute path, or a name as `category/name` */
  explain(file: string | { name: string }): Promise<ExplainAnswer> {
    const query = new URLSearchParams(typeof file === 'string' ? { path: file } : file);
    return this.ask('GET', `/api/cache/explain?${query}`);
  }

  jobs(): Promise<{ jobs: JobView[]; paused: boolean }> {
    return this.ask('GET', '/api/jobs');
  }

  /** Pauses or resumes all copies. */
  pauseJobs(paused: boolean): Promise<{ paused: boolean }> {
    return this.ask('POST', `/api/jobs/${paused ? 'pause' : 'resume'}`, { body: {} });
  }

  cancelJob(id: number): Promise<unknown> {
    return this.ask('DELETE', `/api/jobs/${id}`);
  }

  /** Path of a one-time sign-in link below the daemon's address, valid for a minute. */
  dashboard(): Promise<{ path: string }> {
    return this.ask('POST', '/api/dashboard/code', { body: {} });
  }

  /** Ends every sign-in to the dashboard. */
  signOutBrowsers(): Promise<{ signedOut: number }> {
    return this.ask('POST', '/api/dashboard/sign-out', { body: { all: true } });
  }

  shutdown(): Promise<{ stopping: true }> {
    return this.ask('POST', '/api/shutdown', { body: {} });
  }

  /** The daemon's events from now on: when this resolves, none is missed. Ends when `signal` aborts or the daemon goes away. */
  events(signal: AbortSignal): Promise<AsyncGenerator<DaemonEvent>> {
    return this.stream('GET', '/api/events', { signal });
  }

  /** An answer that is a stream of events. Ends as `events` does. */
  async stream<Event>(
    method: string,
    path: string,
    { signal, ...options }: { signal: AbortSignal; body?: unknown },
  ): Promise<AsyncGenerator<Event>> {
    const call = this.#call(method, path, options);
    const answer = await this.#calls.stream(this.#found, call, signal).catch((error: unknown) => this.#unreachable(error));
    if ('text' in answer) return parse(answer);
    answer.setEncoding('utf8');
    return quietEnd(readEvents<Event>(answer));
  }

  /** The recorded loads, CSV. */
  async trace(): Promise<string> {
    const answer = await this.#send('GET', '/api/loads/trace', { answerMs: null });
    return answer.status === 200 ? answer.text : parse(answer);
  }

  misses(): Promise<MissesAnswer> {
    return this.ask('GET', '/api/loads/misses', { answerMs: null });
  }

  /** Any request, for commands of one part of the API. */
  async ask<T>(method: string, path: string, options: { body?: unknown; answerMs?: number | null } = {}): Promise<T> {
    return parse<T>(await this.#send(method, path, options));
  }

  #send(method: string, path: string, options: { body?: unknown; answerMs?: number | null }): Promise<CallAnswer> {
    return this.#calls.call(this.#found, this.#call(method, path, options)).catch((error: unknown) => this.#unreachable(error));
  }

  #call(method: string, path: string, options: { body?: unknown; answerMs?: number | null }): Call {
    return { method, path, connectMs: 2_000, answerMs: usualWaitMs, ...options };
  }

  #unreachable(cause: unknown): never {
    const { url, pid } = this.#found;
    if (cause instanceof CallTimeout) {
      const message = `the daemon at ${url} does not answer`;
      throw new CacheError('NOT_RUNNING', message, {
        hint: `if it stays so, end process ${pid} and run: autocached start`,
        cause,
      });
    }
    if (cause instanceof NotTheDaemon) {
      throw new CacheError('NOT_RUNNING', cause.message, {
        hint: `nothing was said to it; free its port or set another one in AUTOCACHE_LISTEN, then run: autocached start`,
        cause,
      });
    }
    if (refused.has((cause as NodeJS.ErrnoException).code ?? '')) {
      throw new CacheError('NOT_RUNNING', 'the daemon is not running', { hint: 'autocached start', cause });
    }
    throw new CacheError('NOT_RUNNING', `the daemon at ${url} broke off: ${messageOf(cause)}`, {
      hint: 'autocached status',
      cause,
    });
  }
}

const refused = new Set(['ECONNREFUSED', 'EADDRNOTAVAIL', 'ENOENT']);

/** A result may have numbers that JavaScript would round. */
const mayLoseDigits = /[^\d."]\d{16}/;

function parse<T>({ status, text }: CallAnswer): T {
  let answer: unknown;
  try {
    answer = text === '' ? null : mayLoseDigits.test(text) ? parseForPrinting(text) : JSON.parse(text);
  } catch {
    throw new CacheError('INTERNAL', `the daemon answered ${status} with something that is not JSON`, {
      hint: 'is another program listening at the address in daemon.json?',
    });
  }
  if (status >= 200 && status < 300) return answer as T;
  const { code, message, hint } = (answer as { error?: Partial<ErrorBody> } | null)?.error ?? {};
  const [first, lines] = linesOf(message ?? `the daemon answered ${status}`);
  throw new CacheError(code ?? 'INTERNAL', first, { lines, ...(hint && { hint }) });
}

/** Ends the stream quietly when it breaks because one of the two sides went away. */
async function* quietEnd<Event>(events: AsyncGenerator<Event>): AsyncGenerator<Event> {
  try {
    yield* events;
  } catch (error) {
    const { code, name } = error as NodeJS.ErrnoException;
    if (code !== 'ECONNRESET' && name !== 'AbortError') throw error;
  }
}
