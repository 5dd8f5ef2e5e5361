// The SDK's media in pages of another origin: who sees which stream, refusals, and recovery from failures.
import assert from 'node:assert/strict';
import net from 'node:net';
import { once } from 'node:events';
import test from 'node:test';
import { atEnd } from './at-end.mjs';
import { startBrowser } from './app.mjs';
import {
  blankPage,
  happened,
  joinIn,
  openBlank,
  openTab,
  publishCamera,
  servePages,
  videosPlay,
  waitFor,
  waitForState,
} from './sdk.mjs';
import { startServer } from './server.mjs';

const secret = 'a secret of the tests, thirty-two bytes and more';
const names = ['Ann', 'Bob', 'Cid', 'Dan'];

/** Publishes a canvas, as `drawn` in the page: any MediaStream can be published. */
const publishCanvas = (page, name, options = {}) =>
  page.evaluate(
    async ([name, options]) => {
      const canvas = Object.assign(document.createElement('canvas'), { width: 640, height: 360 });
      const context = canvas.getContext('2d');
      setInterval(() => {
        context.fillStyle = `hsl(${(performance.now() / 10) % 360} 80% 50%)`;
        context.fillRect(0, 0, 640, 360);
      }, 50);
      globalThis.drawn = await globalThis.session.publish(canvas.captureStream(20), { name, ...options });
    },
    [name, options],
  );

