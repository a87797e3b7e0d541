import { limits } from '../workflow/limits.ts';
import type { GraphNode } from '../workflow/types.ts';
import type { ReadPrompt } from './read-prompt.ts';

/** Inputs that are seeds, in any node: `seed`, `noise_seed`, `sampling_mode.seed`. */
const seedName = /(?:^|[._])seed$/i;

/**
 * Why a prompt may give other outputs when it is run again; null when it is repeatable.
 * @param trusted classes of packs that the client declares repeatable
 */
export function whyUnrepeatable(prompt: ReadPrompt, trusted: ReadonlySet<string>): string | null {
  for (const node of prompt.executed) {
    const why = whyOf(node, prompt, trusted);
    if (why !== null) return `node ${node.id} (${node.classType.slice(0, limits.nameLength)}): ${why}`;
  }
  return null;
}

function whyOf(node: GraphNode, { classes, literals }: ReadPrompt, trusted: ReadonlySet<string>): string | null {
  const { core } = classes;
  const { classType, inputs } = node;
  if (trusted.has(classType)) return seedProblem();
  if (core.unrepeatable.includes(classType)) return 'what it gives does not come from its inputs alone';
  if (!classes.isCore(classType))
    return 'it is no stock node: name it in `repeatable` (--repeatable) if it gives the same for the same inputs';
  return seedProblem();

  function seedProblem(): string | null {
    const named = [...inputs.keys()].filter((name) => seedName.test(name));
    const wanted = Object.hasOwn(core.seeds, classType) ? (core.seeds[classType] ?? []) : specifiedSeeds();
    for (const name of new Set([...named, ...wanted])) {
      if (!inputs.has(name)) return `it has no ${name}`;
      const value = literals.of(inputs.get(name));
      // A seed from another node is as repeatable as that node.
      if (value === undefined || typeof value === 'bigint' || (typeof value === 'number' && value >= 0)) continue;
      return `its ${name} is ${JSON.stringify(value)}, which stands for a random one`;
    }
    return null;
  }

  function specifiedSeeds(): string[] {
    return (classes.specs(classType) ?? []).map(({ name }) => name).filter((name) => seedName.test(name));
  }
}
