/** What a hearing has beside the court's own course: exhibits, messages to the staff, and what of the record is withheld.
 * Loaded once, renewed when told. */
import type { Levels } from "../lib/generated/api";
import type { AskedLevel, NewLevel } from "../lib/generated/archive";
import type { ChatMessage, ExhibitRow } from "../lib/generated/desk";
import type { Hearing } from "../lib/hearing.svelte";
import { api, refusalOf, type Refusal } from "../lib/http";
import { forPerson } from "../lib/window";

/** Messages that the page keeps of one conversation. */
const MESSAGES_KEPT = 500;
/** How long "is writing" stays, and how often it is told, ms. */
const TYPING_MS = 4000;

export class DeskOfHearing {
  exhibits = $state.raw<readonly ExhibitRow[]>([]);
  /** Conversations by the person who is not of the staff. */
  messages = $state.raw<Record<string, readonly ChatMessage[]>>({});
  unread = $state.raw<Record<string, number>>({});
  /** Who writes now: the person whose conversation it is. */
  typing = $state.raw<readonly string[]>([]);
  pointer = $state.raw<{ document: string; page: number; x: number; y: number } | null>(null);
  /** What of the record is withheld, and asked to be; nothing before somebody wanted to see it. */
  levels = $state.raw<Levels | null>(null);
  refusal = $state.raw<Refusal | null>(null);

  #hearing: Hearing;
  #loaded = new Set<string>();
  /** Which asking for the exhibits is the newest: an older answer may come later. */
  #turn = 0;
  #told = 0;

  constructor(hearing: Hearing) {
    this.#hearing = hearing;
  }

  get #path(): string {
    return `/api/hearings/${encodeURIComponent(this.#hearing.view?.me.hearing.hearingId ?? "")}`;
  }

  url(path: string): string {
    return forPerson(path, this.#hearing.view?.me.personId ?? null);
  }

  async loadExhibits(): Promise<void> {
    const turn = ++this.#turn;
    await this.#try(async () => {
      const found = await api<ExhibitRow[]>("GET", this.url(`${this.#path}/exhibits`));
      if (turn === this.#turn) this.exhibits = found;
    });
  }

  levelsUrl(end = ""): string {
    const sitting = encodeURIComponent(this.#hearing.view?.me.hearing.sittingId ?? "");
    return this.url(`/api/hearings/${sitting}/record/levels${end}`);
  }

  async loadLevels(): Promise<void> {
    await this.#try(async () => {
      this.levels = await api<Levels>("GET", this.levelsUrl());
    });
  }

  /** Raises what the server refuses. */
  async decideLevel(part: NewLevel): Promise<void> {
    await api("POST", this.levelsUrl(), part);
    await this.loadLevels();
  }

  /** Raises what the server refuses. */
  async askForLevel(part: AskedLevel): Promise<void> {
    await api("POST", this.levelsUrl("/asked"), part);
    await this.loadLevels();
  }

  async declineLevel(number: number): Promise<void> {
    if (await this.#try(() => api<void>("POST", this.levelsUrl(`/asked/${number}/decline`)))) await this.loadLevels();
  }

  /** The link was gone: nobody told the page what happened meanwhile. */
  async renew(): Promise<void> {
    if (this.#turn > 0) await this.loadExhibits();
    if (this.levels) await this.loadLevels();
    for (const personId of this.#loaded) await this.#load(personId);
  }

  /** The conversation with this person; a party's only one is their own. */
  async open(personId: string): Promise<void> {
    this.unread = { ...this.unread, [personId]: 0 };
    if (this.#loaded.has(personId)) return;
    this.#loaded.add(personId);
    if (!(await this.#load(personId))) this.#loaded.delete(personId);
  }

  #load(personId: string): Promise<boolean> {
    return this.#try(async () => {
      const found = await api<ChatMessage[]>("GET", this.url(`${this.#path}/chat?with=${encodeURIComponent(personId)}`));
      // A message that came while these were on their way stays.
      const known = new Set(found.map((one) => one.messageId));
      const later = (this.messages[personId] ?? []).filter((one) => !known.has(one.messageId));
      this.messages = { ...this.messages, [personId]: [...found, ...later].sort((a, b) => a.at - b.at).slice(-MESSAGES_KEPT) };
    });
  }

  async send(personId: string, text: string): Promise<boolean> {
    return this.#try(async () => this.take(await api<ChatMessage>("POST", this.url(`${this.#path}/chat`), { text, personId }), true));
  }

  take(message: ChatMessage, seen: boolean): void {
    const before = this.messages[message.personId] ?? [];
    if (before.some((one) => one.messageId === message.messageId)) return;
    this.messages = { ...this.messages, [message.personId]: [...before, message].slice(-MESSAGES_KEPT) };
    this.typing = this.typing.filter((id) => id !== message.personId);
    if (!seen) this.unread = { ...this.unread, [message.personId]: (this.unread[message.personId] ?? 0) + 1 };
  }

  news(name: string, data: Record<string, unknown>): void {
    if (name === "chat") this.take(data as unknown as ChatMessage, false);
    else if (name === "exhibits") void this.loadExhibits();
    else if (name === "levels" && this.levels) void this.loadLevels();
  }

  hinted(name: string, data: Record<string, unknown>): void {
    if (name === "pointer") {
      this.pointer = typeof data["x"] === "number" && typeof data["y"] === "number" ? (data as unknown as DeskOfHearing["pointer"]) : null;
    } else if (name === "typing" && typeof data["personId"] === "string") {
      const id = data["personId"];
      this.typing = [...new Set([...this.typing, id])];
      window.setTimeout(() => (this.typing = this.typing.filter((one) => one !== id)), TYPING_MS);
    }
  }

  /** Tell the other side that something is being written, now and then. */
  writes(personId: string): void {
    if (Date.now() - this.#told < TYPING_MS / 2) return;
    this.#told = Date.now();
    this.#hearing.hint("typing", { personId });
  }

  async #try(job: () => Promise<void> | void): Promise<boolean> {
    try {
      await job();
      this.refusal = null;
      return true;
    } catch (error) {
      this.refusal = refusalOf(error);
      return false;
    }
  }
}