test('media through the SDK', async (t) => {
  const server = await startServer(t, { CHATTOK_GRACE: '5s', CHATTOK_API_SECRET: secret });
  const origin = await servePages(t, { '/': blankPage(server) });
  const browser = await startBrowser(t);
  const open = (t, other = browser) => openBlank(t, other, `${origin}/`);
  const token = async (role, session, data) => {
    const operator = { authorization: `Bearer ${secret}` };
    await server.run('mutation($id: ID) { createSession(id: $id) { id } }', { id: session }, operator);
    const mint = 'mutation($s: ID!, $r: Role, $d: String) { createToken(sessionId: $s, role: $r, data: $d) { token } }';
    return (await server.run(mint, { s: session, r: role, d: data }, operator)).createToken.token;
  };

  await t.test('four in a mesh: twelve videos play, and each is sent smaller', async (t) => {
    const pages = await Promise.all(names.map(() => open(t)));
    for (const [n, page] of pages.entries()) await joinIn(page, { session: 'mesh', data: names[n] });
    await Promise.all(pages.map((page) => publishCamera(page)));
    await Promise.all(pages.map((page) => videosPlay(page, 3)));
    for (const page of pages) {
      // The camera gives 640 by 480; a session of four allows 360 lines.
      await page.waitForFunction(async () => {
        const sent = (await globalThis.publication.stats()).filter(({ kind }) => kind === 'video');
        return sent.length === 3 && sent.every(({ height }) => height !== undefined && height <= 360);
      });
      const rates = await page.evaluate(async () => {
        await globalThis.publication.stats();
        await new Promise((resolve) => setTimeout(resolve, 1_000));
        const sent = (await globalThis.publication.stats()).filter(({ kind }) => kind === 'video');
        return sent.map(({ bitrate }) => bitrate);
      });
      for (const rate of rates) assert.ok(rate > 0 && rate < 900_000, `${rate} bit/s`);
    }
    await pages[3].close();
    await waitFor(pages[0], 'streamDestroyed', 'camera clientDisconnected');
    await Promise.all(pages.slice(0, 3).map((page) => videosPlay(page, 2)));
  });

  await t.test('an offer that comes again while the other way is being negotiated', async (t) => {
    const pages = await Promise.all([open(t), open(t)]);
    for (const page of pages) {
      await page.evaluate(() => {
        // Hears the other end's first offer once more, directly after an offer of its own.
        const isOffer = (message) => message?.description?.type === 'offer';
        globalThis.WebSocket = class extends WebSocket {
          set onmessage(listener) {
            super.onmessage = (event) => {
              if (isOffer(JSON.parse(event.data).payload?.data?.negotiationReceived)) this.again ??= () => listener(event);
              listener(event);
            };
          }
          send(text) {
            super.send(text);
            if (!this.again || globalThis.heardAgain || !isOffer(JSON.parse(text).payload?.variables)) return;
            globalThis.heardAgain = true;
            queueMicrotask(this.again);
          }
        };
      });
      await joinIn(page, { session: 'again' });
    }
    const ids = await Promise.all(pages.map((page) => page.evaluate(() => globalThis.session.store.get().connection.id)));
    const [polite, other] = ids[0] < ids[1] ? pages : [...pages].reverse();
    await publishCamera(polite);
    await videosPlay(other, 1); // the other one offers, and the polite one answers
    await publishCamera(other);
    await videosPlay(polite, 1); // the polite one offers, and hears again the offer that it has answered
    assert.equal(await polite.evaluate(() => globalThis.heardAgain), true);
    for (const page of pages) assert.deepEqual(await happened(page, 'error'), []);
  });

  await t.test('a peer that reloads, one that stops looking, and one that looks again', async (t) => {
    const [ann, bob] = await Promise.all([open(t), open(t)]);
    await joinIn(ann, { session: 'peers', data: 'Ann' });
    await joinIn(bob, { session: 'peers', data: 'Bob' });
    await Promise.all([publishCamera(ann), publishCamera(bob)]);
    await Promise.all([videosPlay(ann, 1), videosPlay(bob, 1)]);

    await bob.reload();
    await bob.waitForFunction(() => globalThis.chattok);
    await joinIn(bob, { session: 'peers', data: 'Bob' });
    await Promise.all([videosPlay(bob, 1), publishCamera(bob)]);
    await Promise.all([videosPlay(ann, 1), videosPlay(bob, 1)]);
    assert.deepEqual(await happened(ann, 'connectionDestroyed'), ['Bob clientDisconnected']);

    await bob.evaluate(() => {
      const [subscription] = globalThis.session.store.get().subscriptions;
      globalThis.looked = subscription.stream;
      subscription.close();
    });
    await ann.waitForFunction(async () => (await globalThis.publication.stats()).length === 0); // nothing is sent without a subscriber
    await videosPlay(ann, 1); // the other direction is unaffected
    await bob.evaluate(() => {
      globalThis.session.subscribe(globalThis.looked, document.querySelector('video'));
    });
    await videosPlay(bob, 1);
  });

  await t.test('muting, another device, a screen beside the camera, the end of a track', async (t) => {
    const [ann, bob] = await Promise.all([open(t), open(t)]);
    await joinIn(ann, { session: 'tracks', data: 'Ann' });
    await joinIn(bob, { session: 'tracks', data: 'Bob' });
    await publishCamera(ann);
    await videosPlay(bob, 1);
    const look = () => bob.evaluate(() => globalThis.session.store.get().streams.map(({ hasAudio, hasVideo }) => [hasAudio, hasVideo]));
    await ann.evaluate(() => globalThis.publication.setAudio(false));
    await bob.waitForFunction(() => globalThis.session.store.get().streams[0].hasAudio === false);
    await ann.evaluate(() => globalThis.publication.setVideo(false));
    await bob.waitForFunction(() => globalThis.session.store.get().streams[0].hasVideo === false);
    assert.deepEqual(await look(), [[false, false]]);
    await ann.evaluate(async () => {
      await globalThis.publication.setVideo(true);
      await globalThis.publication.setAudio(true);
    });

    await ann.evaluate(async () => {
      const camera = await globalThis.chattok.openCamera({ video: { width: 320, height: 240 } });
      await globalThis.publication.replaceTrack('video', camera.getVideoTracks()[0]);
    });
    await bob.waitForFunction(() => document.querySelector('video').videoWidth === 320);
    assert.deepEqual(
      await bob.evaluate(() => globalThis.session.store.get().streams.map(({ width, height }) => [width, height])),
      [[320, 240]],
    );

    await publishCanvas(ann, 'slides', { videoType: 'SCREEN' });
    await videosPlay(bob, 2);
    assert.deepEqual(
      await bob.evaluate(() => globalThis.session.store.get().streams.map(({ name, videoType }) => [name, videoType])),
      [['camera', 'CAMERA'], ['slides', 'SCREEN']],
    );
    await ann.evaluate(() => {
      const [track] = globalThis.drawn.media.getTracks();
      track.stop();
      track.dispatchEvent(new Event('ended')); // as the browser does when the user stops sharing
    });
    await waitFor(bob, 'streamDestroyed', 'slides clientDisconnected');
    await videosPlay(bob, 1);
    assert.equal(await ann.evaluate(() => globalThis.drawn.state), 'ended');
  });

  await t.test('eight streams, and one more', async (t) => {
    const [ann, bob] = await Promise.all([open(t), open(t)]);
    await joinIn(ann, { session: 'eight', data: 'Ann' });
    await joinIn(bob, { session: 'eight', data: 'Bob' });
    for (let n = 1; n <= 8; n++) await publishCanvas(ann, `stream ${n}`, { videoType: 'CUSTOM' });
    const ninth = await publishCanvas(ann, 'stream 9').then(
      () => 'published',
      (error) => error.message,
    );
    assert.match(ninth, /8 streams/);
    await waitFor(bob, 'stream', 'stream 8');
    assert.deepEqual(await happened(bob, 'stream'), [1, 2, 3, 4, 5, 6, 7, 8].map((n) => `stream ${n}`));
    await videosPlay(bob, 8);
    await ann.evaluate(() => globalThis.session.unpublish());
    await bob.waitForFunction(() => document.querySelectorAll('video').length === 0);
  });

  await t.test('roles: a subscriber sees and does not publish; a moderator mutes and ends', async (t) => {
    const [ann, bob, mod] = await Promise.all([open(t), open(t), open(t)]);
    await joinIn(ann, { token: await token('PUBLISHER', 'roles', 'Ann') });
    await joinIn(bob, { token: await token('SUBSCRIBER', 'roles', 'Bob') });
    await joinIn(mod, { token: await token('MODERATOR', 'roles', 'Mod') });
    await publishCamera(ann);
    await Promise.all([videosPlay(bob, 1), videosPlay(mod, 1)]);
    const refused = await bob.evaluate(async () => {
      const { session, chattok } = globalThis;
      const camera = await chattok.openCamera();
      const tries = [session.publish(camera), session.post('hello'), session.signal('note', 'hello'), session.forceMute()];
      return (await Promise.allSettled(tries)).map(({ reason }) => reason?.code);
    });
    assert.deepEqual(refused, ['FORBIDDEN', 'FORBIDDEN', 'FORBIDDEN', 'FORBIDDEN']);

    await mod.evaluate(() => globalThis.session.forceMute(globalThis.session.store.get().streams[0].id));
    await waitFor(ann, 'muteForced', '');
    const tracks = await ann.evaluate(() => globalThis.publication.media.getTracks().map(({ kind, enabled }) => [kind, enabled]));
    assert.deepEqual(tracks, [['audio', false], ['video', true]]);
    await bob.waitForFunction(() => globalThis.session.store.get().streams[0].hasAudio === false);
    await mod.evaluate(() => globalThis.session.forceUnpublish(globalThis.session.store.get().streams[0].id));
    await waitFor(bob, 'streamDestroyed', 'camera forceUnpublished');
    await ann.waitForFunction(() => globalThis.publication.state === 'ended');
    await mod.evaluate(() => {
      const { connections } = globalThis.session.store.get();
      return globalThis.session.forceDisconnect(connections.find(({ data }) => data === 'Ann').id);
    });
    await waitForState(ann, 'ended');
    await waitFor(bob, 'connectionDestroyed', 'Ann forceDisconnected');
    assert.deepEqual(await happened(ann, 'state'), ['live', 'ended']); // and does not reconnect
  });

  await t.test('a picture that is shown large is sent better, also to one who only watches, and though the server was away', async (t) => {
    const [ann, bob, mod] = await Promise.all([open(t), open(t), open(t)]);
    await joinIn(ann, { token: await token('PUBLISHER', 'large', 'Ann') });
    await joinIn(bob, { token: await token('SUBSCRIBER', 'large', 'Bob') });
    await joinIn(mod, { token: await token('MODERATOR', 'large', 'Mod') });
    await publishCamera(ann);
    for (const name of ['second', 'third']) await publishCanvas(ann, name);
    await Promise.all([videosPlay(bob, 3), videosPlay(mod, 3)]);
    /** Waits until the camera, which gives 480 lines, is sent with these many to Bob and to Mod. */
    const sent = async (...lines) => {
      const ids = await Promise.all([bob, mod].map((page) => page.evaluate(() => globalThis.session.store.get().connection.id)));
      const heights = async ([ids, lines]) => {
        const stats = (await globalThis.publication.stats()).filter(({ kind }) => kind === 'video');
        return ids.every((id, n) => stats.find(({ connectionId }) => connectionId === id)?.height === lines[n]);
      };
      await ann.waitForFunction(heights, [ids, lines]);
    };
    const setLarge = (on) =>
      bob.evaluate((on) => {
        const { subscriptions } = globalThis.session.store.get();
        subscriptions.find(({ stream }) => stream.name === 'camera').setLarge(on);
      }, on);
    await sent(360, 360);
    await setLarge(true);
    await sent(480, 360);
    await setLarge(false);
    await sent(360, 360);
    await server.kill();
    await waitForState(bob, 'reconnecting');
    await setLarge(true);
    await server.start();
    await Promise.all([ann, bob, mod].map((page) => page.waitForFunction(() => globalThis.session.store.get().state.name === 'live')));
    await sent(480, 360);
  });

  await t.test('kinds switched off and on, why a publication ends, what it reports, a mute that everybody hears of', async (t) => {
    const [ann, mod] = await Promise.all([open(t), open(t)]);
    await joinIn(ann, { token: await token('PUBLISHER', 'kinds', 'Ann') });
    await joinIn(mod, { token: await token('MODERATOR', 'kinds', 'Mod') });
    await ann.evaluate(async () => {
      const media = await globalThis.chattok.openCamera();
      globalThis.level = globalThis.chattok.meter(media);
      globalThis.publication = await globalThis.session.publish(media, { name: 'camera', audio: false, audioBitrate: 20_000, contentHint: 'motion' });
      globalThis.changes = [];
      const { publication, changes, session } = globalThis;
      publication.onChange(() => changes.push([publication.state, publication.reason ?? null, publication.stream.hasAudio]));
      session.on('forceMute', ({ streamId }) => changes.push(streamId === publication.stream.id));
    });
    await videosPlay(mod, 1);
    const media = await ann.evaluate(() => globalThis.publication.media.getTracks().map(({ kind, enabled, contentHint }) => [kind, enabled, contentHint]));
    assert.deepEqual(media, [['audio', false, ''], ['video', true, 'motion']]);
    assert.deepEqual(await mod.evaluate(() => globalThis.session.store.get().streams.map(({ hasAudio, hasVideo }) => [hasAudio, hasVideo])), [[false, true]]);
    await ann.evaluate(() => globalThis.publication.setAudio(true));
    await ann.waitForFunction(() => globalThis.level.level() > 0.01); // the fake microphone beeps

    const sent = (kind) =>
      ann.evaluate(async (kind) => {
        const [{ report }] = await globalThis.publication.reports();
        return [...report.values()].find((each) => each.type === 'outbound-rtp' && each.kind === kind).bytesSent;
      }, kind);
    const received = await mod.evaluate(async () => {
      const report = await globalThis.session.store.get().subscriptions[0].report();
      return [...report.values()].filter(({ type }) => type === 'inbound-rtp').map(({ kind }) => kind).sort();
    });
    assert.deepEqual(received, ['audio', 'video']);
    for (const kind of ['Video', 'Audio']) {
      await mod.evaluate((set) => globalThis.session.store.get().subscriptions[0][set](false), `set${kind}`);
      const still = async () => {
        const before = await sent(kind.toLowerCase());
        await ann.waitForTimeout(1_000);
        return (await sent(kind.toLowerCase())) === before;
      };
      while (!(await still())); // until the pending negotiation is complete
      await mod.evaluate((set) => globalThis.session.store.get().subscriptions[0][set](true), `set${kind}`);
      const before = await sent(kind.toLowerCase());
      while ((await sent(kind.toLowerCase())) === before) await ann.waitForTimeout(100);
    }
    await videosPlay(mod, 1);

    await ann.evaluate(() => (globalThis.changes.length = 0));
    await mod.evaluate(() => {
      const { session } = globalThis;
      session.on('forceMute', ({ streamId, connectionId }) => globalThis.happened.push(['forceMute', `${streamId === undefined} ${connectionId === session.store.get().connection.id}`]));
      return session.forceMute(session.store.get().streams[0].id);
    });
    await waitFor(mod, 'forceMute', 'false true');
    await waitFor(ann, 'muteForced', '');
    await mod.evaluate(() => globalThis.session.forceUnpublish(globalThis.session.store.get().streams[0].id));
    await ann.waitForFunction(() => globalThis.publication.state === 'ended');
    const changes = await ann.evaluate(() => globalThis.changes);
    assert.equal(changes[0], true);
    assert.deepEqual(changes.at(-1), ['ended', 'forceUnpublished', false]);
  });

  await t.test('named errors: no camera, none allowed, no sound before a click', async (t) => {
    const [denied, none] = await Promise.all([startBrowser(t, { camera: 'denied' }), startBrowser(t, { camera: 'missing' })]);
    const codeOf = (page) => page.evaluate(() => globalThis.chattok.openCamera().then(() => 'opened', ({ code }) => code));
    assert.equal(await codeOf(await open(t, denied)), 'PERMISSION_DENIED');
    assert.equal(await codeOf(await open(t, none)), 'NO_DEVICE');

    const [ann, bob] = await Promise.all([open(t), open(t)]);
    await bob.evaluate(() => {
      // Imitates a browser before the user touches the page.
      const { play } = HTMLMediaElement.prototype;
      HTMLMediaElement.prototype.play = function () {
        return globalThis.touched ? play.call(this) : Promise.reject(new DOMException('no gesture', 'NotAllowedError'));
      };
    });
    await joinIn(ann, { session: 'autoplay', data: 'Ann' });
    await joinIn(bob, { session: 'autoplay', data: 'Bob' });
    await publishCamera(ann);
    await waitFor(bob, 'error', 'AUTOPLAY_BLOCKED');
    assert.equal(await bob.evaluate(() => globalThis.session.store.get().subscriptions[0].blocked.code), 'AUTOPLAY_BLOCKED');
    const left = await bob.evaluate(async () => {
      globalThis.touched = true;
      const [subscription] = globalThis.session.store.get().subscriptions;
      await subscription.play();
      return subscription.blocked;
    });
    assert.equal(left, undefined);
    await videosPlay(bob, 1);
  });
});

