import { limits } from './limits.ts';
import { looksLikeModel, type ModelName, type Places } from './model-names.ts';

/**
 * `embedding:name`, `(embedding:name:1.2)`; the name ends at a blank, a comma, a bracket or the weight. A bracket of the name is written
 * `\(`. Text up to the next blank or bracket may be part of the name as well: ComfyUI tries it.
 */
const embedding = /\bembedding:\s*,*((?:\\[()]|[^\s,()<>{}|])+)(?=((?:\\[()]|[^\s()]){0,255}))/gi;
/** `<lora:name:0.8>`, `<lora:name:1:0.5>`, as packs write it in prompts. */
const lora = /<(?:lora|lyco):([^:<>\n]+)((?::[^<>\n]*)?)>/gi;
/** Strengths that are all 0: loaders of ComfyUI return before they open the file. */
const without = /^(:\s*[-+]?(0+(\.0*)?|\.0+)\s*)+$/;
/** Extensions in the order in which ComfyUI tries them for a name without one. */
const extensions = ['safetensors', 'pt', 'bin'];
/** Maximum number of names in a text, and of its characters. */
const most = { names: 100, text: 256 * 1024 };

/** A model that a text names. */
export interface NamedInText {
  /** The files that it may be, most likely first. */
  places: Places;
  /** Why it is not loaded, or null. */
  off: string | null;
}

/** The models that the text of a prompt names. */
export function namedInText(text: string): NamedInText[] {
  const read = text.slice(0, most.text);
  const embeddings = matches(read, embedding).map(([, name = '', rest = '']) => {
    const names = new Set([...withoutWeight(name), ...withoutWeight(name + rest)]);
    return { places: [...names].flatMap((one) => placesOf('embeddings', one)), off: null };
  });
  const loras = matches(read, lora).map(([, name = '', strengths = '']) => ({
    places: placesOf('loras', name.trim()),
    off: without.test(strengths) ? 'strength 0' : null,
  }));
  return [...embeddings, ...loras].filter(({ places }) => places.length > 0);
}

/** The first matches only: all matches of a malicious text would take seconds. */
function matches(text: string, form: RegExp): RegExpExecArray[] {
  const found: RegExpExecArray[] = [];
  for (const match of text.matchAll(form)) if (found.push(match) === most.names) break;
  return found;
}

/** A name with a weight, as a name without it and as a name that looks so. */
function withoutWeight(text: string): string[] {
  const name = text.replace(/,+$/, '').replace(/\\([()])/g, '$1');
  return [name.replace(/:[-+\w.]*$/, ''), name];
}

function placesOf(category: string, text: string): ModelName[] {
  const name = text.replaceAll('\\', '/');
  if (name === '' || name.length > limits.nameLength) return [];
  const withExtension = extensions.map((extension) => ({ category, name: `${name}.${extension}` }));
  return looksLikeModel(name) ? [{ category, name }, ...withExtension] : withExtension;
}
