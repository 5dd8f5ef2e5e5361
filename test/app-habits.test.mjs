// Everyday habits: turning a phone, reloading, closing a tab, writing in any language, pasting an address.
import assert from 'node:assert/strict';
import test from 'node:test';
import { entries, join, joinSession, openPage, pending, say, startBrowser, texts } from './app.mjs';
import { startServer } from './server.mjs';

const secret = 'a secret of thirty-two bytes, or more';
const quiet = { audio: false, video: false };

test('habits', async (t) => {
  const server = await startServer(t, { CHATTOK_API_SECRET: secret });
  const browser = await startBrowser(t);
  const at = (session) => `${server.origin}/s/${session}`;

  await t.test('at the end one stays at the end, whatever the window does', async (t) => {
    const write = await connect(server, 'end');
    for (let n = 1; n <= 60; n++) await write(`entry ${n}. ${'and so on '.repeat((n * 7) % 20)}`);
    const ann = await joinSession(t, browser, at('end'), 'Ann', { ...quiet, viewport: { width: 390, height: 844 } });
    if (!(await ann.getByRole('log').count())) await ann.getByRole('button', { name: 'Chat' }).click();
    await entries(ann, 'entry 60.').waitFor();
    const log = ann.getByRole('log');
    const windows = [[390, 440], [390, 844], [844, 390], [390, 844], [640, 900], [1280, 720], [700, 720], [1920, 1000], [320, 640]];
    for (const [width, height] of windows) {
      await ann.setViewportSize({ width, height });
      await settled(ann);
      assert.ok((await below(log)) < 2, `${await below(log)} px below at ${width}×${height}`);
    }
    await ann.setViewportSize({ width: 1280, height: 720 });
    await ann.getByRole('textbox', { name: 'Message' }).fill('a\nb\nc\nd\ne\nf');
    await settled(ann);
    assert.ok((await below(log)) < 2, 'the composer grew');
    await ann.getByRole('textbox', { name: 'Message' }).fill('');
  });

  await t.test('people and chat in turn keep the place', async (t) => {
    const ann = await joinSession(t, browser, at('end'), 'Ann', { ...quiet, viewport: { width: 1280, height: 720 } });
    await entries(ann, 'entry 60.').waitFor();
    const log = ann.getByRole('log');
    await log.evaluate((element) => element.scrollTo(0, element.scrollHeight - element.clientHeight - 700));
    await ann.getByRole('button', { name: 'Jump to latest' }).waitFor();
    await settled(ann);
    const before = await place(log);
    await ann.getByRole('button', { name: 'People' }).click();
    await log.waitFor({ state: 'detached' });
    await ann.getByRole('button', { name: /^Chat/ }).click();
    await ann.getByRole('button', { name: 'Jump to latest' }).waitFor();
    await settled(ann);
    const after = await place(log);
    assert.equal(after.key, before.key);
    assert.ok(Math.abs(after.top - before.top) <= 1, `moved by ${after.top - before.top} px`);
  });

  await t.test('a reload goes back in, with an invitation that carries a name too', async (t) => {
    await server.run('mutation { createSession(id: "invited") { id } }', {}, { authorization: `Bearer ${secret}` });
    const ann = await openPage(t, browser, await invite(server, 'invited', 'PUBLISHER', 'Ann of the token'));
    await ann.getByRole('button', { name: 'Join' }).click();
    await ann.getByRole('button', { name: 'Leave' }).waitFor();
    await ann.reload();
    await ann.getByRole('button', { name: 'Leave' }).waitFor();
    await ann.getByRole('figure', { name: 'Ann of the token (you)' }).waitFor();
  });

  await t.test('a name changes inside, for everybody and what was posted before, and stays over a reload', async (t) => {
    const ann = await joinSession(t, browser, at('names'), 'Ann', { ...quiet, viewport: { width: 1280, height: 720 } });
    const bob = await joinSession(t, browser, at('names'), 'Bob', { ...quiet, viewport: { width: 1280, height: 720 } });
    await say(ann, 'before');
    await entries(bob, 'before').waitFor();
    await ann.getByRole('button', { name: 'People' }).click();
    await ann.getByRole('button', { name: 'Change name' }).click();
    const field = ann.getByRole('textbox', { name: 'Your name' });
    assert.equal(await field.inputValue(), 'Ann');
    await field.fill('Anne (you)');
    await field.press('Enter');
    await ann.getByRole('listitem').filter({ hasText: /Anne\s*\(you\)/ }).waitFor();
    await bob.getByRole('figure', { name: 'Anne' }).waitFor();
    await bob.locator('.entry', { hasText: 'before' }).filter({ hasText: 'Anne' }).waitFor();
    await ann.getByRole('button', { name: 'Change name' }).click();
    await field.press('Escape');
    await ann.getByRole('button', { name: 'Change name' }).waitFor();
    await ann.reload();
    await ann.getByRole('figure', { name: 'Anne (you)' }).waitFor();

    await server.run('mutation { createSession(id: "given") { id } }', {}, { authorization: `Bearer ${secret}` });
    const eve = await openPage(t, browser, await invite(server, 'given', 'PUBLISHER', 'Eve of the token'), { viewport: { width: 1280, height: 720 } });
    await eve.getByRole('button', { name: 'Join' }).click();
    await eve.getByRole('button', { name: 'People' }).click();
    await eve.getByText('Eve of the token').first().waitFor();
    assert.equal(await eve.getByRole('button', { name: 'Change name' }).count(), 0);
  });

  await t.test('a tab asks before it takes a draft, an unsent post or a share with it', async (t) => {
    const ann = await joinSession(t, browser, at('ask'), 'Ann', quiet);
    const asked = async () => {
      const dialog = ann.waitForEvent('dialog', { timeout: 5_000 }).catch(() => undefined);
      // A reload asks for confirmation, as closing does, and can be cancelled.
      ann.evaluate(() => location.reload()).catch(() => {});
      const found = await dialog;
      await found?.dismiss();
      if (found === undefined) await ann.getByRole('button', { name: 'Leave' }).waitFor();
      return found?.type();
    };
    await ann.getByRole('textbox', { name: 'Message' }).fill('half a sent');
    assert.equal(await asked(), 'beforeunload', 'a draft');
    await ann.getByRole('textbox', { name: 'Message' }).fill('');
    await ann.getByRole('button', { name: 'Share screen' }).click();
    await ann.getByRole('button', { name: 'Stop sharing' }).waitFor();
    assert.equal(await asked(), 'beforeunload', 'a share');
    await ann.getByRole('button', { name: 'Stop sharing' }).click();
    await ann.getByRole('button', { name: 'Share screen' }).waitFor();
    assert.equal(await asked(), undefined, 'nothing at stake');
  });

  await t.test('words that were not sent are said to be so, and go out under another name', async (t) => {
    let swallowing = true;
    const prepare = (page) =>
      page.routeWebSocket(/graphql$/, (socket) => {
        const onward = socket.connectToServer();
        socket.onMessage((message) => {
          if (!swallowing || !message.includes('addChatEntry')) onward.send(message);
        });
      });
    const ann = await joinSession(t, browser, at('unsent'), 'Ann', { ...quiet, prepare });
    await say(ann, 'written and not sent');
    await pending(ann, 'written and not sent').waitFor();
    await ann.getByRole('button', { name: 'Leave' }).click();
    await ann.getByText('One message of yours was not sent.').waitFor();
    assert.equal(await ann.getByText('What was written stays with the session').count(), 0);
    swallowing = false;
    await ann.getByRole('button', { name: 'Back to the session' }).click();
    await ann.getByRole('textbox', { name: 'Name' }).fill('Anna');
    await ann.getByRole('button', { name: 'Join' }).click();
    await entries(ann, 'written and not sent').waitFor();
  });

  await t.test('who is put out reads why, and what becomes of words that were not sent', async (t) => {
    const operator = { authorization: `Bearer ${secret}` };
    const prepare = (page) =>
      page.routeWebSocket(/graphql$/, (socket) => {
        const onward = socket.connectToServer();
        socket.onMessage((message) => message.includes('addChatEntry') || onward.send(message));
      });
    const removed = 'A moderator ended your part in this session.';
    const kept = 'One message of yours was not sent. This browser keeps it, and sends it if you come back in.';
    const ways = {
      deleted: ['deleteSession(id: "deleted")', 'This session was deleted, with everything that was written in it.', 'One message of yours was not sent.'],
      kicked: ['forceDisconnect(sessionId: "kicked", connectionId: $id) { id }', removed, kept],
      banned: ['banConnection(sessionId: "banned", connectionId: $id, seconds: 3600) { id }', removed, kept],
    };
    for (const [name, [act, why, unsent]] of Object.entries(ways)) {
      const ann = await joinSession(t, browser, at(name), 'Ann', { ...quiet, prepare });
      await say(ann, 'written and not sent');
      await pending(ann, 'written and not sent').waitFor();
      const { session } = await server.run('query ($session: ID!) { session(sessionId: $session) { connections { id } } }', { session: name }, operator);
      await server.run(`mutation${act.includes('$id') ? ' ($id: ID!)' : ''} { ${act} }`, { id: session.connections[0].id }, operator);
      await ann.getByText(why).waitFor();
      assert.deepEqual(await ann.locator('.left > p:not(.hint)').allTextContents(), [why, unsent], name);
      assert.equal(await ann.getByRole('button', { name: 'Back to the session' }).count(), name === 'deleted' ? 0 : 1, name);
    }
  });

  await t.test('two Enters in one task post once; on glass Enter makes a new line', async (t) => {
    const ann = await joinSession(t, browser, at('enter'), 'Ann', quiet);
    const message = ann.getByRole('textbox', { name: 'Message' });
    await message.fill('once');
    await message.evaluate((area) => {
      for (let n = 0; n < 2; n++) {
        area.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true }));
      }
    });
    await say(ann, 'then this');
    await entries(ann, 'then this').waitFor();
    assert.deepEqual(await texts(ann), ['once', 'then this']);

    const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true };
    const ben = await joinSession(t, browser, at('enter'), 'Ben', { ...quiet, ...phone });
    if (!(await ben.getByRole('log').count())) await ben.getByRole('button', { name: /^Chat/ }).tap();
    const his = ben.getByRole('textbox', { name: 'Message' });
    await his.fill('first');
    await his.press('Enter');
    await his.pressSequentially('second');
    assert.equal(await his.inputValue(), 'first\nsecond');
    await ben.getByRole('button', { name: 'Send' }).tap();
    await entries(ann, 'second').waitFor();
    assert.deepEqual(await texts(ann), ['once', 'then this', 'first\nsecond']);
  });

  await t.test('what Alt writes is written, and what it asks for is done on every keyboard', async (t) => {
    const ann = await joinSession(t, browser, at('letters'), 'Ann');
    const message = ann.getByRole('textbox', { name: 'Message' });
    await message.focus();
    const press = (target, init) =>
      target.evaluate((element, key) => {
        const event = new KeyboardEvent('keydown', { altKey: true, bubbles: true, cancelable: true, ...key });
        return element.dispatchEvent(event); // false where a handler prevented the default
      }, init);
    for (const [key, code] of [['ś', 'KeyS'], ['ß', 'KeyS'], ['ç', 'KeyC'], ['ć', 'KeyC'], ['µ', 'KeyM'], ['√', 'KeyV'], ['π', 'KeyP']]) {
      if (key === 'π') continue; // a Greek keyboard's own letter
      assert.ok(await press(message, { key, code }), `${key} was taken for a shortcut`);
    }
    await ann.getByRole('button', { name: 'Mute' }).waitFor();
    await ann.getByRole('button', { name: 'Share screen' }).waitFor();
    await message.waitFor();
    // AZERTY has M in the place of the semicolon, and the comma in the place of M.
    assert.ok(await press(ann.locator('body'), { key: ',', code: 'KeyM' }));
    await ann.getByRole('button', { name: 'Mute' }).waitFor();
    assert.equal(await press(message, { key: 'm', code: 'Semicolon' }), false);
    await ann.getByRole('button', { name: 'Unmute' }).waitFor();
    assert.equal(await press(message, { key: 'ь', code: 'KeyM' }), false); // a Russian keyboard
    await ann.getByRole('button', { name: 'Mute' }).waitFor();
  });

  await t.test('addresses end where they end, and show what they are', async (t) => {
    const ann = await joinSession(t, browser, at('links'), 'Ann', quiet);
    const cases = [
      ['见 https://example.org/a。下一句', 'https://example.org/a'],
      ['请看https://example.org/a，好吗', 'https://example.org/a'],
      ['（https://example.org/b）', 'https://example.org/b'],
      ['https://example.orgを見て', 'https://example.org/'],
      ['https://example.org/を見て', 'https://example.org/'],
      ['「https://example.org/c」と言う', 'https://example.org/c'],
      ['انظر https://example.org/d، ثم', 'https://example.org/d'],
      ['https://example.org/e؟', 'https://example.org/e'],
      ['https://example.org/f를 보세요', 'https://example.org/f'],
      ['https://zh.wikipedia.org/wiki/中文', 'https://zh.wikipedia.org/wiki/%E4%B8%AD%E6%96%87'],
      ['https://example.org/(g)).', 'https://example.org/(g)'],
      ['https://例え.jp/', 'https://xn--r8jz45g.jp/'],
    ];
    for (const [text] of cases) await say(ann, text);
    await entries(ann, cases.at(-1)[0]).waitFor();
    const found = await ann.getByRole('log').locator('.entry').evaluateAll((list) => list.map((e) => [...e.querySelectorAll('a')].map(({ href }) => href)));
    assert.deepEqual(found, cases.map(([, href]) => [href]));
    assert.deepEqual(await texts(ann), cases.map(([text]) => text)); // honest names are shown as written

    const tricks = {
      'https://аррӏе.com/x': 'https://xn--80ak6aa92e.com/x', // all Cyrillic
      'https://exаmple.org/y': 'https://xn--exmple-4nf.org/y', // one Cyrillic letter
      'https://example.org\u2215login.evil.com/z': 'https://xn--example-xy1d.org', // a lookalike of a slash: see below
    };
    for (const text of Object.keys(tricks)) await say(ann, text);
    for (const shown of Object.values(tricks).slice(0, 2)) await ann.getByRole('link', { name: shown, exact: true }).waitFor();
    const last = entries(ann, 'evil.com').last();
    await last.waitFor();
    const link = await last.locator('a').evaluateAll((list) => list.map((a) => [a.textContent, a.href]));
    for (const [text, href] of link) assert.equal(text, href); // the text shows the real address in ASCII
    await say(ann, 'https://example.org/\u202egpj.exe');
    const marked = entries(ann, 'gpj.exe').getByRole('link');
    await marked.waitFor();
    assert.equal(await marked.textContent(), 'https://example.org/'); // a direction mark ends the link
    assert.equal(await marked.evaluate((a) => getComputedStyle(a).unicodeBidi), 'isolate');
  });

  await t.test('sixteen thousand brackets after an address stop nobody', async (t) => {
    const write = await connect(server, 'brackets');
    const forms = [
      `https://example.org/${')'.repeat(16_000)}`,
      `https://example.org/${'('.repeat(8_000)}${')'.repeat(8_000)}`,
      `https://example.org/${').'.repeat(8_000)}`,
      'www.'.repeat(4_000),
      'http://'.repeat(2_300),
      `http://${'a:'.repeat(8_000)}`,
      `https://example.org/${'a'.repeat(2_029)} c`, // 2,049 characters
    ];
    for (const form of forms) await write(form);
    const ann = await openPage(t, browser, at('brackets'));
    const spent = await ann.evaluateHandle(() => {
      const seen = { longest: 0 };
      new PerformanceObserver((list) => {
        for (const { duration } of list.getEntries()) seen.longest = Math.max(seen.longest, duration);
      }).observe({ type: 'longtask' });
      return seen;
    });
    await join(ann, 'Ann', quiet);
    await entries(ann, ' c').last().waitFor();
    t.diagnostic(`longest task ${await spent.evaluate(({ longest }) => longest)} ms`);
    assert.equal(await entries(ann, ' c').last().getByRole('link').count(), 0); // too long for a link
    await write(`https://example.org/${'a'.repeat(2_028)} b`);
    await entries(ann, ' b').last().waitFor();
    const [length] = await entries(ann, ' b').last().getByRole('link').evaluateAll((list) => list.map(({ href }) => href.length));
    assert.equal(length, 2_048);
  });

  await t.test('a name says "(you)" in no letters', async (t) => {
    const ann = await joinSession(t, browser, at('you'), 'Ann', quiet);
    const names = ['Eve (you)', 'Eve (YOU)', 'Eve（you）', 'Eve [yоu]', 'Eve (y\u200bo\u200bu)', 'Eve ( you )'];
    for (const [index, name] of names.entries()) {
      await server.run('mutation ($data: String) { connect(sessionId: "you", data: $data) { expiresAt } }', { data: name });
      await ann.waitForFunction((count) => document.querySelectorAll('figure').length === count, index + 2);
    }
    const labels = await ann.getByRole('figure').evaluateAll((list) => list.map((figure) => figure.ariaLabel));
    assert.deepEqual(labels.sort(), ['Ann (you)', ...names.map(() => 'Eve')].sort());
    const muted = await ann.getByRole('figure', { name: 'Eve', exact: true }).first().getByLabel('muted').count();
    assert.equal(muted, 1); // shown as muted, since nothing is published
  });

  await t.test('the words under "Today" are of today, also after midnight', async (t) => {
    const prepare = (page) => page.clock.install({ time: new Date(Date.now()) });
    const ann = await joinSession(t, browser, at('midnight'), 'Ann', { ...quiet, prepare });
    await say(ann, 'before midnight');
    await entries(ann, 'before midnight').waitFor();
    await ann.getByText('Today', { exact: true }).waitFor();
    await ann.clock.fastForward('24:00:01');
    await ann.getByText('Yesterday', { exact: true }).waitFor();
    assert.equal(await ann.getByText('Today', { exact: true }).count(), 0);
  });

  await t.test('a refusal speaks to the person, and a closed session’s link promises nothing', async (t) => {
    await server.run('mutation { createSession(id: "closed") { id } }', {}, { authorization: `Bearer ${secret}` });
    const other = await invite(server, 'closed', 'PUBLISHER', 'Ann');
    const ann = await openPage(t, browser, other.replace('/s/closed', '/s/elsewhere'));
    await ann.getByRole('button', { name: 'Join' }).click();
    await ann.getByText('Your invitation is not accepted: it is for another session.').waitFor();
    assert.equal(await ann.getByText('sessionId').count(), 0);
    const ben = await openPage(t, browser, other);
    await ben.getByRole('button', { name: 'Join' }).click();
    await ben.getByText('You’re the only one here.').waitFor();
    assert.equal(await ben.getByRole('button', { name: 'Copy invitation' }).count(), 0);
    await ben.getByText('Others come by an invitation, which the link does not contain.').waitFor();
  });

  await t.test('a link to another server opens no session here', async (t) => {
    const ann = await openPage(t, browser, `${server.origin}/`);
    const link = ann.getByRole('textbox', { name: 'Link or code of a session' });
    await link.fill('https://other.example/s/team');
    await link.press('Enter');
    const there = ann.getByRole('link', { name: 'Open it at other.example' });
    await there.waitFor();
    assert.equal(await there.getAttribute('href'), 'https://other.example/s/team');
    assert.equal(ann.url(), `${server.origin}/`);
    assert.equal(await link.getAttribute('aria-invalid'), 'true');
  });

  await t.test('a reload is no "left" and "joined"', async (t) => {
    const ann = await joinSession(t, browser, at('again'), 'Ann', quiet);
    const ben = await joinSession(t, browser, at('again'), 'Ben', quiet);
    await ann.getByText('Ben joined').waitFor();
    await ann.getByText('Ben joined').waitFor({ state: 'detached' });
    const said = await ann.evaluateHandle(() => {
      const list = [];
      new MutationObserver((records) => {
        for (const { addedNodes } of records) for (const node of addedNodes) if (/Ben (left|joined)/.test(node.textContent)) list.push(node.textContent);
      }).observe(document.body, { childList: true, subtree: true });
      return list;
    });
    await ben.reload();
    await ben.getByRole('button', { name: 'Leave' }).waitFor();
    await say(ben, 'back again');
    await entries(ann, 'back again').waitFor();
    await ben.getByRole('button', { name: 'Leave' }).click();
    await ann.getByText('Ben left').waitFor();
    assert.deepEqual(await said.evaluate((list) => list.map((text) => text.trim())), ['Ben left']);
  });
});

