import { Volume2, WifiOff } from 'lucide';
import { useSignal } from '@preact/signals';
import { useEffect, useState } from 'preact/hooks';
import type { Subscription } from '@chattok/sdk';
import { camera, microphone } from '../model/local';
import { insecure, type MediaProblem } from '../model/devices';
import type { Meeting } from '../model/meeting';
import { Icon } from '../ui/Icon';

/** Warnings above the stage: connection problems, blocked sound, and device problems. */
export function Banner({ meeting }: { meeting: Meeting }) {
  return (
    <div class="banners">
      <div role="status" aria-label="Connection">
        <Connection meeting={meeting} />
      </div>
      <Blocked meeting={meeting} />
      {!insecure && (
        <>
          <OwnProblem problem={camera.value.problem} />
          <OwnProblem problem={microphone.value.problem} />
        </>
      )}
    </div>
  );
}

function Connection({ meeting }: { meeting: Meeting }) {
  const online = useOnline();
  const subscriptions = meeting.pick('subscriptions').value;
  useChanges(subscriptions);
  const state = meeting.state.value;
  if (state.name !== 'reconnecting' && state.name !== 'connecting') return null;
  // Media flows directly between browsers, so it may continue while the server is unreachable.
  const cutOff = !online || (subscriptions.length > 0 && subscriptions.every((each) => each.state !== 'live'));
  const sends = meeting.pick('publications').value.length > 0;
  return (
    <p class="banner">
      <Icon node={WifiOff} size={18} />
      <span>
        <b>Reconnecting …</b> {!online && 'This device is offline. '}
        {cutOff && sends && 'The others can’t see or hear you. '}
        What you write is kept, and goes out as soon as the server answers.
      </span>
      <Countdown until={state.name === 'reconnecting' ? state.retryAt : undefined} since={state.since} />
      <button type="button" class="button small" onClick={() => meeting.session.wake()}>
        Try now
      </button>
    </p>
  );
}

/**
 * The time until the next attempt, or since the connection was lost. Hidden from screen readers, which would announce it
 * every second.
 */
function Countdown({ until, since }: { until: number | undefined; since: number }) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  const left = Math.ceil(((until ?? 0) - now) / 1_000);
  return (
    <span class="banner-time" aria-hidden="true">
      {left > 0 ? `Next try in ${left} s` : duration(Math.max(0, Math.round((now - since) / 1_000)))}
    </span>
  );
}

function duration(seconds: number): string {
  return seconds < 90 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
}

/**
 * A button that starts playback. Browsers block sound until the user has interacted with the page, for example after a
 * reload.
 */
function Blocked({ meeting }: { meeting: Meeting }) {
  const subscriptions = meeting.pick('subscriptions').value;
  useChanges(subscriptions);
  const blocked = subscriptions.filter((subscription) => subscription.blocked !== undefined);
  if (blocked.length === 0) return null;
  const play = (): void => {
    for (const subscription of blocked) subscription.play().catch(() => {}); // still blocked; the banner stays
  };
  return (
    <p class="banner" role="status">
      <Icon node={Volume2} size={18} />
      <span>Your browser holds back the sound until you ask for it.</span>
      <button type="button" class="button small" onClick={play}>
        Turn sound on
      </button>
    </p>
  );
}

/** A device problem with a button to dismiss it. A new attempt creates a new problem, which is shown again. */
function OwnProblem({ problem }: { problem: MediaProblem | undefined }) {
  const hidden = useSignal<MediaProblem | undefined>(undefined);
  if (problem === undefined || problem === hidden.value) return null;
  return (
    <p class="banner" role="alert">
      <span>{problem.text}</span>
      <button type="button" class="button small" onClick={() => (hidden.value = problem)}>
        OK
      </button>
    </p>
  );
}

/** Renders again when a subscription changes. */
function useChanges(subscriptions: readonly Subscription[]): void {
  const [, look] = useState(0);
  useEffect(() => {
    const ends = subscriptions.map((subscription) => subscription.onChange(() => look((count) => count + 1)));
    return () => ends.forEach((end) => end());
  }, [subscriptions]);
}

function useOnline(): boolean {
  const [online, setOnline] = useState(navigator.onLine);
  useEffect(() => {
    const look = (): void => setOnline(navigator.onLine);
    const ending = new AbortController();
    addEventListener('online', look, ending);
    addEventListener('offline', look, ending);
    return () => ending.abort();
  }, []);
  return online;
}
