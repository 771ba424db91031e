/** One person's visit to one hearing: the view of the court, the link to it, and the media that go with it. */
import { DeskOfHearing } from "../court/desk.svelte";
import type { EntryView, HearingView, Me, PersonView } from "./generated/api";
import type { AnyNotice, CheckIn, Joined } from "./generated/messages";
import { api, Refusal, refusalOf } from "./http";
import type { LocalDevices } from "./media/devices.svelte";
import { Networks } from "./media/networks.svelte";
import { askScreen } from "./media/screen";
import { MediaSession, type MediaState } from "./media/session";
import { capOf, type Pictured, type Thrift } from "./media/viewing";
import { ScreenLock } from "./media/wake";
import { prefs } from "./prefs.svelte";
import { announcement } from "./room/announcement";
import { mainPersonOf } from "./room/layout";
import { Settling } from "./room/settling";
import { Speakers } from "./room/speaker";
import type { EndReason, LinkState } from "./signal/core";
import { Signal } from "./signal/driver";
import { entersOnOpen, type Role, type Sent, type Source } from "./types";
import { forPerson, socketUrl } from "./window";

export type CommandName = HearingView["may"][number];
export type Remote = Partial<Record<string, MediaStream>>;
/** Why the whole screen asks for a tap. */
export type Out = { why: "link"; at: number } | { why: "microphone" } | { why: "sound" };
export type Checked = Omit<CheckIn, "id" | "type">;

const TICK_MS = 500;
/** Entries of the log that the page keeps. */
const ENTRIES_KEPT = 300;
/** Under reduced motion meters step this often. */
const CALM_LEVELS_MS = 1000;
/** A link that is gone this long puts the person out of the hearing in their own eyes. */
const OUT_S = 20;
const keyOf = (personId: string, source: Sent) => `${source} ${personId}`;

export class Hearing {
  view = $state.raw<HearingView | null>(null);
  link = $state<LinkState>("idle");
  media = $state<MediaState>("none");
  ended = $state.raw<{ reason: EndReason; message: string } | null>(null);
  refusal = $state.raw<Refusal | null>(null);
  levels = $state.raw<Record<string, number>>({});
  remote = $state.raw<Record<string, Remote>>({});
  /** Nothing comes of these now, by `keyOf`: the sender paused them, or the link has no room for the picture. */
  yielded = $state.raw<ReadonlySet<string>>(new Set());
  /** Who speaks now, and whose turn it is. */
  speaking = $state.raw<readonly string[]>([]);
  speaker = $state<string | null>(null);
  /** Who shares a screen, in order of beginning; and the person's own screen. */
  screens = $state.raw<readonly string[]>([]);
  ownScreen = $state.raw<MediaStream | null>(null);
  /** The microphone is on and gives nothing. */
  unheard = $state(false);
  /** What the log says that this person may read, oldest first. */
  entries = $state.raw<readonly EntryView[]>([]);
  /** What changed, for screen readers. */
  said = $state("");
  /** The court's clock, s since 1970, renewed twice a second. */
  now = $state(0);
  /** Seconds since the court was last heard. */
  silence = $state(0);
  /** When the link was lost, on the court's clock. */
  lostAt = $state<number | null>(null);
  lostDevice = $state<Record<Source, boolean>>({ camera: false, microphone: false });
  soundHeld = $state(false);
  takenAway = $state(false);

  readonly devices: LocalDevices;
  readonly networks = new Networks();
  /** Exhibits, and messages to the court's staff. */
  readonly desk = new DeskOfHearing(this);
  readonly me: PersonView | null = $derived.by(() => {
    const view = this.view;
    return view?.people.find((person) => person.personId === view.me.personId) ?? null;
  });
  readonly inRoom = $derived(this.view?.state === "in_session" && this.me?.inRoom === true);
  readonly out: Out | null = $derived.by(() => {
    if (!this.inRoom || this.ended) return null;
    if (this.lostAt !== null && this.now - this.lostAt > OUT_S) return { why: "link", at: this.lostAt };
    if (this.takenAway) return { why: "microphone" };
    return this.soundHeld ? { why: "sound" } : null;
  });

