import { onTestFinished } from 'vitest';
import type { SourceState } from '../../src/core/types.ts';
import { Roots } from '../../src/roots/registry.ts';
import { RootKeeper, type RootKeeperOptions } from '../../src/roots/root-keeper.ts';
import type { KnownFile } from '../../src/roots/scan.ts';
import { createLog } from '../../src/runtime/log.ts';
import { type ListedFile, SourceClient, type SourceClientOptions } from '../../src/sources/client.ts';
import { readerIn } from '../../src/sources/pool.ts';

/** A keeper beside a small catalog that learns all it is told of. */
export function keeping(options: Partial<RootKeeperOptions & SourceClientOptions> & { silentNas?: boolean } = {}) {
  const roots = new Roots();
  const { silentNas, ...rest } = options;
  const silent = readerIn('process', new URL('../sources/readers/silent.mjs', import.meta.url));
  const host = new SourceClient({ ...rest, roots, ...(silentNas && { openProcess: silent, stallMs: 0 }) });
  const known = new Map<string, ListedFile>();
  const ids = new Map<string, number>();
  const withId = (file: ListedFile): KnownFile => {
    const id = ids.get(file.path) ?? ids.size;
    ids.set(file.path, id);
    return { ...file, id };
  };
  const walk = host.walk.bind(host);
  host.walk = (root, request) =>
    walk(root, {
      ...request,
      onFiles(files) {
        request.onFiles(files);
        learn(files);
      },
    });
  const learn = (files: ListedFile[]) => {
    for (const file of files) if (!known.has(file.path)) known.set(file.path, file);
    wake();
  };
  const changes: [path: string, state: SourceState['state']][] = [];
  const health: string[] = [];
  let wake = () => {};
  const keeper = new RootKeeper({
    roots,
    host,
    log: createLog({ level: 'silent', form: 'json' }),
    known: (_root, directory) => [[...known.values()].filter(({ path }) => path.startsWith(directory)).map(withId)],
    find: (path) => {
      const file = known.get(path);
      return file && withId(file);
    },
    onChange(path, state) {
      changes.push([path, state.state]);
      if (state.state === 'present') known.set(path, { path, fingerprint: state.fingerprint });
      else known.delete(path);
      wake();
    },
    onHealth: (root, state) => void health.push(`${state} ${root.path}`),
    rescanMs: 3_600_000,
    settleMs: 5,
    ...rest,
  });
  onTestFinished(async () => {
    await keeper[Symbol.asyncDispose]();
    await host[Symbol.asyncDispose]();
  });
  const until = async (isSo: () => boolean) => {
    while (!isSo()) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  const add = (path: string, kind: 'hdd' | 'nas' = 'hdd', optional = false) => {
    const medium = {
      kind,
      from: 'detected',
      device: kind === 'nas' ? '//nas/x' : 'sda',
      fileSystem: 'ext4',
      resolved: path,
    } as const;
    return roots.add({ path, origin: 'config', medium, optional }).root;
  };
  return { roots, host, keeper, known, changes, health, until, add };
}
