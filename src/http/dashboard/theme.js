const kept = 'autocached-theme';

/** Follows the choice of light or dark, which stays over visits. @param onChange called after the colours have changed */
export function followTheme(select, storage, onChange) {
  const show = () => {
    if (select.value === 'auto') delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = select.value;
  };
  select.value = storage.getItem(kept) ?? 'auto';
  show();
  select.addEventListener('change', () => {
    storage.setItem(kept, select.value);
    show();
    onChange();
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', onChange);
}

/** A colour of the theme in force, as canvases want it. */
export function colorOf(token) {
  const probe = document.createElement('span');
  probe.style.color = `var(--${token})`;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
