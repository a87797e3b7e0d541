import type { LookupRequest } from '../api/api.ts';
import type { Log } from '../runtime/log.ts';
import { stemOf } from '../weights/companion-names.ts';
import { slashed } from './find-places.ts';
import { LearnedLoads, type LoadStore } from './learned-loads.ts';
import { baseOf, looksLikeModel } from './model-names.ts';
import { isNameInput } from './name-inputs.ts';
import { type RunningNode, type RunningPrompt, RunningPrompts } from './running-prompts.ts';
import type { Choice, Choices, ExpectedFile, LoadedFile } from './types.ts';

/** A learned fact: an input of a node class names files of this category; `''` = of varying ones. */
interface LearnedInput {
  classType: string;
  input: string;
  category: string;
}

/** Keeps facts over restarts. */
interface LearnedStore {
  learned(): LearnedInput[];
  saveLearned(input: LearnedInput): void;
}

export interface LearnedDeps {
  inputs: LearnedStore;
  loads: LoadStore;
  /** Writes as soon as that delays no lookup. */
  write(work: () => void): Promise<void>;
  log: Log;
}

/**
 * Learns from ComfyUI's real loads: a prompt was announced, then a node of it asked for a file. A text that is the file's name
 * teaches the category of its input. Other files are remembered with their choices (see `LearnedLoads`): a name without extension,
 * a preset. Covers every custom node that looks up its files through ComfyUI.
 */
export class Learned {
  readonly #categories: Map<string, string>;
  readonly #loads: LearnedLoads;
  readonly #prompts = new RunningPrompts((prompt, { node, file }) => this.#learn(prompt, node, file));
  readonly #deps: LearnedDeps;

  constructor(deps: LearnedDeps) {
    const { inputs, loads } = deps;
    this.#deps = deps;
    this.#categories = new Map(inputs.learned().map(({ classType, input, category }) => [keyOf(classType, input), category]));
    this.#loads = new LearnedLoads(loads.all(), {
      save: (load) => void this.#write(() => loads.save(load)),
      drop: (load) => void this.#write(() => loads.drop(load)),
    });
  }

  readonly category = (classType: string, input: string): string | null => {
    return this.#categories.get(keyOf(classType, input)) || null;
  };

  /** The files that a node with these inputs is expected to load. */
  readonly expected = (choices: Choices): ExpectedFile[] => this.#loads.expected(choices);

  /** Announces a waiting or running prompt. @throws CacheError BAD_REQUEST when it cannot be read */
  expect(promptId: string, document: unknown): void {
    this.#prompts.announce(promptId, document);
  }

  /** To be called when a load of `file` was answered. It teaches only with prompt and node, after the answer. */
  observe({ client }: Pick<LookupRequest, 'client'>, file: LoadedFile | null): void {
    const { prompt, node } = client ?? {};
    if (prompt && node && file) setImmediate(() => this.#prompts.loaded(prompt, { node, file }));
  }

  /** These files are gone: nothing is expected to load them. */
  forget(files: readonly LoadedFile[]): void {
    for (const file of files) this.#loads.forget(file);
  }

  #learn(prompt: RunningPrompt, id: string, { category, name }: LoadedFile): void {
    // The ids of nodes made by a node begin with its own: `5.0.0.1`.
    const node = prompt.nodes.get(id) ?? prompt.nodes.get(id.replace(/\..*$/, ''));
    if (!node) return;
    const file = { category, name: slashed(name) };
    if (this.#learnCategory(node, file) || node.isCore) return;
    // The name may be in another node, such as one that makes a list of LoRAs.
    const others = [...prompt.nodes.values()].filter((other) => other !== node);
    if (others.some((other) => other.named.some((text) => text.name === file.name && text.category === category))) return;
    const named = textThatNames(file, node, others);
    if (named) {
      const { classType, text } = named;
      this.#loads.learnNamed(classType, text, noted(prompt, `${classType}\0${text.input}\0${text.value}`, file));
      return;
    }
    const isWritten = [...prompt.nodes.values()].some(({ text }) => mentions(text, file));
    if (isWritten || node.texts.length + node.numbers.length === 0) return;
    this.#loads.learnChosen(node, noted(prompt, JSON.stringify([node.classType, node.texts, node.numbers]), file));
  }

  /** @returns whether an input of the node is the name of the file */
  #learnCategory({ classType, named }: RunningNode, { category, name }: LoadedFile): boolean {
    const found = named.find((text) => text.name === name);
    if (!found) return false;
    const { input } = found;
    const known = this.#categories.get(keyOf(classType, input));
    if (known === category || known === '') return true;
    const learned = known === undefined ? category : '';
    this.#categories.set(keyOf(classType, input), learned);
    void this.#write(() => this.#deps.inputs.saveLearned({ classType, input, category: learned }));
    return true;
  }

  async #write(save: () => void): Promise<void> {
    try {
      await this.#deps.write(save);
    } catch (err) {
      this.#deps.log.error({ err }, 'what was learned of a node could not be written');
    }
  }
}

/** The choice that names the file: of the node that loads it, or of another one that is no stock node. */
function textThatNames(file: LoadedFile, node: RunningNode, others: readonly RunningNode[]) {
  const own = node.texts.find((text) => isNamed(file, text) || isAboutNamed(file, text));
  if (own) return { classType: node.classType, text: own };
  for (const { classType, texts, isCore } of others) {
    const text = isCore ? undefined : texts.find((one) => isNamed(file, one));
    if (text) return { classType, text };
  }
  return null;
}

/** Maximum number of remembered files with one cause. */
const mostFiles = 100;

/** The files of this run that have one cause, with this one. */
function noted({ loaded }: RunningPrompt, cause: string, file: LoadedFile): readonly LoadedFile[] {
  const before = loaded.get(cause) ?? [];
  const isKnown = before.some(({ category, name }) => category === file.category && name === file.name);
  const files = isKnown || before.length >= mostFiles ? before : [...before, file];
  loaded.set(cause, files);
  return files;
}

/** Whether a text is the file's name, without the extension or the folder. */
function isNamed({ name }: LoadedFile, { value }: Choice): boolean {
  const last = baseOf(value.trim()).toLowerCase();
  const base = baseOf(name).toLowerCase();
  return last.length > 1 && (base === last || stemOf(base) === last || (looksLikeModel(last) && stemOf(base) === stemOf(last)));
}

/** The same for a longer text, and for the folder of the file, such as that of a repository. */
function isAboutNamed(file: LoadedFile, { input, value }: Choice): boolean {
  const wanted = value.trim().toLowerCase();
  if (mentions(wanted, file)) return true;
  if (!wanted.includes('/') && !isNameInput(input)) return false;
  const folders = file.name.toLowerCase().split('/').slice(0, -1);
  return folders.includes(baseOf(wanted)) || folders.includes(`models--${wanted.replaceAll('/', '--')}`);
}

/** @param text in lower case */
function mentions(text: string, { name }: LoadedFile): boolean {
  const stem = stemOf(baseOf(name)).toLowerCase();
  return stem.length >= leastStem && text.includes(stem);
}

/** Minimum length of a stem; shorter ones occur in texts by chance. */
const leastStem = 6;

function keyOf(classType: string, input: string): string {
  return `${classType}\0${input}`;
}
