/** A store for Keyv, and so for what builds on it: `new Keyv({ store: new KeyvAutocached() })`. */
export { KeyvAutocached, KeyvAutocached as default } from './client/keyv-store.ts';
