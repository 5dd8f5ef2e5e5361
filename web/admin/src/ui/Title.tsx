import type { ComponentChildren } from 'preact';

/** The heading of a view, which gets the focus when the view is opened. */
export function Title({ children }: { children: ComponentChildren }) {
  return (
    <h1 class="title" tabIndex={-1}>
      {children}
    </h1>
  );
}

/** Says why something failed; nothing where it did not. */
export function Problem({ children }: { children: ComponentChildren }) {
  if (!children) return null;
  return (
    <p class="notice bad" role="alert">
      {children}
    </p>
  );
}
