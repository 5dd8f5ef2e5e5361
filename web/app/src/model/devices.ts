// Access to the user's camera, microphone and screen, with explanations of errors in plain words.
import { signal } from '@preact/signals';
import { choices, choose } from './storage';

/** The reason why a device can't be used. */
export interface MediaProblem {
  readonly code: 'insecure' | 'unsupported' | 'denied' | 'missing' | 'busy' | 'failed';
  readonly text: string;
}

/** The available devices. Labels are empty until the user has granted access once. */
export interface Devices {
  readonly cameras: readonly MediaDeviceInfo[];
  readonly microphones: readonly MediaDeviceInfo[];
  readonly speakers: readonly MediaDeviceInfo[];
}

export const devices = signal<Devices>({ cameras: [], microphones: [], speakers: [] });

/** Whether browsers deny cameras and microphones to this page because it is neither on HTTPS nor on loopback. */
export const insecure = !isSecureContext;

/** Whether the browser supports screen sharing; those of phones do not. */
export const canShare = typeof navigator.mediaDevices?.getDisplayMedia === 'function';

const speech: MediaTrackConstraints = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
const picture: MediaTrackConstraints = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30, max: 30 } };

/** Keeps `devices` up to date. Returns a function that stops it. */
export function watchDevices(): () => void {
  const media = navigator.mediaDevices as MediaDevices | undefined;
  if (media === undefined) return () => {};
  const refresh = (): void => void refreshDevices();
  media.addEventListener('devicechange', refresh);
  refresh();
  return () => media.removeEventListener('devicechange', refresh);
}

export async function refreshDevices(): Promise<void> {
  const all = await navigator.mediaDevices?.enumerateDevices().catch(() => []);
  const of = (kind: MediaDeviceKind): MediaDeviceInfo[] => (all ?? []).filter((d) => d.kind === kind && d.deviceId !== '');
  devices.value = { cameras: of('videoinput'), microphones: of('audioinput'), speakers: of('audiooutput') };
}

/** Opens the selected device; if that has been removed, any device of the kind. */
export async function openTrack(kind: 'audio' | 'video'): Promise<MediaStreamTrack> {
  if (navigator.mediaDevices === undefined) throw problemOf(undefined);
  const chosen = kind === 'audio' ? choices.value.microphone : choices.value.camera;
  const base = kind === 'audio' ? speech : picture;
  try {
    // Browsers treat a plain `deviceId` as a preference only.
    return await firstTrack(kind, chosen === '' ? base : { ...base, deviceId: { exact: chosen } });
  } catch (error) {
    if (chosen === '' || !isMissing(error)) throw problemOf(error, kind);
  }
  try {
    return await firstTrack(kind, base);
  } catch (error) {
    throw problemOf(error, kind);
  }
}

export function canBlur(track: MediaStreamTrack | undefined): boolean {
  const { backgroundBlur } = (track?.getCapabilities?.() ?? {}) as { backgroundBlur?: readonly boolean[] };
  return backgroundBlur?.includes(true) === true && backgroundBlur.includes(false);
}

export async function blurBackground(track: MediaStreamTrack, on: boolean): Promise<void> {
  if (canBlur(track)) await track.applyConstraints({ backgroundBlur: on } as MediaTrackConstraints).catch(() => {});
}

async function firstTrack(kind: 'audio' | 'video', constraints: MediaTrackConstraints): Promise<MediaStreamTrack> {
  const stream = await navigator.mediaDevices.getUserMedia({ [kind]: constraints });
  const track = stream.getTracks()[0];
  if (track === undefined) throw new DOMException('no track', 'NotFoundError');
  void refreshDevices();
  return track;
}

function isMissing(error: unknown): boolean {
  // In some browsers OverconstrainedError is a DOMException, in others a class of its own.
  return error instanceof Error || error instanceof DOMException ? /^(Overconstrained|NotFound)Error$/.test(error.name) : false;
}

/** Opens a screen, window or tab of the user's choice. Rejects with a `MediaProblem`, also if the user cancels. */
export async function openScreen(): Promise<MediaStream> {
  try {
    return await navigator.mediaDevices.getDisplayMedia({ video: { frameRate: { max: 15 } }, audio: true });
  } catch (error) {
    throw screenProblem(error);
  }
}

function screenProblem(error: unknown): MediaProblem {
  const { name, message } = error instanceof DOMException ? error : { name: '', message: '' };
  switch (name) {
    case 'NotAllowedError':
    case 'SecurityError':
      // Browsers use the same error name for a cancelled choice and for a denied permission.
      return /system|policy|disallowed/i.test(message)
        ? { code: 'denied', text: 'Sharing the screen is blocked, by your system’s settings or by the page around this one.' }
        : { code: 'denied', text: 'Nothing is shared: no screen was chosen, or your browser blocks it.' };
    case 'NotFoundError':
      return { code: 'missing', text: 'There is no screen that could be shared.' };
    case 'NotReadableError':
    case 'AbortError':
      return { code: 'busy', text: 'The screen can’t be shared; your system does not let the browser read it.' };
    default:
      return { code: 'failed', text: 'The screen can’t be shared: your browser could not do it.' };
  }
}

export function chooseDevice(kind: MediaDeviceKind, id: string): void {
  choose(kind === 'audioinput' ? { microphone: id } : kind === 'videoinput' ? { camera: id } : { speaker: id });
}

/** Describes a browser's error in plain words. */
export function problemOf(error: unknown, kind: 'audio' | 'video' = 'video'): MediaProblem {
  const device = kind === 'audio' ? 'microphone' : 'camera';
  if (insecure) {
    return {
      code: 'insecure',
      text: 'This page came over plain HTTP, so your browser keeps camera and microphone from it. Open it over HTTPS to be seen and heard; you can write and watch as you are.',
    };
  }
  if (navigator.mediaDevices === undefined) return { code: 'unsupported', text: `This browser offers no ${device}.` };
  if (isProblem(error)) return error;
  switch (error instanceof DOMException ? error.name : '') {
    case 'NotAllowedError':
    case 'SecurityError':
      return { code: 'denied', text: `The ${device} is blocked. Allow it in the browser’s address bar to use it.` };
    case 'NotFoundError':
      return { code: 'missing', text: `No ${device} was found.` };
    case 'NotReadableError':
    case 'AbortError':
      return { code: 'busy', text: `The ${device} can’t be opened; another program may be using it.` };
    default:
      return { code: 'failed', text: `The ${device} can’t be opened.` };
  }
}

function isProblem(error: unknown): error is MediaProblem {
  return typeof error === 'object' && error !== null && 'code' in error && 'text' in error;
}
