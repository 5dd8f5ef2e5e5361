// Finds addresses in a text. It creates no markup: the parts become text nodes and anchors.
import { honestHost } from './host';

/** A part of a text; `href` is set for an address. */
export interface Part {
  readonly text: string;
  readonly href?: string;
}

/** Maximum length of an address; longer ones stay text. */
const addressLimit = 2_048;

// Only http and https become links; javascript:, data: and others stay text. White space, quotes, invisible characters
// (\p{C}, including direction marks) and the punctuation of scripts without word spaces end an address.
const begin = /\b(?:https?:\/\/|www\.)/giu;
const end = /[\s\p{C}\p{Z}<>"'`‘’“”«»\u3001-\u3003\u3008-\u3020\u30fb\uff01\uff08\uff09\uff0c\uff1a\uff1b\uff1f\uff3b\uff3d\uff5b-\uff65\u060c\u061b\u061f\u06d4\u0964\u0965\u2026]/u;

/** Letters of scripts in which words may follow an address without a space. */
const unspaced =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Bopomofo}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}\p{Script=Arabic}\p{Script=Hebrew}]/u;
const plain = /[A-Za-z0-9]/;

/**
 * Splits a text into plain parts and addresses. Joined together they equal the text, except for addresses with a misleading
 * host.
 */
export function linkify(text: string): Part[] {
  const parts: Part[] = [];
  let done = 0;
  let read = 0; // no part is read twice, so that many beginnings of addresses do not take quadratic time
  for (const match of text.matchAll(begin)) {
    if (match.index < read) continue;
    const reached = reach(text, match.index, match.index + match[0].length);
    read = match.index + reached.length;
    const found = trim(reached);
    const link = toLink(found);
    if (link === undefined) continue;
    if (match.index > done) parts.push({ text: text.slice(done, match.index) });
    parts.push(link);
    done = match.index + found.length;
  }
  if (done < text.length) parts.push({ text: text.slice(done) });
  return parts;
}

/** Returns the longest candidate for an address at a position, up to the maximum length. */
function reach(text: string, from: number, start: number): string {
  let at = start;
  let inHost = true;
  let rooted = false; // only the first slash of the path was read so far
  while (at < text.length && at - from <= addressLimit) {
    const character = String.fromCodePoint(text.codePointAt(at) ?? 0);
    if (end.test(character)) break;
    const before = text[at - 1] ?? '';
    // A host or path may consist of such letters. After a Latin letter, or directly after the host's slash, they continue
    // the sentence instead.
    if (unspaced.test(character) && (plain.test(before) || rooted)) break;
    if (inHost && '/?#'.includes(character)) {
      inHost = false;
      rooted = character === '/';
    } else {
      rooted = false;
    }
    at += character.length;
  }
  return text.slice(from, at);
}

/** Removes trailing punctuation. A closing bracket stays if its opening bracket is part of the address. */
function trim(found: string): string {
  const open = { ')': 0, ']': 0 }; // number of closing brackets without an opening one
  for (const character of found) {
    if (character === ')') open[')']++;
    else if (character === '(') open[')']--;
    else if (character === ']') open[']']++;
    else if (character === '[') open[']']--;
  }
  let length = found.length;
  for (; length > 0; length--) {
    const last = found[length - 1] ?? '';
    if (last === ')' || last === ']') {
      if (open[last] <= 0) break;
      open[last]--;
    } else if (!'.,:;!?…*_'.includes(last)) {
      break;
    }
  }
  return found.slice(0, length);
}

function toLink(text: string): Part | undefined {
  if (text.length > addressLimit) return undefined;
  const full = /^www\./i.test(text) ? `https://${text}` : text;
  if (!URL.canParse(full)) return undefined;
  const url = new URL(full);
  // A user name or password can make an address look like another host's.
  if (url.username !== '' || url.password !== '' || url.hostname.length < 2) return undefined;
  const written = full.slice(full.indexOf('//') + 2).split(/[/?#]/, 1)[0] ?? '';
  // If the host is misleading, the link text is the address in ASCII.
  return { text: honestHost(written, url.host) ? text : url.href, href: url.href };
}
