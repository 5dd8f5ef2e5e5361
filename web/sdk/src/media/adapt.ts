// How much of a picture to send, by how many there are to look at: in a mesh each page sends and receives every one.
import type { VideoType } from '../types.ts';

/** What is sent of a video. */
export interface Limits {
  /** Bits a second. */
  readonly maxBitrate?: number | undefined;
  readonly scaleResolutionDownBy?: number;
}

/** Up to so many videos in the session, a camera's picture has this height at most, in pixels, and this bitrate. */
const steps = [
  { videos: 2, height: 720, maxBitrate: 1_500_000 },
  { videos: 4, height: 360, maxBitrate: 600_000 },
  { videos: 9, height: 270, maxBitrate: 300_000 },
  { videos: Infinity, height: 180, maxBitrate: 150_000 },
] as const;

/** Text must stay readable, so a screen keeps its size and loses frames instead. */
const screenBitrate = { few: 2_500_000, many: 1_200_000, fewVideos: 4 };

/** What is sent of a video, of at most `bitrate` where that is given. */
export function limitsFor(type: VideoType, height: number | undefined, videos: number, bitrate = Infinity): Limits {
  if (type === 'SCREEN') {
    const { few, many, fewVideos } = screenBitrate;
    return { maxBitrate: Math.min(bitrate, videos <= fewVideos ? few : many), scaleResolutionDownBy: 1 };
  }
  const step = steps.find((each) => videos <= each.videos) ?? steps[3];
  return { maxBitrate: Math.min(bitrate, step.maxBitrate), scaleResolutionDownBy: Math.max(1, (height ?? step.height) / step.height) };
}

/** A sender's parameters are read and written in two steps, which must not cross those of another call. */
const work = new WeakMap<RTCRtpSender, Promise<void>>();

/** Applies limits to what is being sent; a sender that is not negotiated yet is left for the next time. */
export function limit(sender: RTCRtpSender, limits: Limits): Promise<void> {
  const done = (work.get(sender) ?? Promise.resolve()).then(() => apply(sender, limits));
  work.set(sender, done);
  return done;
}

async function apply(sender: RTCRtpSender, limits: Limits): Promise<void> {
  const parameters = sender.getParameters();
  const encoding = parameters.encodings?.[0];
  if (!encoding) return;
  const { maxBitrate, scaleResolutionDownBy = encoding.scaleResolutionDownBy } = limits;
  if (encoding.maxBitrate === maxBitrate && encoding.scaleResolutionDownBy === scaleResolutionDownBy) return;
  if (maxBitrate === undefined) delete encoding.maxBitrate;
  else encoding.maxBitrate = maxBitrate;
  if (scaleResolutionDownBy !== undefined) encoding.scaleResolutionDownBy = scaleResolutionDownBy;
  await sender.setParameters(parameters).catch(() => {}); // negotiated anew in between
}
