import { choicesOf } from './choices.ts';
import { slashed } from './find-places.ts';
import { inputTexts, type TextReader } from './input-texts.ts';
import { resolved } from './model-names.ts';
import { isComputedName, isNameInput, mayBeName } from './name-inputs.ts';
import { namedInText } from './named-in-text.ts';
import { type Failure, type Named, namedModels, onlyLora } from './named-models.ts';
import { presetsOf } from './presets.ts';
import type { AnalyzeOptions, ExpectedFile, GraphNode, ModelUse, Unresolved } from './types.ts';

export interface NodeModels {
  uses: ModelUse[];
  /** Why named models of the node are not loaded, or cannot be named. */
  unused: string[];
  /** Inputs that name or choose models, and for which no file could be told. */
  unresolved: Unresolved[];
}

export interface Reader extends TextReader {
  options: AnalyzeOptions;
}

/** The model files that a node loads when it is executed, in the order of its inputs. */
export function nodeModels(node: GraphNode, reader: Reader): NodeModels {
  const { classes, literals, options } = reader;
  const { id, classType } = node;
  const found = inputTexts(node, reader);
  const choices = choicesOf(node, found, literals);
  const learned = expectedFiles(options.expected?.(choices) ?? [], options);
  const chosen = learned.filter(({ value }) => value === null);
  const isOwn = isOwnLoader(node, reader, learned);
  const models: NodeModels = { uses: [], unused: [], unresolved: [] };
  const fail = (input: string, value: string | null, { reason, candidates }: Failure) =>
    models.unresolved.push({ node: id, classType, input, value, reason: isOwn ? 'OWN_LOADER' : reason, candidates });
  const add = (input: string, { how, files }: Pick<Named, 'how' | 'files'>) =>
    models.uses.push(
      ...files.map((file) => ({ node: id, classType, input, how, ...file, ...(isOwn && { opensItself: true as const }) })),
    );

  for (const { input, text, off } of found.texts) {
    for (const places of namedInText(text)) {
      const file = onlyLora(places, options);
      if (off === null) add(input, { how: 'name', files: [file] });
      else models.unused.push(`${file.name}: ${off}`);
    }
    const name = slashed(text);
    const named = namedModels({ node, input, name, ...reader }, learned);
    const isThere = named?.files.some(({ path }) => path !== null) ?? false;
    // Its models lie where only the node knows.
    const isElsewhere = isOwn && !isThere && (named !== null || (isNameInput(input) && mayBeName(text)));
    const failure = isElsewhere ? notTold : named?.failure;
    if (off !== null) models.unused.push(...(named && !named.failure ? [`${name}: ${off}`] : []));
    else if (failure) fail(input, text, failure);
    else if (named && (isThere || chosen.length === 0)) add(input, named);
  }
  for (const { inputs, category, name, path } of chosen) {
    add(inputs.join(', '), { how: 'learned', files: [{ category, name, path }] });
  }
  // What its inputs choose together is known, whatever one of them alone says.
  if (chosen.length > 0) models.unresolved = [];
  for (const { input, by } of found.computed) {
    const isStock = classes.categoryOf(classType, input) !== null;
    if (isStock) models.unused.push(`${input}: node ${by} computes the name`);
    const isName = !classes.isCore(classType) && isComputedName(input, classType);
    if (isStock || (isName && chosen.length === 0)) fail(input, null, { reason: 'COMPUTED', candidates: [] });
  }
  const isTold = models.uses.length + models.unused.length + models.unresolved.length > 0;
  for (const { at, value } of isTold ? [] : presetsOf(choices, classes)) fail(at, value, notTold);
  return models;
}

const notTold: Failure = { reason: 'NOT_LEARNED', candidates: [] };

/** What was learned and is still there. */
function expectedFiles(expected: readonly ExpectedFile[], options: AnalyzeOptions) {
  return expected.flatMap((file) => {
    const { path } = resolved([file], options);
    return path === null ? [] : [{ ...file, path }];
  });
}

/** A class that was seen to look its files up does not open them past the lookup, whatever the table says. */
function isOwnLoader(
  { classType, inputs }: GraphNode,
  { classes, options }: Reader,
  learned: readonly ExpectedFile[],
): boolean {
  if (!classes.opensItself(classType) || learned.length > 0) return false;
  return ![...inputs.keys()].some((input) => options.learned?.(classType, input));
}
