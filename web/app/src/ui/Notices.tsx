import { X } from 'lucide';
import { clearNotices, dismiss, notices, type Notice } from '../model/notices';
import { panel } from '../room/view';
import { Icon } from './Icon';

/** The notices at the edge of a page, for pages without a dedicated place for them. */
export function Notices() {
  return (
    <div class="notices">
      <NoticeList />
    </div>
  );
}

/**
 * The list of notices. Both live regions are always rendered, since screen readers announce only additions to existing ones.
 */
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
