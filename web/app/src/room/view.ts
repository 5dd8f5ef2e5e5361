// How the room is shown: what lies beside the stage, and what the window has room for.
import { signal } from '@preact/signals';

/** What the panel beside the stage holds; undefined where it is closed. */
export type Panel = 'chat' | 'people' | undefined;

export const panel = signal<Panel>('chat');

const narrow = matchMedia('(max-width: 60rem)');

/** Whether the panel lies over the stage, as a sheet, rather than beside it. */
export const isSheet = signal(narrow.matches);
narrow.addEventListener('change', () => {
  isSheet.value = narrow.matches;
});

/** Opens a panel, or closes it where it is open. */
export function togglePanel(which: 'chat' | 'people'): void {
  panel.value = panel.value === which ? undefined : which;
}
