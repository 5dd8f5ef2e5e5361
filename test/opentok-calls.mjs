// Calls of every member of OpenTok's reference that works, in the order in which they are made. Each `run` receives the pages of
// two moderators of one session, and resolves with true.

/** @type {{ names: string[], run: (pages: { ann: import('playwright-core').Page, bob: import('playwright-core').Page }) => Promise<boolean> }[]} */
export const calls = [];

/** Adds a call that covers these members. A function without parameters runs in the first page. */
function call(prefix, members, run) {
  const names = members.split(' ').map((member) => prefix + member);
  calls.push({ names, run: run.length === 0 ? ({ ann }) => ann.evaluate(run) : run });
}

/** Adds members to the last call, which covers them too. */
function and(prefix, members) {
  calls.at(-1).names.push(...members.split(' ').map((member) => prefix + member));
}

/** Adds a check that these members of a function's result, in the first page, are not undefined. */
function look(prefix, members, value) {
  const names = members.split(' ').map((member) => prefix + member);
  const run = async ({ ann }) => {
    const absent = await ann.evaluate(`(async () => { const value = await (${value})(); return ${JSON.stringify(members.split(' '))}.filter((path) => path.split('.').reduce((each, name) => each?.[name], value) === undefined); })()`);
    return absent.length === 0 || absent;
  };
  calls.push({ names, run });
}

/** Adds a wait for events in the first page, and a check of their members. */
function heard(prefix, ...events) {
  for (const event of events) {
    const [name, ...members] = event.split(' ');
    const key = `${prefix}:${name}`;
    const run = async ({ ann }) => {
      await ann.waitForFunction((key) => key in seen, key);
      const absent = await ann.evaluate(([key, members]) => members.filter((member) => seen[key][member] === undefined), [key, members]);
      return absent.length === 0 || absent;
    };
    calls.push({ names: [key, ...members.map((member) => `${key}.${member}`)], run });
  }
}

/** Returns the names of the reference's events by class. */
export function eventNames(rows) {
  const found = { Session: [], Publisher: [], Subscriber: [], 'Session of TB': [] };
  for (const name of rows.flatMap(({ names }) => names)) {
    const [, whose, event] = /^([^:]+):([^.]+)$/.exec(name) ?? [];
    found[whose]?.push(event);
  }
  return found;
}

/** Runs in a page: sets the globals that the calls use: `session`, `publisher`, `subscriber`, the events `seen`, and helpers. */
export function fixture() {
  Object.assign(globalThis, {
    seen: {},
    subscriber: undefined, // shadows the element with this id
    peers: [],
    links: [],
    RTCPeerConnection: class extends RTCPeerConnection {
      constructor(configuration) {
        super(configuration);
        peers.push(configuration);
        links.push(this);
      }
    },
    /** Returns the senders of the page's video. */
    senders: () => links.filter(({ connectionState }) => connectionState !== 'closed').flatMap((link) => link.getSenders()).filter(({ track }) => track?.kind === 'video'),
    async until(holds) {
      while (!holds()) await new Promise((resolve) => setTimeout(resolve, 50));
    },
    watch(whose, emitter, listen = 'on') {
      for (const name of events[whose]) emitter[listen](name, (event) => (seen[`${whose}:${name}`] ??= event));
      return emitter;
    },
    painted() {
      const canvas = (globalThis.canvas = Object.assign(document.createElement('canvas'), { width: 320, height: 240 }));
      const context = canvas.getContext('2d');
      setInterval(() => {
        context.fillStyle = `hsl(${(performance.now() / 10) % 360} 80% 50%)`;
        context.fillRect(0, 0, canvas.width, canvas.height);
      }, 50);
      return canvas.captureStream(20).getVideoTracks()[0];
    },
    tone() {
      const context = new AudioContext();
      const destination = context.createMediaStreamDestination();
      const oscillator = new OscillatorNode(context, { frequency: 440 });
      oscillator.connect(destination);
      oscillator.start();
      return destination.stream.getAudioTracks()[0];
    },
    /** Ends a track as unplugging its device does. */
    unplug(track) {
      track.stop();
      track.dispatchEvent(new Event('ended'));
    },
    waiting: new Set(), // names of events that calls wait for
    heardOf: (emitter, name) => new Promise((resolve) => {
      waiting.add(name);
      emitter.once(name, (event) => {
        waiting.delete(name);
        resolve(event);
      });
    }),
    called: (run) => new Promise((resolve, reject) => run((error, value) => (error ? reject(error) : resolve(value)))),
    hidden: (properties) => OT.initPublisher.promise(undefined, { insertDefaultUI: false, audioSource: null, videoSource: painted(), ...properties }),
    /** Checks that handlers of each form hear an event once, and removed handlers do not. */
    async hears(emitter, name, trigger) {
      const told = [];
      const removed = () => told.push('removed');
      emitter.on(name, () => told.push('on'));
      emitter.once(name, () => told.push('once'));
      emitter.addEventListener(name, () => told.push('listener'));
      emitter.on(name, removed);
      emitter.off(name, removed);
      emitter.addEventListener(name, removed);
      emitter.removeEventListener(name, removed);
      const last = heardOf(emitter, name);
      await trigger();
      await last;
      return told.join() === 'on,once,listener';
    },
    async begin(properties) {
      globalThis.session = watch('Session', OT.initSession('key', 'reference'));
      session.on('streamCreated', ({ stream }) => {
        globalThis.subscriber ??= watch('Subscriber', session.subscribe(stream, 'subscriber', { insertMode: 'append' }));
      });
      await called((completion) => session.connect(token, completion));
      globalThis.publisher = watch('Publisher', OT.initPublisher('publisher', { insertMode: 'append', ...properties }));
      await session.publish.promise(publisher);
    },
  });
}

