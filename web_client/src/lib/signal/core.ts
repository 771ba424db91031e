/**
 * The client's side of the signalling socket as a state machine without I/O.
 *
 * Events go in (`opened`, `received`, `closed`, `tick`, `request`), each with the local time in ms; effects come out.
 * The driver carries them out.  After a loss the core connects again by itself, with growing pauses, for as long as
 * the page lives; only an `ended` notice stops it.
 *
 * A link in doubt is asked, and another is opened beside it in the same breath: the first to say anything is the link.
 */
import type { AnyNotice, AnyRequest, ErrorReply, Joined, Pong, Reply } from "../generated/messages";
import type { Locale } from "../types";

export const PING_MS = 2000;
/** Nothing heard for this long: the link is dead, whatever the browser thinks. */
export const DEAF_MS = 6000;
export const CONNECT_MS = 8000;
/** A link in doubt must prove itself within some round trips, but not sooner or later than this. */
export const PROOF_MS = { least: 1000, most: 2500, roundTrips: 4 };
export const BACKOFF_MS = [0, 1000, 2000, 5000, 10_000, 15_000];
/** A repeatable request that could not be sent for this long is given up. */
export const REPEAT_MS = 30_000;
/** Server's limit on unanswered requests is 64; we stay below, pings included. */
export const PENDING_LIMIT = 48;
const PROTOCOL = 1;

export type LinkState = "idle" | "connecting" | "joining" | "open" | "pause" | "ended";
type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
export type Ask = DistributiveOmit<AnyRequest, "id">;
export type EndReason = Extract<AnyNotice, { type: "ended" }>["reason"];

export type Effect =
  | { do: "connect" }
  | { do: "disconnect" }
  /** Open another connection and keep the present one; its fate is told by `besideOpened` and `besideClosed`. */
  | { do: "connectBeside" }
  /** The connection beside takes the place of the present one, which is dropped. */
  | { do: "goOver" }
  | { do: "dropBeside" }
  | { do: "send"; text: string }
  | { do: "state"; state: LinkState }
  | { do: "joined"; joined: Joined }
  | { do: "notice"; notice: AnyNotice }
  | { do: "pong"; sentMs: number; receivedMs: number; serverTime: number }
  | { do: "answer"; ticket: number; data: unknown }
  | { do: "failure"; ticket: number; code: string; message: string };

interface Pending {
  ticket: number;
  ask: Ask;
  repeat: boolean;
  askedMs: number;
  /** Id on the present connection; null: waits to be sent. */
  id: number | null;
}

export class SignalCore {
  state: LinkState = "idle";
  lastHeardMs = 0;
  #locale: Locale;
  #nextId = 1;
  #nextTicket = 1;
  #pending: Pending[] = [];
  #joinId = 0;
  #pings = new Map<number, number>();
  #attempt = 0;
  #resumeMs = 0;
  #sinceMs = 0;
  #pingedMs = 0;
  #doubtedMs = 0;
  /** A connection is being opened beside the present one. */
  #beside = false;
  #roundTripMs = 0;

  constructor(locale: Locale) {
    this.#locale = locale;
  }

  start(now: number): Effect[] {
    if (this.state !== "idle" && this.state !== "ended") return [];
    this.#attempt = 0;
    return this.#connect(now);
  }

  /** The network may be back (browser event, a tap): try at once. */
  hurry(now: number): Effect[] {
    if (this.state !== "pause") return [];
    this.#attempt = 0;
    return this.#connect(now);
  }

