import { once } from 'node:events';
import type { PromptAnswer, PromptRunProgress, PromptRunView } from '../api/prompts.ts';
import type { ComfyuiServer } from '../comfyui/server.ts';
import type { ComfyuiFacts } from '../comfyui/system-stats.ts';
import { CacheError, messageOf } from '../core/errors.ts';
import { counted } from '../core/format.ts';
import { askerUntil } from '../memo/asker.ts';
import { closing, type ExecuteDeps, type Executed, type Execution, execute } from './execute.ts';
import { answerOf, keptIn, renamed, textOf } from './kept.ts';
import { ns, type Place, type Plan, type PlanDeps, type Planned, planOf } from './plan.ts';
import { Servers, type ServersDeps } from './servers.ts';
import { SharedRun } from './shared-run.ts';
import { UnderWay } from './under-way.ts';
import { Warming } from './warming.ts';

export interface PromptsDeps extends ServersDeps, Omit<PlanDeps, 'version'>, Omit<ExecuteDeps, 'workflows'> {
  workflows: PlanDeps['workflows'] & ExecuteDeps['workflows'];
}

/** A prompt whose outputs a client wants. */
export interface AskedPrompt extends Planned {
  /** The preset of the prompt; null = none. */
  preset: string | null;
  /** Address of the ComfyUI; null = the usual one. */
  comfyui: string | null;
  /** Whether to run it despite a kept result, and replace that. */
  fresh: boolean;
  /** The lifetime of its result, if that is kept. */
  keep: Execution['keep'];
}

/** A waiting client. */
export interface Waiting {
  /** Aborts when the client is gone. A run without waiting clients is stopped in ComfyUI. */
  signal: AbortSignal;
  /** Timeout after which the run continues without the client, ms; null = none. */
  waitMs: number | null;
  onProgress(progress: PromptRunProgress): void;
}

/** Maximum wait of any client, ms. */
const longestMs = 24 * 3600_000;

/** An answer of the plane of results. */
interface Found {
  state: 'hit' | 'stale' | 'miss' | 'compute' | 'timeout' | 'error';
  value?: unknown;
  ageMs?: number;
  lease?: string;
  refresh?: string;
}

/** A prompt with its plan. */
interface Task {
  asked: AskedPrompt;
  server: ComfyuiServer;
  facts: ComfyuiFacts;
  plan: Plan;
}

/** Whole prompts of ComfyUI: outputs are reused, and concurrent equal prompts are run once. */
export class Prompts implements AsyncDisposable {
  readonly #deps: PromptsDeps;
  readonly #servers: Servers;
  readonly #warming: Warming;
  readonly #runs = new Map<string, SharedRun<Executed>>();
  readonly #underWay: UnderWay;
  readonly #behindAnswers = new Set<Promise<unknown>>();
  readonly #closing = new AbortController();

  constructor(deps: PromptsDeps) {
    this.#deps = deps;
    this.#servers = new Servers(deps);
    this.#warming = new Warming(deps.log);
    this.#underWay = new UnderWay(deps.clock);
  }

  /** The running prompts. */
  running(): PromptRunView[] {
    return this.#underWay.list();
  }

  /**
   * The outputs of a prompt, kept or newly run.
   * @throws PromptError with ComfyUI's own words, CacheError BAD_REQUEST, FORBIDDEN, UPSTREAM_AWAY, UPSTREAM_SILENT, CANCELLED
   */
  async run(asked: AskedPrompt, waiting: Waiting): Promise<PromptAnswer> {
    const server = this.#servers.of(asked.comfyui);
    let facts = await this.#servers.facts(server);
    for (;;) {
      const plan = await this.#plan(asked, facts);
      try {
        return await this.#answer({ asked, server, facts, plan }, waiting);
      } catch (error) {
        if (!(error instanceof OtherFacts)) throw error;
        facts = await this.#servers.factsNow(server);
      }
    }
  }

