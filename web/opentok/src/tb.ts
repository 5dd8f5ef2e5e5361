// The global TB of OpenTok's first version (0.91): OT with that version's sessions, and stubs for its Flash features.
import { getDevices } from './devices.ts';
import { EventEmitter } from './events.ts';
import { lend } from './lend.ts';
import { warn } from './log.ts';
import { Publisher } from './publisher.ts';
import type { SessionOptions } from './session-types.ts';
import { Subscriber } from './subscriber.ts';
import { TBSession } from './tb-session.ts';

/** Methods that needed Flash or OpenTok's servers. They only warn, because pages call them without checking first. */
const absent: [object, string[]][] = [
  [TBSession.prototype, ['closeArchive', 'createArchive', 'loadArchive', 'startRecording', 'stopRecording']],
  [Publisher.prototype, ['detectDevices', 'getEchoCancellationMode', 'getMicrophoneGain', 'setCamera', 'setMicrophone', 'setMicrophoneGain']],
  [Subscriber.prototype, ['changeOrientation']],
];

function addAbsent(prototype: object, names: string[]): void {
  for (const name of names) Object.defineProperty(prototype, name, { configurable: true, writable: true, value: () => warn(`${name} is not here`) });
}

/** Reports the names of cameras and microphones. It shows no panels to choose one. */
class DeviceManager extends EventEmitter {
  detectDevices(): void {
    const named = (kind: string) => ({ label, kind: each }: { label: string; kind: string }) => (each === kind ? [{ name: label, status: 'notCurrent' }] : []);
    void getDevices().then((found) => {
      const [cameras, microphones] = ['videoInput', 'audioInput'].map((kind) => found.flatMap(named(kind)));
      this.dispatch('devicesDetected', { about: { cameras, microphones, selectedCamera: cameras?.[0], selectedMicrophone: microphones?.[0] } });
    });
  }
}

class RecorderManager extends EventEmitter {}
class StateManager extends EventEmitter {}

Object.assign(TBSession.prototype, { getStateManager: () => new StateManager() });
absent.push([StateManager.prototype, ['set']]);
absent.push([DeviceManager.prototype, ['displayPanel', 'removePanel']]);
absent.push([RecorderManager.prototype, ['displayPlayer', 'displayRecorder', 'removePlayer', 'removeRecorder']]);
for (const [prototype, names] of absent) addAbsent(prototype, names);

/** The sessions that `initSession` made, by their ids; one of OT may have the same id. */
const sessions = new Map<string, TBSession>();

/** Makes a session from its id alone, or from the API key and its id, as pages between the two versions call it. */
function initSession(first: string | number, second?: string | SessionOptions): TBSession {
  const [apiKey, sessionId] = typeof second === 'string' ? [String(first), second] : ['', String(first)];
  lend(() => [...sessions.values()].filter((each) => each.isConnected()));
  const session = sessions.get(sessionId) ?? new TBSession(apiKey, sessionId, typeof second === 'object' ? second : {});
  sessions.set(sessionId, session);
  return session;
}

/** Returns the global TB for the global OT. */
export function firstVersion<OT extends object>(ot: OT) {
  return {
    ...ot,
    EXCEPTION: 'exception',
    initSession,
    initDeviceManager: (_apiKey?: string | number): DeviceManager => new DeviceManager(),
    initRecorderManager: (_apiKey?: string | number): RecorderManager => new RecorderManager(),
  };
}
