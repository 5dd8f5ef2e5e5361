import { SendHorizontal } from 'lucide';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { Meeting } from '../model/meeting';
import { draftOf, keepDraft } from '../model/storage';
import { isComposing } from '../room/shortcuts';
import { bodyLimit, byteLength } from '../text/limits';
import { Icon } from '../ui/Icon';

/** From here on the bytes that are left are shown. */
const warnAt = bodyLimit - 1_024;

/** Where one writes. What was not sent is still there after a reload. */
export function Composer({ meeting, focus }: { meeting: Meeting; focus: boolean }) {
  const [text, setText] = useState(() => draftOf(meeting.id));
  const area = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => {
    if (focus) area.current?.focus();
  }, []);
  useLayoutEffect(() => grow(area.current), [text]);

  const size = text.length * 3 > warnAt ? byteLength(text) : text.length;
  const excess = size - bodyLimit;
  const empty = text.trim() === '';
  const change = (next: string): void => {
    setText(next);
    keepDraft(meeting.id, next);
    meeting.typing.tell(next.trim() !== '');
  };
  const send = (): void => {
    area.current?.focus();
    if (empty || excess > 0) return;
    // The log shows it at once, as it shows whatever becomes of it.
    meeting.session.post(text).catch(() => {});
    meeting.unread.first.value = undefined;
    change('');
  };
  if (!meeting.canPublish.value) return <p class="composer-closed hint">You may read here, but not write.</p>;
  return (
    <form
      class="composer"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <div class={`composer-box ${excess > 0 ? 'wrong' : ''}`}>
        <textarea
          ref={area}
          id="message"
          class="composer-input"
          aria-label="Message"
          aria-describedby="message-size"
          aria-invalid={excess > 0}
          placeholder="Write to everyone"
          rows={1}
          value={text}
          dir="auto"
          enterkeyhint="send"
          onInput={(event) => change(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key !== 'Enter' || event.shiftKey || isComposing(event)) return;
            event.preventDefault();
            send();
          }}
          onBlur={() => meeting.typing.tell(false)}
        />
        <button type="submit" class="composer-send" aria-label="Send" title="Send" disabled={empty || excess > 0}>
          <Icon node={SendHorizontal} />
        </button>
      </div>
      <p id="message-size" class={excess > 0 ? 'error' : 'hint'} role="status">
        {size > warnAt && sizeText(excess)}
      </p>
    </form>
  );
}

function sizeText(excess: number): string {
  const bytes = new Intl.NumberFormat('en').format(Math.abs(excess));
  const limit = new Intl.NumberFormat('en').format(bodyLimit);
  return excess > 0 ? `Too long by ${bytes} bytes; the limit is ${limit} bytes.` : `${bytes} of ${limit} bytes left`;
}

/** As high as what is in it, up to what the style sheet allows. */
function grow(area: HTMLTextAreaElement | null): void {
  if (area === null) return;
  area.style.height = 'auto';
  area.style.height = `${area.scrollHeight}px`;
}
