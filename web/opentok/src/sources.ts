// The documented sources of a publisher's tracks, translated into the browser's constraints.
import { ChattokError, openCamera, openScreen } from '../../sdk/src/index.ts';
import { asOTError, codes, OTError } from './errors.ts';
import type { Dimensions, VideoType } from './roster.ts';

export type Source = string | null | boolean | MediaStreamTrack | undefined;

export interface LegacyMediaTrackConstraints {
  mandatory?: Record<string, string | number | boolean>;
  optional?: Record<string, string | number | boolean>[];
}

export interface LegacyMediaStreamConstraints {
  audio?: boolean | MediaTrackConstraints | LegacyMediaTrackConstraints;
  video?: boolean | MediaTrackConstraints | LegacyMediaTrackConstraints;
}

export interface GetUserMediaProperties {
  audioSource?: Source;
  videoSource?: Source;
  disableAudioProcessing?: boolean;
  echoCancellation?: boolean;
  noiseSuppression?: boolean;
  autoGainControl?: boolean;
  enableStereo?: boolean;
  facingMode?: string;
  frameRate?: number;
  maxResolution?: Dimensions;
  resolution?: string;
  constraints?: MediaStreamConstraints | LegacyMediaStreamConstraints;
}

/** The tracks of a publisher, at most one of each kind, and those of them that were opened here and must be stopped here. */
export interface Opened {
  readonly tracks: MediaStreamTrack[];
  readonly own: MediaStreamTrack[];
}

const screens = new Set(['screen', 'window', 'application', 'browser', 'tab']);
const defaultResolution = '640x480';

export const isScreen = (source: Source): boolean => typeof source === 'string' && screens.has(source);

const isNone = (source: Source): boolean => source === null || source === false;

/** Returns the video type that the stream announces. */
export function videoTypeOf(source: Source): VideoType {
  if (isScreen(source)) return 'screen';
  return source instanceof MediaStreamTrack ? 'custom' : 'camera';
}

export function audioConstraints(properties: GetUserMediaProperties, source = properties.audioSource): MediaTrackConstraints {
  const processing = properties.disableAudioProcessing ? false : undefined;
  return defined({
    deviceId: typeof source === 'string' && source !== 'default' ? { exact: source } : undefined,
    echoCancellation: properties.echoCancellation ?? processing,
    noiseSuppression: properties.noiseSuppression ?? processing,
    autoGainControl: properties.autoGainControl ?? processing,
    channelCount: properties.enableStereo ? { ideal: 2 } : undefined,
  });
}

export function videoConstraints(properties: GetUserMediaProperties, source = properties.videoSource): MediaTrackConstraints {
  const [width, height] = (properties.resolution ?? defaultResolution).split('x').map(Number);
  return defined({
    deviceId: typeof source === 'string' && source !== 'default' ? { exact: source } : undefined,
    width: width ? { ideal: width } : undefined,
    height: height ? { ideal: height } : undefined,
    frameRate: properties.frameRate === undefined ? undefined : { ideal: properties.frameRate },
    facingMode: properties.facingMode,
  });
}

/** Opens the sources that the properties name. Rejects with an OTError, with nothing left open. */
export async function openSources(properties: GetUserMediaProperties): Promise<Opened> {
  const { videoSource } = properties;
  // A screen is published without the microphone unless the page names one.
  const audioSource = isScreen(videoSource) ? (properties.audioSource ?? null) : properties.audioSource;
  if (isNone(audioSource) && isNone(videoSource)) {
    throw new OTError('OT_INVALID_PARAMETER', 'audioSource and videoSource can not both be null', codes.publish);
  }
  const given = [audioSource, videoSource].filter((source) => source instanceof MediaStreamTrack);
  const own: MediaStreamTrack[] = [];
  try {
    if (isScreen(videoSource)) own.push(...(await openedScreen(properties)));
    const audio = isDevice(audioSource) && asked(properties, 'audio', () => audioConstraints(properties, audioSource));
    const video = isDevice(videoSource) && asked(properties, 'video', () => videoConstraints(properties, videoSource));
    if (audio || video) own.push(...(await openDevices({ audio, video }, audioSource, videoSource)).getTracks());
  } catch (cause) {
    own.forEach((track) => track.stop());
    throw isScreen(videoSource) && own.length === 0 ? screenError(cause) : asOTError(cause, codes.publish);
  }
  return { tracks: [...given, ...own], own };
}

function isDevice(source: Source): boolean {
  return !isNone(source) && !isScreen(source) && !(source instanceof MediaStreamTrack);
}

/** Returns the constraints for a kind: those in `constraints` replace those that the other properties give. */
function asked({ constraints }: GetUserMediaProperties, kind: 'audio' | 'video', otherwise: () => MediaTrackConstraints): boolean | MediaTrackConstraints {
  const own = constraints?.[kind];
  if (own === undefined || own === true) return otherwise();
  if (own === false || !('mandatory' in own || 'optional' in own)) return own as boolean | MediaTrackConstraints;
  const { mandatory = {}, optional = [] } = own as LegacyMediaTrackConstraints; // the form of old browsers; the names are mostly the same
  return Object.assign(otherwise(), ...optional, mandatory) as MediaTrackConstraints;
}

/** Opens camera and microphone. Where the page chose no device and one kind is missing, the other one alone is opened. */
async function openDevices(constraints: MediaStreamConstraints, audioSource: Source, videoSource: Source): Promise<MediaStream> {
  try {
    return await openCamera(constraints);
  } catch (error) {
    const anyWillDo = typeof audioSource !== 'string' && typeof videoSource !== 'string';
    const missing = error instanceof ChattokError && error.reason === 'NotFoundError';
    if (!missing || !anyWillDo || !constraints.audio || !constraints.video) throw error;
    const kinds = new Set((await navigator.mediaDevices.enumerateDevices()).map(({ kind }) => kind));
    if (kinds.has('audioinput') === kinds.has('videoinput')) throw error;
    return openCamera(kinds.has('audioinput') ? { audio: constraints.audio } : { video: constraints.video });
  }
}

async function openedScreen({ maxResolution, frameRate }: GetUserMediaProperties): Promise<MediaStreamTrack[]> {
  const video = defined({
    width: maxResolution && { max: maxResolution.width },
    height: maxResolution && { max: maxResolution.height },
    frameRate: frameRate === undefined ? undefined : { max: frameRate },
  });
  return (await openScreen({ video: Object.keys(video).length > 0 ? video : true, audio: false })).getVideoTracks();
}

function screenError(cause: unknown): OTError {
  const unsupported = cause instanceof ChattokError && cause.code === 'NO_DEVICE';
  return unsupported ? new OTError('OT_SCREEN_SHARING_NOT_SUPPORTED', cause.message, codes.publish, cause) : asOTError(cause, codes.publish);
}

function defined<T extends object>(members: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as T;
}
