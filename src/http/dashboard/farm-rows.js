import { element } from '../../../comfyui/web/elements.js';
import { counted, formatBytes } from '../../../comfyui/web/words.js';
import { percentText, splitPath } from './figures.js';
import { number } from './tables.js';

/** The words, figures and rows of a farm. */

/** State of the farm's Redis, and whether this host gives anything. */
export function stateText({ name, host, url, directory }) {
  const away = directory.why === null ? '' : `: ${directory.why}`;
  const redis = {
    up: 'its Redis answers',
    connecting: 'its Redis has not answered yet',
    away: `its Redis does not answer${away}; origins are read without it, and the hosts are those of before`,
  }[directory.state];
  const gives = url === null ? 'it gives nothing to others' : `others read from it at ${url}`;
  return `Farm ${name}: ${redis}. This host is ${host}; ${gives}.`;
}

/** Sums over all hosts, each since its start. @returns names with texts */
export function farmFacts({ hosts, peerErrors }) {
  const sum = (key) => hosts.reduce((total, host) => total + host[key], 0);
  const [origin, received] = [sum('originBytes'), sum('receivedBytes')];
  return [
    ['Hosts', hosts.length.toLocaleString('en-US')],
    ['Read from origins', formatBytes(origin)],
    ['Read from other hosts', formatBytes(received)],
    ['Spared the origin', percentText(origin + received === 0 ? null : received / (origin + received))],
    ['Requests without bytes', (peerErrors.silent + peerErrors.gone).toLocaleString('en-US')],
    ['Wrong bytes refused', peerErrors.lied.toLocaleString('en-US')],
  ];
}

export function hostRow({ host, isThis, isUnderstood, url, originBytes, receivedBytes, givenBytes, limit, version }) {
  const name = element('td', { class: 'path', text: host });
  if (isThis) name.append(element('span', { class: 'muted', text: ' (this one)' }));
  return element(
    'tr',
    {},
    name,
    element('td', { class: 'roomy path', text: isUnderstood ? addressText(url) : 'another version: nothing is shared' }),
    number(formatBytes(originBytes)),
    number(formatBytes(receivedBytes)),
    number(formatBytes(givenBytes)),
    number(formatBytes(limit), 'roomy'),
    element('td', { class: 'roomy', text: version }),
  );
}

function addressText(url) {
  return url === null ? 'takes only' : new URL(url).host;
}

export function contentRow({ path, size, has, chunks, hosts }) {
  return element(
    'tr',
    {},
    element('td', { class: 'path', text: splitPath(path).base, attributes: { title: path } }),
    number(formatBytes(size)),
    number(percentText(chunks === 0 ? 1 : has / chunks)),
    element('td', { class: 'path', text: holdersText(hosts, chunks) }),
  );
}

/** `gpu2, gpu3 25%`: hosts with all of it have no share. */
export function holdersText(hosts, chunks) {
  if (hosts.length === 0) return 'none';
  const shown = hosts.slice(0, 4).map(({ host, has }) => (has < chunks ? `${host} ${percentText(has / chunks)}` : host));
  const more = hosts.length - shown.length;
  return more > 0 ? `${shown.join(', ')} and ${counted(more, 'more host')}` : shown.join(', ');
}
