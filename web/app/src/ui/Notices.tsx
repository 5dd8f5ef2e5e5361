import { X } from 'lucide';
import { dismiss, notices } from '../model/notices';
import { Icon } from './Icon';

/** What happened, at the edge of the page. The two regions are always there, or additions would not be read out. */
export function Notices() {
  const of = (kind: 'news' | 'fault') => notices.value.filter((notice) => notice.kind === kind);
  return (
    <div class="notices">
      <div role="status" aria-label="News" class="notices-list">
        {of('news').map(({ id, text }) => (
          <p key={id} class="toast">
            {text}
          </p>
        ))}
      </div>
      <div role="alert" aria-label="Faults" class="notices-list">
        {of('fault').map(({ id, text }) => (
          <p key={id} class="toast fault">
            {text}
            <button type="button" class="icon-button small" aria-label="Dismiss" onClick={() => dismiss(id)}>
              <Icon node={X} size={16} />
            </button>
          </p>
        ))}
      </div>
    </div>
  );
}
