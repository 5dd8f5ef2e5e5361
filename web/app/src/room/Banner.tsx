import { Volume2, WifiOff } from 'lucide';
import { useEffect, useState } from 'preact/hooks';
import { camera, microphone } from '../model/local';
import { insecure } from '../model/devices';
import type { Meeting } from '../model/meeting';
import { Icon } from '../ui/Icon';

/** What is not as it should be with the session, above the stage. It takes no control away. */
export function Banner({ meeting }: { meeting: Meeting }) {
  return (
    <div class="banners">
      <div role="status" aria-label="Connection">
        <Connection meeting={meeting} />
      </div>
      <Blocked meeting={meeting} />
      <OwnProblem />
    </div>
  );
}

function Connection({ meeting }: { meeting: Meeting }) {
  const state = meeting.state.value;
  if (state.name !== 'reconnecting' && state.name !== 'connecting') return null;
  return (
    <p class="banner">
      <Icon node={WifiOff} size={18} />
      <span>
        <b>Reconnecting …</b> What you write is kept, and goes out as soon as the server answers.
      </span>
      <Waiting since={state.since} />
    </p>
  );
}

/** For how long; apart from the status, which would be read out every second. */
function Waiting({ since }: { since: number }) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  const seconds = Math.max(0, Math.round((now - since) / 1_000));
  return (
    <span class="banner-time" aria-hidden="true">
      {seconds < 90 ? `${seconds} s` : `${Math.round(seconds / 60)} min`}
    </span>
  );
}

/** Browsers play no sound on a page that nobody has touched, such as one that was reloaded. */
function Blocked({ meeting }: { meeting: Meeting }) {
  const subscriptions = meeting.pick('subscriptions').value;
  const [, look] = useState(0);
  useEffect(() => {
    const ends = subscriptions.map((subscription) => subscription.onChange(() => look((count) => count + 1)));
    return () => ends.forEach((end) => end());
  }, [subscriptions]);
  const blocked = subscriptions.filter((subscription) => subscription.blocked !== undefined);
  if (blocked.length === 0) return null;
  const play = (): void => {
    for (const subscription of blocked) subscription.play().catch(() => {}); // it stays blocked, and says so
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

function OwnProblem() {
  const [hidden, setHidden] = useState<string>();
  const text = insecure ? undefined : (camera.value.problem ?? microphone.value.problem)?.text;
  if (text === undefined || text === hidden) return null;
  return (
    <p class="banner" role="status">
      <span>{text}</span>
      <button type="button" class="button small" onClick={() => setHidden(text)}>
        OK
      </button>
    </p>
  );
}
