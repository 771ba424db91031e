/** Every word exists in both languages, and each reads as its language. */
import { describe, expect, it } from "vitest";
import { en } from "../src/lib/i18n/en";
import { zh } from "../src/lib/i18n/zh";

type Leaf = { path: string; text: string };

/** All texts of a tree of messages; functions are asked with plain samples. */
function leaves(value: unknown, path: string): Leaf[] {
  if (typeof value === "string") return [{ path, text: value }];
  if (typeof value === "function") {
    const samples = Array.from({ length: value.length }, () => 2);
    return leaves((value as (...samples: unknown[]) => unknown)(...samples), `${path}()`);
  }
  if (value && typeof value === "object") {
    return Object.entries(value).flatMap(([key, part]) => leaves(part, path ? `${path}.${key}` : key));
  }
  return [];
}

const english = leaves(en, "");
const chinese = leaves(zh, "");
/** The language key names the other language in that language; names of browsers are Latin. */
const foreign = /^(languageName|common\.switchLanguage|staff\.presentOf\(\))/;
const emptyByDesign = new Set(["check.network.good.1"]);

describe("the words of both languages", () => {
  it("are the same set", () => {
    expect(chinese.map((leaf) => leaf.path).sort()).toEqual(english.map((leaf) => leaf.path).sort());
  });

  it("are never empty", () => {
    for (const { path, text } of [...english, ...chinese]) {
      if (!emptyByDesign.has(path)) expect(text.trim(), path).not.toBe("");
    }
  });

  it("are Chinese in Chinese and not in English", () => {
    for (const { path, text } of chinese) {
      // What only joins its samples has no word of its own.
      if (!foreign.test(path) && /\p{L}/u.test(text)) expect(text, path).toMatch(/\p{Script=Han}/u);
    }
    for (const { path, text } of english) if (!foreign.test(path)) expect(text, path).not.toMatch(/\p{Script=Han}/u);
  });

  it("use full-width punctuation in Chinese", () => {
    for (const { path, text } of chinese) {
      if (!foreign.test(path)) expect(text, path).not.toMatch(/\p{Script=Han}\s*[,;:?!()]|[,;?!]\s*\p{Script=Han}/u);
    }
  });

  it("never shout, apologise or say OK", () => {
    for (const { path, text } of english) expect(text, path).not.toMatch(/!|\bsorry\b|\bOK\b|\bplease\b/i);
  });
});
