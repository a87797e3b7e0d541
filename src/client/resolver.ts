import type { BigIntStats } from 'node:fs';
import { lstat, stat } from 'node:fs/promises';
import { isAbsolute, resolve as resolvePath } from 'node:path';
import type { JobView, LookupAnswer, LookupRequest } from '../api/api.ts';
import { stateDirFromEnvironment } from '../config/env.ts';
import { fromDaemon, isWithin, toDaemon } from '../config/remote.ts';
import { type Medium, type Purpose, type Reason, reasons, type TierName } from '../core/types.ts';
import { within } from '../runtime/deadline.ts';
import { processAt } from '../runtime/processes.ts';
import { Breaker } from './breaker.ts';
import { CallTimeout } from './connection.ts';
import { DaemonCalls } from './daemon-call.ts';
import type { FoundDaemon } from './daemon-file.ts';
import { KnownDaemon } from './known-daemon.ts';
import { assertNoPlaceholder, refusalOf } from './no-placeholder.ts';

export interface ResolverOptions {
  /** Directory of `daemon.json`; default: the state directory of the environment. */
  stateDir?: string;
  /**
   * Longest waits for the connection and, beyond `waitMs`, for the answer; default 50 and 250 ms. For a minute after a late answer, the
   * next ones get longer, up to 2 s: the machine is busy.
   */
  timeoutMs?: { connect?: number; answer?: number };
  /** Longest wait of `resolve` for a copy being made, in ms; default 0. */
  waitMs?: number;
}

export interface ResolveOptions {
  /** With `name`: ComfyUI's name of the file. Finds a copy even when the source is offline under another path. */
  category?: string;
  name?: string;
  /** Default `load`: the only one that counts as use and may start a copy. */
  purpose?: Purpose;
  waitMs?: number;
}

/** Path to open a file at. `path` is always usable: a true copy, or exactly the requested path, which is never a placeholder. */
export interface Resolution {
  path: string;
  tier: TierName | Medium | null;
  /** `ERROR` also means a daemon that is absent, dead or hung. */
  reason: Reason;
  /** Time for which the daemon keeps the path, in ms; 0 for a path that is not a copy. */
  leaseMs: number;
  job: JobView | null;
}

export interface Resolver {
  /**
   * Never waits longer than the time-outs plus `waitMs`. After a late answer the daemon is left alone for 1 s, then 2 s, up to 10 s.
   * @throws Error only for a model that lies on a remote only and has no copy: it has no path that could be opened. The message says why
   */
  resolve(path: string, options?: ResolveOptions): Promise<Resolution>;
  /** Closes the connections to the daemon. */
  close(): void;
}

/** Asks the daemon where best to open files. After any trouble, the answer is the requested path. */
export function createResolver(options: ResolverOptions = {}): Resolver {
  const stateDir = options.stateDir ?? stateDirFromEnvironment();
  const connectMs = options.timeoutMs?.connect ?? 50;
  const answerMs = options.timeoutMs?.answer ?? 250;
  const own = processAt(process.pid);
  const breaker = new Breaker();
  const known = new KnownDaemon(stateDir, () => breaker.reset());
  const calls = new DaemonCalls();
  const statSource = bounded((path) => stat(path, { bigint: true }), answerMs);
  const statCopy = bounded((path) => lstat(path, { bigint: true }), answerMs);

  async function ask(path: string, { category, name, purpose, waitMs }: ResolveOptions, told: Told): Promise<Resolution> {
    const source = resolvePath(path);
    const daemon = await known.find();
    const started = breaker.enter();
    if (started === null) return unchanged(path);
    const found = await statSource(source);
    // The size of a directory says nothing.
    const seen = found?.isFile() ? found : undefined;
    const wait = waitMs ?? options.waitMs ?? 0;
    const body: LookupRequest = {
      path: toDaemon(daemon, source),
      ...(seen && { size: Number(seen.size), mtimeNs: String(seen.mtimeNs), ctimeNs: String(seen.ctimeNs) }),
      ...(category !== undefined && { category }),
      ...(name !== undefined && { name }),
      purpose: purpose ?? 'load',
      waitMs: wait,
      client: { app: 'node', pid: process.pid },
    };
    try {
      const patience = breaker.patience(answerMs);
      const call = { method: 'POST', path: '/api/lookup', body, process: own, connectMs, answerMs: patience + wait };
      const { status, text } = await calls.call(daemon, call);
      const answer = status === 200 ? parseAnswer(text) : null;
      // A refused request (4xx) is no sign of a sick daemon, unless its token is refused.
      if (!answer && (status < 400 || status >= 500 || status === 401)) throw new Error(`unusable answer (${status})`);
      breaker.reset();
      if (!answer) told.why = refusalOf(text);
      return answer ? await verified(path, answer, daemon, seen?.size) : unchanged(path);
    } catch (error) {
      breaker.failed(started, error instanceof CallTimeout ? 'late' : 'broken');
      known.forget();
      throw error;
    }
  }

  /** The copy if it is in a cache directory, is a regular file, no link, and has the size of the source. Else the requested path. */
  async function verified(
    path: string,
    answer: LookupAnswer,
    daemon: FoundDaemon,
    size: bigint | undefined,
  ): Promise<Resolution> {
    const { tier, reason, leaseMs, job } = answer;
    const given = fromDaemon(daemon, answer.path);
    if (given === resolvePath(path)) return { path, tier, reason, leaseMs, job };
    if (!daemon.directories.some((directory) => isWithin(given, directory))) return unchanged(path);
    const copy = await statCopy(given);
    if (!copy?.isFile() || copy.size === 0n || (size !== undefined && copy.size !== size)) return unchanged(path);
    return { path: given, tier, reason, leaseMs, job };
  }

  /** Refuses a placeholder: a program could not use it. */
  async function resolve(path: string, asked: ResolveOptions = {}): Promise<Resolution> {
    const told: Told = { why: null };
    const resolution = await ask(path, asked, told).catch(() => unchanged(path));
    if (asked.purpose !== 'scan' && resolution.path === path) await assertNoPlaceholder(path, told.why, statSource);
    return resolution;
  }

  return {
    resolve,
    close: () => calls.close(),
  };
}

/** The daemon's reason for a refusal, for people. */
interface Told {
  why: string | null;
}

function unchanged(path: string): Resolution {
  return { path, tier: null, reason: 'ERROR', leaseMs: 0, job: null };
}

function parseAnswer(text: string): LookupAnswer | null {
  try {
    const answer = JSON.parse(text) as LookupAnswer;
    return isAbsolute(answer.path) && reasons.includes(answer.reason) ? answer : null;
  } catch {
    return null;
  }
}

/**
 * A stat, or undefined if there is none in time. A hung mount blocks a thread for good, and Node has only a few: while one stat
 * hangs, no other begins.
 */
function bounded(statOf: (path: string) => Promise<BigIntStats>, ms: number) {
  let overdue = 0;
  return async (path: string): Promise<BigIntStats | undefined> => {
    if (overdue > 0) return undefined;
    const asked = statOf(path).catch(() => undefined);
    const found = await within(asked, ms, 'late' as const);
    if (found !== 'late') return found;
    overdue++;
    void asked.then(() => overdue--);
    return undefined;
  };
}
