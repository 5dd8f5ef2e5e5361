// A page for OpenTok while its network, and then the server, is away: the events it hears, and that videos play on.
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import test from 'node:test';
import { startBrowser } from './app.mjs';
import { emptyPage, join, openOT, play, told, waitTold } from './opentok.mjs';
import { servePages, startNetwork } from './sdk.mjs';
import { startServer } from './server.mjs';

const video = '.OT_subscriber .OT_video-element';

test('outages, as OpenTok’s events tell of them', async (t) => {
  const environment = { CHATTOK_GRACE: '20s' };
  const server = await startServer(t, environment);
  const network = await startNetwork(t, server);
  const origin = await servePages(t, {
    '/far': emptyPage({ origin: network.url.slice(0, -1) }),
    '/near': emptyPage(server),
  });
  const browser = await startBrowser(t);
  const [ann, bob] = [await openOT(t, browser, `${origin}/far`), await openOT(t, browser, `${origin}/near`)];
  for (const [page, name] of [[ann, 'ann'], [bob, 'bob']]) {
    assert.equal(await join(page, 'outage'), 'connected');
    await page.evaluate((name) => {
      const { session } = globalThis;
      const subscribe = ({ stream }) => (globalThis.subscriber = session.subscribe(stream, 'subscriber', { insertMode: 'append' }));
      session.on('streamCreated', subscribe);
      session.streams.forEach((stream) => subscribe({ stream })); // streams that came before the handler
      return session.publish.promise(OT.initPublisher('publisher', { name, insertMode: 'append' })).then(() => {});
    }, name);
  }
  await Promise.all([play(ann, video), play(bob, video)]);
  const ids = () => ann.evaluate(() => [globalThis.session.connection.connectionId, OT.publishers.find(() => true).stream.streamId]);
  const clear = () => Promise.all([ann, bob].map((page) => page.evaluate(() => (globalThis.told.length = 0))));

  /** Restores the network, and lets the browser report it. */
  const comeBack = () => {
    network.on();
    return ann.evaluate(() => void dispatchEvent(new Event('online')));
  };

  await t.test('the network is gone for 10 seconds: the same connection, and nobody else sees anything', async () => {
    const before = await ids();
    await clear();
    network.off();
    await waitTold(ann, 'sessionReconnecting');
    await play(ann, video); // media goes from browser to browser
    await delay(10_000);
    await comeBack();
    await waitTold(ann, 'sessionReconnected');
    assert.deepEqual(await told(ann), ['sessionReconnecting', 'sessionReconnected']);
    assert.deepEqual(await told(bob), []);
    assert.deepEqual(await ids(), before);
    await Promise.all([play(ann, video), play(bob, video)]);
  });

  await t.test('the network is gone for 40 seconds: another connection, whose stream is published again', async () => {
    const before = await ids();
    await clear();
    network.off();
    await waitTold(ann, 'sessionReconnecting');
    await delay(40_000);
    await waitTold(bob, 'connectionDestroyed networkDisconnected');
    await comeBack();
    await waitTold(ann, 'sessionReconnected');
    await waitTold(ann, 'connectionCreated me');
    await waitTold(bob, 'streamCreated ann');
    await Promise.all([play(ann, video), play(bob, video)]);
    assert.deepEqual(await told(ann), ['sessionReconnecting', 'sessionReconnected', 'connectionDestroyed networkDisconnected', 'connectionCreated me']);
    assert.deepEqual(await told(bob), ['streamDestroyed ann networkDisconnected', 'connectionDestroyed networkDisconnected', 'connectionCreated other', 'streamCreated ann']);
    const [connection, stream] = await ids();
    assert.ok(connection !== before[0] && stream !== before[1]);
    assert.equal(await bob.evaluate(() => globalThis.session.streams.find({ name: 'ann' }).streamId), stream);
  });

  await t.test('the server is killed: both come back, videos play on', async () => {
    const before = await ids();
    await clear();
    await server.kill();
    environment.CHATTOK_GRACE = '5m'; // long enough for a slow machine: no connection may end
    await Promise.all([waitTold(ann, 'sessionReconnecting'), waitTold(bob, 'sessionReconnecting')]);
    await Promise.all([play(ann, video), play(bob, video)]);
    await server.start();
    await Promise.all([waitTold(ann, 'sessionReconnected'), waitTold(bob, 'sessionReconnected')]);
    for (const page of [ann, bob]) assert.deepEqual(await told(page), ['sessionReconnecting', 'sessionReconnected']);
    assert.deepEqual(await ids(), before);
    await Promise.all([play(ann, video), play(bob, video)]);
  });
});
