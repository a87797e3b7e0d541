import type { LookupRequest } from '../api/api.ts';
import type { Log } from '../runtime/log.ts';
import { readPrompt } from './api-prompt.ts';
import { slashed } from './find-places.ts';
import { inputTexts } from './input-texts.ts';
import { Budget } from './limits.ts';
import { Literals } from './literals.ts';
import { looksLikeModel } from './model-names.ts';
import { NodeClasses } from './node-classes.ts';
import { readDocument } from './read-document.ts';

/** A learned fact: an input of a node class names files of this category; `''` = of varying ones. */
export interface LearnedInput {
  classType: string;
  input: string;
  category: string;
}

/** Keeps it over restarts. */
export interface LearnedStore {
  learned(): LearnedInput[];
  saveLearned(input: LearnedInput): void;
}

interface NamedFile {
  node: string;
  classType: string;
  input: string;
  name: string;
}

/** Prompts with loads still expected. */
const keepPrompts = 100;

/**
 * Learns the categories of inputs: a prompt was announced, then a node of it asked for a file that one of its inputs names.
 * Covers every custom node that looks up its files by name.
 */
export class Learned {
  #categories: Map<string, string>;
  #prompts = new Map<string, NamedFile[]>();
  readonly #store: LearnedStore;
  readonly #log: Log;

  constructor(store: LearnedStore, log: Log) {
    this.#store = store;
    this.#log = log;
    this.#categories = new Map(store.learned().map(({ classType, input, category }) => [keyOf(classType, input), category]));
  }

  readonly category = (classType: string, input: string): string | null => {
    return this.#categories.get(keyOf(classType, input)) || null;
  };

  /** A prompt that will be executed. @throws CacheError BAD_REQUEST when it cannot be read */
  expect(promptId: string, document: unknown): void {
    this.#prompts.delete(promptId);
    this.#prompts.set(promptId, namedFiles(document));
    for (const oldest of [...this.#prompts.keys()].slice(0, -keepPrompts)) this.#prompts.delete(oldest);
  }

  /** An answered load. It teaches only with prompt, node, category and name. */
  observe({ client, category, name }: Pick<LookupRequest, 'client' | 'category' | 'name'>): void {
    const { prompt, node } = client ?? {};
    if (!prompt || !node || !category || !name) return;
    const wanted = slashed(name);
    const file = this.#prompts.get(prompt)?.find((named) => named.node === node && named.name === wanted);
    if (!file) return;
    const { classType, input } = file;
    const known = this.#categories.get(keyOf(classType, input));
    if (known === category || known === '') return;
    const learned = known === undefined ? category : '';
    this.#categories.set(keyOf(classType, input), learned);
    this.#save({ classType, input, category: learned });
  }

  /** Writes come after the answer. */
  #save(learned: LearnedInput): void {
    setImmediate(() => {
      try {
        this.#store.saveLearned(learned);
      } catch (err) {
        this.#log.error({ err }, 'what was learned of a node could not be written');
      }
    });
  }
}

function namedFiles(document: unknown): NamedFile[] {
  const { prompt } = readDocument(document);
  if (!prompt) return [];
  const budget = new Budget();
  const graph = readPrompt(prompt, new Map(), budget);
  const literals = new Literals(graph, new NodeClasses(null));
  return [...graph.nodes.values()].flatMap((node) =>
    inputTexts(node, literals, budget)
      .texts.map(({ input, text }) => ({ node: node.id, classType: node.classType, input, name: slashed(text) }))
      .filter(({ name }) => looksLikeModel(name)),
  );
}

function keyOf(classType: string, input: string): string {
  return `${classType}\0${input}`;
}