// OT
call('OT.', 'HAS_REQUIREMENTS NOT_HAS_REQUIREMENTS checkSystemRequirements', () => OT.checkSystemRequirements() === OT.HAS_REQUIREMENTS && OT.NOT_HAS_REQUIREMENTS === 0);
call('OT.', 'addEventListener removeEventListener on once off', () => {
  const failing = () => OT.initPublisher.promise(undefined, { audioSource: null, videoSource: null }).catch(() => {});
  OT.once('exception', (event) => (globalThis.exception = event));
  return hears(OT, 'exception', failing);
});
look('ExceptionEvent.', 'code message title', () => exception);
look('Event.', 'type cancelable target', () => exception);
call('Event.', 'isDefaultPrevented preventDefault', async () => {
  const made = await hidden();
  const prevented = new Promise((resolve) => {
    made.once('streamDestroyed', (event) => {
      const before = event.isDefaultPrevented();
      event.preventDefault();
      resolve(!before && event.isDefaultPrevented());
    });
  });
  await session.publish.promise(made);
  session.unpublish(made);
  const held = await prevented;
  made.destroy();
  return held;
});
look('OTError.', 'name message code', () => session.subscribe.promise('nobodys').catch((error) => error));
look('ScreenSharingCapabilityResponse.', 'supported supportedSources supportedSources.application supportedSources.screen supportedSources.window', () => OT.checkScreenSharingCapability());
call('OT.', 'checkScreenSharingCapability', () => new Promise((resolve) => OT.checkScreenSharingCapability(({ supported }) => resolve(supported))));
call('OT.', 'getAudioOutputDevices setAudioOutputDevice getActiveAudioOutputDevice', async () => {
  const outputs = await OT.getAudioOutputDevices();
  const { deviceId } = outputs.at(-1);
  await OT.setAudioOutputDevice(deviceId);
  return (await OT.getActiveAudioOutputDevice()).deviceId === deviceId;
});
look('AudioOutputDevice.', 'deviceId label', () => OT.getActiveAudioOutputDevice());
call('OT.', 'getDevices', async () => (await called((completion) => OT.getDevices(completion))).length === (await OT.getDevices()).length);
look('Device.', 'kind deviceId label', async () => (await OT.getDevices())[0]);
call('OT.', 'getSupportedCodecs getSupportedCodecs().videoEncoders getSupportedCodecs().videoDecoders', async () => {
  const { videoEncoders, videoDecoders } = await OT.getSupportedCodecs();
  return videoEncoders.includes('VP8') && videoDecoders.includes('VP8');
});
call('OT.', 'hasEndToEndEncryptionSupport', () => OT.hasEndToEndEncryptionSupport() === false);
call('OT.', 'hasMediaProcessorSupport hasMediaProcessorSupport.promise', async () => OT.hasMediaProcessorSupport() === (await OT.hasMediaProcessorSupport.promise('video')));
call('OT.', 'initPublisher initPublisher.promise', async () => {
  const made = await called((completion) => {
    const publisher = OT.initPublisher(undefined, { insertDefaultUI: false, audioSource: null, videoSource: painted() }, (error) => completion(error, publisher));
  });
  const promised = await hidden();
  const both = made.accessAllowed && promised.accessAllowed;
  [made, promised].forEach((each) => each.destroy());
  return both;
});
call('OT.', 'log setLogLevel', () => {
  const { log } = console;
  const said = [];
  console.log = (text) => said.push(text);
  OT.log('unheard');
  OT.setLogLevel(4);
  OT.log('heard');
  OT.setLogLevel(2);
  console.log = log;
  return said.length === 1 && said[0].includes('heard');
});
call('OT.', 'initSession initSession({connectionEventsSuppressed})', async () => {
  const quiet = OT.initSession('quiet', 'reference', { connectionEventsSuppressed: true });
  let told = 0;
  quiet.on('connectionCreated', () => told++);
  await quiet.connect.promise(token);
  await quiet.disconnect();
  return told === 0;
});
call('', 'OT.initSession({iceConfig}) IceConfig.includeServers IceConfig.transportPolicy IceConfig.customServers IceConfig.customServers.urls IceConfig.customServers.username IceConfig.customServers.credential', async () => {
  const customServers = [{ urls: 'turn:127.0.0.1:9', username: 'me', credential: 'mine' }];
  const other = OT.initSession('ice', 'reference', { iceConfig: { includeServers: 'custom', transportPolicy: 'relay', customServers } });
  await other.connect.promise(token);
  const used = async () => {
    peers.length = 0;
    other.subscribe(subscriber.stream, undefined, { insertDefaultUI: false });
    await until(() => peers.length > 0);
    await other.disconnect();
    return `${peers[0].iceTransportPolicy} ${JSON.stringify(peers[0].iceServers)}`;
  };
  const first = await used();
  const urls = 'stun:127.0.0.1:9';
  await other.setIceConfig({ includeServers: 'custom', transportPolicy: 'all', customServers: [{ urls }] }); // for the next connect
  await other.connect.promise(token);
  const second = await used();
  return (first === `relay ${JSON.stringify(customServers)}` && second === `all ${JSON.stringify([{ urls }])}`) || [first, second];
});

