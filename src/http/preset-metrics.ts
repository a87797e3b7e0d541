import type { Series } from './series.ts';

/** The figures of the table of compiled graphs. */
export const presetSeries: readonly Series[] = [
  {
    name: 'autocached_preset_graphs',
    help: 'Compiled graphs of presets',
    read: (_stats, { presets }) => presets.figures().items,
  },
  {
    counts: true,
    name: 'autocached_preset_graph_hits_total',
    help: 'Presets whose graph was compiled before',
    read: (_stats, { presets }) => presets.figures().hits,
  },
  {
    counts: true,
    name: 'autocached_preset_graph_misses_total',
    help: 'Presets whose graph had to be compiled',
    read: (_stats, { presets }) => presets.figures().misses,
  },
];
