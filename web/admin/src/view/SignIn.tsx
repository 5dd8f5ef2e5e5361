import { useEffect, useRef } from 'preact/hooks';
import { signIn, state } from '../model/api.ts';
import { Mark } from '../ui/Mark.tsx';
import { Problem } from '../ui/Title.tsx';

const problems = {
  refused: 'The server does not accept this secret.',
  'no secret': 'This is a token of somebody’s, and not the API secret.',
  unreachable: 'The server can’t be reached. Try again in a moment.',
};

/** Asks for the API secret. The field is not the page's state: its text goes into memory once, and the field is emptied. */
export function SignIn() {
  const field = useRef<HTMLInputElement>(null);
  const now = state.value;
  const problem = now.name === 'out' ? now.problem : undefined;
  useEffect(() => {
    document.title = 'Admin · ChatTok';
    field.current?.focus();
  }, [problem]);

  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const input = field.current;
    const secret = input?.value.trim() ?? '';
    if (input === null || secret === '') return;
    input.value = '';
    signIn(secret);
  };

  return (
    <main class="sign-in">
      <form onSubmit={submit} autocomplete="off">
        <Mark size={40} />
        <h1>ChatTok admin</h1>
        <label class="field">
          <span class="label">API secret</span>
          <input ref={field} class="input" type="password" required autocomplete="off" spellcheck={false} autocapitalize="off" />
        </label>
        <Problem>{problem && problems[problem]}</Problem>
        <button type="submit" class="button primary" disabled={now.name === 'checking'}>
          {now.name === 'checking' ? 'Asking the server …' : 'Sign in'}
        </button>
        <p class="hint">
          <code>chattok secret</code> prints it, where the server runs. This page keeps it in memory alone: a reload asks for it again.
        </p>
      </form>
    </main>
  );
}
