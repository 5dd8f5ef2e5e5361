// A backend with npm's `opentok`, and two pages with OpenTok.js's API, unchanged: what the backend does is seen in both.
import assert from 'node:assert/strict';
import test from 'node:test';
import OpenTok from 'opentok';
import { startBrowser } from './app.mjs';
import { emptyPage, join, openOT, told, waitTold } from './opentok.mjs';
import { apiKey, apiSecret } from './opentok-server.mjs';
import { servePages, startNetwork } from './sdk.mjs';
import { startServer } from './server.mjs';

const call = (library, name, ...args) =>
  new Promise((resolve, reject) => {
    library[name](...args, (error, result) => (error ? reject(error) : resolve(result)));
  });

/** Publishes a tone and a picture, and returns whether its audio is on once the session has told of the stream. */
const publish = (page, name) =>
  page.evaluate(async (name) => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 320, height: 240 });
    canvas.getContext('2d').fillRect(0, 0, 320, 240);
    const audio = new AudioContext();
    const { stream: tone } = Object.assign(audio.createMediaStreamDestination());
    const publisher = OT.initPublisher('publisher', { name, audioSource: tone.getAudioTracks()[0], videoSource: canvas.captureStream(5).getVideoTracks()[0], insertMode: 'append' });
    publisher.on('muteForced', () => globalThis.told.push(`publisher: muteForced ${name}`));
    globalThis.publishers = { ...globalThis.publishers, [name]: publisher };
    await globalThis.session.publish.promise(publisher);
    return publisher.stream.streamId;
  }, name);

const audible = (page, name) => page.evaluate((name) => globalThis.publishers[name].getAudioSource().enabled, name);