  /**
   * Has a prompt run while ComfyUI is idle, unless its result is kept.
   * @throws CacheError BAD_REQUEST, FORBIDDEN, UPSTREAM_AWAY when ComfyUI was never reached
   */
  async warm(asked: AskedPrompt): Promise<{ key: string; state: 'hit' | 'stale' | 'queued' | 'miss'; why: string | null }> {
    const server = this.#servers.of(asked.comfyui);
    const { place, bypass } = await this.#plan(asked, await this.#servers.facts(server));
    if (!place) return { key: '', state: 'miss', why: bypass?.why ?? null };
    const { key } = place;
    const state = this.#deps.memo.manage.warm(ns, key);
    if (state === 'hit') return { key, state, why: null };
    const waiting = { signal: this.#closing.signal, waitMs: null, onProgress: () => {} };
    const isQueued = this.#warming.add({ key, server, run: () => this.run(asked, waiting) });
    return isQueued ? { key, state: 'queued', why: null } : { key, state, why: 'too many prompts wait already' };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(closing);
    await this.#warming[Symbol.asyncDispose]();
    this.#servers[Symbol.dispose]();
    await Promise.allSettled(this.#behindAnswers);
  }

  #plan(asked: AskedPrompt, facts: ComfyuiFacts): Promise<Plan> {
    return planOf({ ...this.#deps, version: () => this.#deps.memo.versionOf(ns) }, asked, facts);
  }

  async #answer(task: Task, { signal, waitMs, onProgress }: Waiting): Promise<PromptAnswer> {
    const run = this.#runOf(task.plan.place);
    const late = new AbortController();
    const timer = waitMs === null ? undefined : setTimeout(() => late.abort(), Math.min(waitMs, longestMs));
    const leaves = AbortSignal.any([signal, late.signal]);
    const idOf = idsBy(task.plan);
    const leave = run.join((progress) => onProgress({ ...progress, node: progress.node && idOf(progress.node) }));
    try {
      const found = await this.#find(task, leaves);
      if (found.state === 'stale' && found.refresh) this.#begin(run, task, found.refresh).want();
      if (found.state === 'hit') this.#alsoByContent(task, found);
      if (found.value !== undefined) return this.#told(task.plan, found);
      if (!signal.aborted) this.#begin(run, task, found.lease ?? null);
      else if (found.lease) this.#deps.memo.release(found.lease, null);
      const executed = await unlessAborted(run.outcome, leaves);
      if (executed) return this.#answerOf(task.plan, executed);
      if (signal.aborted) throw new CacheError('CANCELLED', 'whoever asked is gone');
      return running(task.plan);
    } finally {
      clearTimeout(timer);
      leave({ wanted: late.signal.aborted && !signal.aborted });
    }
  }

  /** The run shared by equal prompts; an unrepeatable prompt has a separate one. */
  #runOf(place: Place | null): SharedRun<Executed> {
    const known = place && this.#runs.get(place.key);
    if (known) return known;
    const run: SharedRun<Executed> = new SharedRun(() => {
      if (place && this.#runs.get(place.key) === run) this.#runs.delete(place.key);
    });
    if (place) this.#runs.set(place.key, run);
    return run;
  }

  /** The kept result, or the right to compute it; waits for the holder of that right. */
  async #find({ asked, plan: { place } }: Task, leaves: AbortSignal): Promise<Found> {
    if (!place || asked.fresh) return { state: 'compute' };
    const question = { ns, key: place.key, as: 'value' as const };
    return JSON.parse(await this.#deps.memo.take(question, askerUntil(leaves), longestMs)) as Found;
  }

  #begin(run: SharedRun<Executed>, task: Task, lease: string | null): SharedRun<Executed> {
    const { memo, log } = this.#deps;
    const { asked, server, plan } = task;
    const listed = {
      key: plan.place?.key ?? null,
      label: labelOf(plan, asked.preset),
      comfyui: server.url,
      waiting: () => run.waiting,
    };
    const outcome = run.begin((signal, tell) =>
      this.#underWay.follow(listed, tell, (onProgress) =>
        this.#compute(task, { lease, signal: AbortSignal.any([signal, this.#closing.signal]), onProgress }),
      ),
    );
    const ended = outcome
      .catch((error: unknown) => log.debug({ why: messageOf(error) }, 'a prompt was not run to its end'))
      // Without effect when the waiters have the result; else they wait for this run.
      .then(() => lease !== null && memo.dissolve(lease));
    this.#behind(ended);
    return run;
  }

