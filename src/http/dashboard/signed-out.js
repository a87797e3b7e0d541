import { element } from '../../../comfyui/web/elements.js';
import { typed } from './own-command.js';

/** The page for a browser that is not signed in. */
export function signInPage(main) {
  const command = typed('dashboard');
  const inSources = [
    'After ',
    element('code', { text: 'npm start' }),
    ', in the folder of the sources: ',
    element('code', { text: 'node dist/bin/autocached.js dashboard' }),
    '.',
  ];
  main.replaceChildren(
    element(
      'div',
      { class: 'card lone' },
      element('h1', { text: 'Sign in' }),
      element(
        'p',
        {},
        'Run ',
        element('code', { text: command }),
        ' in a terminal and open the address that it prints. It works once, within a minute.',
      ),
      ...(command.startsWith('autocached') ? [element('p', { class: 'muted' }, ...inSources)] : []),
      element('p', {
        class: 'muted',
        text: 'This browser then stays signed in, in all its tabs, until you sign it out in Settings.',
      }),
    ),
  );
}

/** The notice while no daemon answers. The page stays as it was. */
export function awayPage() {
  return element(
    'p',
    { class: 'away', attributes: { role: 'alert' } },
    'The daemon is not running. Models load from their own places. Start it with ',
    element('code', { text: typed('start') }),
    '.',
  );
}
