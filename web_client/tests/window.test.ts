import { describe, expect, it } from "vitest";
import { forPerson, withQuery } from "../src/lib/window";

describe("addresses", () => {
  it("say whose window asks", () => {
    expect(forPerson("/api/hearings", "judge-1")).toBe("/api/hearings?person=judge-1");
    expect(forPerson("/api/hearings?query=a%26b", "judge-1")).toBe("/api/hearings?query=a%26b&person=judge-1");
    expect(forPerson("/staff?person=old", "judge-1")).toBe("/staff?person=judge-1");
    expect(forPerson("/api/hearings", null)).toBe("/api/hearings");
  });
  it("take another field", () => {
    expect(withQuery("/media/a.webm?person=clerk-1", "download", "1")).toBe("/media/a.webm?person=clerk-1&download=1");
    expect(withQuery("/media/a.webm", "download", "1")).toBe("/media/a.webm?download=1");
  });
});
