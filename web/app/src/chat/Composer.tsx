import { Check, SendHorizontal, X } from 'lucide';
import { useLayoutEffect, useRef } from 'preact/hooks';
import type { Edit } from '../model/draft';
import { nameOf, type Meeting } from '../model/meeting';
import { notify } from '../model/notices';
import { isComposing } from '../room/shortcuts';
import { bodyLimit, byteLength } from '../text/limits';
import { Icon } from '../ui/Icon';
import { lazily } from '../ui/lazy';
import { clock, slowText, useSlowMode, waitOf } from './slow';

const Suggestions = lazily(() => import('./Suggestions').then((part) => part.Suggestions));

/** Message size, in bytes, above which the remaining size is shown. */
const warnAt = bodyLimit - 1_024;

/** Matches an emoji name that is being written, such as `:hea`. */
const begun = /(?:^|\s):[a-z0-9_+-]{2,20}:?$/;

/** Reports whether the device has a touch screen instead of a keyboard. */
const touches = (): boolean => matchMedia('(pointer: coarse)').matches;

/** The text field for new messages. An unsent draft survives a reload. */
export function Composer({ meeting, focus }: { meeting: Meeting; focus: boolean }) {
  const { draft } = meeting;
  const text = draft.text.value;
  const edit = draft.edit.value;
  const wait = useSlowMode(meeting);
  const area = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => {
    if (focus) area.current?.focus();
  }, []);
  useLayoutEffect(() => grow(area.current), [text]);
  useLayoutEffect(() => {
    const field = area.current;
    if (field === null || draft.wanted.value === 0) return;
    field.focus();
    field.setSelectionRange(field.value.length, field.value.length);
  }, [draft.wanted.value]);

  const waits = wait > 0 && edit === undefined;
  const label = edit === undefined ? 'Send' : 'Save';
  const size = sizeOf(text);
  const excess = size - bodyLimit;
  const empty = text.trim() === '';
  const change = (next: string): void => {
    draft.set(next);
    meeting.session.typing(next.trim() !== '');
  };
  const send = (): void => {
    area.current?.focus();
    // The signals, not the rendered text: a second Enter may arrive before the next render.
    const words = draft.text.peek();
    const changed = draft.edit.peek();
    if (words.trim() === '' || sizeOf(words) > bodyLimit) return;
    // Errors are shown beside the message in the log, or as a notice.
    if (changed !== undefined) {
      draft.leave();
      if (words !== changed.before) meeting.session.edit(storedId(meeting, changed), words).catch(() => {});
      return;
    }
    if (waitOf(meeting) > 0) return;
    const { replyTo } = draft.take();
    meeting.session.typing(false);
    meeting.session.post(words, { ...(replyTo !== undefined && { replyTo }) }).catch(() => {});
    meeting.unread.readTo.value = undefined;
  };
  const press = (event: KeyboardEvent): void => {
    if (isComposing(event) || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === 'Escape' && draft.leave()) {
      event.preventDefault();
    } else if (event.key === 'ArrowUp' && edit === undefined && draft.text.peek() === '') {
      const last = lastOwn(meeting);
      if (last === undefined) return;
      event.preventDefault();
      draft.change(last.id, last.body);
    } else if (event.key === 'Enter' && !event.shiftKey && !touches()) {
      // On a touch screen Enter starts a new line, since there is no Shift+Enter; the Send button is next to the field.
      event.preventDefault();
      send();
    }
  };
  if (!meeting.canWrite.value) {
    const why = meeting.canPublish.value ? 'This session is read-only: only moderators write.' : 'You may read here, but not write.';
    return (
      <p class="composer-closed hint" role="status">
        {why}
      </p>
    );
  }
  return (
    <form
      class="composer"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      {begun.test(text) && <Suggestions text={text} change={(next) => (change(next), area.current?.focus())} />}
      <About meeting={meeting} />
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
          onKeyDown={press}
          onPaste={(event) => refuseFiles(event, event.clipboardData)}
          onDragOver={(event) => event.dataTransfer?.types.includes('Files') && event.preventDefault()}
          onDrop={(event) => refuseFiles(event, event.dataTransfer)}
          onBlur={() => meeting.session.typing(false)}
        />
        <button
          type="submit"
          class="composer-send"
          aria-label={waits ? `Send in ${clock(wait)}` : label}
          title={label}
          disabled={empty || excess > 0 || waits}
        >
          {waits ? clock(wait) : <Icon node={edit === undefined ? SendHorizontal : Check} />}
        </button>
      </div>
      <p id="message-size" class={excess > 0 ? 'error' : 'hint'} role="status">
        {size > warnAt ? sizeText(excess) : waits && slowText(meeting)}
      </p>
    </form>
  );
}

/** Says that the text in the field is an edit, or an answer. */
function About({ meeting }: { meeting: Meeting }) {
  const { draft } = meeting;
  const id = draft.replyTo.value;
  const edits = draft.edit.value !== undefined;
  if (!edits && id === undefined) return null;
  const entry = edits ? undefined : meeting.entries.value.find((each) => each.id === id);
  return (
    <div class="composer-about">
      <p>
        <b>{edits ? 'Edit your message' : `Answer to ${entry === undefined ? 'a message' : nameOf(entry.connection)}`}</b>
        {!edits && <span dir="auto">{entry?.body.slice(0, 200)}</span>}
      </p>
      <button
        type="button"
        class="icon-button small"
        aria-label={edits ? 'Leave the message as it was' : 'Do not answer this message'}
        onClick={() => {
          draft.leave();
          draft.wanted.value++;
        }}
      >
        <Icon node={X} size={16} />
      </button>
    </div>
  );
}

/** Returns the newest message of this user that can be edited: an unsent one, or one that is stored. */
function lastOwn(meeting: Meeting): { id: string; body: string } | undefined {
  const { pending, entries } = meeting.session.store.get();
  const item = pending.at(-1);
  if (item !== undefined) return { id: item.key, body: item.body };
  return entries.findLast((entry) => entry.deletedAt === null && meeting.session.owns(entry));
}

/** Returns the id of an edit's entry, also if it was an unsent post when the edit began. */
function storedId(meeting: Meeting, { id, before }: Edit): string {
  const { pending, entries } = meeting.session.store.get();
  if (pending.some(({ key }) => key === id) || entries.some((entry) => entry.id === id)) return id;
  return entries.findLast((entry) => entry.body === before && meeting.session.owns(entry))?.id ?? id;
}

/** Rejects pasted or dropped files with an explanation. Without it, the browser might open the file in place of the page. */
function refuseFiles(event: Event, data: DataTransfer | null): void {
  if (data === null || data.files.length === 0 || data.types.includes('text/plain')) return;
  event.preventDefault();
  notify('Files and pictures can’t be sent here. Send a link to them instead.', 'fault');
}

/** Returns the size in bytes of UTF-8. Short texts are far from the limit, so their number of UTF-16 units will do. */
function sizeOf(text: string): number {
  return text.length * 3 > warnAt ? byteLength(text) : text.length;
}

function sizeText(excess: number): string {
  const bytes = new Intl.NumberFormat('en').format(Math.abs(excess));
  const limit = new Intl.NumberFormat('en').format(bodyLimit);
  return excess > 0 ? `Too long by ${bytes} bytes; the limit is ${limit} bytes.` : `${bytes} of ${limit} bytes left`;
}

/** Fits the height of the text field to its content; the style sheet sets the maximum. */
function grow(area: HTMLTextAreaElement | null): void {
  if (area === null) return;
  area.style.height = 'auto';
  area.style.height = `${area.scrollHeight}px`;
}
