import { MicOff, UserX, VideoOff } from 'lucide';
import { useRef } from 'preact/hooks';
import type { Connection, Stream } from '@chattok/sdk';
import { attempt, nameOf, type Meeting } from '../model/meeting';
import { Icon } from '../ui/Icon';

interface Props {
  readonly meeting: Meeting;
  readonly connection: Connection;
  /** The stream that muting and ending is about; undefined where the person sends none. */
  readonly stream: Stream | undefined;
  readonly onTile?: boolean;
}

/** What a moderator may do about a person; nothing is shown to others. */
export function Moderation({ meeting, connection, stream, onTile = false }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  if (!meeting.isModerator.value) return null;
  const name = nameOf(connection);
  const { session } = meeting;
  const remove = (): void => {
    dialog.current?.close();
    void attempt(`${name} can’t be removed`, () => session.forceDisconnect(connection.id));
  };
  const style = onTile ? 'tile-button' : 'icon-button small';
  return (
    <>
      {stream?.hasAudio === true && (
        <button
          type="button"
          class={style}
          aria-label={`Mute ${name}`}
          title="Mute"
          onClick={() => void attempt(`${name} can’t be muted`, () => session.forceMute(stream.id))}
        >
          <Icon node={MicOff} size={17} />
        </button>
      )}
      {stream !== undefined && (
        <button
          type="button"
          class={style}
          aria-label={`End the ${stream.videoType === 'SCREEN' ? 'screen' : 'video'} of ${name}`}
          title="End this stream"
          onClick={() => void attempt(`The stream of ${name} can’t be ended`, () => session.forceUnpublish(stream.id))}
        >
          <Icon node={VideoOff} size={17} />
        </button>
      )}
      <button
        type="button"
        class={style}
        aria-label={`Remove ${name}`}
        title="Remove from the session"
        onClick={() => dialog.current?.showModal()}
      >
        <Icon node={UserX} size={17} />
      </button>
      <dialog ref={dialog} class="dialog" aria-labelledby={`remove-${connection.id}`}>
        <h2 id={`remove-${connection.id}`}>Remove {name}?</h2>
        <p>They leave the session at once, and may come back if they have the link and no invitation is needed.</p>
        <div class="dialog-actions">
          <button type="button" class="button" onClick={() => dialog.current?.close()}>
            Cancel
          </button>
          <button type="button" class="button danger" onClick={remove}>
            Remove
          </button>
        </div>
      </dialog>
    </>
  );
}
