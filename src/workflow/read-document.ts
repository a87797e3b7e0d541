import { bufferOf } from '../runtime/buffer-of.ts';
import { isObject, type JsonObject, parseJson, textOf } from './json.ts';
import { unreadable } from './limits.ts';
import { isPng, pngTexts } from './png-text.ts';
import { isWebp, webpTexts } from './webp-exif.ts';

/** The contents of a document: a prompt, a workflow, or both. */
export interface Document {
  /** Nodes by id. */
  prompt: JsonObject | null;
  /** The editor's form: `nodes`, `links`, `definitions`. */
  workflow: JsonObject | null;
  /** `partial_execution_targets` of a request to `POST /prompt`. */
  targets: ReadonlySet<string> | null;
  /** `cachedNodes` beside the prompt: nodes whose outputs ComfyUI has cached. */
  cached: ReadonlySet<string>;
  /** `keptNodes` beside the prompt: nodes whose outputs will probably come from the results. */
  kept: ReadonlySet<string>;
}

/** By default a document is executed as a whole. */
const wholly = { targets: null, cached: new Set<string>(), kept: new Set<string>() };

/**
 * Finds the prompt and the workflow in a document: bytes of a PNG, a WebP or JSON, a JSON text, or parsed JSON, bare or
 * as the body of `POST /prompt` (`{prompt, extra_data}`).
 *
 * @throws CacheError BAD_REQUEST with the fault
 */
export function readDocument(document: unknown): Document {
  if (document instanceof Uint8Array) return fromBytes(bufferOf(document));
  const found = fromValue(typeof document === 'string' ? parseJson(document) : document);
  if (found) return found;
  throw unreadable(
    isObject(document) || typeof document === 'string' ? 'the JSON holds no prompt and no workflow' : 'not a document',
  );
}

function fromBytes(file: Buffer): Document {
  if (isPng(file)) return fromTexts(pngTexts(file), 'PNG');
  if (isWebp(file)) return fromTexts(webpTexts(file), 'WebP');
  const text = file.toString('utf8').replace(/^\uFEFF/, '');
  if (!/^\s*\{/.test(text)) throw unreadable('the file is neither PNG, WebP nor JSON');
  return readDocument(text);
}

/** ComfyUI writes both; when one is damaged the other still names the models. */
function fromTexts(texts: Map<string, string>, format: string): Document {
  const prompt = asPrompt(parsedOrNull(texts.get('prompt')));
  const workflow = asWorkflow(parsedOrNull(texts.get('workflow')));
  if (prompt || workflow) return { prompt, workflow, ...wholly };
  const damaged = texts.has('prompt') || texts.has('workflow');
  throw unreadable(
    `the ${format} image carries ${damaged ? 'a prompt or workflow that is damaged' : 'no prompt and no workflow'}`,
  );
}

function fromValue(value: unknown): Document | null {
  const [prompt, workflow] = [asPrompt(value), asWorkflow(value)];
  if (prompt || workflow) return { prompt, workflow, ...wholly };
  if (!isObject(value)) return null;
  return fromWrapper(value);
}

function fromWrapper(wrapper: JsonObject): Document | null {
  const extra = isObject(wrapper['extra_data']) ? wrapper['extra_data']['extra_pnginfo'] : null;
  const prompt = asPrompt(parsedOrNull(wrapper['prompt']));
  const workflow = asWorkflow(parsedOrNull(wrapper['workflow'])) ?? asWorkflow(isObject(extra) ? extra['workflow'] : null);
  if (!prompt && !workflow) return null;
  const { partial_execution_targets: targets, cachedNodes, keptNodes } = wrapper;
  const lists = { cached: idsIn(cachedNodes) ?? wholly.cached, kept: idsIn(keptNodes) ?? wholly.kept };
  return { prompt, workflow, targets: idsIn(targets), ...lists };
}

function idsIn(list: unknown): ReadonlySet<string> | null {
  return Array.isArray(list) ? new Set(list.map(textOf)) : null;
}

function parsedOrNull(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  try {
    return parseJson(value);
  } catch {
    return null;
  }
}

function asWorkflow(value: unknown): JsonObject | null {
  return isObject(value) && Array.isArray(value['nodes']) ? value : null;
}

function asPrompt(value: unknown): JsonObject | null {
  if (!isObject(value) || Array.isArray(value['nodes'])) return null;
  return Object.values(value).some((node) => isObject(node) && typeof node['class_type'] === 'string') ? value : null;
}
