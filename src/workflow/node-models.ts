import { choicesOf } from './choices.ts';
import { slashed } from './find-places.ts';
import { type InputTexts, inputTexts, type TextReader } from './input-texts.ts';
import { limits } from './limits.ts';
import { looksLikeModel, resolved } from './model-names.ts';
import { isComputedName, isNameInput, mayBeName } from './name-inputs.ts';
import { namedInText } from './named-in-text.ts';
import { type Failure, filesInText, type Named, namedModels } from './named-models.ts';
import { presetsOf } from './presets.ts';
import type { AnalyzeOptions, Choices, ExpectedFile, GraphNode, ModelUse, Unresolved } from './types.ts';

export interface NodeModels {
  uses: ModelUse[];
  /** Why named models of the node are not loaded, or cannot be named. */
  unused: string[];
  /** Inputs that name or choose models, but whose file is unknown. */
  unresolved: Unresolved[];
}

export interface Reader extends TextReader {
  options: AnalyzeOptions;
}

/** The model files that a node loads when it is executed, in the order of its inputs. */
export function nodeModels(node: GraphNode, reader: Reader): NodeModels {
  const found = inputTexts(node, reader);
  return new NodeReading(node, reader, choicesOf(node, found, reader.literals)).of(found);
}

const openedPast: Failure = { reason: 'OWN_LOADER', candidates: [] };
const notTold: Failure = { reason: 'NOT_LEARNED', candidates: [] };
const computedElsewhere: Failure = { reason: 'COMPUTED', candidates: [] };

class NodeReading {
  readonly #node: GraphNode;
  readonly #reader: Reader;
  readonly #choices: Choices;
  /** Learned files that still exist. */
  readonly #learned: readonly (ExpectedFile & { path: string })[];
  /** Those of them that the node's inputs choose together, without a text that names them. */
  readonly #chosen: readonly (ExpectedFile & { path: string })[];
  readonly #opensItself: boolean;
  readonly #models: NodeModels = { uses: [], unused: [], unresolved: [] };

  constructor(node: GraphNode, reader: Reader, choices: Choices) {
    this.#node = node;
    this.#reader = reader;
    this.#choices = choices;
    this.#learned = expectedFiles(choices, reader.options);
    this.#chosen = this.#learned.filter(({ value }) => value === null);
    this.#opensItself = this.#learned.length === 0 && opensItself(node, reader);
  }

  of({ texts, computed }: InputTexts): NodeModels {
    for (const text of texts) {
      this.#readTags(text);
      this.#readName(text);
    }
    for (const { inputs, category, name, path } of this.#chosen) {
      this.#add(inputs.join(', '), { how: 'learned', files: [{ category, name, path }] });
    }
    for (const input of computed) this.#readComputed(input);
    const { uses, unused, unresolved } = this.#models;
    if (uses.length + unused.length + unresolved.length === 0) {
      for (const { at, value } of presetsOf(this.#choices, this.#reader.classes)) this.#fail(at, value, notTold);
    }
    return this.#models;
  }

  /** Embeddings and LoRAs that the text of a prompt names. */
  #readTags({ input, text, off }: InputTexts['texts'][number]): void {
    for (const named of namedInText(text)) {
      this.#reader.budget.spend(limits.stepsOfNamed);
      const files = filesInText(named.places, this.#reader.options);
      const why = off ?? named.off;
      if (why === null) this.#add(input, { how: 'name', files });
      else this.#models.unused.push(...files.map(({ name }) => `${name}: ${why}`));
    }
  }

  #readName({ input, text, off }: InputTexts['texts'][number]): void {
    const name = slashed(text);
    const named = namedModels({ node: this.#node, input, name, ...this.#reader }, this.#learned);
    const isThere = named?.files.some(({ path }) => path !== null) ?? false;
    // Only the node knows the place of its models.
    const isElsewhere = this.#opensItself && !isThere && (named !== null || (isNameInput(input) && mayBeName(text)));
    const failure = isElsewhere ? notTold : this.#isWholePath(name, named) ? openedPast : named?.failure;
    if (off !== null) {
      if (named && !named.failure) this.#models.unused.push(`${name}: ${off}`);
    } else if (failure) this.#fail(input, text, failure);
    else if (named && (isThere || this.#chosen.length === 0)) this.#add(input, named);
  }

  /** Whether a text is a whole path: ComfyUI finds names only below its folders, so such a node opens the file itself. */
  #isWholePath(name: string, named: Named | null): boolean {
    const isStock = this.#reader.classes.isCore(this.#node.classType);
    return /^([a-z]:)?\//i.test(name) && looksLikeModel(name) && !isStock && named?.how !== 'learned';
  }

  #readComputed({ input, by }: InputTexts['computed'][number]): void {
    const { classes } = this.#reader;
    const { classType } = this.#node;
    const isStock = classes.categoryOf(classType, input) !== null;
    if (isStock) this.#models.unused.push(`${input}: node ${by} computes the name`);
    if (isStock || (!classes.isCore(classType) && isComputedName(input, classType))) this.#fail(input, null, computedElsewhere);
  }

  #add(input: string, { how, files }: Pick<Named, 'how' | 'files'>): void {
    const { id, classType } = this.#node;
    const own = this.#opensItself ? { opensItself: true as const } : {};
    this.#models.uses.push(...files.map((file) => ({ node: id, classType, input, how, ...file, ...own })));
  }

  /** Reports a failure of an input, unless the files that its inputs choose together are known. */
  #fail(input: string, value: string | null, { reason, candidates }: Failure): void {
    if (this.#chosen.length > 0) return;
    const { id, classType } = this.#node;
    const why = this.#opensItself ? 'OWN_LOADER' : reason;
    this.#models.unresolved.push({ node: id, classType, input, value, reason: why, candidates });
  }
}

function expectedFiles(choices: Choices, options: AnalyzeOptions) {
  return (options.expected?.(choices) ?? []).flatMap((file) => {
    const { path } = resolved([file], options);
    return path === null ? [] : [{ ...file, path }];
  });
}

/** Whether a node opens its files past the lookup; a class that was seen to look files up does not, despite the table. */
function opensItself({ classType, inputs }: GraphNode, { classes, options }: Reader): boolean {
  return classes.opensItself(classType) && ![...inputs.keys()].some((input) => options.learned?.(classType, input));
}
