/**
 * One send and one receive transport to the media worker, for the whole visit.
 *
 * Moving between waiting room and courtroom changes what flows, never the transports.  They are made anew only when
 * the room moves to another worker, when the server has forgotten them, or when ICE cannot be restarted.  A socket that
 * broke and came back leaves them as they are: sound and picture go on meanwhile.
 */
import { Device } from "mediasoup-client";
import type { types } from "mediasoup-client";
import type { AnyNotice, ConsumerNew, Held, IceRestarted, MediaReady, Produced, TransportCreated } from "../generated/messages";
import { refusalOf } from "../http";
import type { Sent } from "../types";
import { rankGenerations } from "./generations";
import { Incoming, type IncomingListener } from "./incoming";
import { Outgoing } from "./outgoing";
import { bytesReceived, LOOK_MS, Pulse } from "./pulse";
import type { Pictured, Thrift } from "./viewing";

/** A path that stays broken this long gets an ICE restart. */
const DISCONNECTED_MS = 1500;
/** A restart that has not helped by then is followed by new transports. */
const RESTART_MS = 6000;
const REBUILD_MS = [0, 1000, 2000, 5000];
const DIRECTIONS = ["send", "recv"] as const;

export type MediaState = "none" | "building" | "ready" | "lost";

export interface MediaListener extends IncomingListener {
  state(state: MediaState): void;
  /** Packets stopped all at once: the network may have changed, and the socket with it. */
  stopped(): void;
  /** The court does not take this track. */
  refused(source: Sent, error: unknown): void;
}

interface Built {
  device: Device;
  send: types.Transport;
  recv: types.Transport;
}

