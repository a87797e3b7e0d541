import type { RemoteMonth, RemoteView } from '../api/remotes.ts';
import type { Price } from '../core/remote.ts';
import type { Services } from './services.ts';

export type RemoteServices = Pick<Services, 'roots' | 'catalog' | 'settings' | 'clock'>;

/** The remotes, their state, and the reads from them. */
export function remoteViews({ roots, catalog, settings, clock }: RemoteServices): RemoteView[] {
  return roots.remotes().map(({ remote, root }) => {
    const { name, driver, to, price } = remote;
    const present = catalog.remoteUse.month(name, clock.now());
    const former = catalog.remoteUse.months(name).filter(({ month }) => month !== present.month);
    const months = [present, ...former].map((month): RemoteMonth => ({ ...month, cost: costOf(month.bytes, price) }));
    const { path, health, why, files } = root;
    const url = remote.url.replace(/\?.*$/s, '');
    return { name, url, driver, path, category: to, health, why, files, months, monthlyLimit: settings.current.remoteMonthly };
  });
}

function costOf(bytes: number, price: Price | null): RemoteMonth['cost'] {
  return price && { amount: Math.round((bytes / 2 ** 30) * price.perGib * 1e6) / 1e6, currency: price.currency };
}
