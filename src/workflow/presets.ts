import { guessCategory } from './guess-category.ts';
import { mayBeName } from './name-inputs.ts';
import type { NodeClasses } from './node-classes.ts';
import type { Choices } from './types.ts';

const loader = /load/i;
/** Loaders of other files, and nodes that only show models. */
const noModels = /image|video|audio|mask|latent|text|json|save|show|display|preview|note|label/i;
/** Inputs for the way in which a model is loaded and used, not for its choice. */
const settings =
  /(^|_)(device|dtype|precision|provider|attention|backend|mode|method|quant(ization)?|format|offload|sampler|scheduler|config|interpolation|compile|dir|control)($|_)|type$/i;

/** Names of such an input in a loader of any models. */
const preset = /(^|_)(presets?|model|variant|version|family|backbone|weights)(_(name|type|id))?$/;

/**
 * The inputs that choose models in a loader that names none: a preset, a size. Its files are known once it has run. If its class does
 * not show which models of ComfyUI it loads, only inputs named like presets count.
 */
export function presetsOf({ classType, texts }: Choices, classes: NodeClasses): Choices['texts'] {
  if (classes.isCore(classType) || !loader.test(classType) || noModels.test(classType)) return [];
  const loadsModels = guessCategory('model', classType) !== null;
  const isChoice = (at: string) => !at.includes('.') && (loadsModels ? !settings.test(at) : preset.test(at));
  return texts.filter(({ at, value }) => isChoice(at) && mayBeName(value));
}
