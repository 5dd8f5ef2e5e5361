import { useEffect } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import { askToNotify, canNotify } from '../model/attention';
import { choices, choose } from '../model/storage';
import { unseen } from '../model/unread';

/** Offers notifications after the user has missed messages, when their use is obvious. */
export function Offer() {
  const missed = useSignal(false);
  useEffect(
    () =>
      unseen.subscribe((count) => {
        if (count > 0) missed.value = true;
      }),
    [],
  );
  if (!canNotify || choices.value.notify !== 'ask' || !missed.value || Notification.permission === 'denied') return null;
  return (
    <p class="banner offer">
      <span>Messages came while you looked elsewhere. Shall your browser tell you the next time?</span>
      <button type="button" class="button small" onClick={() => void askToNotify()}>
        Notify me
      </button>
      <button type="button" class="button small" onClick={() => choose({ notify: 'no' })}>
        No
      </button>
    </p>
  );
}
