/** Where the words that were searched for stand in a text. */

export interface Part {
  text: string;
  hit: boolean;
}

const WIDE = /^[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]/;
/** Marks of accents, which do not count (Unicode block Combining Diacritical Marks). */
const ACCENTS = /[\u0300-\u036f]/g;

const plain = (text: string): string => text.normalize("NFKD").replace(ACCENTS, "").toLowerCase();
const escaped = (word: string): string => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** `sought`: words as the server folds them, without case and accents; one begins a word, Chinese stands anywhere. */
export function finder(sought: string[]): RegExp | null {
  const ways = sought.filter(Boolean).map((word) => (WIDE.test(word) ? escaped(word) : `(?<![\\p{L}\\p{N}])${escaped(word)}[\\p{L}\\p{N}]*`));
  return ways.length > 0 ? new RegExp(ways.join("|"), "gu") : null;
}

/** The text cut at what was found; all of it in one piece if nothing was. */
export function marked(text: string, sought: string[]): Part[] {
  const find = finder(sought);
  const folded = plain(text);
  // Folding that changes the length would mark the wrong letters: then the whole stays unmarked.
  if (!find || folded.length !== text.length) return [{ text, hit: false }];
  const parts: Part[] = [];
  let at = 0;
  for (const found of folded.matchAll(find)) {
    if (found.index > at) parts.push({ text: text.slice(at, found.index), hit: false });
    parts.push({ text: text.slice(found.index, found.index + found[0].length), hit: true });
    at = found.index + found[0].length;
  }
  if (at < text.length) parts.push({ text: text.slice(at), hit: false });
  return parts;
}

/** The words of a query typed into this page. */
export const wordsOf = (query: string): string[] => plain(query).match(/[\p{L}\p{N}]+/gu) ?? [];

/** Whether a text holds all of these words. */
export const holds = (text: string, sought: string[]): boolean => sought.every((word) => finder([word])?.test(plain(text)) ?? true);
