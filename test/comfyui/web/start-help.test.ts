import { afterEach, expect, test, vi } from 'vitest';
import { StartHelp } from '../../../comfyui/web/start-help.js';

afterEach(() => void vi.unstubAllGlobals());

/** Elements as far as the help uses them, with their text. */
function page() {
  const createElement = () => {
    const made = {
      textContent: '',
      hidden: true,
      children: [] as { textContent: string; children: { textContent: string }[] }[],
      setAttribute: () => {},
      addEventListener: (_: string, listener: () => void) => void clicks.push(listener),
      append: (...children: never[]) => void made.children.push(...children),
      replaceChildren: (...children: never[]) => {
        made.children = children;
      },
    };
    return made;
  };
  const clicks: (() => void)[] = [];
  const copied: string[] = [];
  vi.stubGlobal('document', { createElement });
  vi.stubGlobal('navigator', { clipboard: { writeText: async (text: string) => void copied.push(text) } });
  return { clicks, copied };
}

const help = { says: 'To start it, in a terminal:', commands: ['npm --prefix /nodes/autocached start'] };

test('while no daemon answers, the command that starts it is there to be copied, and is asked for once', async () => {
  const { clicks, copied } = page();
  const asked = vi.fn(async () => help);
  const shown = new StartHelp({ help: asked });
  await shown.update(null);
  expect(asked).not.toHaveBeenCalled();
  await shown.update(false);
  await shown.update(false);
  expect(asked).toHaveBeenCalledOnce();
  const { hidden, children } = shown.root as never as {
    hidden: boolean;
    children: { textContent: string; children: { textContent: string }[] }[];
  };
  expect(hidden).toBe(false);
  expect(children[0]?.textContent).toBe(help.says);
  expect(children[1]?.children[0]?.textContent).toBe(help.commands[0]);
  clicks[0]?.();
  expect(copied).toEqual(help.commands);
  await shown.update(true);
  expect(shown.root.hidden).toBe(true);
});

test('a page that may not see it shows nothing, and a daemon that has started meanwhile needs no help', async () => {
  page();
  const refused = new StartHelp({ help: async () => null });
  await refused.update(false);
  expect(refused.root.hidden).toBe(true);
  let answer = (_: unknown) => {};
  const late = new StartHelp({ help: () => new Promise((resolve) => (answer = resolve)) });
  const update = late.update(false);
  await late.update(true);
  answer(help);
  await update;
  expect(late.root.hidden).toBe(true);
});
