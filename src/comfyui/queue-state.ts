import { type ComfyuiServer, usualLimits } from './server.ts';

/** ComfyUI's queue, each item as it has it: number, id, prompt, extra data, outputs. */
export interface QueueState {
  running: unknown[][];
  /** Waiting prompts in the order of execution. */
  pending: unknown[][];
}

/** The queue of a ComfyUI. Throws as `get` does. */
export async function queueOf(server: Pick<ComfyuiServer, 'get'>, signal: AbortSignal): Promise<QueueState> {
  const queue = ((await server.get('queue', usualLimits, signal)) ?? {}) as Record<string, unknown>;
  // ComfyUI lists it as a heap.
  const pending = itemsOf(queue['queue_pending']).sort((one, other) => Number(one[0]) - Number(other[0]));
  return { running: itemsOf(queue['queue_running']), pending };
}

/** How many prompts come before this one, 0 when it runs; null when it is not in the queue. */
export function placeIn({ running, pending }: QueueState, promptId: string): number | null {
  if (running.some(([, id]) => id === promptId)) return 0;
  const at = pending.findIndex(([, id]) => id === promptId);
  return at < 0 ? null : Math.max(1, running.length + at);
}

function itemsOf(list: unknown): unknown[][] {
  return Array.isArray(list) ? list.filter((item) => Array.isArray(item)) : [];
}
