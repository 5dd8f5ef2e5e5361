import type { RefObject } from 'preact';
import { useEffect } from 'preact/hooks';

/** Shows a track in a video element while the component is mounted. */
export function useTrack(video: RefObject<HTMLVideoElement | null>, track: MediaStreamTrack | undefined): void {
  useEffect(() => {
    const element = video.current;
    if (element === null || track === undefined) return undefined;
    element.srcObject = new MediaStream([track]);
    // Chromium keeps a stream and its tracks alive until the element releases it.
    return () => {
      element.srcObject = null;
    };
  }, [track]);
}
