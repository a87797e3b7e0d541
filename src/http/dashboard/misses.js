import { element, setText } from '../../../comfyui/web/elements.js';
import { formatBytes, formatSeconds } from '../../../comfyui/web/words.js';
import { ask } from './api.js';
import { chart, sizeSteps, timeSteps } from './charts.js';
import { missesText } from './figures.js';

/** Cost of the misses of the last 30 days with other sizes of the cache: a sentence, and the curve. */
export function missCurve() {
  const sentence = element('p', { attributes: { id: 'larger' } });
  const curve = chart('Waiting for models that were not in the cache', {
    x: {
      name: 'size of the cache',
      time: false,
      read: ({ bytes }) => bytes,
      format: formatBytes,
      range: (_plot, _min, max) => [0, max * 1.08],
      steps: sizeSteps,
    },
    series: [
      { name: 'In 30 days', color: 'accent', kind: 'line', read: ({ seconds }) => seconds },
      { name: 'With the limit of now', color: 'warn', kind: 'points', read: ({ seconds, isNow }) => (isNow ? seconds : null) },
    ],
    format: formatSeconds,
    steps: timeSteps,
  });
  curve.figure.hidden = true;
  let shown = '';

  return {
    element: element('div', { class: 'curve' }, sentence, curve.figure),
    /** Asks only after a load or with another limit: the daemon replays a month of loads for it. */
    async refresh({ hits, misses, tiers }) {
      const state = JSON.stringify([hits, misses, tiers.map(({ limit }) => limit)]);
      if (state === shown) return;
      const answer = await ask('/api/loads/misses');
      shown = state;
      setText(sentence, missesText(answer));
      curve.figure.hidden = answer.loads === 0;
      curve.show(answer.points.map(({ bytes, seconds }) => ({ bytes, seconds, isNow: bytes === answer.limit })));
    },
    restyle: curve.restyle,
    close: curve.close,
  };
}