/** Waits for two frames, after which the effects of a resize are drawn. */
const settled = (page) =>
  page.evaluate(async () => {
    for (let n = 0; n < 4; n++) await new Promise((done) => requestAnimationFrame(done));
  });

const below = (log) => log.evaluate((element) => element.scrollHeight - element.scrollTop - element.clientHeight);

/** Returns the topmost visible row and its position. */
const place = (log) =>
  log.evaluate((element) => {
    const edge = element.getBoundingClientRect().top;
    const row = [...element.querySelectorAll('[data-row]')].find((each) => each.getBoundingClientRect().bottom > edge + 1);
    return { key: row.dataset.row, top: row.getBoundingClientRect().top - edge };
  });

async function invite(server, session, role, data) {
  const answer = await server.run(
    'mutation ($session: ID!, $role: Role, $data: String) { createToken(sessionId: $session, role: $role, data: $data) { token } }',
    { session, role, data },
    { authorization: `Bearer ${secret}` },
  );
  return `${server.origin}/s/${session}#token=${answer.createToken.token}`;
}

/** Connects to a session. Returns a function that posts there. */
async function connect(server, session) {
  const data = await server.run(
    'mutation ($session: ID!) { connect(sessionId: $session, data: "Ben") { accessToken connection { id } } }',
    { session },
  );
  const { accessToken, connection } = data.connect;
  return (body) =>
    server.run(
      'mutation ($id: ID!, $body: String!) { addChatEntry(connectionId: $id, body: $body) { seq } }',
      { id: connection.id, body },
      { authorization: `Bearer ${accessToken}` },
    );
}
