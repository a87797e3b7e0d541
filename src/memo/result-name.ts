/** One text for a namespace and a key, for maps. */
export function resultName({ ns, key }: { ns: string; key: string }): string {
  return `${ns}\0${key}`;
}
