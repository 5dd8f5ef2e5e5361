import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { notify } from '../model/notices';

/** Shows a part of the page that is loaded when it is needed for the first time. */
export function Lazy({ load }: { load: () => Promise<ComponentChildren> }) {
  const [part, setPart] = useState<ComponentChildren>();
  useEffect(() => {
    let wanted = true;
    load().then(
      (loaded) => wanted && setPart(() => loaded),
      () => notify('This part of the page could not be loaded. Try again when the server answers.', 'fault'),
    );
    return () => {
      wanted = false;
    };
  }, []);
  return <>{part}</>;
}
