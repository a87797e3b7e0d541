import type { UnresolvedInput, WorkflowModel } from '../api/workflow.ts';

/** A node's output: the node's id and the index of the output. An API prompt writes it `["12:3", 0]`. */
export type Link = readonly [node: string, slot: number];

/** A model that a workflow's author declares for a node (`properties.models`). */
export interface DeclaredModel {
  name: string;
  category: string;
}

/** A node as ComfyUI gets it: literal inputs and links. */
export interface GraphNode {
  /** As in an API prompt; inside subgraphs `12:3`, the ids of the enclosing nodes first. */
  id: string;
  classType: string;
  inputs: Map<string, unknown>;
  /** The editor's sockets without a source; null when the document is no workflow of the editor. */
  unfed: ReadonlySet<string> | null;
  declared: readonly DeclaredModel[];
}

/** The common form of all documents: an API prompt, and the nodes that its workflow keeps back. */
export interface Graph {
  /** In the order of the prompt. */
  nodes: Map<string, GraphNode>;
  /** Nodes of the workflow that ComfyUI never gets, with the reason. */
  absent: { node: GraphNode; why: string }[];
  /** The document is a part for use in workflows: all of it counts, nodes without an output included. */
  blueprint: boolean;
  /** Output nodes requested by the client; null = all. */
  targets: ReadonlySet<string> | null;
  /** Nodes whose outputs ComfyUI has cached: it does not execute them, nor what only they need. */
  cached: ReadonlySet<string>;
  /** Nodes whose outputs ComfyUI will probably be given from the results: the same holds for them. */
  kept: ReadonlySet<string>;
}

export type How = WorkflowModel['how'];

/** One model file that a document's execution will load, or may. */
export interface ModelUse {
  node: string;
  classType: string;
  /** Name of the input; `lora_1.lora` for a value inside a value. */
  input: string;
  /** ComfyUI's folder name (`checkpoints`, `loras`, …); null when unknown. */
  category: string | null;
  /** Path below a folder of the category, with `/` on every system. */
  name: string;
  /** The answer of `resolveName`; null without it, or when it knows no such file. */
  path: string | null;
  how: How;
  /** Loaded only if a switch in the workflow is turned; those come last. */
  switchedOff?: true;
  /** Its node opens it past the lookup: a copy would not be used. */
  opensItself?: true;
  /** Only nodes need it whose outputs are kept from an earlier run; those come last. */
  notNeeded?: true;
}

/** An input that names or chooses a model, and for which no file could be told. */
export type Unresolved = Omit<UnresolvedInput, 'word' | 'why'>;

/** A node with a model that will not be loaded, or that has no known name before execution. */
export interface SkippedNode {
  node: string;
  why: string;
}

export interface Analysis {
  /** `prompt`: for ComfyUI to execute (API format); `workflow`: saved by its editor. */
  kind: 'prompt' | 'workflow';
  /** In load order; each file once. */
  models: ModelUse[];
  skipped: SkippedNode[];
  unresolved: Unresolved[];
}

/** An input and its value. */
export interface Choice {
  /** The number of a row is `#`: `lora_#.lora`. */
  input: string;
  value: string;
}

/** What may decide which files a node loads. */
export interface Choices {
  classType: string;
  /** Names, presets, and what else may be chosen from a list; `at` is the input as the document calls it. */
  texts: readonly (Choice & { at: string })[];
  /** Switches and small whole numbers. Steps are among them, so that they tell little. */
  numbers: readonly Choice[];
}

/** A model file as lookups name it. */
export interface LoadedFile {
  category: string;
  name: string;
}

/** A file that a node is expected to load, and the inputs that choose it. */
export interface ExpectedFile extends LoadedFile {
  inputs: readonly string[];
  /** The text that names it; null when the inputs together choose it. */
  value: string | null;
}

export interface AnalyzeOptions {
  /** Absolute path of a model file, null when there is none. `name` always has `/`. Asked often: answer from memory. */
  resolveName?: (category: string, name: string) => string | null;
  /** All categories that `resolveName` knows. */
  categories?: () => readonly string[];
  /** The answer of ComfyUI's `GET /object_info`. */
  objectInfo?: unknown;
  /** Category of an input, from lookups that really happened. `input` as in `ModelUse`. */
  learned?: (classType: string, input: string) => string | null;
  /** Files that a node with these inputs has loaded before. */
  expected?: (choices: Choices) => readonly ExpectedFile[];
  /** Names of the files of a category that are called `stem`, whatever their extension and folder. As `resolveName`. */
  withStem?: (category: string, stem: string) => readonly string[];
}
