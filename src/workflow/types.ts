import type { UnresolvedInput, WorkflowModel } from '../api/workflow.ts';

/** A node's output: the node's id and the index of the output. An API prompt writes it `["12:3", 0]`. */
export type Link = readonly [node: string, slot: number];

/** A model that a workflow's author declares for a node (`properties.models`). */
export interface DeclaredModel {
  name: string;
  category: string;
}

/** A node in the form that ComfyUI gets: literal inputs and links. */
export interface GraphNode {
  /** The id in an API prompt; inside subgraphs `12:3`, the ids of the enclosing nodes first. */
  id: string;
  classType: string;
  inputs: Map<string, unknown>;
  /** The editor's sockets without a source; null when the document is no workflow of the editor. */
  unfed: ReadonlySet<string> | null;
  declared: readonly DeclaredModel[];
}

/** The common form of all documents: an API prompt, and the nodes of its workflow that ComfyUI does not get. */
export interface Graph {
  /** In the order of the prompt. */
  nodes: Map<string, GraphNode>;
  /** Nodes of the workflow that ComfyUI never gets, with the reason. */
  absent: { node: GraphNode; why: string }[];
  /** Whether the document is a part for use in workflows: all of it counts, including nodes without an output. */
  blueprint: boolean;
  /** Output nodes requested by the client; null = all. */
  targets: ReadonlySet<string> | null;
  /** Nodes whose outputs ComfyUI has cached: it executes neither them nor nodes that only they need. */
  cached: ReadonlySet<string>;
  /** Nodes whose outputs will probably come from the results, with the same effect. */
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
  /** The answer of `resolveName`; null without it, or for an unknown file. */
  path: string | null;
  how: How;
  /** Loaded only if a switch in the workflow is turned; those come last. */
  switchedOff?: true;
  /** Set when its node opens it past the lookup, so that a copy would not be used. */
  opensItself?: true;
  /** Needed only by nodes with outputs kept from an earlier run; those come last. */
  notNeeded?: true;
}

/** An input that names or chooses a model, but whose file is unknown. */
export type Unresolved = Omit<UnresolvedInput, 'word' | 'why'>;

/** A node with a model that will not be loaded, or whose name is unknown before execution. */
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

/** The inputs that may decide which files a node loads. */
export interface Choices {
  classType: string;
  /** Names, presets, and other choices from a list; `at` is the name of the input in the document. */
  texts: readonly (Choice & { at: string })[];
  /** Switches and small whole numbers, which are weak evidence, because steps are among them. */
  numbers: readonly Choice[];
}

/** A model file as named in lookups. */
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
  /** Absolute path of a model file, null when it does not exist. `name` always has `/`. Called often: answer from memory. */
  resolveName?: (category: string, name: string) => string | null;
  /** All categories that `resolveName` knows. */
  categories?: () => readonly string[];
  /** The answer of ComfyUI's `GET /object_info`. */
  objectInfo?: unknown;
  /** Category of an input, from real lookups. `input` as in `ModelUse`. */
  learned?: (classType: string, input: string) => string | null;
  /** Files that a node with these inputs has loaded before. */
  expected?: (choices: Choices) => readonly ExpectedFile[];
  /** Names of the files of a category with this stem, with any extension and in any folder. As `resolveName`. */
  withStem?: (category: string, stem: string) => readonly string[];
}
