import { guessCategory } from './guess-category.ts';
import { isNoModel, mayBeFileName } from './model-names.ts';

/** Inputs that hold the name of a model file, by their last word: `lora`, `lora_01`, `lora_1_name`, `ipadapter_file`. */
const noun =
  /(^|_)(ckpt|checkpoint|loras?|lycoris|vae|unet|dit|control_?net|control_lora|t2i_?adapter|ip_?adapter|clip_?vision|(audio|text|image)_?encoder|gligen|hyper_?net(work)?|photo_?maker|embedding|model|model_patch|clip_name)(_?\d+)?(_(name|file|filename|path))?(_?\d+)?$/;
/** Last words that name the row before them: `loras.name`. */
const parts = new Set(['name', 'file', 'filename', 'path']);
/** Names that mean a local file only in loaders; others mean a service. */
const general = /^(model)(_(name|path|file|filename|id))?(_?\d+)?$/;
const loader = /load/i;
/** Maximum length of an input's name; longer ones are made to cost time. */
const longestWord = 100;
/** Values that choose no model. */
const setting = /^(true|false|on|enabled?|disabled?|same|cpu|gpu|cuda(:\d+)?|mps|fp\d+\w*|bf16|-?[\d.]+)$/i;

/** Whether an input has a name for model names. */
export function isNameInput(input: string): boolean {
  return noun.test(wordOf(input));
}

/**
 * The category of models that an input names without an extension; null for an input with other values, such as a precision, a
 * method, or a prompt. Strict: unknown inputs name no model.
 */
export function nameInputCategory(input: string, classType: string): string | null {
  const word = wordOf(input);
  if (!noun.test(word) || (general.test(word) && !loader.test(classType))) return null;
  return guessCategory(word, classType);
}

/** The same for an input whose value another node computes: links to the model itself are called `vae`, and names `vae_name`. */
export function isComputedName(input: string, classType: string): boolean {
  return /_(name|file|filename|path)(_?\d+)?$/.test(wordOf(input)) && nameInputCategory(input, classType) !== null;
}

/** True for a text that may be the name of a model without its extension, as packs write it. */
export function mayBeName(text: string): boolean {
  return mayBeFileName(text) && !setting.test(text.trim()) && !isNoModel(text);
}

function wordOf(input: string): string {
  const [last = '', before] = input.split('.').reverse();
  const word = before !== undefined && parts.has(last.toLowerCase()) ? before : last;
  return word
    .slice(-longestWord)
    .replaceAll('LoRA', 'Lora')
    .replace(/([a-z\d])([A-Z])/g, '$1_$2')
    .replace(/[^\p{L}\d]+/gu, '_')
    .toLowerCase();
}
