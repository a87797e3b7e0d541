import { setTimeout as sleep } from 'node:timers/promises';
import { toCacheError } from '../core/errors.ts';
import { errnoOf } from '../runtime/errnos.ts';
import { failure, PromptError } from './prompt-error.ts';
import type { PromptEvents } from './prompt-events.ts';
import { placeIn, queueOf } from './queue-state.ts';
import { type ComfyuiServer, usualLimits } from './server.ts';

/** Outputs of a prompt by node: lists of files and of values by name. */
export type NodeOutputs = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

interface HistoryEntry {
  outputs?: NodeOutputs;
  status?: { status_str?: unknown; completed?: unknown; messages?: unknown } | null;
}

interface Followed {
  promptId: string;
  events: PromptEvents;
  signal: AbortSignal;
}

/** Intervals of polling, ms: without ComfyUI's messages, with them, and after they reported the end. */
const pauses = { alone: 250, told: 5000, over: 20 };
/** Failures in a row that are endured: a busy ComfyUI answers late. */
const mostFailures = 3;

/**
 * Waits for the end of a prompt in ComfyUI's queue: by ComfyUI's messages, and by polling, since messages get lost.
 * @throws PromptError PROMPT_FAILED, CANCELLED; CacheError UPSTREAM_AWAY, UPSTREAM_SILENT
 */
export async function followPrompt(server: ComfyuiServer, followed: Followed): Promise<NodeOutputs> {
  const { events, signal } = followed;
  let failures = 0;
  let isMissed = false;
  for (;;) {
    try {
      const found = await look(server, followed);
      if (typeof found === 'object') return outputsOf(found);
      // Between queue and history it is in neither for a moment.
      if (found === 'unknown' && isMissed) throw lost();
      isMissed = found === 'unknown';
      failures = 0;
      if (isMissed) continue;
    } catch (error) {
      failures += 1;
      if (error instanceof PromptError || signal.aborted || failures >= mostFailures || isGone(error)) throw error;
    }
    const { ended, isOpen } = events;
    const ms = ended.aborted ? pauses.over : isOpen ? pauses.told : pauses.alone;
    await sleep(ms, null, { signal: ended.aborted ? signal : AbortSignal.any([ended, signal]) }).catch(() => {});
  }
}

/** Its entry in the history, or whether it is still in the queue. */
async function look(
  server: ComfyuiServer,
  { promptId, events, signal }: Followed,
): Promise<HistoryEntry | 'queued' | 'unknown'> {
  const history = (await server.get(`history/${promptId}`, usualLimits, signal)) as Record<string, HistoryEntry>;
  const entry = history[promptId];
  if (entry) return entry;
  const ahead = placeIn(await queueOf(server, signal), promptId);
  if (ahead === null) return 'unknown';
  events.note({ state: ahead === 0 ? 'running' : 'queued', ahead });
  return 'queued';
}

/** @throws PromptError when it failed or was interrupted */
function outputsOf({ outputs = {}, status }: HistoryEntry): NodeOutputs {
  if (!status || status.completed === true || status.status_str === 'success') return outputs;
  throw failure(status.messages);
}

function lost(): PromptError {
  return new PromptError('CANCELLED', 'ComfyUI does not know the prompt any more', {
    comfyui: null,
    hint: 'It was taken out of the queue, or ComfyUI was started anew.',
  });
}

/** Whether nothing listens at its address: then its queue is lost. */
function isGone(error: unknown): boolean {
  return errnoOf(toCacheError(error).cause) === 'ECONNREFUSED';
}
