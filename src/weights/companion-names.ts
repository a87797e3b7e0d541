import { isModelName, isUnfinished } from './extensions.ts';

/** One of several files that form a model only together: `model-00001-of-00005.safetensors`. */
const shard = /^(.+)-\d{5}-of-(\d{5})(\.[a-z0-9]+)$/i;
/** Names of the Hugging Face layouts, where each model has its own directory that includes its configuration. */
const hubWeights = /^(adapter_model|model|pytorch_model|diffusion_pytorch_model)(\.[a-z0-9]+)?\.(safetensors|bin|pt|pth)$/i;
const hubSettings = new RegExp(
  [
    '^(.*config|.*index|.*tokens(_map)?|tokenizer|vocab|chat_template|modules|params)\\.json$',
    // Vocabularies of WordPiece, BPE, SentencePiece and tiktoken.
    '^((.*[-_.])?vocab|merges|dict)\\.(txt|bpe)$|^(tokenizer|spiece|.*sentencepiece.*|.*\\.bpe)\\.model$|\\.(tiktoken|spm|vocab)$',
    // Labels of a tagger or classifier, and maps of quantised weights.
    '^(selected_)?(tags|labels?|classes|class_names|categories|id2label|label_map)\\.(csv|txt|json)$|^quanto_qmap\\.json$',
    // A model may bring its own code, and templates for its texts.
    '\\.(py|jinja)$|^(.*[-_.])?(config|params)\\.ya?ml$',
  ].join('|'),
  'i',
);
/** The index of a model with folders such as `1_Pooling`, `2_Dense` of sentence-transformers. */
const partsIndex = 'modules.json';
const partFolder = /^\d+_[A-Z]\w*$/;
/** ONNX graphs, whose large weights are in files beside them. */
const onnx = /\.onnx$/i;
const onnxData = /^([._]data(_\d+)?)$/i;
const gguf = /\.gguf$/i;
const projector = /mmproj.*\.gguf$/i;
const quantisation = /[-_.](ud-)?(i?q\d\w*|bf16|fp?16|fp?32)$/i;

/** True for a file whose loaders also open files beside it. It is served only with those files. */
export function hasCompanions(name: string): boolean {
  return shard.test(name) || hubWeights.test(name) || onnx.test(name) || (gguf.test(name) && !projector.test(name));
}

/** Whether loaders of `name` also look into folders in its directory, which has these names; see `isPartFolder`. */
export function hasPartFolders(name: string, names: Iterable<string>): boolean {
  return (shard.test(name) || hubWeights.test(name)) && new Set(names).has(partsIndex);
}

/** Whether a folder beside such a model belongs to it. */
function isPartFolder(name: string): boolean {
  return partFolder.test(name);
}

/** Whether loaders of `name` look for `other`, a file in the same directory, or below it in one of the model's folders: `1_Pooling/config.json`. */
export function isCompanion(name: string, other: string): boolean {
  if (other === name || isUnfinished(other)) return false;
  if (gguf.test(name) && !shard.test(name)) return projector.test(other) && isProjectorOf(name, other);
  if (onnx.test(name)) return isDataOf(name, other);
  const [folder = '', ...below] = other.split('/');
  return below.length > 0 ? isPartFolder(folder) : hubSettings.test(other) || isSameSet(name, other);
}

/**
 * Whether `other`, a file in the same directory, describes the model `name`: notes, a preview, settings with its stem
 * (`a.txt`, `a.civitai.info`, `a.preview.png` of `a.safetensors`), or the settings of a model that has the directory for itself.
 */
export function isSidecar(name: string, other: string): boolean {
  if (other === name || isModelName(other) || isUnfinished(other)) return false;
  return other.startsWith(`${stemOf(name)}.`) || hubSettings.test(other);
}

/** The names in a directory, indexed so that the files beside a model are found without scanning all. */
export class Neighbours {
  readonly #names: ReadonlySet<string>;
  /** Names that begin with a stem, by that stem. */
  readonly #byStem = new Map<string, string[]>();
  /** Names that may belong to any other. */
  readonly #common: string[];

  constructor(names: readonly string[]) {
    this.#names = new Set(names);
    this.#common = names.filter((name) => hubSettings.test(name) || shard.test(name) || projector.test(name));
    for (const name of names) {
      if (isModelName(name)) continue;
      for (let dot = name.indexOf('.', 1); dot > 0; dot = name.indexOf('.', dot + 1)) {
        const stem = name.slice(0, dot);
        this.#byStem.set(stem, [...(this.#byStem.get(stem) ?? []), name]);
      }
    }
  }

  /** This name with its present companions and sidecars. */
  of(name: string): string[] {
    const candidates = new Set([...(this.#byStem.get(stemOf(name)) ?? []), ...this.#common]);
    const beside = [...candidates].filter((other) => isCompanion(name, other) || isSidecar(name, other));
    return this.#names.has(name) ? [name, ...beside] : beside;
  }

  /** The folders that belong to this model. */
  partsOf(name: string): string[] {
    return hasPartFolders(name, this.#names) ? [...this.#names].filter(isPartFolder) : [];
  }
}

/** A name without its last extension. */
export function stemOf(name: string): string {
  return name.replace(/(?<=.)\.[^.]*$/, '');
}

/** Whether it is a projector of images without a model in its name: only the files show whether it belongs to this one. */
export function isNamelessProjector(name: string, model: string): boolean {
  return projector.test(name) && !bearsName(model, name);
}

/** Matches like ComfyUI-GGUF, by the name without its quantisation. Projectors named `mmproj…` match every model. */
function isProjectorOf(name: string, other: string): boolean {
  return bearsName(name, other) || /^mmproj/i.test(other);
}

function bearsName(model: string, other: string): boolean {
  return other.toLowerCase().includes(model.replace(gguf, '').replace(quantisation, '').toLowerCase());
}

/** `a.onnx_data`, `a.onnx.data` and, of older exports, `a.data`. */
function isDataOf(name: string, other: string): boolean {
  return [name, stemOf(name)].some((stem) => other.startsWith(stem) && onnxData.test(other.slice(stem.length)));
}

function isSameSet(name: string, other: string): boolean {
  const [one, two] = [shard.exec(name), shard.exec(other)];
  return one !== null && two !== null && one[1] === two[1] && one[2] === two[2] && one[3] === two[3];
}
