import type { GraphsAnswer, PresetModel, PresetView, SlotView } from '../../api/presets.ts';
import { counted, formatBytes, formatCount, formatDuration } from '../../core/format.ts';
import { plain } from '../../core/printable.ts';
import { widthOf } from './fit.ts';
import type { Look } from './look.ts';
import { type Column, table } from './table.ts';

/** A file of a preset; its path is known only with a daemon. */
export type ShownModel = Pick<PresetModel, 'category' | 'name' | 'url'> & Partial<Pick<PresetModel, 'state' | 'tier' | 'size'>>;

export function presetListPage(presets: PresetView[], look: Look): string {
  return table(
    presets,
    [
      { title: 'PRESET', value: ({ name }) => name },
      { title: 'FAMILIES', value: ({ families }) => families.join(' ') || '-' },
      {
        title: '',
        value: ({ origin, description, problem }) => problem ?? `${origin === 'user' ? 'yours; ' : ''}${description}`,
        shrinks: 'sentence',
      },
    ],
    look,
  );
}

/** @param slots with their values @param models in load order */
export function presetShowPage(
  shown: {
    lacks: string[];
    name: string;
    description: string;
    family: string | null;
    slots: SlotView[];
    values: Record<string, unknown>;
    models: ShownModel[];
  },
  look: Look,
): string {
  const { name, description, family, slots, values, models, lacks } = shown;
  const about = [look.paint('bold', plain(name)), plain(description), ...(family === null ? [] : [`family ${family}`])].join(
    '\n',
  );
  const older =
    lacks.length === 0 ? [] : [look.paint('yellow', `your ComfyUI does not have ${plain(lacks.join(', '))}: update it`)];
  return [about, slotTable(slots, values, look), modelTable(models, look), ...older].join('\n\n');
}

function slotTable(slots: SlotView[], values: Record<string, unknown>, look: Look): string {
  return table(
    slots,
    [
      { title: 'SLOT', value: ({ name }) => name },
      { title: 'VALUE', value: ({ name }) => valueText(values[name]), shrinks: 'sentence', narrowest: 16 },
      { title: '', value: ({ meaning, required }) => (required ? `needed: ${meaning}` : meaning), shrinks: 'sentence' },
    ],
    look,
  );
}

function valueText(value: unknown): string {
  if (!Array.isArray(value)) return String(value);
  return value.map(({ file, frame }: { file: string; frame: number }) => `${file}@${frame}`).join(' ') || '-';
}

function modelTable(models: ShownModel[], look: Look): string {
  const isFound = models.some(({ state }) => state !== undefined);
  const hasSizes = models.some(({ size }) => typeof size === 'number');
  const columns: Column<ShownModel>[] = [
    { title: 'FILE', value: ({ category, name }) => `${category}/${name}`, shrinks: 'name' },
    ...(isFound ? [whereColumn] : []),
    ...(hasSizes ? [sizeColumn] : []),
  ];
  const withAddress = [...columns, { title: 'PUBLISHED AT', value: ({ url }: ShownModel) => url ?? '-' }];
  const wide = table(models, withAddress, { ...look, width: null });
  const { width } = look;
  if (width === null || wide.split('\n').every((line) => widthOf(line) <= width)) return wide;
  // Never shortened, so that it can be copied.
  return table(models, columns, look, ({ url }) => (url === null ? null : `  ${url}`));
}

const whereColumn: Column<ShownModel> = {
  title: 'WHERE',
  value: ({ state, tier }) => (state === 'here' ? (tier ?? 'here') : (state ?? '?')),
};
const sizeColumn: Column<ShownModel> = {
  title: 'SIZE',
  value: ({ size }) => (typeof size === 'number' ? formatBytes(size) : '-'),
  align: 'right',
};

/** The missing files that a preset needs. */
export function presetMissingPage(name: string, models: PresetModel[], look: Look): string {
  const absent = models.filter(({ state }) => state !== 'here');
  return [
    look.paint(
      'yellow',
      `${counted(absent.length, 'file')} of ${formatCount(models.length)} of ${plain(name)} ${absent.length === 1 ? 'is' : 'are'} not here`,
    ),
    modelTable(absent, look),
    'Each goes into its category below a model folder, or into a folder in there.',
  ].join('\n');
}

export function presetCachePage({ items, max, hits, misses, hitRate, graphs }: GraphsAnswer, look: Look, now: number): string {
  const rate =
    hitRate === null
      ? 'not asked since the start'
      : `${formatCount(hits)} of ${counted(hits + misses, 'question')} hit since the start`;
  const head = `${formatCount(items)} of ${counted(max, 'compiled graph')}; ${rate}`;
  if (graphs.length === 0) return head;
  const rows = table(
    graphs,
    [
      { title: 'PRESET', value: ({ preset }) => preset },
      { title: 'SETTINGS', value: ({ config }) => settingsText(config), shrinks: 'sentence' },
      { title: 'HITS', value: (graph) => formatCount(graph.hits), align: 'right' },
      { title: 'AGE', value: ({ createdAt }) => formatDuration(Math.max(0, now - createdAt)), align: 'right' },
    ],
    look,
  );
  return `${head}\n\n${rows}`;
}

function settingsText(config: unknown): string {
  const settings = Object.entries(config as Record<string, unknown>).filter(([, value]) => value !== null && value !== '');
  return settings.map(([name, value]) => `${name}=${Array.isArray(value) ? value.join(',') : String(value)}`).join(' ');
}
