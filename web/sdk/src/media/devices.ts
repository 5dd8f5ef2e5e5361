import { ChattokError, type ErrorCode } from '../errors.ts';

/** The names that browsers give, and ours. */
const codes: Record<string, ErrorCode> = {
  NotAllowedError: 'PERMISSION_DENIED',
  SecurityError: 'PERMISSION_DENIED',
  NotFoundError: 'NO_DEVICE',
  OverconstrainedError: 'NO_DEVICE',
  NotReadableError: 'DEVICE_FAILED',
  AbortError: 'DEVICE_FAILED',
  NotSupportedError: 'NO_DEVICE',
  TypeError: 'BAD_USER_INPUT',
};

const messages: Partial<Record<ErrorCode, string>> = {
  PERMISSION_DENIED: 'the camera, microphone or screen is not allowed here',
  NO_DEVICE: 'there is no camera or microphone as asked for',
  DEVICE_FAILED: 'the camera or microphone can not be used; another program may have it',
};

/** The camera and microphone, both where absent. Rejects with a `ChattokError` that says why there is none. */
export function openCamera(constraints: MediaStreamConstraints = { audio: true, video: true }): Promise<MediaStream> {
  return opened(() => devices().getUserMedia(constraints));
}

/** The screen, a window or a tab, as the user chooses. Rejects as `openCamera` does; a refusal is PERMISSION_DENIED. */
export function openScreen(options: DisplayMediaStreamOptions = { video: true, audio: true }): Promise<MediaStream> {
  return opened(() => {
    if (!('getDisplayMedia' in devices())) throw new ChattokError('NO_DEVICE', 'this browser shares no screen');
    return devices().getDisplayMedia(options);
  });
}

function devices(): MediaDevices {
  const found = navigator.mediaDevices as MediaDevices | undefined;
  if (!found) throw new ChattokError('INSECURE_CONTEXT', 'cameras need a page over HTTPS or from loopback');
  return found;
}

async function opened(open: () => Promise<MediaStream>): Promise<MediaStream> {
  try {
    return await open();
  } catch (cause) {
    if (cause instanceof ChattokError || !(cause instanceof Error)) throw cause;
    const code = codes[cause.name] ?? 'DEVICE_FAILED';
    throw new ChattokError(code, messages[code] ?? cause.message, { reason: cause.name, cause });
  }
}
