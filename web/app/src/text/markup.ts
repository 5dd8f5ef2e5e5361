// Parses the markup of a message: addresses, and code in backticks, which is left as typed.
import { linkify, type Part } from './linkify';

export interface Piece extends Part {
  readonly code?: 'line' | 'block';
}

export function piecesOf(text: string): Piece[] {
  if (!text.includes('`')) return linkify(text);
  const pieces: Piece[] = [];
  let done = 0;
  const add = (until: number): void => {
    if (until > done) pieces.push(...linkify(text.slice(done, until)));
  };
  let at = text.indexOf('`');
  while (at !== -1) {
    const block = text.startsWith('```', at);
    const mark = block ? '```' : '`';
    const close = text.indexOf(mark, at + mark.length);
    if (close === -1) {
      // Without a closing mark the backticks are plain text. After three of them, a later single one may still open inline
      // code.
      if (!block) break;
      at = text.indexOf('`', at + 3);
      continue;
    }
    const inside = text.slice(at + mark.length, close);
    if (inside.trim() === '' || (!block && inside.includes('\n'))) {
      at = text.indexOf('`', at + mark.length);
      continue;
    }
    add(at);
    pieces.push(block ? { text: inside.replace(/^[a-z0-9+#-]*\n/i, '').replace(/\n$/, ''), code: 'block' } : { text: inside, code: 'line' });
    done = close + mark.length;
    at = text.indexOf('`', done);
  }
  add(text.length);
  return pieces;
}

const onlyEmoji = /^(?:\p{RI}\p{RI}|\p{Emoji}(?:\p{EMod}|\ufe0f\u20e3?)?(?:\u200d\p{Emoji}(?:\p{EMod}|\ufe0f)?)*){1,6}$/u;

/** Whether a message consists of a few emoji only, which are shown larger. */
export function isEmoji(text: string): boolean {
  const bare = text.trim();
  return bare.length > 0 && bare.length <= 60 && !/[0-9#*]/.test(bare) && onlyEmoji.test(bare.replace(/\s/g, ''));
}
