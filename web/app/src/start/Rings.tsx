import { MessageCircle, Mic, MonitorUp, Video } from 'lucide';
import { Icon } from '../ui/Icon';

// Decoration only; the text beside it says the same.
const around = [
  { icon: Video, hue: 200, left: '9%', top: '20%' },
  { icon: Mic, hue: 35, left: '76%', top: '10%' },
  { icon: MonitorUp, hue: 300, left: '78%', top: '70%' },
  { icon: MessageCircle, hue: 140, left: '15%', top: '76%' },
];

/** The start page's picture: a signal that spreads to everyone. */
export function Rings() {
  return (
    <div class="rings" aria-hidden="true">
      <svg viewBox="0 0 400 400">
        <circle class="ring-fill" cx="200" cy="200" r="198" />
        {[64, 130, 197].map((radius) => (
          <circle key={radius} class="ring" cx="200" cy="200" r={radius} />
        ))}
        <circle class="ring-wave" cx="200" cy="200" r="197" />
        <circle class="ring-wave second" cx="200" cy="200" r="197" />
        <g transform="translate(152 152) scale(3)">
          <path class="mark-bubble" d="M6 3h20a4 4 0 0 1 4 4v13a4 4 0 0 1-4 4H15l-7 6v-6H6a4 4 0 0 1-4-4V7a4 4 0 0 1 4-4z" />
          <path class="mark-arcs" d="M12.2 17.3a5.4 5.4 0 0 1 0-7.6M19.8 9.7a5.4 5.4 0 0 1 0 7.6" />
          <circle class="mark-dot" cx="16" cy="13.5" r="2.3" />
        </g>
      </svg>
      {around.map(({ icon, hue, left, top }) => (
        <span key={hue} class="avatar ring-avatar" style={{ '--hue': String(hue), left, top }}>
          <Icon node={icon} size={24} />
        </span>
      ))}
      <div class="ring-card" style={{ '--hue': '35', left: '63%', top: '33%' }}>
        <span class="ring-line name" />
        <span class="ring-line" />
      </div>
      <div class="ring-card" style={{ '--hue': '140', left: '0%', top: '56%' }}>
        <span class="ring-line name" />
        <span class="ring-line long" />
        <span class="ring-line" />
      </div>
    </div>
  );
}
