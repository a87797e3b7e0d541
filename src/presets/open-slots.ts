import { exactInteger } from '../core/json.ts';
import type { ApiPrompt } from './graph.ts';
import type { SlotValue } from './slots.ts';

/** A slot in a text of a prompt: `{{name}}`, or `{{name=default}}`. */
export const slotForm = /\{\{\s*([A-Za-z_][\w.]*)\s*(?:=([^{}]*))?\}\}/g;
const onlySlot = new RegExp(`^${slotForm.source}$`);

export function openSlot(name: string): string {
  return `{{${name}}}`;
}

/** Fills the slots of a prompt. A text that is one slot takes the type of its value; one without a value stays open. */
export function fillOpen(prompt: ApiPrompt, values: Readonly<Record<string, SlotValue>>): ApiPrompt {
  return mapInputs(prompt, (text) => {
    if (!text.includes('{{')) return text;
    const [, only] = onlySlot.exec(text) ?? [];
    if (only !== undefined) return Object.hasOwn(values, only) ? json(values[only]) : text;
    return text.replace(slotForm, (whole, name: string) => (Object.hasOwn(values, name) ? String(values[name]) : whole));
  });
}

function json(value: SlotValue | undefined): unknown {
  return typeof value === 'bigint' ? exactInteger(value) : value;
}

/** Changes every text in the inputs of the nodes, those in lists and objects too. */
export function mapInputs(prompt: ApiPrompt, change: (text: string) => unknown): ApiPrompt {
  const nodes = Object.entries(prompt).map(([id, node]) => {
    const inputs = Object.entries(node.inputs).map(([name, value]) => [name, mapTexts(value, change)]);
    return [id, { ...node, inputs: Object.fromEntries(inputs) }];
  });
  return Object.fromEntries(nodes);
}

function mapTexts(value: unknown, change: (text: string) => unknown): unknown {
  if (typeof value === 'string') return change(value);
  if (Array.isArray(value)) return value.map((item) => mapTexts(item, change));
  // A large integer that JSON.parse kept as it was written is frozen.
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, mapTexts(item, change)]));
}
