// Makes docs/images/tour.gif out of pictures of a real dashboard with a sample library. Needs a build, Chromium and ffmpeg:
//   npm run build && node docs/animation.mjs
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { launchBrowser } from '../bench/browser.ts';
import { openSample, startSample } from '../bench/sample-daemon.ts';

const out = join(import.meta.dirname, 'images', 'tour.gif');
const view = { width: 960, height: 600 };
const mostBytes = 1.5e6;
const work = mkdtempSync(join(tmpdir(), 'autocached-tour-'));
/** Each picture with how long it is shown, s. */
const frames = [];

const browser = await launchBrowser();
const { installed, client } = await startSample();
try {
  await client.ask('POST', '/api/cache/config', { body: { rate: '60MiB' } });
  const page = await browser.newPage();
  await page.setViewport(view);
  await openSample(page, installed);
  await play(page);
} finally {
  await browser.close();
  await installed[Symbol.asyncDispose]();
}
encode();
rmSync(work, { recursive: true, force: true });

/** What it has saved; a few models are found and copied; they are ready. */
async function play(page) {
  const shoot = async (seconds) => {
    const file = join(work, `${String(frames.length).padStart(3, '0')}.png`);
    await page.screenshot({ path: file });
    frames.push({ file, seconds });
  };
  const open = async (name) => {
    await page.click(`#nav a[data-page="${name}"]`);
    await page.waitForSelector(`#nav a[data-page="${name}"][aria-current]`);
    await page.waitForNetworkIdle({ idleTime: 300, concurrency: 1 });
  };
  await page.waitForNetworkIdle({ idleTime: 300, concurrency: 1 });
  await shoot(2.5);
  await open('library');
  await shoot(1.5);
  for (const part of ['arch', 'ive style', '-01']) {
    await page.type('#search', part);
    await shoot(0.3);
  }
  await page.waitForNetworkIdle({ idleTime: 400, concurrency: 1 });
  await shoot(0.8);
  await page.click('thead input');
  await page.waitForNetworkIdle({ idleTime: 300, concurrency: 1 });
  await shoot(1);
  await page.locator('::-p-aria(Selected files) ::-p-text(Copy)').click();
  await page.waitForSelector('.toast');
  await shoot(1.2);
  await open('copies');
  // The title says how far all copies are.
  for (let percent = 4; percent <= 60; percent += 7) {
    while (Number.parseInt(await page.title(), 10) < percent) await sleep(200);
    await shoot(0.5);
  }
  await client.ask('POST', '/api/cache/config', { body: { rate: 'none' } });
  while (/%/.test(await page.title())) await sleep(200);
  await open('overview');
  await shoot(3);
}

function encode() {
  const list = join(work, 'list.txt');
  const lines = frames.map(({ file, seconds }) => `file '${file}'\nduration ${seconds}`);
  // ffmpeg wants the last picture once more.
  writeFileSync(list, `${lines.join('\n')}\nfile '${frames.at(-1).file}'\n`);
  const filter = 'fps=10,split[a][b];[a]palettegen=max_colors=96[p];[b][p]paletteuse=dither=none:diff_mode=rectangle';
  const { status } = spawnSync(
    'ffmpeg',
    ['-y', '-loglevel', 'error', '-f', 'concat', '-safe', '0', '-i', list, '-vf', filter, out],
    {
      stdio: 'inherit',
    },
  );
  if (status !== 0) throw new Error('ffmpeg failed; its own message is above');
  const { size } = statSync(out);
  if (size > mostBytes) throw new Error(`${out} has ${size} bytes, more than ${mostBytes}`);
  console.log(`${out}: ${frames.length} pictures, ${Math.round(size / 1000)} kB`);
}
