import type {
  RemovedVariantAnswer,
  VariantReportAnswer,
  VariantRequest,
  VariantsAnswer,
  VariantView,
} from '../api/variants.ts';
import type { Client } from './client.ts';

/** The daemon's HTTP API of variants. Every method throws `CacheError`, as `Client` does. */
export class VariantClient {
  readonly #client: Pick<Client, 'ask'>;

  constructor(client: Pick<Client, 'ask'>) {
    this.#client = client;
  }

  list(): Promise<VariantsAnswer> {
    return this.#client.ask('GET', '/api/variants');
  }

  report(name: string): Promise<VariantReportAnswer> {
    return this.#client.ask('GET', `/api/variants/report?${new URLSearchParams({ name })}`);
  }

  make(body: VariantRequest): Promise<VariantView> {
    return this.#client.ask('POST', '/api/variants', { body });
  }

  remove(name: string): Promise<RemovedVariantAnswer> {
    return this.#client.ask('DELETE', '/api/variants', { body: { name } });
  }
}
