import { textOf } from './json.ts';
import type { NodeClasses } from './node-classes.ts';
import type { InputSpec } from './object-info.ts';
import type { UiNode } from './ui-workflow.ts';

/**
 * The values of a node's widgets by input name. Workflows list them by position: the names come from the node itself when it
 * was saved with them, else from its class; of an unknown class they are `#0`, `#1`, ….
 */
export function widgetValues(node: UiNode, classes: NodeClasses): Map<string, unknown> {
  if (node.namedValues) return new Map(Object.entries(node.namedValues));
  const specs = classes.specs(node.type);
  if (specs) return placed(specs, node.values);
  const names = knownWidgets(node.type, classes) ?? ownWidgets(node);
  return names ? placed(names.map(plainField), node.values) : new Map(node.values.map((value, index) => [`#${index}`, value]));
}

function knownWidgets(type: string, classes: NodeClasses): readonly string[] | null {
  const single = classes.constantOf(type) ?? classes.switchOf(type)?.on;
  return single === undefined ? classes.widgetsOf(type) : [single];
}

/** The names of a node's widgets from its slots, if all widgets have one; else null. */
function ownWidgets(node: UiNode): readonly string[] | null {
  const names = node.inputs.filter(({ widget }) => widget).map(({ name }) => name);
  const count = node.values.filter((value) => !isControl(value)).length;
  return names.length > 0 && names.length === count ? names : null;
}

function plainField(name: string): InputSpec {
  return { name, required: true, lazy: false, kind: 'field', options: [], branches: new Map(), upload: false };
}

function placed(specs: readonly InputSpec[], values: readonly unknown[]): Map<string, unknown> {
  const named = new Map<string, unknown>();
  const queue = specs.filter(({ kind }) => kind !== 'socket');
  for (let at = 0, spec = queue.shift(); spec && at < values.length; spec = queue.shift()) {
    const value = values[at];
    named.set(spec.name, value);
    at += 1;
    if (spec.kind === 'branches') queue.unshift(...broughtBy(spec, value));
    // The editor adds a seed's control after each run, and the button of an upload.
    if (spec.upload || (typeof value === 'number' && isControl(values[at]))) at += 1;
  }
  return named;
}

function broughtBy(spec: InputSpec, value: unknown): InputSpec[] {
  const inputs = spec.branches.get(textOf(value)) ?? [];
  return inputs.filter(({ kind }) => kind !== 'socket').map((inner) => ({ ...inner, name: `${spec.name}.${inner.name}` }));
}

const controls = new Set<unknown>(['fixed', 'increment', 'decrement', 'randomize', 'increment-wrap']);

function isControl(value: unknown): boolean {
  return controls.has(value);
}
