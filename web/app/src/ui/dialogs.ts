// The dialog that is open. Dialogs are loaded when they are asked for, and shown by the room.
import { signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';

export const dialog = signal<ComponentChildren>(undefined);

export function closeDialog(): void {
  dialog.value = undefined;
}
