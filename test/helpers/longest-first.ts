import { join, relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** What takes longest, most of it in other programs: begun last, it would run on when the processors have nothing else to do. */
const longest = [
  'http/reference/schemathesis',
  'farm/daemons',
  'outage/outage',
  'outage/cache-disk',
  'clients/python',
  'sources/remote/versitygw',
  'e2e/dashboard',
  'e2e/dashboard-reading',
  'comfyui/shim',
  'shared/write-behind',
  'placement/demoter',
  'farm/in-the-daemon',
  'redis/link',
  'compose/live',
  'e2e/upgrade',
  'shared/shared-tier',
  'farm/failures',
  'comfyui/around-copy',
  'e2e/package',
  'jobs/origin',
  'tiers/levels',
  'jobs/politeness',
  'codec/twins',
  'memo/statistics',
  'variants/crash',
  'placement/bases',
  'jobs/kill',
  'jobs/resume',
  'transfer/restore-parts',
  'compose/lowered-limit',
  'codec/bases',
  'lookup/random',
  'farm/redis-directory',
  'e2e/installed',
  'memo/exec',
  'sources/remote/faults',
  'e2e/take-over',
].map((name) => join('test', `${name}.test.ts`));

/** The longest files first, then Vitest's own order: by earlier runs, and by size where there was none. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const at = longest.indexOf(relative(this.ctx.config.root, moduleId));
      return at === -1 ? longest.length : at;
    };
    return (await super.sort(files)).sort((one, other) => rank(one) - rank(other));
  }
}
