import { describe, expect, it } from "vitest";
import { en } from "../src/lib/i18n/court/en";
import { ariaKeys, isRoomKey, ROOM_KEY_NAMES, ROOM_KEYS, shownKey } from "../src/lib/room/keys";

const pressed = (key: string, rest: Partial<KeyboardEvent> = {}) =>
  ({ key, ctrlKey: false, metaKey: false, altKey: false, repeat: false, target: null, ...rest }) as KeyboardEvent;

describe("the keys of the courtroom", () => {
  it("are told apart, and each says what it does", () => {
    expect(new Set(ROOM_KEY_NAMES.map((name) => `${ROOM_KEYS[name].modified} ${ROOM_KEYS[name].key}`)).size).toBe(ROOM_KEY_NAMES.length);
    expect(Object.keys(en.keys.does).sort()).toEqual([...ROOM_KEY_NAMES].sort());
  });

  it("work as they stand in the list", () => {
    for (const name of ROOM_KEY_NAMES) {
      const { key, modified } = ROOM_KEYS[name];
      expect(isRoomKey(name, pressed(key, { ctrlKey: modified }), true), name).toBe(true);
      expect(isRoomKey(name, pressed(key, { ctrlKey: !modified }), true), name).toBe(false);
      expect(isRoomKey(name, pressed(key, { ctrlKey: modified }), false), name).toBe(false);
      expect(isRoomKey(name, pressed(key, { ctrlKey: modified, repeat: true }), true), name).toBe(false);
    }
    expect(isRoomKey("microphone", pressed("M"), true)).toBe(true);
    expect(isRoomKey("microphone", pressed("m", { altKey: true }), true)).toBe(false);
    expect(isRoomKey("curtain", pressed(".", { metaKey: true }), true)).toBe(true);
  });

  it("are shown as the device has them", () => {
    expect(shownKey("curtain", "MacIntel")).toBe("⌘ .");
    expect(shownKey("curtain", "Linux x86_64")).toBe("Ctrl .");
    expect(ariaKeys("curtain")).toBe("Control+. Meta+.");
    expect(ariaKeys("repeat")).toBe("R");
  });
});
