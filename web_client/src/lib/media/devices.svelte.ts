/** The person's own camera and microphone: asked for, chosen, lost and taken back. */
import type { CheckIn } from "../generated/messages";
import type { Source } from "../types";

export type DeviceResult = NonNullable<CheckIn["camera"]>;
export type DeviceState = "idle" | "asking" | DeviceResult;

/** A track that the system silences this long (a telephone call does) is taken as lost. */
const SILENCED_MS = 4000;
/** A device that was taken back by itself so often in a row is held by somebody else. */
const RECOVERIES_LIMIT = 2;
/** A track that works for so long has come back. */
const LASTS_MS = 10_000;

/** Errors of getUserMedia: W3C Media Capture and Streams §10.2. */
export function resultOf(error: unknown): DeviceResult {
  switch (error instanceof DOMException ? error.name : "") {
    case "NotAllowedError":
    case "SecurityError":
      return "refused";
    case "NotFoundError":
    case "OverconstrainedError":
      return "missing";
    default:
      return "busy";
  }
}

const KIND = { camera: "videoinput", microphone: "audioinput" } as const;

export class LocalDevices {
  state = $state<Record<Source, DeviceState>>({ camera: "idle", microphone: "idle" });
  /** What the person wants: off is their own choice, whatever the device could do. */
  wanted = $state<Record<Source, boolean>>({ camera: true, microphone: true });
  choices = $state.raw<MediaDeviceInfo[]>([]);
  cameraStream = $state.raw<MediaStream | null>(null);
  microphoneTrack = $state.raw<MediaStreamTrack | null>(null);
  chosen = $state<Record<Source, string>>({ camera: "", microphone: "" });

  /** The camera's system can blur what is behind the person (W3C Media Capture and Streams Extensions, backgroundBlur). */
  canBlur = $state(false);
  blurred = $state(false);

  /** Told of every new track, and of null when there is none any more. */
  onTrack: (source: Source, track: MediaStreamTrack | null) => void = () => {};
  /** A track that worked went away and could not be had again.  `silenced`: the system holds it, as a telephone call does. */
  onLost: (source: Source, silenced: boolean) => void = () => {};

  #tracks: Record<Source, MediaStreamTrack | null> = { camera: null, microphone: null };
  #closed = false;
  /** Recoveries since the person, or a track that lasted, last gave a device. */
  #recoveries: Record<Source, number> = { camera: 0, microphone: 0 };
  #refresh = () => void this.#listChoices();

  constructor() {
    navigator.mediaDevices?.addEventListener("devicechange", this.#refresh);
  }

  track(source: Source): MediaStreamTrack | null {
    return this.#tracks[source];
  }

  /** What the check-in tells the court. */
  result(source: Source): DeviceResult {
    const state = this.state[source];
    if (state === "idle" || state === "asking") return "off";
    return state === "ok" && !this.wanted[source] ? "off" : state;
  }

  /** Both devices with one question; if one of them fails, each by itself. */
  async ask(): Promise<void> {
    this.state.camera = "asking";
    this.state.microphone = "asking";
    try {
      const stream = await navigator.mediaDevices.getUserMedia({
        video: this.#constraints("camera"),
        audio: this.#constraints("microphone"),
      });
      this.#accept("camera", stream.getVideoTracks()[0]);
      this.#accept("microphone", stream.getAudioTracks()[0]);
    } catch {
      await this.open("camera");
      await this.open("microphone");
    }
    await this.#listChoices();
  }

  /** Ask for one device, again or for the first time.  True if it works now. */
  async open(source: Source): Promise<boolean> {
    const opened = await this.#open(source);
    this.#recoveries[source] = 0;
    return opened;
  }

  async #open(source: Source): Promise<boolean> {
    this.state[source] = "asking";
    try {
      const stream = await navigator.mediaDevices.getUserMedia(
        source === "camera" ? { video: this.#constraints(source) } : { audio: this.#constraints(source) },
      );
      this.#accept(source, stream.getTracks()[0]);
    } catch (error) {
      this.#drop(source);
      this.state[source] = resultOf(error);
    }
    await this.#listChoices();
    return this.state[source] === "ok";
  }

  async choose(source: Source, deviceId: string): Promise<void> {
    this.chosen[source] = deviceId;
    this.#drop(source); // phones cannot open a second camera beside the first
    await this.open(source);
  }

  /** The person turns a device on or off.  A camera that is off is released, so that its lamp goes out. */
  async want(source: Source, on: boolean): Promise<void> {
    this.wanted[source] = on;
    const track = this.#tracks[source];
    if (source === "microphone" && track) {
      track.enabled = on;
    } else if (on && this.state[source] !== "ok") {
      await this.open(source);
    } else if (!on) {
      this.#drop(source);
      if (this.state[source] === "ok") this.state[source] = "off";
    }
  }

  /** Take both back after the page was away. */
  async revive(): Promise<void> {
    for (const source of ["camera", "microphone"] as const) {
      const track = this.#tracks[source];
      if (this.wanted[source] && (!track || track.readyState === "ended" || track.muted)) await this.open(source);
    }
  }

  async blur(on: boolean): Promise<void> {
    this.blurred = on;
    await this.#tracks.camera?.applyConstraints({ ...this.#constraints("camera"), backgroundBlur: on } as MediaTrackConstraints).catch(() => (this.blurred = !on));
  }

  close(): void {
    this.#closed = true;
    navigator.mediaDevices?.removeEventListener("devicechange", this.#refresh);
    this.#drop("camera");
    this.#drop("microphone");
  }

  #constraints(source: Source): MediaTrackConstraints {
    const deviceId = this.chosen[source] ? { exact: this.chosen[source] } : undefined;
    return source === "camera"
      ? { deviceId, width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 24 }, facingMode: "user" }
      : { deviceId, echoCancellation: true, noiseSuppression: true, autoGainControl: true };
  }

