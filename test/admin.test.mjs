// The admin page in a browser, under load: 100 sessions, a few hundred entries a second.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile } from 'node:fs/promises';
import http from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { atEnd } from './at-end.mjs';
import { openPage, patience, startBrowser } from './app.mjs';
import { startProxy } from './proxy.mjs';
import { servePages } from './sdk.mjs';
import { startServer, withResolvers } from './server.mjs';

const secret = 'a-secret-of-the-admin-page-test-0123456789';
const operator = { authorization: `Bearer ${secret}` };
const rooms = Array.from({ length: 100 }, (_, i) => `room-${String(i).padStart(3, '0')}`);
const hot = 'room-042'; // gets half of all entries

const wide = { viewport: { width: 1440, height: 900 } };
const phone = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true };

test('the admin page', async (t) => {
  const server = await startServer(t, {
    CHATTOK_ADMIN: 'true',
    CHATTOK_API_SECRET: secret,
    CHATTOK_FRAME_ANCESTORS: 'self', // of the chat page, and not of this one
    CHATTOK_WEBHOOK_PRIVATE: 'true',
    CHATTOK_LOG_LEVEL: 'debug',
    CHATTOK_IDLE: '1h', // nobody has a socket
  });
  const run = (query, variables) => server.run(query, variables, operator);
  const browser = await startBrowser(t);
  const open = (t, options) => openPage(t, browser, `${server.origin}/admin`, { ...wide, ...options });

  const people = await populate(server);
  const load = startLoad(t, server);

  await t.test('its headers', async () => {
    const response = await fetch(`${server.origin}/admin`);
    assert.equal(response.status, 200);
    const policy = response.headers.get('content-security-policy');
    for (const directive of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "frame-ancestors 'none'", "form-action 'none'", "require-trusted-types-for 'script'"]) {
      assert.ok(policy.split('; ').includes(directive), `${policy} lacks ${directive}`);
    }
    assert.doesNotMatch(policy, /unsafe|\*|http/);
    for (const [name, value] of Object.entries({
      'cache-control': 'no-store',
      'x-frame-options': 'DENY',
      'cross-origin-resource-policy': 'same-origin',
      'cross-origin-opener-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
    })) {
      assert.equal(response.headers.get(name), value, name);
    }
    assert.equal(response.headers.get('access-control-allow-origin'), null);
  });

  await t.test('no page has it in a frame', async (t) => {
    const site = await servePages(t, { '/': `<!doctype html><title>x</title><link rel="icon" href="data:,"><iframe src="${server.origin}/admin"></iframe>` });
    const context = await browser.newContext();
    atEnd(t, () => context.close());
    const page = await context.newPage();
    await page.goto(site);
    await page.waitForFunction(() => document.readyState === 'complete');
    assert.equal(await page.frames().at(-1).locator('input').count(), 0);
    assert.match(page.frames().at(-1).url(), /^chrome-error:/);
  });

  await t.test('it is not there by default', async (t) => {
    const other = await startServer(t);
    for (const path of ['/admin', '/admin/', ...(await assets(server))]) {
      assert.equal((await fetch(`${other.origin}${path}`, { redirect: 'manual' })).status, 404, path);
      assert.ok((await fetch(`${server.origin}${path}`, { redirect: 'manual' })).status < 400, path);
    }
  });

  await t.test('a wrong secret, and a token that is not the secret', async (t) => {
    const { connect: dana } = await server.run('mutation { connect(sessionId: "room-099", data: "Dana") { accessToken } }');
    const page = await open(t);
    await signIn(page, 'not-the-secret-0123456789-0123456789');
    await page.getByRole('alert').filter({ hasText: 'The server does not accept this secret.' }).waitFor();
    assert.equal(await page.getByLabel('API secret').inputValue(), '');
    await signIn(page, dana.accessToken);
    await page.getByRole('alert').filter({ hasText: 'not the API secret' }).waitFor();
    await signIn(page, secret);
    await page.getByRole('heading', { name: 'Server', level: 1 }).waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('API secret').waitFor();
    assert.equal(await page.getByLabel('API secret').inputValue(), '');
  });

  const page = await open(t, { outage: true });
  const requests = [];
  const logs = []; // of the server before it was started again
  page.context().on('request', (request) => requests.push(request.url()));
  page.on('websocket', (socket) => requests.push(socket.url()));
  const view = async (name) => {
    await page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name }).click();
    await page.getByRole('heading', { name, level: 1 }).waitFor();
  };
  const visit = async (id) => {
    await page.evaluate((hash) => (location.hash = hash), `session/${id}`);
    await page.getByRole('heading', { name: id, level: 1 }).waitFor();
    await page.getByRole('region', { name: 'The session' }).waitFor();
  };
  const confirm = async (name, before) => {
    const dialog = page.getByRole('dialog');
    await dialog.waitFor();
    await before?.(dialog);
    await dialog.getByRole('button', { name, exact: true }).click();
    await dialog.waitFor({ state: 'hidden' });
  };
  await signIn(page, secret);

  await t.test('the server: its nodes and graphs', async () => {
    await page.getByRole('heading', { name: 'Server', level: 1 }).waitFor();
    await page.getByText('One node serves the database.').waitFor();
    assert.equal(await page.getByRole('region', { name: 'Nodes' }).getByRole('row').count(), 2);
    const { server: told } = await run('{ server { nodes { id } version } }');
    await page.getByRole('region', { name: 'Nodes' }).getByText(told.nodes[0].id).waitFor();
    const graph = page.getByRole('slider', { name: 'New entries, last hour' });
    // Two samples of ten seconds each, of which the second is wholly under load.
    await page.waitForFunction((element) => Number(element.getAttribute('aria-valuemax')) >= 1 && parseFloat(element.getAttribute('aria-valuetext').replace(',', '')) >= 20, await graph.elementHandle());
    assert.equal(await page.getByRole('slider').count(), 10);
    const newest = await graph.getAttribute('aria-valuetext');
    await graph.focus();
    await graph.press('Home');
    const oldest = await graph.getAttribute('aria-valuetext');
    assert.notEqual(newest, oldest);
    assert.equal(await graph.getAttribute('aria-valuenow'), '0');
    const { server: { metrics } } = await run('{ server { metrics { samples { at entriesPerSecond } } } }');
    const first = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' }).format(new Date(metrics.samples[0].at));
    assert.ok(oldest.endsWith(`at ${first}`), `${oldest}, and the first sample is of ${first}`);
  });

  await t.test('sessions: the busiest first, by page, and by prefix', async () => {
    await view('Sessions');
    const row = page.locator('tbody tr');
    await page.waitForFunction((id) => document.querySelector('tbody tr a')?.textContent === id, hot);
    assert.equal(await row.count(), 50);
    await page.getByRole('button', { name: 'Next' }).click();
    await page.getByText('Page 2').waitFor();
    await page.waitForFunction(() => document.querySelectorAll('tbody tr').length >= 50 && !document.body.innerText.includes('Page 1'));
    assert.ok(!(await row.locator('a').allTextContents()).includes(hot));

    await page.getByLabel('Order').selectOption('CREATED');
    await page.getByText('Page 1').waitFor();
    await page.waitForFunction(() => document.querySelectorAll('tbody tr').length === 50);
    const names = await row.locator('a').allTextContents();
    await page.getByRole('button', { name: 'Next' }).click();
    await page.waitForFunction((first) => document.querySelector('tbody tr a')?.textContent !== first && document.querySelectorAll('tbody tr').length === 50, names[0]);
    names.push(...(await row.locator('a').allTextContents()));
    assert.deepEqual(names.toSorted(), rooms);
    await page.getByRole('button', { name: 'Previous' }).click();
    await page.waitForFunction((first) => document.querySelector('tbody tr a')?.textContent === first, names[0]);

    await page.getByLabel('Id begins with').fill('room-07');
    await page.waitForFunction(() => document.querySelectorAll('tbody tr').length === 10);
    assert.deepEqual((await row.locator('a').allTextContents()).toSorted(), rooms.filter((id) => id.startsWith('room-07')));
    await page.getByRole('link', { name: 'room-070' }).click();
    await page.getByRole('heading', { name: 'room-070', level: 1 }).waitFor();
  });

  await t.test('the tail moves, and stands still under the pointer; an entry is deleted', async () => {
    await visit(hot);
    const rows = page.locator('.row');
    const last = () => rows.last().innerText();
    const other = (text) => page.waitForFunction((before) => [...document.querySelectorAll('.row')].at(-1).innerText !== before, text);
    await page.waitForFunction(() => document.querySelectorAll('.row').length >= 100);
    await other(await last());
    await page.locator('.rows').hover();
    await page.getByText(/held: [\d,]+ new/).waitFor();
    const under = await last();
    const waiting = await page.locator('.tail-state').innerText();
    await page.waitForFunction((text) => document.querySelector('.tail-state').innerText !== text, waiting); // more has come
    assert.equal(await last(), under);

    const hold = page.getByRole('button', { name: 'Hold' });
    await hold.click();
    await page.getByText(/held: [\d,]+ new/).waitFor();
    const seq = Number(/#(\d+)/.exec(await last())[1]);
    await page.getByRole('button', { name: `Delete entry ${seq}`, exact: true }).click();
    await confirm('Delete', (dialog) => dialog.getByRole('heading', { name: `Delete entry ${seq} of` }).waitFor());
    await rows.filter({ hasText: `#${seq}` }).filter({ hasText: 'Deleted' }).waitFor();
    assert.notEqual((await entryOf(run, hot, seq)).deletedAt, null);
    const held = await last();
    await hold.click();
    await other(held); // it goes on
  });

  await t.test('kick, ban, the end of a ban, mute', async () => {
    const [ann, ben, cleo] = people[hot];
    await visit(hot);
    const there = async () => (await run('query ($id: ID!) { session(sessionId: $id) { connections { id } } }', { id: hot })).session.connections.map(({ id }) => id);
    assert.ok((await there()).includes(ann.connection.id));
    await page.getByRole('button', { name: 'Kick Ann' }).click();
    await confirm('Disconnect');
    await page.getByRole('status').filter({ hasText: 'Ann is disconnected.' }).waitFor();
    assert.ok(!(await there()).includes(ann.connection.id));
    await page.getByRole('button', { name: 'Kick Ann' }).waitFor({ state: 'detached' });

    await page.getByLabel('Name or id has').fill('ben');
    await page.getByRole('button', { name: 'Kick Cleo' }).waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Ban Ben', exact: true }).click();
    await confirm('Ban', async (dialog) => {
      await dialog.getByLabel('For').selectOption('86400');
      await dialog.getByLabel('Delete everything').check();
    });
    await page.getByRole('status').filter({ hasText: 'Ben is banned until' }).waitFor();
    const { bans } = await run('query ($id: ID!) { bans(sessionId: $id) { connection { id } createdAt until } }', { id: hot });
    assert.equal(bans.length, 1);
    assert.equal(bans[0].connection.id, ben.connection.id);
    assert.equal(Date.parse(bans[0].until) - Date.parse(bans[0].createdAt), 86_400_000);
    const { chatEntry } = await run('query ($id: ID!, $e: ID!) { chatEntry(sessionId: $id, id: $e) { deletedAt } }', { id: hot, e: ben.entry });
    assert.notEqual(chatEntry.deletedAt, null);
    await page.getByRole('button', { name: 'End the ban of Ben' }).click();
    await confirm('End the ban');
    await page.getByText('Nobody is banned.').waitFor();
    assert.deepEqual((await run('query ($id: ID!) { bans(sessionId: $id) { id } }', { id: hot })).bans, []);

    await page.getByLabel('Name or id has').fill('');
    await page.getByRole('button', { name: 'Mute Cleo' }).click();
    await confirm('Mute');
    const audio = async () => (await run('query ($id: ID!) { session(sessionId: $id) { streams { id hasAudio } } }', { id: hot })).session.streams;
    assert.deepEqual(await audio(), [{ id: cleo.stream, hasAudio: false }]);
    await page.getByRole('button', { name: 'Mute Cleo' }).waitFor({ state: 'detached' });
    await server.run('mutation ($id: ID!) { updateStream(streamId: $id, hasAudio: true) { id } }', { id: cleo.stream }, { authorization: `Bearer ${cleo.accessToken}` });
    await page.getByRole('button', { name: 'Mute all' }).click();
    await confirm('Mute');
    assert.deepEqual(await audio(), [{ id: cleo.stream, hasAudio: false }]);
  });

  await t.test('read-only', async () => {
    await visit('room-001');
    const toggle = page.getByRole('switch', { name: 'Read-only' });
    for (const readOnly of [true, false]) {
      await toggle.click();
      await page.waitForFunction((on) => document.querySelector('[role=switch]').getAttribute('aria-checked') === String(on), readOnly);
      assert.equal((await run('{ session(sessionId: "room-001") { readOnly } }')).session.readOnly, readOnly);
    }
  });

  await t.test('a notice to one session, and to all in which somebody is', async () => {
    const notices = async (id) => {
      const { chatEntries } = await run('query ($id: ID!) { chatEntries(sessionId: $id, last: 200) { nodes { body connection { data } } } }', { id });
      return chatEntries.nodes.filter(({ body }) => body.startsWith('Maintenance')).map(({ body, connection }) => `${connection.data}: ${body}`);
    };
    await visit('room-002');
    await page.getByRole('link', { name: 'Notice' }).last().click();
    await page.getByRole('heading', { name: 'Notice', level: 1 }).waitFor();
    assert.equal(await page.getByLabel('Session', { exact: true }).inputValue(), 'room-002');
    await page.getByLabel('Text').fill('Maintenance of one');
    await page.getByRole('button', { name: 'Post …' }).click();
    await confirm('Post');
    await page.getByText('Posted in 1 of 1.').waitFor();
    assert.deepEqual(await notices('room-002'), ['Notice: Maintenance of one']);

    await load.pause(); // so that the notices are among the newest 200 of each log
    await run('mutation { createSession(id: "empty") { id } }');
    await page.getByLabel('Text').fill('Maintenance at noon');
    await page.getByLabel('Name of the bot').fill('Operator');
    await page.getByLabel('All sessions').check();
    await page.getByRole('button', { name: 'Post …' }).click();
    await confirm('Post', (dialog) => dialog.getByRole('heading', { name: 'Post in 100 sessions?' }).waitFor());
    await page.getByText('Posted in 100 of 100.').waitFor();
    for (const id of rooms) assert.deepEqual((await notices(id)).at(-1), 'Operator: Maintenance at noon', id);
    assert.deepEqual(await notices('empty'), []);
    await run('mutation { deleteSession(id: "empty") }');
    load.resume();
  });

  await t.test('webhooks: made, their lag, replayed, deleted', async (t) => {
    const receiver = await startReceiver(t);
    await load.pause(); // a lag counts the events of all sessions
    await view('Webhooks');
    await page.getByText('There is no webhook.').waitFor();
    await page.getByLabel('Receiver').fill('ftp://example.com/');
    await page.getByRole('button', { name: 'Make it' }).click();
    await page.getByRole('alert').waitFor(); // in the API's words
    await page.getByLabel('Receiver').fill(receiver.url);
    await page.getByLabel('Only sessions whose id begins with').fill('hooked');
    await page.getByText('Only some kinds of events').click();
    await page.getByLabel('ENTRY_ADDED').check();
    await page.getByRole('button', { name: 'Make it' }).click();
    assert.match(await page.getByLabel('Its secret').inputValue(), /^whsec_/);
    const { webhooks } = await run('{ webhooks { id url events sessionPrefix } }');
    assert.deepEqual(webhooks.map(({ id, ...rest }) => rest), [{ url: receiver.url, events: ['ENTRY_ADDED'], sessionPrefix: 'hooked' }]);

    receiver.refuses = true;
    await run('mutation { createSession(id: "hooked-1") { id } addChatEntry(sessionId: "hooked-1", body: "for the hook") { id } }');
    await page.getByText(/^[\d,]+ events?$/).waitFor();
    await page.locator('.hook .notice').waitFor(); // why its last request failed
    receiver.refuses = false;
    await page.getByText('I have it').click();
    await page.getByRole('button', { name: `Replay to ${receiver.url}` }).click();
    await confirm('Send again');
    await receiver.gets('for the hook', 1);
    await page.getByText('has everything').waitFor();
    const before = receiver.count('for the hook');
    await page.getByRole('button', { name: `Replay to ${receiver.url}` }).click();
    await confirm('Send again', (dialog) => dialog.getByLabel('After the cursor').fill('0'));
    await receiver.gets('for the hook', before + 1);
    await page.getByRole('button', { name: `Replay to ${receiver.url}` }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('After the cursor').fill('nonsense');
    await dialog.getByRole('button', { name: 'Send again' }).click();
    await dialog.getByRole('alert').waitFor();
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'hidden' });

    await page.getByRole('button', { name: `Delete the webhook to ${receiver.url}` }).click();
    await confirm('Delete');
    await page.getByText('There is no webhook.').waitFor();
    assert.deepEqual((await run('{ webhooks { id } }')).webhooks, []);
    await run('mutation { deleteSession(id: "hooked-1") }');
    load.resume();
  });

  await t.test('the server goes away: the page says so, comes back by itself, and its tails have no gap', async () => {
    await load.pause();
    const post = (body) => run('mutation ($b: String!) { addChatEntry(sessionId: "outage-1", body: $b) { id } }', { b: body });
    await run('mutation { createSession(id: "outage-1") { id } }');
    const texts = () => page.locator('.row-text').allTextContents();
    const expected = [];
    for (const where of ['all', 'one']) {
      if (where === 'all') {
        await view('Live');
        await page.getByLabel('Only sessions whose id begins with').fill('outage');
        await page.getByRole('button', { name: 'Follow' }).click();
        await page.getByRole('region', { name: 'Tail of outage…' }).locator('.tail-state', { hasText: 'Live' }).waitFor();
        await post('first of all'); // until something came there is no place to go on from
        await page.getByText('first of all').waitFor();
      } else {
        await visit('outage-1');
        await page.getByText('all after').waitFor();
      }
      const before = await texts();
      const added = [`${where} before`, `${where} while the page is away`, `${where} after`];
      await post(added[0]);
      await page.getByText(added[0]).waitFor();
      logs.push(server.output);
      await server.kill();
      await page.getByText('The server is away.').waitFor();
      await server.start();
      await post(added[1]);
      await page.getByText('The server is away.').waitFor({ state: 'hidden' });
      await post(added[2]);
      await page.getByText(added[2]).waitFor();
      assert.deepEqual(await texts(), [...before, ...added]);
      expected.push(...added);
    }
    const { chatEntries } = await run('{ chatEntries(sessionId: "outage-1") { nodes { body } } }');
    assert.deepEqual(chatEntries.nodes.map(({ body }) => body), ['first of all', ...expected]);
    load.resume();
  });

  await t.test('a session is deleted by typing its id', async () => {
    await visit('outage-1');
    await page.getByRole('button', { name: 'Delete session' }).click();
    const dialog = page.getByRole('dialog');
    const act = dialog.getByRole('button', { name: 'Delete for good' });
    const field = dialog.getByLabel('Type outage-1 to confirm');
    for (const typed of ['', 'outage', 'outage-11', 'OUTAGE-1']) {
      await field.fill(typed);
      assert.ok(await act.isDisabled(), typed);
      await field.press('Enter');
    }
    assert.equal((await run('{ session(sessionId: "outage-1") { id } }')).session.id, 'outage-1');
    await field.fill('outage-1');
    await field.press('Enter');
    await dialog.waitFor({ state: 'hidden' });
    await page.getByRole('heading', { name: 'Sessions', level: 1 }).waitFor();
    await assert.rejects(run('{ session(sessionId: "outage-1") { id } }'), /SESSION_DELETED/);
    await page.evaluate(() => (location.hash = 'session/outage-1'));
    await page.getByText('This session is deleted.').waitFor();
  });

  await t.test('the secret is in no storage, address, document or log', async () => {
    await visit(hot);
    const kept = await page.evaluate(async () => ({
      local: JSON.stringify({ ...localStorage }),
      tab: JSON.stringify({ ...sessionStorage }),
      cookies: document.cookie,
      databases: (await indexedDB.databases()).length,
      caches: 'caches' in globalThis ? (await caches.keys()).length : 0,
      history: JSON.stringify(history.state),
      address: location.href,
      document: document.documentElement.outerHTML + [...document.querySelectorAll('input')].map(({ value }) => value),
      name: globalThis.name,
    }));
    assert.equal(kept.local, '{}');
    assert.equal(kept.tab, '{}');
    assert.equal(kept.databases + kept.caches, 0);
    assert.ok(!JSON.stringify(kept).includes(secret));
    assert.deepEqual(await page.context().cookies(), []);
    assert.ok(requests.length > 2);
    assert.ok(!requests.some((url) => url.includes(secret)));
    logs.push(server.output);
    assert.ok(logs[0].includes('path=/admin'), 'the log has no requests');
    for (const log of logs) assert.ok(!log.includes(secret));
    await page.reload();
    await page.getByLabel('API secret').waitFor();
    assert.equal(await page.getByLabel('API secret').inputValue(), '');
  });

  await t.test('behind a path prefix', async (t) => {
    const proxy = await startProxy(t, server.origin, '/some/prefix');
    const page = await openPage(t, browser, `${proxy.origin}/some/prefix/admin`, wide);
    await signIn(page, secret);
    await page.getByText('One node serves the database.').waitFor();
  });

  await t.test('a server without commits says so; the marks of the forms stand in line', async (t) => {
    const idle = await startServer(t, { CHATTOK_ADMIN: 'true', CHATTOK_API_SECRET: secret });
    const page = await openPage(t, browser, `${idle.origin}/admin`, wide);
    await signIn(page, secret);
    const graph = page.getByRole('figure').filter({ hasText: 'A commit takes' });
    await graph.getByText('Nothing was committed in this time.').waitFor();
    await idle.run('mutation { createSession(id: "idle") { id } }', {}, operator);
    await page.evaluate(() => (location.hash = 'session/idle'));
    const toggle = page.getByRole('switch', { name: 'Read-only' });
    const mark = () => toggle.evaluate((button) => getComputedStyle(button, '::before').backgroundColor);
    await toggle.waitFor();
    assert.equal(await mark(), 'rgba(0, 0, 0, 0)');
    await page.getByRole('link', { name: 'Notice' }).first().click();
    const lefts = await page.locator('.form .label').evaluateAll((labels) =>
      labels.map((label) => {
        const range = document.createRange();
        range.selectNodeContents(label);
        return range.getBoundingClientRect().left;
      }),
    );
    assert.ok(lefts.length >= 3 && lefts.every((left) => Math.abs(left - lefts[0]) < 0.1), `the labels are at ${lefts}`);
    const offsets = await page.locator('.check:has([type=radio])').evaluateAll((rows) =>
      rows.map((row) => {
        const [a, b] = [row, row.querySelector('input')].map((element) => element.getBoundingClientRect());
        return a.top + a.bottom - b.top - b.bottom;
      }),
    );
    assert.ok(offsets.length === 2 && offsets.every((offset) => Math.abs(offset) < 1), `the circles are off by ${offsets}`);
  });

  await t.test('by the keyboard alone', async (t) => {
    const page = await open(t);
    await page.locator('input:focus').waitFor();
    await page.keyboard.type(secret);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Server', level: 1 }).waitFor();
    await tabTo(page, 'Sessions', 'Shift+Tab');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Sessions', level: 1 }).waitFor();
    await tabTo(page, 'Id begins with');
    await page.keyboard.type('room-003');
    await page.waitForFunction(() => document.querySelectorAll('tbody tr').length === 1);
    await tabTo(page, 'room-003');
    await page.keyboard.press('Enter');
    await page.getByRole('region', { name: 'The session' }).waitFor();
    await tabTo(page, 'Kick Ann');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    await tabTo(page, 'Disconnect');
    await page.keyboard.press('Enter');
    await page.getByRole('status').filter({ hasText: 'Ann is disconnected.' }).waitFor();
    const { session } = await run('{ session(sessionId: "room-003") { connectionCount } }');
    assert.equal(session.connectionCount, 0);
  });

  await t.test('how it looks: axe is content in light and dark, on a phone and a desk', async (t) => {
    const folder = process.env.CHATTOK_SCREENSHOTS ?? (await mkdtemp(join(tmpdir(), 'chattok-screenshots-')));
    await mkdir(folder, { recursive: true });
    t.diagnostic(`screenshots in ${folder}`);
    const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
    const found = [];
    const receiver = await startReceiver(t);
    receiver.refuses = true;
    await run('mutation ($u: String!) { createWebhook(url: $u) { secret } }', { u: receiver.url });
    await run('mutation ($c: ID!) { banConnection(sessionId: "room-042", connectionId: $c, seconds: 3600) { id } }', { c: people[hot][1].connection.id });
    for (const [name, options] of Object.entries({
      light: {},
      dark: { colorScheme: 'dark' },
      phone,
      'phone-dark': { ...phone, colorScheme: 'dark' },
      forced: { forcedColors: 'active' },
    })) {
      const page = await open(t, options);
      const look = async (view) => {
        await page.screenshot({ path: join(folder, `admin-${view}-${name}.png`) });
        await page.evaluate(axe);
        const { violations, passes } = await page.evaluate(() => globalThis.axe.run(document));
        assert.ok(passes.length > 10, `axe looked at ${passes.length} rules`);
        found.push(...violations.map(({ impact, id, nodes }) => `${view} ${name}: ${impact} ${id} ${nodes.map(({ html }) => html)}`));
        const excess = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.equal(excess, 0, `${view} ${name} is wider than the window`);
      };
      await page.getByLabel('API secret').waitFor();
      await look('sign-in');
      await signIn(page, secret);
      await page.getByText('One node serves').waitFor();
      await look('server');
      for (const [view, ready] of [
        ['sessions', 'tbody tr'],
        [`session/${hot}`, '.row'],
        ['live', '.row'],
        ['notice', 'textarea'],
        ['webhooks', '.hook .notice'],
      ]) {
        await page.evaluate((hash) => (location.hash = hash), view);
        await page.locator(ready).first().waitFor();
        if (ready === '.row') {
          await page.getByRole('button', { name: 'Hold' }).click(); // axe needs a document that stands still
          await page.waitForFunction(() => document.querySelector('.tail-state').textContent.includes('held'));
        }
        await look(view.replace('/', '-'));
        if (!view.startsWith('session/')) continue;
        await page.getByRole('button', { name: 'Delete session' }).click();
        await look('dialog');
        await page.keyboard.press('Escape');
      }
    }
    assert.deepEqual(found, []);
  });

  const { posted, failed } = await load.end();
  t.diagnostic(`${posted} entries in all`);
  assert.deepEqual(failed, []);
});

