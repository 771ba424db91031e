/** The keys of the courtroom: the one list by which they work and from which the help is made. */

export interface RoomKey {
  /** As `KeyboardEvent.key` has it, in lower case. */
  key: string;
  /** With Ctrl, or the Apple key; such a key also works while somebody types, as it cannot be meant for a text. */
  modified: boolean;
  /** As it stands on a keyboard. */
  shown: string;
}

export const ROOM_KEYS = {
  microphone: { key: "m", modified: false, shown: "M" },
  speak: { key: "h", modified: false, shown: "H" },
  repeat: { key: "r", modified: false, shown: "R" },
  leaveLoss: { key: "d", modified: false, shown: "D" },
  curtain: { key: ".", modified: true, shown: "Ctrl ." },
  help: { key: "?", modified: false, shown: "?" },
} as const satisfies Record<string, RoomKey>;

export type RoomKeyName = keyof typeof ROOM_KEYS;
export const ROOM_KEY_NAMES = Object.keys(ROOM_KEYS) as RoomKeyName[];

/** Where what is pressed belongs to what stands there. */
const OWN_KEYS = "input, select, textarea, dialog, [contenteditable]";

/** Whether this event is that key; `on`: whether the person wants such keys (WCAG 2.1.4). */
export function isRoomKey(name: RoomKeyName, event: KeyboardEvent, on: boolean): boolean {
  const { key, modified } = ROOM_KEYS[name];
  if (!on || event.repeat || event.altKey || event.key.toLowerCase() !== key) return false;
  if (modified !== (event.ctrlKey || event.metaKey)) return false;
  const target = event.target as Partial<Element> | null;
  return modified || !target?.closest?.(OWN_KEYS);
}

/** For `aria-keyshortcuts`. */
export function ariaKeys(name: RoomKeyName): string {
  const { modified, shown, key } = ROOM_KEYS[name];
  return modified ? `Control+${key} Meta+${key}` : shown;
}

/** As a person of this device reads it. */
export function shownKey(name: RoomKeyName, platform: string = globalThis.navigator?.platform ?? ""): string {
  const { modified, shown, key } = ROOM_KEYS[name];
  return modified && /mac|iphone|ipad/i.test(platform) ? `⌘ ${key}` : shown;
}
