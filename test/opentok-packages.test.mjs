// Third-party packages on the global OT, unchanged from npm: bundled into pages of another origin that load our script in place
// of OpenTok's.
import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { atEnd } from './at-end.mjs';
import { startBrowser } from './app.mjs';
import { rolldown } from './opentok-pages/node_modules/rolldown/dist/index.mjs';
import { openOT, pageOf, play } from './opentok.mjs';
import { servePages } from './sdk.mjs';
import { startServer } from './server.mjs';

/** Bundles a page's module with the packages that it imports. */
async function bundled(t, name, source) {
  const input = fileURLToPath(new URL(`opentok-pages/${name}.${process.pid}.page.js`, import.meta.url));
  await writeFile(input, source);
  atEnd(t, () => rm(input, { force: true }));
  const bundle = await rolldown({
    input,
    platform: 'browser',
    resolve: { alias: { '@opentok/client': fileURLToPath(new URL('../web/opentok/dist/opentok.js', import.meta.url)) } },
    transform: { define: { 'process.env.NODE_ENV': '"production"' } },
    logLevel: 'silent',
  });
  const [{ code }] = (await bundle.generate({ format: 'iife' })).output;
  await bundle.close();
  return code.replaceAll('</script', '<\\/script');
}

const react = `
  import React from 'react';
  import ReactDOM from 'react-dom';
  import { OTSession, OTPublisher, OTStreams, OTSubscriber } from 'opentok-react';
  const e = React.createElement;
  globalThis.told = [];
  class App extends React.Component {
    state = { video: true, shown: true };
    componentDidMount() { globalThis.app = this; }
    render() {
      const failed = (error) => { throw error; };
      return e(OTSession, { apiKey: '123456', sessionId: 'react', token: 'devtoken', onError: failed, eventHandlers: { sessionConnected: () => told.push('sessionConnected') } },
        e('div', null,
          this.state.shown && e(OTPublisher, { properties: { name: 'react', publishVideo: this.state.video, width: 200, height: 150 }, onPublish: () => told.push('onPublish'), onError: failed, eventHandlers: { destroyed: () => told.push('destroyed') } }),
          e(OTStreams, null, e(OTSubscriber, { properties: { width: 200, height: 150 }, onSubscribe: () => told.push('onSubscribe'), onError: failed, eventHandlers: { videoDisabled: ({ reason }) => told.push('videoDisabled ' + reason) } }))));
    }
  }
  ReactDOM.render(e(App), document.getElementById('app'));
`;

const textChat = `
  import TextChat from 'opentok-text-chat';
  const session = OT.initSession('123456', 'text-chat');
  session.connect('devtoken', (error) => {
    if (error) throw error;
    globalThis.chat = new TextChat({ session, sender: { id: session.connection.connectionId, alias: document.title }, textChatContainer: '#chat', controlsContainer: '#controls', alwaysOpen: true });
  });
`;

const screenSharing = `
  import ScreenSharing from 'opentok-screen-sharing';
  globalThis.told = [];
  const session = OT.initSession('123456', 'screen-sharing');
  session.on('streamCreated', ({ stream }) => session.subscribe(stream, 'subscriber', { insertMode: 'append' }));
  session.connect('devtoken', (error) => {
    if (error) throw error;
    globalThis.sharing = new ScreenSharing({
      session,
      dev: true,
      extensionID: 'none',
      appendWebStoreLink: false,
      screenSharingContainer: document.getElementById('publisher'),
      screensharingParent: '#screen',
      controlsContainer: '#controls',
      accPack: { registerEvents() {}, registerEventListener() {}, triggerEvent: (event, data) => told.push(event + (data instanceof Error ? data.message : '')) },
    });
  });
`;

const bundle = `
  import OT from '@opentok/client';
  globalThis.bundled = OT;
`;

const places = '<div id="app"></div><div id="chat"></div><div id="controls"></div><div id="screen"></div>';

