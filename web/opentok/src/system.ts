import { withPromise } from './completion.ts';

/** Returns 1 where the browser supports video calls, else 0. */
export function checkSystemRequirements(): number {
  return Number('RTCPeerConnection' in globalThis && 'mediaDevices' in navigator);
}

export interface ScreenSharingCapability {
  supported: boolean;
  supportedSources: { application?: boolean; screen?: boolean; window?: boolean };
  extensionInstalled?: boolean;
  extensionRequired?: string;
  extensionRegistered?: boolean;
}

/** Reports support for screen sharing. The members about an extension are absent, since none is needed. */
export function checkScreenSharingCapability(callback?: (capability: ScreenSharingCapability) => void): Promise<ScreenSharingCapability> {
  const supported = navigator.mediaDevices !== undefined && 'getDisplayMedia' in navigator.mediaDevices;
  const capability = { supported, supportedSources: { application: supported, screen: supported, window: supported } };
  return Promise.resolve(capability).then((found) => {
    callback?.(found);
    return found;
  });
}

type Processed = 'audio' | 'video' | 'both';

/** Whether the browser has insertable streams for tracks. Connectors that process tracks in another way need none. */
export const hasMediaProcessorSupport = withPromise(
  (_media?: Processed): boolean => 'MediaStreamTrackProcessor' in globalThis && 'MediaStreamTrackGenerator' in globalThis,
  async (_media?: Processed): Promise<boolean> => hasMediaProcessorSupport(),
);

type Codec = 'H264' | 'VP8' | 'VP9';

export async function getSupportedCodecs(): Promise<{ videoEncoders: Codec[]; videoDecoders: Codec[] }> {
  return { videoEncoders: named(RTCRtpSender.getCapabilities('video')), videoDecoders: named(RTCRtpReceiver.getCapabilities('video')) };
}

function named(capabilities: RTCRtpCapabilities | null): Codec[] {
  const found = new Set(capabilities?.codecs.map(({ mimeType }) => mimeType.replace('video/', '').toUpperCase()));
  return (['H264', 'VP8', 'VP9'] as const).filter((codec) => found.has(codec));
}
