import type {
  RemovedVariantAnswer,
  VariantLayer,
  VariantReportAnswer,
  VariantsAnswer,
  VariantView,
} from '../../api/variants.ts';
import { counted, formatBytes, formatCount } from '../../core/format.ts';
import { plain } from '../../core/printable.ts';
import { copyTerms } from '../../core/vocabulary.ts';
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
  const sum = `${counted(variants.length, 'variant')} in ${plain(directory)}, ${share}`;
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
  ].map(plain);
  if (layers.length === 0) return [...lines, 'no weight was rounded'].join('\n');
  const rest = layers.length - most;
  const shown = table(layers.slice(0, most), columns, look);
  return [...lines, '', shown, ...(rest > 0 ? [`and ${counted(rest, 'layer')} that lost less`] : [])].join('\n');
}

/** One line on a variant that was made, or is being made. */
export function variantLine(variant: VariantView): string {
  const least = variant.leastSqnr === null ? '' : `, worst layer ${ratioText(variant.leastSqnr)}`;
  if (variant.state === 'ready')
    return `${plain(variant.path)}\n${sizeText(variant)}${least}; ComfyUI lists it as ${plain(variant.name)}`;
  return `${plain(variant.path)}: ${stateText(variant)}`;
}

/** Cost of removing some of them. */
export function variantsCost(chosen: readonly VariantView[], { variants }: VariantsAnswer): string {
  const bytes = chosen.filter(isMade).reduce((sum, variant) => sum + variant.bytes, 0);
  const removes = `removes ${formatCount(chosen.length)} of ${counted(variants.length, 'variant')}`;
  return [...chosen.map(variantLine), `frees ${formatBytes(bytes)}, ${removes}`].join('\n');
}

/** Outcome of `autocached variant rm`. */
export function removedLine({ path, bytes, formerStays }: RemovedVariantAnswer): string {
  return plain(formerStays ? `${path} is not made anew; the former one stays` : `removed ${path}, ${formatBytes(bytes)}`);
}

function sizeText(variant: VariantView): string {
  const whole = formatBytes(variant.sourceBytes);
  return isMade(variant) ? `${formatBytes(variant.bytes)} of ${whole}` : whole;
}

function isMade({ state }: VariantView): boolean {
  return state === 'ready' || state === 'stale';
}

/** Empty for a variant that was not made yet. */
function leastText({ leastSqnr, layers }: VariantView): string {
  return layers === null ? '' : ratioText(leastSqnr);
}

function ratioText(sqnr: number | null): string {
  return sqnr === null ? 'exact' : `${sqnr.toFixed(1)} dB`;
}

/** State of a variant. */
export function stateText({ state, why, job }: VariantView): string {
  if (state === 'waiting' && why !== null) return `waiting: ${plain(why)}`;
  if (state === 'waiting') return job ? `waiting for its model's copy: ${jobProgress(job)}` : 'waiting';
  if (state === 'making') return job ? jobProgress(job) : 'being made';
  const word = state === 'stale' ? copyTerms.stale.word : state;
  return why === null ? word : `${word}: ${plain(why)}`;
}
