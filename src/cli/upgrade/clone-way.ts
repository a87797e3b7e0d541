import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { CacheError } from '../../core/errors.ts';
import { counted } from '../../core/format.ts';
import { tool } from './tool.ts';
import type { Installed, Newest, Replaced, Way } from './way.ts';

/** A clone of the repository, also one that is a node pack of ComfyUI. */
export function cloneWay({ dir, version: own, archive }: Installed): Way {
  if (archive !== null) {
    throw new CacheError('BAD_REQUEST', `${dir} is a clone of the sources, which takes no archive`, {
      hint: 'without --from it is upgraded by git',
    });
  }
  const isPack = basename(dirname(dir)) === 'custom_nodes';
  return {
    says: isPack ? `a clone in custom_nodes, ${dir}` : `a clone of the sources, ${dir}`,
    newest: () => newestOf(dir, own),
    steps: () => [
      `git -C ${dir} merge --ff-only @{upstream}`,
      `npm --prefix ${dir} run setup`,
      ...(isPack ? ['restart ComfyUI'] : []),
    ],
    replace: () => replace(dir),
  };
}

async function newestOf(dir: string, own: string): Promise<Newest> {
  const git = (...words: string[]) => tool(['git', ...words], dir);
  const upstream = await git('rev-parse', '--abbrev-ref', '@{upstream}').catch((cause) => {
    throw new CacheError('NOT_FOUND', `the branch of ${dir} follows no other`, {
      hint: `git -C ${dir} branch --set-upstream-to=origin/main`,
      cause,
    });
  });
  await git('fetch', '--quiet');
  const commits = Number(await git('rev-list', '--count', 'HEAD..@{upstream}'));
  if (commits === 0) return { version: own, isNewer: false };
  const { version } = JSON.parse(await git('show', '@{upstream}:package.json'));
  return { version, isNewer: true, says: `${counted(commits, 'commit')} of ${upstream}` };
}

/** Only forwards, and never over a user's own changes. */
async function replace(dir: string): Promise<Replaced> {
  const git = (...words: string[]) => tool(['git', ...words], dir);
  if ((await git('status', '--porcelain', '--untracked-files=no')) !== '') {
    throw new CacheError('CONFLICT', `${dir} has changes of your own`, { hint: `git -C ${dir} stash, then again` });
  }
  const setup = () => tool(['npm', 'run', '--silent', 'setup'], dir);
  const [built, old] = [join(dir, 'dist'), join(dir, 'node_modules', '.autocached-old')];
  const before = await git('rev-parse', 'HEAD');
  await copyTree(built, old);
  const undo = async () => {
    const isInstalledAnew = (await git('diff', '--name-only', before, '--', 'package.json')) !== '';
    await git('reset', '--quiet', '--keep', before);
    await rm(built, { recursive: true, force: true });
    await rename(old, built);
    // Packages installed for the newer sources may not suit these.
    if (isInstalledAnew) await setup();
  };
  try {
    await git('merge', '--quiet', '--ff-only', '@{upstream}');
    await setup();
  } catch (error) {
    await undo();
    throw error;
  }
  return { undo, keep: () => rm(old, { recursive: true, force: true }) };
}

/** Copies the program, some files of a few hundred kilobytes; a running daemon still loads them from their place. */
async function copyTree(from: string, to: string): Promise<void> {
  await rm(to, { recursive: true, force: true });
  for (const item of await readdir(from, { recursive: true, withFileTypes: true })) {
    if (!item.isFile()) continue;
    const target = join(to, relative(from, join(item.parentPath, item.name)));
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, await readFile(join(item.parentPath, item.name)));
  }
}
