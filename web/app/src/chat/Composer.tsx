import { SendHorizontal } from 'lucide';
import { useLayoutEffect, useRef } from 'preact/hooks';
import type { Meeting } from '../model/meeting';
import { notify } from '../model/notices';
import { isComposing } from '../room/shortcuts';
import { bodyLimit, byteLength } from '../text/limits';
import { Icon } from '../ui/Icon';
import { Suggestions } from './Suggestions';

/** From here on the bytes that are left are shown. */
const warnAt = bodyLimit - 1_024;

/** Whether one writes on a screen rather than on keys. */
const touches = (): boolean => matchMedia('(pointer: coarse)').matches;

/** Where one writes. What was not sent is still there after a reload. */
export function Composer({ meeting, focus }: { meeting: Meeting; focus: boolean }) {
  const text = meeting.draft.text.value;
  const area = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => {
    if (focus) area.current?.focus();
  }, []);
  useLayoutEffect(() => grow(area.current), [text]);

  const size = sizeOf(text);
  const excess = size - bodyLimit;
  const empty = text.trim() === '';
  const change = (next: string): void => {
    meeting.draft.set(next);
    meeting.typing.tell(next.trim() !== '');
  };
  const send = (): void => {
    area.current?.focus();
    // As it is now: a second key may come before this has been drawn again.
    const words = meeting.draft.text.peek();
    if (words.trim() === '' || sizeOf(words) > bodyLimit) return;
    change('');
    // The log shows it at once, as it shows whatever becomes of it.
    meeting.session.post(words).catch(() => {});
    meeting.unread.first.value = undefined;
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
      <Suggestions text={text} change={(next) => (change(next), area.current?.focus())} />
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
          enterkeyhint={touches() ? 'enter' : 'send'}
          onInput={(event) => change(event.currentTarget.value)}
          onKeyDown={(event) => {
            // A keyboard on glass has no Shift+Enter, and has the button beside it.
            if (event.key !== 'Enter' || event.shiftKey || touches() || isComposing(event)) return;
            event.preventDefault();
            send();
          }}
          onPaste={(event) => refuseFiles(event, event.clipboardData)}
          onDragOver={(event) => event.dataTransfer?.types.includes('Files') && event.preventDefault()}
          onDrop={(event) => refuseFiles(event, event.dataTransfer)}
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

/** Files can't be sent; without a word the browser would open one in the page's place, or do nothing. */
function refuseFiles(event: Event, data: DataTransfer | null): void {
  if (data === null || data.files.length === 0 || data.types.includes('text/plain')) return;
  event.preventDefault();
  notify('Files and pictures can’t be sent here. Send a link to them instead.', 'fault');
}

/** Bytes of UTF-8, counted only where there are so many that it matters. */
function sizeOf(text: string): number {
  return text.length * 3 > warnAt ? byteLength(text) : text.length;
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
