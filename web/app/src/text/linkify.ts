// Finds the addresses in a text. Nothing here makes markup: the parts become text nodes and anchors.

/** A piece of a text; `href` where it is an address. */
export interface Part {
  readonly text: string;
  readonly href?: string;
}

// http and https alone: javascript:, data: and the like are text.
const address = /\b(?:https?:\/\/|www\.)[^\s<>"'`\u2018\u2019\u201c\u201d]+/giu;

/** Splits a text into plain parts and addresses; joined again they are the text. */
export function linkify(text: string): Part[] {
  const parts: Part[] = [];
  let end = 0;
  for (const match of text.matchAll(address)) {
    const found = trim(match[0]);
    const href = toHref(found);
    if (href === undefined) continue;
    if (match.index > end) parts.push({ text: text.slice(end, match.index) });
    parts.push({ text: found, href });
    end = match.index + found.length;
  }
  if (end < text.length) parts.push({ text: text.slice(end) });
  return parts;
}

/** Takes away what closes the sentence rather than the address; a bracket belongs to it where it was opened in it. */
function trim(found: string): string {
  let text = found;
  for (;;) {
    const last = text.at(-1) ?? '';
    if ('.,:;!?…*_'.includes(last)) text = text.slice(0, -1);
    else if (last === ')' && count(text, ')') > count(text, '(')) text = text.slice(0, -1);
    else if (last === ']' && count(text, ']') > count(text, '[')) text = text.slice(0, -1);
    else return text;
    if (text === '') return text;
  }
}

function count(text: string, character: string): number {
  return text.split(character).length - 1;
}

function toHref(text: string): string | undefined {
  const full = /^www\./i.test(text) ? `https://${text}` : text;
  if (!URL.canParse(full)) return undefined;
  const url = new URL(full);
  // A user and password before the host are how an address pretends to lead elsewhere.
  return url.username === '' && url.password === '' && url.hostname.length > 1 ? url.href : undefined;
}
