import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { hold } from './Menu';

interface Props {
  /** The element beside which it opens, and which gets the focus back. */
  readonly anchor: HTMLElement;
  readonly label: string;
  readonly role: 'menu' | 'dialog';
  readonly class?: string;
  readonly onKeyDown: (event: KeyboardEvent & { readonly currentTarget: HTMLElement }) => void;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}

/**
 * A menu that is open from the start. It is no `auto` popover, which the end of a long press would close again, so it closes
 * itself on Escape, on a press elsewhere, and when the focus goes elsewhere.
 */
export function Popup({ anchor, label, role, class: style = '', onKeyDown, onClose, children }: Props) {
  const element = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const list = element.current;
    if (list === null) return undefined;
    list.showPopover();
    const end = hold(anchor, list);
    const ending = new AbortController();
    const isOutside = ({ target }: Event): boolean => !(target instanceof Node && list.contains(target));
    document.addEventListener('pointerdown', (event) => isOutside(event) && onClose(), ending);
    // The end of a long press may focus what was pressed.
    const home = anchor.closest('.entry');
    document.addEventListener('focusin', (event) => isOutside(event) && event.target !== home && onClose(), ending);
    return () => {
      ending.abort();
      end?.();
      const { activeElement } = document;
      if (activeElement !== document.body && !list.contains(activeElement)) return; // the focus is elsewhere already
      const back = anchor.isConnected ? (anchor.closest<HTMLElement>('.entry') ?? anchor) : document.querySelector<HTMLElement>('.log');
      back?.focus({ preventScroll: true });
    };
  }, []);
  return (
    <div
      ref={element}
      popover="manual"
      class={`menu ${style}`}
      role={role}
      aria-label={label}
      onKeyDown={(event) => {
        if (event.key === 'Escape' || (event.key === 'Tab' && role === 'menu')) {
          event.preventDefault();
          event.stopPropagation();
          onClose();
        } else {
          onKeyDown(event);
        }
      }}
    >
      {children}
    </div>
  );
}
