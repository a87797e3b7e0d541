import { element, setText } from '../../../comfyui/web/elements.js';
import { dayText } from './figures.js';
import { colorOf } from './theme.js';
import uPlot from './uplot.js';

const height = 150;
/** In seconds: bars have their whole width at the edges too. */
const halfDay = 43_200;

/**
 * A chart by day, with a legend that tells the values under the pointer, and all values as a table for who does not see it.
 * @param series `name`, `color` (a token), `kind` (`bars` or `line`), `read` (the value of a day; null for none), `place` (-1 or 1:
 *   bars beside others)
 * @param format a value for people
 * @param steps between the lines, the smallest first
 */
export function dayChart(title, { series, format, most, steps }) {
  const legend = element('p', { class: 'legend small' });
  const plotted = element('div', { class: 'plot', attributes: { 'aria-hidden': 'true' } });
  const table = element('table');
  const figure = element('figure', { class: 'card chart' });
  figure.append(element('h3', { text: title }), legend, plotted, element('div', { class: 'unseen' }, table));
  let plot = null;
  let days = [];

  const values = series.map(({ name, color }) => {
    const value = element('span', { class: 'value' });
    const dot = element('span', { class: 'dot' });
    dot.style.background = `var(--${color})`;
    legend.append(element('span', { class: 'key' }, dot, element('span', { text: name }), value));
    return value;
  });
  const when = element('span', { class: 'when' });
  legend.append(when);

  const tell = (index) => {
    setText(when, index === null ? '' : dayText(days[index].day));
    for (const [at, { read }] of series.entries()) {
      const value = index === null ? null : read(days[index]);
      setText(values[at], value === null ? '' : format(value));
    }
  };

  const draw = () => {
    plot?.destroy();
    const width = plotted.clientWidth;
    if (width === 0 || days.length === 0) return;
    const data = [days.map(({ day }) => Date.parse(day) / 1000), ...series.map(({ read }) => days.map(read))];
    plot = new uPlot(optionsOf({ width, series, format, most, steps, tell }), data, plotted);
  };
  const resized = new ResizeObserver(() => (plot && plot.width === plotted.clientWidth ? undefined : draw()));
  resized.observe(plotted);

  return {
    figure,
    show(shownDays) {
      if (JSON.stringify(shownDays) === JSON.stringify(days)) return;
      days = shownDays;
      table.replaceChildren(...tableOf(title, series, days, format));
      draw();
    },
    restyle: draw,
    close: () => {
      resized.disconnect();
      plot?.destroy();
    },
  };
}

function optionsOf({ width, series, format, most, steps, tell }) {
  const line = colorOf('line');
  const axis = { stroke: colorOf('muted'), font: '12px system-ui, sans-serif', ticks: { show: false } };
  return {
    width,
    height,
    padding: [8, 8, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
    scales: {
      x: { time: true, range: (_plot, min, max) => [min - halfDay, max + halfDay] },
      y: { range: (_plot, _min, max) => [0, most ?? (max > 0 ? max * 1.1 : 1)] },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        size: 28,
        space: 60,
        values: (_plot, at) => at.map((s) => dayText(new Date(s * 1000).toISOString().slice(0, 10))),
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
        if (kind === 'line') return { stroke: ink, width: 2, points: { size: 5, fill: ink }, spanGaps: true };
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

/** Only days on which there was something. */
function tableOf(title, series, days, format) {
  const told = days.filter((day) => series.some(({ read }) => read(day)));
  const head = element(
    'tr',
    {},
    ...['Day', ...series.map(({ name }) => name)].map((text) => element('th', { text, attributes: { scope: 'col' } })),
  );
  const rows = told.map((day) => {
    const cells = series.map(({ read }) => element('td', { text: read(day) === null ? 'none' : format(read(day)) }));
    return element('tr', {}, element('th', { text: dayText(day.day), attributes: { scope: 'row' } }), ...cells);
  });
  return [element('caption', { text: `${title}, by day` }), element('thead', {}, head), element('tbody', {}, ...rows)];
}
