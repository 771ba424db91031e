/** Carries out what the signalling core decides: the WebSocket, timers, and promises for answers. */
import type { AnyNotice, Joined } from "../generated/messages";
import { Refusal } from "../http";
import { prefs } from "../prefs.svelte";
import type { Locale } from "../types";
import { CourtClock } from "../clock";
import { beat } from "./beat";
import { SignalCore, type Ask, type Effect, type LinkState } from "./core";

const TICK_MS = 250;
/** Network Information API, on phones: says when Wi-Fi gives way to mobile (and, more often, how fast it guesses). */
const connection = (navigator as { connection?: EventTarget & { type?: string } }).connection;

export interface SignalListener {
  state(state: LinkState): void;
  joined(joined: Joined): void;
  notice(notice: AnyNotice): void;
}

export class Signal {
  readonly clock = new CourtClock();
  #core: SignalCore;
  #listener: SignalListener;
  #url: string;
  #socket: WebSocket | null = null;
  #beside: WebSocket | null = null;
  #tickets = new Map<number, { resolve: (data: unknown) => void; reject: (error: Refusal) => void }>();
  #still: (() => void) | null = null;
  #wake = () => this.#run(this.#core.hurry(performance.now()));
  #network = connection?.type;
  #changed = () => {
    if (connection?.type === this.#network) return;
    this.#network = connection?.type;
    this.#doubt();
  };
  #doubt = () => this.#run(this.#core.doubt(performance.now()));

  constructor(url: string, locale: Locale, listener: SignalListener) {
    this.#url = url;
    this.#core = new SignalCore(locale);
    this.#listener = listener;
  }

  get lastHeardMs(): number {
    return this.#core.lastHeardMs;
  }

  get state(): LinkState {
    return this.#core.state;
  }

  start(): void {
    if (this.#still) return;
    this.#still = beat(TICK_MS, () => this.#run(this.#core.tick(performance.now())));
    window.addEventListener("online", this.#doubt);
    connection?.addEventListener("change", this.#changed);
    document.addEventListener("visibilitychange", this.#wake);
    this.#run(this.#core.start(performance.now()));
  }

  hurry(): void {
    this.#wake();
  }

  /** The network may have changed. */
  doubt(): void {
    this.#doubt();
  }

  stop(): void {
    this.#still?.();
    this.#still = null;
    window.removeEventListener("online", this.#doubt);
    connection?.removeEventListener("change", this.#changed);
    document.removeEventListener("visibilitychange", this.#wake);
    this.#run(this.#core.stop(performance.now()));
  }

  /** Rejects with a Refusal in the person's language. */
  ask<T = unknown>(ask: Ask, repeat = false): Promise<T> {
    const { ticket, effects } = this.#core.request(ask, repeat, performance.now());
    return new Promise<T>((resolve, reject) => {
      this.#tickets.set(ticket, { resolve: resolve as (data: unknown) => void, reject });
      this.#run(effects);
    });
  }

  #run(effects: Effect[]): void {
    for (const effect of effects) this.#carryOut(effect);
  }

  #carryOut(effect: Effect): void {
    switch (effect.do) {
      case "connect":
        return this.#connect();
      case "disconnect":
        return this.#disconnect();
      case "connectBeside":
        return this.#connectBeside();
      case "goOver":
        return this.#goOver();
      case "dropBeside":
        return this.#dropBeside();
      case "send":
        this.#socket?.send(effect.text);
        return;
      case "state":
        return this.#listener.state(effect.state);
      case "joined":
        return this.#listener.joined(effect.joined);
      case "notice":
        return this.#listener.notice(effect.notice);
      case "pong":
        return this.clock.add(effect.sentMs, effect.receivedMs, effect.serverTime);
      case "answer":
        this.#tickets.get(effect.ticket)?.resolve(effect.data);
        this.#tickets.delete(effect.ticket);
        return;
      case "failure":
        this.#tickets.get(effect.ticket)?.reject(new Refusal(effect.code, effect.message || localWords(effect.code)));
        this.#tickets.delete(effect.ticket);
    }
  }

  #connect(): void {
    this.#disconnect();
    this.#socket = this.#open();
  }

  #connectBeside(): void {
    this.#dropBeside();
    this.#beside = this.#open();
  }

  /** A connection tells the core what happens to it as what it is then: the present one, the one beside it, or none. */
  #open(): WebSocket {
    const socket = new WebSocket(this.#url);
    const tell = (present: () => Effect[], beside: () => Effect[]) => {
      if (this.#socket === socket) this.#run(present());
      else if (this.#beside === socket) this.#run(beside());
    };
    const now = () => performance.now();
    socket.onopen = () => tell(() => this.#core.opened(now()), () => this.#core.besideOpened(now()));
    socket.onmessage = (event) => tell(() => this.#core.received(String(event.data), now()), () => []);
    socket.onclose = () => tell(() => this.#core.closed(now()), () => this.#core.besideClosed());
    return socket;
  }

  #goOver(): void {
    const left = this.#socket;
    this.#socket = this.#beside;
    this.#beside = null;
    left?.close();
  }

  #dropBeside(): void {
    const socket = this.#beside;
    this.#beside = null;
    socket?.close();
  }

  #disconnect(): void {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    this.#dropBeside();
  }
}

function localWords(code: string): string {
  const errors = prefs.t.errors as Record<string, string>;
  return errors[code] ?? errors["unexpected"]!;
}
