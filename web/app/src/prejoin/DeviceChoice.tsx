import { chooseDevice, devices } from '../model/devices';
import { reopen, sends } from '../model/local';
import { choices } from '../model/storage';

/** Selection of camera, microphone and loudspeaker. Kinds that the browser does not let the user select are hidden. */
export function DeviceChoice() {
  const { cameras, microphones, speakers } = devices.value;
  const { camera, microphone, speaker } = choices.value;
  return (
    <div class="device-choice">
      {sends.value && (
        <>
          <Choice kind="videoinput" label="Camera" list={cameras} chosen={camera} />
          <Choice kind="audioinput" label="Microphone" list={microphones} chosen={microphone} />
        </>
      )}
      {'setSinkId' in HTMLMediaElement.prototype && (
        <Choice kind="audiooutput" label="Loudspeaker" list={speakers} chosen={speaker} />
      )}
    </div>
  );
}

interface ChoiceProps {
  readonly kind: MediaDeviceKind;
  readonly label: string;
  readonly list: readonly MediaDeviceInfo[];
  readonly chosen: string;
}

function Choice({ kind, label, list, chosen }: ChoiceProps) {
  if (list.length === 0) return null;
  const known = list.some((device) => device.deviceId === chosen);
  const change = (id: string): void => {
    chooseDevice(kind, id);
    if (kind === 'audioinput') void reopen('audio');
    if (kind === 'videoinput') void reopen('video');
  };
  return (
    <label class="field">
      <span class="label">{label}</span>
      <span class="select-box">
        <select
          class="select"
          value={known ? chosen : (list[0]?.deviceId ?? '')}
          onChange={(event) => change(event.currentTarget.value)}
        >
          {list.map((device, index) => (
            <option key={device.deviceId} value={device.deviceId}>
              {device.label || `${label} ${index + 1}`}
            </option>
          ))}
        </select>
      </span>
    </label>
  );
}
