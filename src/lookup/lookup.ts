import { setTimeout as sleep } from 'node:timers/promises';
import type { LookupAnswer, LookupRequest } from '../api/api.ts';
import type { Priority, SourceState } from '../core/types.ts';
import type { Clock } from '../runtime/clock.ts';
import { within } from '../runtime/deadline.ts';
import type { Log } from '../runtime/log.ts';
import type {
  AskedBy,
  CopyInProgress,
  Examination,
  Located,
  LookupOptions,
  Planner,
  Sources,
  Speeds,
  UsableCopies,
} from './collaborators.ts';
import type { Copies } from './copies.ts';
import { decide } from './decide.ts';
import type { LoadUsage } from './load-usage.ts';
import { type Answered, whyNoPath } from './no-path.ts';
import type { LookupStats } from './stats.ts';
import { isUndecided, waitMsFor } from './wait.ts';

export interface LookupDeps {
  sources: Sources;
  copies: Copies;
  planner: Planner;
  usage: LoadUsage;
  speeds: Speeds;
  options: LookupOptions;
  stats: LookupStats;
  clock: Clock;
  log: Log;
  /** Receives the error of every failed lookup. */
  onTrouble(error: unknown): void;
}

/** Pause before a source that is still slow is asked again, ms. */
const lookAgainMs = 250;

interface Found {
  located: Located;
  source: SourceState;
}

/**
 * The heart of the daemon: finds the file, has `decide` judge, answers, and requests a copy. The only disk access here is one stat.
 */
export class Lookup {
  readonly #deps: LookupDeps;

  constructor(deps: LookupDeps) {
    this.#deps = deps;
  }

  /** Never rejects: after any error, the program gets its own path (law 5). */
  async answer(request: LookupRequest): Promise<Answered> {
    const { stats, usage, clock, log, onTrouble } = this.#deps;
    const time = { start: clock.monotonic(), waited: 0 };
    let answer: Answered;
    const asked = request.path ?? request.name ?? '';
    let found: Found | null = null;
    try {
      found = await this.#find(request, 'loader');
      answer = found ? await this.#answer(request, found, time) : fromSource(asked, null, 'BYPASS_UNKNOWN_ROOT');
    } catch (error) {
      log.error({ err: error, path: request.path }, 'lookup failed; the asker gets its own path');
      setImmediate(() => onTrouble(error));
      answer = this.#afterTrouble(request);
    }
    if (isAskedAgain(request, answer.reason)) return answer;
    const app = request.client?.app ?? null;
    const located = found?.located ?? null;
    // Records of one file are kept under one path, for any alias or name in the request.
    const path = located?.path ?? asked;
    stats.record(
      { at: clock.now(), path, reason: answer.reason, purpose: request.purpose, app },
      clock.monotonic() - time.start - time.waited,
    );
    if (request.purpose === 'load') usage.answered(request, answer.reason === 'SOURCE_MISSING' ? null : located);
    log.debug({ path, reason: answer.reason, tier: answer.tier }, 'lookup');
    return answer;
  }

  /** All facts for a lookup of this file, or null when it lies below no known root. */
  async examine(request: LookupRequest): Promise<Examination | null> {
    const found = await this.#find(request, 'command');
    return found && this.#examine(request, found);
  }

  async #answer(request: LookupRequest, found: Found, time: { start: number; waited: number }): Promise<Answered> {
    const { clock } = this.#deps;
    const isFirst = request.waitMs > 0 && (request.waitedMs ?? 0) === 0;
    const sliceMs = request.sliceMs ?? Number.POSITIVE_INFINITY;
    let examination = this.#examine(request, found, isFirst);
    if (found.source.state === 'slow') this.#followLate(request, found);
    if (isUndecided(examination) && !examination.job) {
      const spent = clock.monotonic() - time.start;
      await this.#awaitSource(request, found, Math.min(waitMsFor(request, examination, this.#deps), sliceMs) - spent);
      time.waited = clock.monotonic() - time.start - spent;
      examination = this.#examine(request, found, isFirst);
    }
    const waitedMs = (request.waitedMs ?? 0) + time.waited;
    const waitMs = waitMsFor({ ...request, waitedMs }, examination, this.#deps);
    const job = this.#follow(request, examination, waitMs > 0 ? 'wait' : 'background');
    if (!job || waitMs <= 0) return this.#give(request, examination, job);
    const waitsFrom = clock.monotonic();
    await job.awaited(Math.max(0, Math.min(waitMs, sliceMs - time.waited)));
    time.waited += clock.monotonic() - waitsFrom;
    found.located = this.#again(found.located);
    return this.#giveAfterWait(request, this.#examine(request, found), job);
  }

