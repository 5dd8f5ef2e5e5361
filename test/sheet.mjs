// Makes one picture, a sheet, of the page at all its sizes and in all its colours: the door, two, four and nine people, a shared
// screen, and the chat.
//
//   CHATTOK_BINARY=… node sheet.mjs FOLDER [WEB]
//
// FOLDER gets the screenshots and sheet.png. WEB is the folder web/ of another commit, whose page and SDK are shown then in place of
// the program's, for a comparison of before and after.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { entries, join as enter, openPage, say, startBrowser } from './app.mjs';
import { desktop, names, phone, publish, settle } from './crowd.mjs';
import { paintCamera } from './painted.mjs';
import { startServer } from './server.mjs';

const schemes = {
  light: { colorScheme: 'light', forcedColors: 'none' },
  dark: { colorScheme: 'dark', forcedColors: 'none' },
  forced: { colorScheme: 'light', forcedColors: 'active' },
};

/** The height of a screenshot in the sheet, in pixels. */
const height = 250;

const types = { html: 'text/html', js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml' };

const [folder, web] = process.argv.slice(2);
if (folder === undefined) throw new Error('say where to: node sheet.mjs FOLDER');
await mkdir(folder, { recursive: true });

const ends = [];
const run = { after: (end) => ends.unshift(end) };
const taken = {};
try {
  await takeAll();
  await writeSheet();
} finally {
  for (const end of ends) await end().catch((error) => console.warn(error.message.slice(0, 500)));
}

/** Takes a screenshot of a page at each size of window and in each scheme. */
async function take(scene, pages) {
  for (const [scheme, media] of Object.entries(schemes)) {
    const row = (taken[scheme] ??= {});
    for (const [page, sizes] of pages) {
      await page.emulateMedia(media);
      for (const [size, [width, height]] of Object.entries(sizes)) {
        await page.setViewportSize({ width, height });
        await page.evaluate(settle);
        const path = join(folder, `${scene}-${size}-${scheme}.png`);
        await page.screenshot({ path });
        (row[scene] ??= []).push(path);
      }
    }
  }
}

/** Answers a request for the page or the SDK with the file of the other commit. */
async function serveOther(route) {
  const { pathname } = new URL(route.request().url());
  const inApp = /assets\/.*|[^/]*\.svg$/.exec(pathname)?.[0] ?? 'index.html';
  const path = pathname.includes('/sdk/') ? join(web, 'sdk/dist', pathname.split('/').at(-1)) : join(web, 'app/dist', inApp);
  const body = await readFile(path).catch(async () => gunzipSync(await readFile(`${path}.gz`)));
  await route.fulfill({ body, contentType: types[path.split('.').at(-1)] ?? 'application/octet-stream' });
}

async function takeAll() {
  const server = await startServer(run);
  const browser = await startBrowser(run);
  const url = `${server.origin}/s/sheet`;
  const prepare = async (page, hue, shown) => {
    await page.addInitScript(paintCamera, { hue });
    if (!shown || web === undefined) return;
    await page.context().grantPermissions(['local-network-access']); // Chromium does not know where an answered page came from
    await page.route(/^http[^?]*\/(s\/[^/]+|assets\/.*|sdk\/.*|[^/]*\.svg|)$/, serveOther);
  };
  const open = (hue, options, shown = true) => ({ outage: true, prepare: (page) => prepare(page, hue, shown), ...options });
  const touch = { hasTouch: true, isMobile: true, deviceScaleFactor: 1 };
  const crowd = await openPage(run, browser, `${server.origin}/`, open(200, {}, false));
  const bring = (list, screen = false) => crowd.evaluate(publish, { session: 'sheet', names: list, screen });
  await bring(names.slice(0, 2));
  const desk = await openPage(run, browser, url, open(165));
  const hand = await openPage(run, browser, url, open(43, touch));
  const pages = [[hand, phone], [desk, desktop]];
  for (const [page] of pages) await page.getByRole('button', { name: 'Turn camera off' }).waitFor();
  await take('door', pages);
  await crowd.evaluate(async () => {
    for (const person of globalThis.people.values()) await person.disconnect();
    globalThis.people.clear();
  });
  await desk.setViewportSize({ width: 1280, height: 720 }); // the chat is open where there is room for it
  await enter(desk, 'Ann');
  await enter(hand, 'Zoë', { video: false });
  await say(desk, 'Good morning! The agenda: https://example.org/agenda');
  await say(desk, 'Run `npm test` first.');
  const scene = async (name) => {
    for (const [page] of pages) await page.getByText(' joined').first().waitFor({ state: 'detached', timeout: 30_000 }).catch(() => {});
    await take(name, pages);
  };
  await scene('two');
  await bring(names.slice(0, 2));
  await scene('four');
  await bring(names.slice(2, 7));
  await scene('nine');
  await bring(['Ben'], true);
  await scene('share');
  await hand.setViewportSize({ width: 390, height: 844 });
  await hand.getByRole('button', { name: /^Chat/ }).click();
  await hand.getByRole('textbox', { name: 'Message' }).fill('See you there.');
  await hand.getByRole('button', { name: 'Send' }).tap(); // on a touch screen Enter makes a line
  await entries(hand, 'See you there.').waitFor();
  await take('chat', [[hand, phone]]);
}

/** Puts all screenshots into one picture: a row for each scene and scheme. */
async function writeSheet() {
  const rows = [];
  for (const [scheme, scenes] of Object.entries(taken)) {
    for (const [scene, paths] of Object.entries(scenes)) {
      const images = await Promise.all(paths.map(async (path) => `<img src="data:image/png;base64,${(await readFile(path)).toString('base64')}">`));
      rows.push(`<h2>${scene}, ${scheme}</h2><div>${images.join('')}</div>`);
    }
  }
  const style = `body { background: #888; font: 14px sans-serif; margin: 12px } h2 { font-size: 14px; margin: 10px 0 4px } div { display: flex; gap: 8px } img { height: ${height}px }`;
  const html = `<!doctype html><meta charset="utf-8"><title>sheet</title><style>${style}</style>${rows.join('')}`;
  await writeFile(join(folder, 'index.html'), html);
  const browser = await startBrowser(run);
  const page = await browser.newPage({ viewport: { width: 2_080, height: 1_000 } });
  await page.setContent(html);
  await page.screenshot({ path: join(folder, 'sheet.png'), fullPage: true });
  console.log(join(folder, 'sheet.png'));
}
