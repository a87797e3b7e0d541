import { jsonOf } from '../core/json.ts';

/** Progress of a prompt. */
export interface PromptProgress {
  state: 'queued' | 'running';
  /** Prompts before it in the queue; null when that is not known. */
  ahead: number | null;
  /** The node that runs, as the prompt calls it. */
  node: string | null;
  /** Steps of that node; 0 of 0 when it reports none. */
  step: number;
  steps: number;
  /** Finished nodes, including those that ComfyUI had cached. */
  done: number;
}

/** The fields of ComfyUI's messages that are read. */
interface Told {
  prompt_id?: unknown;
  node?: unknown;
  display_node?: unknown;
  nodes?: unknown;
  value?: unknown;
  max?: unknown;
}

/** Timeout for opening the socket, ms; without it, polling remains. */
const openMs = 5000;
const ends = new Set(['execution_success', 'execution_error', 'execution_interrupted']);

/** ComfyUI's messages on one prompt, which it sends only to the client that queued it. */
export class PromptEvents implements Disposable {
  readonly #socket: WebSocket;
  readonly #onProgress: (progress: PromptProgress) => void;
  readonly #ended = new AbortController();
  readonly #over = new Set<string>();
  #promptId: string;
  #progress: PromptProgress = { state: 'queued', ahead: null, node: null, step: 0, steps: 0, done: 0 };
  /** Resolves when it is open, or will not be. */
  readonly ready: Promise<void>;

  constructor(url: string, promptId: string, onProgress: (progress: PromptProgress) => void) {
    this.#promptId = promptId;
    this.#onProgress = onProgress;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ready = promise;
    this.#socket = new WebSocket(url);
    // Preview pictures are binary messages.
    this.#socket.binaryType = 'arraybuffer';
    const late = setTimeout(() => this.#socket.close(), openMs);
    const settle = () => {
      clearTimeout(late);
      resolve();
    };
    for (const name of ['open', 'error', 'close']) this.#socket.addEventListener(name, settle);
    this.#socket.addEventListener('message', ({ data }) => this.#heard(data));
  }

  get isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  /** Aborts when ComfyUI says that the prompt is over. */
  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  /** Takes over the id that an older ComfyUI gives the prompt. */
  follow(promptId: string): void {
    this.#promptId = promptId;
  }

  /** Records progress that was found in another way. */
  note(change: Partial<PromptProgress>): void {
    this.#progress = { ...this.#progress, ...change };
    this.#onProgress(this.#progress);
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }

  #heard(text: unknown): void {
    const message = typeof text === 'string' ? (jsonOf(text) as { type?: unknown; data?: Told } | null | undefined) : null;
    const { type, data } = message ?? {};
    if (typeof type !== 'string' || data?.prompt_id !== this.#promptId) return;
    const node = data.display_node ?? data.node;
    if (ends.has(type) || (type === 'executing' && data.node === null)) this.#ended.abort();
    else if (type === 'execution_start') this.note({ state: 'running', ahead: 0 });
    else if (type === 'execution_cached' && Array.isArray(data.nodes)) this.#finished(data.nodes);
    else if (type === 'executing') this.#begins(String(node));
    else if (type === 'executed') this.#finished([node]);
    else if (type === 'progress') this.note({ step: numberIn(data.value), steps: numberIn(data.max) });
  }

  #begins(node: string): void {
    const { node: before } = this.#progress;
    if (before !== null && before !== node) this.#over.add(before);
    this.note({ state: 'running', ahead: 0, node, step: 0, steps: 0, done: this.#over.size });
  }

  #finished(nodes: readonly unknown[]): void {
    for (const node of nodes) this.#over.add(String(node));
    this.note({ done: this.#over.size });
  }
}

function numberIn(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : 0;
}
