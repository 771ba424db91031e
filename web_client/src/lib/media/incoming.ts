/** The tracks that come: one consumer each, asked for only while somebody looks at it. */
import type { types } from "mediasoup-client";
import type { ConsumerNew } from "../generated/messages";
import type { Ask } from "../signal/core";
import type { Sent } from "../types";
import { Viewing, type Pictured, type Thrift, type Wish } from "./viewing";

export interface IncomingListener {
  ask<T>(ask: Ask): Promise<T>;
  remote(personId: string, source: Sent, track: MediaStreamTrack | null): void;
  /** The server sends nothing of this now: its sender paused it, or the link has no room for it. */
  yielded(personId: string, source: Sent, yielded: boolean): void;
}

interface Come {
  consumer: types.Consumer;
  personId: string;
  source: Sent;
  paused: boolean;
  /** What the server was asked for last, and took. */
  asked: Wish | null;
  asking: boolean;
}

const SAME = (a: Wish | null, b: Wish) => a !== null && a.shown === b.shown && (!a.shown || !b.shown || a.layer === b.layer);

export class Incoming {
  readonly viewing = new Viewing();
  #listener: IncomingListener;
  #consumers = new Map<string, Come>();
  #taking = new Set<string>();
  #timer: number | undefined;

  constructor(listener: IncomingListener) {
    this.#listener = listener;
  }

  has(consumerId: string): boolean {
    return this.#consumers.has(consumerId);
  }

  get ids(): string[] {
    return [...this.#consumers.keys()];
  }

  /** Sound should be coming: an open microphone sends without pause, in silence too. */
  get sounding(): boolean {
    return [...this.#consumers.values()].some((come) => come.source === "microphone" && !come.paused);
  }

  /** Make the consumer, unless `current` says meanwhile that its transport is gone. */
  async take(recv: types.Transport, notice: ConsumerNew, current: () => boolean): Promise<void> {
    if (this.has(notice.consumerId) || this.#taking.has(notice.consumerId)) return;
    this.#taking.add(notice.consumerId);
    try {
      const consumer = await recv.consume({
        id: notice.consumerId,
        producerId: notice.producerId,
        kind: notice.kind,
        rtpParameters: notice.rtpParameters as types.RtpParameters,
        streamId: `${notice.personId}-${notice.source}`,
      });
      if (!current()) return;
      const { personId, source } = notice;
      const come: Come = { consumer, personId, source, paused: notice.producerPaused, asked: null, asking: false };
      this.#consumers.set(consumer.id, come);
      this.#listener.remote(personId, source, consumer.track);
      this.#listener.yielded(personId, source, notice.producerPaused);
      if (source === "microphone") await this.#listener.ask({ type: "consumer.resume", consumerId: consumer.id });
      else this.review();
    } catch {
      // The consumer was closed meanwhile, or the link is gone: a rejoin brings every consumer again.
    } finally {
      this.#taking.delete(notice.consumerId);
    }
  }

  state(consumerId: string, paused: boolean): void {
    const come = this.#consumers.get(consumerId);
    if (!come) return;
    come.paused = paused;
    this.#listener.yielded(come.personId, come.source, paused);
  }

  close(consumerId: string): void {
    const come = this.#consumers.get(consumerId);
    if (!come) return;
    this.#consumers.delete(consumerId);
    come.consumer.close();
    this.#listener.remote(come.personId, come.source, null);
    if (come.source === "screen") this.review();
  }

  clear(): void {
    window.clearTimeout(this.#timer);
    for (const id of this.ids) this.close(id);
  }

  /** After the link was lost it is not known what the server took: say everything again. */
  again(): void {
    for (const come of this.#consumers.values()) {
      come.asked = null;
      if (come.source === "microphone") {
        this.#listener.ask({ type: "consumer.resume", consumerId: come.consumer.id }).catch(() => undefined);
      }
    }
    this.review();
  }

  save(thrift: Thrift): void {
    this.viewing.thrift = thrift;
    this.review();
  }

  /** Bring what the server sends in line with what is looked at. */
  review(): void {
    const now = performance.now();
    const screen = [...this.#consumers.values()].some((come) => come.source === "screen");
    for (const come of this.#consumers.values()) {
      if (come.source === "microphone" || come.asking) continue;
      const wish = this.viewing.wish(come.personId, come.source as Pictured, screen, now);
      if (!SAME(come.asked, wish) && (wish.shown || come.asked !== null)) void this.#demand(come, wish);
    }
    window.clearTimeout(this.#timer);
    const next = this.viewing.nextMs(now);
    if (next !== null) this.#timer = window.setTimeout(() => this.review(), next);
  }

  async #demand(come: Come, wish: Wish): Promise<void> {
    const consumerId = come.consumer.id;
    const before = come.asked;
    come.asking = true;
    try {
      if (!wish.shown) await this.#listener.ask({ type: "consumer.pause", consumerId });
      else {
        if (!before?.shown || before.layer !== wish.layer) {
          await this.#listener.ask({ type: "consumer.layers", consumerId, spatialLayer: wish.layer, temporalLayer: 2 });
        }
        if (!before?.shown) await this.#listener.ask({ type: "consumer.resume", consumerId });
      }
      come.asked = wish;
    } catch {
      // closed meanwhile, or the link is gone: `again` follows
      come.asking = false;
      return;
    }
    come.asking = false;
    if (this.has(consumerId)) this.review();
  }
}