  /** Waits at most `ms` for the answer of a source that is late, and records it. */
  async #awaitSource(request: LookupRequest, found: Found, ms: number): Promise<void> {
    const { clock } = this.#deps;
    const until = clock.monotonic() + ms;
    for (let left = ms; left > 0 && found.source.state === 'slow'; left = until - clock.monotonic()) {
      const late = await within(this.#find(request, 'command'), left, null);
      if (late === null) return;
      Object.assign(found, late);
      // A source that is known to be slow may be refused at once.
      if (late.source.state === 'slow') await sleep(Math.min(left, lookAgainMs));
    }
  }

  /** The requested source and its state; null below no known root. */
  async #find(request: LookupRequest, askedBy: AskedBy): Promise<Found | null> {
    const { sources, copies } = this.#deps;
    if (request.path !== undefined) {
      const located = sources.locate(request.path);
      if (!located) return null;
      // A placeholder's ctime says nothing of its model.
      const told = askersStat(request, located.isRemote ? undefined : copies.changedAt(located.path));
      if (told) return { located, source: told };
      const source = await sources.stat(located, askedBy);
      return { located: this.#again(located), source };
    }
    const places = sources.candidates(request.category ?? '', request.name ?? '');
    const look = (located: Located) =>
      sources.stat(located, askedBy).then((source) => ({ located: this.#again(located), source }));
    const near = await Promise.all(places.filter(({ isRemote }) => !isRemote).map(look));
    const nearest = near.find(({ source }) => source.state === 'present');
    // Remotes are not asked for a local file.
    const far = nearest ? [] : await Promise.all(places.filter(({ isRemote }) => isRemote).map(look));
    const found = [...near, ...far];
    const here = nearest ?? far.find(({ source }) => source.state === 'present');
    // Without a reachable source, the name with a copy is meant, unless its source was deleted.
    const isKept = ({ copy, cold }: UsableCopies) => copy !== null || cold !== null;
    const unseen = found.filter(({ source }) => source.state !== 'missing');
    return here ?? unseen.find(({ located }) => isKept(copies.usable(located))) ?? unseen[0] ?? found[0] ?? null;
  }

  /** Locates a file again: meanwhile a link may have turned out to lead to another disk, or its path to have another spelling. */
  #again(located: Located): Located {
    return this.#deps.sources.locate(located.path) ?? located;
  }

  /** @param retries whether a failed copy of a remote's model is retried at once: nothing else helps a program that waits for it */
  #examine(request: LookupRequest, { located, source }: Found, retries = false): Examination {
    const { copies, planner, options } = this.#deps;
    const usable = copies.usable(located, source);
    const { copy, cold } = usable;
    // A file has one category under all its names.
    const category = located.category ?? request.category ?? null;
    const job = planner.activeJob(located.path) ?? null;
    const state = job?.state;
    const mode = options.mode();
    const decision = decide({
      mode,
      purpose: request.purpose,
      wantsOwnPath: request.client?.nodeClass !== undefined && options.wantsOwnPath(request.client.nodeClass),
      file: { path: located.path, rel: located.rel, category },
      medium: located.medium,
      ...(located.isRemote && { isRemote: true, retries }),
      source,
      copy,
      cold,
      ...(copy === null &&
        cold === null &&
        isOutOfReach(source) && {
          others: planner.withoutSource?.({ ...located, category }) ?? null,
        }),
      incomplete: copy !== null && !planner.isComplete(located.path, copy.tier),
      job: state === 'queued' || state === 'running' ? state : null,
      failure: planner.recentFailure(located.path) ?? null,
      filters: options.filters,
      // It costs a look at the disk; a hit needs none.
      ...(copy === null && { cacheState: options.cacheState() }),
      limit: options.limit(),
    });
    const isCacheAway = decision.reason === 'OFF' && mode !== 'off';
    return { ...usable, located: { ...located, category }, source, job, decision, isCacheAway };
  }

  /** Follows an answer of the source that comes too late for this client. */
  #followLate({ size: _, mtimeNs: __, ctimeNs: ___, ...request }: LookupRequest, { located }: Found): void {
    const { sources, log } = this.#deps;
    const follow = async () => {
      const source = await sources.stat(located, 'command');
      if (source.state !== 'present') return;
      this.#follow(request, this.#examine(request, { located: this.#again(located), source }), 'background');
    };
    follow().catch((err) => log.error({ err, path: located.path }, 'a late answer of a source could not be followed'));
  }

