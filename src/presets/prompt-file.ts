import { z } from 'zod';
import { presetFields } from '../api/presets.ts';
import { CacheError, messageOf } from '../core/errors.ts';
import { parseForPrinting } from '../core/json.ts';
import { analyze } from '../workflow/analyze.ts';
import type { ApiPrompt, ModelFile, NameOf } from './graph.ts';
import { fillOpen, mapInputs, slotForm } from './open-slots.ts';
import type { Preset } from './preset.ts';
import { numberOf, numeral, type Slot, type SlotValue } from './slots.ts';

const node = z.looseObject({ class_type: z.string(), inputs: z.record(z.string(), z.unknown()) });
const prompt = z.record(z.string(), node);
const model = z.strictObject({ category: z.string(), name: z.string(), url: z.url().nullable().default(null) });
const described = z.strictObject({
  description: z.string().default(''),
  /** Description of each slot. */
  slots: z.record(z.string(), z.string()).default({}),
  /** Addresses of the files that it loads. */
  models: z.array(model).default([]),
  prompt,
});

/**
 * A preset that is an API prompt with slots in its texts: `"text": "{{prompt}}, at night"`, `"seed": "{{seed=0}}"`. A text that is
 * one slot takes the type of its value. The file is the prompt alone, or has a description and the places of its models too.
 * @throws CacheError BAD_REQUEST with the fault
 */
export function presetOfFile(name: string, text: string): Preset {
  const file = read(name, text);
  const slots = slotsOf(file);
  const taken = slots.find((slot) => (presetFields as readonly string[]).includes(slot.name));
  if (taken)
    throw new CacheError('BAD_REQUEST', `the preset ${name} cannot have a slot ${taken.name}: the word says how it is run`);
  return {
    name,
    description: file.description,
    families: [],
    slots,
    source: text,
    build(settings, _family, nameOf) {
      const filled = fillOpen(file.prompt, settings as Record<string, SlotValue>);
      const models = modelsOf(filled, file.models);
      return { prompt: renamed(filled, models, nameOf), models };
    },
  };
}

type PromptFile = z.infer<typeof described>;

function read(name: string, text: string): PromptFile {
  let value: unknown;
  try {
    value = parseForPrinting(text);
  } catch (error) {
    throw new CacheError('BAD_REQUEST', `the preset ${name} is no JSON: ${messageOf(error)}`);
  }
  const isBare = typeof value === 'object' && value !== null && !('prompt' in value && !('class_type' in Object(value.prompt)));
  const result = described.safeParse(isBare ? { prompt: value } : value);
  if (result.success) return result.data;
  const [{ path, message } = { path: [], message: 'wrong' }] = result.error.issues;
  throw new CacheError('BAD_REQUEST', `the preset ${name} is no API prompt: ${path.join('.') || 'file'}: ${message}`, {
    hint: "ComfyUI's menu File > Export (API) writes one",
  });
}

function slotsOf({ prompt, slots: meanings }: PromptFile): Slot[] {
  const found = new Map<string, Slot>();
  mapInputs(prompt, (text) => {
    for (const [, name = '', byDefault] of text.matchAll(slotForm)) {
      const known = found.get(name);
      if (known && (known.default !== undefined || byDefault === undefined)) continue;
      const meaning = meanings[name] ?? '';
      found.set(name, { name, kind: 'any', meaning, ...(byDefault !== undefined && { default: literal(byDefault) }) });
    }
    return text;
  });
  // A slot that names a model decides what the graph loads: it is tried with a name.
  const tried = mapInputs(prompt, (text) => text.replace(slotForm, (_, name: string) => fileFor(name)));
  const models = new Set(analyze(tried).models.map(({ name }) => name));
  return [...found.values()].map((slot) => ({ ...slot, isOpen: !models.has(fileFor(slot.name)) }));
}

function fileFor(slot: string): string {
  return `${slot}.safetensors`;
}

function literal(text: string): SlotValue {
  if (text === 'true' || text === 'false') return text === 'true';
  return numeral.test(text) ? numberOf(text) : text;
}

/** The files that the prompt names, with the addresses given in the file. */
function modelsOf(prompt: ApiPrompt, told: readonly ModelFile[]): ModelFile[] {
  const urls = new Map(told.map(({ category, name, url }) => [`${category}/${name}`, url]));
  const found = analyze(prompt).models.flatMap(({ category, name }) => (category === null ? [] : [{ category, name }]));
  return found.map((file) => ({ ...file, url: urls.get(`${file.category}/${file.name}`) ?? null }));
}

/** The prompt with the names of the files in this ComfyUI. */
function renamed(prompt: ApiPrompt, models: readonly ModelFile[], nameOf: NameOf | undefined): ApiPrompt {
  if (!nameOf) return prompt;
  const names = new Map(models.map((file) => [file.name, nameOf(file)]));
  return mapInputs(prompt, (text) => names.get(text) ?? text);
}