test('media through the built-in TURN server alone', async (t) => {
  const port = await freePort();
  const server = await startServer(t, { CHATTOK_TURN: `127.0.0.1:${port}`, CHATTOK_TURN_ALLOW_PRIVATE: 'true' });
  const origin = await servePages(t, { '/': blankPage(server) });
  const browser = await startBrowser(t);

  for (const transport of ['udp', 'tcp']) {
    await t.test(`over ${transport}, and again after the server was killed`, async (t) => {
      const pages = await Promise.all(
        ['Ann', 'Bob'].map(async () => {
          const context = await browser.newContext();
          atEnd(t, () => context.close());
          await context.addInitScript((transport) => {
            const only = (configuration) => ({
              ...configuration,
              iceServers: configuration.iceServers.map((server) => ({
                ...server,
                urls: server.urls.filter((url) => url.endsWith(`transport=${transport}`)),
              })).filter(({ urls }) => urls.length > 0),
            });
            const Connection = globalThis.RTCPeerConnection;
            globalThis.RTCPeerConnection = class extends Connection {
              constructor(configuration) {
                super(only(configuration));
                globalThis.peer = this;
              }
              setConfiguration(configuration) {
                super.setConfiguration(only(configuration));
              }
            };
          }, transport);
          return openTab(context, `${origin}/`);
        }),
      );
      const rtc = { iceTransportPolicy: 'relay' };
      for (const [n, page] of pages.entries()) await joinIn(page, { session: `turn-${transport}`, data: names[n], rtc });
      await Promise.all(pages.map((page) => publishCamera(page)));
      await Promise.all(pages.map((page) => videosPlay(page, 1)));
      for (const page of pages) {
        const paths = await page.evaluate(async () => {
          const reports = [...(await globalThis.peer.getStats()).values()];
          const pair = reports.find(({ type, nominated, state }) => type === 'candidate-pair' && nominated && state === 'succeeded');
          const local = reports.find(({ id }) => id === pair.localCandidateId);
          return [local.candidateType, local.relayProtocol];
        });
        assert.deepEqual(paths, ['relay', transport]);
        const stats = await page.evaluate(() => globalThis.publication.stats());
        assert.ok(stats.length > 0 && stats.every(({ relayed }) => relayed));
      }
      await server.kill(); // ends every TURN allocation too
      await pages[0].waitForFunction(() => globalThis.session.store.get().subscriptions[0].state === 'interrupted');
      await server.start();
      await Promise.all(pages.map((page) => videosPlay(page, 1)));
      for (const page of pages) assert.deepEqual(await happened(page, 'connectionDestroyed'), []);
    });
  }
});

async function freePort() {
  const listener = net.createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address();
  listener.close();
  await once(listener, 'close');
  return port;
}
