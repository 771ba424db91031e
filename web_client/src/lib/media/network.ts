/** An honest, small measurement: the way to the court's web server, not the way of the picture and the sound. */
import probeUrl from "@fontsource/source-sans-3/files/source-sans-3-latin-400-normal.woff2?url";

const ROUNDS = 5;
const GOOD_ROUND_TRIP_MS = 300;
/** Two of the camera's layers and the sound need about this much. */
const GOOD_MBIT = 1;

export interface NetworkResult {
  quality: "good" | "weak" | "unknown";
  roundTripMs: number;
  mbit: number;
}

async function timed(url: string): Promise<{ ms: number; bytes: number }> {
  const start = performance.now();
  const response = await fetch(url, { cache: "no-store", signal: AbortSignal.timeout(5000) });
  const bytes = (await response.arrayBuffer()).byteLength;
  if (!response.ok) throw new Error(`status ${response.status}`);
  return { ms: performance.now() - start, bytes };
}

export async function measureNetwork(): Promise<NetworkResult> {
  try {
    await timed("/healthz"); // the first one pays for the connection
    const rounds: number[] = [];
    for (let i = 0; i < ROUNDS; i++) rounds.push((await timed("/healthz")).ms);
    const roundTripMs = rounds.sort((a, b) => a - b)[Math.floor(ROUNDS / 2)] ?? 0;
    const start = performance.now();
    const loads = await Promise.all([timed(probeUrl), timed(probeUrl), timed(probeUrl), timed(probeUrl)]);
    const spent = Math.max(1, performance.now() - start - roundTripMs);
    const mbit = (loads.reduce((sum, load) => sum + load.bytes, 0) * 8) / 1000 / spent;
    const good = roundTripMs <= GOOD_ROUND_TRIP_MS && mbit >= GOOD_MBIT;
    return { quality: good ? "good" : "weak", roundTripMs, mbit };
  } catch {
    return { quality: "unknown", roundTripMs: 0, mbit: 0 };
  }
}