// Constraints of cameras and microphones
call('', 'OT.getUserMedia GetUserMediaProperties.audioSource GetUserMediaProperties.videoSource GetUserMediaProperties.resolution GetUserMediaProperties.frameRate GetUserMediaProperties.facingMode', async () => {
  const wanted = (await OT.getDevices()).find(({ kind }) => kind === 'videoInput').deviceId;
  const media = await OT.getUserMedia({ audioSource: null, videoSource: wanted, resolution: '320x240', frameRate: 15, facingMode: 'user' });
  const [track] = media.getTracks();
  const { width, height, deviceId } = track.getSettings();
  const { frameRate, facingMode } = track.getConstraints();
  track.stop();
  return width === 320 && height === 240 && deviceId === wanted && (frameRate.ideal ?? frameRate) === 15 && facingMode === 'user';
});
call('GetUserMediaProperties.', 'autoGainControl echoCancellation noiseSuppression disableAudioProcessing', async () => {
  const asked = async (properties) => {
    const [track] = (await OT.getUserMedia({ videoSource: null, ...properties })).getTracks();
    track.stop();
    const { autoGainControl, echoCancellation, noiseSuppression } = track.getConstraints();
    return [autoGainControl, echoCancellation, noiseSuppression].join();
  };
  const each = await asked({ autoGainControl: false, echoCancellation: true, noiseSuppression: false });
  return each === 'false,true,false' && (await asked({ disableAudioProcessing: true })) === 'false,false,false';
});
call('GetUserMediaProperties.', 'maxResolution', async () => {
  const made = await hidden({ videoSource: 'screen', maxResolution: { width: 320, height: 240 } });
  const { width, height } = made.getVideoSource().track.getSettings();
  made.destroy();
  return width <= 320 && height <= 240;
});
call('', 'PublisherProperties.constraints LegacyMediaStreamConstraints.audio LegacyMediaStreamConstraints.video LegacyMediaTrackConstraints.mandatory LegacyMediaTrackConstraints.optional', async () => {
  const widthOf = async (constraints) => {
    const made = await hidden({ audioSource: undefined, videoSource: undefined, constraints });
    const { width } = made.getVideoSource().track.getSettings();
    const kinds = [made.getAudioSource(), made.getVideoSource().track].map((track) => track?.kind).join();
    made.destroy();
    return `${width} ${kinds}`;
  };
  const now = await widthOf({ audio: false, video: { width: { exact: 320 } } });
  return now === '320 ,video' && (await widthOf({ audio: true, video: { mandatory: { width: 320 }, optional: [{ height: 240 }] } })) === '320 audio,video';
});

