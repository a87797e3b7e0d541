import { element, setText } from './elements.js';
import { ModelRow } from './model-row.js';
import { Queue } from './queue.js';
import { StartHelp } from './start-help.js';
import { daemonAway, jobTerms, modeTerms } from './vocabulary.js';
import {
  counted,
  describeModel,
  formatBytes,
  formatSeconds,
  listed,
  nameOf,
  summarize,
  summaryText,
  unrepeatableText,
} from './words.js';

const refusedText = 'Not shown at this address of ComfyUI. At its IP address, or at localhost, it is.';

/** The sidebar tab: the state of the cache, and the models of the open workflow. */
export class Panel {
  #watch;
  #routes;
  #marks;
  #runFresh;
  #askForesight;
  #rows = new Map();
  #said = element('p', { class: 'autocached-said', attributes: { role: 'status' } });
  #facts = element('dl', { class: 'autocached-facts' });
  #modes = element('fieldset', { class: 'autocached-modes' }, element('legend', { text: 'Mode' }));
  #summary = element('span', { class: 'autocached-muted', attributes: { role: 'status' } });
  #warmAll = element('button', { text: 'Copy all', attributes: { type: 'button' }, on: { click: () => this.#warm() } });
  #pinAll = element('button', { attributes: { type: 'button' }, on: { click: () => this.#pin() } });
  #foreseen = null;
  #foresee = element('button', {
    text: 'What is kept',
    attributes: { type: 'button', title: 'Which nodes of this workflow need not run, because their outputs are kept' },
    on: { click: () => this.#askKept() },
  });
  #fresh = element('button', {
    text: 'Run fresh',
    attributes: { type: 'button', title: 'Nodes run although their outputs are kept, and replace them' },
    on: { click: () => this.#runAll() },
  });
  #list = element('ul', { class: 'autocached-models' });
  #stuckText = element('span');
  #stuck = element(
    'p',
    { class: 'autocached-stuck', attributes: { hidden: '' } },
    this.#stuckText,
    ' ',
    element('button', {
      text: 'Free them',
      attributes: { type: 'button', title: 'ComfyUI unloads its models between two prompts; the next prompt loads the copies' },
      on: { click: () => this.#change({ free: true }) },
    }),
  );
  #queue = new Queue();
  #note = element('p', { class: 'autocached-muted' });
  #help;
  #body;
  root;

  constructor(watch, { routes, marks, runFresh, foresee }) {
    this.#watch = watch;
    this.#routes = routes;
    this.#marks = marks;
    this.#runFresh = runFresh;
    this.#askForesight = foresee;
    for (const [mode, { word, says }] of Object.entries(modeTerms)) this.#modes.append(this.#modeChoice(mode, word, says));
    const heading = element('h4', { text: 'This workflow' });
    const actions = element('div', { class: 'autocached-actions' }, this.#warmAll, this.#pinAll, this.#foresee, this.#fresh);
    const workflow = element('section', {}, heading, this.#summary, actions, this.#list);
    this.#body = element('div', {}, this.#modes, this.#facts, this.#stuck, workflow, this.#queue.root, this.#note);
    const title = element('h3', { text: 'autocached' });
    this.#help = new StartHelp(routes);
    this.root = element('div', { class: 'autocached-panel' }, title, this.#said, this.#help.root, this.#body);
  }

  /** Shows the latest view. */
  update() {
    const { view } = this.#watch;
    this.#body.hidden = !view.alive;
    setText(this.#said, saidOf(view));
    void this.#help.update(view.refused ? null : view.alive);
    if (!view.alive) return;
    for (const input of this.#modes.querySelectorAll('input')) {
      input.checked = input.value === view.mode;
      input.disabled = !view.mayChange;
    }
    this.#showFacts(view);
    this.#showModels(view);
    this.#showStuck(view);
    this.#queue.update(view);
    setText(this.#note, noteOf(view));
  }

  #showFacts({ secondsSaved, tiers, paused, written, workflow, unrepeatable = [] }) {
    const facts = [['Time saved', typeof secondsSaved === 'number' ? formatSeconds(secondsSaved) : '']];
    for (const { tier, bytes, limit } of tiers) {
      facts.push([tier.toUpperCase(), limit > 0 ? `${formatBytes(bytes)} of ${formatBytes(limit)}` : formatBytes(bytes)]);
    }
    const kept = this.#marks.count;
    // The answer does not apply to another workflow.
    if (this.#foreseen?.workflow === workflow) facts.push(['Kept', this.#foreseen.text]);
    if (kept > 0) facts.push(['From memo', `${counted(kept, 'node')} of the last run: ${listed(this.#marks.names)}`]);
    if (unrepeatable.length > 0) facts.push(['Not kept', unrepeatableText(unrepeatable)]);
    if (paused) facts.push(['Copies', jobTerms.paused.word]);
    if (written > 0) facts.push(['Written by nodes beside copies', `${written}: autocached bring-back`]);
    const items = facts.map(([name, value]) =>
      element('div', {}, element('dt', { text: name }), element('dd', { text: value })),
    );
    this.#facts.replaceChildren(...items);
  }

  #showStuck({ stuck = 0, mayChange }) {
    this.#stuck.hidden = stuck === 0 || !mayChange;
    setText(this.#stuckText, `ComfyUI still reads ${counted(stuck, 'model')} from a slow disk although copies are ready.`);
  }

  #showModels(view) {
    const { models, copies, mayChange, mode, workflow } = view;
    const summary = summarize(models, copies);
    setText(this.#summary, summaryText(summary));
    this.#warmAll.hidden = !mayChange || mode !== 'read-write' || this.#copyable().length === 0;
    this.#foresee.hidden = models.length === 0;
    const isKept = this.#foreseen?.workflow === workflow && this.#foreseen.isSome;
    this.#fresh.hidden = !mayChange || (this.#marks.count === 0 && !isKept);
    this.#pinAll.hidden = !mayChange || this.#pinnable().length === 0;
    setText(this.#pinAll, this.#allPinned() ? 'Unpin all' : 'Pin all');
    const rows = models.map((model) => this.#row(model, copies, view));
    if (rows.some((row, index) => this.#list.children[index] !== row) || this.#list.children.length > rows.length)
      this.#list.replaceChildren(...rows);
  }

  #row(model, copies, view) {
    const key = `${model.category}/${model.name}`;
    let row = this.#rows.get(key);
    if (!row) {
      row = new ModelRow((wanted) => this.#change(wanted));
      this.#rows.set(key, row);
    }
    row.update(model, copies, view);
    return row.root;
  }

  #modeChoice(value, name, meaning) {
    const attributes = { type: 'radio', name: 'autocached-mode', value };
    const input = element('input', { attributes, on: { change: () => this.#change({ mode: value }) } });
    return element('label', { attributes: { title: meaning } }, input, element('span', { text: name }));
  }

  #copyable() {
    const { models, copies } = this.#watch.view;
    return models.filter((model) => describeModel(model, copies).canCopy);
  }

  #pinnable() {
    return this.#watch.view.models.filter((model) => nameOf(model) !== null && model.size !== null);
  }

  #allPinned() {
    return this.#pinnable().every(({ pinned }) => pinned);
  }

  #warm() {
    return this.#change({ warm: this.#copyable().map(nameOf) });
  }

  #pin() {
    return this.#change({ [this.#allPinned() ? 'unpin' : 'pin']: this.#pinnable().map(nameOf) });
  }

  async #askKept() {
    const { workflow } = this.#watch.view;
    const kept = await this.#askForesight();
    const text = kept && `${kept.names.length} of ${counted(kept.of, 'node')} need not run`;
    const isSome = kept !== null && kept.names.length > 0;
    const names = isSome ? `: ${listed(kept.names)}` : '';
    this.#foreseen = { workflow, isSome, text: kept === null ? 'This frontend does not tell' : text + names };
    this.update();
  }

  async #runAll() {
    if (!(await this.#runFresh())) this.#refused();
  }

  async #change(wanted) {
    const done = await this.#routes.change(wanted);
    await this.#watch.refresh();
    if (!done && this.#watch.view.alive) this.#refused();
  }

  #refused() {
    setText(this.#note, 'That was refused; `autocached doctor` helps to find out why.');
  }
}

function saidOf({ alive, refused }) {
  if (alive) return '';
  if (alive === null) return 'Asking the daemon';
  return refused ? refusedText : daemonAway.says;
}

function noteOf({ mayChange, mode }) {
  if (!mayChange) return 'Changes can be made on the machine that ComfyUI runs on.';
  return mode === 'off' ? 'autocached is switched off.' : '';
}