  /** The network may have changed under the link: it must prove itself before another one opens, or be left. */
  doubt(now: number): Effect[] {
    switch (this.state) {
      case "pause":
        return this.hurry(now);
      case "connecting":
        return [{ do: "disconnect" }, ...this.#connect(now)];
      case "open":
        return this.#doubt(now);
      default:
        return [];
    }
  }

  stop(now: number): Effect[] {
    if (this.state === "ended" || this.state === "idle") return [];
    this.#beside = false;
    return [...this.#failAll(() => true), { do: "disconnect" }, ...this.#enter("ended", now)];
  }

  opened(now: number): Effect[] {
    if (this.state !== "connecting") return [];
    return this.#join(now);
  }

  closed(now: number): Effect[] {
    if (this.state === "ended" || this.state === "pause" || this.state === "idle") return [];
    return this.#beside ? this.#awaitBeside(now) : this.#lost(now);
  }

  /** The other connection is there.  If the present one has proved itself meanwhile, it is not needed. */
  besideOpened(now: number): Effect[] {
    if (!this.#beside) return [{ do: "dropBeside" }];
    return [...this.#goOver(), ...this.#join(now)];
  }

  besideClosed(): Effect[] {
    this.#beside = false;
    return [];
  }

  /** Ask the server.  `repeat`: harmless if done twice, so it outlives a lost connection. */
  request(ask: Ask, repeat: boolean, now: number): { ticket: number; effects: Effect[] } {
    const ticket = this.#nextTicket++;
    if (this.state === "ended" || this.#pending.length >= PENDING_LIMIT) {
      const code = this.state === "ended" ? "link-lost" : "too-many";
      return { ticket, effects: [{ do: "failure", ticket, code, message: "" }] };
    }
    if (this.state !== "open" && !repeat) {
      return { ticket, effects: [{ do: "failure", ticket, code: "link-lost", message: "" }] };
    }
    const pending: Pending = { ticket, ask, repeat, askedMs: now, id: null };
    this.#pending.push(pending);
    return { ticket, effects: this.state === "open" ? [this.#send(pending)] : [] };
  }

  received(text: string, now: number): Effect[] {
    if (this.state !== "joining" && this.state !== "open") return [];
    let message: Reply | ErrorReply | AnyNotice;
    try {
      message = JSON.parse(text);
    } catch {
      return []; // not ours to judge; a server that stays unreadable is found deaf by `tick`
    }
    this.lastHeardMs = now;
    return [...this.#proved(), ...this.#understood(message, now)];
  }

  #understood(message: Reply | ErrorReply | AnyNotice, now: number): Effect[] {
    if (message.type === "reply" || message.type === "error") return this.#answered(message, now);
    if (message.type === "ended") return this.#ended(message, now);
    return [{ do: "notice", notice: message }];
  }

  /** The link spoke: it is no longer in doubt. */
  #proved(): Effect[] {
    this.#doubtedMs = 0;
    if (!this.#beside) return [];
    this.#beside = false;
    return [{ do: "dropBeside" }];
  }

  tick(now: number): Effect[] {
    switch (this.state) {
      case "pause":
        return [
          ...this.#failAll((pending) => now - pending.askedMs > REPEAT_MS),
          ...(now >= this.#resumeMs ? this.#connect(now) : []),
        ];
      case "connecting":
        return now - this.#sinceMs > CONNECT_MS ? [{ do: "disconnect" }, ...this.#lost(now)] : [];
      case "joining":
      case "open":
        if (now - this.lastHeardMs > DEAF_MS || this.#disproved(now)) {
          return this.#beside ? this.#awaitBeside(now) : [{ do: "disconnect" }, ...this.#lost(now)];
        }
        return this.state === "open" && now - this.#pingedMs >= PING_MS ? [this.#ping(now)] : [];
      default:
        return [];
    }
  }

  #doubt(now: number): Effect[] {
    if (this.#beside) return [];
    this.#beside = true;
    if (this.#doubtedMs) return [{ do: "connectBeside" }];
    this.#doubtedMs = now;
    return [this.#ping(now), { do: "connectBeside" }];
  }

  #disproved(now: number): boolean {
    const patience = Math.min(PROOF_MS.most, Math.max(PROOF_MS.least, PROOF_MS.roundTrips * this.#roundTripMs));
    return this.#doubtedMs > 0 && now - this.#doubtedMs > patience;
  }

  #join(now: number): Effect[] {
    this.lastHeardMs = now;
    this.#joinId = this.#nextId++;
    const join = { id: this.#joinId, type: "join", protocol: PROTOCOL, locale: this.#locale };
    return [...this.#enter("joining", now), { do: "send", text: JSON.stringify(join) }];
  }

  /** The present connection is given up for the one beside it, which is not open yet. */
  #awaitBeside(now: number): Effect[] {
    return [...this.#goOver(), ...this.#enter("connecting", now)];
  }

  #goOver(): Effect[] {
    return [...this.#forget(), { do: "goOver" }];
  }

  #connect(now: number): Effect[] {
    return [...this.#enter("connecting", now), { do: "connect" }];
  }

  #enter(state: LinkState, now: number): Effect[] {
    this.state = state;
    this.#sinceMs = now;
    return [{ do: "state", state }];
  }

  #send(pending: Pending): Effect {
    pending.id = this.#nextId++;
    return { do: "send", text: JSON.stringify({ id: pending.id, ...pending.ask }) };
  }

  #ping(now: number): Effect {
    const id = this.#nextId++;
    this.#pingedMs = now;
    this.#pings.set(id, now);
    return { do: "send", text: JSON.stringify({ id, type: "ping" }) };
  }

  #answered(message: Reply | ErrorReply, now: number): Effect[] {
    if (message.id === this.#joinId && this.state === "joining") {
      if (message.type === "error") return [{ do: "disconnect" }, ...this.#lost(now)];
      this.#attempt = 0;
      const joined = message.data as Joined;
      const waiting = this.#pending.filter((pending) => pending.id === null);
      return [
        ...this.#enter("open", now),
        { do: "joined", joined },
        this.#ping(now),
        ...waiting.map((pending) => this.#send(pending)),
      ];
    }
    const sentMs = this.#pings.get(message.id);
    if (sentMs !== undefined) {
      this.#pings.delete(message.id);
      this.#roundTripMs = now - sentMs;
      if (message.type === "error") return [];
      return [{ do: "pong", sentMs, receivedMs: now, serverTime: (message.data as Pong).serverTime }];
    }
    const index = this.#pending.findIndex((pending) => pending.id === message.id);
    const pending = this.#pending[index];
    if (!pending) return [];
    this.#pending.splice(index, 1);
    return message.type === "reply"
      ? [{ do: "answer", ticket: pending.ticket, data: message.data }]
      : [{ do: "failure", ticket: pending.ticket, code: message.code, message: message.message }];
  }

  #ended(notice: Extract<AnyNotice, { type: "ended" }>, now: number): Effect[] {
    if (notice.reason === "restarting") return [{ do: "disconnect" }, ...this.#lost(now)];
    return [{ do: "notice", notice }, ...this.stop(now)];
  }

  /** What was asked on a connection that is left: told as failed, or kept to be repeated. */
  #forget(): Effect[] {
    const failures = this.#failAll((pending) => !pending.repeat);
    for (const pending of this.#pending) pending.id = null;
    this.#pings.clear();
    this.#doubtedMs = 0;
    this.#beside = false;
    return failures;
  }

  #lost(now: number): Effect[] {
    const failures = this.#forget();
    this.#resumeMs = now + (BACKOFF_MS[Math.min(this.#attempt, BACKOFF_MS.length - 1)] ?? 0);
    this.#attempt += 1;
    return [...failures, ...this.#enter("pause", now)];
  }

  #failAll(which: (pending: Pending) => boolean): Effect[] {
    const failed = this.#pending.filter(which);
    this.#pending = this.#pending.filter((pending) => !which(pending));
    return failed.map(({ ticket }) => ({ do: "failure", ticket, code: "link-lost", message: "" }));
  }
}
