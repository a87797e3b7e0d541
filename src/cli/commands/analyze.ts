import { resolve } from 'node:path';
import type { Command } from 'commander';
import { clientOf, type Run } from '../session.ts';
import { workflowPage } from '../text/workflow-page.ts';
import { readWorkflow } from '../workflow-file.ts';

export function addAnalyze(program: Command, run: Run): void {
  program
    .command('analyze')
    .description('list the models that a workflow loads, in load order, and where each is')
    .argument('<workflow>', 'workflow or API prompt as JSON, or a PNG or WebP image that ComfyUI has saved')
    .action(
      run(async (session, file: string) => {
        const document = await readWorkflow(resolve(session.cwd, file));
        const data = await (await clientOf(session)).analyze(document);
        return { data, page: (look) => workflowPage(data, look) };
      }),
    );
}
