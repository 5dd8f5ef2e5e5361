// The page that `chattok export -html` writes, in a browser without a server and without scripts of anybody: what it shows, that nothing
// in it runs or is fetched, and that axe finds nothing, in light and dark.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import test from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { atEnd } from './at-end.mjs';
import { startBrowser } from './app.mjs';
import { startServer } from './server.mjs';

const secret = 'a secret of the tests, 32 bytes at least';
const binary = resolve(process.env.CHATTOK_BINARY ?? fileURLToPath(new URL('../chattok', import.meta.url)));

test('an exported page reads offline', async (t) => {
  const server = await startServer(t, { CHATTOK_API_SECRET: secret });
  const folder = await mkdtemp(join(tmpdir(), 'chattok-export-'));
  atEnd(t, () => rm(folder, { recursive: true, force: true }));
  const env = { PATH: process.env.PATH, CHATTOK_API_SECRET: secret, CHATTOK_URL: server.origin };
  const run = promisify(execFile);
  const chattok = async (...args) => (await run(binary, args, { env })).stdout.trim();
  const ask = async (query, variables) => {
    const response = await fetch(server.endpoint, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${secret}` },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = await response.json();
    assert.equal(errors, undefined);
    return data;
  };
  await ask('mutation { createSession(id: "room") { id } }');
  const attack = '<img src="https://evil.example/x.png" onerror="document.title=\'run\'"><script>document.title="run"</script>';
  const first = await chattok('post', '-session', 'room', '-as', attack, attack);
  await chattok('post', '-session', 'room', '-as', 'Ben', '-reply-to', first, 'two\nlines </p></main> שלום');
  const third = await chattok('post', '-session', 'room', '-as', 'Ben', 'never mind');
  await ask('mutation($id: ID!) { reactToChatEntry(id: $id, name: "👍", sessionId: "room") { id } }', { id: first });
  await ask('mutation($id: ID!) { deleteChatEntry(id: $id, sessionId: "room") { id } }', { id: third });
  const file = join(folder, 'room.html');
  await chattok('export', '-session', 'room', '-html', '-out', file);
  await server.kill();

  const browser = await startBrowser(t);
  const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  for (const colorScheme of ['light', 'dark']) {
    for (const width of [390, 1280]) {
      const context = await browser.newContext({ colorScheme, viewport: { width, height: 800 }, offline: true });
      const page = await context.newPage();
      const asked = [];
      page.on('request', (request) => asked.push(request.url()));
      const complaints = [];
      page.on('console', (message) => complaints.push(message.text()));
      page.on('pageerror', (error) => complaints.push(error.message));
      await page.goto(pathToFileURL(file).href);
      assert.equal(await page.title(), 'Session room');
      const items = page.getByRole('listitem');
      assert.equal(await items.count(), 3);
      assert.equal(await items.nth(0).locator('.text').textContent(), attack);
      assert.equal(await items.nth(0).locator('.by').textContent(), attack.slice(0, 80) + '…');
      assert.equal(await items.nth(0).locator('.reactions').textContent(), '👍 1');
      assert.equal(await items.nth(1).locator('.text').innerText(), 'two\nlines </p></main> שלום');
      assert.match(await items.nth(1).locator('.meta').nth(1).textContent(), /^answers #1 of <img/);
      assert.match(await items.nth(2).locator('.gone').textContent(), /^deleted .* by /);
      await items.nth(1).getByRole('link', { name: '#1', exact: true }).click();
      assert.ok(page.url().endsWith('#s1e1'));
      assert.equal(await page.locator('script, img, iframe, form').count(), 0);
      assert.deepEqual(asked, [pathToFileURL(file).href]);
      assert.deepEqual(complaints, [], 'its own style is what the policy allows');
      const [text, back] = await page.evaluate(() => ['color', 'backgroundColor'].map((name) => getComputedStyle(document.body)[name]));
      assert.deepEqual([text, back], colorScheme === 'dark' ? ['rgb(231, 233, 236)', 'rgb(22, 24, 28)'] : ['rgb(27, 29, 33)', 'rgb(255, 255, 255)']);
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), 0, 'nothing is wider than the window');
      await page.evaluate(axe);
      const { violations, passes } = await page.evaluate(() => globalThis.axe.run(document));
      assert.ok(passes.length > 10);
      assert.deepEqual(violations.map(({ id, nodes }) => `${id} ${nodes.map(({ html }) => html)}`), []);
      if (process.env.CHATTOK_SCREENSHOTS) {
        await page.screenshot({ path: join(process.env.CHATTOK_SCREENSHOTS, `export-${colorScheme}-${width}.png`) });
      }
      await context.close();
    }
  }
});
