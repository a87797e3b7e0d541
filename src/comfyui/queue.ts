import { messageOf } from '../core/errors.ts';
import type { Log } from '../runtime/log.ts';
import { Periodic } from '../runtime/periodic.ts';
import { type QueueState, queueOf } from './queue-state.ts';
import { ComfyuiServer, type Limits } from './server.ts';

/** A prompt in ComfyUI's queue, in the form of the body of `POST /prompt`. */
interface QueuedPrompt {
  promptId: string;
  document: { prompt: unknown; extra_data?: unknown; partial_execution_targets?: unknown };
}

export interface ComfyuiQueueOptions {
  /** ComfyUI's address, such as `http://127.0.0.1:8188/`. */
  url: string;
  /** Called once for every running or waiting prompt, in the order of execution. */
  onPrompt(prompt: QueuedPrompt): Promise<unknown>;
  /** Called with every look at the queue: the ids of its prompts. */
  onQueue(queue: { running: string[]; pending: string[] }): void;
  /** Called with ComfyUI's node descriptions after each of its starts. */
  onObjectInfo(objectInfo: unknown): void;
  log: Log;
  /** Pause between two requests, ms. */
  everyMs?: number;
}

/** Longest pause between two tries while ComfyUI is away, ms. */
const mostPauseMs = 60_000;
/** The answer takes long when ComfyUI has to list every model folder first. */
const infoLimits: Limits = { bytes: 64 * 2 ** 20, ms: 5 * 60_000 };

/**
 * Watches the queue of a ComfyUI without the shim (it cannot be installed there, or runs on a machine that shares the roots).
 * @returns ends the watch
 */
export function watchComfyuiQueue(options: ComfyuiQueueOptions): () => void {
  const { everyMs = 2000, log } = options;
  const stop = new AbortController();
  const look = new QueueLook(options, stop.signal);
  let pauseMs = everyMs;
  let answers: boolean | null = null;

  const round = async () => {
    const error = await look.take().then(
      () => null,
      (thrown: unknown) => thrown,
    );
    if (stop.signal.aborted) return;
    if (answers !== (error === null)) {
      answers = error === null;
      const facts = { url: options.url, ...(error !== null && { why: messageOf(error) }) };
      log.info(facts, answers ? 'ComfyUI answers; prompts in its queue are prefetched' : 'ComfyUI does not answer');
    }
    pauseMs = answers ? everyMs : Math.min(pauseMs * 2, mostPauseMs);
  };
  const rounds = new Periodic(round, {
    everyMs: () => pauseMs,
    onError: (err) => log.error({ err }, "watching ComfyUI's queue failed"),
  });
  void rounds.now();
  return () => {
    void rounds[Symbol.asyncDispose]();
    stop.abort();
    look[Symbol.dispose]();
  };
}

class QueueLook implements Disposable {
  readonly #server: ComfyuiServer;
  readonly #options: ComfyuiQueueOptions;
  readonly #signal: AbortSignal;
  #seen = new Set<string>();
  #describing: Promise<void> | null = null;

  constructor(options: ComfyuiQueueOptions, signal: AbortSignal) {
    this.#server = new ComfyuiServer(options.url);
    this.#options = options;
    this.#signal = signal;
  }

  async take(): Promise<void> {
    const { onPrompt, onQueue, log } = this.#options;
    const queue = await queueOf(this.#server, this.#signal).catch((error: unknown) => {
      // After a restart it may have other nodes.
      this.#describing = null;
      throw error;
    });
    this.#describing ??= this.#describe();
    onQueue({ running: idsOf(queue.running), pending: idsOf(queue.pending) });
    const prompts = queuedPrompts(queue);
    const fresh = prompts.filter(({ promptId }) => !this.#seen.has(promptId));
    this.#seen = new Set(prompts.map(({ promptId }) => promptId));
    const told = fresh.map((prompt) =>
      onPrompt(prompt).catch((err: unknown) => log.debug({ err, prompt: prompt.promptId }, 'a prompt cannot be read')),
    );
    await Promise.all(told);
  }

  async #describe(): Promise<void> {
    const { onObjectInfo, log } = this.#options;
    try {
      onObjectInfo(await this.#server.get('object_info', infoLimits, this.#signal));
    } catch (error) {
      log.debug({ why: messageOf(error) }, 'ComfyUI does not describe its nodes');
    }
  }

  [Symbol.dispose](): void {
    this.#server[Symbol.dispose]();
  }
}

/** The running prompts, then the waiting ones. */
function queuedPrompts({ running, pending }: QueueState): QueuedPrompt[] {
  return [...running, ...pending].flatMap(([, promptId, prompt, extra, targets]) =>
    typeof promptId === 'string'
      ? [{ promptId, document: { prompt, extra_data: extra, partial_execution_targets: targets } }]
      : [],
  );
}

function idsOf(items: unknown[][]): string[] {
  return items.flatMap(([, promptId]) => (typeof promptId === 'string' ? [promptId] : []));
}
