import { EventEmitter } from 'node:events';
import type { EventMap } from '../api/event-map.ts';

/** The daemon's typed event bus: `http` and other rooms subscribe to it. */
export class Events {
  #emitter = new EventEmitter();

  constructor() {
    // One listener for each open event stream; Node's warning at eleven would be a false alarm.
    this.#emitter.setMaxListeners(0);
  }

  emit<K extends keyof EventMap>(name: K, event: EventMap[K]): void {
    this.#emitter.emit('any', name, event);
  }

  /** Calls `listener` for every event until the returned function is called. */
  subscribe(listener: <K extends keyof EventMap>(name: K, event: EventMap[K]) => void): () => void {
    this.#emitter.on('any', listener);
    return () => this.#emitter.off('any', listener);
  }
}
