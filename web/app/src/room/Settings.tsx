import { useEffect, useRef } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import { blurBackground, canBlur, insecure, problemOf } from '../model/devices';
import { camera } from '../model/local';
import type { Meeting } from '../model/meeting';
import { askToNotify, canNotify, chime } from '../model/attention';
import { choices, choose } from '../model/storage';
import { DeviceChoice } from '../prejoin/DeviceChoice';
import { Meter } from '../ui/Meter';
import { shortcuts } from './shortcuts';
import { SpeakerTest } from './SpeakerTest';

/** Which devices are used, what draws one's attention, and what the keys do. It is loaded when it is asked for. */
export function Settings({ meeting }: { meeting: Meeting }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} class="dialog" aria-labelledby="devices-title">
      <h2 id="devices-title">Devices</h2>
      {insecure ? (
        <p class="notice">{problemOf(undefined).text}</p>
      ) : (
        <>
          <DeviceChoice />
          {meeting.canPublish.value && (
            <div class="dialog-meter">
              <span class="hint">Your microphone</span>
              <Meter />
            </div>
          )}
          <SpeakerTest />
          <Blur />
        </>
      )}
      <h3>Attention</h3>
      <Switches />
      <h3>Keys</h3>
      <dl class="keys">
        {shortcuts.map(({ keys, what }) => (
          <div key={keys}>
            <dt>
              <kbd>{keys}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <div class="dialog-actions">
        <button type="button" class="button primary" onClick={() => dialog.current?.close()}>
          Done
        </button>
      </div>
    </dialog>
  );
}

function Blur() {
  const { track } = camera.value;
  if (track === undefined || !canBlur(track)) return null;
  return (
    <label class="switch">
      <input
        type="checkbox"
        checked={choices.value.blur}
        onChange={({ currentTarget: { checked } }) => {
          choose({ blur: checked });
          void blurBackground(track, checked);
        }}
      />
      <span>Blur the background behind you</span>
    </label>
  );
}

function Switches() {
  const refused = useSignal(false);
  const notifies = choices.value.notify === 'yes';
  return (
    <>
      <label class="switch">
        <input
          type="checkbox"
          checked={choices.value.sound}
          onChange={({ currentTarget: { checked } }) => {
            choose({ sound: checked });
            if (checked) chime();
          }}
        />
        <span>A sound for messages, and for those who come</span>
      </label>
      {canNotify && (
        <label class="switch">
          <input
            type="checkbox"
            checked={notifies}
            onChange={async ({ currentTarget }) => {
              if (!currentTarget.checked) return choose({ notify: 'no' });
              const allowed = await askToNotify();
              currentTarget.checked = allowed;
              refused.value = !allowed;
            }}
          />
          <span>A notification while you look elsewhere</span>
        </label>
      )}
      {refused.value && <p class="hint">Your browser blocks notifications of this page. Allow them in its address bar.</p>}
    </>
  );
}
