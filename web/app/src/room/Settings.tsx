import { useSignal } from '@preact/signals';
import { blurBackground, canBlur, insecure, problemOf } from '../model/devices';
import { camera } from '../model/local';
import type { Meeting } from '../model/meeting';
import { askToNotify, canNotify, chime } from '../model/attention';
import { choices, choose } from '../model/storage';
import { DeviceChoice } from '../prejoin/DeviceChoice';
import { Dialog } from '../ui/Dialog';
import { Meter } from '../ui/Meter';
import { shortcuts } from './shortcuts';
import { SpeakerTest } from './SpeakerTest';

/** The settings dialog: devices, notifications and a list of the keyboard shortcuts. It is loaded on demand. */
export function Settings({ meeting }: { meeting: Meeting }) {
  return (
    <Dialog title="Devices">
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
    </Dialog>
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
