/**
 * `node:http`. An ES module's import reads all of its exports, and one of them loads a WebSocket client: 50 ms and 3 MiB that
 * every start of a daemon and every command would pay for.
 */
export const nodeHttp = process.getBuiltinModule('node:http');