  #accept(source: Source, track: MediaStreamTrack | undefined): void {
    if (!track) {
      this.state[source] = "missing";
      return;
    }
    if (this.#closed) {
      track.stop();
      return;
    }
    this.#drop(source, false);
    this.#tracks[source] = track;
    this.state[source] = "ok";
    this.chosen[source] = track.getSettings().deviceId ?? "";
    if (source === "camera") {
      this.cameraStream = new MediaStream([track]);
      this.#learnBlur(track);
    }
    else {
      track.enabled = this.wanted.microphone;
      this.microphoneTrack = track;
    }
    track.addEventListener("ended", () => void this.#recover(source, track, false));
    const silenced = () =>
      window.setTimeout(() => {
        if (track.muted) void this.#recover(source, track, true);
      }, SILENCED_MS);
    track.addEventListener("mute", silenced);
    if (track.muted) silenced(); // no event tells of what was so from the beginning
    this.onTrack(source, track);
  }

  #learnBlur(track: MediaStreamTrack): void {
    const { backgroundBlur = [] } = (track.getCapabilities?.() ?? {}) as { backgroundBlur?: boolean[] };
    this.canBlur = backgroundBlur.includes(true) && backgroundBlur.includes(false);
    if (this.canBlur && this.blurred) void this.blur(true);
  }

  /** Take the device again, unless that has just been tried in vain. */
  async #recover(source: Source, track: MediaStreamTrack, silenced: boolean): Promise<void> {
    if (this.#closed || this.#tracks[source] !== track || !this.wanted[source]) return;
    this.#recoveries[source] += 1;
    const lasting = this.#recoveries[source] <= RECOVERIES_LIMIT;
    if (lasting && document.visibilityState === "visible" && (await this.#open(source))) {
      const fresh = this.#tracks[source];
      window.setTimeout(() => {
        if (this.#tracks[source] === fresh && fresh?.readyState === "live" && !fresh.muted) this.#recoveries[source] = 0;
      }, LASTS_MS);
      return;
    }
    if (this.#tracks[source] === track) this.#drop(source);
    if (this.state[source] === "ok") this.state[source] = "busy";
    this.onLost(source, silenced);
  }

  #drop(source: Source, tell = true): void {
    const track = this.#tracks[source];
    if (!track) return;
    this.#tracks[source] = null;
    if (source === "camera") this.cameraStream = null;
    else this.microphoneTrack = null;
    track.stop();
    if (tell) this.onTrack(source, null);
  }

  async #listChoices(): Promise<void> {
    try {
      const all = await navigator.mediaDevices.enumerateDevices();
      this.choices = all.filter((device) => device.deviceId && Object.values(KIND).includes(device.kind as never));
    } catch {
      this.choices = []; // then there is nothing to choose from; the default device is used
    }
  }

  choicesOf(source: Source): MediaDeviceInfo[] {
    return this.choices.filter((device) => device.kind === KIND[source]);
  }
}
