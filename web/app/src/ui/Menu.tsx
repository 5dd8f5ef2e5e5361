import type { IconNode } from 'lucide';
import type { ComponentChildren } from 'preact';
import { useSignal } from '@preact/signals';
import { useId, useLayoutEffect, useRef } from 'preact/hooks';
import { Icon } from './Icon';

interface MenuProps {
  readonly label: string;
  readonly title?: string;
  readonly icon: IconNode;
  readonly class: string;
  readonly size?: number;
  /** The button's content, in place of the icon. */
  readonly face?: ComponentChildren;
  /** Creates the items when the menu opens. */
  readonly children: () => ComponentChildren;
}

/** A button with a popover menu. The browser closes it on Escape or on a click outside. */
export function Menu({ label, title = label, icon, class: style, size = 18, face, children }: MenuProps) {
  const id = useId();
  const button = useRef<HTMLButtonElement>(null);
  const list = useRef<HTMLDivElement>(null);
  const open = useSignal(false);
  const toggled = (event: { readonly newState: string }): void => {
    open.value = event.newState === 'open';
  };
  const shown = open.value;
  // The items may still have to be loaded, so the place follows the size.
  useLayoutEffect(() => (shown ? hold(button.current, list.current) : undefined), [shown]);
  return (
    <>
      <button
        ref={button}
        type="button"
        class={style}
        popovertarget={id}
        aria-label={label}
        aria-haspopup="menu"
        aria-expanded={shown}
        title={title}
      >
        {face ?? <Icon node={icon} size={size} />}
      </button>
      <div ref={list} id={id} popover="auto" class="menu" role="menu" aria-label={label} onToggle={toggled} onKeyDown={move}>
        {shown && children()}
      </div>
    </>
  );
}

interface ItemProps {
  readonly icon: IconNode;
  /** The accessible name, if the text alone is ambiguous. */
  readonly label?: string;
  readonly children: ComponentChildren;
  readonly danger?: boolean;
  /** Set for items that can be on or off. */
  readonly checked?: boolean;
  readonly onSelect: () => void;
}

/** A menu item. Selecting it closes the menu. */
export function Item({ icon, label, children, danger = false, checked, onSelect }: ItemProps) {
  return (
    <button
      type="button"
      role={checked === undefined ? 'menuitem' : 'menuitemcheckbox'}
      class={`menu-item ${danger ? 'danger' : ''} ${checked === true ? 'checked' : ''}`}
      aria-label={label}
      aria-checked={checked}
      onClick={(event) => {
        hide(event.currentTarget);
        onSelect();
      }}
    >
      <Icon node={icon} size={18} />
      <span>{children}</span>
    </button>
  );
}

/** Closes the menu of an item. */
export function hide(item: HTMLElement): void {
  item.closest<HTMLElement>('[popover=auto]')?.hidePopover();
}

const gap = 6; // pixels between the button and its menu
const edge = 8; // pixels between the menu and the window's edge

/** Keeps a menu at its button, and focuses its first item. Returns a function that stops it. */
export function hold(button: HTMLElement | null, list: HTMLElement | null): (() => void) | undefined {
  if (button === null || list === null) return undefined;
  const observer = new ResizeObserver(() => {
    place(button, list);
    if (!list.contains(document.activeElement)) itemsOf(list)[0]?.focus();
  });
  observer.observe(list);
  return () => observer.disconnect();
}

function place(button: HTMLElement, list: HTMLElement): void {
  const from = button.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = list;
  const below = from.bottom + gap;
  const top = below + height <= innerHeight - edge ? below : from.top - gap - height;
  list.style.left = `${Math.max(edge, Math.min(from.right - width, innerWidth - width - edge))}px`;
  list.style.top = `${Math.max(edge, Math.min(top, innerHeight - height - edge))}px`;
}

function itemsOf(list: HTMLElement): HTMLElement[] {
  return [...list.querySelectorAll<HTMLElement>('[role^=menuitem], input')];
}

/** Moves the focus from item to item by the arrow keys. */
export function move(event: KeyboardEvent & { readonly currentTarget: HTMLElement }): void {
  const items = itemsOf(event.currentTarget);
  const at = items.findIndex((item) => item === document.activeElement);
  const steps: Record<string, number> = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 };
  const to = steps[event.key];
  if (to === undefined || items.length === 0) return;
  if (event.target instanceof HTMLInputElement && (event.key === 'Home' || event.key === 'End')) return;
  event.preventDefault();
  items[(to + items.length) % items.length]?.focus();
}
