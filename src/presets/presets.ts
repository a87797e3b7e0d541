import { hash } from 'node:crypto';
import type { CompiledAnswer, GraphFigures, GraphsAnswer, PresetFiles, PresetsAnswer } from '../api/presets.ts';
import { CacheError } from '../core/errors.ts';
import { canonical } from '../memo/canonical.ts';
import type { Log } from '../runtime/log.ts';
import { version } from '../runtime/package.ts';
import { isObject } from '../workflow/json.ts';
import { type Chosen, choose, filled, graphOf, structureOf } from './compile.ts';
import { type FindModelsDeps, type FoundModels, findModels, pathOf, stateOf } from './find-models.ts';
import { GraphTable, type GraphTableDeps } from './graph-table.ts';
import { Library } from './library.ts';
import { ltxPresets } from './ltx/presets.ts';
import type { Compiled, Preset } from './preset.ts';
import type { Slot } from './slots.ts';
import { viewOf } from './views.ts';

export interface PresetsDeps extends FindModelsDeps, GraphTableDeps {
  stateDir: string;
  log: Log;
  /** ComfyUI's description of its nodes; null while it is not known. */
  objectInfo(): unknown;
}

/** The presets of this machine, compiled for its models. */
export class Presets {
  readonly #deps: PresetsDeps;
  readonly #library: Library;
  readonly #table: GraphTable;

  constructor(deps: PresetsDeps) {
    this.#deps = deps;
    this.#library = new Library(deps.stateDir);
    this.#table = new GraphTable(deps);
  }

  list(): PresetsAnswer {
    return { presets: this.#library.list().map(viewOf), graphs: this.#table.figures() };
  }

  /**
   * @param given values of slots, and `family`
   * @throws CacheError NOT_FOUND, BAD_REQUEST
   */
  async compile(name: string, given: Readonly<Record<string, unknown>>): Promise<CompiledAnswer> {
    const chosen = choose(this.#library.find(name), given);
    const { found, key, config } = await this.#look(chosen);
    const known = this.#table.find(key);
    const compiled = known ?? graphOf(chosen, found.nameOf);
    if (!known) await this.#table.keep(key, { preset: name, config, compiled });
    const prompt = filled(compiled.prompt, chosen);
    return {
      name,
      family: chosen.family,
      prompt,
      models: found.models,
      missing: found.models.filter(({ state }) => state === 'missing').length,
      lacks: lacking(prompt, this.#deps.objectInfo()),
      graph: known ? 'hit' : 'miss',
    };
  }

  /** The missing files of each preset, with its usual settings. Each file is looked up once. */
  async files(): Promise<PresetFiles[]> {
    const graphs = this.#library.list().flatMap(({ preset }) => (preset ? usualFilesOf(preset) : []));
    const distinct = new Map(graphs.flatMap(({ files }) => files.map((file) => [pathOf(file), file])));
    const { models } = await findModels(this.#deps, [...distinct.values()]);
    const found = new Map([...distinct.keys()].map((path, index) => [path, models[index]]));
    return graphs.map(({ name, family, files }) => {
      const absent = files.flatMap((file) => found.get(pathOf(file)) ?? []).filter(({ state }) => state !== 'here');
      return { name, family, files: files.length, absent };
    });
  }

  figures(): GraphFigures {
    return this.#table.figures();
  }

  graphs(): GraphsAnswer {
    return this.#table.view();
  }

  /** @returns the number of removed graphs */
  clearGraphs(): number {
    return this.#table.clear();
  }

  /** To be called when the size of the table has changed. */
  trimGraphs(): Promise<void> {
    return this.#table.trim();
  }

  /**
   * Compiles the presets for LTX whose models are all present under their own names, with their usual settings. Each file is looked up
   * once. Never throws.
   */
  async warmUp(): Promise<void> {
    try {
      const all = ltxPresets.flatMap(usualOf).map((chosen) => ({ chosen, models: graphOf(chosen).models }));
      const files = new Map(all.flatMap(({ models }) => models.map((file) => [pathOf(file), file])));
      const items = await this.#deps.check([...files.values()]);
      const here = new Set([...files.keys()].filter((_, index) => items[index] && stateOf(items[index]) === 'here'));
      for (const { chosen, models } of all) if (models.every((file) => here.has(pathOf(file)))) await this.#warm(chosen);
    } catch (err) {
      this.#deps.log.warn({ err }, 'the presets are not compiled ahead');
    }
  }

  async #warm(chosen: Chosen): Promise<void> {
    const { found, key, config } = await this.#look(chosen);
    if (this.#table.has(key)) return;
    await this.#table.keep(key, { preset: chosen.preset.name, config, compiled: graphOf(chosen, found.nameOf) });
  }

  /** The files and settings that decide the graph, and its key. */
  async #look(chosen: Chosen): Promise<{ found: FoundModels; key: string; config: string }> {
    const { preset, family } = chosen;
    const { models }: Compiled = graphOf(chosen);
    const found = await findModels(this.#deps, models);
    const structure = structureOf(chosen);
    const source = preset.source ?? version;
    const key = hash('sha256', canonical({ preset: preset.name, source, family, structure, models: found.identities }));
    return { found, key, config: canonical({ family, ...structure }) };
  }
}

function lacking(prompt: Compiled['prompt'], objectInfo: unknown): string[] {
  if (!isObject(objectInfo) || Object.keys(objectInfo).length === 0) return [];
  const classes = new Set(Object.values(prompt).map(({ class_type }) => class_type));
  return [...classes].filter((name) => !Object.hasOwn(objectInfo, name));
}

/** @throws CacheError SOURCE_MISSING or SOURCE_AWAY that lists every missing file with the address of its publication */
export function assertComplete({ name, models }: Pick<CompiledAnswer, 'name' | 'models'>): void {
  const absent = models.filter(({ state }) => state !== 'here');
  if (absent.length === 0) return;
  const lines = absent.map(
    ({ category, name, url, state }) => `${state}  ${category}/${name}  ${url ?? '(no address is known)'}`,
  );
  const code = absent.some(({ state }) => state === 'missing') ? 'SOURCE_MISSING' : 'SOURCE_AWAY';
  throw new CacheError(code, `${absent.length} of ${models.length} files of ${name} are not here:`, {
    lines,
    hint: 'put each into the folder of its category below a model folder, or into a folder in there',
  });
}

/** The files of a preset, for each of its families; none of one that its usual settings do not fit. */
function usualFilesOf(preset: Preset) {
  try {
    return usualOf(preset).map((chosen) => ({ name: preset.name, family: chosen.family, files: graphOf(chosen).models }));
  } catch {
    return [];
  }
}

/** A preset with its usual settings, for each of its families. */
function usualOf(preset: Preset): Chosen[] {
  if (preset.families.length === 0) return [choose(preset, usual(preset))];
  return preset.families.map((family) => choose(preset, { ...usual(preset), family }));
}

/** Values of the required slots for a graph that serves any text; keyframes are usually at both ends. */
function usual({ slots }: Pick<Preset, 'slots'>): Record<string, unknown> {
  const required = slots.filter((slot) => slot.default === undefined);
  return Object.fromEntries(required.map((slot) => [slot.name, usualValue(slot)]));
}

function usualValue(slot: Slot): unknown {
  if (slot.kind === 'images') return slot.most > 1 ? ['a@0', 'b@-1'] : ['a@0'];
  if (slot.kind === 'integer' || slot.kind === 'number') return slot.min;
  return slot.kind === 'seed' ? 0 : '';
}