  /** Carries out the decision: takes copies out of service, and returns the job of the requested or active copy. */
  #follow(request: LookupRequest, examination: Examination, priority: Priority): CopyInProgress | null {
    const { copies, planner } = this.#deps;
    const { located, decision } = examination;
    // An asker's stat retires no copy: the daemon looks for itself, after the answer.
    const isTold = decision.retire === true && request.size !== undefined;
    if (isTold) setImmediate(() => this.#followLate(request, examination));
    else copies.takeOutOfService(examination);
    if (!decision.request || request.purpose !== 'load') return planner.activeJob(located.path) ?? null;
    return planner.request({ ...located, fingerprint: decision.request }, priority);
  }

  /** The answer after an error while a file was looked for: its own path, if it has one. */
  #afterTrouble({ path = '', name = '', purpose }: LookupRequest): Answered {
    const answer = fromSource(path || name, null, 'ERROR');
    if (purpose === 'scan' || !this.#isRemote(path)) return answer;
    return { ...answer, noPath: `${path} lies on a remote only, and looking for its copy failed; see the daemon's log` };
  }

  #isRemote(path: string): boolean {
    try {
      return this.#deps.sources.locate(path)?.isRemote ?? false;
    } catch {
      return false;
    }
  }

  #give(request: LookupRequest, examination: Examination, job: CopyInProgress | null): Answered {
    const { usage, planner } = this.#deps;
    const { located, copy, decision } = examination;
    const entry = examination.entry?.id ?? null;
    const isLoad = request.purpose === 'load';
    if (isLoad && !isAskedAgain(request, decision.reason)) usage.count(request, examination);
    if (decision.serve === 'copy' && copy) {
      const leaseMs = usage.handOut(examination, copy, request);
      return { path: copy.path, tier: copy.tier, reason: decision.reason, leaseMs, entry, job: null };
    }
    const path = request.path ?? located.path;
    const answer = { ...fromSource(path, located.medium, decision.reason), entry, job: job?.view() ?? null };
    if (!located.isRemote || isAskedAgain(request, decision.reason)) return answer;
    const noPath = whyNoPath(request, examination, { job, failure: planner.recentFailure(located.path) });
    return noPath === undefined ? answer : { ...answer, noPath };
  }

  #giveAfterWait(request: LookupRequest, examination: Examination, job: CopyInProgress): Answered {
    const { decision } = examination;
    const open = job.state === 'queued' || job.state === 'running' || job.state === 'cancelled';
    const reason = decision.serve === 'copy' ? 'HIT_AFTER_WAIT' : open ? 'WAIT_TIMEOUT' : decision.reason;
    // The source changed during that copy, so a new one is requested.
    const next = open ? null : this.#follow(request, examination, 'background');
    return this.#give(request, { ...examination, decision: { ...decision, reason } }, next ?? job);
  }
}

/** A wait in slices is one lookup: only its end counts. */
function isAskedAgain({ sliceMs }: LookupRequest, reason: LookupAnswer['reason']): boolean {
  return sliceMs !== undefined && reason === 'WAIT_TIMEOUT';
}

function isOutOfReach({ state }: SourceState): boolean {
  return state === 'away' || state === 'denied';
}

/**
 * The source as the asker sees it; null when it did not tell, or when its ctime is not the known one: then the daemon looks itself,
 * because ctimes can differ in a container or over a network.
 */
function askersStat({ size, mtimeNs, ctimeNs }: LookupRequest, known: string | undefined): SourceState | null {
  if (size === undefined || mtimeNs === undefined) return null;
  if (ctimeNs === undefined || known === undefined) return { state: 'present', fingerprint: { size, mtimeNs, ino: null } };
  return ctimeNs === known ? { state: 'present', fingerprint: { size, mtimeNs, ctimeNs, ino: null } } : null;
}

function fromSource(path: string, tier: LookupAnswer['tier'], reason: LookupAnswer['reason']): LookupAnswer {
  return { path, tier, reason, leaseMs: 0, entry: null, job: null };
}
