import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageDir } from '../runtime/package.ts';

interface Table {
  prefixes: string[];
  unused: string[];
  architectures: { name: string; keys: string[]; layers: string[] }[];
}

/** A model's architecture, detected by the names of its tensors. */
export interface Detected {
  name: string;
  /** Whether this weight is a layer to quantise. */
  isLayer(tensor: string): boolean;
  /** Whether ComfyUI never loads it. */
  isUnused(tensor: string): boolean;
}

/** The table of `config/architectures.json`. */
export class Architectures {
  readonly #table: Table;

  constructor(table: Table = JSON.parse(readFileSync(join(packageDir, 'config', 'architectures.json'), 'utf8'))) {
    this.#table = table;
  }

  get names(): string[] {
    return this.#table.architectures.map(({ name }) => name);
  }

  /** Detects the architecture of these names; null when none in the table matches. */
  detect(names: readonly string[]): Detected | null {
    const { prefixes, unused, architectures } = this.#table;
    const isUnused = (name: string) => unused.some((start) => name.startsWith(start));
    const shapes = new Set(names.filter((name) => !isUnused(name)).map(shapeOf));
    for (const prefix of prefixes) {
      const found = architectures.find(({ keys }) => keys.every((key) => shapes.has(prefix + shapeOf(key))));
      if (!found) continue;
      const layers = new Set(found.layers.flatMap(alternatives).map((layer) => prefix + shapeOf(layer)));
      return { name: found.name, isLayer: (name) => layers.has(shapeOf(name)), isUnused };
    }
    return null;
  }
}

/** The name with all numbers of blocks replaced alike. */
function shapeOf(name: string): string {
  return name.replace(/(?<=^|\.)\d+(?=\.|$)/g, '0');
}

/** `a.{b,c}.d` as `a.b.d` and `a.c.d`. */
function alternatives(pattern: string): string[] {
  const [braces, list = ''] = /\{([^}]*)\}/.exec(pattern) ?? [];
  if (braces === undefined) return [pattern];
  return list.split(',').flatMap((one) => alternatives(pattern.replace(braces, one)));
}
