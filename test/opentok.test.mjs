// Pages for OpenTok.js, unchanged but for the script's address: the samples of the public documentation, in pages of another
// origin.
import assert from 'node:assert/strict';
import test from 'node:test';
import { startBrowser } from './app.mjs';
import { emptyPage, join, openOT, pageOf, play, shows, told, waitTold } from './opentok.mjs';
import { servePages } from './sdk.mjs';
import { startServer } from './server.mjs';

/** A video chat: joins, publishes the camera, subscribes to all streams, and sends text by signals. */
const videoChat = `
  var session = OT.initSession('472032', '2_MX40NzIwMzJ-fjE0OTU2NjA3MzQ0MjB-Tm90aGluZ34');
  session.on('streamCreated', function (event) {
    session.subscribe(event.stream, 'subscriber', { insertMode: 'append', width: '100%', height: '100%' }, handleError);
  });
  session.on('sessionDisconnected', function (event) { console.log('disconnected', event.reason); });
  session.on('signal:msg', function (event) {
    var line = document.createElement('p');
    line.textContent = event.data;
    line.className = event.from.connectionId === session.connection.connectionId ? 'mine' : 'theirs';
    document.querySelector('#history').appendChild(line);
  });
  var publisher = OT.initPublisher('publisher', { insertMode: 'append', width: '100%', height: '100%' }, handleError);
  session.connect('devtoken', function (error) {
    if (error) handleError(error);
    else session.publish(publisher, handleError);
  });
  document.querySelector('form').addEventListener('submit', function (event) {
    event.preventDefault();
    session.signal({ type: 'msg', data: document.querySelector('input').value }, handleError);
  });
  function handleError(error) { if (error) throw error; }
`;
const chatBody = '<div id="history"></div><form><input><button>Send</button></form>';

/** Helpers of a page that make tracks to publish. */
const sources = `
  function painted(colour) {
    var canvas = Object.assign(document.createElement('canvas'), { width: 320, height: 240 });
    var context = canvas.getContext('2d');
    setInterval(function () {
      context.fillStyle = colour;
      context.fillRect(0, 0, canvas.width, canvas.height);
    }, 50);
    return canvas;
  }
  function tone(pan) {
    var context = new AudioContext();
    var panner = new StereoPannerNode(context, { pan: pan });
    var oscillator = new OscillatorNode(context, { frequency: 440 });
    var destination = context.createMediaStreamDestination();
    oscillator.connect(panner).connect(destination);
    oscillator.start();
    return destination.stream.getAudioTracks()[0];
  }
  function recording(colour) {
    return new Promise(function (resolve) {
      var stream = painted(colour).captureStream(20);
      stream.addTrack(tone(0));
      var recorder = new MediaRecorder(stream);
      recorder.ondataavailable = function (event) { resolve(URL.createObjectURL(event.data)); };
      recorder.start();
      setTimeout(function () { recorder.stop(); }, 1500);
    });
  }
  function subscribeToAll(options) {
    session.on('streamCreated', function (event) {
      globalThis.subscriber = session.subscribe(event.stream, 'subscriber', Object.assign({ insertMode: 'append' }, options));
    });
  }
  function published(properties) {
    return new Promise(function (resolve, reject) {
      globalThis.publisher = OT.initPublisher('publisher', Object.assign({ insertMode: 'append' }, properties), function (error) {
        if (error) return reject(error);
        session.publish(publisher, function (error) { error ? reject(error) : resolve(publisher.stream.videoType); });
      });
    });
  }
`;

const sent = '.OT_publisher .OT_video-element';
const received = '.OT_subscriber .OT_video-element';

