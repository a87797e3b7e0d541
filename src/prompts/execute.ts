import { randomUUID } from 'node:crypto';
import type { PromptReason, PromptRunProgress } from '../api/prompts.ts';
import type { NodeOutputs } from '../comfyui/follow-prompt.ts';
import { cancelPrompt, runPrompt } from '../comfyui/run-prompt.ts';
import type { ComfyuiServer } from '../comfyui/server.ts';
import { CacheError, messageOf } from '../core/errors.ts';
import type { Memo } from '../memo/memo.ts';
import { bounded } from '../runtime/deadline.ts';
import type { Log } from '../runtime/log.ts';
import { type KeptPrompt, renamed, takeFiles, textOf } from './kept.ts';
import { madeBy } from './outputs.ts';
import { ns, type Plan } from './plan.ts';

export interface ExecuteDeps {
  memo: Memo;
  log: Log;
  workflows: {
    /** Whether ComfyUI has a shim, which reports its prompts. */
    readonly hasShim: boolean;
    prefetchUnlessTold(document: unknown, promptId: string): Promise<void>;
  };
}

/** A prompt that is to run in ComfyUI. */
export interface Execution {
  server: ComfyuiServer;
  plan: Plan;
  /** The prompt, parsed and as written. */
  prompt: unknown;
  text: string;
  /** Its label in lists. */
  label: string;
  /** Whether no kept result may be used for it. */
  fresh: boolean;
  /** The right to compute it; null when its result is stored without one. */
  lease: string | null;
  keep: { ttlMs?: number | null; staleMs?: number; tags: readonly string[] };
  /** Makes the plan again, because files may have been replaced meanwhile. */
  planNow(): Promise<Plan>;
  signal: AbortSignal;
  /** Told of progress; nodes have their names in the structure. */
  onProgress(progress: PromptRunProgress): void;
}

/** The outcome of a run. */
export interface Executed {
  kept: KeptPrompt;
  reason: PromptReason;
  why: string | null;
  stored: boolean;
  /** Time since it was computed. */
  ageMs: number;
}

/** Maximum time for queueing copies before the prompt is sent, ms. */
const prefetchMs = 2000;
const cancelMs = 10_000;

/** Runs a prompt in ComfyUI, and keeps its outputs. @throws PromptError, CacheError; then nothing is kept */
export async function execute(deps: ExecuteDeps, execution: Execution): Promise<Executed> {
  const { memo } = deps;
  const { server, plan, signal, lease } = execution;
  const began = performance.now();
  const { names, place } = plan;
  const progress = progressOf(execution);
  progress({});
  const { promptId, outputs, refused } = await runInComfyui(deps, execution, progress);
  progress({ state: 'fetching', promptId, node: null, classType: null });
  const made = madeBy(outputs);
  const { outputs: files, why: noRoom } = await takeFiles({ server, memo }, made, signal);
  const kept = renamed({ promptId, outputs: files, values: made.values }, (node) => names.get(node) ?? node);
  if (!place) return { kept, reason: 'MISS', why: null, stored: false, ageMs: 0 };
  // Copies that were made meanwhile have the hashes of models.
  const now = (await execution.planNow()).place;
  const changed = now?.key === place.key ? null : 'a file that it reads was changed while it ran';
  const why = noRoom ?? whyPartial(plan, outputs, refused) ?? changed;
  if (why !== null) return { kept, reason: 'MISS', why, stored: false, ageMs: 0 };
  const given = { value: textOf(kept) };
  const about = {
    deps: place.deps,
    costMs: Math.round(performance.now() - began),
    label: execution.label,
    negative: false,
    isWanted: true,
  };
  const answer = await memo.put({ ns, key: place.key, lease, given, ...about, ...execution.keep });
  if (answer.stored && now?.contentKey)
    await memo.put({ ns, key: now.contentKey, lease: null, given, ...about, deps: [], ...execution.keep });
  return {
    kept,
    reason: 'MISS',
    why: answer.reason ? `it was not stored: ${answer.reason}` : null,
    stored: answer.stored,
    ageMs: 0,
  };
}

/** Runs the prompt; when the run is given up, removes it from ComfyUI too. */
async function runInComfyui(
  { workflows, log }: ExecuteDeps,
  { server, prompt, text, fresh, signal }: Execution,
  progress: (change: Partial<PromptRunProgress>) => void,
): Promise<{ promptId: string; outputs: NodeOutputs; refused: readonly string[] }> {
  let promptId: string = randomUUID();
  const prefetching = workflows
    .prefetchUnlessTold({ prompt }, promptId)
    .catch((error: unknown) => log.debug({ why: messageOf(error) }, 'the models of a prompt are not prefetched'));
  if (!workflows.hasShim) await bounded(prefetching, prefetchMs);
  try {
    const result = await runPrompt(server, {
      prompt: text,
      promptId,
      fresh,
      signal,
      onQueued: (id) => {
        promptId = id;
      },
      onProgress: (now) => progress({ promptId, ...now }),
    });
    return { promptId, ...result };
  } catch (error) {
    if (!signal.aborted) throw error;
    if (signal.reason !== closing)
      await cancelPrompt(server, promptId, AbortSignal.timeout(cancelMs)).catch((failed: unknown) =>
        log.warn({ why: messageOf(failed) }, 'a prompt that nobody waits for could not be stopped in ComfyUI'),
      );
    throw new CacheError('CANCELLED', 'nobody waits for the prompt any more', { cause: error });
  }
}

/** The reason to give a run up when the daemon stops; ComfyUI may continue. */
export const closing = new CacheError('CANCELLED', 'the daemon stops');

/** Why a result is partial, such as an output node without outputs; null when it is whole. */
function whyPartial({ read }: Plan, outputs: NodeOutputs, [refused]: readonly string[]): string | null {
  if (refused !== undefined) return `ComfyUI has left out a part of it: it refuses node ${refused}`;
  const { classes, executed } = read;
  const silent = executed.find(({ id, classType }) => classes.core.outputs.includes(classType) && !outputs[id]);
  if (silent) return `ComfyUI does not say what node ${silent.id} (${silent.classType}) has put out`;
  return Object.keys(outputs).length === 0 ? 'ComfyUI does not say what it has put out' : null;
}

function progressOf({ plan, onProgress }: Execution): (change: Partial<PromptRunProgress>) => void {
  const { names, read } = plan;
  let now: PromptRunProgress = {
    ...{ state: 'starting', promptId: null, ahead: null, node: null, classType: null },
    ...{ step: 0, steps: 0, done: 0, nodes: read.executed.length },
  };
  return (change) => {
    now = { ...now, ...change };
    const { node } = now;
    if (node !== null) now.classType = read.graph.nodes.get(node)?.classType ?? null;
    onProgress({ ...now, node: node && (names.get(node) ?? node) });
  };
}
