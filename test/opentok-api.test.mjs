// Behaviour that pages for OpenTok rely on beside the calls themselves: the order of events, errors by name and code, roles, the
// elements, and that media which no subscriber wants is not sent.
import assert from 'node:assert/strict';
import test from 'node:test';
import { startBrowser } from './app.mjs';
import { emptyPage, join, mint as mintToken, openOT, pageOf, play, told, waitTold } from './opentok.mjs';
import { servePages } from './sdk.mjs';
import { startServer } from './server.mjs';

const secret = 'a secret of the tests, thirty-two bytes and more';

const mint = (claims) => mintToken(secret, claims);

const hourFromNow = Math.floor(Date.now() / 1000) + 3600;

/** Publishes a canvas as `publisher`; the canvas is `canvas` in the page. */
const publish = (page, name, properties = {}) =>
  page.evaluate(
    ([name, properties]) => {
      const canvas = (globalThis.canvas = Object.assign(document.createElement('canvas'), { width: 320, height: 240 }));
      const context = canvas.getContext('2d');
      setInterval(() => {
        context.fillStyle = `hsl(${(performance.now() / 10) % 360} 80% 50%)`;
        context.fillRect(0, 0, canvas.width, canvas.height);
      }, 50);
      globalThis.publisher = OT.initPublisher('publisher', { name, videoSource: canvas.captureStream(20).getVideoTracks()[0], insertMode: 'append', ...properties });
      const { publisher, told } = globalThis;
      publisher.on({
        streamCreated: ({ stream }) => told.push(`publisher: streamCreated ${stream.name}`),
        streamDestroyed: ({ reason }) => told.push(`publisher: streamDestroyed ${reason}`),
        destroyed: () => told.push('publisher: destroyed'),
        muteForced: () => told.push('publisher: muteForced'),
      });
      return globalThis.session.publish.promise(publisher).then(
        () => 'published',
        ({ name, code }) => ({ name, code }),
      );
    },
    [name, properties],
  );

const subscribe = (page, properties = {}) =>
  page.evaluate((properties) => {
    globalThis.session.on('streamCreated', ({ stream }) => {
      globalThis.subscriber = globalThis.session.subscribe(stream, 'subscriber', { insertMode: 'append', ...properties });
      const { told } = globalThis;
      globalThis.subscriber.on({
        connected: () => told.push('subscriber: connected'),
        destroyed: ({ reason }) => told.push(`subscriber: destroyed ${reason}`),
        videoDisabled: ({ reason }) => told.push(`subscriber: videoDisabled ${reason}`),
        videoEnabled: ({ reason }) => told.push(`subscriber: videoEnabled ${reason}`),
      });
    });
  }, properties);