test('packages on the global OT', async (t) => {
  const server = await startServer(t, { CHATTOK_GRACE: '5s' });
  const page = async (name, source) => pageOf(server, await bundled(t, name, source), { body: places });
  const origin = await servePages(t, {
    '/react': await page('react', react),
    '/text-chat': await page('text-chat', textChat),
    '/screen-sharing': await page('screen-sharing', screenSharing),
    '/bundle': `<!doctype html><meta charset="utf-8"><title>Bundle</title><link rel="icon" href="data:,"><script>${await bundled(t, 'bundle', bundle)}</script>`,
  });
  const browser = await startBrowser(t);
  // The accelerator's packages report to their own host, which these pages can't reach.
  const pair = (t, path) => Promise.all([1, 2].map(() => openOT(t, browser, `${origin}${path}`, { foreign: true })));

  await t.test('opentok-react: session, publisher, subscribers', async (t) => {
    const pages = await pair(t, '/react');
    for (const page of pages) {
      await play(page, '.OTPublisherContainer.OT_publisher video');
      await play(page, '.OTSubscriberContainer.OT_subscriber video');
      const told = await page.evaluate(() => globalThis.told);
      assert.deepEqual([...told].sort(), ['onPublish', 'onSubscribe', 'sessionConnected']);
    }
    const [ann, bob] = pages;
    await ann.evaluate(() => globalThis.app.setState({ video: false }));
    await bob.waitForFunction(() => globalThis.told.includes('videoDisabled publishVideo'));
    await ann.evaluate(() => globalThis.app.setState({ shown: false }));
    await ann.waitForFunction(() => globalThis.told.includes('destroyed') || document.querySelectorAll('.OT_publisher').length === 0);
    await bob.locator('.OT_subscriber').waitFor({ state: 'detached' });
    await play(ann, '.OTSubscriberContainer.OT_subscriber video');
  });

  await t.test('a bundle, by an alias of @opentok/client, says where the server is', async (t) => {
    const page = await openOT(t, browser, `${origin}/bundle`);
    const found = await page.evaluate(async (url) => {
      const { bundled } = globalThis;
      const failed = await bundled.initSession('123456', 'bundle').connect.promise('').catch(({ name, message }) => `${name}: ${message}`);
      bundled.configure({ url });
      const session = await bundled.initSession('123456', 'bundle').connect.promise('');
      return [failed, session.isConnected(), globalThis.OT === bundled, document.querySelectorAll('link[rel=stylesheet]').length];
    }, server.origin);
    assert.match(found[0], /^OT_CONNECT_FAILED: OT\.configure/);
    assert.deepEqual(found.slice(1), [true, true, 0]);
  });

  await t.test('opentok-text-chat', async (t) => {
    const [ann, bob] = await pair(t, '/text-chat');
    await Promise.all([ann, bob].map((page) => page.locator('#messageBox').waitFor()));
    await ann.locator('#messageBox').fill('good morning');
    await ann.locator('#messageBox').press('Enter');
    await bob.locator('.ots-item-text', { hasText: 'good morning' }).waitFor();
    await bob.locator('#messageBox').fill('to you too');
    await bob.locator('#messageBox').press('Enter');
    await ann.locator('.ots-item-text', { hasText: 'to you too' }).waitFor();
    assert.equal(await ann.locator('.ots-message-sent .ots-item-text', { hasText: 'good morning' }).count(), 1);
  });

  await t.test('opentok-screen-sharing', async (t) => {
    const [ann, bob] = await pair(t, '/screen-sharing');
    await Promise.all([ann, bob].map((page) => page.waitForFunction(() => globalThis.sharing)));
    await ann.evaluate(() => globalThis.sharing.start());
    await ann.waitForFunction(() => globalThis.told.includes('startScreenSharing'));
    await play(bob, '.OT_subscriber video');
    await ann.evaluate(() => globalThis.sharing.end());
    await bob.locator('.OT_subscriber').waitFor({ state: 'detached' });
    assert.deepEqual(await ann.evaluate(() => globalThis.told), ['startScreenSharing', 'endScreenSharing']);
  });
});
