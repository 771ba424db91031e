/**
 * Whatever works after an ICE restart is better than what worked before it.
 *
 * Of two ways that both seem to work libwebrtc takes the one of higher priority, and asks only then which is newer.  A
 * way whose network is gone seems to work for three more seconds, so a restart alone brings nothing back before that.
 * The priority of a way is first of all that of the lesser of its two ends (RFC 8445 §6.1.2.3): the court's ends are
 * therefore ranked below all ends of this device but relays, and higher with each restart.
 */
import type { types } from "mediasoup-client";

/** The court's priorities are divided by this: below peer-reflexive ends (110 * 2^24), above relayed ones (2 * 2^24). */
const SHARE = 4;
/** What one restart adds: more than lies between any two of the court's ends of one type. */
const STEP = 2 ** 22;
/** So many steps fit in between. */
const MOST = 300;

export class Generations {
  #fragment = "";
  #generation = -1;

  /** The court's description, with the priorities of its generation. */
  rank(sdp: string): string {
    const fragment = /^a=ice-ufrag:(\S+)/m.exec(sdp)?.[1] ?? "";
    if (fragment !== this.#fragment) {
      this.#fragment = fragment;
      this.#generation = Math.min(this.#generation + 1, MOST);
    }
    return sdp.replace(
      /^(a=candidate:\S+ \d+ \S+ )(\d+)/gm,
      (_, head: string, priority: string) => head + (Math.floor(Number(priority) / SHARE) + this.#generation * STEP),
    );
  }
}

/** Rank what is told to this transport's connection, from its first description on. */
export function rankGenerations(transport: types.Transport): void {
  // mediasoup-client has no way to say it; without its connection everything works as it did, but later.
  const connection = (transport.handler as unknown as { _pc?: RTCPeerConnection })._pc;
  if (!connection) return;
  const generations = new Generations();
  const tell = connection.setRemoteDescription.bind(connection);
  connection.setRemoteDescription = (description: RTCSessionDescriptionInit) =>
    tell({ type: description.type, sdp: generations.rank(description.sdp ?? "") });
}
