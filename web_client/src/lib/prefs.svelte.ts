/** What the person chose for this device: language and display.  Kept over visits; the server reads the `lang` cookie. */
import type { Locale } from "./types";
import { en, type Messages } from "./i18n/en";
import { zh } from "./i18n/zh";

export type Theme = "system" | "light" | "dark" | "contrast";
export const THEMES: Theme[] = ["system", "light", "dark", "contrast"];
const YEAR_S = 31_536_000;

const messages: Record<Locale, Messages> = { en, "zh-CN": zh };

function storedLocale(): Locale {
  const asked = new URLSearchParams(location.search).get("lang");
  const cookie = /(?:^|; )lang=([^;]*)/.exec(document.cookie)?.[1];
  for (const candidate of [asked, cookie, ...navigator.languages]) {
    if (candidate?.startsWith("zh")) return "zh-CN";
    if (candidate?.startsWith("en")) return "en";
  }
  return "en";
}

function storedTheme(): Theme {
  try {
    const stored = localStorage.getItem("theme") as Theme | null;
    return stored && THEMES.includes(stored) ? stored : "system";
  } catch {
    return "system"; // storage may be forbidden: follow the device
  }
}

class Preferences {
  locale = $state<Locale>(storedLocale());
  theme = $state<Theme>(storedTheme());
  readonly t = $derived(messages[this.locale]);

  setLocale(locale: Locale): void {
    this.locale = locale;
    this.apply();
  }

  setTheme(theme: Theme): void {
    this.theme = theme;
    this.apply();
    try {
      localStorage.setItem("theme", theme);
    } catch {
      // not kept over visits then; the choice holds for this page
    }
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
