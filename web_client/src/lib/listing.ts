/** Words in a row, as the reader's language strings them together. */
import { prefs } from "./prefs.svelte";

/** `a, b, c` or `a、b、c`, without what is empty. */
export const listed = (parts: readonly (string | null | undefined)[]): string =>
  parts.filter(Boolean).join(prefs.locale === "en" ? ", " : "、");

/** The parts of one sentence: `a, b` or `a，b`. */
export const phrased = (parts: readonly (string | null | undefined)[]): string =>
  parts.filter(Boolean).join(prefs.locale === "en" ? ", " : "，");

/** `name: text` or `name：text`. */
export const labelled = (label: string, text: string): string => `${label}${prefs.locale === "en" ? ": " : "："}${text}`;

/** With a capital letter, where the language has them. */
export const sentence = (text: string): string =>
  prefs.locale === "en" ? `${text.charAt(0).toUpperCase()}${text.slice(1)}.` : `${text}。`;
