import { type CoreTable, coreTable } from './core-table.ts';
import { textOf } from './json.ts';
import { type InputSpec, inputSpecs, outputFlag } from './object-info.ts';
import type { GraphNode } from './types.ts';

/** Facts on node classes: from the running ComfyUI if its object_info is at hand, else from the core table. */
export class NodeClasses {
  readonly core: CoreTable = coreTable();
  #objectInfo: unknown;
  #specs = new Map<string, readonly InputSpec[] | null>();
  #outputs = new Set(this.core.outputs);
  #others = new Set(this.core.others);
  #opensItself = anyOf(this.core.opensItself);

  constructor(objectInfo: unknown) {
    this.#objectInfo = objectInfo;
  }

  /** The inputs of a class; null when object_info is absent or does not have it. */
  specs(classType: string): readonly InputSpec[] | null {
    const known = this.#specs.get(classType);
    if (known !== undefined) return known;
    const specs = inputSpecs(this.#objectInfo, classType);
    this.#specs.set(classType, specs);
    return specs;
  }

  /** The specification of an input of this node. `mode.model_name` is an input that the choice of `mode` brings. */
  spec(node: GraphNode, input: string): InputSpec | null {
    let specs = this.specs(node.classType);
    let at = 0;
    for (const part of input.split('.')) {
      const found: InputSpec | undefined = specs?.find(({ name }) => name === part);
      at += part.length;
      if (!found || at === input.length) return found ?? null;
      specs = found.branches.get(textOf(node.inputs.get(input.slice(0, at)))) ?? null;
      at += 1;
    }
    return null;
  }

  /** The input whose literal is the node's output; null when the node is no such stock node. */
  constantOf(classType: string): string | null {
    return own(this.core.constants, classType);
  }

  switchOf(classType: string): CoreTable['switches'][string] | null {
    return own(this.core.switches, classType);
  }

  loaderOf(classType: string): CoreTable['loaders'][string] | null {
    return own(this.core.loaders, classType);
  }

  /** The category of the model file that an input of a stock node names; null when it names none. */
  categoryOf(classType: string, input: string): string | null {
    const loader = this.loaderOf(classType);
    return loader && own(loader.models, input);
  }

  /** The inputs with a widget, in the order in which a workflow lists their values; null = unknown. */
  widgetsOf(classType: string): readonly string[] | null {
    return this.loaderOf(classType)?.widgets ?? own(this.core.widgets, classType);
  }

  /** Whether nodes of this class open their models themselves, so that a copy would not be used. */
  opensItself(classType: string): boolean {
    return this.#opensItself.test(classType);
  }

  /** The inputs that switch off a row, or the node, when all of them are 0; none if it loads in any case. */
  idleWhenZero(classType: string): readonly string[] {
    return this.loaderOf(classType)?.idleWhenZero ?? own(this.core.idleWhenZero, classType) ?? [];
  }

  /** A stock node of the core table. */
  isCore(classType: string): boolean {
    return this.#outputs.has(classType) || this.#isInner(classType);
  }

  /** Whether ComfyUI executes this class for its own sake; null for an unknown class. */
  isOutput(classType: string): boolean | null {
    const flag = outputFlag(this.#objectInfo, classType);
    if (flag !== null) return flag;
    if (this.#outputs.has(classType)) return true;
    return this.#isInner(classType) ? false : null;
  }

  #isInner(classType: string): boolean {
    const { loaders, constants, switches } = this.core;
    return this.#others.has(classType) || [loaders, constants, switches].some((table) => Object.hasOwn(table, classType));
  }
}

/** Patterns in which `*` stands for any text. */
function anyOf(patterns: readonly string[]): RegExp {
  const sources = patterns.map((pattern) => pattern.replace(/[()[\]{}.+?^$|\\]/g, '\\$&').replaceAll('*', '.*'));
  return new RegExp(`^(?:${sources.join('|')})$`);
}

function own<T>(table: Readonly<Record<string, T>>, key: string): T | null {
  return Object.hasOwn(table, key) ? (table[key] ?? null) : null;
}
