import { isObject, listOf, parseJson } from './json.ts';
import type { Choice, Choices, ExpectedFile, LoadedFile } from './types.ts';

/** Files that nodes of a class have loaded with these inputs. */
export interface SavedLoad {
  classType: string;
  /** JSON of the inputs; see `Known`. */
  inputs: string;
  files: readonly LoadedFile[];
}

/** Keeps loads over restarts, in the order of `save`. */
export interface LoadStore {
  all(): SavedLoad[];
  /** Replaces the files of this class and these inputs. */
  save(load: SavedLoad): void;
  drop(load: Pick<SavedLoad, 'classType' | 'inputs'>): void;
}

interface Known {
  inputs: string;
  /** The one text that names the files, regardless of the other inputs. */
  named: Choice | null;
  /** Otherwise the texts that together choose them. */
  texts: readonly Choice[];
  numbers: readonly Choice[];
  files: readonly LoadedFile[];
}

/** Maximum number of kept loads, and of compared choices of one class; the oldest leave first. */
const most = { known: 2000, compared: 40 };

/**
 * The files that nodes have loaded, by class and inputs. For the same inputs the latest run counts. An input whose value was seen to
 * make no difference is ignored.
 */
export class LearnedLoads {
  /** By class and inputs, the latest last. */
  readonly #known = new Map<string, Known & { classType: string }>();
  /** The same; null after a change. */
  #byClass: Map<string, readonly Known[]> | null = null;
  readonly #store: Pick<LoadStore, 'save' | 'drop'>;

  constructor(saved: readonly SavedLoad[], store: Pick<LoadStore, 'save' | 'drop'>) {
    this.#store = store;
    for (const load of saved) {
      const known = knownOf(load);
      if (known) this.#known.set(keyOf(load), known);
    }
  }

  /** The files that a node with these inputs has loaded before, or would load according to other inputs. */
  expected({ classType, texts, numbers }: Choices): ExpectedFile[] {
    this.#byClass ??= Map.groupBy(this.#known.values(), (load) => load.classType);
    const known = this.#byClass.get(classType) ?? [];
    const named = texts.flatMap((text) => {
      const load = known.find((one) => one.named !== null && fits(text, one.named));
      return (load?.files ?? []).map((file) => ({ ...file, inputs: [text.at], value: text.value }));
    });
    const chosen = known.filter((load) => load.named === null).slice(-most.compared);
    const idle = indifferent(chosen);
    const fitting = chosen.filter((load) =>
      load.texts.every((wanted) => idle.has(wanted.input) || texts.some((text) => fits(text, wanted))),
    );
    const agreeing = (load: Known) => load.numbers.filter((wanted) => numbers.some((number) => fits(number, wanted))).length;
    const best = Math.max(...fitting.map(agreeing));
    const load = fitting.findLast((one) => agreeing(one) === best);
    const deciding = texts.filter(({ input }) => !idle.has(input)).map(({ at }) => at);
    return [...named, ...(load?.files ?? []).map((file) => ({ ...file, inputs: deciding, value: null }))];
  }

  /** A run of a node loaded this file, which one of its texts names. @param files all files that the text named in this run */
  learnNamed(classType: string, { input, value }: Choice, files: readonly LoadedFile[]): void {
    this.#learn({ classType, inputs: JSON.stringify({ named: [input, value] }), files });
  }

  /** A run of a node loaded these files, and none of its texts names them. */
  learnChosen(choices: Choices, files: readonly LoadedFile[]): void {
    const expected = this.expected(choices);
    if (files.every((file) => expected.some((one) => isSameFile(one, file)))) return;
    const pairs = (list: readonly Choice[]) => list.map(({ input, value }) => [input, value]);
    const inputs = JSON.stringify({ texts: pairs(choices.texts), numbers: pairs(choices.numbers) });
    this.#learn({ classType: choices.classType, inputs, files });
  }

  /** The file is gone. */
  forget(file: LoadedFile): void {
    for (const load of this.#known.values()) {
      const files = load.files.filter((one) => !isSameFile(one, file));
      if (files.length === load.files.length) continue;
      if (files.length > 0) this.#learn({ ...load, files });
      else this.#drop(load);
    }
  }

  #learn(load: SavedLoad): void {
    const key = keyOf(load);
    const before = this.#known.get(key)?.files;
    const isSame =
      before?.length === load.files.length && load.files.every((file) => before.some((one) => isSameFile(one, file)));
    const known = isSame ? null : knownOf(load);
    if (!known) return;
    this.#byClass = null;
    this.#known.delete(key);
    this.#known.set(key, known);
    this.#store.save({ ...load, files: [...load.files] });
    for (const oldest of [...this.#known.values()].slice(0, -most.known)) this.#drop(oldest);
  }

  #drop(load: Pick<SavedLoad, 'classType' | 'inputs'>): void {
    this.#byClass = null;
    this.#known.delete(keyOf(load));
    this.#store.drop(load);
  }
}

/** Inputs that differ alone between two loads of the same files, and never alone between loads of different ones. */
function indifferent(loads: readonly Known[]): Set<string> {
  const [idle, deciding] = [new Set<string>(), new Set<string>()];
  for (const [index, one] of loads.entries()) {
    for (const other of loads.slice(0, index)) {
      const [input, ...more] = differing(one, other);
      if (input === undefined || more.length > 0) continue;
      const isSame =
        one.files.length === other.files.length && one.files.every((file) => other.files.some((o) => isSameFile(o, file)));
      (isSame ? idle : deciding).add(input);
    }
  }
  return new Set([...idle].filter((input) => !deciding.has(input)));
}

function differing(one: Known, other: Known): string[] {
  const [ones, others] = [setOf(one.texts), setOf(other.texts)];
  const only = [
    ...one.texts.filter((text) => !others.has(pairOf(text))),
    ...other.texts.filter((text) => !ones.has(pairOf(text))),
  ];
  return [...new Set(only.map(({ input }) => input))];
}

/** Workflows of the editor give some values without the names of their inputs, as `#0`. */
function fits(choice: Choice, wanted: Choice): boolean {
  return choice.value === wanted.value && (choice.input === wanted.input || choice.input.startsWith('##'));
}

function isSameFile(one: LoadedFile, other: LoadedFile): boolean {
  return one.category === other.category && one.name === other.name;
}

function pairOf({ input, value }: Choice): string {
  return `${input}\0${value}`;
}

function setOf(choices: readonly Choice[]): Set<string> {
  return new Set(choices.map(pairOf));
}

function keyOf({ classType, inputs }: Pick<SavedLoad, 'classType' | 'inputs'>): string {
  return `${classType}\0${inputs}`;
}

function knownOf({ classType, inputs, files }: SavedLoad): (Known & { classType: string }) | null {
  const read = readJson(inputs);
  if (!isObject(read)) return null;
  const [named = null] = choicesIn([read['named']]);
  return { classType, inputs, files, named, texts: choicesIn(read['texts']), numbers: choicesIn(read['numbers']) };
}

function readJson(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return null;
  }
}

function choicesIn(pairs: unknown): Choice[] {
  return listOf(pairs).flatMap((pair) => {
    const [input, value] = listOf(pair);
    return typeof input === 'string' && typeof value === 'string' ? [{ input, value }] : [];
  });
}
