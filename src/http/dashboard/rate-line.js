import { element, setText } from '../../../comfyui/web/elements.js';
import { formatBytes, formatSeconds } from '../../../comfyui/web/words.js';

/** Copied bytes of the last minutes, a bar for each few seconds; hidden when there are none. */
export function rateLine() {
  const bars = element('div', { class: 'rate', attributes: { 'aria-hidden': 'true' } });
  const text = element('figcaption', { class: 'small muted' });
  return {
    element: element('figure', { class: 'card', attributes: { hidden: '' } }, bars, text),
    /** @param throughput see `GET /api/jobs/throughput` */
    show({ everyMs, bytes }) {
      const most = Math.max(...bytes);
      this.element.hidden = most === 0;
      if (most === 0) return;
      while (bars.children.length < bytes.length) bars.append(element('span'));
      for (const [at, value] of bytes.entries()) bars.children[at].style.blockSize = `${(100 * value) / most}%`;
      const seconds = everyMs / 1000;
      setText(text, `The last ${formatSeconds(seconds * bytes.length)}, up to ${formatBytes(most / seconds)}/s`);
    },
  };
}
