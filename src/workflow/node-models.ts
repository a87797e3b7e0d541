import { findPlaces, slashed } from './find-places.ts';
import { inputTexts } from './input-texts.ts';
import type { Budget } from './limits.ts';
import type { Literals } from './literals.ts';
import { filesOf, type Places } from './model-names.ts';
import { namedInText } from './named-in-text.ts';
import type { NodeClasses } from './node-classes.ts';
import type { AnalyzeOptions, GraphNode, ModelUse } from './types.ts';

export interface NodeModels {
  uses: ModelUse[];
  /** Why named models of the node are not loaded, or cannot be named. */
  unused: string[];
}

export interface Reader {
  classes: NodeClasses;
  literals: Literals;
  options: AnalyzeOptions;
  budget: Budget;
}

/** The model files that a node loads when it is executed, in the order of its inputs. */
export function nodeModels(node: GraphNode, reader: Reader): NodeModels {
  const { classes, literals, options, budget } = reader;
  const { texts, computed } = inputTexts(node, literals, budget);
  const idle = idleReason(node, reader);
  const models: NodeModels = { uses: [], unused: [] };
  for (const { input, text, off } of texts) {
    for (const places of namedInText(text)) {
      const found = { node: node.id, classType: node.classType, input, how: 'name' as const, ...resolved(places, options) };
      const why = off ?? idle;
      if (why === null) models.uses.push(found);
      else models.unused.push(`${found.name}: ${why}`);
    }
    const name = slashed(text);
    const answer = findPlaces({ node, input, name, classes, options, budget });
    const [place] = answer?.places ?? [];
    if (!answer || !place) continue;
    const files = answer.places.length > 1 ? [answer.places] : filesOf(place, classes.core);
    const why = off ?? idle;
    const found = { node: node.id, classType: node.classType, input, how: answer.how };
    if (why === null) models.uses.push(...files.map((places) => ({ ...found, ...resolved(places, options) })));
    else models.unused.push(`${name}: ${why}`);
  }
  const unnamed = computed.filter(({ input }) => classes.categoryOf(node.classType, input) !== null);
  models.unused.push(...unnamed.map(({ input, by }) => `${input}: node ${by} computes the name`));
  return models;
}

/** The first place with the file, else the likeliest. */
function resolved(places: Places, options: AnalyzeOptions): Pick<ModelUse, 'category' | 'name' | 'path'> {
  for (const { category, name } of places) {
    const path = category === null ? null : (options.resolveName?.(category, name) ?? null);
    if (path !== null) return { category, name, path };
  }
  return { category: places[0]?.category ?? null, name: places[0]?.name ?? '', path: null };
}

function idleReason(node: GraphNode, { classes, literals }: Reader): string | null {
  const inputs = classes.loaderOf(node.classType)?.idleWhenZero ?? [];
  return inputs.length > 0 && inputs.every((input) => literals.of(node.inputs.get(input)) === 0) ? 'strength 0' : null;
}
