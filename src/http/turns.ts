import type { FastifyInstance } from 'fastify';

/** Maximum requests that begin in one turn of the event loop; a lookup takes a good part of a millisecond. */
const perTurn = 4;

/**
 * Spreads requests over the turns of the event loop, in their order. A turn accepts a single new connection; a turn that answered all
 * waiting requests would keep new programs waiting for seconds.
 */
export function spreadOverTurns(app: FastifyInstance): void {
  const waiting: (() => void)[] = [];
  let begun = 0;
  const nextTurn = () => {
    const due = waiting.splice(0, perTurn);
    begun = due.length;
    if (begun === perTurn) setImmediate(nextTurn);
    for (const begin of due) begin();
  };
  app.addHook('onRequest', (_request, _reply, done) => {
    if (begun === perTurn) return void waiting.push(done);
    begun += 1;
    // Only a full turn is ended: one turn for each request would cost a lone client a tenth of the processor time.
    if (begun === perTurn) setImmediate(nextTurn);
    done();
  });
}
