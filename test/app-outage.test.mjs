// The page through outages: a server that is killed, a network that goes away, and a reload during a post.
import assert from 'node:assert/strict';
import test from 'node:test';
import { entries, joinSession, pending, plays, say, startBrowser, texts } from './app.mjs';
import { startServer } from './server.mjs';

test('outages', async (t) => {
  const server = await startServer(t);
  const browser = await startBrowser(t);

  await t.test('the server is killed and started again while two write, and the video goes on', async (t) => {
    const url = `${server.origin}/s/killed`;
    const ann = await joinSession(t, browser, url, 'Ann', { outage: true });
    const ben = await joinSession(t, browser, url, 'Ben', { outage: true });
    await Promise.all([plays(ann, 'Ben'), plays(ben, 'Ann')]);
    const words = { Ann: [], Ben: [] };
    const speak = async (page, name, count) => {
      for (let n = 0; n < count; n++) {
        const word = `${name} ${words[name].length + 1}.`;
        words[name].push(word);
        await say(page, word);
      }
    };
    const bothSpeak = (count) => Promise.all([speak(ann, 'Ann', count), speak(ben, 'Ben', count)]);

    const before = bothSpeak(5);
    await server.kill(); // some posts are answered, some under way, some not yet sent
    await before;
    for (const page of [ann, ben]) await page.getByText('Reconnecting').waitFor();
    await bothSpeak(3); // posting is not blocked during the outage
    await pending(ann, 'Ann 8.').filter({ hasText: 'Sending' }).waitFor();
    await Promise.all([plays(ann, 'Ben', 20), plays(ben, 'Ann', 20)]);

    await server.start();
    for (const page of [ann, ben]) await page.getByText('Reconnecting').waitFor({ state: 'detached' });
    await bothSpeak(2);
    for (const page of [ann, ben]) {
      for (const word of ['Ann 10.', 'Ben 10.']) await entries(page, word).waitFor();
    }
    for (const page of [ann, ben]) {
      await page.setViewportSize({ width: 1280, height: 3000 }); // the document has the entries near the view alone
      await entries(page, 'Ann 1.').waitFor();
    }
    const seen = await texts(ann);
    assert.deepEqual(await texts(ben), seen); // the same order for both
    for (const [name, said] of Object.entries(words)) {
      assert.deepEqual(seen.filter((text) => text.startsWith(name)), said); // no post lost or doubled
    }
    await Promise.all([plays(ann, 'Ben'), plays(ben, 'Ann')]);
    assert.equal(await ann.getByRole('figure').count(), 2); // the same two connections as before
  });

  await t.test('a page whose network goes away for ten seconds misses nothing and loses nothing', async (t) => {
    const url = `${server.origin}/s/offline`;
    const ann = await joinSession(t, browser, url, 'Ann', { outage: true, audio: false, video: false });
    const ben = await joinSession(t, browser, url, 'Ben', { audio: false, video: false });
    await say(ann, 'before');
    await entries(ben, 'before').waitFor();
    const began = Date.now();
    await ann.context().setOffline(true);
    await ann.getByText('Reconnecting').waitFor();
    await say(ann, 'written offline');
    await pending(ann, 'written offline').filter({ hasText: 'Sending' }).waitFor();
    await say(ben, 'said meanwhile');
    await ben.waitForTimeout(Math.max(0, began + 10_000 - Date.now())); // the outage must last this long
    await ann.context().setOffline(false);
    await ann.getByText('Reconnecting').waitFor({ state: 'detached' });
    await entries(ben, 'written offline').waitFor();
    await entries(ann, 'written offline').waitFor();
    for (const page of [ann, ben]) assert.deepEqual(await texts(page), ['before', 'said meanwhile', 'written offline']);
  });

  await t.test('a page that is reloaded with a post pending comes back by itself, and the post goes', async (t) => {
    const url = `${server.origin}/s/reload`;
    let swallowing = false;
    const prepare = (page) =>
      page.routeWebSocket(/graphql$/, (socket) => {
        const onward = socket.connectToServer();
        socket.onMessage((message) => {
          if (!swallowing || !message.includes('addChatEntry')) onward.send(message);
        });
      });
    const ann = await joinSession(t, browser, url, 'Ann', { outage: true, audio: false, video: false, prepare });
    const ben = await joinSession(t, browser, url, 'Ben', { audio: false, video: false });
    swallowing = true;
    await say(ann, 'not answered');
    await pending(ann, 'not answered').filter({ hasText: 'Sending' }).waitFor();
    await ann.getByRole('textbox', { name: 'Message' }).fill('half a sent');
    swallowing = false;
    await ann.reload();
    await ann.getByRole('button', { name: 'Leave' }).waitFor();
    await entries(ben, 'not answered').waitFor();
    await entries(ann, 'not answered').waitFor();
    for (const page of [ann, ben]) assert.deepEqual(await texts(page), ['not answered']);
    assert.equal(await ann.getByRole('textbox', { name: 'Message' }).inputValue(), 'half a sent');
    await ben.getByRole('button', { name: 'People' }).click();
    await ben.waitForFunction(() => document.querySelectorAll('.person').length === 2); // the old connection ended at once
  });
});