// Publisher
look('Publisher.', 'accessAllowed element id session videoWidth videoHeight', () => publisher);
call('Publisher.', 'videoWidth videoHeight', () => publisher.videoWidth() > 0 && publisher.videoHeight() > 0);
call('Publisher.', 'cycleVideo cycleVideo().deviceId getVideoSource getVideoSource().deviceId getVideoSource().type getVideoSource().track', async () => {
  const { deviceId } = await publisher.cycleVideo();
  const now = publisher.getVideoSource();
  return now.deviceId === deviceId && now.type === 'camera' && now.track.readyState === 'live';
});
call('Publisher.', 'setVideoSource setAudioSource getAudioSource', async () => {
  const devices = await OT.getDevices();
  const [camera, microphone] = ['videoInput', 'audioInput'].map((wanted) => devices.filter(({ kind }) => kind === wanted).at(-1).deviceId);
  await publisher.setVideoSource(camera);
  await publisher.setAudioSource(microphone);
  return publisher.getVideoSource().deviceId === camera && publisher.getAudioSource().getSettings().deviceId === microphone;
});
look('AudioInputDevice.', 'deviceId label', () => seen['Publisher:audioInputDeviceChanged'].device);
call('Publisher.', 'destroy destroy.promise', async () => {
  const [one, other] = [await hidden(), await hidden()];
  await other.destroy.promise();
  return one.destroy() === one && OT.publishers.where().every((each) => each !== one && each !== other);
});
call('Publisher.', 'getImgData', () => atob(publisher.getImgData()).startsWith('\x89PNG'));
call('Publisher.', 'getMaxVideoBitrate setMaxVideoBitrate getVideoBitratePreset setVideoBitratePreset', async () => {
  const sent = (bitrate) => until(() => senders().length > 0 && senders().every((sender) => sender.getParameters().encodings[0].maxBitrate === bitrate));
  const said = () => [publisher.getVideoBitratePreset(), publisher.getMaxVideoBitrate()].join();
  await publisher.setVideoBitratePreset('bw_saver');
  await sent(500_000);
  const preset = said();
  await publisher.setVideoBitratePreset('extra_bw_saver');
  await sent(250_000);
  await publisher.setMaxVideoBitrate(300_000);
  await sent(300_000);
  const own = said();
  await publisher.setVideoBitratePreset('default');
  await sent(1_500_000); // what the SDK chooses for two videos
  return preset === 'bw_saver,500000' && own === 'custom,300000' && publisher.getMaxVideoBitrate() === 0;
});
call('Publisher.', 'getStats getRtcStatsReport', async () => {
  const [[one], [other]] = [await called((completion) => publisher.getStats(completion)), await publisher.getRtcStatsReport()];
  return one.connectionId === other.connectionId && other.rtcStatsReport.size > 0;
});
look('PublisherStatContainer.', 'subscriberId connectionId stats', async () => (await publisher.getStats())[0]);
look('PublisherRtcStatsReportContainer.', 'subscriberId connectionId rtcStatsReport', async () => (await publisher.getRtcStatsReport())[0]);
look('PublisherStats.', 'audio video mediaLink timestamp transportStats', async () => (await publisher.getStats())[0].stats);
look('PublisherMediaLink.', 'transport', async () => (await publisher.getStats())[0].stats.mediaLink);
look('TransportStats.', 'connectionEstimatedBandwidth', async () => (await publisher.getStats())[0].stats.transportStats);
look('PublisherVideoStats.', 'frameRate', async () => (await publisher.getStats())[0].stats.video);
look('OutgoingTrackStats.', 'bytesSent packetsLost packetsSent', async () => (await publisher.getStats())[0].stats.video);
call('Publisher.', 'getStyle setStyle', () => {
  publisher.setStyle('nameDisplayMode', 'on');
  publisher.setStyle({ buttonDisplayMode: 'off' });
  return publisher.getStyle().nameDisplayMode === 'on' && publisher.getStyle().buttonDisplayMode === 'off';
});
call('Publisher.', 'getVideoContentHint setVideoContentHint', async () => {
  const hints = () => [publisher.getVideoContentHint(), ...senders().map(({ track }) => track.contentHint)].join();
  await publisher.setVideoContentHint('motion');
  await publisher.cycleVideo();
  const cycled = hints();
  await publisher.setVideoSource(publisher.getVideoSource().deviceId);
  const chosen = hints();
  await publisher.setVideoMediaProcessorConnector({ setTrack: async () => painted(), destroy: async () => {} });
  const processed = hints();
  await publisher.setVideoContentHint('detail');
  const changed = hints();
  await publisher.setVideoMediaProcessorConnector(null);
  const all = [cycled, chosen, processed, changed, hints()].join(' ');
  return all === 'motion,motion motion,motion motion,motion detail,detail detail,detail' || all;
});
call('Publisher.', 'on once off addEventListener removeEventListener', async () => {
  const made = await hidden();
  return hears(made, 'destroyed', () => made.destroy());
});
call('Publisher.', 'publishAudio publishAudio.promise publishVideo publishVideo.promise', async () => {
  publisher.publishAudio(false).publishVideo(false);
  const off = !publisher.getAudioSource().enabled && !publisher.getVideoSource().track.enabled;
  await publisher.publishAudio.promise(true);
  await publisher.publishVideo.promise(true);
  return off && publisher.stream.hasAudio && publisher.stream.hasVideo;
});
call('', 'Publisher.setAudioMediaProcessorConnector Publisher.setVideoMediaProcessorConnector MediaProcessorConnector.setTrack MediaProcessorConnector.destroy', async () => {
  const told = [];
  const connector = (kind) => ({ setTrack: async (track) => (told.push(`${kind} ${track.kind}`), track), destroy: async () => void told.push(`${kind} destroyed`) });
  await publisher.setAudioMediaProcessorConnector(connector('a'));
  await publisher.setVideoMediaProcessorConnector(connector('v'));
  await publisher.setAudioMediaProcessorConnector(null);
  await publisher.setVideoMediaProcessorConnector(null);
  return told.join() === 'a audio,v video,a destroyed,v destroyed';
});
call('Publisher.', 'setPreferredFrameRate setPreferredResolution', async () => {
  await publisher.setPreferredResolution({ width: 320, height: 240 });
  await publisher.setPreferredFrameRate(5);
  const { track } = publisher.getVideoSource();
  const { frameRate } = track.getConstraints();
  return track.getSettings().width === 320 && (frameRate.ideal ?? frameRate) === 5;
});
call('PublisherProperties.', 'mirror name publishAudio publishVideo style videoContentHint audioBitrate enableStereo', async () => {
  const made = await OT.initPublisher.promise('box', {
    insertMode: 'append', mirror: true, name: 'slides', publishAudio: false, publishVideo: false, videoContentHint: 'text',
    style: { nameDisplayMode: 'off' }, audioBitrate: 64_000, enableStereo: true, audioSource: tone(), videoSource: painted(),
  });
  await session.publish.promise(made);
  const { name, hasAudio, hasVideo } = made.stream;
  const shown = made.element.classList.contains('OT_mirrored') && made.getStyle().nameDisplayMode === 'off' && made.getVideoContentHint() === 'text';
  made.destroy();
  return shown && name === 'slides' && !hasAudio && !hasVideo;
});
call('PublisherProperties.', 'disableAudioInputDeviceManagement', async () => {
  const chosen = (await OT.getDevices()).filter(({ kind }) => kind === 'audioInput').at(-1).deviceId;
  const managed = await hidden({ audioSource: chosen });
  const inUse = () => managed.getAudioSource().getSettings().deviceId;
  const replaced = heardOf(managed, 'audioInputDeviceChanged');
  unplug(managed.getAudioSource());
  await replaced;
  const goesOn = managed.getAudioSource().readyState === 'live' && inUse() !== chosen;
  const back = heardOf(managed, 'audioInputDeviceChanged');
  navigator.mediaDevices.dispatchEvent(new Event('devicechange')); // plugged in again
  await back;
  const returned = inUse() === chosen;
  const plain = await hidden({ audioSource: undefined, disableAudioInputDeviceManagement: true });
  const stopped = heardOf(plain, 'mediaStopped');
  unplug(plain.getAudioSource());
  const { track } = await stopped;
  [managed, plain].forEach((each) => each.destroy());
  return goesOn && returned && track.kind === 'audio';
});
call('', 'WidgetProperties.fitMode WidgetProperties.height WidgetProperties.insertDefaultUI WidgetProperties.insertMode WidgetProperties.showControls WidgetProperties.width', async () => {
  const shown = await OT.initPublisher.promise('box', { audioSource: null, videoSource: painted(), insertMode: 'append', fitMode: 'contain', width: 200, height: '50%', showControls: false });
  const bare = await hidden({ insertDefaultUI: false });
  const { element } = shown;
  const { width, height } = element.style;
  const right = element.parentElement.id === 'box' && element.classList.contains('OT_fit-mode-contain') && width === '200px' && height === '50%' && element.querySelector('.OT_mode-off') && !bare.element;
  [shown, bare].forEach((each) => each.destroy());
  return Boolean(right);
});
call('WidgetStyle.', 'audioLevelDisplayMode backgroundImageURI buttonDisplayMode nameDisplayMode', () => {
  const { element } = subscriber;
  const image = 'data:image/gif;base64,R0lGODlhAQABAAAAACw=';
  subscriber.setStyle({ audioLevelDisplayMode: 'on', backgroundImageURI: image, buttonDisplayMode: 'off', nameDisplayMode: 'on' });
  const mode = (part) => element.querySelector(part).className.match(/OT_mode-(\w+)/)[1];
  return [mode('.OT_audio-level-meter'), mode('.OT_mute'), mode('.OT_name')].join() === 'on,off,on' && element.querySelector('.OT_video-poster').style.backgroundImage.includes(image);
});

