import { type Expansion, innerScope, type Scope } from './scope.ts';
import { inputSide, type UiNode, type UiSlot } from './ui-workflow.ts';

/**
 * The value that a subgraph's outer node sets for a widget of an inner node; undefined when it sets none. Only the older format
 * has this (`proxyWidgets`); the newer one links the widget to an input of the subgraph.
 */
export function proxiedValue(scope: Scope, node: string, widget: string): unknown {
  const host = scope.host;
  const index = host?.proxies?.findIndex((proxy) => proxy[0] === node && proxy[1] === widget) ?? -1;
  return index < 0 ? undefined : given(host?.values[index]);
}

/**
 * The value of a subgraph's unlinked input: that of the widget on the subgraph's node, or, without one, that of the inner node's
 * widget. `port` counts the subgraph's inputs.
 */
export function promotedValue(scope: Scope, port: number, expansion: Expansion): unknown {
  const { host, parent } = scope;
  const name = scope.graph.inputs[port]?.name;
  if (!host || !parent || name === undefined) return undefined;
  expansion.budget.spend(1 + port + (host.proxies?.length ?? 0));
  const targets = widgetTargets(scope, port);
  const fromProxy = targets.map(({ node, slot }) => proxiedValue(scope, node.id, slot.name));
  return [
    proxiedValue(parent, host.id, name),
    host.setAside.get(name),
    ...(host.proxies ? [...fromProxy, proxiedValue(scope, '-1', name)] : [ownValue(scope, host, port)]),
    ...targets.slice(0, 1).map((target) => innerValue(scope, target, expansion)),
  ].find((value) => value !== undefined);
}

/** True when a subgraph's input represents an inner widget: it then always has a value, though perhaps an unknown one. */
export function isPromoted(scope: Scope, port: number): boolean {
  return widgetTargets(scope, port).length > 0;
}

interface Target {
  node: UiNode;
  slot: UiSlot;
}

/** The inner widgets linked to a subgraph's input. */
function widgetTargets({ graph }: Scope, port: number): Target[] {
  return (graph.inputs[port]?.links ?? []).flatMap((id) => {
    const target = graph.links.get(id)?.origin === inputSide ? graph.inputOf.get(id) : undefined;
    return target?.slot.widget ? [target] : [];
  });
}

/** Newer format: the node has one value for each of its inputs that represents a widget, in order. */
function ownValue(scope: Scope, host: UiNode, port: number): unknown {
  const name = scope.graph.inputs[port]?.name ?? '';
  if (host.namedValues && Object.hasOwn(host.namedValues, name)) return given(host.namedValues[name]);
  if (!isPromoted(scope, port)) return undefined;
  const before = scope.graph.inputs.slice(0, port).filter((_, index) => isPromoted(scope, index));
  return given(host.values[before.length]);
}

function innerValue(scope: Scope, { node, slot }: Target, expansion: Expansion): unknown {
  const inner = innerScope(node, scope, expansion);
  if (!inner) return expansion.valuesOf(node).get(slot.name);
  const port = inner.graph.inputs.findIndex(({ name }) => name === slot.name);
  return port < 0 ? undefined : promotedValue(inner, port, expansion);
}

/** The editor reads null as "no value of its own". */
function given(value: unknown): unknown {
  return value === null ? undefined : value;
}
