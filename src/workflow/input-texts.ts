import { isObject, type JsonObject } from './json.ts';
import { type Budget, limits } from './limits.ts';
import { asLink, type Literals } from './literals.ts';
import type { NodeClasses } from './node-classes.ts';
import type { GraphNode } from './types.ts';

/** A text somewhere in an input of a node. */
interface InputText {
  /** `lora_1.lora` for a value inside a value. */
  input: string;
  text: string;
  /** Why the node does not use it; null when it does. */
  off: string | null;
}

/** A text input whose value another node computes. */
interface ComputedInput {
  input: string;
  by: string;
}

export interface InputTexts {
  texts: InputText[];
  computed: ComputedInput[];
}

export interface TextReader {
  classes: NodeClasses;
  literals: Literals;
  budget: Budget;
}

/** All texts of a node's inputs: literals, literals in linked nodes that hold nothing else, and values in lists and objects. */
export function inputTexts(node: GraphNode, { classes, literals, budget }: TextReader): InputTexts {
  const found: InputTexts = { texts: [], computed: [] };
  const idleWhenZero = classes.idleWhenZero(node.classType);
  for (const [input, value] of node.inputs) {
    const off = switchedOffBeside(input, node.inputs, literals) ?? zeroBeside(input, node.inputs, { idleWhenZero, literals });
    const literal = literals.of(value);
    const link = asLink(value);
    if (link && literal === undefined) found.computed.push({ input, by: link[0] });
    else collect(literal, { input, off, depth: 0 }, { found, budget, idleWhenZero });
  }
  return found;
}

interface Position {
  input: string;
  off: string | null;
  depth: number;
}

interface Into {
  found: InputTexts;
  budget: Budget;
  idleWhenZero: readonly string[];
}

function collect(value: unknown, at: Position, into: Into): void {
  into.budget.spend();
  if (at.depth > limits.valueDepth) return;
  if (typeof value === 'string') {
    into.budget.spend(limits.stepsOfText);
    into.found.texts.push({ input: at.input, text: value, off: at.off });
  } else if (Array.isArray(value)) for (const item of value) collect(item, { ...at, depth: at.depth + 1 }, into);
  else if (isObject(value)) collectObject(value, at, into);
}

function collectObject(value: JsonObject, at: Position, into: Into): void {
  // The editor wraps lists in it, because a bare list of two would read as a link.
  if (Object.hasOwn(value, '__value__')) {
    collect(value['__value__'], { ...at, depth: at.depth + 1 }, into);
    return;
  }
  const off = at.off ?? switchedOffInside(value, into.idleWhenZero);
  for (const [key, item] of Object.entries(value))
    collect(item, { input: `${at.input}.${key}`, off, depth: at.depth + 1 }, into);
}

const offWords = new Set<unknown>([false, 'off', 'Off', 'OFF', 'disable', 'disabled']);

/** LoRA rows that are off: `{on: false, lora: "x"}`, `{active: false, …}`, and `{lora: "x", strength: 0}` if that loads nothing. */
function switchedOffInside(row: JsonObject, idleWhenZero: readonly string[]): string | null {
  if (['on', 'active', 'enabled'].some((key) => offWords.has(row[key]))) return 'switched off';
  return allZero(idleWhenZero.map((key) => row[key] ?? undefined)) ? strengthZero : null;
}

const strengthZero = 'strength 0';

/** The same if the strength is a separate input: of the node, or `strength_02` beside `lora_02`. */
function zeroBeside(
  input: string,
  inputs: ReadonlyMap<string, unknown>,
  { idleWhenZero, literals }: { idleWhenZero: readonly string[]; literals: Literals },
): string | null {
  const number = /\d+/.exec(input)?.[0] ?? '';
  const beside = idleWhenZero.map((name) => name.replace('#', number)).filter((name) => inputs.has(name));
  return allZero(beside.map((name) => literals.of(inputs.get(name)) ?? null)) ? strengthZero : null;
}

/** @param values undefined = absent, null = unknown */
function allZero(values: readonly unknown[]): boolean {
  const there = values.filter((value) => value !== undefined);
  return there.length > 0 && there.every((value) => value === 0);
}

/**
 * Stacks of numbered rows: `switch_2: "Off"` beside `lora_name_2`, a count (`lora_count: 1`) below the row's number, or one
 * switch for the whole stack.
 */
function switchedOffBeside(input: string, inputs: ReadonlyMap<string, unknown>, literals: Literals): string | null {
  const number = /_(\d+)(?=_|$)/.exec(input)?.[1];
  if (number === undefined) return null;
  const flags = [...['switch', 'on', 'enabled', 'active', 'toggle'].map((flag) => `${flag}_${number}`), 'toggle'];
  if (flags.some((flag) => inputs.has(flag) && offWords.has(literals.of(inputs.get(flag))))) return 'switched off';
  const count = ['lora_count', 'num_loras']
    .map((name) => literals.of(inputs.get(name)))
    .find((value) => typeof value === 'number');
  return count !== undefined && Number(number) > count ? 'switched off' : null;
}
