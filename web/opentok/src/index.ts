// The global OT: the API of OpenTok.js 2, on the ChatTok SDK. See docs/opentok.md.
import { withPromise, settled, type Completion } from './completion.ts';
import { getActiveAudioOutputDevice, getAudioOutputDevices, getDevices, getUserMedia, setAudioOutputDevice } from './devices.ts';
import { OTError } from './errors.ts';
import { EventEmitter, type Handler } from './events.ts';
import { uniqueId } from './ids.ts';
import { info, levels, log, setLogLevel, warn } from './log.ts';
import { Publisher, type PublisherProperties } from './publisher.ts';
import { exceptions, publishers, sessions, subscribers } from './registry.ts';
import { Connection, Stream } from './roster.ts';
import { configure } from './server.ts';
import type { SessionOptions } from './session-types.ts';
import { Session } from './session.ts';
import { Subscriber } from './subscriber.ts';
import { checkScreenSharingCapability, checkSystemRequirements, getSupportedCodecs, hasMediaProcessorSupport } from './system.ts';
import { firstVersion } from './tb.ts';
import type { Target } from './widget.ts';

type PublisherArguments =
  | [target?: Target, properties?: PublisherProperties | Completion | null | undefined, completion?: Completion | undefined]
  | [apiKey: string | number, target: Target, properties?: PublisherProperties | Completion | null | undefined, completion?: Completion | undefined];

/** Makes a publisher from the arguments of initPublisher. Old pages pass their API key first. */
function publisherOf(from: PublisherArguments): Publisher {
  const completion = from.find((each) => typeof each === 'function') as Completion | undefined;
  const [first, second] = from;
  const placed = second !== null && (typeof second === 'string' || second instanceof HTMLElement);
  const bareKey = typeof first === 'number' || (typeof first === 'string' && /^\d+$/.test(first) && !document.getElementById(first));
  const target = placed ? second : bareKey ? undefined : (first as Target);
  const properties = from.find((each) => typeof each === 'object' && each !== null && !(each instanceof HTMLElement)) as PublisherProperties | undefined;
  return new Publisher(typeof target === 'function' ? undefined : target, { ...properties }, completion);
}

function initSession(apiKey: string | number, sessionId?: string | SessionOptions, options: SessionOptions = {}): Session {
  if (typeof sessionId === 'string') return sessions.find(({ sessionId: id, apiKey: key }) => id === sessionId && key === String(apiKey)) ?? new Session(String(apiKey), sessionId, options);
  return new Session('', String(apiKey), sessionId ?? {}); // the first version's form
}

function unblockAudio(): Promise<undefined> {
  return Promise.all(subscribers.map((subscriber) => subscriber.unblock())).then(() => undefined);
}

/** Writes an id to the console, to find the moment in its log again. There is nobody to report to. */
function reportIssue(completion?: Completion<string>): Promise<string> {
  const id = uniqueId();
  info(`issue ${id}`);
  return settled(Promise.resolve(id), completion);
}

const OT = {
  ...levels,
  /** The two results of checkSystemRequirements. */
  HAS_REQUIREMENTS: 1,
  NOT_HAS_REQUIREMENTS: 0,
  version: '2',
  configure,
  initSession,
  initPublisher: withPromise(
    (...from: PublisherArguments): Publisher => publisherOf(from),
    (...from: PublisherArguments): Promise<Publisher> =>
      new Promise((resolve, reject) => {
        const publisher = publisherOf(from);
        publisher.ready.then(() => resolve(publisher), reject);
      }),
  ),
  getUserMedia,
  getDevices,
  getAudioOutputDevices,
  getActiveAudioOutputDevice,
  setAudioOutputDevice,
  unblockAudio,
  checkSystemRequirements,
  upgradeSystemRequirements: (): void => {},
  checkScreenSharingCapability,
  /** Does nothing: browsers share screens without an extension. */
  registerScreenSharingExtension: (_kind: string, _id: string, _version: number): void => {},
  hasMediaProcessorSupport,
  hasEndToEndEncryptionSupport: (): boolean => false,
  getSupportedCodecs,
  setProxyUrl: (_url: string): void => warn('the server is where OT.configure says, or where the script came from'),
  setLogLevel,
  log,
  reportIssue,
  on: (name: string | object, handler?: Handler, context?: object): void => void exceptions.on(name as string, handler as Handler, context),
  once: (name: string | object, handler?: Handler, context?: object): void => void exceptions.once(name as string, handler as Handler, context),
  off: (name?: string | object, handler?: Handler, context?: object): void => void exceptions.off(name as string, handler, context),
  addEventListener: (name: string, handler: Handler): void => void exceptions.on(name, handler),
  removeEventListener: (name: string, handler: Handler): void => void exceptions.off(name, handler),
  sessions,
  publishers,
  subscribers,
  Session,
  Publisher,
  Subscriber,
  Connection,
  Stream,
  EventEmitter,
  Error: OTError,
};

// Other scripts of the page use these globals, also where a module loader or a bundler loaded this one.
Object.assign(globalThis, { OT, TB: firstVersion(OT) });

export default OT;
