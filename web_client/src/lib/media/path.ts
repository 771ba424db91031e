/**
 * Do picture and sound get through, and by which way?  A real transport to the court's media worker, with a sound that
 * nobody hears in it; closed again before the hearing's own transports are made.
 */
import { Device } from "mediasoup-client";
import type { types } from "mediasoup-client";
import type { AnyNotice, MediaReady, Produced, TransportCreated } from "../generated/messages";
import { prefs } from "../prefs.svelte";
import { Signal } from "../signal/driver";
import { socketUrl } from "../window";

export interface PathResult {
  path: "udp" | "tcp" | "relay" | "none";
  rttMs: number | null;
  lossPercent: number | null;
}

/** No way is found in less than this on a poor network; later it is taken as none, ms. */
const LIMIT_MS = 12_000;
/** So long packets flow, so that there is something to measure, ms. */
const FLOW_MS = 1500;
/** Above digital silence, below what anybody hears. */
const GAIN = 0.0005;

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

export class PathTest {
  #signal: Signal;
  #transport: types.Transport | null = null;
  #context: AudioContext | null = null;
  #media!: (media: MediaReady) => void;
  #ready = new Promise<MediaReady>((resolve) => (this.#media = resolve));
  #ended!: (nothing: null) => void;
  #over = new Promise<null>((resolve) => (this.#ended = resolve));

  constructor(personId: string) {
    this.#signal = new Signal(socketUrl(personId), prefs.locale, {
      state: () => undefined,
      joined: (joined) => joined.media && this.#media(joined.media),
      notice: (notice: AnyNotice) => {
        if (notice.type === "ended") this.#ended(null);
        if (notice.type === "media" && notice.state === "ready" && notice.media) this.#media(notice.media);
      },
    });
  }

  /** Never rejects: what cannot be measured did not get through.  Nothing if the court or the page ended the test. */
  async run(): Promise<PathResult | null> {
    const none: PathResult = { path: "none", rttMs: null, lossPercent: null };
    this.#signal.start();
    const measured = this.#measure().catch(() => none);
    const result = await Promise.race([measured, this.#over, sleep(LIMIT_MS).then(() => none)]);
    await this.stop();
    return result;
  }

  /** Out of the hearing again, so that nobody is told of a lost link. */
  async stop(): Promise<void> {
    this.#ended(null);
    this.#transport?.close();
    this.#transport = null;
    void this.#context?.close();
    this.#context = null;
    if (this.#signal.state === "open") await Promise.race([this.#signal.ask({ type: "leave" }).catch(() => undefined), sleep(1000)]);
    this.#signal.stop();
  }

  async #measure(): Promise<PathResult> {
    const media = await this.#ready;
    const device = await Device.factory();
    await device.load({ routerRtpCapabilities: media.routerRtpCapabilities as types.RtpCapabilities });
    const options = await this.#signal.ask<TransportCreated>({ type: "transport.create", direction: "send" });
    const transport = device.createSendTransport(options as unknown as types.TransportOptions);
    this.#transport = transport;
    const connected = new Promise<void>((resolve) =>
      transport.on("connectionstatechange", (state) => state === "connected" && resolve()),
    );
    transport.on("connect", ({ dtlsParameters }, done, failed) => {
      this.#signal.ask({ type: "transport.connect", transportId: transport.id, dtlsParameters: dtlsParameters as never }).then(() => done(), failed);
    });
    transport.on("produce", ({ kind, rtpParameters }, done, failed) => {
      this.#signal
        .ask<Produced>({ type: "produce", transportId: transport.id, kind, source: "microphone", rtpParameters: rtpParameters as never, paused: false })
        .then((produced) => done(produced), failed);
    });
    await transport.produce({ track: this.#hum(), stopTracks: true });
    await connected;
    await sleep(FLOW_MS);
    return pathOf([...(await transport.getStats()).values()] as Stat[]);
  }

  #hum(): MediaStreamTrack {
    const context = (this.#context = new AudioContext());
    const out = new MediaStreamAudioDestinationNode(context);
    const note = new OscillatorNode(context, { frequency: 440 });
    note.connect(new GainNode(context, { gain: GAIN })).connect(out);
    note.start();
    return out.stream.getAudioTracks()[0]!;
  }
}

type Stat = Record<string, unknown> & { id: string; type: string };

/** From W3C WebRTC Statistics: the pair in use, its local end, and what the worker reported of our packets. */
export function pathOf(stats: Stat[]): PathResult {
  const selected = stats.find((stat) => stat.type === "transport")?.["selectedCandidatePairId"];
  const pairs = stats.filter((stat) => stat.type === "candidate-pair");
  const pair = pairs.find((stat) => stat.id === selected) ?? pairs.find((stat) => stat["selected"] === true || (stat["nominated"] === true && stat["state"] === "succeeded"));
  const local = stats.find((stat) => stat.id === pair?.["localCandidateId"]);
  if (!pair || !local) return { path: "none", rttMs: null, lossPercent: null };
  const path = local["candidateType"] === "relay" ? "relay" : local["protocol"] === "tcp" ? "tcp" : "udp";
  const rtt = pair["currentRoundTripTime"];
  const lost = stats.find((stat) => stat.type === "remote-inbound-rtp")?.["fractionLost"];
  return {
    path,
    rttMs: typeof rtt === "number" ? Math.round(rtt * 1000) : null,
    lossPercent: typeof lost === "number" ? Math.round(lost * 1000) / 10 : null,
  };
}
