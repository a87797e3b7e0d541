import { element } from '../../../comfyui/web/elements.js';

const toastMs = 8000;

/** Shows an element in front of the page until it is closed. @returns settles with the argument of `close`; undefined for Escape */
export function showDialog(title, make) {
  const { promise, resolve } = Promise.withResolvers();
  const dialog = element('dialog', { attributes: { 'aria-labelledby': 'dialog-title' } });
  let answer;
  const close = (value) => {
    answer = value;
    dialog.close();
  };
  dialog.append(
    element('div', { class: 'body' }, element('h2', { text: title, attributes: { id: 'dialog-title' } }), ...make(close)),
  );
  dialog.addEventListener('close', () => {
    dialog.remove();
    resolve(answer);
  });
  document.body.append(dialog);
  dialog.showModal();
  return promise;
}

/** Asks for a confirmation. @param text the cost @returns whether to do it */
export async function confirmed(title, text, { yes, no = 'Cancel' }) {
  const button = (label, value, close, primary) =>
    element('button', {
      text: label,
      class: primary ? 'main-action' : '',
      attributes: { type: 'button', 'data-answer': String(value) },
      on: { click: () => close(value) },
    });
  const answer = await showDialog(title, (close) => [
    element('p', { text, class: 'question' }),
    element('div', { class: 'tools' }, button(no, false, close, false), button(yes, true, close, true)),
  ]);
  return answer === true;
}

/** Reports the outcome of a person's action. @param undo takes it back, if possible */
export function tell(text, undo) {
  const toast = element('div', { class: 'toast' }, element('span', { text }));
  const gone = setTimeout(() => toast.remove(), toastMs);
  const button = (label, act) => {
    const click = () => {
      clearTimeout(gone);
      toast.remove();
      act();
    };
    return element('button', { text: label, attributes: { type: 'button' }, on: { click } });
  };
  if (undo) toast.append(button(undo.label ?? 'Undo', () => void attempt(undo.run)));
  toast.addEventListener('focusin', () => clearTimeout(gone));
  toast.addEventListener('pointerenter', () => clearTimeout(gone));
  toast.append(button('Close', () => {}));
  const toasts = document.getElementById('toasts');
  while (toasts.children.length > 1) toasts.firstChild.remove();
  toasts.append(toast);
}

/** Performs an action and reports its outcome. @param run settles with the text to report, if any, and how to undo it */
export async function attempt(run) {
  try {
    const done = await run();
    if (done?.text) tell(done.text, done.undo);
  } catch (error) {
    tell(error.hint ? `${error.message}. ${error.hint}` : error.message);
  }
}
