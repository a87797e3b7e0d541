import { isModelName } from '../weights/extensions.ts';
import { guessCategory } from './guess-category.ts';
import type { Budget } from './limits.ts';
import { baseOf, isNoModel, looksLikeModel, type ModelName } from './model-names.ts';
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
  budget: Budget;
}

export interface Answer {
  how: How;
  /** Possible places of the file, most likely first; empty when the text names no model. */
  places: ModelName[];
}

/** Returns the places of the file that a text names, `[]` if it certainly is no model, null if unknown. */
type Finder = (question: Question) => ModelName[] | null;

/** Surest first; the first answer other than null counts. */
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

function learned({ node, input, name, options }: Question): ModelName[] | null {
  const category = options.learned?.(node.classType, input) ?? null;
  return category === null || isNoModel(name) ? null : [{ category, name }];
}

/**
 * The input offers a list of files: the category that has the file counts, preferably the usual one. Among several, and for a
 * file that is gone, the category with most of the list counts.
 */
function offeredByComfyUi(question: Question): ModelName[] | null {
  const { node, input, name, classes, options } = question;
  const spec = classes.spec(node, input);
  const files = spec?.kind === 'choice' ? spec.options.filter(looksLikeModel).slice(0, 16).map(slashed) : [];
  if (files.length === 0 || !looksLikeModel(name)) return null;
  const preferred = classes.categoryOf(node.classType, input) ?? guessCategory(input, node.classType);
  if (preferred !== null && exists(question, preferred, name)) return [{ category: preferred, name }];
  const all = options.categories?.() ?? [];
  const having = all.filter((category) => exists(question, category, name));
  const votes = (having.length > 0 ? having : all)
    .map((category) => ({ category, count: files.filter((file) => exists(question, category, file)).length }))
    .filter(({ count }) => count > 0 || having.length > 0)
    .sort((one, other) => other.count - one.count || Number(other.category === preferred) - Number(one.category === preferred));
  return votes.length === 0 ? null : votes.map(({ category }) => ({ category, name }));
}

function coreTable(question: Question): ModelName[] | null {
  const { node, input, name, classes } = question;
  const category = classes.categoryOf(node.classType, input);
  if (category === null) return classes.isCore(node.classType) ? [] : null;
  const fits = category === 'configs' ? /\.ya?ml$/i.test(name) : looksLikeModel(name) || isTinyVae(name, category, classes);
  // On Linux a file may have any name.
  return fits || (isModelName(name) && exists(question, category, name)) ? [{ category, name }] : [];
}

function declaredByAuthor({ node, name }: Question): ModelName[] | null {
  const declared = node.declared.find((model) => baseOf(slashed(model.name)).toLowerCase() === baseOf(name).toLowerCase());
  return declared ? [{ category: declared.category, name }] : null;
}

/** Inputs and classes with texts that may end like a file name without being one. */
const noFile = /(^|_)(prefix|save|output|prompt|text|string|url|link|comment|note|label|title|description|repo|regex)($|_)/i;
const noLoader = /note|label|show|display|preview/i;

function byName(question: Question): ModelName[] | null {
  const { node, input, name, classes, options } = question;
  const guess = guessCategory(input, node.classType);
  if (guess !== null && isModelName(name) && exists(question, guess, name)) return [{ category: guess, name }];
  if (!looksLikeModel(name)) return guess !== null && isTinyVae(name, guess, classes) ? [{ category: guess, name }] : null;
  const having = (options.categories?.() ?? []).filter((category) => exists(question, category, name));
  if (guess === null && having.length === 0 && (noFile.test(input) || noLoader.test(node.classType))) return null;
  const categories = having.length > 0 ? having : [guess];
  return categories.map((category) => ({ category, name }));
}

function exists({ options, budget }: Question, category: string, name: string): boolean {
  budget.spend();
  return options.resolveName?.(category, name) != null;
}

function isTinyVae(name: string, category: string, { core }: NodeClasses): boolean {
  return category === 'vae' && core.tinyVaes.includes(name);
}

/** With `/`, the separator of this room on every system. */
export function slashed(name: string): string {
  return name.replaceAll('\\', '/');
}
