import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { PinAnswer, PinnedAnswer } from '../../api/pins.ts';
import { meaning } from '../../catalog/pin-rules.ts';
import { toCacheError } from '../../core/errors.ts';
import { withCompanions } from '../../placement/companions.ts';
import { name, parse } from '../parse.ts';
import { type SelectServices, select, selectBody } from '../select.ts';
import type { Services } from '../services.ts';
import { viewOf } from '../views.ts';

export const pinBody = selectBody.extend({ categories: z.array(name).max(1000).optional() });

type PinServices = SelectServices & Pick<Services, 'leases' | 'clock'>;

/** Pins: single files, and directories, globs and categories with all files that come later. */
export function pinRoutes(app: FastifyInstance, services: PinServices): void {
  const { catalog } = services;

  app.get(
    '/api/cache/pins',
    (): PinnedAnswer => ({ directories: catalog.entries.pinnedDirectories(), ...catalog.entries.pins.rules() }),
  );

  for (const pinned of [true, false]) {
    app.post(`/api/cache/${pinned ? 'pin' : 'unpin'}`, async (request): Promise<PinAnswer> => {
      const { globs = [], categories = [], ...named } = parse(pinBody, request.body);
      const rules = { globs, categories };
      const hasRules = globs.length + categories.length > 0;
      const isNamed = Object.values(named).some((list) => list !== undefined && list.length > 0);
      const chosen = isNamed || !hasRules ? await select(services, named) : { entries: [], directories: [] };
      const changed = hasRules && catalog.entries.pins.set(rules, pinned);
      const found = await foundBy(globs).catch((error) => {
        // A rule may come before its files, and outlive them.
        if (toCacheError(error).code !== 'NOT_FOUND' || !(pinned || changed)) throw error;
        return [];
      });
      const isMeant = meaning(rules);
      const known = hasRules ? catalog.entries.list({}).filter(isMeant) : [];
      const entries = [...new Map([...chosen.entries, ...found, ...known].map((entry) => [entry.id, entry])).values()];
      catalog.transaction(() => {
        for (const directory of chosen.directories) catalog.entries.setPinnedBelow(directory, pinned);
        for (const entry of withCompanions(entries, catalog)) catalog.entries.setPinned(entry.id, pinned);
      });
      return {
        entries: entries.map((entry) => viewOf({ ...entry, pinned }, services)),
        directories: chosen.directories,
        globs,
        categories,
      };
    });
  }

  async function foundBy(globs: string[]) {
    return globs.length === 0 ? [] : (await select(services, { globs })).entries;
  }
}
