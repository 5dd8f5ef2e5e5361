// Video and sound between people: four in a mesh, a shared screen, moderators, and browsers without a camera.
import assert from 'node:assert/strict';
import test from 'node:test';
import { entries, joinSession, openPage, patience, plays, say, startBrowser } from './app.mjs';
import { startServer } from './server.mjs';

const secret = 'a secret of thirty-two bytes, or more';

test('video', async (t) => {
  const server = await startServer(t, { CHATTOK_API_SECRET: secret });
  const browser = await startBrowser(t);

  await t.test('four in a mesh: twelve tiles play, and each sends less than to one alone', async (t) => {
    const url = `${server.origin}/s/mesh`;
    const names = ['Ann', 'Ben', 'Cleo', 'Dan'];
    // All tiles are alike at first, since fake microphones take turns in being the loudest.
    const prepare = (page) => page.addInitScript(() => localStorage.setItem('chattok.app.choices', JSON.stringify({ layout: 'grid' })));
    const pages = [await joinSession(t, browser, url, names[0], { prepare })];
    pages.push(await joinSession(t, browser, url, names[1], { prepare }));
    await plays(pages[0], 'Ben');
    const alone = await limits(pages[0]);
    for (const name of names.slice(2)) pages.push(await joinSession(t, browser, url, name, { prepare }));
    await Promise.all(
      pages.flatMap((page, index) => names.filter((_, other) => other !== index).map((name) => plays(page, name))),
    );
    for (const page of pages) {
      assert.equal(await page.getByRole('figure').count(), 4);
      const sent = await limits(page);
      assert.equal(sent.length, 3);
      for (const limit of sent) assert.ok(limit < alone[0], `${limit} is not below ${alone[0]} bit/s`);
    }

    // A picture that is shown large is sent better, to those who show it so.
    const choose = async (item) => {
      const tile = pages[0].getByRole('figure', { name: 'Ben', exact: true });
      await tile.hover();
      await tile.getByRole('button', { name: 'Options for Ben' }).click();
      await pages[0].getByRole('menuitem', { name: item }).click();
    };
    const [small] = await limits(pages[1]);
    const sends = async (page, wanted) => {
      for (const end = Date.now() + patience; ; await page.waitForTimeout(100)) {
        const sent = (await limits(page)).sort((a, b) => a - b);
        if (JSON.stringify(sent) === JSON.stringify(wanted)) return;
        if (Date.now() > end) assert.deepEqual(sent, wanted);
      }
    };
    await choose('Pin Ben');
    await sends(pages[1], [small, small, alone[0]]);
    await sends(pages[2], [small, small, small]);
    await choose('Unpin Ben');
    await sends(pages[1], [small, small, small]);
    await choose('Full screen');
    await sends(pages[1], [small, small, alone[0]]);
    await pages[0].evaluate(() => document.exitFullscreen());
    await sends(pages[1], [small, small, small]);
    const layout = async (name) => {
      await pages[0].getByRole('button', { name: 'More' }).click();
      await pages[0].getByRole('menuitemcheckbox', { name }).click();
    };
    await layout('Speaker large');
    const speaker = () => pages[0].locator('.tile.large').getAttribute('aria-label');
    for (let found = false, end = Date.now() + patience; !found; await pages[0].waitForTimeout(100)) {
      const name = await speaker();
      const sent = await limits(pages[names.indexOf(name)]);
      found = sent.filter((limit) => limit === alone[0]).length === 1 && (await speaker()) === name;
      assert.ok(found || Date.now() < end, `${name}, who is shown large, sends ${sent}`);
    }
    await layout('All alike');

    await pages[0].getByRole('button', { name: 'Share screen' }).click();
    await Promise.all(pages.slice(1).map((page) => plays(page, 'Ann’s screen')));
    for (const page of pages.slice(1)) {
      const share = await page.getByRole('figure', { name: 'Ann’s screen' }).boundingBox();
      const ann = await page.getByRole('figure', { name: 'Ann', exact: true }).boundingBox();
      assert.ok(share.width > 2 * ann.width, `${share.width} px for the screen, ${ann.width} px for a person`);
    }
    await pages[0].getByRole('button', { name: 'Stop sharing' }).click();
    await pages[1].getByRole('figure', { name: 'Ann’s screen' }).waitFor({ state: 'detached' });

    await pages[3].getByRole('button', { name: 'Mute' }).click();
    await pages[1].getByRole('figure', { name: 'Dan', exact: true }).getByLabel('muted').waitFor();
    await pages[3].getByRole('button', { name: 'Stop video' }).click();
    await pages[1].getByRole('figure', { name: 'Dan', exact: true }).getByText('D', { exact: true }).waitFor();
    await pages[3].getByRole('button', { name: 'Start video' }).click();
    await plays(pages[1], 'Dan');
  });

  await t.test('an invitation in the fragment, and what a moderator may do', async (t) => {
    await server.run('mutation { createSession(id: "board") { id } }', {}, { authorization: `Bearer ${secret}` });
    const invite = async (role, data) => {
      const answer = await server.run(
        'mutation ($role: Role, $data: String) { createToken(sessionId: "board", role: $role, data: $data) { token } }',
        { role, data },
        { authorization: `Bearer ${secret}` },
      );
      return `${server.origin}/s/board#token=${answer.createToken.token}`;
    };
    const stranger = await openPage(t, browser, `${server.origin}/s/board`);
    await stranger.getByRole('textbox', { name: 'Name' }).fill('Nobody');
    await stranger.getByRole('button', { name: 'Join' }).click();
    await stranger.getByText('This session asks for an invitation.').waitFor();

    const chair = await openPage(t, browser, await invite('MODERATOR', 'Chair'));
    assert.equal(new URL(chair.url()).hash, ''); // the token is removed from the visible address
    assert.equal(await chair.getByRole('textbox', { name: 'Name' }).inputValue(), 'Chair');
    await chair.getByRole('button', { name: 'Join' }).click();
    const guest = await openPage(t, browser, await invite('PUBLISHER', 'Guest'));
    await guest.getByRole('button', { name: 'Turn camera off' }).waitFor();
    await guest.getByRole('button', { name: 'Join' }).click();
    const reader = await openPage(t, browser, await invite('SUBSCRIBER', 'Reader'));
    await reader.getByRole('button', { name: 'Join' }).click();
    await Promise.all([plays(chair, 'Guest'), plays(reader, 'Guest')]);

    await reader.getByText('You may read here, but not write.').waitFor();
    assert.equal(await reader.getByRole('button', { name: 'Start video' }).count(), 0);
    assert.equal(await guest.getByRole('button', { name: /Remove|Mute all|End the/ }).count(), 0);

    await chair.getByRole('button', { name: 'People' }).click();
    const row = chair.getByRole('listitem').filter({ hasText: 'Guest' });
    await row.getByRole('button', { name: 'Mute Guest' }).click();
    await guest.getByText('A moderator muted you').waitFor();
    await guest.getByRole('button', { name: 'Unmute' }).waitFor();
    await row.getByLabel('microphone off').waitFor();
    await row.getByRole('button', { name: 'End the video of Guest' }).click();
    await chair.getByRole('dialog').getByRole('button', { name: 'End video' }).click();
    await guest.getByText('A moderator ended your video').waitFor();
    await guest.getByRole('button', { name: 'Start video' }).click();
    await plays(chair, 'Guest');
    await row.getByRole('button', { name: 'Remove Guest' }).click();
    await chair.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
    await guest.getByRole('heading', { name: 'You were removed' }).waitFor();
    await reader.getByText('Guest was removed by a moderator').waitFor();
    await reader.getByRole('figure', { name: 'Guest' }).waitFor({ state: 'detached' });
  });

  await t.test('a ninth stream is refused, and eight are shown', async (t) => {
    const ann = await joinSession(t, browser, `${server.origin}/s/many`, 'Ann', { audio: false, video: false });
    const ben = await openPage(t, browser, `${server.origin}/s/many`);
    const ninth = await ben.evaluate(async () => {
      const { connect } = await import(new URL('../sdk/chattok.js', location.href));
      const session = await connect({ session: 'many', data: 'Ben' });
      const canvas = document.createElement('canvas');
      canvas.getContext('2d').fillRect(0, 0, 10, 10);
      const publish = () => session.publish(canvas.captureStream(5), { videoType: 'CUSTOM' });
      for (let n = 0; n < 8; n++) await publish();
      return publish().then(
        () => 'published',
        (error) => `${error.code} ${error.message}`,
      );
    });
    assert.match(ninth, /^RATE_LIMITED .*at most 8 streams/);
    await ann.waitForFunction(() => document.querySelectorAll('figure[aria-label=Ben]').length === 8);
    assert.equal(await ann.getByRole('figure').count(), 9);
  });
});

