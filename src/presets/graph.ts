import { type InputsOf, type NodeClass, nodeClasses, type OutputsOf } from './node-classes.ts';

/** A graph in the format of ComfyUI's `POST /prompt`. */
export type ApiPrompt = Record<string, { class_type: string; inputs: Record<string, unknown> }>;

/** A model file that a preset loads, with the address of its publication. */
export interface ModelFile {
  /** ComfyUI's folder name. */
  category: string;
  name: string;
  /** Null for a file of the user's own. */
  url: string | null;
}

/** The name of a file in this ComfyUI: it may be in a subfolder. */
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

  /** The value of a loader's input that loads this file. */
  file(file: ModelFile): string {
    this.#models.set(`${file.category}/${file.name}`, file);
    return this.#nameOf(file);
  }
}
