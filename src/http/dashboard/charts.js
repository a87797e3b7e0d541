import { element, setText } from '../../../comfyui/web/elements.js';
import { headed } from '../../../comfyui/web/work.js';
import { dayText } from './figures.js';
import { colorOf } from './theme.js';
import uPlot from './uplot.js';

const height = 150;
/** Half a day, s: bars have their whole width at the edges too. */
const halfDay = 43_200;
/** Distances of the lines of charts, s and bytes. */
export const timeSteps = [
  1,
  2,
  5,
  10,
  20,
  30,
  ...[1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1440, 2880].map((minutes) => minutes * 60),
];
export const sizeSteps = Array.from({ length: 50 }, (_, power) => 2 ** power);

/** A chart by day. @param chart as `chart`, without `x` */
export function dayChart(title, { series, ...rest }) {
  const isTold = (day) => series.some(({ read }) => read(day));
  return chart(title, { x: { ...byDay, isTold }, series, ...rest });
}

const byDay = {
  name: 'day',
  time: true,
  read: ({ day }) => Date.parse(day) / 1000,
  format: (s) => dayText(new Date(s * 1000).toISOString().slice(0, 10)),
  range: (_plot, min, max) => [min - halfDay, max + halfDay],
};

/**
 * A chart of rows, with a legend with the values under the pointer, and all values as a table for screen readers.
 * @param x `name`; `read` (the value of a row), `format` (one for people), `time` (they are seconds), `range` as uPlot takes it, `steps`
 *   as below, `isTold` (whether a row is in the table)
 * @param series `name`, `color` (a token), `kind` (`bars`, `line`, or `points`), `read` (the value of a row; null for none), `place` (-1 or
 *   1: bars beside others)
 * @param format a value for people
 * @param steps between the lines, the smallest first
 */
export function chart(title, { x, series, format, most, steps }) {
  const legend = element('p', { class: 'legend small' });
  const plotted = element('div', { class: 'plot', attributes: { 'aria-hidden': 'true' } });
  const table = element('table');
  const figure = element('figure', { class: 'card chart' });
  figure.append(element('h3', { text: title }), legend, plotted, element('div', { class: 'unseen' }, table));
  let plot = null;
  let rows = [];

  const values = series.map(({ name, color }) => {
    const value = element('span', { class: 'value' });
    const dot = element('span', { class: 'dot' });
    dot.style.background = `var(--${color})`;
    legend.append(element('span', { class: 'key' }, dot, element('span', { text: name }), value));
    return value;
  });
  const where = element('span', { class: 'where' });
  legend.append(where);

  const tell = (index) => {
    setText(where, index === null ? '' : x.format(x.read(rows[index])));
    for (const [at, { read }] of series.entries()) {
      const value = index === null ? null : read(rows[index]);
      setText(values[at], value === null ? '' : format(value));
    }
  };

  const draw = () => {
    plot?.destroy();
    plot = null;
    const width = plotted.clientWidth;
    if (width === 0 || rows.length === 0) return;
    const data = [rows.map(x.read), ...series.map(({ read }) => rows.map(read))];
    plot = new uPlot(optionsOf({ width, x, series, format, most, steps, tell }), data, plotted);
  };
  const resized = new ResizeObserver(() => (plot && plot.width === plotted.clientWidth ? undefined : draw()));
  resized.observe(plotted);

  return {
    figure,
    show(shown) {
      if (JSON.stringify(shown) === JSON.stringify(rows)) return;
      rows = shown;
      table.replaceChildren(...tableOf(title, { x, series, rows, format }));
      draw();
    },
    restyle: draw,
    close: () => {
      resized.disconnect();
      plot?.destroy();
    },
  };
}

function optionsOf({ width, x, series, format, most, steps, tell }) {
  const line = colorOf('line');
  const axis = { stroke: colorOf('muted'), font: '12px system-ui, sans-serif', ticks: { show: false } };
  return {
    width,
    height,
    padding: [8, 8, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
    scales: {
      x: { time: x.time, range: x.range },
      y: { range: (_plot, _min, max) => [0, most ?? (max > 0 ? max * 1.1 : 1)] },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        ...(x.steps && { incrs: x.steps }),
        // The first label stays apart from the zero of the other axis.
        gap: 9,
        size: 32,
        space: 60,
        values: (_plot, at) => at.map(x.format),
      },
      {
        ...axis,
        grid: { stroke: line, width: 1 },
        ...(steps && { incrs: steps }),
        size: 64,
        space: 28,
        values: (_plot, at) => at.map((v) => format(v)),
      },
    ],
    series: [
      {},
      ...series.map(({ color, kind, place = 0 }) => {
        const ink = colorOf(color);
        if (kind === 'points') return { stroke: ink, width: 0, points: { show: true, size: 11, fill: ink } };
        if (kind === 'line') return { stroke: ink, width: 2, points: { size: 5, fill: ink, filter: only }, spanGaps: true };
        return {
          fill: ink,
          width: 0,
          points: { show: false },
          paths: uPlot.paths.bars({ size: [place === 0 ? 0.6 : 0.35, 16], align: place }),
        };
      }),
    ],
    hooks: { setCursor: [({ cursor }) => tell(cursor.idx ?? null)] },
  };
}

/** A single value has no line: it is a point, for any number of days. */
function only({ data }, series, areShown) {
  const told = data[series].flatMap((value, at) => (value === null ? [] : [at]));
  return !areShown && told.length === 1 ? told : null;
}

function tableOf(title, { x, series, rows, format }) {
  const head = element(
    'tr',
    {},
    ...[headed(x.name), ...series.map(({ name }) => name)].map((text) => element('th', { text, attributes: { scope: 'col' } })),
  );
  const told = rows.filter((row) => !x.isTold || x.isTold(row));
  const lines = told.map((row) => {
    const cells = series.map(({ read }) => element('td', { text: read(row) === null ? 'none' : format(read(row)) }));
    return element('tr', {}, element('th', { text: x.format(x.read(row)), attributes: { scope: 'row' } }), ...cells);
  });
  return [element('caption', { text: `${title}, by ${x.name}` }), element('thead', {}, head), element('tbody', {}, ...lines)];
}
