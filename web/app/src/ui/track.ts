import type { RefObject } from 'preact';
import { useEffect } from 'preact/hooks';

/** Shows a track in an element for as long as both are there. */
export function useTrack(video: RefObject<HTMLVideoElement | null>, track: MediaStreamTrack | undefined): void {
  useEffect(() => {
    const element = video.current;
    if (element === null || track === undefined) return undefined;
    element.srcObject = new MediaStream([track]);
    // Chromium keeps a stream that was shown, and all that follows its tracks, until the element lets it go.
    return () => {
      element.srcObject = null;
    };
  }, [track]);
}
