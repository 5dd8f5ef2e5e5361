// Asks for confirmation before the tab is closed with unsaved work.
import { effect, type ReadonlySignal } from '@preact/signals';

/** Asks before the page is closed while `atStake` is true. Returns a function that stops it. */
export function askBeforeLeaving(atStake: ReadonlySignal<boolean>): () => void {
  const ask = (event: BeforeUnloadEvent): void => event.preventDefault();
  const end = effect(() => {
    // A beforeunload listener keeps a page out of the back/forward cache, so it is registered only while needed.
    if (atStake.value) addEventListener('beforeunload', ask);
    else removeEventListener('beforeunload', ask);
  });
  return () => {
    end();
    removeEventListener('beforeunload', ask);
  };
}
