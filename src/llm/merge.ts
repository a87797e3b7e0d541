type Fields = Record<string, unknown>;

/** These come whole; some servers repeat them in each part. */
const whole = new Set(['role', 'id', 'type', 'name']);

/** A part of a streamed message added to what came before: texts and lists grow, numbered items are merged by their numbers. */
export function merge(before: object, part: object): Fields {
  const merged: Fields = { ...before };
  for (const [name, value] of Object.entries(part)) {
    const known = merged[name];
    if (value === null || value === undefined) merged[name] ??= null;
    else if (typeof value === 'string' && typeof known === 'string' && !whole.has(name)) merged[name] = known + value;
    else if (Array.isArray(value)) merged[name] = added(Array.isArray(known) ? known : [], value);
    else if (isFields(value) && isFields(known)) merged[name] = merge(known, value);
    else merged[name] = value;
  }
  return merged;
}

function added(before: readonly unknown[], items: readonly unknown[]): unknown[] {
  const list = [...before];
  for (const item of items) {
    if (!isFields(item) || !Number.isInteger(item['index'])) {
      list.push(item);
      continue;
    }
    const { index, ...fields } = item;
    // Numbers count up from 0: one that leaves a gap must not make a list of millions.
    const at = Math.min(Math.max(0, index as number), list.length);
    const known = list[at];
    list[at] = merge(isFields(known) ? known : {}, fields);
  }
  return list;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
