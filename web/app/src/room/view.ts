// View state of the room: the open panel, the layout, and the available space.
import { computed, signal } from '@preact/signals';
import { choices, choose } from '../model/storage';

/** The open side panel; undefined if none is open. */
export type Panel = 'chat' | 'people' | undefined;

/** Layout of the tiles. `auto` enlarges the speaker's tile in a group. */
export type Layout = 'auto' | 'grid' | 'speaker';

export const panel = signal<Panel>('chat');

/** Whether the panel covers the stage instead of being beside it. */
export const isSheet = follow('(max-width: 60rem)');

/** Whether there is only space for the most important controls; the others are in a menu. */
export const isTight = follow('(max-width: 40rem), (max-height: 30rem)');

export const layout = computed<Layout>(() => choices.value.layout);
export const selfHidden = computed(() => choices.value.selfHidden);

export function setLayout(next: Layout): void {
  choose({ layout: next });
}

/** The playback volume of each person, 0 to 1, by connection id. */
export const volumes = signal<ReadonlyMap<string, number>>(new Map());

export function setVolume(connection: string, volume: number): void {
  volumes.value = new Map(volumes.value).set(connection, volume);
}

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