test("a backend's acts are seen by two pages", async (t) => {
  const server = await startServer(t, { CHATTOK_API_KEY: apiKey, CHATTOK_API_SECRET: apiSecret, CHATTOK_GRACE: '1m' });
  const network = await startNetwork(t, server);
  const origin = await servePages(t, { '/': emptyPage(server), '/far': emptyPage({ origin: network.url.slice(0, -1) }) });
  const browser = await startBrowser(t);
  const library = new OpenTok(apiKey, apiSecret, server.origin);
  const { sessionId } = await call(library, 'createSession', {});
  const pages = await Promise.all([openOT(t, browser, `${origin}/`), openOT(t, browser, `${origin}/`)]);
  const [ann, bob] = pages;
  assert.equal(await join(ann, sessionId, library.generateToken(sessionId, { role: 'publisher', data: 'Ann' })), 'connected');
  assert.equal(await join(bob, sessionId, library.generateToken(sessionId, { role: 'moderator', data: 'Bob' }, true)), 'connected');
  assert.equal(await ann.evaluate(() => globalThis.session.connection.data), 'Ann');
  const idOf = (page) => page.evaluate(() => globalThis.session.connection.connectionId);

  await t.test('signals', async () => {
    for (const page of pages)
      await page.evaluate(() => globalThis.session.on('signal', ({ type, data, from }) => globalThis.told.push(`signal ${JSON.stringify([type, data, from])}`)));
    await call(library, 'signal', sessionId, null, { type: 'chat', data: 'both' });
    await call(library, 'signal', sessionId, await idOf(ann), { data: 'one' });
    for (const page of pages) await waitTold(page, 'signal ["signal:chat","both",null]');
    await waitTold(ann, 'signal ["signal","one",null]');
  });

  await t.test('a mute of all, which stays', async () => {
    const first = await publish(ann, 'first');
    await waitTold(bob, 'streamCreated first');
    assert.deepEqual((await call(library, 'listStreams', sessionId)).map(({ id, name }) => [id, name]), [[first, 'first']]);
    await call(library, 'forceMuteAll', sessionId, {});
    for (const page of pages) await waitTold(page, 'muteForced true');
    await waitTold(ann, 'publisher: muteForced first');
    await ann.waitForFunction(() => !globalThis.publishers.first.getAudioSource().enabled);

    await publish(ann, 'second');
    await waitTold(ann, 'publisher: muteForced second');
    assert.equal(await audible(ann, 'second'), false);
    await waitTold(bob, 'streamCreated second');
    const hasAudio = () => bob.evaluate(() => globalThis.session.streams.find(({ name }) => name === 'second').hasAudio);
    assert.equal(await hasAudio(), false);
    await ann.evaluate(() => globalThis.publishers.second.publishAudio(true));
    await waitTold(bob, 'hasAudio of second: true');

    await call(library, 'disableForceMute', sessionId);
    await publish(ann, 'third');
    await waitTold(bob, 'streamCreated third');
    assert.equal(await audible(ann, 'third'), true);
    assert.equal((await told(ann)).includes('publisher: muteForced third'), false);
  });

  await t.test("a page's own mute of all stays too, until it ends it", async () => {
    await bob.evaluate(() => globalThis.session.forceMuteAll());
    await publish(ann, 'fourth');
    await waitTold(ann, 'publisher: muteForced fourth');
    await bob.evaluate(() => globalThis.session.disableForceMute());
    await publish(ann, 'fifth');
    assert.equal(await audible(ann, 'fifth'), true);
  });

  await t.test('publisheronly', async () => {
    const eve = await openOT(t, browser, `${origin}/`);
    assert.equal(await join(eve, sessionId, library.generateToken(sessionId, { role: 'publisheronly' })), 'connected');
    assert.deepEqual(await eve.evaluate(() => [globalThis.session.capabilities.publish, globalThis.session.capabilities.subscribe]), [1, 0]);
    await waitTold(eve, 'streamCreated first');
    const refused = await eve.evaluate(() =>
      globalThis.session.subscribe.promise(globalThis.session.streams.where()[0], 'subscriber').then(
        () => 'subscribed',
        ({ name, code }) => [name, code],
      ),
    );
    assert.deepEqual(refused, ['OT_PERMISSION_DENIED', 1600]);
    await publish(eve, "eve's");
    await waitTold(bob, "streamCreated eve's");
  });

  await t.test("a connection's role and data change, also during an outage", async (t) => {
    const eve = await openOT(t, browser, `${origin}/far`);
    assert.equal(await join(eve, sessionId, library.generateToken(sessionId, { role: 'subscriber' })), 'connected');
    const eveId = await idOf(eve);
    const setRole = (role) => server.run('mutation($id: ID!, $role: Role!, $in: ID!) { setRole(connectionId: $id, role: $role, sessionId: $in) { role } }', { id: eveId, role, in: sessionId }, { authorization: `Bearer ${apiSecret}` });
    const capabilities = () => eve.evaluate(() => Object.values(globalThis.session.capabilities).join());
    const may = (wanted) =>
      eve.waitForFunction((wanted) => Object.values(globalThis.session.capabilities).join() === wanted, wanted).catch(async (error) => {
        throw new Error(`it may not do ${wanted}, but ${await capabilities()}`, { cause: error });
      });
    await may('0,0,0,0,1');

    await setRole('PUBLISHER');
    await may('0,0,0,1,1');
    await publish(eve, 'speech');
    await waitTold(bob, 'streamCreated speech');

    await setRole('SUBSCRIBER');
    await may('0,0,0,0,1');
    await waitTold(bob, 'streamDestroyed speech forceUnpublished');
    const refused = await eve.evaluate(() => globalThis.session.publish.promise(OT.initPublisher(undefined, { audioSource: null })).catch(({ name, code }) => [name, code]));
    assert.deepEqual(refused, ['OT_PERMISSION_DENIED', 1500]);

    network.off();
    await waitTold(eve, 'sessionReconnecting');
    await setRole('MODERATOR');
    assert.equal(await capabilities(), '0,0,0,0,1');
    network.on();
    await eve.evaluate(() => void dispatchEvent(new Event('online')));
    await waitTold(eve, 'sessionReconnected');
    await may('1,1,1,1,1');
    assert.equal(await idOf(eve), eveId);

    await eve.evaluate(() => globalThis.session.chattok.setData('Eve').then(() => {}));
    for (const page of [bob, eve]) await page.waitForFunction((id) => globalThis.session.connections.get(id).data === 'Eve', eveId);
    assert.equal(await eve.evaluate(() => globalThis.session.connection.data), 'Eve');
  });

  await t.test('a connection is ended', async () => {
    await call(library, 'forceDisconnect', sessionId, await idOf(ann));
    await waitTold(ann, 'sessionDisconnected forceDisconnected');
    await waitTold(bob, 'connectionDestroyed forceDisconnected');
  });
});
