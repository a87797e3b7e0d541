import { stemOf } from '../weights/companion-names.ts';
import { isModelName } from '../weights/extensions.ts';
import { findPlaces, type Question } from './find-places.ts';
import { baseOf, filesOf, isNoModel, looksLikeModel, mayBeFileName, type Places, resolved } from './model-names.ts';
import { isNameInput, mayBeName, nameInputCategory } from './name-inputs.ts';
import type { AnalyzeOptions, ExpectedFile, How, ModelUse, Unresolved } from './types.ts';

type File = Pick<ModelUse, 'category' | 'name' | 'path'>;

/** Why no file was found. */
export type Failure = Pick<Unresolved, 'reason' | 'candidates'>;

export interface Named {
  how: How;
  files: File[];
  /** Null when a file was found. */
  failure: Failure | null;
}

/**
 * The files that a text of a node names: by its place, by earlier loads of the text, or as the one file of the category with that
 * name. Null when the text names no model.
 */
export function namedModels(question: Question, learned: readonly (ExpectedFile & { path: string })[]): Named | null {
  const { name, classes, options } = question;
  const answer = findPlaces(question);
  const [place] = answer?.places ?? [];
  if (answer && !place) return noName(question);
  const groups = place && (answer?.places.length === 1 ? filesOf(place, classes.core) : [answer?.places ?? []]);
  const files = groups?.map((places) => resolved(places, options)) ?? [];
  if (answer && files.some(({ path }) => path !== null)) return { how: answer.how, files, failure: null };
  const before = learned.filter(({ value, inputs }) => value === name && inputs.includes(question.input));
  if (before.length > 0)
    return {
      how: 'learned',
      files: before.map(({ category, name: known, path }) => ({ category, name: known, path })),
      failure: null,
    };
  return byStem(question) ?? (answer ? { how: answer.how, files, failure: null } : noName(question));
}

/** Files by stem: packs take names without extension, and names of files moved to another folder of the category. */
function byStem({ node, input, name, classes, options }: Question): Named | null {
  const { classType } = node;
  const isNamed = nameInputCategory(input, classType);
  const category = options.learned?.(classType, input) ?? isNamed;
  if (category === null || classes.isCore(classType) || !mayBeName(name)) return null;
  const isWhole = looksLikeModel(name);
  const found = options.withStem?.(category, isWhole ? stemOf(name) : name) ?? [];
  const candidates = found.filter((file) => !isWhole || baseOf(file) === baseOf(name));
  const [only] = candidates;
  if (only !== undefined && candidates.length === 1) {
    return { how: 'name', files: [resolved([{ category, name: only }], options)], failure: null };
  }
  if (isWhole || isNamed === null) return null;
  return { how: 'name', files: [], failure: { reason: only === undefined ? 'NO_MATCH' : 'SEVERAL', candidates } };
}

/**
 * The files that the text of a prompt names, in any folder of their category: packs take the one LoRA of that name, ComfyUI one of the
 * embeddings.
 */
export function filesInText(places: Places, options: AnalyzeOptions): File[] {
  const file = resolved(places, options);
  if (file.path !== null || file.category === null) return [file];
  const { category } = file;
  const found = (options.withStem?.(category, stemOf(baseOf(file.name))) ?? []).filter(
    (name) => category === 'loras' || places.some((place) => name.endsWith(`/${place.name}`)),
  );
  if (found.length === 0 || (category === 'loras' && found.length > 1)) return [file];
  return found.map((name) => resolved([{ category, name }], options));
}

/** The answer for a text that cannot be a file's name, or is not in a stock node's list. */
function noName({ node, input, name, classes }: Question): Named | null {
  const { classType } = node;
  const isStock = classes.categoryOf(classType, input) !== null;
  const isOdd = !mayBeFileName(name);
  if (isNoModel(name) || !(isStock || (isOdd && isModelName(name) && isNameInput(input)))) return null;
  return { how: 'name', files: [], failure: { reason: isOdd ? 'NO_NAME' : 'NO_MATCH', candidates: [] } };
}