test('pages written for OpenTok', async (t) => {
  const server = await startServer(t, { CHATTOK_GRACE: '5s' });
  const origin = await servePages(t, {
    '/chat': pageOf(server, videoChat, { body: chatBody }),
    '/': pageOf(server, sources),
  });
  const browser = await startBrowser(t);
  let sessions = 0;

  /** Opens two pages in a new session; the second subscribes to all streams. */
  const pair = async (t, options = {}) => {
    const pages = await Promise.all([openOT(t, browser, `${origin}/`), openOT(t, browser, `${origin}/`)]);
    const session = `pair-${++sessions}`;
    for (const page of pages) assert.equal(await join(page, session), 'connected');
    await pages[1].evaluate((options) => globalThis.subscribeToAll(options), options);
    return pages;
  };

  await t.test('a video chat with signals', async (t) => {
    const pages = await Promise.all([openOT(t, browser, `${origin}/chat`), openOT(t, browser, `${origin}/chat`)]);
    for (const page of pages) {
      await play(page, sent);
      await play(page, received);
      assert.equal(await page.locator('.OT_loading').count(), 0);
    }
    await pages[0].locator('input').fill('good morning');
    await pages[0].getByText('Send').click();
    await pages[0].locator('p.mine', { hasText: 'good morning' }).waitFor();
    await pages[1].locator('p.theirs', { hasText: 'good morning' }).waitFor();
  });

  await t.test('a canvas with the microphone beside it, a file that plays from the callback, and a filtered camera', async (t) => {
    const [ann, bob] = await pair(t);
    const again = async (colour, type, publish, argument) => {
      assert.equal(await ann.evaluate(publish, argument), type);
      for (const [page, selector] of [[ann, sent], [bob, received]]) {
        await play(page, selector);
        await shows(page, selector, colour);
      }
      const kinds = await ann.evaluate(() => [globalThis.publisher.getAudioSource(), globalThis.publisher.getVideoSource().track].map(({ kind }) => kind));
      assert.deepEqual(kinds, ['audio', 'video']);
      await ann.evaluate(() => globalThis.publisher.destroy.promise());
      await bob.locator('.OT_subscriber').waitFor({ state: 'detached' });
      assert.equal(await ann.locator('.OT_publisher').count(), 0);
    };
    await again('red', 'custom', () => globalThis.published({ videoSource: globalThis.painted('#f00').captureStream(20).getVideoTracks()[0] }));
    await again('blue', 'custom', async () => {
      const video = document.createElement('video');
      video.src = await globalThis.recording('#00f');
      video.loop = true;
      video.preload = 'auto';
      await new Promise((resolve) => (video.onloadeddata = resolve));
      const stream = video.captureStream();
      globalThis.played = [];
      return new Promise((resolve, reject) => {
        const publish = () => {
          const [videoTrack] = stream.getVideoTracks();
          const [audioTrack] = stream.getAudioTracks();
          if (!videoTrack || !audioTrack || globalThis.played.length > 0) return;
          globalThis.played.push('publishes');
          globalThis.publisher = OT.initPublisher('publisher', { insertMode: 'append', videoSource: videoTrack, audioSource: audioTrack }, (error) => {
            if (error) return reject(error);
            globalThis.played.push(video.paused);
            void video.play();
            globalThis.session.publish(globalThis.publisher, (failed) => (failed ? reject(failed) : resolve(globalThis.publisher.stream.videoType)));
          });
        };
        stream.addEventListener('addtrack', publish);
        publish();
      });
    });
    assert.deepEqual(await ann.evaluate(() => globalThis.played), ['publishes', true]);
    await again('green', 'custom', async () => {
      const camera = await OT.getUserMedia();
      const video = Object.assign(document.createElement('video'), { srcObject: camera, muted: true });
      await video.play();
      const canvas = Object.assign(document.createElement('canvas'), { width: 320, height: 240 });
      const context = canvas.getContext('2d');
      setInterval(() => {
        context.drawImage(video, 0, 0, 320, 240);
        const image = context.getImageData(0, 0, 320, 240);
        for (let i = 0; i < image.data.length; i += 4) image.data.set([0, 255, 0], i);
        context.putImageData(image, 0, 0);
      }, 100);
      return globalThis.published({ videoSource: canvas.captureStream(10).getVideoTracks()[0], audioSource: camera.getAudioTracks()[0] });
    });
  });

  await t.test('a screen, by name and by a track, that the user ends', async (t) => {
    const [ann, bob] = await pair(t);
    const capability = await ann.evaluate(() => new Promise((resolve) => OT.checkScreenSharingCapability(resolve)));
    assert.equal(capability.supported, true);
    assert.equal(capability.extensionRegistered, undefined);
    assert.equal(await ann.evaluate(() => globalThis.published({ videoSource: 'screen', name: 'screen' })), 'screen');
    await play(bob, received);
    assert.equal(await bob.locator('.OT_subscriber.OT_fit-mode-contain').count(), 1);
    assert.equal(await ann.locator('.OT_publisher.OT_mirrored').count(), 0);
    await ann.evaluate(() => {
      globalThis.stopped = [];
      const { publisher, stopped } = globalThis;
      publisher.on('mediaStopped', ({ track }) => stopped.push(`mediaStopped ${track.kind}`));
      publisher.on('streamDestroyed', ({ reason }) => stopped.push(`streamDestroyed ${reason}`));
      publisher.on('destroyed', () => stopped.push('destroyed'));
      const { track } = publisher.getVideoSource();
      track.stop();
      track.dispatchEvent(new Event('ended')); // as the browser does when the user stops sharing
    });
    await bob.locator('.OT_subscriber').waitFor({ state: 'detached' });
    assert.deepEqual(await ann.evaluate(() => globalThis.stopped), ['mediaStopped video', 'streamDestroyed mediaStopped', 'destroyed']);
    const type = await ann.evaluate(async () => {
      const screen = await navigator.mediaDevices.getDisplayMedia({ video: true });
      return globalThis.published({ videoSource: screen.getVideoTracks()[0], audioSource: null, name: 'a track' });
    });
    assert.equal(type, 'custom');
    await play(bob, received);
  });

  await t.test('music in stereo, published, destroyed and published again; its level', async (t) => {
    const [ann, bob] = await pair(t);
    for (const pan of [-1, 1]) {
      await ann.evaluate(
        (pan) => globalThis.published({ videoSource: null, audioSource: globalThis.tone(pan), enableStereo: true, audioBitrate: 128_000 }),
        pan,
      );
      await bob.waitForFunction(() => globalThis.subscriber?.element?.isConnected && globalThis.subscriber.element.querySelector('video').srcObject?.getAudioTracks().length === 1);
      const loud = await bob.evaluate(async (pan) => {
        const context = new AudioContext();
        const splitter = new ChannelSplitterNode(context, { numberOfOutputs: 2 });
        context.createMediaStreamSource(globalThis.subscriber.element.querySelector('video').srcObject).connect(splitter);
        const channels = [0, 1].map((channel) => {
          const analyser = new AnalyserNode(context);
          splitter.connect(analyser, channel);
          return analyser;
        });
        const level = (analyser) => {
          const wave = new Float32Array(2048);
          analyser.getFloatTimeDomainData(wave);
          return Math.max(...wave);
        };
        for (;;) {
          const [left, right] = channels.map(level);
          const [near, far] = pan < 0 ? [left, right] : [right, left];
          if (near > 0.2 && far < near / 4) return true;
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
      }, pan);
      assert.equal(loud, true);
      await Promise.all([ann.evaluate(levelOf, 'publisher'), bob.evaluate(levelOf, 'subscriber')]);
      await ann.evaluate(() => globalThis.publisher.destroy());
      await bob.locator('.OT_subscriber').waitFor({ state: 'detached' });
    }
  });

  await t.test('a processor connector, and what it gives back', async (t) => {
    const [ann, bob] = await pair(t);
    await ann.evaluate(() => globalThis.published({ videoSource: globalThis.painted('#f00').captureStream(20).getVideoTracks()[0], audioSource: null }));
    await shows(bob, received, 'red');
    await ann.evaluate(async () => {
      globalThis.connector = {
        calls: [],
        async setTrack(track) {
          this.calls.push(`setTrack ${track.kind}`);
          return globalThis.painted('#00f').captureStream(20).getVideoTracks()[0];
        },
        async destroy() {
          this.calls.push('destroy');
        },
      };
      await globalThis.publisher.setVideoMediaProcessorConnector(globalThis.connector);
    });
    await shows(bob, received, 'blue');
    await shows(ann, sent, 'blue');
    await ann.evaluate(() => globalThis.publisher.setVideoMediaProcessorConnector(null));
    await shows(bob, received, 'red');
    assert.deepEqual(await ann.evaluate(() => globalThis.connector.calls), ['setTrack video', 'destroy']);
  });

  await t.test('a publisher without any session: devices, another one, levels, pictures, sizes', async (t) => {
    const page = await openOT(t, browser, `${origin}/`);
    await page.evaluate(() => OT.getUserMedia().then((media) => media.getTracks().forEach((track) => track.stop())));
    const devices = await page.evaluate(() => new Promise((resolve, reject) => OT.getDevices((error, found) => (error ? reject(error) : resolve(found)))));
    const [cameras, microphones] = ['videoInput', 'audioInput'].map((wanted) => devices.filter(({ kind }) => kind === wanted));
    assert.ok(cameras.length === 2 && microphones.length >= 2, JSON.stringify(devices));
    const allowed = await page.evaluate(async ([camera, microphone]) => {
      globalThis.publisher = await OT.initPublisher.promise('publisher', { videoSource: camera, audioSource: microphone, width: '20rem', height: 200 });
      return globalThis.publisher.accessAllowed;
    }, [cameras[0].deviceId, microphones[0].deviceId]);
    assert.equal(allowed, true);
    await play(page, '#publisher .OT_video-element');
    const using = () => page.evaluate(() => [globalThis.publisher.getVideoSource().deviceId, globalThis.publisher.getAudioSource().getSettings().deviceId]);
    assert.deepEqual(await using(), [cameras[0].deviceId, microphones[0].deviceId]);
    assert.deepEqual(await page.evaluate(() => globalThis.publisher.cycleVideo()), { deviceId: cameras[1].deviceId });
    await page.evaluate((id) => globalThis.publisher.setAudioSource(id), microphones[1].deviceId);
    assert.deepEqual(await using(), [cameras[1].deviceId, microphones[1].deviceId]);
    assert.deepEqual(await page.evaluate(() => globalThis.publisher.cycleVideo()), { deviceId: cameras[0].deviceId });
    await play(page, '#publisher .OT_video-element');
    await page.evaluate(levelOf, 'publisher');
    assert.match(await page.evaluate(() => globalThis.publisher.getImgData()), /^iVBOR/);
    const style = await page.evaluate(() => [globalThis.publisher.id, globalThis.publisher.element.style.width, globalThis.publisher.element.style.height]);
    assert.deepEqual(style, ['publisher', '20rem', '200px']);
    await page.evaluate(() => globalThis.publisher.destroy());
    assert.equal(await page.locator('#publisher').count(), 0);
  });
});

/** Runs in a page: waits for an audible level of the publisher or subscriber. */
function levelOf(name) {
  return new Promise((resolve) => globalThis[name].on('audioLevelUpdated', ({ audioLevel }) => audioLevel > 0.01 && resolve(audioLevel)));
}
