import { type InputsOf, type NodeClass, nodeClasses, type OutputsOf } from './node-classes.ts';

/** A graph as ComfyUI's `POST /prompt` takes it. */
export type ApiPrompt = Record<string, { class_type: string; inputs: Record<string, unknown> }>;

/** A model file that a preset loads, and where it is published. */
export interface ModelFile {
  /** ComfyUI's folder name. */
  category: string;
  name: string;
  /** Null for a file of the user's own. */
  url: string | null;
}

/** The name by which ComfyUI knows a file here: it may lie in a folder of its own. */
export type NameOf = (file: ModelFile) => string;

/** Builds an API prompt node by node: each call adds one and gives its outputs. */
export class Graph {
  readonly prompt: ApiPrompt = {};
  readonly #models = new Map<string, ModelFile>();
  readonly #nameOf: NameOf;

  constructor(nameOf: NameOf = ({ name }) => name) {
    this.#nameOf = nameOf;
  }

  /** The files that it loads, each once, in the order of their nodes. */
  get models(): ModelFile[] {
    return [...this.#models.values()];
  }

  add<C extends NodeClass>(classType: C, inputs: InputsOf<C>): OutputsOf<C> {
    const id = String(Object.keys(this.prompt).length + 1);
    this.prompt[id] = { class_type: classType, inputs: { ...inputs } };
    return nodeClasses[classType].outputs.map((_kind, slot) => [id, slot] as const) as unknown as OutputsOf<C>;
  }

  /** What a loader's input says to load this file. */
  file(file: ModelFile): string {
    this.#models.set(`${file.category}/${file.name}`, file);
    return this.#nameOf(file);
  }
}