async function signIn(page, text) {
  await page.getByLabel('API secret').fill(text);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

/** Presses Tab until the element with this accessible name or text has the focus. */
async function tabTo(page, name, key = 'Tab') {
  for (let i = 0; i < 400; i++) {
    const focused = await page.evaluate(() => {
      const { activeElement: e } = document;
      return [e?.getAttribute('aria-label'), e?.labels?.[0]?.innerText.trim(), e?.innerText?.trim()];
    });
    if (focused.includes(name)) return;
    await page.keyboard.press(key);
  }
  assert.fail(`${name} can't be reached by ${key}`);
}

/** Returns the paths of the page's script and style sheet. */
async function assets({ origin }) {
  const page = await (await fetch(`${origin}/admin`)).text();
  const paths = [...page.matchAll(/"\.\/(admin\/assets\/[^"]+)"/g)].map(([, path]) => `/${path}`);
  assert.equal(paths.length, 2, page);
  return paths;
}

/** Finds an entry of a long log by its number. */
async function entryOf(run, sessionId, seq) {
  for (let before = null; ; ) {
    const { chatEntries } = await run('query ($id: ID!, $b: String) { chatEntries(sessionId: $id, last: 200, before: $b) { nodes { seq deletedAt } pageInfo { startCursor } } }', { id: sessionId, b: before });
    const found = chatEntries.nodes.find((entry) => entry.seq === seq);
    if (found || chatEntries.nodes.length === 0) return found;
    before = chatEntries.pageInfo.startCursor;
  }
}

/** Has one person in each room, and three in the hot one, of whom Ben has written something and Cleo publishes a stream. */
async function populate(server) {
  const people = {};
  const connect = async (sessionId, data) => (await server.run('mutation ($s: ID!, $d: String) { connect(sessionId: $s, data: $d) { accessToken connection { id } } }', { s: sessionId, d: data })).connect;
  for (const id of rooms) people[id] = [await connect(id, 'Ann')];
  people[hot].push(await connect(hot, 'Ben'), await connect(hot, 'Cleo'));
  const [, ben, cleo] = people[hot];
  const as = ({ accessToken }) => ({ authorization: `Bearer ${accessToken}` });
  ben.entry = (await server.run('mutation { addChatEntry(body: "Something of mine") { id } }', {}, as(ben))).addChatEntry.id;
  cleo.stream = (await server.run('mutation { publishStream(name: "camera") { id } }', {}, as(cleo))).publishStream.id;
  return people;
}

/** Posts some hundred entries a second, half of them in the hot room, as bots of the API secret. */
function startLoad(t, server) {
  const perRequest = 10; // the most that an operation may have
  const texts = ['Good morning!', 'Who has the minutes?', 'I will be five minutes late.', 'The build is green again.', 'Thank you 👍', 'See you at noon.'];
  const names = ['Mira', 'Jonas', 'Aiko', 'Tomás', 'Leila'];
  const failed = [];
  let posted = 0;
  let over = false;
  let gate; // resolves when a pause ends
  let idle = Promise.resolve();
  const work = async (worker) => {
    for (let n = worker; !over; n++) {
      if (gate) await gate.promise;
      const began = Date.now();
      const fields = Array.from({ length: perRequest }, (_, i) => {
        const room = i % 2 ? hot : rooms[((n * perRequest + i) >> 1) % rooms.length];
        return `e${i}: addChatEntry(sessionId: "${room}", as: { name: "${names[(n + i) % names.length]}" }, body: "${texts[(n * 7 + i) % texts.length]}") { seq }`;
      });
      idle = Promise.all([idle, server.run(`mutation { ${fields.join(' ')} }`, {}, operator).then(() => (posted += perRequest), (error) => failed.push(String(error)))]);
      await idle;
      await delay(Math.max(0, 200 - (Date.now() - began))); // 8 workers, 5 requests a second each, 10 entries each: 400 entries a second at most
    }
  };
  const workers = Array.from({ length: 8 }, (_, i) => work(i));
  const end = async () => {
    over = true;
    gate?.resolve();
    await Promise.all(workers);
    return { posted, failed };
  };
  atEnd(t, end);
  return {
    end,
    async pause() {
      gate = withResolvers();
      await idle;
    },
    resume() {
      gate.resolve();
      gate = undefined;
    },
  };
}

/** Receives webhooks. While `refuses` is set it answers 500. */
async function startReceiver(t) {
  const bodies = [];
  let heard = withResolvers();
  const receiver = {
    refuses: false,
    count: (text) => bodies.filter((body) => body.includes(text)).length,
    async gets(text, times) {
      const enough = () => receiver.count(text) >= times;
      const late = AbortSignal.timeout(patience);
      while (!enough()) {
        late.throwIfAborted();
        await Promise.race([heard.promise, once(late, 'abort')]);
      }
    },
  };
  const server = http.createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    if (receiver.refuses) return response.writeHead(500).end();
    bodies.push(Buffer.concat(chunks).toString());
    response.writeHead(204).end();
    heard.resolve();
    heard = withResolvers();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  atEnd(t, () => {
    server.closeAllConnections();
    server.close();
  });
  receiver.url = `http://127.0.0.1:${server.address().port}/hook`;
  return receiver;
}
