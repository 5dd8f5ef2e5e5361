import { useSignal } from '@preact/signals';
import {
  createWebhookDocument,
  deleteWebhookDocument,
  replayWebhookDocument,
  webhooksDocument,
  type FeedEventKind,
  type WebhooksQuery,
} from '../generated/operations.ts';
import { run } from '../model/api.ts';
import { count, dateTime } from '../model/format.ts';
import { usePoll } from '../model/poll.ts';
import { inWords } from '../model/words.ts';
import { ask, say } from '../ui/ask.ts';
import { Problem, Title } from '../ui/Title.tsx';

type Webhook = WebhooksQuery['webhooks'][number];

const every = 3_000;

/** The webhook that the server's settings name, which ends with its setting. */
const environment = 'environment';

const kinds: readonly FeedEventKind[] = [
  'ENTRY_ADDED',
  'ENTRY_CHANGED',
  'CONNECTION_CREATED',
  'CONNECTION_UPDATED',
  'CONNECTION_DESTROYED',
  'STREAM_CREATED',
  'STREAM_UPDATED',
  'STREAM_DESTROYED',
  'MUTE_FORCED',
  'SESSION_CREATED',
  'SESSION_CHANGED',
  'SESSION_DELETED',
  'USER_ERASED',
  'LOG_TRUNCATED',
];

/** The webhooks and how far behind they are. */
export function Webhooks({ title }: { title: string }) {
  const { data, error, again } = usePoll(webhooksDocument, () => ({}), every);
  return (
    <>
      <Title>{title}</Title>
      <Problem>{error && inWords(error)}</Problem>
      {data !== undefined && data.webhooks.length === 0 && <p class="empty">There is no webhook.</p>}
      {data !== undefined && data.webhooks.length > 0 && (
        <ul class="hooks">
          {data.webhooks.map((webhook) => (
            <Hook key={webhook.id} webhook={webhook} again={again} />
          ))}
        </ul>
      )}
      <h2>New webhook</h2>
      <Create again={again} />
    </>
  );
}

function Hook({ webhook, again }: { webhook: Webhook; again: () => void }) {
  const { id, url, events, sessionPrefix, lag, lastError, failingSince, createdAt } = webhook;
  return (
    <li class="card hook">
      <h2>{url}</h2>
      <dl>
        <div>
          <dt>Lag</dt>
          <dd class={lag > 0 && lastError !== null ? 'bad-figure' : ''}>{lag === 0 ? 'has everything' : lag === 1 ? '1 event' : `${count(lag)} events`}</dd>
        </div>
        <div>
          <dt>Sessions</dt>
          <dd>{sessionPrefix === '' ? 'all' : `${sessionPrefix}…`}</dd>
        </div>
        <div>
          <dt>Events</dt>
          <dd>{events === null ? 'all' : events.join(', ')}</dd>
        </div>
        <div>
          <dt>Made</dt>
          <dd>{id === environment ? 'by the server’s settings' : dateTime(createdAt)}</dd>
        </div>
      </dl>
      {lastError !== null && (
        <p class="notice bad">
          {failingSince !== null && `Since ${dateTime(failingSince)}: `}
          {lastError}
        </p>
      )}
      <div class="acts">
        <button type="button" class="button small" aria-label={`Replay to ${url}`} onClick={() => askReplay(webhook, again)}>
          Replay …
        </button>
        {id !== environment && (
          <button type="button" class="button small danger-line" aria-label={`Delete the webhook to ${url}`} onClick={() => askDelete(webhook, again)}>
            Delete
          </button>
        )}
      </div>
    </li>
  );
}

function askReplay({ id, url }: Webhook, again: () => void): void {
  ask({
    title: 'Send events again?',
    children: (
      <>
        <p>Everything after a cursor of the feed is sent to {url} again, at once. Events have the ids that they had.</p>
        <label class="field">
          <span class="label">After the cursor</span>
          <input class="input" name="after" required defaultValue="0" maxLength={128} spellcheck={false} autocapitalize="off" autocomplete="off" />
          <span class="hint">0 is the beginning: all that there is.</span>
        </label>
      </>
    ),
    yes: 'Send again',
    async act(form) {
      await run(replayWebhookDocument, { id, after: String(form.get('after')).trim() });
      again();
      return 'The events are sent again.';
    },
  });
}

function askDelete({ id, url }: Webhook, again: () => void): void {
  ask({
    title: 'Delete this webhook?',
    children: <p>Nothing more is sent to {url}, and its place in the feed is forgotten.</p>,
    yes: 'Delete',
    danger: true,
    async act() {
      await run(deleteWebhookDocument, { id });
      again();
      return 'The webhook is deleted.';
    },
  });
}

function Create({ again }: { again: () => void }) {
  const problem = useSignal('');
  const made = useSignal<string | undefined>(undefined);
  const busy = useSignal(false);

  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const element = event.currentTarget as HTMLFormElement;
    const form = new FormData(element);
    const events = form.getAll('event') as FeedEventKind[];
    const sessionPrefix = String(form.get('prefix')).trim();
    busy.value = true;
    problem.value = '';
    try {
      const { createWebhook } = await run(createWebhookDocument, {
        url: String(form.get('url')).trim(),
        events: events.length === 0 ? null : events,
        sessionPrefix: sessionPrefix === '' ? null : sessionPrefix,
      });
      made.value = createWebhook.secret;
      element.reset();
      say('The webhook is made.');
      again();
    } catch (cause) {
      problem.value = inWords(cause);
    } finally {
      busy.value = false;
    }
  };

  return (
    <form class="card form" onSubmit={submit} autocomplete="off">
      <label class="field">
        <span class="label">Receiver</span>
        <input class="input" name="url" type="url" required placeholder="https://example.com/chattok" maxLength={2048} spellcheck={false} />
      </label>
      <label class="field">
        <span class="label">Only sessions whose id begins with</span>
        <input class="input" name="prefix" pattern="[A-Za-z0-9_~.\-]*" maxLength={128} spellcheck={false} autocapitalize="off" />
      </label>
      <details>
        <summary>Only some kinds of events</summary>
        <div class="kinds">
          {kinds.map((kind) => (
            <label key={kind} class="check">
              <input type="checkbox" name="event" value={kind} />
              <code>{kind}</code>
            </label>
          ))}
        </div>
      </details>
      <Problem>{problem.value}</Problem>
      <button type="submit" class="button primary" disabled={busy.value}>
        Make it
      </button>
      {made.value !== undefined && (
        <div class="secret">
          <label class="field">
            <span class="label">Its secret, which is shown this once</span>
            <input class="input" readOnly value={made.value} onFocus={({ currentTarget }) => currentTarget.select()} spellcheck={false} />
          </label>
          <button type="button" class="button small" onClick={() => (made.value = undefined)}>
            I have it
          </button>
        </div>
      )}
    </form>
  );
}
