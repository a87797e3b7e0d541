import { rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CacheError, messageOf } from '../../core/errors.ts';
import { isNewer } from './newer.ts';
import { tool } from './tool.ts';
import type { Installed, Newest, Replaced, Way } from './way.ts';

/** An installation by `npm install -g`. @param prefix npm's directory for global packages */
export function npmWay(installed: Installed, prefix: string): Way {
  const { dir, archive } = installed;
  const wanted = (version: string) => archive ?? `autocached@${version}`;
  return {
    says: `npm, in ${prefix}`,
    newest: () => (archive === null ? registryNewest(installed, prefix) : archiveNewest(installed, archive)),
    steps: (version) => [`npm install --global --prefix ${prefix} ${wanted(version)}`],
    replace: (version) => replace(dir, { prefix, wanted: wanted(version), version }),
  };
}

/** Asks the registry that npm is configured with. */
export async function registryNewest({ version: own }: Installed, cwd: string): Promise<Newest> {
  const said = await tool(['npm', 'view', 'autocached', 'version', '--json'], cwd).catch((cause) => {
    throw isUnpublished(cause) ? unpublished(cause) : cause;
  });
  const version = JSON.parse(said);
  return { version, isNewer: isNewer(version, own) };
}

/** Whether npm reached the registry, and the registry does not know the package. */
function isUnpublished(error: unknown): boolean {
  return /^\s*npm (?:error|ERR!) (?:code E)?404\b/m.test(messageOf(error));
}

function unpublished(cause: unknown): CacheError {
  return new CacheError('NOT_FOUND', 'the registry that npm asks has no package autocached', {
    hint: 'npm config get registry shows which one it is; with a release that you downloaded: autocached upgrade --from FILE',
    cause,
  });
}

export async function archiveNewest({ version: own }: Installed, archive: string): Promise<Newest> {
  const packed = JSON.parse(await tool(['npm', 'pack', archive, '--dry-run', '--json', '--ignore-scripts'], dirname(archive)));
  const [{ name, version }] = packed;
  if (name === 'autocached') return { version, isNewer: isNewer(version, own) };
  throw new CacheError('BAD_REQUEST', `${archive} is ${name} ${version}, not autocached`);
}

interface Replacement {
  prefix: string;
  wanted: string;
  version: string;
}

/**
 * Installs beside the old one, tries whether it runs, and swaps the two directories: a version that npm cannot fetch or this Node cannot
 * run changes nothing. npm's links to the program stay true.
 */
async function replace(dir: string, { prefix, wanted, version }: Replacement): Promise<Replaced> {
  const modules = dirname(dir);
  const stage = join(modules, '.autocached-new');
  const old = join(modules, '.autocached-old');
  for (const left of [stage, old]) await rm(left, { recursive: true, force: true });
  try {
    await tool(['npm', 'install', '--global', '--prefix', stage, '--no-audit', '--no-fund', wanted], prefix);
    const staged = join(stage, ...(process.platform === 'win32' ? [] : ['lib']), 'node_modules', 'autocached');
    const runs = await tool([process.execPath, join(staged, 'dist', 'bin', 'autocached.js'), '--version'], prefix);
    if (runs !== version) throw new CacheError('INTERNAL', `${wanted} says that it is ${runs}, not ${version}`);
    await rename(dir, old);
    await rename(staged, dir).catch(async (error) => {
      await rename(old, dir);
      throw error;
    });
  } finally {
    await rm(stage, { recursive: true, force: true });
  }
  return {
    undo: async () => {
      await rename(dir, stage);
      await rename(old, dir);
      await rm(stage, { recursive: true, force: true });
    },
    keep: () => rm(old, { recursive: true, force: true }),
  };
}
