/** To listen is not to download: the judge may, the clerk and the custodian under an order that they name. */
import { desk } from "../staff/desk.svelte";

export function downloads(): "own" | "order" | "no" {
  if (desk.is("judge")) return "own";
  return desk.is("clerk", "records_custodian") ? "order" : "no";
}
