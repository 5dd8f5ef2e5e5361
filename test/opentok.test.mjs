// Pages that were written for OpenTok.js, unchanged but for the script's address: what the samples of the public
// documentation do, in two browsers' pages of another origin.
import assert from 'node:assert/strict';
import test from 'node:test';
import { startBrowser } from './app.mjs';
import { openOT, pageOf, play } from './opentok.mjs';
import { servePages } from './sdk.mjs';
import { startServer } from './server.mjs';

/** The beginning that all these pages share: join, publish the camera, subscribe to everybody. */
const videoChat = `
  var session = OT.initSession('472032', '2_MX40NzIwMzJ-fjE0OTU2NjA3MzQ0MjB-Tm90aGluZ34');
  session.on('streamCreated', function (event) {
    session.subscribe(event.stream, 'subscriber', { insertMode: 'append', width: '100%', height: '100%' }, handleError);
  });
  session.on('sessionDisconnected', function (event) { console.log('disconnected', event.reason); });
  var publisher = OT.initPublisher('publisher', { insertMode: 'append', width: '100%', height: '100%' }, handleError);
  session.connect('devtoken', function (error) {
    if (error) handleError(error);
    else session.publish(publisher, handleError);
  });
  function handleError(error) { if (error) throw error; }
`;

test('pages written for OpenTok', async (t) => {
  const server = await startServer(t, { CHATTOK_GRACE: '5s' });
  const origin = await servePages(t, {
    '/chat': pageOf(server, videoChat),
  });
  const browser = await startBrowser(t);

  await t.test('a video chat', async (t) => {
    const pages = await Promise.all([openOT(t, browser, `${origin}/chat`), openOT(t, browser, `${origin}/chat`)]);
    for (const page of pages) {
      await play(page, '.OT_publisher .OT_video-element');
      await play(page, '.OT_subscriber .OT_video-element');
      assert.equal(await page.locator('.OT_loading').count(), 0);
    }
  });
});
