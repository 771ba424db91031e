/** What changed between two views, in one line for screen readers; empty if nothing that is said. */
import type { HearingView } from "../generated/api";
import { personName } from "../names";
import { prefs } from "../prefs.svelte";

export function announcement(before: HearingView | null, after: HearingView): string {
  const words = prefs.t.room;
  if (before?.state !== after.state) return words.announceState[after.state];
  if (after.state !== "in_session") return "";
  const inside = (view: HearingView) => new Map(view.people.filter((p) => p.inRoom).map((p) => [p.personId, p]));
  const [was, is] = [inside(before), inside(after)];
  const parts: string[] = [];
  for (const [id, person] of is) if (!was.has(id)) parts.push(words.announceJoined(personName(person)));
  for (const [id, person] of was) if (!is.has(id)) parts.push(words.announceLeft(personName(person)));
  return parts.join(" ");
}
