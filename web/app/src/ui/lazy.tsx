import type { ComponentType } from 'preact';
import { useEffect, useReducer } from 'preact/hooks';
import { notify } from '../model/notices';

/** A component that is loaded when it is first shown, and a function that loads it before that. */
export type LazyPart<Props> = ComponentType<Props> & { readonly load: () => Promise<void> };

/** Makes a component of one that is in a file of its own. It shows nothing until that is loaded. */
export function lazily<Props extends object>(fetch: () => Promise<ComponentType<Props>>): LazyPart<Props> {
  let loaded: ComponentType<Props> | undefined;
  let loading: Promise<void> | undefined;
  const load = (): Promise<void> =>
    (loading ??= fetch().then(
      (part) => {
        loaded = part;
      },
      (error: unknown) => {
        loading = undefined; // the next one tries again
        throw error;
      },
    ));
  function Part(props: Props) {
    const [, draw] = useReducer((count: number) => count + 1, 0);
    useEffect(() => {
      if (loaded !== undefined) return undefined;
      let wanted = true;
      let timer: ReturnType<typeof setTimeout>;
      const show = (again: boolean): void => {
        load().then(
          () => wanted && draw(undefined),
          () => {
            if (!wanted) return;
            if (!again) notify('This part of the page can’t be loaded now. It is tried again until the server answers.', 'fault');
            timer = setTimeout(() => show(true), 2000);
          },
        );
      };
      show(false);
      return () => {
        wanted = false;
        clearTimeout(timer);
      };
    }, []);
    const Loaded = loaded;
    return Loaded === undefined ? null : <Loaded {...props} />;
  }
  return Object.assign(Part, { load });
}
