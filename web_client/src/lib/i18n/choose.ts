/** Words that only some pages need are kept beside the common ones, so that no other page has to load them. */
import { prefs } from "../prefs.svelte";
import { spaced } from "./spaced";

const made = new WeakMap<object, unknown>();

function chineseOf<T extends object>(words: T): T {
  if (!made.has(words)) made.set(words, spaced(words));
  return made.get(words) as T;
}

/** The part in the reader's language; reactive where it is read in a component. */
export const inReadersLanguage = <T extends object>(english: T, chinese: T): T => (prefs.locale === "zh-CN" ? chineseOf(chinese) : english);
