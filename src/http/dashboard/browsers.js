import { element } from '../../../comfyui/web/elements.js';
import { ask, forgetSignIn } from './api.js';
import { attempt } from './dialogs.js';
import { agoText } from './figures.js';

/** Browsers that are signed in, and signing them out. */
export function browsers() {
  const list = element('ul', { class: 'rows' });
  const everywhere = element('button', {
    text: 'Sign out everywhere',
    attributes: { type: 'button' },
    on: { click: () => void out({ all: true }, true) },
  });
  const whole = element('div', { class: 'card' }, list, element('p', { class: 'tools end' }, everywhere));

  async function out(which, isOwn) {
    await attempt(async () => {
      await ask('/api/dashboard/sign-out', which);
      if (!isOwn) return refresh();
      forgetSignIn(localStorage);
      location.reload();
    });
  }

  async function refresh() {
    const { signIns } = await ask('/api/dashboard/sign-ins');
    list.replaceChildren(...signIns.map((one) => rowOf(one, out)));
    everywhere.hidden = signIns.length < 2;
  }
  return { element: whole, refresh };
}

function rowOf({ id, browser, createdAt, usedAt, current }, out) {
  const name = nameOf(browser);
  const text = current ? `signed in ${agoText(createdAt)}` : `signed in ${agoText(createdAt)}, last seen ${agoText(usedAt)}`;
  const attributes = { type: 'button', 'aria-label': `Sign out ${name}` };
  return element(
    'li',
    {},
    element(
      'div',
      { class: 'grow' },
      element('div', { text: current ? `${name}, this browser` : name }),
      element('div', { class: 'small muted', text }),
    ),
    element('button', { text: 'Sign out', attributes, on: { click: () => void out(current ? {} : { id }, current) } }),
  );
}

/** The browser and the system, from the name that a browser gives itself. */
function nameOf(agent) {
  const [, browser] = /(Firefox|Edg|OPR|Chrome|Safari)\//.exec(agent.replace(/Chrome\/\S+ Safari\/\S+ (?=Edg|OPR)/, '')) ?? [];
  const [system] = /Windows|Android|iPhone|iPad|Mac OS X|Linux/.exec(agent) ?? [];
  const names = { Edg: 'Edge', OPR: 'Opera' };
  return [names[browser] ?? browser ?? 'A browser', system ? `on ${system.replace('Mac OS X', 'macOS')}` : '']
    .filter(Boolean)
    .join(' ');
}