// Session
look('Session.', 'capabilities capabilities.forceDisconnect capabilities.forceUnpublish capabilities.forceMute capabilities.publish capabilities.subscribe connection sessionId', () => session);
call('Session.', 'connect connect.promise', async () => {
  await called((completion) => session.connect(token, completion));
  return (await session.connect.promise(token)) === session;
});
call('Session.', 'getPublisherForStream getSubscribersForStream', () => session.getPublisherForStream(publisher.stream) === publisher && session.getSubscribersForStream(subscriber.stream)[0] === subscriber);
call('Session.', 'on once off addEventListener removeEventListener', () => hears(session, 'signal:hears', () => session.signal({ type: 'hears', data: 'x' })));
call('Session.', 'signal signal({type}) signal({data}) signal({to}) signal({retryAfterReconnect})', async () => {
  const told = heardOf(session, 'signal:mine');
  await session.signal({ type: 'mine', data: 'to me', to: session.connection, retryAfterReconnect: false });
  const { data, from } = await told;
  return data === 'to me' && from === session.connection;
});
call('Session.', 'publish publish.promise unpublish', async () => {
  const [one, other] = [await hidden(), await hidden()];
  await called((completion) => session.publish(one, completion));
  await session.publish.promise(other);
  const published = one.session === session && other.session === session;
  [one, other].forEach((each) => session.unpublish(each));
  return published && !one.session && !other.session;
});
call('Session.', 'subscribe subscribe.promise unsubscribe', async () => {
  const { stream } = subscriber;
  const one = await called((completion) => {
    const made = session.subscribe(stream, 'box', { insertMode: 'append' }, (error) => completion(error, made));
  });
  const other = await session.subscribe.promise(stream, 'box', { insertMode: 'append' });
  const shown = session.getSubscribersForStream(stream).length === 3;
  [one, other].forEach((each) => session.unsubscribe(each));
  return shown && session.getSubscribersForStream(stream).length === 1;
});
call('Session.', 'disconnect', async () => {
  const other = OT.initSession('other', 'reference');
  await other.connect.promise(token);
  other.on('sessionDisconnected', (event) => (seen['Session:sessionDisconnected'] = event));
  await other.disconnect();
  return !other.isConnected();
});