test('without a camera', async (t) => {
  const server = await startServer(t);
  const browser = await startBrowser(t);
  const cases = {
    denied: 'The camera is blocked. Allow it in the browser’s address bar to use it.',
    missing: 'No camera was found.',
  };
  for (const [camera, text] of Object.entries(cases)) {
    await t.test(`one whose camera is ${camera} is told so, joins, reads, writes and sees`, async (t) => {
      const other = await startBrowser(t, { camera });
      const url = `${server.origin}/s/${camera}`;
      const ann = await joinSession(t, browser, url, 'Ann');
      const ben = await openPage(t, other, url);
      await ben.getByText(text).waitFor();
      await ben.getByRole('textbox', { name: 'Name' }).fill('Ben');
      await ben.getByRole('button', { name: 'Join' }).click();
      await plays(ben, 'Ann');
      await ben.getByText(text).waitFor();
      await say(ben, 'no picture of me');
      await entries(ann, 'no picture of me').waitFor();
      assert.equal(await ann.getByRole('figure', { name: 'Ben', exact: true }).locator('video:visible').count(), 0);
    });
  }

  await t.test('over plain http the page says why there is none', async (t) => {
    // Chromium treats loopback addresses as secure, but not a name that resolves to one.
    const plain = await startBrowser(t, { name: 'chat.example' });
    const anyHost = await startServer(t, { CHATTOK_ORIGINS: '*' });
    const url = new URL(`${anyHost.origin}/s/plain`);
    url.hostname = 'chat.example';
    const ann = await openPage(t, plain, url.href);
    await ann.getByText('This page came over plain HTTP').waitFor();
    await ann.getByRole('textbox', { name: 'Name' }).fill('Ann');
    await ann.getByRole('button', { name: 'Join' }).click();
    await say(ann, 'heard all the same');
    await entries(ann, 'heard all the same').waitFor();
  });
});

/** Returns the bitrate limit of each video sent, in bits per second. */
const limits = (page) =>
  page.evaluate(() =>
    globalThis.peers
      .filter((peer) => peer.connectionState === 'connected')
      .flatMap((peer) => peer.getSenders())
      .filter(({ track }) => track?.kind === 'video')
      .map((sender) => sender.getParameters().encodings[0].maxBitrate),
  );
