/** Where the browser keeps it: without a sign-in, or a daemon, nobody tells it. */
const kept = 'autocached-command';

/** Remembers what calls the program in a shell on the daemon's machine. */
export function keepCommand(command) {
  if (localStorage.getItem(kept) !== command) localStorage.setItem(kept, command);
}

/** A command of the program as it is to be typed. */
export function typed(words) {
  return `${globalThis.localStorage?.getItem(kept) ?? 'autocached'} ${words}`;
}