  async #compute(
    { asked, server, facts, plan }: Task,
    run: Pick<Execution, 'lease' | 'signal' | 'onProgress'>,
  ): Promise<Executed> {
    const known = asked.fresh ? null : await this.#byContent(plan, run.lease, asked);
    if (known) return known;
    const now = await this.#servers.factsNow(server);
    if (now.environment !== facts.environment) throw new OtherFacts();
    const planNow = () => this.#plan(asked, facts);
    const executed = await execute(this.#deps, { ...asked, ...run, label: labelOf(plan, asked.preset), server, plan, planNow });
    if (plan.bypass) return { ...executed, ...plan.bypass };
    return this.#deps.memo.mode === 'off' ? { ...executed, reason: 'BYPASS_OFF', why: 'results are off' } : executed;
  }

  /** Looks for the result by content, because models may have been rewritten with the same bytes. */
  async #byContent(plan: Plan, lease: string | null, { keep, preset }: AskedPrompt): Promise<Executed | null> {
    const { place } = plan;
    if (!place?.contentKey) return null;
    const { memo } = this.#deps;
    const found = JSON.parse(await memo.get({ ns, key: place.contentKey, as: 'value' })) as Found;
    if (found.state !== 'hit') return null;
    const kept = keptIn(found.value);
    const about = { deps: place.deps, costMs: null, label: labelOf(plan, preset), negative: false };
    await memo.put({ ns, key: place.key, lease, given: { value: textOf(kept) }, ...about, ...keep });
    return { kept, reason: 'HIT', why: null, stored: true, ageMs: found.ageMs ?? 0 };
  }

  /** Stores a result also under its content key, which copies made since the run may have completed. Runs after the answer. */
  #alsoByContent({ plan, asked: { keep, preset } }: Task, { value }: Found): void {
    const { place } = plan;
    const { memo, log } = this.#deps;
    if (!place?.contentKey || memo.mode !== 'on' || memo.manage.warm(ns, place.contentKey) !== 'miss') return;
    const about = { deps: [], costMs: null, lease: null, label: labelOf(plan, preset), negative: false };
    const stored = memo.put({ ns, key: place.contentKey, given: { value: textOf(keptIn(value)) }, ...about, ...keep });
    this.#behind(
      stored.catch((error: unknown) =>
        log.debug({ why: messageOf(error) }, 'a result is not found by the content of its models'),
      ),
    );
  }

  /** Registers work that is awaited at the end. @param work never rejects */
  #behind(work: Promise<unknown>): void {
    this.#behindAnswers.add(work);
    void work.then(() => this.#behindAnswers.delete(work));
  }

  #told(plan: Plan, { state, value, ageMs = 0 }: Found): PromptAnswer {
    const reason = state === 'stale' ? 'STALE' : 'HIT';
    return this.#answerOf(plan, { kept: keptIn(value), reason, why: null, stored: true, ageMs });
  }

  #answerOf(plan: Plan, { kept, ...about }: Executed): PromptAnswer {
    const own = renamed(kept, idsBy(plan));
    const pathOf = (sha256: string) => this.#deps.memo.blobs.find(sha256)?.path ?? null;
    return answerOf(own, { ...about, key: plan.place?.key ?? null }, pathOf);
  }
}

/** The label of a prompt for lists, without any of its texts. */
function labelOf({ read: { executed, classes } }: Plan, preset: string | null): string {
  const outputs = executed.filter(({ classType }) => classes.core.outputs.includes(classType));
  return preset ?? [...new Set(outputs.map(({ classType }) => classType)), counted(executed.length, 'node')].join(', ');
}

/** The ids of nodes in the client's prompt, by their names in the structure. */
function idsBy({ names }: Plan): (name: string) => string {
  const ids = new Map([...names].map(([id, name]) => [name, id]));
  return (name) => ids.get(name) ?? name;
}

/** The server has changed its version since the prompt was planned. */
class OtherFacts extends Error {}

function running({ place }: Plan): PromptAnswer {
  const why = 'it is still being run: ask again for its outputs';
  const none = { promptId: null, ageMs: 0, outputs: [], values: [] };
  return { reason: 'RUNNING', why, stored: false, key: place?.key ?? null, ...none };
}

/** Null when the signal aborts first. */
async function unlessAborted<T>(work: Promise<T> | null, signal: AbortSignal): Promise<T | null> {
  if (work === null || signal.aborted) return null;
  const over = new AbortController();
  const aborted = once(signal, 'abort', { signal: over.signal }).then(
    () => null,
    () => null,
  );
  return Promise.race([work, aborted]).finally(() => over.abort());
}
