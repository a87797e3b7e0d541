import { jsonOf } from '../core/json.ts';
import { isInteger, isMatch, isName, isNullOr, isShaped, isString } from '../core/shape.ts';
import { type VariantForm, variantForms } from '../core/types.ts';
import type { RoundingCost } from './number-memory.ts';
import { type Recipe, recipeVersion } from './recipe.ts';

/** One weight of a variant. */
export interface LayerReport {
  /** Name of its tensor, without `.weight`. */
  name: string;
  /** Its safetensors type: `I8`, `F8_E4M3`, `F16`, `BF16`, or that of the source if unchanged. */
  format: string;
  /** Power of the weights over that of the errors, dB; null = no error. */
  sqnr: number | null;
  /** Ratio of the largest error to the largest weight. */
  worst: number;
}

/** The recipe of a variant and its cost, stored in the variant's header. */
export interface VariantReport {
  version: number;
  recipe: Recipe;
  architecture: string;
  source: { sha256: string; bytes: number };
  layers: LayerReport[];
}

/** The name of the report among the metadata of the file. */
export const reportKey = 'autocached.variant';

interface Written extends Recipe {
  version: number;
  architecture: string;
  source: VariantReport['source'];
  layers: Row[];
}

type Row = [name: string, format: string, sqnr: number | null, worst: number];

const isBoolean = (value: unknown): value is boolean => typeof value === 'boolean';
const isNumber = (value: unknown): value is number => typeof value === 'number';
const isForm = (value: unknown): value is VariantForm => variantForms.some((form) => form === value);

function isRow(row: unknown): row is Row {
  if (!Array.isArray(row)) return false;
  const [name, format, sqnr, worst] = row;
  return isString(name) && isName(format) && isNullOr(isNumber)(sqnr) && isNumber(worst);
}

const isWritten = isShaped<Written>({
  version: isInteger(1),
  to: isNullOr(isForm),
  fastMatmul: isBoolean,
  dropUnused: isBoolean,
  architecture: isName,
  source: isShaped<Written['source']>({ sha256: isMatch(/^[\da-f]{64}$/), bytes: isInteger() }),
  layers: (value): value is Row[] => Array.isArray(value) && value.every(isRow),
});

/** Maximum number of characters of a layer's figures in the report. */
export const figuresLength = 48;

/** The text of a report; equal reports give equal texts. */
export function writeReport({ recipe, architecture, source, layers }: VariantReport): string {
  const { to, fastMatmul, dropUnused } = recipe;
  const rows = layers.map(({ name, format, sqnr, worst }): Row => [name, format, sqnr, worst]);
  const written: Written = { version: recipeVersion, to, fastMatmul, dropUnused, architecture, source, layers: rows };
  return JSON.stringify(written);
}

/** @returns null for anything but a report of ours */
export function readReport(text: string | undefined): VariantReport | null {
  const read = text === undefined ? undefined : jsonOf(text);
  if (!isWritten(read)) return null;
  const { version, to, fastMatmul, dropUnused, architecture, source } = read;
  const layers = read.layers.map(([name, format, sqnr, worst]) => ({ name, format, sqnr, worst }));
  return { version, recipe: { to, fastMatmul, dropUnused }, architecture, source, layers };
}

/** @param largest the largest weight */
export function layerReport(name: string, format: string, { power, noise, worst }: RoundingCost, largest: number): LayerReport {
  const share = largest > 0 ? Number((worst / largest).toPrecision(3)) : 0;
  return { name: name.replace(/\.weight$/, ''), format, sqnr: sqnrOf({ power, noise }), worst: share };
}

/** Signal to quantisation noise, dB, to hundredths; null = no noise. */
function sqnrOf({ power, noise }: Pick<RoundingCost, 'power' | 'noise'>): number | null {
  return noise === 0 ? null : Number((10 * Math.log10(power / noise)).toFixed(2));
}

/** The layers with the lowest ratio first. */
export function worstFirst(layers: readonly LayerReport[]): LayerReport[] {
  return layers.toSorted((a, b) => (a.sqnr ?? Number.POSITIVE_INFINITY) - (b.sqnr ?? Number.POSITIVE_INFINITY));
}
