import { describe, expect, it } from "vitest";
import { Generations } from "../src/lib/media/generations";

/** Host candidates as the media worker announces them: UDP, and TCP below it, for each address. */
const UDP = (126 << 24) + (65535 << 8) + 255;
const TCP = (126 << 24) + (32767 << 8) + 255;
/** Priorities of a browser's own ends (RFC 8445 §5.1.2.2): the least of a host's, of a reflexive one, the most of a relay. */
const HOST = 126 * 2 ** 24;
const REFLEXIVE = 110 * 2 ** 24;
const RELAY = 3 * 2 ** 24;

const described = (fragment: string) =>
  [
    "v=0",
    "m=audio 7 UDP/TLS/RTP/SAVPF 100",
    `a=ice-ufrag:${fragment}`,
    `a=candidate:udp0 1 udp ${UDP} 192.0.2.1 4443 typ host`,
    `a=candidate:tcp0 1 tcp ${TCP} 192.0.2.1 4443 typ host tcptype passive`,
    `a=candidate:udp1 1 udp ${UDP - 256} 2001:db8::1 4443 typ host`,
    "a=end-of-candidates",
    "",
  ].join("\r\n");
const priorities = (sdp: string) => [...sdp.matchAll(/^a=candidate:\S+ 1 \S+ (\d+) /gm)].map((found) => Number(found[1]));

describe("generations", () => {
  it("rank the court's ends in their order, between this device's own and its relays", () => {
    const [udp, tcp, second] = priorities(new Generations().rank(described("a"))) as [number, number, number];
    expect(udp).toBeGreaterThan(second);
    expect(second).toBeGreaterThan(tcp);
    expect(udp).toBeLessThan(REFLEXIVE);
    expect(tcp).toBeGreaterThan(RELAY);
  });

  it("put everything after a restart above everything before it, for as long as a hearing lasts", () => {
    const generations = new Generations();
    let before = priorities(generations.rank(described("0")));
    for (let restart = 1; restart <= 300; restart++) {
      const now = priorities(generations.rank(described(String(restart))));
      expect(Math.min(...now)).toBeGreaterThan(Math.max(...before));
      expect(Math.max(...now)).toBeLessThan(REFLEXIVE);
      before = now;
    }
    expect(priorities(generations.rank(described("301")))).toEqual(before);
    expect(REFLEXIVE).toBeLessThan(HOST);
  });

  it("leave a description as it is otherwise, and say the same of it twice", () => {
    const generations = new Generations();
    const first = generations.rank(described("a"));
    expect(generations.rank(described("a"))).toBe(first);
    expect(first.replace(/(candidate:\S+ 1 \S+ )\d+/g, "$1")).toBe(described("a").replace(/(candidate:\S+ 1 \S+ )\d+/g, "$1"));
    expect(generations.rank("v=0\r\n")).toBe("v=0\r\n");
  });
});
