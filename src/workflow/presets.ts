import { guessCategory } from './guess-category.ts';
import { mayBeName } from './name-inputs.ts';
import type { NodeClasses } from './node-classes.ts';
import type { Choices } from './types.ts';

const loader = /load/i;
/** Loaders of other things, and nodes that only look at models. */
const noModels = /image|video|audio|mask|latent|text|json|save|show|display|preview|note|label/i;
/** How a model is loaded and used, not which one. */
const settings =
  /(^|_)(device|dtype|precision|provider|attention|backend|mode|method|quant(ization)?|format|offload|sampler|scheduler|config|interpolation|compile|dir|control)($|_)|type$/i;

/** What a loader of any models calls such an input. */
const preset = /(^|_)(presets?|model|variant|version|family|backbone|weights)(_(name|type|id))?$/;

/**
 * The inputs that choose models in a loader that names none: a preset, a size. Which files it loads is known once it has run. When
 * its class does not say which models of ComfyUI it loads, only what is called like a preset is one.
 */
export function presetsOf({ classType, texts }: Choices, classes: NodeClasses): Choices['texts'] {
  if (classes.isCore(classType) || !loader.test(classType) || noModels.test(classType)) return [];
  const loadsModels = guessCategory('model', classType) !== null;
  const isChoice = (at: string) => !at.includes('.') && (loadsModels ? !settings.test(at) : preset.test(at));
  return texts.filter(({ at, value }) => isChoice(at) && mayBeName(value));
}
