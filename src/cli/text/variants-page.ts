import type {
  RemovedVariantAnswer,
  VariantLayer,
  VariantReportAnswer,
  VariantsAnswer,
  VariantView,
} from '../../api/variants.ts';
import { counted, formatBytes } from '../../core/format.ts';
import type { Look } from './look.ts';
import { table } from './table.ts';
import { jobProgress } from './words.ts';

/** The page of `autocached variant list`. */
export function variantsPage({ directory, variants, bytes, limit }: VariantsAnswer, look: Look): string {
  if (variants.length === 0) return 'no variants; autocached variant make MODEL --to auto8 makes one';
  const columns = [
    { title: 'Variant', value: ({ category, name }: VariantView) => `${category}/${name}`, shrinks: 'name' as const },
    { title: 'Size', value: sizeText, align: 'right' as const },
    { title: 'Least', value: leastText, align: 'right' as const },
    { title: 'State', value: stateText, shrinks: 'sentence' as const },
  ];
  const share = `${formatBytes(bytes)} of the cache's limit (at most ${formatBytes(limit)})`;
  const sum = `${counted(variants.length, 'variant')} in ${directory}, ${share}`;
  return `${table(variants, columns, look)}\n\n${sum}`;
}

/** The page of `autocached variant report`. */
export function variantReportPage({ variant, sha256, layers }: VariantReportAnswer, most: number, look: Look): string {
  const columns = [
    { title: 'Layer', value: ({ name }: VariantLayer) => name, shrinks: 'name' as const },
    { title: 'Format', value: ({ format }: VariantLayer) => format },
    { title: 'Signal to noise', value: ({ sqnr }: VariantLayer) => ratioText(sqnr), align: 'right' as const },
    { title: 'Largest error', value: ({ worst }: VariantLayer) => `${(100 * worst).toFixed(2)} %`, align: 'right' as const },
  ];
  const lines = [
    `${variant.category}/${variant.name}: ${sizeText(variant)}, ${variant.architecture ?? ''}`,
    `made of ${variant.source ?? 'a model that the catalog no longer knows'}`,
    `SHA-256 ${sha256}`,
  ];
  if (layers.length === 0) return [...lines, 'no weight was rounded'].join('\n');
  const rest = layers.length - most;
  const shown = table(layers.slice(0, most), columns, look);
  return [...lines, '', shown, ...(rest > 0 ? [`and ${counted(rest, 'layer')} that lost less`] : [])].join('\n');
}

/** One line on a variant that was made, or is on its way. */
export function variantLine(variant: VariantView): string {
  const least = variant.leastSqnr === null ? '' : `, worst layer ${ratioText(variant.leastSqnr)}`;
  if (variant.state === 'ready') return `${variant.path}\n${sizeText(variant)}${least}; ComfyUI lists it as ${variant.name}`;
  return `${variant.path}: ${stateText(variant)}`;
}

/** What `autocached variant rm` did. */
export function removedLine({ path, bytes, formerStays }: RemovedVariantAnswer): string {
  return formerStays ? `${path} is not made anew; the former one stays` : `removed ${path}, ${formatBytes(bytes)}`;
}

function sizeText({ bytes, sourceBytes, state }: VariantView): string {
  const whole = formatBytes(sourceBytes);
  return state === 'ready' || state === 'stale' ? `${formatBytes(bytes)} of ${whole}` : whole;
}

/** Nothing is known of one that is not made. */
function leastText({ leastSqnr, layers }: VariantView): string {
  return layers === null ? '' : ratioText(leastSqnr);
}

function ratioText(sqnr: number | null): string {
  return sqnr === null ? 'exact' : `${sqnr.toFixed(1)} dB`;
}

/** How a variant stands. */
export function stateText({ state, why, job }: VariantView): string {
  if (state === 'waiting' && why !== null) return `waiting: ${why}`;
  if (state === 'waiting') return job ? `waiting for its model's copy: ${jobProgress(job)}` : 'waiting';
  if (state === 'making') return job ? jobProgress(job) : 'being made';
  return why === null ? state : `${state}: ${why}`;
}
