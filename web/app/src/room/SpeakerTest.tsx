import { Volume2 } from 'lucide';
import { useEffect, useRef } from 'preact/hooks';
import { playTone } from '../model/attention';
import { choices } from '../model/storage';
import { Icon } from '../ui/Icon';

/** Plays three tones through the selected loudspeaker. */
export function SpeakerTest() {
  const audio = useRef<HTMLAudioElement>(null);
  useEffect(
    () => () => {
      if (audio.current !== null) audio.current.srcObject = null;
    },
    [],
  );
  const test = async (): Promise<void> => {
    const element = audio.current;
    if (element === null) return;
    const { speaker } = choices.value;
    if (speaker !== '') await element.setSinkId?.(speaker).catch(() => {});
    playTone([523, 659, 784], 0.35, element);
  };
  return (
    <div>
      <audio ref={audio} autoplay />
      <button type="button" class="button small" onClick={() => void test()}>
        <Icon node={Volume2} size={17} />
        Test the loudspeaker
      </button>
    </div>
  );
}
