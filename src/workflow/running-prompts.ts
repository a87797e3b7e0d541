import { readPrompt } from './api-prompt.ts';
import { choicesOf } from './choices.ts';
import { slashed } from './find-places.ts';
import { guessCategory } from './guess-category.ts';
import { inputTexts } from './input-texts.ts';
import { Budget } from './limits.ts';
import { Literals } from './literals.ts';
import { looksLikeModel } from './model-names.ts';
import { NodeClasses } from './node-classes.ts';
import { readDocument } from './read-document.ts';
import type { Choices, LoadedFile } from './types.ts';

/** A node of a prompt, with the facts that loads can teach. */
export interface RunningNode extends Choices {
  /** Its inputs that name a file of weights; with a category if that is known without a load. */
  named: readonly { input: string; name: string; category: string | null }[];
  /** All of its texts in lower case, cut if they are long. */
  text: string;
  /** Whether it is a stock node, whose files are known. */
  isCore: boolean;
}

export interface RunningPrompt {
  nodes: ReadonlyMap<string, RunningNode>;
  /** The loaded files so far, by cause. */
  loaded: Map<string, readonly LoadedFile[]>;
}

interface Load {
  node: string;
  file: LoadedFile;
}

/** Maximum number of kept prompts, and of loads of unannounced prompts. */
const most = { prompts: 100, waiting: 20, loads: 200, text: 10_000 };

/** The prompts that ComfyUI runs. Their nodes may load before the daemon has heard of the prompt. */
export class RunningPrompts {
  readonly #prompts = new Map<string, RunningPrompt>();
  readonly #waiting = new Map<string, Load[]>();
  readonly #onLoad: (prompt: RunningPrompt, load: Load) => void;

  constructor(onLoad: (prompt: RunningPrompt, load: Load) => void) {
    this.#onLoad = onLoad;
  }

  /** Announces a running or waiting prompt. @throws CacheError BAD_REQUEST when it cannot be read */
  announce(id: string, document: unknown): void {
    const prompt = { nodes: nodesOf(document), loaded: this.#prompts.get(id)?.loaded ?? new Map() };
    keep(this.#prompts, [id, prompt], most.prompts);
    const waiting = this.#waiting.get(id) ?? [];
    this.#waiting.delete(id);
    for (const load of waiting) this.#onLoad(prompt, load);
  }

  /** A node of a prompt has loaded a file. */
  loaded(id: string, load: Load): void {
    const prompt = this.#prompts.get(id);
    const waiting = this.#waiting.get(id) ?? [];
    if (prompt) this.#onLoad(prompt, load);
    else if (waiting.length < most.loads) keep(this.#waiting, [id, [...waiting, load]], most.waiting);
  }
}

function keep<T>(map: Map<string, T>, [key, value]: [string, T], count: number): void {
  map.delete(key);
  map.set(key, value);
  for (const oldest of [...map.keys()].slice(0, -count)) map.delete(oldest);
}

function nodesOf(document: unknown): Map<string, RunningNode> {
  const { prompt } = readDocument(document);
  if (!prompt) return new Map();
  const budget = new Budget();
  const graph = readPrompt(prompt, new Map(), budget);
  const classes = new NodeClasses(null);
  const literals = new Literals(graph, classes);
  return new Map(
    [...graph.nodes].map(([id, node]) => {
      const found = inputTexts(node, { classes, literals, budget });
      const { classType } = node;
      const named = found.texts
        .map(({ input, text }) => ({ input, name: slashed(text) }))
        .filter(({ name }) => looksLikeModel(name))
        .map((text) => ({
          ...text,
          category: classes.categoryOf(classType, text.input) ?? guessCategory(text.input, classType),
        }));
      const text = found.texts.map((one) => one.text.slice(0, most.text)).join('\n');
      return [
        id,
        {
          ...choicesOf(node, found, literals),
          named,
          text: slashed(text.slice(0, most.text)).toLowerCase(),
          isCore: classes.isCore(classType),
        },
      ];
    }),
  );
}
