import type { RefObject } from 'preact';
import { insecure, problemOf } from '../model/devices';
import type { Meeting } from '../model/meeting';
import { DeviceChoice } from '../prejoin/DeviceChoice';
import { Meter } from '../ui/Meter';
import { shortcuts } from './shortcuts';

/** Which devices are used, and what the keys do. */
export function DevicesDialog({ dialog, meeting }: { dialog: RefObject<HTMLDialogElement | null>; meeting: Meeting }) {
  return (
    <dialog ref={dialog} class="dialog" aria-labelledby="devices-title">
      <h2 id="devices-title">Devices</h2>
      {insecure ? (
        <p class="notice">{problemOf(undefined).text}</p>
      ) : (
        <>
          <DeviceChoice />
          {meeting.canPublish.value && (
            <p class="dialog-meter">
              <span class="hint">Your microphone</span>
              <Meter />
            </p>
          )}
        </>
      )}
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
