/** The logo: a speech bubble that sends. */
export function Mark({ size = 24 }: { size?: number }) {
  return (
    <svg class="mark" width={size} height={size} viewBox="0 0 32 32" aria-hidden="true">
      <path class="mark-bubble" d="M6 3h20a4 4 0 0 1 4 4v13a4 4 0 0 1-4 4H15l-7 6v-6H6a4 4 0 0 1-4-4V7a4 4 0 0 1 4-4z" />
      <path class="mark-arcs" d="M12.2 17.3a5.4 5.4 0 0 1 0-7.6M19.8 9.7a5.4 5.4 0 0 1 0 7.6" />
      <circle class="mark-dot" cx="16" cy="13.5" r="2.3" />
    </svg>
  );
}