export class MediaSession {
  #listener: MediaListener;
  #media: MediaReady | null = null;
  #built: Built | null = null;
  /** Grows with each teardown; work begun under an older one is dropped. */
  #epoch = 0;
  #attempt = 0;
  #rebuildTimer: number | undefined;
  #early: ConsumerNew[] = [];
  #incoming: Incoming;
  #outgoing: Outgoing;
  #mending = new Set<string>();
  /** Transports that could not be mended because the link to the court had broken too. */
  #unmended = new Set<string>();
  #pulses = new Map<string, Pulse>();
  #pulseTimer: number | undefined;
  #awake = () => {
    this.#incoming.viewing.wake(document.visibilityState === "visible");
    this.#incoming.review();
  };

  constructor(listener: MediaListener) {
    this.#listener = listener;
    this.#incoming = new Incoming(listener);
    this.#outgoing = new Outgoing(listener);
    document.addEventListener("visibilitychange", this.#awake);
  }

  /** The room is on a worker.  The same generation again changes nothing. */
  ready(media: MediaReady): void {
    if (this.#media?.generation === media.generation && this.#built) return;
    this.#begin(media);
  }

  /** The socket is back.  What the server still holds for this seat goes on; otherwise all is made anew. */
  rejoined(media: MediaReady, held: Held | null): void {
    const built = this.#built;
    const kept = built && held && media.generation === this.#media?.generation;
    if (!kept || held.send !== built.send.id || held.recv !== built.recv.id) return this.#begin(media);
    const there = new Set(held.consumers.map((consumer) => consumer.consumerId));
    for (const id of this.#incoming.ids) if (!there.has(id)) this.#incoming.close(id);
    for (const consumer of held.consumers) {
      if (this.#incoming.has(consumer.consumerId)) this.#incoming.state(consumer.consumerId, consumer.producerPaused);
      else void this.#take(built.recv, consumer);
    }
    this.#incoming.again();
    this.#outgoing.reconcile(held.producers);
    // What was tried over the old socket may have been tried on the old network.
    this.#mending.clear();
    const unmended = [...this.#unmended];
    this.#unmended.clear();
    for (const transportId of unmended) this.#mend(transportId);
    this.mend();
  }

  lost(): void {
    this.#media = null;
    this.#teardown();
    this.#listener.state("lost");
  }

  stop(): void {
    document.removeEventListener("visibilitychange", this.#awake);
    this.#media = null;
    this.#teardown();
    this.#listener.state("none");
  }

  /** What this person has the right to send at all. */
  permit(may: readonly Sent[]): void {
    this.#outgoing.permit(may);
  }

  /** What may leave the device now, wherever the person is: nothing in the waiting room or in a recess. */
  flow(sources: readonly Sent[]): void {
    this.#outgoing.flow(sources);
  }

  local(source: Sent, track: MediaStreamTrack | null, on: boolean): void {
    this.#outgoing.set(source, track, on);
  }

  save(thrift: Thrift): void {
    this.#incoming.save(thrift);
    this.#outgoing.save(thrift.lowData);
  }

  place(): number {
    return this.#incoming.viewing.place();
  }

  /** This place of the page shows the picture so wide, in device pixels; 0: out of sight. */
  see(place: number, personId: string, source: Pictured, width: number): void {
    this.#incoming.viewing.see(place, personId, source, width, performance.now());
    this.#incoming.review();
  }

  leave(place: number): void {
    this.#incoming.viewing.leave(place, performance.now());
    this.#incoming.review();
  }

  notice(notice: AnyNotice): void {
    switch (notice.type) {
      case "consumer.new":
        if (this.#built) void this.#take(this.#built.recv, notice);
        else this.#early.push(notice);
        return;
      case "consumer.closed":
        this.#incoming.close(notice.consumerId);
        this.#early = this.#early.filter((early) => early.consumerId !== notice.consumerId);
        return;
      case "consumer.state":
        this.#incoming.state(notice.consumerId, notice.producerPaused);
        return;
      case "transport.state":
        if (notice.state === "lost" || notice.state === "failed") this.#mend(notice.transportId);
        else if (notice.state === "closed" && this.#has(notice.transportId)) this.#rebuild();
        return;
    }
  }

  /** Restart ICE wherever the path is broken, or may be: nothing comes any more. */
  mend(): void {
    const now = performance.now();
    for (const direction of DIRECTIONS) {
      const transport = this.#built?.[direction];
      if (!transport) continue;
      const broken = ["failed", "disconnected"].includes(transport.connectionState);
      if (broken || this.#pulses.get(transport.id)?.silent(now)) this.#mend(transport.id);
    }
  }

  async #listen(transport: types.Transport): Promise<void> {
    const bytes = await bytesReceived(transport);
    if (!this.#pulses.get(transport.id)?.feed(bytes, performance.now())) return;
    this.#listener.stopped();
    // What comes to this device and what leaves it go by one network; of what leaves, reports alone come back, rarely.
    if (transport.direction === "recv" && this.#incoming.sounding) {
      for (const direction of DIRECTIONS) if (this.#built) this.#mend(this.#built[direction].id);
    }
  }

  #take(recv: types.Transport, notice: ConsumerNew): Promise<void> {
    const epoch = this.#epoch;
    return this.#incoming.take(recv, notice, () => epoch === this.#epoch);
  }

  #has(transportId: string): boolean {
    return DIRECTIONS.some((direction) => this.#built?.[direction].id === transportId);
  }

  #begin(media: MediaReady): void {
    this.#media = media;
    this.#attempt = 0;
    this.#rebuild();
  }

  #teardown(): void {
    this.#epoch += 1;
    window.clearTimeout(this.#rebuildTimer);
    window.clearInterval(this.#pulseTimer);
    this.#pulses.clear();
    this.#unmended.clear();
    this.#incoming.clear();
    this.#outgoing.use(null);
    this.#early = [];
    this.#built?.send.close();
    this.#built?.recv.close();
    this.#built = null;
  }

  #rebuild(): void {
    this.#teardown();
    const media = this.#media;
    if (!media) return;
    this.#listener.state("building");
    const epoch = this.#epoch;
    const wait = REBUILD_MS[Math.min(this.#attempt, REBUILD_MS.length - 1)];
    this.#attempt += 1;
    this.#rebuildTimer = window.setTimeout(() => {
      this.#build(media, epoch).catch(() => {
        if (epoch === this.#epoch) this.#rebuild();
      });
    }, wait);
  }

  async #build(media: MediaReady, epoch: number): Promise<void> {
    const device = await Device.factory();
    await device.load({ routerRtpCapabilities: media.routerRtpCapabilities as types.RtpCapabilities });
    const [sendOptions, recvOptions] = await Promise.all([
      this.#listener.ask<TransportCreated>({ type: "transport.create", direction: "send" }),
      this.#listener.ask<TransportCreated>({
        type: "transport.create",
        direction: "recv",
        capabilities: device.recvRtpCapabilities as never,
      }),
    ]);
    if (epoch !== this.#epoch) return;
    const send = device.createSendTransport(sendOptions as unknown as types.TransportOptions);
    const recv = device.createRecvTransport(recvOptions as unknown as types.TransportOptions);
    for (const transport of [send, recv]) {
      rankGenerations(transport);
      this.#attend(transport, epoch);
    }
    send.on("produce", ({ kind, rtpParameters, appData }, done, failed) => {
      this.#listener
        .ask<Produced>({
          type: "produce",
          transportId: send.id,
          kind,
          source: appData["source"] as Sent,
          rtpParameters: rtpParameters as never,
          paused: appData["paused"] as boolean,
        })
        .then((produced) => done(produced), failed);
    });
    this.#built = { device, send, recv };
    for (const transport of [send, recv]) this.#pulses.set(transport.id, new Pulse(performance.now()));
    this.#pulseTimer = window.setInterval(() => {
      // A connection that was closed meanwhile has nothing to tell.
      for (const transport of [send, recv]) this.#listen(transport).catch(() => undefined);
    }, LOOK_MS);
    this.#listener.state("ready");
    const early = this.#early;
    this.#early = [];
    for (const notice of early) void this.#take(recv, notice);
    this.#outgoing.use({ device, send });
  }

  #attend(transport: types.Transport, epoch: number): void {
    transport.on("connect", ({ dtlsParameters }, done, failed) => {
      this.#listener
        .ask({ type: "transport.connect", transportId: transport.id, dtlsParameters: dtlsParameters as never })
        .then(() => done(), failed);
    });
    transport.on("connectionstatechange", (state) => {
      if (epoch !== this.#epoch) return;
      if (state === "connected") this.#attempt = 0;
      if (state === "failed") this.#mend(transport.id);
      if (state === "disconnected") {
        window.setTimeout(() => {
          if (epoch === this.#epoch && transport.connectionState === "disconnected") this.#mend(transport.id);
        }, DISCONNECTED_MS);
      }
    });
  }

  /** Restart ICE on one transport; if that does not bring it back, make both anew. */
  #mend(transportId: string): void {
    const transport = DIRECTIONS.map((direction) => this.#built?.[direction]).find((each) => each?.id === transportId);
    if (!transport || this.#mending.has(transportId)) return;
    this.#mending.add(transportId);
    const epoch = this.#epoch;
    const restart = async () => {
      const answer = await this.#listener.ask<IceRestarted>({ type: "transport.restartIce", transportId });
      if (epoch !== this.#epoch) return;
      // The relay's credentials may have ended meanwhile.
      await transport.updateIceServers({ iceServers: answer.iceServers });
      await transport.restartIce({ iceParameters: answer.iceParameters as types.IceParameters });
    };
    const settle = () => {
      this.#mending.delete(transportId);
      const state = transport.connectionState;
      if (epoch === this.#epoch && (state === "failed" || state === "disconnected")) this.#rebuild();
    };
    restart().then(
      () => window.setTimeout(settle, RESTART_MS),
      (error: unknown) => {
        this.#mending.delete(transportId);
        if (epoch !== this.#epoch) return;
        // Without a link to the court nothing can be done now; the rejoin tries again.
        if (refusalOf(error).code === "link-lost") this.#unmended.add(transportId);
        else this.#rebuild();
      },
    );
  }
}
