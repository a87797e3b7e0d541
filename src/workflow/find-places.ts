import { guessCategory } from './guess-category.ts';
import { isNoModel, looksLikeModel, type Place } from './model-names.ts';
import type { NodeClasses } from './node-classes.ts';
import type { AnalyzeOptions, GraphNode, How } from './types.ts';

/** A text that a node has in one of its inputs. */
export interface Question {
  node: GraphNode;
  /** `lora_1.lora` for a value inside a value. */
  input: string;
  /** With `/` as the separator. */
  name: string;
  classes: NodeClasses;
  options: AnalyzeOptions;
}

export interface Answer {
  how: How;
  /** Where the file may lie, most likely first; empty when the text names no model. */
  places: Place[];
}

/** Says where the file lies that a text names, `[]` when it certainly is no model, null when it does not know. */
type Finder = (question: Question) => Place[] | null;

/** Surest first; the first that knows decides. */
const finders: readonly (readonly [How, Finder])[] = [
  ['learned', learned],
  ['object_info', offeredByComfyUi],
  ['core', coreTable],
  ['models', declaredByAuthor],
  ['name', byName],
];

export function findPlaces(question: Question): Answer | null {
  for (const [how, finder] of finders) {
    const places = finder(question);
    if (places) return { how, places };
  }
  return null;
}

function learned({ node, input, name, options }: Question): Place[] | null {
  const category = options.learned?.(node.classType, input) ?? null;
  return category === null || isNoModel(name) ? null : [{ category, name }];
}

/** The input offers a list of files: the category is the one that has them. */
function offeredByComfyUi(question: Question): Place[] | null {
  const { node, input, name, classes, options } = question;
  const spec = classes.spec(node, input);
  if (spec?.kind !== 'choice' || !looksLikeModel(name)) return null;
  const files = spec.options.filter(looksLikeModel).slice(0, 16);
  const has = (category: string, file: string) => options.resolveName?.(category, slashed(file)) != null;
  const votes = (options.categories?.() ?? []).flatMap((category) => {
    const count = files.filter((file) => has(category, file)).length + (has(category, name) ? 16 : 0);
    return count > 0 && files.length > 0 ? [{ category, count: count + (category === usual(question) ? 32 : 0) }] : [];
  });
  if (votes.length === 0) return null;
  return votes.sort((one, other) => other.count - one.count).map(({ category }) => ({ category, name }));
}

function coreTable({ node, input, name, classes }: Question): Place[] | null {
  const category = classes.categoryOf(node.classType, input);
  if (category === null) return classes.isCore(node.classType) ? [] : null;
  const fits = category === 'configs' ? /\.ya?ml$/i.test(name) : looksLikeModel(name) || isTinyVae(name, category, classes);
  return fits ? [{ category, name }] : [];
}

function declaredByAuthor({ node, name }: Question): Place[] | null {
  const declared = node.declared.find((model) => baseName(slashed(model.name)) === baseName(name));
  return declared ? [{ category: declared.category, name }] : null;
}

const noFile = /(^|_)(prefix|save|output|prompt|text|string|url|link|comment|note|label|title|description|repo|regex)($|_)/i;

function byName(question: Question): Place[] | null {
  const { node, input, name, classes, options } = question;
  const guess = guessCategory(input, node.classType);
  if (!looksLikeModel(name)) return guess !== null && isTinyVae(name, guess, classes) ? [{ category: guess, name }] : null;
  const others = (options.categories?.() ?? []).filter(
    (category) => category !== guess && options.resolveName?.(category, name) != null,
  );
  if (guess === null && others.length === 0 && noFile.test(input)) return null;
  const categories = guess === null && others.length > 0 ? others : [guess, ...others];
  return categories.map((category) => ({ category, name }));
}

/** The category that the stock table or the names give: it decides between folders that share files. */
function usual({ node, input, classes }: Question): string | null {
  return classes.categoryOf(node.classType, input) ?? guessCategory(input, node.classType);
}

function isTinyVae(name: string, category: string, { core }: NodeClasses): boolean {
  return category === 'vae' && core.tinyVaes.includes(name);
}

/** The separator that this room uses on every system. */
export function slashed(name: string): string {
  return name.replaceAll('\\', '/');
}

function baseName(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1).toLowerCase();
}
