// The question before a tab is closed that takes something with it.
import { effect, type ReadonlySignal } from '@preact/signals';

/** Asks before the page goes for as long as something is at stake. Returns what ends it. */
export function askBeforeLeaving(atStake: ReadonlySignal<boolean>): () => void {
  const ask = (event: BeforeUnloadEvent): void => event.preventDefault();
  const end = effect(() => {
    // A listener alone keeps a page out of the browser's cache, so it is there only while it is needed.
    if (atStake.value) addEventListener('beforeunload', ask);
    else removeEventListener('beforeunload', ask);
  });
  return () => {
    end();
    removeEventListener('beforeunload', ask);
  };
}
