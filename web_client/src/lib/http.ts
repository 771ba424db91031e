/** The HTTP API.  Every failure becomes a Refusal with a sentence for the person. */
import type { Problem } from "./generated/api";
import { prefs } from "./prefs.svelte";

const TIMEOUT_MS = 15_000;

export class Refusal extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly status = 0,
  ) {
    super(message);
  }
}

/** The words for any failure: the server's own, or ours if there is no server to say them. */
export function refusalOf(error: unknown): Refusal {
  return error instanceof Refusal ? error : new Refusal("unexpected", prefs.t.errors.unexpected);
}

type Method = "GET" | "POST" | "DELETE";

async function answerTo(method: Method, path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(path, {
      ...init,
      method,
      headers: { "Accept-Language": prefs.locale, ...init.headers },
      credentials: "same-origin",
      cache: "no-store",
      signal: init.signal ?? AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch {
    throw new Refusal("unreachable", prefs.t.errors.unreachable);
  }
}

async function dataOf<T>(response: Response): Promise<T> {
  return understood<T>(response.status, await response.text().catch(() => ""));
}

/** What an answer says, whoever fetched it; a Refusal if it says no. */
export function understood<T>(status: number, text: string): T {
  let data: unknown = null;
  try {
    data = text ? JSON.parse(text) : null;
  } catch {
    throw new Refusal("unexpected", prefs.t.errors.unexpected, status);
  }
  if (status >= 200 && status < 300) return data as T;
  const problem = data as Partial<Problem> | null;
  if (problem?.code && problem.message) throw new Refusal(problem.code, problem.message, status);
  throw new Refusal("unexpected", prefs.t.errors.unexpected, status);
}

export async function api<T>(method: Method, path: string, body?: unknown): Promise<T> {
  const json = body === undefined ? { body: null } : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
  return dataOf<T>(await answerTo(method, path, json));
}

export interface Version<T> {
  data: T;
  etag: string | null;
}

/** What is there now, or nothing if it is still the version known by `etag` (RFC 9110 §13.1.2). */
export async function apiIfChanged<T>(path: string, etag: string | null): Promise<Version<T> | null> {
  const response = await answerTo("GET", path, etag ? { headers: { "If-None-Match": etag } } : {});
  if (response.status === 304) return null;
  return { data: await dataOf<T>(response), etag: response.headers.get("ETag") };
}
