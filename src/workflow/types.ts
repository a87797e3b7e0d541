import type { WorkflowModel } from '../api/workflow.ts';

/** A node's output: the node's id and the index of the output. An API prompt writes it `["12:3", 0]`. */
export type Link = readonly [node: string, slot: number];

/** A model that the author of a workflow says a node needs (`properties.models`). */
export interface DeclaredModel {
  name: string;
  category: string;
}

/** A node as ComfyUI is given it: literal inputs and links. */
export interface GraphNode {
  /** As in an API prompt; inside subgraphs `12:3`, the ids of the enclosing nodes first. */
  id: string;
  classType: string;
  inputs: Map<string, unknown>;
  /** Sockets that the editor shows and nothing feeds; null when the document is no workflow of the editor. */
  unfed: ReadonlySet<string> | null;
  declared: readonly DeclaredModel[];
}

/** What every kind of document is turned into: an API prompt, and the nodes that its workflow keeps back. */
export interface Graph {
  /** In the order of the prompt. */
  nodes: Map<string, GraphNode>;
  /** Nodes that are in the workflow and that ComfyUI is never given, with why. */
  absent: { node: GraphNode; why: string }[];
  /** The document is a part to be used in workflows: all of it counts, also what has no output yet. */
  blueprint: boolean;
  /** Output nodes that the client asked for; null = all. */
  targets: ReadonlySet<string> | null;
}

export type How = WorkflowModel['how'];

/** One model file that a document's execution will load, or may. */
export interface ModelUse {
  node: string;
  classType: string;
  /** Name of the input; `lora_1.lora` for a value inside a value. */
  input: string;
  /** ComfyUI's folder name (`checkpoints`, `loras`, …); null when nothing tells it. */
  category: string | null;
  /** Path below a folder of the category, with `/` whatever the system. */
  name: string;
  /** What `resolveName` said; null when it knows no such file or was not given. */
  path: string | null;
  how: How;
  /** Loaded only when a switch in the workflow is turned; those come last. */
  switchedOff?: true;
}

/** A node with a model that will not be loaded, or whose name cannot be known before execution. */
export interface SkippedNode {
  node: string;
  why: string;
}

export interface Analysis {
  /** `prompt`: what ComfyUI executes (API format); `workflow`: what its editor saves. */
  kind: 'prompt' | 'workflow';
  /** In the order in which they will be loaded; each file once. */
  models: ModelUse[];
  skipped: SkippedNode[];
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
}
