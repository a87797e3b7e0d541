import { element, setText } from '../../../comfyui/web/elements.js';
import { modeTerms } from '../../../comfyui/web/vocabulary.js';
import { headed, leftText, workOf } from '../../../comfyui/web/work.js';
import { ask, DaemonAway, keptKey, NotSignedIn, signIn } from './api.js';
import * as copies from './copies.js';
import { tell } from './dialogs.js';
import * as events from './events.js';
import * as farm from './farm.js';
import * as folders from './folders.js';
import * as library from './library.js';
import { Live } from './live.js';
import * as overview from './overview.js';
import { keepCommand } from './own-command.js';
import { showProgress } from './progress.js';
import * as prompts from './prompts.js';
import * as results from './results.js';
import { addressOf, readAddress } from './router.js';
import * as settings from './settings.js';
import { awayPage, signInPage } from './signed-out.js';
import { followTheme } from './theme.js';
import * as variants from './variants.js';

/** Each has a title and `show(main, app)`, which returns functions that `app` calls: `refresh`, `event`, `close`; all may be left out. */
const pages = { overview, library, copies, variants, results, prompts, folders, farm, events, settings };
const pulseMs = 5000;
const busyMs = 1000;
const hiddenMs = 20_000;

const at = (id) => document.getElementById(id);
let shown = null;
let timer;
let lost = null;
let isOut = false;
let trouble = '';

/** The app as pages see it. */
const app = {
  live: new Live((isLive, error) => (isLive ? found() : lose(error))),
  query: new URLSearchParams(),
  /** Shows the page again, at once. */
  refresh: () => void pulse(),
  /** Shows why a page could not load something that nobody clicked for. */
  lose,
  /** Puts the choices of a page into the address, where they outlive the visit. */
  remember(query) {
    history.replaceState(null, '', addressOf(readAddress(location.hash, Object.keys(pages)).name, query));
  },
};

followTheme(at('theme'), localStorage, () => shown?.page.restyle?.());
at('skip').addEventListener('click', (event) => {
  event.preventDefault();
  at('main').focus();
});
void start();

async function start() {
  const isSignedIn = await signIn(location, history, localStorage);
  for (const [name, { title }] of Object.entries(pages)) {
    const link = element(
      'a',
      { attributes: { href: addressOf(name), 'data-page': name } },
      element('span', { text: title, attributes: { 'data-text': title } }),
    );
    link.append(element('span', { class: 'number' }));
    at('nav').append(link);
  }
  // Signing in or out in one tab is so in all.
  addEventListener('storage', ({ key }) => key === keptKey && location.reload());
  if (!isSignedIn) return signInPage(at('main'));
  try {
    // Checks whether the sign-in still counts.
    await ask('/api/jobs?limit=1');
  } catch (error) {
    if (error instanceof NotSignedIn) return signInPage(at('main'));
  }
  at('nav').hidden = false;
  addEventListener('hashchange', () => open({ byPerson: true }));
  document.addEventListener('visibilitychange', () => void pulse());
  app.live.subscribe((name, data) => {
    shown?.page.event?.(name, data);
    if (name.startsWith('job-')) soon();
  });
  app.live.start();
  open({ byPerson: false });
}

function open({ byPerson }) {
  const { name, query } = readAddress(location.hash, Object.keys(pages));
  app.query = query;
  if (shown?.name === name) return shown.page.moved?.(query);
  shown?.page.close?.();
  for (const link of at('nav').children)
    if (link.dataset.page === name) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  at('main').replaceChildren();
  shown = { name, page: pages[name].show(at('main'), app) };
  // Screen readers announce the new page.
  if (byPerson) {
    at('main').focus({ preventScroll: true });
    scrollTo(0, 0);
  }
  void pulse();
}

/** Copies report progress many times a second. */
function soon() {
  if (timer?.soon) return;
  clearTimeout(timer?.id);
  timer = { id: setTimeout(() => void pulse(), busyMs), soon: true };
}

/** The state of all pages, and then that of the page that is shown. */
async function pulse() {
  clearTimeout(timer?.id);
  timer = null;
  if (isOut) return;
  try {
    const [stats, { jobs, paused }] = await Promise.all([ask('/api/cache/stats'), ask('/api/jobs?limit=500')]);
    Object.assign(app, { stats, jobs, paused });
    keepCommand(stats.command);
    const work = workOf(jobs, paused);
    showStatus(stats, work);
    showProgress(work, at('icon'));
    found();
    if (!document.hidden) await shown?.page.refresh?.(app);
  } catch (error) {
    lose(error);
  }
  clearTimeout(timer?.id);
  timer = { id: setTimeout(() => void pulse(), document.hidden ? hiddenMs : pulseMs), soon: false };
}

function showStatus(stats, work) {
  const count = work.running.length + work.waiting.length;
  const parts = [stats.mode === 'read-write' ? '' : `Mode: ${modeTerms[stats.mode].word.toLowerCase()}`];
  if (work.word === 'paused') parts.push('Copying is paused');
  else if (count > 0) parts.push(`${headed(work.word)}: ${leftText(work)}`);
  setText(at('status'), parts.filter(Boolean).join(' · '));
  const badge = at('nav').querySelector('[data-page="copies"] .number');
  setText(badge, count > 0 ? String(count) : '');
}

function lose(error) {
  if (error instanceof NotSignedIn) {
    isOut = true;
    at('nav').hidden = true;
    return signInPage(at('main'));
  }
  if (!(error instanceof DaemonAway)) {
    // The same error recurs with each look.
    if (error.message !== trouble) tell(error.message);
    trouble = error.message;
    return;
  }
  if (lost) return;
  lost = awayPage();
  at('main').before(lost);
}

function found() {
  lost?.remove();
  lost = null;
}
