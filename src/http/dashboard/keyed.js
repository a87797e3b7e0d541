/**
 * Shows items in order, and keeps the element of each as long as its key is there: focus, selection and scrolling stay.
 * @param make the element of an item that is new
 * @param update puts an item into its element
 */
export function showKeyed(parent, items, { keyOf, make, update = () => {} }) {
  const before = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let next = parent.firstChild;
  for (const item of items) {
    const key = String(keyOf(item));
    let child = before.get(key);
    before.delete(key);
    if (!child) {
      child = make(item);
      child.dataset.key = key;
    }
    update(child, item);
    if (child === next) next = next.nextSibling;
    else parent.insertBefore(child, next);
  }
  for (const gone of before.values()) gone.remove();
}
