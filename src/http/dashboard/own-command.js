/** Its key in the browser's storage: without a sign-in or a daemon, nothing else provides it. */
const kept = 'autocached-command';

/** Remembers the shell command of the program on the daemon's machine. */
export function keepCommand(command) {
  if (localStorage.getItem(kept) !== command) localStorage.setItem(kept, command);
}

/** A command of the program as a user types it. */
export function typed(words) {
  return `${globalThis.localStorage?.getItem(kept) ?? 'autocached'} ${words}`;
}
