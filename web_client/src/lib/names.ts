/** Names in the reader's language.  Where the reader may know the role only, the role stands for the name. */
import { prefs } from "./prefs.svelte";
import type { Role } from "./types";

export function personName(person: { name: string; nameZh: string; role: string }): string {
  const name = prefs.locale === "zh-CN" ? person.nameZh || person.name : person.name;
  return name || roleName(person.role);
}

export function roleName(role: string): string {
  return prefs.t.roles[role as Role] ?? role;
}

/** On the bench tile the judge is the one who presides. */
export function tileRole(role: string): string {
  return role === "judge" ? prefs.t.presiding : roleName(role);
}

export function inLanguage(text: string, chinese: string): string {
  return prefs.locale === "zh-CN" ? chinese || text : text;
}