// Subscriber
look('Subscriber.', 'element id stream', () => subscriber);
look('Stream.', 'connection creationTime hasAudio hasVideo name streamId videoType videoDimensions videoDimensions.width videoDimensions.height', () => subscriber.stream);
look('Dimensions.', 'width height', () => subscriber.stream.videoDimensions);
look('Connection.', 'connectionId creationTime data', () => subscriber.stream.connection);
call('Subscriber.', 'videoWidth videoHeight', () => subscriber.videoWidth() === 320 && subscriber.videoHeight() === 240);
call('Subscriber.', 'getAudioVolume setAudioVolume setAudioVolume.promise', async () => {
  const half = subscriber.setAudioVolume(50).getAudioVolume();
  await subscriber.setAudioVolume.promise(100);
  return half === 50 && subscriber.getAudioVolume() === 100;
});
call('Subscriber.', 'getImgData', () => atob(subscriber.getImgData()).startsWith('\x89PNG'));
call('Subscriber.', 'getStats getRtcStatsReport', async () => (await called((completion) => subscriber.getStats(completion))).video.bytesReceived > 0 && (await subscriber.getRtcStatsReport()).size > 0);
look('SubscriberStats.', 'audio video mediaLink timestamp', () => subscriber.getStats());
look('SubscriberMediaLink.', 'transport', async () => (await subscriber.getStats()).mediaLink);
look('IncomingTrackStats.', 'bytesReceived packetsLost packetsReceived', async () => (await subscriber.getStats()).audio);
look('SubscriberVideoStats.', 'codec width height bitrate totalBitrate frameRate decodedFrameRate pauseCount totalPausesDuration freezeCount totalFreezesDuration', async () => (await subscriber.getStats()).video);
call('Subscriber.', 'getStyle setStyle', () => {
  subscriber.setStyle('nameDisplayMode', 'off');
  return subscriber.getStyle().nameDisplayMode === 'off';
});
call('Subscriber.', 'on once off addEventListener removeEventListener', async () => {
  const made = await session.subscribe.promise(subscriber.stream, undefined, { insertDefaultUI: false });
  return hears(made, 'destroyed', () => session.unsubscribe(made));
});
call('Subscriber.', 'setAudioMediaProcessorConnector setVideoMediaProcessorConnector', async () => {
  const told = [];
  const connector = { setTrack: async (track) => (told.push(track.kind), track), destroy: async () => void told.push('destroyed') };
  await subscriber.setAudioMediaProcessorConnector(connector);
  await subscriber.setAudioMediaProcessorConnector(null);
  await subscriber.setVideoMediaProcessorConnector(connector);
  await subscriber.setVideoMediaProcessorConnector(null);
  return told.join() === 'audio,destroyed,video,destroyed';
});
call('Subscriber.', 'subscribeToAudio subscribeToAudio.promise subscribeToVideo subscribeToVideo.promise', async () => {
  subscriber.subscribeToAudio(false).subscribeToVideo(false);
  const none = subscriber.element.querySelector('video').srcObject.getTracks().length === 0;
  await subscriber.subscribeToAudio.promise(true);
  await subscriber.subscribeToVideo.promise(true);
  return none;
});
call('SubscriberProperties.', 'audioVolume style subscribeToAudio subscribeToVideo', async () => {
  const properties = { insertMode: 'append', audioVolume: 20, style: { nameDisplayMode: 'on' }, subscribeToAudio: false, subscribeToVideo: false };
  const made = await session.subscribe.promise(subscriber.stream, 'box', properties);
  const right = made.getAudioVolume() === 20 && made.getStyle().nameDisplayMode === 'on' && !made.element.querySelector('video').srcObject;
  session.unsubscribe(made);
  return right;
});
call('', 'Subscriber.isAudioBlocked OT.unblockAudio', async () => {
  const { play } = HTMLMediaElement.prototype;
  let touched = false;
  HTMLMediaElement.prototype.play = function () {
    return this.muted || touched ? play.call(this) : Promise.reject(new DOMException('no touch', 'NotAllowedError'));
  };
  const made = session.subscribe(subscriber.stream, 'box', { insertMode: 'append' });
  for (const name of ['audioBlocked', 'audioUnblocked']) made.on(name, (event) => (seen[`Subscriber:${name}`] = event));
  await heardOf(made, 'audioBlocked');
  const blocked = made.isAudioBlocked();
  touched = true;
  await OT.unblockAudio();
  HTMLMediaElement.prototype.play = play;
  const free = !made.isAudioBlocked();
  session.unsubscribe(made);
  return blocked && free;
});

// Events: first those that have to be caused, then a check of those heard so far.
call('Publisher:', 'accessDenied', async () => {
  const { getUserMedia } = navigator.mediaDevices;
  navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', 'NotAllowedError'));
  const made = OT.initPublisher(undefined, { insertDefaultUI: false });
  const { type } = await heardOf(made, 'accessDenied');
  navigator.mediaDevices.getUserMedia = getUserMedia;
  made.destroy();
  return type === 'accessDenied';
});
call('Publisher:', 'destroyed mediaStopped mediaStopped.track streamDestroyed streamDestroyed.stream streamDestroyed.reason videoDimensionsChanged videoDimensionsChanged.oldValue videoDimensionsChanged.newValue', async () => {
  const made = await OT.initPublisher.promise('box', { insertMode: 'append', audioSource: null, videoSource: painted() });
  await until(() => made.videoWidth());
  const resized = heardOf(made, 'videoDimensionsChanged');
  Object.assign(canvas, { width: 160, height: 120 });
  const { oldValue, newValue } = await resized;
  await session.publish.promise(made);
  const [stopped, ended, gone] = ['mediaStopped', 'streamDestroyed', 'destroyed'].map((name) => heardOf(made, name));
  unplug(made.getVideoSource().track);
  const [{ track }, { stream, reason }, { type }] = await Promise.all([stopped, ended, gone]);
  return oldValue.width === 320 && newValue.width === 160 && track.kind === 'video' && stream === made.stream && reason === 'mediaStopped' && type === 'destroyed';
});

