/** Who uses the staff's pages in this window: a signed-in account, or the seat of a personal link (docs/protocol.md). */
import type { Me } from "../lib/generated/api";
import type { Account } from "../lib/generated/desk";
import { api, refusalOf, Refusal } from "../lib/http";
import { inReadersLanguage } from "../lib/i18n/choose";
import { en, type AccountRole } from "../lib/i18n/desk/en";
import { zh } from "../lib/i18n/desk/zh";
import { inLanguage } from "../lib/names";
import { prefs } from "../lib/prefs.svelte";
import { claimWindow, forPerson, personOfWindow, releaseWindow } from "../lib/window";

export type CourtRoles = Account["courts"][number];
export type DeskState = "loading" | "out" | "in" | "failed";

/** Which court an account of several works in, over visits. */
const COURT_KEY = "court";

const askedPerson = (): string | null => new URLSearchParams(location.search).get("person");

function storedCourt(): string | null {
  try {
    return localStorage.getItem(COURT_KEY);
  } catch {
    return null; // storage forbidden: the first court then
  }
}

class Desk {
  state = $state<DeskState>("loading");
  account = $state.raw<Account | null>(null);
  seat = $state.raw<Me | null>(null);
  refusal = $state.raw<Refusal | null>(null);
  #courtId = $state<string | null>(storedCourt());

  readonly t = $derived(inReadersLanguage(en, zh));
  /** The court that an account works in now; nothing for a seat, whose hearing says its court. */
  readonly court: CourtRoles | null = $derived.by(() => {
    const courts = this.account?.courts ?? [];
    return courts.find((court) => court.courtId === this.#courtId) ?? courts[0] ?? null;
  });
  readonly courtName = $derived.by(() => {
    if (this.court) return inLanguage(this.court.court, this.court.courtZh);
    return this.seat ? inLanguage(this.seat.hearing.court, this.seat.hearing.courtZh) : prefs.t.title;
  });
  /** IANA name of the court's time zone; nothing: the zone of this device. */
  readonly timeZone: string | undefined = $derived(this.court?.timeZone);

  /** A window whose address names a person is that seat's; else the account's, else the last seat's. */
  async open(): Promise<void> {
    this.state = "loading";
    this.refusal = null;
    try {
      this.seat = null;
      this.account = askedPerson() === null ? await this.#signedIn() : null;
      if (!this.account) await this.#seated();
      this.state = "in";
    } catch (error) {
      this.refusal = refusalOf(error);
      this.state = this.refusal.status === 401 || this.refusal.status === 403 ? "out" : "failed";
    }
  }

  signedIn(account: Account): void {
    releaseWindow();
    this.seat = null;
    this.account = account;
    this.state = "in";
  }

  async signOut(): Promise<void> {
    await api("DELETE", "/api/account/session");
    this.account = null;
    location.assign("/staff");
  }

  chooseCourt(courtId: string): void {
    this.#courtId = courtId;
    try {
      localStorage.setItem(COURT_KEY, courtId);
    } catch {
      // then the choice holds for this page
    }
  }

  /** Has this person one of the roles, in the court of this page? */
  is(...roles: AccountRole[]): boolean {
    if (this.account) return this.court?.roles.some((role) => roles.includes(role)) ?? false;
    return this.seat !== null && (roles as string[]).includes(this.seat.role);
  }

  /** An address of this origin as asked by whoever uses this window. */
  url(address: string): string {
    return forPerson(address, this.seat?.personId ?? null);
  }

  async ask<T>(method: "GET" | "POST" | "DELETE", path: string, body?: unknown): Promise<T> {
    try {
      return await api<T>(method, this.url(path), body);
    } catch (error) {
      if (error instanceof Refusal && error.code === "sign-in-needed") this.state = "out";
      throw error;
    }
  }

  async #signedIn(): Promise<Account | null> {
    try {
      return await api<Account>("GET", "/api/account");
    } catch (error) {
      const { status } = refusalOf(error);
      if (status === 401) return null;
      throw error;
    }
  }

  async #seated(): Promise<void> {
    this.seat = await api<Me>("GET", forPerson("/api/session", personOfWindow()));
    // The window stays this person's, whoever takes a seat in another one.
    claimWindow(this.seat.personId);
  }
}

export const desk = new Desk();
