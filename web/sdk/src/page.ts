// Browser events that affect the connection: visibility, network, and the back/forward cache.

export interface PageHandlers {
  /** The page became visible, or the network is back: a retry may succeed now. */
  awake(): void;
  /** The browser reports that the network is gone; an open WebSocket may be dead. */
  offline(): void;
  /** The page is being closed, or put into the back/forward cache. Asynchronous work may not complete. */
  hidden(): void;
  /** The page was restored from the back/forward cache. */
  shown(): void;
}

/** Adds the event listeners. Returns a function that removes them. Does nothing outside browsers. */
export function watchPage(handlers: PageHandlers): () => void {
  if (typeof window === 'undefined') return () => {};
  const end = new AbortController(); // as options it is taken for its signal
  const visible = () => document.visibilityState === 'visible' && handlers.awake();
  window.addEventListener('online', () => handlers.awake(), end);
  window.addEventListener('offline', () => handlers.offline(), end);
  document.addEventListener('visibilitychange', visible, end);
  window.addEventListener('pagehide', () => handlers.hidden(), end);
  window.addEventListener('pageshow', (event) => event.persisted && handlers.shown(), end);
  return () => end.abort();
}
