import type { IconNode } from 'lucide';
import type { ComponentChildren } from 'preact';
import { useSignal } from '@preact/signals';
import { useId, useRef } from 'preact/hooks';
import { Icon } from './Icon';

interface MenuProps {
  readonly label: string;
  readonly title?: string;
  readonly icon: IconNode;
  readonly class: string;
  readonly size?: number;
  /** What is in the button in place of the bare icon. */
  readonly face?: ComponentChildren;
  /** Its items, made when it opens. */
  readonly children: () => ComponentChildren;
}

/** A button with a menu: the browser puts it over everything, and closes it at a press elsewhere or of Escape. */
export function Menu({ label, title = label, icon, class: style, size = 18, face, children }: MenuProps) {
  const id = useId();
  const button = useRef<HTMLButtonElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const open = useSignal(false);
  const toggled = (event: { readonly newState: string }): void => {
    open.value = event.newState === 'open';
    if (open.value) requestAnimationFrame(() => begin(button.current, list.current));
  };
  return (
    <>
      <button
        ref={button}
        type="button"
        class={style}
        popovertarget={id}
        aria-label={label}
        aria-haspopup="menu"
        aria-expanded={open.value}
        title={title}
      >
        {face ?? <Icon node={icon} size={size} />}
      </button>
      <div ref={list} id={id} popover="auto" class="menu" role="menu" aria-label={label} onToggle={toggled} onKeyDown={move}>
        {open.value && children()}
      </div>
    </>
  );
}

interface ItemProps {
  readonly icon: IconNode;
  /** Its name where the text alone does not say whom it concerns. */
  readonly label?: string;
  readonly children: ComponentChildren;
  readonly danger?: boolean;
  /** For what is on or off. */
  readonly checked?: boolean;
  readonly onSelect: () => void;
}

/** One item of a menu, which closes as it is chosen. */
export function Item({ icon, label, children, danger = false, checked, onSelect }: ItemProps) {
  return (
    <button
      type="button"
      role={checked === undefined ? 'menuitem' : 'menuitemcheckbox'}
      class={`menu-item ${danger ? 'danger' : ''} ${checked === true ? 'checked' : ''}`}
      aria-label={label}
      aria-checked={checked}
      onClick={(event) => {
        event.currentTarget.closest<HTMLElement>('[popover]')?.hidePopover();
        onSelect();
      }}
    >
      <Icon node={icon} size={18} />
      <span>{children}</span>
    </button>
  );
}

const gap = 6; // pixels between the button and its menu
const edge = 8; // pixels between the menu and the window's edge

/** Puts the menu beside its button, wherever there is room, and goes to its first item. */
function begin(button: HTMLElement | null, list: HTMLElement | null): void {
  if (button === null || list === null) return;
  const from = button.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = list;
  const below = from.bottom + gap;
  const top = below + height <= innerHeight - edge ? below : from.top - gap - height;
  list.style.left = `${Math.max(edge, Math.min(from.right - width, innerWidth - width - edge))}px`;
  list.style.top = `${Math.max(edge, Math.min(top, innerHeight - height - edge))}px`;
  itemsOf(list)[0]?.focus();
}

function itemsOf(list: HTMLElement): HTMLElement[] {
  return [...list.querySelectorAll<HTMLElement>('[role^=menuitem], input')];
}

function move(event: KeyboardEvent & { readonly currentTarget: HTMLElement }): void {
  const items = itemsOf(event.currentTarget);
  const at = items.findIndex((item) => item === document.activeElement);
  const steps: Record<string, number> = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 };
  const to = steps[event.key];
  if (to === undefined || items.length === 0) return;
  if (event.target instanceof HTMLInputElement && (event.key === 'Home' || event.key === 'End')) return;
  event.preventDefault();
  items[(to + items.length) % items.length]?.focus();
}
