/** What this browser lacks for a hearing, if anything. */
export type Lack = "insecure" | "browser" | null;

export function lackOf(scope: Window & typeof globalThis): Lack {
  if (!scope.isSecureContext) return "insecure";
  const able = "RTCPeerConnection" in scope && "WebSocket" in scope && "getUserMedia" in (scope.navigator.mediaDevices ?? {});
  return able ? null : "browser";
}
