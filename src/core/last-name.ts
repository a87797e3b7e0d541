/** The last name of a path of either kind of system: a program may ask a daemon of the other one. Empty after a slash. */
export function lastName(path: string): string {
  return path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1);
}
