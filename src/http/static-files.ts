import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { extname, join } from 'node:path';
import { packageDir } from '../runtime/package.ts';

export interface StaticFile {
  path: string;
  type: string;
}

const types: Partial<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
};

const dashboard = 'src/http/dashboard';
/** Files of the sidebar in ComfyUI, which the dashboard shares. Their address is the one by which the page's modules import them. */
const shared = 'comfyui/web';
const sharedFiles = ['elements.js', 'vocabulary.js', 'words.js', 'work.js'];
/** The folders of all files but the page itself. */
export const staticFolders = ['/dashboard', `/${shared}`];
const require = createRequire(import.meta.url);
const charts = require.resolve('uplot/package.json');

/** All files that a browser may load for the dashboard, by their path in an address. */
export function staticFiles(): Map<string, StaticFile> {
  const dir = join(packageDir, dashboard);
  const own = readdirSync(dir).map((name) => [name === 'index.html' ? '/' : `/dashboard/${name}`, join(dir, name)] as const);
  const files: (readonly [string, string])[] = [
    ...own,
    ...sharedFiles.map((name) => [`/${shared}/${name}`, join(packageDir, shared, name)] as const),
    ['/dashboard/uplot.js', join(charts, '../dist/uPlot.esm.js')],
    ['/dashboard/uplot.css', join(charts, '../dist/uPlot.min.css')],
  ];
  return new Map(files.map(([url, path]) => [url, { path, type: types[extname(path)] ?? 'application/octet-stream' }]));
}

/** Read at once: page and daemon stay of one version, even if the package is replaced while the daemon runs. */
export function readStaticFiles(): Map<string, { content: Buffer; type: string }> {
  return new Map([...staticFiles()].map(([url, { path, type }]) => [url, { content: readFileSync(path), type }]));
}
