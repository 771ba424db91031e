/** Chinese sentences with words put in: a space between Chinese and Latin letters or figures, none between Chinese and Chinese. */

const HAN = /\p{Script=Han}/u;
const LATIN = /[\p{Script=Latin}\p{Script=Cyrillic}\p{Script=Greek}\p{Nd}]/u;
const HAN_AT_END = /\p{Script=Han}$/u;
const LATIN_AT_END = /[\p{Script=Latin}\p{Script=Cyrillic}\p{Script=Greek}\p{Nd}]$/u;

/** `left` and `right` put together as Chinese is set; punctuation keeps its place. */
function joined(left: string, right: string): string {
  const next = right.charAt(0);
  if (LATIN.test(next) ? HAN_AT_END.test(left) : HAN.test(next) && LATIN_AT_END.test(left)) return `${left} ${right}`;
  if (next === " " && HAN_AT_END.test(left) && HAN.test(right.charAt(1))) return left + right.slice(1);
  if (left.endsWith(" ") && HAN_AT_END.test(left.slice(0, -1)) && HAN.test(next)) return left.slice(0, -1) + right;
  return left + right;
}

/** The sentence with its seams put right: where what was put in begins and ends. */
export function spacedAround(sentence: string, values: readonly string[]): string {
  return values.reduce((text, value) => text.split(value).reduce((left, right) => joined(joined(left, value), right)), sentence);
}

const textsOf = (value: unknown): string[] =>
  typeof value === "string" ? [value.trim()] : typeof value === "number" ? [String(value)] : Array.isArray(value) ? value.flatMap(textsOf) : [];

function inside(value: unknown, values: readonly string[]): unknown {
  if (typeof value === "string") return spacedAround(value, values);
  return Array.isArray(value) ? value.map((one) => inside(one, values)) : value;
}

/** A tree of Chinese words whose sentences come with such seams, whoever fills them. */
export function spaced<T>(words: T): T {
  if (typeof words === "function") {
    const say = words as unknown as (...values: unknown[]) => unknown;
    return ((...values: unknown[]) => inside(say(...values), [...new Set(values.flatMap(textsOf))].filter((value) => value !== ""))) as unknown as T;
  }
  if (Array.isArray(words)) return words.map((one: unknown) => spaced(one)) as unknown as T;
  if (words === null || typeof words !== "object") return words;
  return Object.fromEntries(Object.entries(words).map(([name, one]) => [name, spaced<unknown>(one)])) as T;
}
