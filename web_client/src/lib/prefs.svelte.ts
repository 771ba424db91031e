/** What the person chose for this device: language and display.  Kept over visits; the server reads the `lang` cookie. */
import type { Locale } from "./types";
import { en, type Messages } from "./i18n/en";
import { spaced } from "./i18n/spaced";
import { zh } from "./i18n/zh";

export type Theme = "system" | "light" | "dark" | "contrast";
export const THEMES: Theme[] = ["system", "light", "dark", "contrast"];
const YEAR_S = 31_536_000;

const messages: Record<Locale, Messages> = { en, "zh-CN": spaced(zh) };

function storedLocale(): Locale {
  const asked = new URLSearchParams(location.search).get("lang");
  const cookie = /(?:^|; )lang=([^;]*)/.exec(document.cookie)?.[1];
  for (const candidate of [asked, cookie, ...navigator.languages]) {
    if (candidate?.startsWith("zh")) return "zh-CN";
    if (candidate?.startsWith("en")) return "en";
  }
  return "en";
}

function stored(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null; // storage may be forbidden
  }
}

function keep(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // not kept over visits then; the choice holds for this page
  }
}

function storedTheme(): Theme {
  const theme = stored("theme") as Theme | null;
  return theme && THEMES.includes(theme) ? theme : "system";
}

class Preferences {
  locale = $state<Locale>(storedLocale());
  theme = $state<Theme>(storedTheme());
  /** Keys of one letter (WCAG 2.1.4: can be turned off). */
  shortcuts = $state(stored("shortcuts") !== "off");
  /** Send and take as little as a hearing can do with. */
  lowData = $state(stored("lowData") === "on");
  /** In low-data mode: take no shared screens either. */
  noScreens = $state(stored("noScreens") === "on");
  /** See one's own picture; others see it all the same. */
  selfView = $state(stored("selfView") !== "off");
  readonly t = $derived(messages[this.locale]);

  setLocale(locale: Locale): void {
    this.locale = locale;
    this.apply();
  }

  setTheme(theme: Theme): void {
    this.theme = theme;
    this.apply();
    keep("theme", theme);
  }

  setShortcuts(on: boolean): void {
    this.shortcuts = on;
    keep("shortcuts", on ? "on" : "off");
  }

  setLowData(on: boolean): void {
    this.lowData = on;
    keep("lowData", on ? "on" : "off");
  }

  setNoScreens(on: boolean): void {
    this.noScreens = on;
    keep("noScreens", on ? "on" : "off");
  }

  setSelfView(on: boolean): void {
    this.selfView = on;
    keep("selfView", on ? "on" : "off");
  }

  otherLocale(): Locale {
    return this.locale === "en" ? "zh-CN" : "en";
  }

  /** Bring the document in line with the choices. */
  apply(): void {
    const root = document.documentElement;
    root.lang = this.locale;
    if (this.theme === "system") root.removeAttribute("data-theme");
    else root.dataset.theme = this.theme;
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `lang=${this.locale}; Path=/; Max-Age=${YEAR_S}; SameSite=Strict${secure}`;
  }
}

export const prefs = new Preferences();
