/** Addresses of pages: `#/library?category=loras`. */

/** @returns the page's name and its query */
export function readAddress(hash, names) {
  const [, name = '', query = ''] = /^#\/([\w-]*)(?:\?(.*))?$/.exec(hash) ?? [];
  return { name: names.includes(name) ? name : names[0], query: new URLSearchParams(query) };
}

/** @param query entries, of which empty ones are left out */
export function addressOf(name, query = []) {
  const text = new URLSearchParams(query.filter(([, value]) => value !== '')).toString();
  return `#/${name}${text === '' ? '' : `?${text}`}`;
}
