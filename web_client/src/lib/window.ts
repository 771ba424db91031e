/** Whose window this is.  One browser may hold the seats of several people, so each request of a window says it. */

const KEY = "person";
const PARAMETER = "person";

/** The person in this page's address, or the one this tab was last opened for. */
export function personOfWindow(): string | null {
  const asked = new URLSearchParams(location.search).get(PARAMETER);
  if (asked) return asked;
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return null; // storage forbidden: the server takes the seat that was taken last
  }
}

/** From now on this window is theirs: its address says so, in place of a personal link, which must not stay there. */
export function claimWindow(personId: string, path = location.pathname): void {
  history.replaceState(null, "", forPerson(path + location.search, personId));
  try {
    sessionStorage.setItem(KEY, personId);
  } catch {
    // then only the address says it
  }
}

/** From now on this window is nobody's seat, but whose account is signed in. */
export function releaseWindow(): void {
  const fields = new URLSearchParams(location.search);
  fields.delete(PARAMETER);
  const query = fields.toString();
  history.replaceState(null, "", query ? `${location.pathname}?${query}` : location.pathname);
  try {
    sessionStorage.removeItem(KEY);
  } catch {
    // nothing was kept then
  }
}

/** An address of this origin, asked as this person. */
export function forPerson(address: string, personId: string | null): string {
  return personId === null ? address : withQuery(address, PARAMETER, personId);
}

/** The signalling socket of this person's seat. */
export function socketUrl(personId: string): string {
  const url = new URL(forPerson("/signal", personId), location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}

export function withQuery(address: string, name: string, value: string): string {
  const [path = "", query = ""] = address.split("?", 2);
  const fields = new URLSearchParams(query);
  fields.set(name, value);
  return `${path}?${fields}`;
}
