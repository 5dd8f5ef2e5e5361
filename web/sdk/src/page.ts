// What the page itself tells: that it can be seen, that there is a network, that it goes and comes back.

export interface PageHandlers {
  /** Somebody looks at the page again, or there is a network again: what was lost may work now. */
  awake(): void;
  /** The network is said to be gone: what seems to be there may be dead. */
  offline(): void;
  /** The page goes; nothing that takes time can be done. */
  hidden(): void;
  /** It is back from the browser's cache of pages, as it was. */
  shown(): void;
}

/** Follows the page. Returns what ends it. */
export function watchPage(handlers: PageHandlers): () => void {
  if (typeof window === 'undefined') return () => {};
  const end = new AbortController();
  const { signal } = end;
  const visible = () => document.visibilityState === 'visible' && handlers.awake();
  window.addEventListener('online', () => handlers.awake(), { signal });
  window.addEventListener('offline', () => handlers.offline(), { signal });
  document.addEventListener('visibilitychange', visible, { signal });
  window.addEventListener('pagehide', () => handlers.hidden(), { signal });
  window.addEventListener('pageshow', (event) => event.persisted && handlers.shown(), { signal });
  return () => end.abort();
}
