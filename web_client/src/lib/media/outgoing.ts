/** The person's own tracks on their way out: one producer per source, brought in line with what is wanted. */
import type { types } from "mediasoup-client";
import type { Ask } from "../signal/core";
import { Refusal } from "../http";
import type { Sent } from "../types";
import { CAMERA_START_KBIT, cameraEncodings, SCREEN_START_KBIT, screenEncodings, thin } from "./encodings";

interface Local {
  track: MediaStreamTrack | null;
  on: boolean;
  producer: types.Producer | null;
  /** What the server holds of it: paused or not. */
  toldPaused: boolean;
}

export interface OutgoingListener {
  ask<T>(ask: Ask): Promise<T>;
  refused(source: Sent, error: unknown): void;
}

export interface Producing {
  device: types.Device;
  send: types.Transport;
}

const SOURCES: Sent[] = ["microphone", "camera", "screen"];

/** Black or silent, to set up the path before anything may be seen or heard. */
function blankOf(track: MediaStreamTrack): MediaStreamTrack {
  const blank = track.clone();
  blank.enabled = false;
  return blank;
}

const nothing = (): Local => ({ track: null, on: true, producer: null, toldPaused: false });

export class Outgoing {
  #listener: OutgoingListener;
  #producing: Producing | null = null;
  #local: Record<Sent, Local> = { microphone: nothing(), camera: nothing(), screen: nothing() };
  #may: readonly Sent[] = [];
  #flowing: readonly Sent[] = [];
  #lowData = false;
  #applying: Promise<void> = Promise.resolve();

  constructor(listener: OutgoingListener) {
    this.#listener = listener;
  }

  /** The transport to send on; without one, all producers are forgotten. */
  use(producing: Producing | null): void {
    this.#producing = producing;
    if (!producing) {
      for (const local of Object.values(this.#local)) {
        local.producer?.close();
        local.producer = null;
      }
    }
    this.apply();
  }

  /** What this person has the right to send at all. */
  permit(may: readonly Sent[]): void {
    if (may.join() === this.#may.join()) return;
    this.#may = may;
    this.apply();
  }

  /** What may leave the device now, wherever the person is: nothing in the waiting room or in a recess. */
  flow(sources: readonly Sent[]): void {
    if (sources.join() === this.#flowing.join()) return;
    this.#flowing = sources;
    this.apply();
  }

  save(lowData: boolean): void {
    this.#lowData = lowData;
    this.apply();
  }

  set(source: Sent, track: MediaStreamTrack | null, on: boolean): void {
    const local = this.#local[source];
    local.track = track;
    local.on = on;
    this.apply();
  }

  /** After a rejoin: these are the producers that the server still holds.  Others are made anew. */
  reconcile(held: readonly { id: string; paused: boolean }[]): void {
    const known = new Map(held.map((producer) => [producer.id, producer]));
    for (const local of Object.values(this.#local)) {
      if (!local.producer) continue;
      const there = known.get(local.producer.id);
      known.delete(local.producer.id);
      if (there) local.toldPaused = there.paused;
      else {
        local.producer.close();
        local.producer = null;
      }
    }
    for (const producerId of known.keys()) this.#listener.ask({ type: "producer.close", producerId }).catch(() => undefined);
    this.apply();
  }

  /** Bring the producers in line with what is wanted now; one change at a time. */
  apply(): void {
    this.#applying = this.#applying.then(async () => {
      for (const source of SOURCES) {
        try {
          await this.#applyOne(source);
        } catch (error) {
          // Refused or torn down: the next change of rights, devices or transports applies again.
          if (error instanceof Refusal && error.code !== "link-lost") this.#listener.refused(source, error);
        }
      }
    });
  }

  async #applyOne(source: Sent): Promise<void> {
    const producing = this.#producing;
    const local = this.#local[source];
    if (!producing) return;
    const flowing = this.#flowing.includes(source);
    // A screen has no place in the waiting room: there is no producer without a picture of it.
    const ended = source === "screen" && (!flowing || local.track?.readyState !== "live");
    if (!this.#may.includes(source) || ended) {
      if (local.producer) this.#close(local);
      return;
    }
    const on = local.on && local.track !== null;
    const track = flowing && local.track?.readyState === "live" ? local.track : null;
    if (!local.producer) {
      if (!local.track || local.track.readyState !== "live") return;
      const blank = track ? null : blankOf(local.track);
      const producer = await this.#produce(producing, source, blank ?? local.track, !on);
      if (this.#producing !== producing) {
        producer.close();
        blank?.stop();
        return;
      }
      local.producer = producer;
      local.toldPaused = !on;
      if (blank) await producer.replaceTrack({ track: null });
      blank?.stop();
    }
    const producer = local.producer;
    if (source === "camera") await this.#thin(producer);
    if (producer.track !== track) await producer.replaceTrack({ track });
    if (producer.paused === on) {
      if (on) producer.resume();
      else producer.pause();
    }
    if (local.toldPaused === on) {
      await this.#listener.ask({ type: on ? "producer.resume" : "producer.pause", producerId: producer.id });
      local.toldPaused = !on;
    }
  }

  async #produce({ device, send }: Producing, source: Sent, track: MediaStreamTrack, paused: boolean): Promise<types.Producer> {
    const common = { track, stopTracks: false, disableTrackOnPause: false, appData: { source, paused } };
    const codec = device.sendRtpCapabilities.codecs?.find((each) => each.mimeType.toLowerCase() === "video/vp8");
    const producer = await send.produce(
      source === "microphone"
        ? { ...common, codecOptions: { opusFec: true, opusDtx: false, opusStereo: false } }
        : source === "camera"
          ? { ...common, codec, encodings: cameraEncodings(track.getSettings().width ?? 0), codecOptions: { videoGoogleStartBitrate: CAMERA_START_KBIT } }
          : { ...common, codec, encodings: screenEncodings(), codecOptions: { videoGoogleStartBitrate: SCREEN_START_KBIT } },
    );
    if (paused) producer.pause();
    return producer;
  }

  /** Layers are switched on the sender itself: nothing is negotiated for that. */
  async #thin(producer: types.Producer): Promise<void> {
    const sender = producer.rtpSender;
    if (!sender) return;
    const parameters = sender.getParameters();
    if (thin(parameters.encodings, this.#lowData)) await sender.setParameters(parameters);
  }

  #close(local: Local): void {
    const producer = local.producer;
    local.producer = null;
    if (!producer) return;
    producer.close();
    this.#listener.ask({ type: "producer.close", producerId: producer.id }).catch(() => undefined);
  }
}
