import { bounded } from '../runtime/deadline.ts';
import { isObject } from './json.ts';

/** Maximum number of remembered prompts. */
const most = 100;

/**
 * Prompts that ComfyUI's shim has reported, with their nodes that will not run. Other reports of the same prompts lack these, because
 * ComfyUI's queue does not list them.
 */
export class ToldPrompts {
  readonly #byPrompt = new Map<string, { cachedNodes: unknown; keptNodes: unknown }>();
  readonly #waiting = new Map<string, () => void>();
  #hasShim = false;

  /** Whether a shim has reported any. */
  get hasShim(): boolean {
    return this.#hasShim;
  }

  has(promptId: string): boolean {
    return this.#byPrompt.has(promptId);
  }

  /** Takes a report of a prompt. */
  hear(promptId: string, document: unknown): void {
    if (!isObject(document)) return;
    const { cachedNodes, keptNodes, client } = document;
    const isShim = isObject(client) && client['app'] === 'comfyui';
    if (isShim) this.#hasShim = true;
    if (!isShim && cachedNodes === undefined && keptNodes === undefined) return;
    this.#byPrompt.delete(promptId);
    this.#byPrompt.set(promptId, { cachedNodes, keptNodes });
    for (const oldest of [...this.#byPrompt.keys()].slice(0, -most)) this.#byPrompt.delete(oldest);
    this.#waiting.get(promptId)?.();
  }

  /** The document with the known facts of its prompt. */
  of(promptId: string, document: unknown): unknown {
    return isObject(document) ? { ...document, ...this.#byPrompt.get(promptId) } : document;
  }

  /** Waits until the shim reports a prompt, at most `ms`; not at all if no shim has reported any. */
  async wait(promptId: string, ms: number): Promise<void> {
    if (!this.#hasShim || this.has(promptId)) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.set(promptId, resolve);
    await bounded(promise, ms);
    this.#waiting.delete(promptId);
  }
}
