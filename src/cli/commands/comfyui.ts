import { resolve } from 'node:path';
import type { Command } from 'commander';
import { counted } from '../../core/format.ts';
import { plain } from '../../core/printable.ts';
import type { ShimStatus, uninstallShim } from '../comfyui-link.ts';
import { type Run, stateDirOf } from '../session.ts';
import type { Look } from '../text/look.ts';

/** Loaded on demand, so that no other command waits for its imports. */
const shim = () => import('../comfyui-link.ts');

export function addComfyui(program: Command, run: Run): void {
  const comfyui = program.command('comfyui').description('install the resolver into a ComfyUI, or remove it');
  comfyui
    .command('install')
    .description('install the resolver; it works after ComfyUI restarts')
    .argument('<dir>', 'directory of ComfyUI')
    .option('--link', 'link to the files of this autocached instead of copying them (for development)')
    .action(
      run(async (session, dir: string, { link }: { link?: true }) => {
        const options = { stateDir: stateDirOf(session), ...(link && { link }) };
        const data = await (await shim()).installShim(resolve(session.cwd, dir), options);
        return { data, page: (look) => `${statusPage(data, look)}\nStart ComfyUI again; from then on it asks autocached.` };
      }),
    );
  comfyui
    .command('uninstall')
    .description('remove the resolver; ComfyUI is unchanged after it restarts')
    .argument('<dir>', 'directory of ComfyUI')
    .action(
      run(async (session, dir: string) => {
        const data = await (await shim()).uninstallShim(resolve(session.cwd, dir));
        return { data, page: () => removedPage(data) };
      }),
    );
  comfyui
    .command('status')
    .description('show whether the resolver is installed and up to date')
    .argument('<dir>', 'directory of ComfyUI')
    .action(
      run(async (session, dir: string) => {
        const data = await (await shim()).shimStatus(resolve(session.cwd, dir));
        return { data, page: (look) => statusPage(data, look) };
      }),
    );
}

function statusPage(status: ShimStatus, { paint }: Look): string {
  const comfyui = `  ComfyUI   ${plain(status.comfyuiVersion ?? 'of a version that cannot be told')}`;
  const folder = plain(status.folder);
  if (!status.installed) return `not installed in ${folder}\n${comfyui}`;
  const state = status.upToDate
    ? 'up to date'
    : paint('yellow', 'not the files of this autocached; install again to renew them');
  return [
    `installed in ${folder}`,
    `  version   ${plain(status.version ?? '')}, ${state}${status.linked ? ', linked' : ''}`,
    comfyui,
    `  daemon    found by ${plain(status.stateDir ?? '')}`,
  ].join('\n');
}

function removedPage({ folder, removed, left }: Awaited<ReturnType<typeof uninstallShim>>): string {
  if (removed.length === 0) return plain(`not installed in ${folder}`);
  const rest = left.length > 0 ? `\nleft in place, not ours: ${plain(left.join(', '))}` : '';
  return `removed ${counted(removed.length, 'file')} from ${plain(folder)}${rest}`;
}
