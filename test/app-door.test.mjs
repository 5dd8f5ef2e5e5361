// The page before a session: who is inside, and for whom that is not shown.
import assert from 'node:assert/strict';
import test from 'node:test';
import { join, joinSession, openPage, startBrowser } from './app.mjs';
import { startServer } from './server.mjs';

const secret = 'a secret of thirty-two bytes, or more';
const operator = { authorization: `Bearer ${secret}` };
const quiet = { audio: false, video: false };

test('the door', async (t) => {
  const server = await startServer(t, { CHATTOK_API_SECRET: secret });
  const browser = await startBrowser(t);
  const at = (session) => `${server.origin}/s/${session}`;
  /** Connects a person, who has no page, and returns the connection. */
  const enter = async (session, data) => {
    const mutation = 'mutation ($session: ID!, $data: String) { connect(sessionId: $session, data: $data) { accessToken connection { id } } }';
    return (await server.run(mutation, { session, data })).connect;
  };
  const leave = ({ accessToken }) => server.run('mutation { disconnect { id } }', {}, { authorization: `Bearer ${accessToken}` });
  const line = (page) => page.locator('.prejoin-inside');
  const says = (page, text) => page.getByText(text, { exact: true }).and(line(page)).waitFor();
  /** Waits until the page says why one would not be let in. It says nothing of who is inside then. */
  const refused = async (page, text) => {
    await page.getByRole('alert').filter({ hasText: text }).waitFor();
    assert.equal(await line(page).textContent(), '');
  };
  /** Makes the page look again at once, as one that was hidden. */
  const look = (page) => page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));

  await t.test('it says who is inside, and again while one waits there', async (t) => {
    const ann = await openPage(t, browser, at('inside'));
    await says(ann, 'Nobody is here yet.');
    const ana = await enter('inside', 'Ana');
    await says(ann, 'Ana is here.'); // it looks by itself
    for (const [name, text] of [
      ['Bo', 'Ana and Bo are here.'],
      ['Cleo (you)', 'Ana, Bo and Cleo are here.'],
      ['Dan', 'Ana, Bo and 2 others are here.'],
      ['Eva', 'Ana, Bo and 3 others are here.'],
    ]) {
      await enter('inside', name);
      await look(ann);
      await says(ann, text);
    }
    await leave(ana);
    await look(ann);
    await says(ann, 'Bo, Cleo and 2 others are here.');
    for (let n = 0; n < 20; n++) await enter('inside', `Guest ${n}`);
    await look(ann);
    await says(ann, 'Bo, Cleo and 22 others are here.');
  });

  await t.test('nobody inside sees the one at the door, who does not count as inside when coming back', async (t) => {
    const ben = await joinSession(t, browser, at('back'), 'Ben', quiet);
    const ann = await openPage(t, browser, at('back'));
    await says(ann, 'Ben is here.');
    assert.equal(await ben.getByRole('figure').count(), 1);
    await join(ann, 'Ann', quiet);
    await ben.getByRole('figure', { name: 'Ann' }).waitFor();
    const tab = await ann.context().newPage();
    await tab.goto(at('back'));
    await says(tab, 'Ben is here.'); // Ann's own page in the first tab is left out
  });

  await t.test('a page that is hidden does not ask', async (t) => {
    let asked = 0;
    const prepare = async (page) => {
      await page.clock.install();
      await page.route('**/graphql', (route) => {
        if (route.request().postData()?.includes('sessionPreview')) asked++;
        return route.continue();
      });
      await page.addInitScript(() => {
        Object.defineProperty(Document.prototype, 'visibilityState', { get: () => (globalThis.away ? 'hidden' : 'visible') });
      });
    };
    const ann = await openPage(t, browser, at('hidden'), { prepare });
    await says(ann, 'Nobody is here yet.');
    await ann.evaluate(() => (globalThis.away = true));
    await ann.clock.runFor(60_000);
    const before = asked;
    await ann.clock.runFor(600_000);
    assert.equal(asked, before);
    await enter('hidden', 'Ana');
    await ann.evaluate(() => (globalThis.away = false));
    await look(ann);
    await says(ann, 'Ana is here.');
    for (let n = 0; n < 5; n++) {
      const answered = ann.waitForResponse('**/graphql');
      await ann.clock.runFor(10_000);
      await answered;
    }
    assert.equal(asked, before + 6); // one look each ten seconds
  });

  await t.test('a session that asks for an invitation shows it to those who have one', async (t) => {
    await server.run('mutation { createSession(id: "board") { id } }', {}, operator);
    const mint = async (data) => {
      const mutation = 'mutation ($data: String) { createToken(sessionId: "board", data: $data) { token } }';
      return (await server.run(mutation, { data }, operator)).createToken.token;
    };
    await server.run('mutation ($token: String) { connect(token: $token) { expiresAt } }', { token: await mint('Chair') });
    const guest = await openPage(t, browser, `${at('board')}#token=${await mint('Guest')}`);
    await says(guest, 'Chair is here.');

    const answered = answerOf(browser, t, at('board'));
    const stranger = await answered.page;
    assert.equal((await answered.first).errors[0].extensions.code, 'UNAUTHENTICATED');
    await refused(stranger, 'This session asks for an invitation.');
    await look(stranger);
    await stranger.getByRole('textbox', { name: 'Name' }).fill('Nobody');
    await stranger.getByRole('button', { name: 'Join' }).click();
    await stranger.getByRole('button', { name: 'Cancel' }).waitFor({ state: 'detached' });
    await refused(stranger, 'This session asks for an invitation.');
    assert.equal(answered.count(), 1); // it does not ask again
  });

  await t.test('it shows nobody to the banned', async (t) => {
    const ben = await joinSession(t, browser, at('banned'), 'Ben', quiet);
    const ann = await joinSession(t, browser, at('banned'), 'Ann', quiet);
    const { connections } = (await server.run('{ sessionPreview(sessionId: "banned") { connections { id data } } }')).sessionPreview;
    const { id } = connections.find(({ data }) => data === 'Ann');
    await server.run('mutation ($id: ID!) { banConnection(connectionId: $id, seconds: 3600, sessionId: "banned") { id } }', { id }, operator);
    await ben.getByText('Ann was removed by a moderator').waitFor();
    await ann.getByRole('button', { name: 'Back to the session' }).waitFor();
    const answer = ann.waitForResponse('**/graphql');
    await ann.getByRole('button', { name: 'Back to the session' }).click();
    const [error] = (await (await answer).json()).errors;
    assert.deepEqual([error.extensions.code, error.extensions.reason], ['FORBIDDEN', 'BANNED']);
    await refused(ann, 'A moderator banned you from this session until');
    const other = await openPage(t, browser, at('banned'));
    await says(other, 'Ben is here.');
  });

  await t.test('a session that was deleted says so, also to those who wait, and keeps no camera', async (t) => {
    const prepare = (page) =>
      page.addInitScript(() => {
        globalThis.asked = 0;
        const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        navigator.mediaDevices.getUserMedia = (constraints) => {
          globalThis.asked++;
          return open(constraints);
        };
      });
    await enter('deleted', 'Ana');
    const waits = await openPage(t, browser, at('deleted'), { prepare });
    await says(waits, 'Ana is here.');
    await waits.getByRole('button', { name: 'Turn camera off' }).waitFor();
    await server.run('mutation { deleteSession(id: "deleted") }', {}, operator);
    await look(waits);
    await refused(waits, 'This session was deleted, with everything that was written in it.');
    await waits.getByText('Your camera is off').waitFor();
    const late = await openPage(t, browser, at('deleted'), { prepare });
    await refused(late, 'This session was deleted, with everything that was written in it.');
    await late.evaluate(() => new Promise((done) => setTimeout(done, 1_500))); // longer than the devices wait for an answer
    assert.equal(await late.evaluate(() => globalThis.asked), 0);
  });

  await t.test('a server that is away is no reason to say anything, and is asked again', async (t) => {
    let away = true;
    const prepare = (page) => page.route('**/graphql', (route) => (away ? route.abort() : route.continue()));
    const failed = (page) => page.waitForEvent('requestfailed');
    const ann = await openPage(t, browser, `${server.origin}/`, { outage: true, prepare });
    const first = failed(ann);
    await ann.goto(at('away'));
    await first;
    await ann.getByRole('button', { name: 'Join' }).waitFor();
    assert.equal(await line(ann).textContent(), '');
    away = false;
    await says(ann, 'Nobody is here yet.');
    away = true;
    const second = failed(ann);
    await look(ann);
    await second;
    await line(ann).filter({ hasNotText: 'here' }).waitFor(); // what is no longer known is not shown
  });
});

/** Opens a page and records its first answer from the API, and the number of its requests for a preview. */
function answerOf(browser, t, url) {
  let count = 0;
  let tell;
  const first = new Promise((found) => (tell = found));
  const prepare = (page) => {
    page.on('request', (request) => {
      if (request.postData()?.includes('sessionPreview')) count++;
    });
    page.on('response', async (response) => {
      if (response.request().postData()?.includes('sessionPreview')) tell(await response.json());
    });
  };
  return { page: openPage(t, browser, url, { prepare }), first, count: () => count };
}
