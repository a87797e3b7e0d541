import { isObject, type JsonObject } from './json.ts';
import { type Budget, limits } from './limits.ts';
import { asLink, type Literals } from './literals.ts';
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

/** All texts of a node's inputs: literals, literals in linked nodes that hold nothing else, and values in lists and objects. */
export function inputTexts(node: GraphNode, literals: Literals, budget: Budget): InputTexts {
  const found: InputTexts = { texts: [], computed: [] };
  for (const [input, value] of node.inputs) {
    const off = switchedOffBeside(input, node.inputs, literals);
    const literal = literals.of(value);
    const link = asLink(value);
    if (link && literal === undefined) found.computed.push({ input, by: link[0] });
    else collect(literal, { input, off, depth: 0 }, { found, budget });
  }
  return found;
}

interface Position {
  input: string;
  off: string | null;
  depth: number;
}

function collect(value: unknown, at: Position, into: { found: InputTexts; budget: Budget }): void {
  into.budget.spend();
  if (at.depth > limits.valueDepth) return;
  if (typeof value === 'string') into.found.texts.push({ input: at.input, text: value, off: at.off });
  else if (Array.isArray(value)) for (const item of value) collect(item, { ...at, depth: at.depth + 1 }, into);
  else if (isObject(value)) collectObject(value, at, into);
}

function collectObject(value: JsonObject, at: Position, into: { found: InputTexts; budget: Budget }): void {
  // The editor wraps lists in it, because a bare list of two would read as a link.
  if (Object.hasOwn(value, '__value__')) {
    collect(value['__value__'], { ...at, depth: at.depth + 1 }, into);
    return;
  }
  const off = at.off ?? switchedOffInside(value);
  for (const [key, item] of Object.entries(value))
    collect(item, { input: `${at.input}.${key}`, off, depth: at.depth + 1 }, into);
}

const offWords = new Set<unknown>([false, 'off', 'Off', 'OFF', 'disable', 'disabled']);

/** `{on: false, lora: "x"}`, `{active: false, …}`, `{lora: "x", strength: 0}`: rows of a list of LoRAs. */
function switchedOffInside(row: JsonObject): string | null {
  if (['on', 'active', 'enabled'].some((key) => offWords.has(row[key]))) return 'switched off';
  const strengths = Object.entries(row).filter(([key, value]) => /^(strength|weight)/i.test(key) && typeof value === 'number');
  return strengths.length > 0 && strengths.every(([, value]) => value === 0) ? 'strength 0' : null;
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
