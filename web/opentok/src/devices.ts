import { openCamera } from '../../sdk/src/index.ts';
import { settled, type Completion } from './completion.ts';
import { asOTError, codes, OTError } from './errors.ts';
import { openSources, type GetUserMediaProperties } from './sources.ts';

export interface Device {
  kind: 'audioInput' | 'videoInput';
  deviceId: string;
  label: string;
}

export interface AudioOutputDevice {
  deviceId: string | null | undefined;
  label: string | null;
}

const inputs = { audioinput: 'audioInput', videoinput: 'videoInput' } as const;

async function enumerate(): Promise<MediaDeviceInfo[]> {
  if (!navigator.mediaDevices) throw new OTError('OT_NOT_SUPPORTED', 'devices need a page over HTTPS or from loopback', codes.publish);
  return navigator.mediaDevices.enumerateDevices();
}

/** Lists cameras and microphones. Browsers leave the labels empty until one of them was opened. */
export function getDevices(completion?: Completion<Device[]>): Promise<Device[]> {
  const found = enumerate().then((all) =>
    all.flatMap(({ kind, deviceId, label }): Device[] => (kind === 'audiooutput' ? [] : [{ kind: inputs[kind], deviceId, label }])),
  );
  return settled(found, completion);
}

/** The cameras' ids, in the browser's order. */
export async function cameras(): Promise<string[]> {
  return (await getDevices()).filter(({ kind }) => kind === 'videoInput').map(({ deviceId }) => deviceId);
}

export async function getUserMedia(properties: GetUserMediaProperties = {}): Promise<MediaStream> {
  return new MediaStream((await openSources(properties)).tracks);
}

/** Opens one device. */
export async function openDevice(constraints: MediaStreamConstraints): Promise<MediaStreamTrack> {
  try {
    const [track] = (await openCamera(constraints)).getTracks();
    if (track) return track;
  } catch (cause) {
    throw asOTError(cause, codes.publish);
  }
  throw new OTError('OT_NO_DEVICES_FOUND', 'there is no such device', codes.publish);
}

/** Elements whose sound goes to the device that the page chose. */
const elements = new Set<HTMLMediaElement>();
let chosen: string | undefined;

/** Sends the element's sound to the chosen output device from now on. Returns a function that stops following the choice. */
export function followOutput(element: HTMLMediaElement): () => void {
  elements.add(element);
  if (chosen !== undefined) void element.setSinkId?.(chosen).catch(() => {}); // the device has gone: the default plays
  return () => elements.delete(element);
}

export async function getAudioOutputDevices(): Promise<AudioOutputDevice[]> {
  return (await enumerate()).filter(({ kind }) => kind === 'audiooutput').map(({ deviceId, label }) => ({ deviceId, label }));
}

export async function setAudioOutputDevice(deviceId: string): Promise<void> {
  const found = await getAudioOutputDevices();
  if (!found.some((device) => device.deviceId === deviceId)) {
    throw new OTError('OT_INVALID_PARAMETER', 'there is no such audio output device', codes.invalidParameter);
  }
  try {
    await Promise.all([...elements].map((element) => element.setSinkId(deviceId)));
  } catch (cause) {
    throw asOTError(cause, codes.invalidParameter);
  }
  chosen = deviceId;
}

export async function getActiveAudioOutputDevice(): Promise<AudioOutputDevice> {
  const found = await getAudioOutputDevices();
  return found.find(({ deviceId }) => deviceId === (chosen ?? 'default')) ?? found[0] ?? { deviceId: null, label: null };
}
