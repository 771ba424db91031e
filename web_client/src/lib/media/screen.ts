/** The person's own screen: asked for by the browser each time, and theirs to stop. */
import { SCREEN_FPS, SCREEN_HEIGHT, SCREEN_WIDTH } from "./encodings";

/** Telephones name the function and refuse it, or lack it: they get no key. */
export function canShareScreen(scope: Navigator = navigator): boolean {
  const mobile = (scope as Navigator & { userAgentData?: { mobile: boolean } }).userAgentData?.mobile;
  return "getDisplayMedia" in (scope.mediaDevices ?? {}) && !(mobile ?? /Android|iPhone|iPad|Mobile/.test(scope.userAgent));
}

/** The track of what the person chose; null if they chose nothing.  Raises whatever else went wrong. */
export async function askScreen(): Promise<MediaStreamTrack | null> {
  try {
    const stream = await navigator.mediaDevices.getDisplayMedia({
      video: { frameRate: { ideal: SCREEN_FPS, max: SCREEN_FPS }, width: { max: SCREEN_WIDTH }, height: { max: SCREEN_HEIGHT } },
      audio: false,
    });
    const track = stream.getVideoTracks()[0] ?? null;
    // Sharp letters are worth more than smooth movement.
    if (track && "contentHint" in track) track.contentHint = "detail";
    return track;
  } catch (error) {
    if (error instanceof DOMException && (error.name === "NotAllowedError" || error.name === "AbortError")) return null;
    throw error;
  }
}
