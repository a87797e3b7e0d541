import { resolve } from 'node:path';
import type { Command } from 'commander';
import { Client } from '../client.ts';
import { type Answer, exitCodes } from '../print.ts';
import { type Run, type Session, stateDirOf } from '../session.ts';
import { doctorPage } from '../text/doctor-page.ts';

const notes = `
Writes 32 MiB to the cache directory, reads at most 100 MiB of one file on each
disk with models, and removes what it wrote.

With --duplicates it reads the cached safetensors files on the SSD in a thread
of low priority: at most 64 GiB, at most 400 MB a second.

Exit codes: 0 nothing has failed (there may be warnings), 4 a check has failed.`;

export function addDoctor(program: Command, run: Run): void {
  program
    .command('doctor')
    .description('check daemon, cache, model disks, ComfyUI and the server of AUTOCACHE_LLM_URL, and say what to do')
    .argument('[dir...]', 'directories of ComfyUI, besides those that are found')
    .option('--url <url>', 'where ComfyUI listens (default: AUTOCACHE_COMFYUI_URL, else http://127.0.0.1:8188)')
    .option('--duplicates', 'only tell what sharing equal tensors would save')
    .addHelpText('after', notes)
    .action(
      run(async (session, dirs: string[], { url, duplicates }: { url?: string; duplicates?: true }) => {
        const { cwd, stateFlag } = session;
        if (duplicates) return tellDuplicates(session);
        // Loaded on demand, so that no other command waits for its imports.
        const { examine, parseAddress } = await import('../doctor/examine.ts');
        const findings = await examine({
          cwd,
          stateDir: stateDirOf(session),
          flags: stateFlag === undefined ? {} : { AUTOCACHE_STATE: stateFlag },
          dirs: dirs.map((dir) => resolve(cwd, dir)),
          url: url === undefined ? null : parseAddress(url),
        });
        const count = (verdict: string) => findings.filter((finding) => finding.verdict === verdict).length;
        const data = { ok: count('ok'), warn: count('warn'), fail: count('fail'), findings };
        return {
          data,
          page: (look) => doctorPage(data, look),
          exitCode: data.fail > 0 ? exitCodes.difference : exitCodes.done,
        };
      }),
    );
}

/** @throws CacheError NOT_RUNNING */
async function tellDuplicates(session: Session): Promise<Answer> {
  const [{ surveyDuplicates }, { duplicatesPage }] = await Promise.all([
    import('../doctor/duplicates.ts'),
    import('../text/duplicates-page.ts'),
  ]);
  const survey = await surveyDuplicates(await Client.find(stateDirOf(session)), () => {});
  return { data: survey, page: (look) => duplicatesPage(survey, look) };
}