// Calls with effects in the other page
call('Session.', 'forceMuteStream', async ({ ann, bob }) => {
  await bob.evaluate(() => session.forceMuteStream(subscriber.stream));
  await ann.waitForFunction(() => seen['Publisher:muteForced']);
  await ann.evaluate(() => session.forceMuteStream(subscriber.stream));
  await bob.waitForFunction(() => seen['Publisher:muteForced']);
  return true;
});
call('Session.', 'forceMuteAll disableForceMute', async ({ ann, bob }) => {
  await bob.evaluate(() => void (delete seen['Publisher:muteForced']));
  await ann.evaluate(() => session.forceMuteAll());
  await bob.waitForFunction(() => seen['Publisher:muteForced']);
  await ann.evaluate(() => session.disableForceMute());
  await bob.evaluate(() => void publisher.publishAudio(true));
  return true;
});
call('Subscriber:', 'videoDisabled videoDisabled.reason videoEnabled videoEnabled.reason', async ({ ann, bob }) => {
  for (const [on, name] of [[false, 'videoDisabled'], [true, 'videoEnabled']]) {
    const told = ann.evaluate((name) => heardOf(subscriber, name).then(({ reason }) => reason), name);
    await ann.evaluate(() => subscriber.getStyle()); // by now the handler is added
    await bob.evaluate((on) => publisher.publishVideo.promise(on), on);
    if ((await told) !== 'publishVideo') return false;
  }
  return true;
});
call('Subscriber:', 'videoDimensionsChanged videoDimensionsChanged.oldValue videoDimensionsChanged.newValue', async ({ ann, bob }) => {
  await bob.evaluate(() => void Object.assign(canvas, { width: 640, height: 480 }));
  await ann.waitForFunction(() => seen['Subscriber:videoDimensionsChanged']);
  return ann.evaluate(() => {
    const { oldValue, newValue } = seen['Subscriber:videoDimensionsChanged'];
    return oldValue.width > 0 && newValue.width > 0;
  });
});
and('VideoDimensionsChangedEvent.', 'oldValue newValue');
heard('Session', 'sessionConnected', 'connectionCreated connection', 'streamCreated stream', 'streamPropertyChanged stream changedProperty oldValue newValue', 'signal type data from', 'sessionDisconnected reason');
heard('Publisher', 'accessAllowed', 'audioInputDeviceChanged device', 'audioLevelUpdated audioLevel', 'mediaStreamAvailable mediaStream', 'muteForced', 'streamCreated stream', 'videoElementCreated element');
heard('Subscriber', 'audioBlocked', 'audioUnblocked', 'audioLevelUpdated audioLevel', 'connected', 'mediaStreamAvailable mediaStream', 'videoElementCreated element');

