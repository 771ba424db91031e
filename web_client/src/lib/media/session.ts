/**
 * One send and one receive transport to the media worker, for the whole visit.
 *
 * Moving between waiting room and courtroom changes what flows, never the transports.  They are made anew only when
 * the room moves to another worker, when the socket comes back, or when ICE cannot be restarted.
 */
import { Device } from "mediasoup-client";
import type { types } from "mediasoup-client";
import type {
  AnyNotice,
  ConsumerNew,
  IceRestarted,
  MediaReady,
  Produced,
  TransportCreated,
} from "../generated/messages";
import type { Ask } from "../signal/core";
import type { Source } from "../types";

const CAMERA_LAYERS: types.RtpEncodingParameters[] = [
  { scaleResolutionDownBy: 4, maxBitrate: 150_000 },
  { scaleResolutionDownBy: 2, maxBitrate: 500_000 },
  { scaleResolutionDownBy: 1, maxBitrate: 1_500_000 },
];
/** A path that stays broken this long gets an ICE restart. */
const DISCONNECTED_MS = 1500;
/** A restart that has not helped by then is followed by new transports. */
const RESTART_MS = 6000;
const REBUILD_MS = [0, 1000, 2000, 5000];
const DIRECTIONS = ["send", "recv"] as const;

export type MediaState = "none" | "building" | "ready" | "lost";

export interface MediaListener {
  ask<T>(ask: Ask): Promise<T>;
  state(state: MediaState): void;
  remote(personId: string, source: string, track: MediaStreamTrack | null): void;
}

interface Local {
  track: MediaStreamTrack | null;
  on: boolean;
  producer: types.Producer | null;
}

interface Built {
  device: Device;
  send: types.Transport;
  recv: types.Transport;
}

/** Black or silent, to set up the path before anything may be seen or heard. */
function blankOf(track: MediaStreamTrack): MediaStreamTrack {
  const blank = track.clone();
  blank.enabled = false;
  return blank;
}

