/** From a list into the courtroom. */
import type { Me } from "../lib/generated/api";
import { api } from "../lib/http";
import { forPerson } from "../lib/window";
import { desk } from "./desk.svelte";

/** A seat's own window goes there at once; an account takes its seat in that hearing first. */
export async function takeSeat(hearingId: string): Promise<void> {
  if (desk.seat) return location.assign(desk.url("/hearing"));
  const me = await api<Me>("POST", `/api/hearings/${encodeURIComponent(hearingId)}/seat`);
  location.assign(forPerson("/hearing", me.personId));
}
