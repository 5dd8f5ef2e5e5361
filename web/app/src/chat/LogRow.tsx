import { Check, CircleAlert, Clock, Copy } from 'lucide';
import { useEffect, useMemo, useState } from 'preact/hooks';
import type { Meeting } from '../model/meeting';
import { today } from '../model/today';
import { isEmoji, piecesOf } from '../text/markup';
import { hueOf, initials } from '../text/person';
import { inWords } from '../text/refusal';
import { clockTime, dayName, fullTime } from '../text/time';
import { copyText } from '../ui/clipboard';
import { Icon } from '../ui/Icon';
import { You } from '../ui/You';
import type { Row } from './rows';

/** One entry with what stands above it, or a post that waits or failed. */
export function LogRow({ row, meeting }: { row: Row; meeting: Meeting }) {
  const { own, head, name } = row;
  const failed = row.kind === 'pending' && row.item.state === 'failed';
  return (
    <div class="row" data-row={row.key}>
      {row.day && (
        <p class="row-day">
          <span>{dayName(row.time, today.value)}</span>
        </p>
      )}
      {row.fresh && (
        <p class="row-fresh">
          <span>New</span>
        </p>
      )}
      <div
        class={`entry ${own ? 'own' : ''} ${head ? 'head' : ''} ${row.kind} ${failed ? 'failed' : ''}`}
        style={{ '--hue': String(hueOf(name)) }}
      >
        {head && !own && (
          <span class="avatar" aria-hidden="true">
            {initials(name)}
          </span>
        )}
        <div class="entry-content">
          {head && (
            <p class={own ? 'visually-hidden' : 'entry-name'}>
              {name}
              {own && <You />}
            </p>
          )}
          <div class="bubble">
            <Body text={row.body} />
            <Foot row={row} />
          </div>
          <CopyBody text={row.body} />
          {failed && row.kind === 'pending' && <Failure row={row} meeting={meeting} />}
        </div>
      </div>
    </div>
  );
}

/** What was written, as text; addresses in it as links, and code as code. */
function Body({ text }: { text: string }) {
  const pieces = useMemo(() => piecesOf(text), [text]);
  return (
    <span class={`entry-body ${isEmoji(text) ? 'emoji' : ''}`} dir="auto">
      {pieces.map((piece, index) => {
        if (piece.code === 'block') return <pre key={index} tabIndex={0}>{piece.text}</pre>;
        if (piece.code === 'line') return <code key={index}>{piece.text}</code>;
        if (piece.href === undefined) return piece.text;
        return (
          <a dir="ltr" key={index} href={piece.href} target="_blank" rel="noopener noreferrer nofollow">
            {piece.text}
          </a>
        );
      })}
    </span>
  );
}

function Foot({ row }: { row: Row }) {
  if (row.kind === 'entry') {
    return (
      <time class="entry-time" dateTime={row.time.toISOString()} title={fullTime(row.time)}>
        {clockTime(row.time)}
      </time>
    );
  }
  const failed = row.item.state === 'failed';
  return (
    <span class="entry-time">
      <Icon node={failed ? CircleAlert : Clock} size={13} />
      {failed ? 'Not sent' : 'Sending …'}
    </span>
  );
}

function CopyBody({ text }: { text: string }) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return undefined;
    const timer = setTimeout(() => setCopied(false), 2_000);
    return () => clearTimeout(timer);
  }, [copied]);
  return (
    <button
      type="button"
      class="icon-button small entry-copy"
      aria-label={copied ? 'Copied' : 'Copy text'}
      title="Copy text"
      onClick={() => void copyText(text).then(setCopied)}
    >
      <Icon node={copied ? Check : Copy} size={15} />
    </button>
  );
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function Failure({ row, meeting }: { row: Row & { kind: 'pending' }; meeting: Meeting }) {
  const { key, error } = row.item;
  return (
    <p class="entry-failure" role="alert">
      <span>{sentence(inWords(error))}</span>
      <button type="button" class="link-button" onClick={() => meeting.session.retry(key)}>
        Try again
      </button>
      <button type="button" class="link-button" onClick={() => meeting.session.drop(key)}>
        Drop
      </button>
    </p>
  );
}
