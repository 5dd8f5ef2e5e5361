// How the room is shown: what lies beside the stage, how the tiles lie, and what the window has room for.
import { computed, signal } from '@preact/signals';
import { choices, choose } from '../model/storage';

/** What the panel beside the stage holds; undefined where it is closed. */
export type Panel = 'chat' | 'people' | undefined;

/** How the tiles lie: `auto` puts whoever speaks forward in a group. */
export type Layout = 'auto' | 'grid' | 'speaker';

export const panel = signal<Panel>('chat');

/** Whether the panel lies over the stage, as a sheet, rather than beside it. */
export const isSheet = follow('(max-width: 60rem)');

/** Whether there is room for the most needed controls alone; the others are in a menu. */
export const isTight = follow('(max-width: 40rem), (max-height: 30rem)');

export const layout = computed<Layout>(() => choices.value.layout);
export const selfHidden = computed(() => choices.value.selfHidden);

export function setLayout(next: Layout): void {
  choose({ layout: next });
}

/** How loud a person is for this listener, 0 to 1, by connection. */
export const volumes = signal<ReadonlyMap<string, number>>(new Map());

export function setVolume(connection: string, volume: number): void {
  volumes.value = new Map(volumes.value).set(connection, volume);
}

/** Opens a panel, or closes it where it is open. */
export function togglePanel(which: 'chat' | 'people'): void {
  panel.value = panel.value === which ? undefined : which;
}

function follow(query: string) {
  const list = matchMedia(query);
  const matches = signal(list.matches);
  list.addEventListener('change', () => {
    matches.value = list.matches;
  });
  return matches;
}
