import { resolve } from 'node:path';
import type { Command } from 'commander';
import { clientOf, type Run } from '../session.ts';
import { explainPage } from '../text/explain-page.ts';

export function addExplain(program: Command, run: Run): void {
  program
    .command('explain')
    .description('explain one file: copies, last answers with reasons, the next answer')
    .argument('<file>', 'path')
    .action(
      run(async (session, file: string) => {
        const client = await clientOf(session);
        const data = await client.explain(resolve(session.cwd, file));
        return { data, page: (look) => explainPage(data, look) };
      }),
    );
}