// The first version
call('TB.', 'HAS_REQUIREMENTS NOT_HAS_REQUIREMENTS checkSystemRequirements', () => TB.checkSystemRequirements() === TB.HAS_REQUIREMENTS && TB.NOT_HAS_REQUIREMENTS === 0);
call('TB.', 'addEventListener removeEventListener initPublisher log setLogLevel reportIssue upgradeSystemRequirements', async () => {
  TB.setLogLevel(TB.ERROR);
  TB.log('unheard');
  TB.upgradeSystemRequirements();
  const told = [];
  const handler = ({ code }) => told.push(code);
  const failing = async () => {
    const made = TB.initPublisher('1127', 'nowhere', { audioSource: null, videoSource: null });
    await made.ready.catch(() => {});
    made.destroy();
  };
  TB.addEventListener('exception', handler);
  await failing();
  await TB.reportIssue();
  TB.removeEventListener('exception', handler);
  await failing();
  await TB.reportIssue();
  TB.setLogLevel(TB.WARN);
  return told.join() === '1500';
});
call('DeviceManager.', 'addEventListener removeEventListener detectDevices devicesDetected devicesDetected.cameras devicesDetected.microphones devicesDetected.selectedCamera devicesDetected.selectedMicrophone', async () => {
  const manager = TB.initDeviceManager('1127');
  const removed = () => (manager.heard = true);
  manager.addEventListener('devicesDetected', removed);
  manager.removeEventListener('devicesDetected', removed);
  const told = new Promise((resolve) => manager.addEventListener('devicesDetected', resolve));
  manager.detectDevices();
  const { cameras, microphones, selectedCamera, selectedMicrophone } = await told;
  return !manager.heard && selectedCamera === cameras[0] && selectedMicrophone === microphones[0] && [selectedCamera, selectedMicrophone].every(({ name, status }) => name !== '' && status === 'notCurrent');
});
call('', 'TB.initSession OT_Widget.init', async () => {
  globalThis.tb = watch('Session of TB', TB.initSession('reference'), 'addEventListener');
  globalThis.removed = 0;
  const handler = () => removed++;
  tb.addEventListener('sessionConnected', handler);
  tb.removeEventListener('sessionConnected', handler);
  document.getElementById('box').replaceChildren();
  OT_Widget.init(tb, 'box', 400, 300);
  tb.connect('1127', token);
  await until(() => document.querySelectorAll('#box .OT_subscriber').length >= 2 && document.querySelector('#box .OT_publisher'));
  return removed === 0;
});
and('Session of TB.', 'addEventListener removeEventListener connect');
call('OT_LayoutContainer.', 'init addStream removeStream layout', () => {
  OT_LayoutContainer.init('box', 400, 300);
  OT_LayoutContainer.addStream('one more', false);
  OT_LayoutContainer.layout();
  const [four, { width }] = [document.getElementById('box').children.length, document.getElementById('one more').parentElement.style];
  OT_LayoutContainer.removeStream('one more');
  OT_LayoutContainer.layout();
  return four === 4 && width === '200px' && !document.getElementById('one more');
});
call('Session of TB.', 'publish unpublish subscribe unsubscribe', async () => {
  const published = tb.publish('tb publisher', { width: 120, height: 90, audioSource: null, videoSource: painted() });
  await heardOf(published, 'streamCreated');
  const { id, element } = published;
  published.publishVideo(false);
  const shown = tb.subscribe(published.stream, 'tb subscriber', { width: 200, height: 150 });
  shown.element.width = 100;
  const right = id === 'tb publisher' && element.width === 120 && shown.id === 'tb subscriber' && shown.element.offsetWidth === 100;
  await until(() => seen['Session of TB:streamPropertyChanged']);
  tb.unsubscribe(shown);
  tb.unpublish(published);
  return right && !document.getElementById('tb subscriber');
});
call('Publisher and Subscriber of TB.', 'accessAllowed accessDenied', async () => {
  const { getUserMedia } = navigator.mediaDevices;
  const told = [];
  const publish = async () => {
    const made = TB.initPublisher('1127', 'tb camera');
    for (const name of ['accessAllowed', 'accessDenied']) made.addEventListener(name, ({ type }) => told.push(type));
    await made.ready.catch(() => {});
    await TB.reportIssue(); // resolves after the events that are queued
    made.destroy();
  };
  await publish();
  navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', 'NotAllowedError'));
  await publish();
  navigator.mediaDevices.getUserMedia = getUserMedia;
  return told.join() === 'accessAllowed,accessDenied';
});
call('Session of TB.', 'forceDisconnect forceUnpublish signal disconnect', async () => {
  const victim = OT.initSession('victim', 'reference');
  await victim.connect.promise(token);
  const made = await hidden();
  await victim.publish.promise(made);
  const ended = heardOf(made, 'streamDestroyed');
  await tb.forceUnpublish(made.stream.streamId);
  const { reason } = await ended;
  const left = heardOf(victim, 'sessionDisconnected');
  await tb.forceDisconnect(victim.connection.connectionId);
  const { reason: why } = await left;
  await until(() => seen['Session of TB:connectionDestroyed']);
  tb.signal();
  await until(() => seen['Session of TB:signalReceived']);
  await tb.disconnect();
  return reason === 'forceUnpublished' && why === 'forceDisconnected';
});
heard('Session of TB', 'sessionConnected connections streams', 'connectionCreated connections', 'connectionDestroyed connections reason', 'streamCreated streams', 'streamDestroyed streams reason', 'streamPropertyChanged stream changedProperty oldValue newValue', 'signalReceived fromConnection', 'sessionDisconnected reason');

// The other page is forced out; later it crashes.
call('Session.', 'forceUnpublish forceDisconnect', async ({ ann, bob }) => {
  for (const name of ['streamDestroyed', 'connectionDestroyed']) await ann.evaluate((name) => void (delete seen[`Session:${name}`]), name);
  await ann.evaluate(() => session.forceUnpublish(subscriber.stream));
  await bob.waitForFunction(() => seen['Publisher:streamDestroyed']?.reason === 'forceUnpublished');
  await ann.evaluate(() => session.forceDisconnect(session.connections.find(({ connectionId }) => connectionId !== session.connection.connectionId)));
  await bob.waitForFunction(() => seen['Session:sessionDisconnected']?.reason === 'forceDisconnected');
  return true;
});
heard('Session', 'streamDestroyed stream reason', 'connectionDestroyed connection reason');
heard('Subscriber', 'destroyed reason');
call('Subscriber:', 'disconnected', async ({ ann, bob }) => {
  await ann.evaluate(() => void (globalThis.subscriber = undefined));
  await bob.evaluate(() => {
    globalThis.subscriber = 'none';
    return session.connect.promise(token).then(() => hidden()).then((made) => session.publish.promise(made)).then(() => {});
  });
  await ann.waitForFunction(() => subscriber?.element?.querySelector('video').videoWidth > 0);
  await ann.evaluate(() => void subscriber.on('disconnected', () => (globalThis.vanished = true)));
  const crash = bob.waitForEvent('crash');
  void bob.goto('chrome://crash').catch(() => {});
  await crash;
  await ann.waitForFunction(() => globalThis.vanished);
  return true;
});
