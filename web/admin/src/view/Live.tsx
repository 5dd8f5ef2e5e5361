import { useSignal } from '@preact/signals';
import { Title } from '../ui/Title.tsx';
import { TailView } from './TailView.tsx';

/** The events of all sessions, as they happen. */
export function Live({ title }: { title: string }) {
  const typed = useSignal('');
  const prefix = useSignal('');
  return (
    <>
      <Title>{title}</Title>
      <form
        class="tools"
        onSubmit={(event) => {
          event.preventDefault();
          prefix.value = typed.value;
        }}
        autocomplete="off"
      >
        <label class="field">
          <span class="label">Only sessions whose id begins with</span>
          <input
            class="input"
            type="search"
            value={typed.value}
            pattern="[A-Za-z0-9_~.\-]*"
            maxLength={128}
            spellcheck={false}
            autocapitalize="off"
            onInput={({ currentTarget }) => (typed.value = currentTarget.value)}
          />
        </label>
        <button type="submit" class="button">
          Follow
        </button>
      </form>
      <p class="hint">From now on. It stands still while you point at it.</p>
      <TailView key={prefix.value} prefix={prefix.value} />
    </>
  );
}
