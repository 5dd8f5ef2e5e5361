import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { ChattokError } from '../../../sdk/src/errors.ts';
import type { Document } from '../generated/operations.ts';
import { run, state } from './api.ts';

export interface Polled<Data> {
  /** The newest answer to these variables; the one before while the server is away. */
  readonly data: Data | undefined;
  /** Why the last request failed; undefined where it did not, or where the server is away, which the page says itself. */
  readonly error: ChattokError | undefined;
  /** When `data` came, in milliseconds since the epoch. */
  readonly at: number;
  /** Asks again at once. */
  again(): void;
}

/**
 * Asks the server a query now, and again each `every` milliseconds after the answer, while the page is in sight. So a busy server
 * costs the page no more than a quiet one does. `key` names what is asked for: with another one the question is a new one.
 */
export function usePoll<Data, Variables extends object>(
  operation: Document<Data, Variables>,
  variables: () => Variables,
  every: number,
  key = JSON.stringify(variables()),
): Polled<Data> {
  const answer = useSignal<{ readonly key: string; readonly data: Data; readonly at: number } | undefined>(undefined);
  const error = useSignal<ChattokError | undefined>(undefined);
  const turn = useSignal(0);
  const isLive = state.value.name === 'live';
  useEffect(() => {
    if (!isLive) return undefined;
    let over = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const ask = async (): Promise<void> => {
      clearTimeout(timer);
      if (!document.hidden) {
        try {
          const data = await run(operation, variables());
          if (over) return;
          answer.value = { key, data, at: Date.now() };
          error.value = undefined;
        } catch (cause) {
          if (over) return;
          const failed = cause as ChattokError;
          error.value = failed.code === 'NETWORK' ? undefined : failed;
        }
      }
      timer = setTimeout(ask, every);
    };
    const seen = (): void => {
      if (!document.hidden) void ask();
    };
    document.addEventListener('visibilitychange', seen);
    void ask();
    return () => {
      over = true;
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', seen);
    };
  }, [isLive, key, turn.value]);
  const now = answer.value?.key === key ? answer.value : undefined;
  return { data: now?.data, error: error.value, at: now?.at ?? 0, again: () => void turn.value++ };
}
