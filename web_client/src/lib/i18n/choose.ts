/** Words that only some pages need are kept beside the common ones, so that no other page has to load them. */
import { prefs } from "../prefs.svelte";

/** The part in the reader's language; reactive where it is read in a component. */
export const inReadersLanguage = <T>(english: T, chinese: T): T => (prefs.locale === "zh-CN" ? chinese : english);
