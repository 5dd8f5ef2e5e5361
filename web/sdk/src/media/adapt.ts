// Chooses the resolution and bitrate of outgoing video by the number of videos in the session: in a mesh, every page sends
// its video to every other page and receives all of theirs.
import type { VideoType } from '../types.ts';

export interface Limits {
  /** Bits per second. */
  readonly maxBitrate?: number | undefined;
  readonly scaleResolutionDownBy?: number;
}

/**
 * Limits for camera video: with up to `videos` videos in the session, `height` in pixels and `maxBitrate` in bits per
 * second.
 */
const steps = [
  { videos: 2, height: 720, maxBitrate: 1_500_000 },
  { videos: 4, height: 360, maxBitrate: 600_000 },
  { videos: 9, height: 270, maxBitrate: 300_000 },
  { videos: Infinity, height: 180, maxBitrate: 150_000 },
] as const;

/**
 * Limits for a shared screen, in bits per second. The resolution stays, so that text is readable; the frame rate suffers
 * instead.
 */
const screenBitrate = { few: 2_500_000, many: 1_200_000, fewVideos: 4 };

/**
 * Returns the limits for one video; `bitrate` is an additional upper bound, in bits per second. One that is shown `large` is a step
 * better than the others. It is no more than that, since many may show the same person large, and all of it is one page's upload.
 */
export function limitsFor(type: VideoType, height: number | undefined, videos: number, bitrate = Infinity, large = false): Limits {
  if (type === 'SCREEN') {
    const { few, many, fewVideos } = screenBitrate;
    return { maxBitrate: Math.min(bitrate, videos <= fewVideos ? few : many), scaleResolutionDownBy: 1 };
  }
  const step = steps[steps.findIndex((each) => videos <= each.videos) - (large ? 1 : 0)] ?? steps[0];
  return { maxBitrate: Math.min(bitrate, step.maxBitrate), scaleResolutionDownBy: Math.max(1, (height ?? step.height) / step.height) };
}

/** The pending update of each sender. getParameters and setParameters must not interleave with those of another update. */
const work = new WeakMap<RTCRtpSender, Promise<void>>();

/**
 * Applies limits to a sender. Does nothing before the sender is negotiated, since the limits are applied again afterwards.
 */
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
  await sender.setParameters(parameters).catch(() => {}); // a renegotiation invalidated the parameters
}
