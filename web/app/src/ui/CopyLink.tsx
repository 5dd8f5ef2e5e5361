import { Check, Link2 } from 'lucide';
import { useEffect, useState } from 'preact/hooks';
import { notify } from '../model/notices';
import { invitationTo } from '../model/invitation';
import { inviteLink } from '../model/route';
import { copyText } from './clipboard';
import { Icon } from './Icon';

/** A button that copies the session's link. */
export function CopyLink({ session, primary = false }: { session: string; primary?: boolean }) {
  const [copied, setCopied] = useState(false);
  // The link contains no token, so it does not admit others to a session that needs one.
  const closed = invitationTo(session) !== undefined;
  useEffect(() => {
    if (!copied) return undefined;
    const timer = setTimeout(() => setCopied(false), 2_500);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = async (): Promise<void> => {
    if (!(await copyText(inviteLink(session)))) return;
    setCopied(true);
    notify(closed ? 'Link copied. It leads here, but whoever opens it needs an invitation.' : 'Link copied');
  };
  return (
    <button type="button" class={`button small copy-link ${primary ? 'primary' : ''}`} onClick={() => void copy()}>
      <Icon node={copied ? Check : Link2} size={17} />
      <span>{primary && !closed ? 'Copy invitation' : 'Copy link'}</span>
    </button>
  );
}
