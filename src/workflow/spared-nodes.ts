import { isObject } from './json.ts';

/** Prompts that are kept in mind. */
const most = 100;

/**
 * What ComfyUI's shim has said of the nodes of a prompt that will not run. Others name the same prompt without it: ComfyUI does not
 * list that in its queue.
 */
export class SparedNodes {
  readonly #byPrompt = new Map<string, { cachedNodes: unknown; keptNodes: unknown }>();

  /** The document with what is known of its prompt. */
  of(promptId: string, document: unknown): unknown {
    if (!isObject(document)) return document;
    const { cachedNodes, keptNodes } = document;
    if (cachedNodes === undefined && keptNodes === undefined) return { ...document, ...this.#byPrompt.get(promptId) };
    this.#byPrompt.delete(promptId);
    this.#byPrompt.set(promptId, { cachedNodes, keptNodes });
    for (const oldest of [...this.#byPrompt.keys()].slice(0, -most)) this.#byPrompt.delete(oldest);
    return document;
  }
}
