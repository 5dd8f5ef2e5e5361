import { ChattokError, type ErrorCode } from '../errors.ts';

/** SDK error codes by the name of the browser's DOMException; the others are DEVICE_FAILED. */
const codes: Record<string, ErrorCode> = {
  NotAllowedError: 'PERMISSION_DENIED',
  SecurityError: 'PERMISSION_DENIED',
  NotFoundError: 'NO_DEVICE',
  OverconstrainedError: 'NO_DEVICE',
  NotSupportedError: 'NO_DEVICE',
  TypeError: 'BAD_USER_INPUT',
};

const messages: Partial<Record<ErrorCode, string>> = {
  PERMISSION_DENIED: 'the device is not allowed here',
  NO_DEVICE: 'there is no such device',
  DEVICE_FAILED: 'another program may have the device',
};

/**
 * Opens the camera and the microphone, by default both. Rejects with PERMISSION_DENIED, NO_DEVICE, DEVICE_FAILED,
 * INSECURE_CONTEXT or, for invalid constraints, BAD_USER_INPUT.
 */
export function openCamera(constraints: MediaStreamConstraints = { audio: true, video: true }): Promise<MediaStream> {
  return opened(() => devices().getUserMedia(constraints));
}

/**
 * Opens the screen, window or tab that the user picks. Rejects like `openCamera`; PERMISSION_DENIED also means that the user
 * cancelled.
 */
export function openScreen(options: DisplayMediaStreamOptions = { video: true, audio: true }): Promise<MediaStream> {
  return opened(() => {
    if (!('getDisplayMedia' in devices())) throw new ChattokError('NO_DEVICE', 'this browser shares no screen');
    return devices().getDisplayMedia(options);
  });
}

function devices(): MediaDevices {
  const found = navigator.mediaDevices as MediaDevices | undefined;
  if (!found) throw new ChattokError('INSECURE_CONTEXT', 'cameras need HTTPS, or a page from loopback');
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
