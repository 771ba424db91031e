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

export async function api<T>(method: "GET" | "POST" | "DELETE", path: string, body?: unknown): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      headers: {
        "Accept-Language": prefs.locale,
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
      },
      body: body === undefined ? null : JSON.stringify(body),
      credentials: "same-origin",
      cache: "no-store",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch {
    throw new Refusal("unreachable", prefs.t.errors.unreachable);
  }
  const text = await response.text().catch(() => "");
  let data: unknown = null;
  try {
    data = text ? JSON.parse(text) : null;
  } catch {
    throw new Refusal("unexpected", prefs.t.errors.unexpected, response.status);
  }
  if (response.ok) return data as T;
  const problem = data as Partial<Problem> | null;
  if (problem?.code && problem.message) throw new Refusal(problem.code, problem.message, response.status);
  throw new Refusal("unexpected", prefs.t.errors.unexpected, response.status);
}