export class MediaSession {
  #listener: MediaListener;
  #media: MediaReady | null = null;
  #built: Built | null = null;
  /** Grows with each teardown; work begun under an older one is dropped. */
  #epoch = 0;
  #attempt = 0;
  #rebuildTimer: number | undefined;
  #consumers = new Map<string, { consumer: types.Consumer; personId: string; source: string }>();
  #early: ConsumerNew[] = [];
  #layers = new Map<string, number>();
  #local: Record<Source, Local> = {
    camera: { track: null, on: true, producer: null },
    microphone: { track: null, on: true, producer: null },
  };
  #mayProduce = false;
  #flowing = false;
  #applying: Promise<void> = Promise.resolve();
  #mending = new Set<string>();

  constructor(listener: MediaListener) {
    this.#listener = listener;
  }

  /** The room is on a worker.  The same generation again changes nothing, unless the server has forgotten us. */
  ready(media: MediaReady, forgotten: boolean): void {
    if (!forgotten && this.#media?.generation === media.generation && this.#built) return;
    this.#media = media;
    this.#attempt = 0;
    this.#rebuild();
  }

  lost(): void {
    this.#media = null;
    this.#teardown();
    this.#listener.state("lost");
  }

  stop(): void {
    this.#media = null;
    this.#teardown();
    this.#listener.state("none");
  }

  /** This person has (or has not) the right to send at all. */
  permit(may: boolean): void {
    this.#mayProduce = may;
    this.#apply();
  }

  /** Nothing leaves the device before this is true: not in the waiting room. */
  flow(flowing: boolean): void {
    this.#flowing = flowing;
    this.#apply();
  }

  local(source: Source, track: MediaStreamTrack | null, on: boolean): void {
    const local = this.#local[source];
    local.track = track;
    local.on = on;
    this.#apply();
  }

  /** The picture of this person is shown this large. */
  prefer(personId: string, layer: number): void {
    if (this.#layers.get(personId) === layer) return;
    this.#layers.set(personId, layer);
    for (const [id, { personId: whose, source }] of this.#consumers) {
      if (whose === personId && source === "camera") this.#askLayer(id, layer);
    }
  }

  notice(notice: AnyNotice): void {
    switch (notice.type) {
      case "consumer.new":
        if (this.#built) void this.#consume(this.#built.recv, notice);
        else this.#early.push(notice);
        return;
      case "consumer.closed":
        this.#closeConsumer(notice.consumerId);
        this.#early = this.#early.filter((early) => early.consumerId !== notice.consumerId);
        return;
      case "transport.state":
        if (notice.state === "lost" || notice.state === "failed") this.#mend(notice.transportId);
        else if (notice.state === "closed" && this.#has(notice.transportId)) this.#rebuild();
        return;
    }
  }

  #has(transportId: string): boolean {
    return DIRECTIONS.some((direction) => this.#built?.[direction].id === transportId);
  }

  #teardown(): void {
    this.#epoch += 1;
    window.clearTimeout(this.#rebuildTimer);
    for (const id of [...this.#consumers.keys()]) this.#closeConsumer(id);
    for (const local of Object.values(this.#local)) {
      local.producer?.close();
      local.producer = null;
    }
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
    for (const transport of [send, recv]) this.#attend(transport, epoch);
    send.on("produce", ({ kind, rtpParameters, appData }, done, failed) => {
      this.#listener
        .ask<Produced>({
          type: "produce",
          transportId: send.id,
          kind,
          source: appData["source"] as Source,
          rtpParameters: rtpParameters as never,
          paused: appData["paused"] as boolean,
        })
        .then((produced) => done(produced), failed);
    });
    this.#built = { device, send, recv };
    this.#listener.state("ready");
    const early = this.#early;
    this.#early = [];
    for (const notice of early) void this.#consume(recv, notice);
    this.#apply();
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
      () => {
        this.#mending.delete(transportId);
        // Without a link to the court the rejoin makes new transports anyway.
        if (epoch === this.#epoch && this.#attempt > 0) window.setTimeout(() => epoch === this.#epoch && this.#rebuild(), RESTART_MS);
      },
    );
  }

  async #consume(recv: types.Transport, notice: ConsumerNew): Promise<void> {
    const epoch = this.#epoch;
    try {
      const consumer = await recv.consume({
        id: notice.consumerId,
        producerId: notice.producerId,
        kind: notice.kind,
        rtpParameters: notice.rtpParameters as types.RtpParameters,
        streamId: notice.personId,
      });
      if (epoch !== this.#epoch) return;
      const { personId, source } = notice;
      this.#consumers.set(consumer.id, { consumer, personId, source });
      this.#listener.remote(personId, source, consumer.track);
      const layer = this.#layers.get(personId);
      if (source === "camera" && layer !== undefined) this.#askLayer(consumer.id, layer);
      await this.#listener.ask({ type: "consumer.resume", consumerId: consumer.id });
    } catch {
      // The consumer was closed meanwhile, or the link is gone: a rejoin brings every consumer again.
    }
  }

  #askLayer(consumerId: string, spatialLayer: number): void {
    this.#listener.ask({ type: "consumer.layers", consumerId, spatialLayer, temporalLayer: 2 }).catch(() => undefined);
  }

  #closeConsumer(id: string): void {
    const known = this.#consumers.get(id);
    if (!known) return;
    this.#consumers.delete(id);
    known.consumer.close();
    this.#listener.remote(known.personId, known.source, null);
  }

  /** Bring the producers in line with what is wanted now; one change at a time. */
  #apply(): void {
    this.#applying = this.#applying.then(async () => {
      for (const source of ["microphone", "camera"] as const) {
        try {
          await this.#applyOne(source);
        } catch {
          // refused or torn down: the next change of rights, devices or transports applies again
        }
      }
    });
  }

  async #applyOne(source: Source): Promise<void> {
    const built = this.#built;
    const local = this.#local[source];
    if (!built) return;
    if (!this.#mayProduce) {
      if (local.producer) this.#closeProducer(local);
      return;
    }
    const on = local.on && local.track !== null;
    const track = this.#flowing && local.track?.readyState === "live" ? local.track : null;
    if (!local.producer) {
      if (!local.track || local.track.readyState !== "live") return;
      const blank = track ? null : blankOf(local.track);
      const producer = await this.#produce(built, source, blank ?? local.track, !on);
      if (this.#built !== built) {
        producer.close();
        blank?.stop();
        return;
      }
      local.producer = producer;
      if (blank) await producer.replaceTrack({ track: null });
      blank?.stop();
    }
    const producer = local.producer;
    if (producer.track !== track) await producer.replaceTrack({ track });
    if (producer.paused === on) {
      if (on) producer.resume();
      else producer.pause();
      await this.#listener.ask({ type: on ? "producer.resume" : "producer.pause", producerId: producer.id });
    }
  }

  async #produce(built: Built, source: Source, track: MediaStreamTrack, paused: boolean): Promise<types.Producer> {
    const common = { track, stopTracks: false, disableTrackOnPause: false, appData: { source, paused } };
    const producer = await built.send.produce(
      source === "microphone"
        ? { ...common, codecOptions: { opusFec: true, opusDtx: false, opusStereo: false } }
        : {
            ...common,
            encodings: CAMERA_LAYERS,
            codecOptions: { videoGoogleStartBitrate: 600 },
            codec: built.device.sendRtpCapabilities.codecs?.find((codec) => codec.mimeType.toLowerCase() === "video/vp8"),
          },
    );
    if (paused) producer.pause();
    return producer;
  }

  #closeProducer(local: Local): void {
    const producer = local.producer;
    local.producer = null;
    if (!producer) return;
    producer.close();
    this.#listener.ask({ type: "producer.close", producerId: producer.id }).catch(() => undefined);
  }
}