test('what pages written for OpenTok rely on', async (t) => {
  const server = await startServer(t, { CHATTOK_GRACE: '5s', CHATTOK_API_SECRET: secret });
  const origin = await servePages(t, {
    '/': emptyPage(server),
    '/strict': pageOf(server, '', {
      head: `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src ${server.origin} 'unsafe-inline'; style-src ${server.origin}; connect-src ${server.origin} ${server.socketEndpoint}; img-src data:">`,
    }),
  });
  const browser = await startBrowser(t);
  const open = (t, path = '/') => openOT(t, browser, `${origin}${path}`);
  await server.run('mutation { createSession(id: "roles") { id } }', {}, { authorization: `Bearer ${secret}` });

  await t.test('events come in OpenTok’s order', async (t) => {
    const [ann, bob] = await Promise.all([open(t), open(t)]);
    assert.equal(await join(ann, 'order'), 'connected');
    await ann.evaluate(() => globalThis.told.push('then'));
    assert.equal(await publish(ann, 'slides'), 'published');
    assert.deepEqual(await told(ann), ['sessionConnected', 'connectionCreated me', 'then', 'publisher: streamCreated slides']);

    const early = bob.evaluate(() => {
      // The completion handler is called directly after sessionConnected, before the events that follow it.
      const session = OT.initSession('123456', 'order');
      session.connect('devtoken', () => globalThis.told.push('completion'));
    });
    const [, joined] = await Promise.all([early, join(bob, 'order')]); // at once: handlers that are added after connect must still hear the events
    assert.equal(joined, 'connected');
    await waitTold(bob, 'streamCreated');
    assert.deepEqual(await told(bob), ['sessionConnected', 'completion', 'connectionCreated other', 'connectionCreated me', 'streamCreated slides']);
    await waitTold(ann, 'connectionCreated other');

    // Changes of an own stream are reported too.
    await ann.evaluate(() => globalThis.publisher.publishAudio(false));
    for (const page of [ann, bob]) await waitTold(page, 'hasAudio of slides: false');
    await ann.evaluate(() => Object.assign(globalThis.canvas, { width: 640, height: 360 }));
    for (const page of [ann, bob]) await waitTold(page, 'videoDimensions of slides: {"width":640,"height":360}');
    const ids = await bob.evaluate(() => {
      const { session } = globalThis;
      const [stream] = session.streams.where();
      return [stream.id === stream.streamId, stream.connection.id === stream.connection.connectionId, session.id === session.sessionId, session.connections.length(), stream.videoDimensions];
    });
    assert.deepEqual(ids, [true, true, true, 2, { width: 640, height: 360 }]);
    assert.equal((await told(ann)).some((each) => each.startsWith('streamCreated')), false);

    // The default action runs after all handlers, and can be prevented.
    await ann.evaluate(() => {
      globalThis.told.length = 0;
      globalThis.publisher.once('streamDestroyed', (event) => {
        event.preventDefault();
        globalThis.told.push(`prevented ${event.isDefaultPrevented()}`);
      });
      globalThis.session.unpublish(globalThis.publisher);
    });
    await waitTold(ann, 'prevented true');
    assert.equal(await ann.locator('.OT_publisher').count(), 1);
    await waitTold(bob, 'streamDestroyed slides clientDisconnected');
    await ann.evaluate(() => globalThis.session.publish.promise(globalThis.publisher));
    await bob.waitForFunction(() => globalThis.told.filter((each) => each === 'streamCreated slides').length === 2);

    // Disconnects, and connects again with the same object.
    await ann.evaluate(() => {
      globalThis.told.length = 0;
      return globalThis.session.disconnect();
    });
    await waitTold(ann, 'publisher: destroyed');
    assert.deepEqual(await told(ann), ['publisher: streamDestroyed clientDisconnected', 'sessionDisconnected clientDisconnected', 'publisher: destroyed']);
    assert.equal(await ann.evaluate(() => globalThis.session.connection), null);
    await waitTold(bob, 'connectionDestroyed clientDisconnected');
    await ann.evaluate(() => {
      globalThis.told.length = 0;
      return globalThis.session.connect.promise('').then(() => {});
    });
    await waitTold(ann, 'connectionCreated me');
    assert.deepEqual([...(await told(ann))].sort(), ['connectionCreated me', 'connectionCreated other', 'sessionConnected']);
    assert.equal(await ann.evaluate(() => globalThis.session.isConnected() && globalThis.session.chattok.id), 'order');
  });

  await t.test('handlers in each form; signals with a type, without, to one, with any JSON', async (t) => {
    const [ann, bob] = await Promise.all([open(t), open(t)]);
    for (const page of [ann, bob]) assert.equal(await join(page, 'signals'), 'connected');
    await bob.evaluate(() => {
      const { session } = globalThis;
      const heard = (globalThis.heard = []);
      const context = { name: 'context' };
      session.on('signal', ({ type, data, from }) => heard.push(['signal', type, data, from?.connectionId === session.connection.connectionId]));
      session.on('signal:a signal:b', function ({ data }) { heard.push([this.name, data]); }, context);
      session.on({ 'signal:map': function ({ data }) { heard.push([this.name, data]); } }, context);
      session.once('signal:a', () => heard.push('once'));
      const removed = () => heard.push('removed');
      session.on('signal:a', removed);
      session.off('signal:a', removed);
    });
    const send = (signal) => ann.evaluate((signal) => globalThis.session.signal(signal), signal);
    await ann.waitForFunction(() => globalThis.session.connections.length() === 2);
    await send({ type: 'a', data: 'text' });
    await send({ type: 'a', data: { list: [1, null, 'x'] } });
    await send({ data: 'untyped' });
    await send({});
    await ann.evaluate(() => {
      const { session } = globalThis;
      const other = session.connections.where(({ connectionId }) => connectionId !== session.connection.connectionId)[0];
      return session.signal({ type: 'map', data: 7, to: other });
    });
    await bob.waitForFunction(() => globalThis.heard.length === 9);
    assert.deepEqual(await bob.evaluate(() => globalThis.heard.map((each) => (Array.isArray(each) ? each.map((part) => part ?? null) : each))), [
      ['signal', 'signal:a', 'text', false],
      ['context', 'text'],
      'once',
      ['signal', 'signal:a', { list: [1, null, 'x'] }, false],
      ['context', { list: [1, null, 'x'] }],
      ['signal', 'signal', 'untyped', false],
      ['signal', 'signal', null, false],
      ['signal', 'signal:map', 7, false],
      ['context', 7],
    ]);
  });

  await t.test('moderation, as the others see it, and what each role may', async (t) => {
    const [ann, bob, mod] = await Promise.all([open(t), open(t), open(t)]);
    const token = (role) => mint({ session: 'roles', role, exp: hourFromNow, data: `I am ${role}` });
    assert.equal(await join(ann, 'roles', token('PUBLISHER')), 'connected');
    assert.equal(await join(bob, 'roles', token('SUBSCRIBER')), 'connected');
    assert.equal(await join(mod, 'roles', token('MODERATOR')), 'connected');
    const may = (page) => page.evaluate(() => [globalThis.session.connection.data, ...Object.values(globalThis.session.capabilities)]);
    assert.deepEqual(await may(bob), ['I am SUBSCRIBER', 0, 0, 0, 0, 1]);
    assert.deepEqual(await may(ann), ['I am PUBLISHER', 0, 0, 0, 1, 1]);
    assert.deepEqual(await may(mod), ['I am MODERATOR', 1, 1, 1, 1, 1]);
    await subscribe(bob);

    const refused = await bob.evaluate(async () => {
      const { session } = globalThis;
      const { connection } = session;
      const publisher = OT.initPublisher(undefined, { audioSource: null });
      const tries = [session.publish.promise(publisher), session.forceDisconnect(connection), session.forceUnpublish('x'), session.forceMuteAll(), session.signal({ data: 'x' })];
      const errors = (await Promise.allSettled(tries)).map(({ reason }) => [reason.name, reason.code]);
      publisher.destroy();
      return errors;
    });
    assert.deepEqual(refused, [
      ['OT_PERMISSION_DENIED', 1500],
      ['OT_PERMISSION_DENIED', 1520],
      ['OT_PERMISSION_DENIED', 1530],
      ['OT_PERMISSION_DENIED', 1540],
      ['OT_PERMISSION_DENIED', 400],
    ]);

    assert.equal(await publish(ann, 'camera'), 'published');
    await waitTold(bob, 'subscriber: connected');
    await mod.waitForFunction(() => globalThis.session.streams.length() === 1);
    await mod.evaluate(() => globalThis.session.forceMuteStream(globalThis.session.streams.where()[0]));
    await waitTold(ann, 'publisher: muteForced');
    for (const page of [ann, bob]) await waitTold(page, 'hasAudio of camera: false');
    await ann.evaluate(() => globalThis.publisher.publishAudio(true));
    for (const page of [ann, bob]) await waitTold(page, 'hasAudio of camera: true');
    await mod.evaluate(() => globalThis.session.forceMuteAll());
    for (const page of [ann, bob, mod]) await waitTold(page, 'muteForced true');
    assert.equal(await ann.evaluate(() => globalThis.publisher.getAudioSource().enabled), false);

    await mod.evaluate(() => globalThis.session.forceUnpublish(globalThis.session.streams.where()[0]));
    await waitTold(ann, 'publisher: streamDestroyed forceUnpublished');
    await waitTold(bob, 'subscriber: destroyed forceUnpublished');
    await waitTold(bob, 'streamDestroyed camera forceUnpublished');
    await mod.evaluate(() => {
      const { session } = globalThis;
      return session.forceDisconnect(session.connections.find(({ data }) => data === 'I am PUBLISHER'));
    });
    await waitTold(ann, 'sessionDisconnected forceDisconnected');
    await waitTold(bob, 'connectionDestroyed forceDisconnected');
    const gone = await mod.evaluate(() => globalThis.session.forceUnpublish('nobodys').catch(({ name, code }) => [name, code]));
    assert.deepEqual(gone, ['OT_NOT_FOUND', 1535]);
  });

  await t.test('a picture that nobody wants is not sent, and two subscribers share one stream', async (t) => {
    const [ann, bob] = await Promise.all([open(t), open(t)]);
    for (const page of [ann, bob]) assert.equal(await join(page, 'wanted'), 'connected');
    await subscribe(bob);
    assert.equal(await publish(ann, 'camera'), 'published');
    await play(bob, '.OT_subscriber video');
    const bytes = (kind) => ann.evaluate(async (kind) => (await globalThis.publisher.getStats())[0].stats[kind].bytesSent, kind);
    const grows = async (kind) => {
      const before = await bytes(kind);
      await ann.waitForFunction(async ([kind, before]) => (await globalThis.publisher.getStats())[0].stats[kind].bytesSent > before + 2_000, [kind, before]);
    };
    await grows('video');
    await bob.evaluate(() => globalThis.subscriber.subscribeToVideo(false));
    await waitTold(bob, 'subscriber: videoDisabled subscribeToVideo');
    await ann.waitForFunction(async () => {
      const read = async () => (await globalThis.publisher.getStats())[0].stats.video.bytesSent;
      const before = await read();
      await new Promise((resolve) => setTimeout(resolve, 3_000));
      return (await read()) === before;
    });
    await grows('audio');
    await bob.evaluate(() => globalThis.subscriber.subscribeToVideo(true));
    await waitTold(bob, 'subscriber: videoEnabled subscribeToVideo');
    await grows('video');
    await play(bob, '.OT_subscriber video');

    await bob.evaluate(() => {
      const { session } = globalThis;
      globalThis.second = session.subscribe(session.streams.where()[0], 'subscriber', { insertMode: 'append', subscribeToAudio: false });
    });
    await play(bob, '.OT_subscriber video', 2);
    assert.deepEqual(await bob.evaluate(() => globalThis.session.getSubscribersForStream(globalThis.second.stream).length), 2);
    await bob.evaluate(() => globalThis.session.unsubscribe(globalThis.subscriber));
    await play(bob, '.OT_subscriber video', 1);
    await ann.waitForFunction(async () => {
      const read = async () => (await globalThis.publisher.getStats())[0].stats.audio.bytesSent;
      const before = await read();
      await new Promise((resolve) => setTimeout(resolve, 3_000));
      return (await read()) === before; // the remaining subscriber wants no sound
    });
    const stats = await bob.evaluate(() => globalThis.second.getStats());
    assert.ok(stats.video.bytesReceived > 0 && stats.video.width > 0, JSON.stringify(stats));

    // The publisher turns its video off.
    await ann.evaluate(() => globalThis.publisher.publishVideo(false));
    await bob.waitForFunction(() => document.querySelector('.OT_subscriber.OT_audio-only'));
  });

  await t.test('elements, as pages style and place them, under a policy without inline styles', async (t) => {
    const page = await open(t, '/strict');
    await page.evaluate(() => {
      globalThis.violations = [];
      document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => globalThis.violations.push(`${violatedDirective} ${blockedURI}`));
    });
    const made = await page.evaluate(async () => {
      const look = (publisher) => [publisher.id, publisher.element.className.replace(/ OT_loading/, ''), publisher.element.style.width, publisher.element.parentElement.id || publisher.element.parentElement.tagName];
      const replaced = await OT.initPublisher.promise('publisher', { name: 'me', width: 400, height: '300' });
      const inside = await OT.initPublisher.promise('subscriber', { insertMode: 'append', fitMode: 'contain', mirror: false, videoSource: null, width: '50%', style: { buttonDisplayMode: 'off' } });
      const before = await OT.initPublisher.promise('subscriber', { insertMode: 'before' });
      const nowhere = await OT.initPublisher.promise(undefined, { insertDefaultUI: false });
      const old = await new Promise((resolve, reject) => {
        const publisher = OT.initPublisher('123456', 'subscriber', { insertMode: 'after' }, (error) => (error ? reject(error) : resolve(publisher)));
      });
      Object.assign(globalThis, { replaced, inside });
      return {
        looks: [look(replaced), look(inside).slice(1), look(before).slice(1), look(old).slice(1)],
        generated: /^OT_/.test(inside.id),
        order: [before.element.nextElementSibling.id, document.getElementById('subscriber').nextElementSibling === old.element],
        nowhere: [nowhere.element ?? null, nowhere.id ?? null],
        parts: [...replaced.element.querySelectorAll('*')].map(({ className }) => className.split(' ')[0]),
        name: replaced.element.querySelector('.OT_name').textContent,
        found: [OT.publishers.find({ id: 'publisher' }) === replaced, OT.publishers.length()],
      };
    });
    assert.deepEqual(made.looks, [
      ['publisher', 'OT_root OT_publisher OT_fit-mode-cover OT_mirrored', '400px', 'BODY'],
      ['OT_root OT_publisher OT_fit-mode-contain OT_audio-only', '50%', 'subscriber'],
      ['OT_root OT_publisher OT_fit-mode-cover OT_mirrored', '264px', 'BODY'],
      ['OT_root OT_publisher OT_fit-mode-cover OT_mirrored', '264px', 'BODY'],
    ]);
    assert.deepEqual([made.generated, made.order, made.nowhere, made.name, made.found], [true, ['subscriber', true], [null, null], 'me', [true, 5]]);
    assert.deepEqual(made.parts, ['OT_widget-container', 'OT_video-element', 'OT_video-poster', 'OT_name', 'OT_mute', 'OT_audio-level-meter', 'OT_audio-level-meter__value']);
    await play(page, '#publisher video');
    assert.equal(await page.locator('#publisher.OT_loading').count(), 0);
    assert.equal(await page.evaluate(() => getComputedStyle(document.querySelector('#publisher video')).transform), 'matrix(-1, 0, 0, 1, 0, 0)');
    await page.locator('#publisher').hover();
    await page.locator('#publisher .OT_mute').click();
    assert.equal(await page.evaluate(() => globalThis.replaced.getAudioSource().enabled), false);
    assert.equal(await page.locator('#publisher .OT_mute.OT_active').count(), 1);
    assert.equal(await page.locator('#subscriber .OT_mute.OT_mode-off').isVisible(), false);
    assert.deepEqual(await page.evaluate(() => globalThis.violations), []);
  });

  await t.test('what OT itself has, with no session at all', async (t) => {
    const page = await open(t);
    const found = await page.evaluate(async () => {
      OT.registerScreenSharingExtension('chrome', 'none', 2);
      OT.upgradeSystemRequirements();
      OT.setLogLevel(OT.NONE);
      OT.log('nothing');
      const codecs = await OT.getSupportedCodecs();
      const outputs = await OT.getAudioOutputDevices();
      await OT.setAudioOutputDevice(outputs[0].deviceId);
      return [
        OT.checkSystemRequirements(),
        OT.hasEndToEndEncryptionSupport(),
        OT.hasMediaProcessorSupport() === (await OT.hasMediaProcessorSupport.promise()),
        codecs.videoEncoders.includes('VP8') && codecs.videoDecoders.includes('VP9'),
        (await OT.getActiveAudioOutputDevice()).deviceId === outputs[0].deviceId,
        await OT.setAudioOutputDevice('none').catch(({ name }) => name),
        typeof (await OT.reportIssue()),
        await OT.unblockAudio() ?? null,
        [OT.sessions.length(), OT.publishers.length(), OT.subscribers.length()],
      ];
    });
    assert.deepEqual(found, [1, false, true, true, true, 'OT_INVALID_PARAMETER', 'string', null, [0, 0, 0]]);
  });

  await t.test('sound that the browser holds back until a click; volume; what has no effect', async (t) => {
    const [ann, bob] = await Promise.all([open(t), open(t)]);
    await bob.evaluate(() => {
      // Imitates a browser before the user touches the page: it refuses to play sound.
      const { play } = HTMLMediaElement.prototype;
      HTMLMediaElement.prototype.play = function () {
        return globalThis.touched || this.muted ? play.call(this) : Promise.reject(new DOMException('no gesture', 'NotAllowedError'));
      };
    });
    for (const page of [ann, bob]) assert.equal(await join(page, 'blocked'), 'connected');
    await subscribe(bob, { audioVolume: 30 });
    await bob.evaluate(() => {
      globalThis.session.on('streamCreated', () => {
        globalThis.subscriber.on('audioBlocked', () => globalThis.told.push('audioBlocked')).on('audioUnblocked', () => globalThis.told.push('audioUnblocked'));
      });
    });
    assert.equal(await publish(ann, 'camera'), 'published');
    await waitTold(bob, 'audioBlocked');
    await play(bob, '.OT_subscriber video');
    assert.equal(await bob.evaluate(() => OT.unblockAudio().catch(({ name }) => name)), 'OT_AUDIO_BLOCKED');
    await bob.evaluate(() => {
      globalThis.touched = true;
      return OT.unblockAudio();
    });
    await waitTold(bob, 'audioUnblocked');
    const left = await bob.evaluate(async () => {
      const { subscriber } = globalThis;
      await subscriber.setPreferredResolution({ width: 1, height: 1 });
      subscriber.restrictFrameRate(true).setAudioVolume(70).setStyle('nameDisplayMode', 'off');
      return [subscriber.isAudioBlocked(), subscriber.getAudioVolume(), subscriber.getStyle().nameDisplayMode, subscriber.element.querySelector('video').muted, subscriber.videoWidth()];
    });
    assert.deepEqual(left, [false, 70, 'off', false, 320]);
    await bob.evaluate(() => void globalThis.subscriber.on('videoDimensionsChanged', ({ newValue }) => (globalThis.toldWidth = newValue.width)));
    await ann.evaluate(() => Object.assign(globalThis.canvas, { width: 640, height: 480 }));
    await bob.waitForFunction(() => globalThis.toldWidth === 640);
  });

  await t.test('errors by OpenTok’s name and code', async (t) => {
    const page = await open(t);
    await page.evaluate(() => {
      globalThis.exceptions = [];
      OT.on('exception', ({ code, title }) => globalThis.exceptions.push(`${code} ${title}`));
    });
    const early = await page.evaluate(async () => {
      const session = OT.initSession('123456', 'errors');
      const publisher = OT.initPublisher(undefined, { audioSource: null, insertDefaultUI: false });
      const errors = await Promise.allSettled([session.publish.promise(publisher), session.signal({ data: 'x' }), session.forceMuteAll(), OT.initPublisher.promise(undefined, { audioSource: null, videoSource: false })]);
      return errors.map(({ reason: { name, code } }) => [name, code]);
    });
    assert.deepEqual(early, [['OT_NOT_CONNECTED', 1010], ['OT_NOT_CONNECTED', 500], ['OT_NOT_CONNECTED', 1010], ['OT_INVALID_PARAMETER', 1500]]);
    assert.deepEqual(await page.evaluate(() => globalThis.exceptions), ['1010 Not Connected', '1010 Not Connected', '1500 Unable to Publish']);

    const refusal = async (session, token) => {
      const { name, code } = await join(page, session, token);
      return [name, code];
    };
    assert.deepEqual(await refusal('roles', ''), ['OT_AUTHENTICATION_ERROR', 1004]);
    assert.deepEqual(await refusal('roles', 'T1==cGFydG5lcl9pZD00NzIwMzI='), ['OT_AUTHENTICATION_ERROR', 1004]);
    assert.deepEqual(await refusal('roles', mint({ session: 'roles', role: 'PUBLISHER', exp: hourFromNow - 7200 })), ['OT_AUTHENTICATION_ERROR', 1004]);
    assert.deepEqual(await refusal('other', mint({ session: 'roles', role: 'PUBLISHER', exp: hourFromNow })), ['OT_AUTHENTICATION_ERROR', 1004]);
    assert.deepEqual(await refusal('nobodys', mint({ session: 'nobodys', role: 'PUBLISHER', exp: hourFromNow })), ['OT_INVALID_SESSION_ID', 1005]);
    assert.deepEqual(await refusal('a/b', ''), ['OT_INVALID_SESSION_ID', 1005]);
    assert.equal(await join(page, 'x'.repeat(128), 'devtoken'), 'connected');
    const signals = await page.evaluate(async () => {
      const { session } = globalThis;
      const tries = [{ data: 'x'.repeat(8193) }, { type: 'x'.repeat(129) }, { type: 'a b' }, { data: 'x', to: 'nobody' }, { data: 'x'.repeat(8192) }];
      return (await Promise.allSettled(tries.map((each) => session.signal(each)))).map(({ status, reason }) => reason?.code ?? status);
    });
    assert.deepEqual(signals, [413, 413, 400, 404, 'fulfilled']);
    const nine = await page.evaluate(async () => {
      const canvas = document.createElement('canvas');
      canvas.getContext('2d').fillRect(0, 0, 9, 9);
      const [track] = canvas.captureStream(1).getVideoTracks();
      const tries = Array.from({ length: 9 }, () => globalThis.session.publish.promise(OT.initPublisher(undefined, { videoSource: track.clone(), audioSource: null, insertDefaultUI: false })));
      return (await Promise.allSettled(tries)).flatMap(({ reason }) => (reason ? [reason.name, reason.code] : []));
    });
    assert.deepEqual(nine, ['OT_STREAM_LIMIT_EXCEEDED', 1605]);
    const gone = await page.evaluate(() => globalThis.session.subscribe.promise('nobodys').catch(({ name, code }) => [name, code]));
    assert.deepEqual(gone, ['OT_STREAM_NOT_FOUND', 1604]);
    const absent = await page.evaluate(() => {
      const publisher = OT.publishers.find(() => true);
      const tries = [publisher.publishCaptions(true), publisher.applyVideoFilter({ type: 'backgroundBlur' }), globalThis.session.setEncryptionSecret('a secret')];
      return Promise.allSettled(tries).then((all) => all.map(({ reason }) => reason.name));
    });
    assert.deepEqual(absent, ['OT_NOT_SUPPORTED', 'OT_NOT_SUPPORTED', 'OT_NOT_SUPPORTED']);
  });

  await t.test('no camera, none allowed, an origin that is not listed, a server that is away', async (t) => {
    const denied = await openOT(t, await startBrowser(t, { camera: 'denied' }), `${origin}/`);
    const publish = (page) =>
      page.evaluate(async () => {
        const events = [];
        const publisher = OT.initPublisher('publisher');
        publisher.on('accessDenied', () => events.push('accessDenied')).on('accessAllowed', () => events.push('accessAllowed'));
        await publisher.ready.catch(({ name, code }) => events.push(name, code));
        return [...events, publisher.accessAllowed];
      });
    assert.deepEqual([...(await publish(denied))].sort(), [1500, 'OT_USER_MEDIA_ACCESS_DENIED', 'accessDenied', false].sort());
    const none = await openOT(t, await startBrowser(t, { camera: 'missing' }), `${origin}/`);
    assert.deepEqual(await publish(none), ['OT_NO_DEVICES_FOUND', 1500, false]);

    const elsewhere = await startBrowser(t, { name: 'elsewhere.test' });
    const foreign = await openOT(t, elsewhere, `http://elsewhere.test:${new URL(origin).port}/`, { foreign: true });
    const { name, code, message } = await join(foreign, 'origin');
    assert.deepEqual([name, code], ['OT_CONNECT_FAILED', 1006]);
    assert.match(message, /elsewhere\.test.*CHATTOK_ORIGINS/);

    const away = await openOT(t, browser, `${origin}/`);
    await away.clock.install();
    await server.kill();
    const failed = join(away, 'away');
    await away.waitForFunction(() => globalThis.session?.chattok?.store.get().state.error);
    await away.clock.fastForward(31_000);
    const error = await failed;
    assert.deepEqual([error.name, error.code], ['OT_CONNECT_FAILED', 1006]);
    await server.start();
  });
});
