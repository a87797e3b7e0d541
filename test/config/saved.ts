import type { SavedSettings } from '../../src/config/live-settings.ts';

/** Changes made while running, kept as the catalog keeps them. */
export class Saved implements SavedSettings {
  readonly rows = new Map<string, { value: string; configured: string }>();

  get(key: string, configured: string): string | undefined {
    const row = this.rows.get(key);
    return row?.configured === configured ? row.value : undefined;
  }

  set(key: string, value: string, configured: string): void {
    this.rows.set(key, { value, configured });
  }

  forget(key: string): void {
    this.rows.delete(key);
  }
}
