import { X } from 'lucide';
import { clearNotices, dismiss, notices, type Notice } from '../model/notices';
import { panel } from '../room/view';
import { Icon } from './Icon';

/** What happened, at the edge of a page that has no place of its own for it. */
export function Notices() {
  return (
    <div class="notices">
      <NoticeList />
    </div>
  );
}

/** What happened. The two regions are always there, or additions would not be read out. */
export function NoticeList() {
  const of = (kind: Notice['kind']) => notices.value.filter((notice) => notice.kind === kind);
  return (
    <>
      <div role="status" aria-label="News" class="notices-list">
        {of('news').map((notice) => (
          <Toast key={notice.id} notice={notice} />
        ))}
      </div>
      <div role="alert" aria-label="Faults" class="notices-list">
        {of('fault').map((notice) => (
          <Toast key={notice.id} notice={notice} />
        ))}
      </div>
    </>
  );
}

function Toast({ notice: { id, text, kind, about } }: { notice: Notice }) {
  const open = (): void => {
    panel.value = 'chat';
    clearNotices('chat');
  };
  return (
    <p class={`toast ${kind}`}>
      {about === 'chat' ? (
        <button type="button" class="toast-open" onClick={open}>
          {text}
        </button>
      ) : (
        <span>{text}</span>
      )}
      <button type="button" class="icon-button small" aria-label="Dismiss" onClick={() => dismiss(id)}>
        <Icon node={X} size={16} />
      </button>
    </p>
  );
}
