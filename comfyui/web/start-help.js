import { element } from './elements.js';

/** Help while no daemon answers: the commands that start it, each with a button that copies it. */
export class StartHelp {
  #routes;
  #asked = false;
  root = element('div', { class: 'autocached-help', attributes: { hidden: '' } });

  /** @param routes whose `help()` gives `{says, commands}`, or null for a page that may not see them */
  constructor(routes) {
    this.#routes = routes;
  }

  /** @param {boolean | null} alive whether the daemon answers; null = unknown */
  async update(alive) {
    if (alive !== false) {
      this.#asked = false;
      this.root.hidden = true;
    } else if (!this.#asked) {
      this.#asked = true;
      this.#show(await this.#routes.help());
    }
  }

  #show(help) {
    // It may have started meanwhile.
    if (help === null || !this.#asked) return;
    const says = element('p', { class: 'autocached-muted', text: help.says });
    this.root.replaceChildren(says, ...help.commands.map(commandRow));
    this.root.hidden = false;
  }
}

function commandRow(command) {
  const copy = element('button', {
    text: 'Copy',
    attributes: { type: 'button', 'aria-label': `Copy the command ${command}` },
    // Without the right to the clipboard the command can still be selected.
    on: { click: () => navigator.clipboard?.writeText(command).catch(() => {}) },
  });
  return element('div', { class: 'autocached-command' }, element('code', { text: command }), copy);
}
