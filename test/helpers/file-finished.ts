const ends: (() => unknown)[] = [];

/** Runs `end` when all tests of the present file are over. For what several of its tests share: the next file shares the process, and begins anew. */
export function onFileFinished(end: () => unknown): void {
  ends.push(end);
}

/** The last begun ends first. */
export async function finishFile(): Promise<void> {
  for (let end = ends.pop(); end; end = ends.pop()) await end();
}
