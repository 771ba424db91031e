/** How far this person came on this page, so that a reload, a call or a lock screen returns to the same step. */
import type { Checked } from "./hearing.svelte";

export interface Memory {
  personId: string;
  step: "rules" | "consent" | "document" | "check" | "ready" | "inside";
  declared: boolean;
  /** The person goes on without a picture of a document. */
  undocumented: boolean;
  checked: Checked | null;
}

const KEY = "visit";

export function recall(personId: string): Memory | null {
  try {
    const memory = JSON.parse(sessionStorage.getItem(KEY) ?? "null") as Memory | null;
    return memory?.personId === personId ? memory : null;
  } catch {
    return null; // storage forbidden or written by an older version: begin at the first step
  }
}

export function remember(memory: Memory): void {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(memory));
  } catch {
    // then a reload begins at the first step
  }
}
