import { randomUUID } from 'node:crypto';
import { followPrompt, type NodeOutputs } from './follow-prompt.ts';
import { refusal } from './prompt-error.ts';
import { PromptEvents, type PromptProgress } from './prompt-events.ts';
import { placeIn, queueOf } from './queue-state.ts';
import { type ComfyuiServer, type Limits, usualLimits } from './server.ts';

export interface PromptRun {
  /** The prompt as it was written: seeds have more digits than JavaScript's numbers. */
  prompt: string;
  /** A UUID, for ComfyUI to know it by. */
  promptId: string;
  /** Whether its nodes run even if the shim in ComfyUI has their outputs. */
  fresh: boolean;
  signal: AbortSignal;
  onProgress(progress: PromptProgress): void;
  /** Called when it is in ComfyUI's queue, under this id: an older ComfyUI gives an id of its own. */
  onQueued(promptId: string): void;
}

export interface PromptResult {
  outputs: NodeOutputs;
  /** Nodes that ComfyUI refused, while it ran the others. */
  refused: readonly string[];
}

/** Model folders on a network are listed when a prompt is checked. */
const queueingLimits: Limits = { bytes: 16 * 2 ** 20, ms: 5 * 60_000 };

/**
 * Runs a prompt to its end.
 * @throws PromptError PROMPT_REFUSED, PROMPT_FAILED, CANCELLED, with ComfyUI's own words; CacheError UPSTREAM_AWAY, UPSTREAM_SILENT
 */
export async function runPrompt(server: ComfyuiServer, run: PromptRun): Promise<PromptResult> {
  const clientId = randomUUID();
  using events = new PromptEvents(server.socketUrl(clientId), run.promptId, run.onProgress);
  await events.ready;
  run.signal.throwIfAborted();
  const more = run.fresh ? ',"extra_data":{"autocached":{"fresh":true}}' : '';
  const body = `{"client_id":"${clientId}","prompt_id":"${run.promptId}","prompt":${run.prompt}${more}}`;
  const answer = await server.post('prompt', body, queueingLimits, run.signal);
  const { prompt_id: promptId, node_errors: refused } = (answer.body ?? {}) as { prompt_id?: unknown; node_errors?: object };
  if (answer.status !== 200 || typeof promptId !== 'string') throw refusal(answer);
  events.follow(promptId);
  run.onQueued(promptId);
  const outputs = await followPrompt(server, { promptId, events, signal: run.signal });
  return { outputs, refused: Object.keys(refused ?? {}) };
}

/** Takes a prompt out of the queue, or stops it where it runs; others are left alone. Throws as `get` does. */
export async function cancelPrompt(server: ComfyuiServer, promptId: string, signal: AbortSignal): Promise<void> {
  await server.post('queue', JSON.stringify({ delete: [promptId] }), usualLimits, signal);
  // An older ComfyUI interrupts whatever runs.
  if (placeIn(await queueOf(server, signal), promptId) !== 0) return;
  await server.post('interrupt', JSON.stringify({ prompt_id: promptId }), usualLimits, signal);
}
