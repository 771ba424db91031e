/** How a state looks: a tone and a shape beside its word. */
import type { IconName } from "../components/Icon.svelte";
import type { Booking, BookedPerson, MessageRow, PersonReadiness } from "../lib/generated/desk";

export type Mark = [tone: string, icon: IconName];

export const bookingMark = (state: Booking["state"]): Mark =>
  (
    {
      draft: ["later", "pencil"],
      booked: ["", "clock"],
      confirmed: ["good", "check"],
      cancelled: ["bad", "close"],
      held: ["good", "seal"],
      converted_offline: ["later", "people"],
    } as const satisfies Record<Booking["state"], Mark>
  )[state];

export const scoreMark = (score: PersonReadiness["score"]): Mark =>
  ({ good: ["good", "check"], okay: ["look", "warn"], bad: ["bad", "close"] } as const satisfies Record<PersonReadiness["score"], Mark>)[score];

export const messageMark = (state: MessageRow["state"]): Mark =>
  (
    { queued: ["later", "clock"], sending: ["", "clock"], sent: ["good", "check"], failed: ["bad", "warn"] } as const satisfies Record<MessageRow["state"], Mark>
  )[state];

export const linkMark = (state: BookedPerson["link"]): Mark =>
  (
    {
      none: ["look", "warn"],
      works: ["", "link"],
      opened: ["good", "check"],
      expired: ["look", "clock"],
      withdrawn: ["later", "close"],
    } as const satisfies Record<BookedPerson["link"], Mark>
  )[state];
