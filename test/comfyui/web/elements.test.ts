import { afterEach, expect, test, vi } from 'vitest';
import { element, label, plain, setText } from '../../../comfyui/web/elements.js';
import { plain as printed } from '../../../src/core/printable.ts';

afterEach(() => void vi.unstubAllGlobals());

/** As far as the elements use it. */
function fakeElement() {
  const attributes = new Map<string, string>();
  return {
    attributes,
    textContent: '',
    title: '',
    append: vi.fn(),
    setAttribute: (name: string, value: string) => void attributes.set(name, value),
  };
}

const hostile = 'a\u202egnp.exe\u001b[2J\nb<img src=x onerror=alert(1)>"\'.safetensors';
const shown = 'a?gnp.exe?[2J?b<img src=x onerror=alert(1)>"\'.safetensors';

test('a name that turns the order of letters looked like another file in dashboard and sidebar', () => {
  vi.stubGlobal('document', { createElement: fakeElement });
  const made = element('td', { text: hostile, attributes: { title: hostile, 'aria-label': hostile, 'data-key': hostile } });
  expect(made.textContent).toBe(shown);
  expect(Object.fromEntries((made as never as ReturnType<typeof fakeElement>).attributes)).toEqual({
    title: shown,
    'aria-label': shown,
    'data-key': hostile,
  });
  const target = fakeElement();
  setText(target as never, hostile);
  expect(target.textContent).toBe(shown);
  label(target as never, hostile);
  expect([target.title, target.attributes.get('aria-label')]).toEqual([shown, shown]);
});

test('the pages take out what the command line takes out', () => {
  const all = `${Array.from({ length: 0x2100 }, (_, code) => String.fromCharCode(code)).join('')}\ufeff`;
  expect(plain(all)).toBe(printed(all));
});
