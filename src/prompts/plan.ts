import type { PromptReason } from '../api/prompts.ts';
import type { WorkflowAnswer } from '../api/workflow.ts';
import type { ComfyuiFacts } from '../comfyui/system-stats.ts';
import { keyOf } from '../memo/keys.ts';
import { fileScheme } from '../memo/source-deps.ts';
import { slashed } from '../workflow/find-places.ts';
import type { FileIdentity, Identities } from './identity.ts';
import { inputFilesOf } from './input-files.ts';
import { type ReadPrompt, readPromptText } from './read-prompt.ts';
import { whyUnrepeatable } from './repeatable.ts';
import { structureOf } from './structure.ts';

/** The namespace of all results of prompts. */
export const ns = 'prompts';

export interface PlanDeps {
  identities: Identities;
  workflows: {
    analyze(document: unknown): Promise<WorkflowAnswer>;
    /** ComfyUI's description of its nodes, if known. */
    readonly objectInfo: unknown;
  };
  /** Version of the namespace. */
  version(): string;
}

/** A requested prompt. */
export interface Planned {
  /** The JSON as written, and parsed. */
  text: string;
  prompt: unknown;
  repeatable: readonly string[];
}

/** The place of a prompt's result. */
export interface Place {
  key: string;
  /** The key with all models by their content; null unless every content is known. A result is found under both keys. */
  contentKey: string | null;
  /** The files that it comes from. */
  deps: readonly string[];
}

export interface Plan {
  read: ReadPrompt;
  /** Names in the structure, by node id. */
  names: ReadonlyMap<string, string>;
  place: Place | null;
  /** Why the prompt has no place. */
  bypass: { reason: PromptReason; why: string } | null;
}

/** Plans a prompt: finds everything that its result depends on. @throws CacheError BAD_REQUEST when it is no API prompt */
export async function planOf(deps: PlanDeps, { text, prompt, repeatable }: Planned, facts: ComfyuiFacts): Promise<Plan> {
  const read = readPromptText(text, deps.workflows.objectInfo);
  const structure = structureOf(read.graph);
  const names = structure?.names ?? new Map<string, string>();
  const bypass = (reason: PromptReason, why: string): Plan => ({ read, names, place: null, bypass: { reason, why } });
  if (!structure) return bypass('BYPASS_NONDETERMINISTIC', 'its links go round in a circle');
  const unrepeatable = whyUnrepeatable(read, new Set(repeatable));
  if (unrepeatable !== null) return bypass('BYPASS_NONDETERMINISTIC', unrepeatable);
  const files = await filesOf(deps, read, prompt, facts);
  if ('unknown' in files) return bypass('BYPASS_UNKNOWN_FILE', files.unknown);
  const { models, inputs } = files;
  const keyWith = (by: 'known' | 'content') => {
    const named = [
      ...models.map((model) => `${model.name}\0${model[by]}`),
      ...inputs.map(({ name, known }) => `${name}\0${known}`),
    ];
    const about = JSON.stringify({ environment: facts.environment, files: named.sort() });
    return keyOf(ns, deps.version(), `[${about},${structure.text}]`);
  };
  const isKnown = models.length > 0 && models.every(({ content }) => content !== null);
  const place = {
    key: keyWith('known'),
    contentKey: isKnown ? keyWith('content') : null,
    deps: [...new Set([...models, ...inputs].map(({ path }) => `${fileScheme}${path}`))],
  };
  return { read, names, place, bypass: null };
}

/** A file with its name in the prompt. */
type NamedFile = FileIdentity & { name: string };

/** The files that a prompt is computed from; or why one of them is unknown. */
async function filesOf(
  { identities, workflows }: PlanDeps,
  read: ReadPrompt,
  prompt: unknown,
  facts: ComfyuiFacts,
): Promise<{ models: NamedFile[]; inputs: NamedFile[] } | { unknown: string }> {
  const { models, unresolved } = await workflows.analyze({ prompt });
  const [unclear] = unresolved;
  if (unclear) return { unknown: `node ${unclear.node} (${unclear.classType}), ${unclear.input}: ${unclear.why}` };
  const found: NamedFile[] = [];
  for (const { node, classType, category, name, path } of models) {
    const identity = path === null ? null : await identities.ofModel(path);
    if (!identity)
      return { unknown: `node ${node} (${classType}): the model ${name} is not in the model folders that are known here` };
    found.push({ ...identity, name: `${category ?? ''}/${name}` });
  }
  const named = new Set(models.map(({ node, name }) => `${node}\0${name}`));
  const inputs: NamedFile[] = [];
  for (const file of inputFilesOf(read, facts, (node, text) => named.has(`${node}\0${slashed(text)}`))) {
    const identity = file.path === null ? null : await identities.ofInput(file.path);
    if (identity) inputs.push({ ...identity, name: file.name });
    else if (file.isNeeded) return { unknown: `node ${file.node}: the file ${file.name} is not known here` };
  }
  return { models: found, inputs };
}