  #personId: string;
  #role: Role;
  #checked: Checked;
  #signal: Signal;
  #session: MediaSession;
  #lock = new ScreenLock();
  #players = new Set<HTMLMediaElement>();
  #timer: number | undefined;
  #calm = matchMedia("(prefers-reduced-motion: reduce)");
  #touched = matchMedia("(pointer: coarse)");
  #shownMs = 0;
  #settling = new Settling();
  #speakers = new Speakers();
  /** Commands whose answers are awaited; the link bounds how many there may be. */
  #given = new Set<string>();
  #thrift: Thrift = { lowData: false, noScreens: false, mainPerson: null };

  constructor(person: Pick<Me, "personId" | "role">, checked: Checked, devices: LocalDevices) {
    this.#personId = person.personId;
    this.#role = person.role;
    this.#checked = checked;
    this.devices = devices;
    this.#signal = new Signal(socketUrl(this.#personId), prefs.locale, {
      state: (state) => this.#linkChanged(state),
      joined: (joined) => this.#joined(joined),
      notice: (notice) => this.#noticed(notice),
    });
    this.#session = new MediaSession({
      ask: (ask) => this.#signal.ask(ask),
      state: (state) => (this.media = state),
      remote: (personId, source, track) => this.#remoteChanged(personId, source, track),
      yielded: (personId, source, yielded) => this.#yieldChanged(keyOf(personId, source), yielded),
      stopped: () => this.#signal.doubt(),
      refused: (source, error) => {
        if (source !== "screen") return;
        this.stopSharing();
        this.refusal = refusalOf(error);
      },
    });
  }

  start(): void {
    this.devices.onTrack = (source) => this.#localChanged(source);
    this.devices.onLost = (source, silenced) => {
      this.lostDevice[source] = true;
      this.#reportLost(source);
      // A telephone call takes the whole telephone; a computer's switch takes the microphone, and a banner will do.
      const called = (silenced && this.#touched.matches) || document.visibilityState === "hidden";
      if (source === "microphone" && called) this.takenAway = true;
    };
    this.#localChanged("camera");
    this.#localChanged("microphone");
    this.#timer = window.setInterval(() => this.#tick(), TICK_MS);
    this.#tick();
    this.#signal.start();
  }

  stop(): void {
    window.clearInterval(this.#timer);
    this.#signal.stop();
    this.#release();
  }

  /** Something that is no act of the court: a pointer, that somebody writes.  Lost if there is no link. */
  hint(name: string, args: Record<string, unknown>): void {
    this.#signal.ask({ type: "hint", name, arguments: args }).catch(() => undefined);
  }

  #enter(entries: EntryView[], afresh: boolean): void {
    const known = new Set(afresh ? [] : this.entries.map((entry) => entry.seq));
    const more = entries.filter((entry) => !known.has(entry.seq));
    this.entries = [...(afresh ? [] : this.entries), ...more].slice(-ENTRIES_KEPT);
  }

  /** Who is neither seen nor heard need not find that out alone: staff get a task. */
  #reportLost(device: Source): void {
    const report = { name: "report_blocked" as const, requestId: crypto.randomUUID(), expectedVersion: null, arguments: { device } };
    this.#signal.ask({ type: "command", ...report }, true).catch(() => undefined); // the banner tells the person all the same
  }

  /**
   * Give a command; what the server says against it is shown in its own words.  Commands do not wait for each other:
   * the curtain must not be lost because something else is on its way.  The same one pressed twice is given once.
   *
   * `anyVersion`: it stays right whatever happened to the sitting meanwhile.
   */
  async command(name: CommandName, args: Record<string, unknown> = {}, { anyVersion = false } = {}): Promise<boolean> {
    const given = JSON.stringify([name, args]);
    if (this.#given.has(given)) return false;
    this.#given.add(given);
    this.refusal = null;
    const expectedVersion = anyVersion ? null : (this.view?.version ?? null);
    try {
      await this.#signal.ask({ type: "command", name, requestId: crypto.randomUUID(), expectedVersion, arguments: args }, true);
      return true;
    } catch (error) {
      this.refusal = refusalOf(error);
      return false;
    } finally {
      this.#given.delete(given);
    }
  }

  async leave(): Promise<void> {
    await this.#signal.ask({ type: "leave" }).catch(() => undefined);
    this.#end("left", "");
  }

  async toggle(source: Source): Promise<void> {
    const on = !this.sends(source);
    this.lostDevice[source] = false;
    await this.devices.want(source, on);
    this.#localChanged(source);
  }

  sends(source: Source): boolean {
    return this.devices.wanted[source] && this.devices.state[source] === "ok";
  }

  /** A new place on the page for `see` and `leave`. */
  place(): number {
    return this.#session.place();
  }

  /** This place shows the picture so wide, in device pixels; 0: out of sight.  What nobody looks at is not sent. */
  see(place: number, personId: string, source: Pictured, width: number): void {
    this.#session.see(place, personId, source, width);
  }

  leavePlace(place: number): void {
    this.#session.leave(place);
  }

  /** Low-data mode leaves this picture out. */
  spared(personId: string, source: Pictured): boolean {
    const mine = personId === this.view?.me.personId;
    return !mine && capOf(source, personId, this.#thriftNow(), this.screens.length > 0) === null;
  }

  yields(personId: string, source: Sent): boolean {
    return this.yielded.has(keyOf(personId, source));
  }

  setLowData(on: boolean): void {
    prefs.setLowData(on);
    this.networks.decided();
    this.#save();
  }

  setNoScreens(on: boolean): void {
    prefs.setNoScreens(on);
    this.#save();
  }

  async share(): Promise<void> {
    try {
      const track = await askScreen();
      if (!track) return;
      if (this.ended) return track.stop();
      this.stopSharing();
      track.addEventListener("ended", () => this.stopSharing());
      this.ownScreen = new MediaStream([track]);
      this.#session.local("screen", track, true);
    } catch {
      this.refusal = new Refusal("screen-failed", prefs.t.errors["screen-failed"]);
    }
  }

  stopSharing(): void {
    for (const track of this.ownScreen?.getTracks() ?? []) track.stop();
    this.ownScreen = null;
    this.#session.local("screen", null, false);
  }

  /** The one tap: sound may play, devices are taken back, the link is tried at once.  The person comes back muted. */
  async tapIn(): Promise<void> {
    const away = this.out?.why !== "sound";
    for (const player of this.#players) void this.#play(player);
    this.soundHeld = false;
    this.#signal.hurry();
    if (!away) return;
    this.takenAway = false;
    await this.devices.want("microphone", false);
    await this.devices.revive();
    this.#localChanged("microphone");
  }

  async turnOnAgain(source: Source): Promise<void> {
    this.lostDevice[source] = !(await this.devices.open(source));
  }

  /** An element that plays sound for this page. */
  attach(player: HTMLMediaElement): () => void {
    this.#players.add(player);
    void this.#play(player);
    return () => this.#players.delete(player);
  }

  async #play(player: HTMLMediaElement): Promise<void> {
    try {
      await player.play();
    } catch (error) {
      if (error instanceof DOMException && error.name === "NotAllowedError") this.soundHeld = true;
    }
  }

  #tick(): void {
    const local = performance.now();
    this.now = this.#signal.clock.known ? this.#signal.clock.at(local) : Date.now() / 1000;
    this.silence = this.#signal.lastHeardMs ? (local - this.#signal.lastHeardMs) / 1000 : 0;
    this.#speakers.rest(local);
    this.#tellSpeakers();
    this.networks.rest(local);
  }

  #linkChanged(state: LinkState): void {
    const before = this.link;
    this.link = state;
    if ((state === "pause" || state === "connecting") && this.lostAt === null && this.view) {
      this.lostAt = this.now;
      this.levels = {};
      this.#speakers.clear();
    }
    if (state === "pause" && before !== "open") void this.#stillSeated();
  }

  /** A refused socket says nothing of the reason; the session does. */
  async #stillSeated(): Promise<void> {
    try {
      await api("GET", forPerson("/api/session", this.#personId));
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal.status === 401 || refusal.status === 403 || refusal.status === 410) {
        this.#signal.stop();
        this.#end("expired", refusal.message);
      }
    }
  }

  #joined(joined: Joined): void {
    const local = performance.now();
    this.#signal.clock.add(local, local, joined.serverTime);
    this.#tick();
    this.lostAt = null;
    this.#see(joined.view as unknown as HearingView);
    this.#signal.ask({ type: "checkIn", ...this.#checked }, true).catch((error: unknown) => (this.refusal = refusalOf(error)));
    void this.desk.renew();
    if (joined.media) this.#session.rejoined(joined.media, joined.held);
    else this.#session.lost();
  }

  #noticed(notice: AnyNotice): void {
    switch (notice.type) {
      case "view":
        return this.#see(notice.view as unknown as HearingView);
      case "media":
        if (notice.state === "ready" && notice.media) this.#session.ready(notice.media);
        else this.#session.lost();
        return;
      case "levels":
        this.#speakers.feed(notice.levels, performance.now());
        this.#tellSpeakers();
        this.#showLevels(notice.levels);
        return;
      case "quality":
        return this.networks.feed(notice.people, this.#personId, performance.now());
      case "entries":
        return this.#enter(notice.entries as unknown as EntryView[], notice.afresh);
      case "news":
        return this.desk.news(notice.name, notice.data);
      case "hinted":
        return this.desk.hinted(notice.name, notice.data);
      case "ended":
        return this.#end(notice.reason, notice.message);
      default:
        this.#session.notice(notice);
    }
  }

  /** A device that just went is most likely on its way: it is not called missing at once. */
  settling(person: PersonView, source: Source): boolean {
    return this.#settling.is(person.personId, source, this.now);
  }

  #showLevels(levels: Record<string, number>): void {
    const now = performance.now();
    if (this.#calm.matches && now - this.#shownMs < CALM_LEVELS_MS) return;
    this.#shownMs = now;
    this.levels = levels;
  }

  #tellSpeakers(): void {
    const { speaker, speaking } = this.#speakers;
    if (speaking.join() !== this.speaking.join()) this.speaking = speaking;
    if (speaker === this.speaker) return;
    this.speaker = speaker;
    this.#save();
  }

  #thriftNow(): Thrift {
    const mainPerson = this.view ? mainPersonOf(this.view.people, this.#personId, this.speaker) : null;
    return { lowData: prefs.lowData, noScreens: prefs.lowData && prefs.noScreens, mainPerson };
  }

  #save(): void {
    const thrift = this.#thriftNow();
    if (JSON.stringify(thrift) === JSON.stringify(this.#thrift)) return;
    this.#thrift = thrift;
    this.#session.save(thrift);
  }

  #see(view: HearingView): void {
    this.said = announcement(this.view, view) || this.said;
    this.#settling.note(view.people, this.now);
    this.view = view;
    if (view.state === "closed" && !this.#keepsRoom(view)) {
      this.#release();
      return;
    }
    const starting = view.state === "countdown" && entersOnOpen(this.#role);
    const screen = view.mayPublish.includes("screen");
    this.#session.permit(this.#role === "observer" ? [] : ["microphone", "camera", ...(screen ? (["screen"] as const) : [])]);
    this.#session.flow(starting ? ["microphone", "camera"] : view.mayPublish);
    if (this.ownScreen && !screen) this.stopSharing();
    this.#save();
    if (this.inRoom || starting || view.mayPublish.length > 0) this.#lock.hold();
    else this.#lock.release();
  }

  /** The judges' room stays open after the close; outside it their devices are off. */
  #keepsRoom(view: HearingView): boolean {
    if (view.place === "deliberation") return true;
    if (!view.may.includes("enter_bench_room")) return false;
    this.stopSharing();
    for (const source of ["camera", "microphone"] as const) {
      if (this.devices.wanted[source]) void this.devices.want(source, false).then(() => this.#localChanged(source));
    }
    return true;
  }

  #localChanged(source: Source): void {
    const track = this.devices.track(source);
    if (track) this.lostDevice[source] = false;
    this.#session.local(source, track, this.devices.wanted[source]);
  }

  #yieldChanged(key: string, yielded: boolean): void {
    if (this.yielded.has(key) === yielded) return;
    const set = new Set(this.yielded);
    if (yielded) set.add(key);
    else set.delete(key);
    this.yielded = set;
  }

  #remoteChanged(personId: string, source: Sent, track: MediaStreamTrack | null): void {
    const { [source]: _gone, ...rest } = this.remote[personId] ?? {};
    if (source === "screen") this.screens = [...this.screens.filter((id) => id !== personId), ...(track ? [personId] : [])];
    if (!track) this.#yieldChanged(keyOf(personId, source), false);
    this.remote = {
      ...this.remote,
      [personId]: track ? { ...rest, [source]: new MediaStream([track]) } : rest,
    };
  }

  #end(reason: EndReason, message: string): void {
    this.ended = { reason, message };
    window.clearInterval(this.#timer);
    this.#release();
  }

  #release(): void {
    this.stopSharing();
    this.#session.stop();
    this.#lock.release();
    this.devices.close();
  }
}
