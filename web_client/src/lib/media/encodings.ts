/** How pictures are encoded: the camera in three layers, small in low-data mode; a shared screen sharp and slow. */
import type { types } from "mediasoup-client";

const CAMERA_LAYERS: { width: number; maxBitrate: number }[] = [
  { width: 320, maxBitrate: 150_000 },
  { width: 640, maxBitrate: 500_000 },
  { width: 1280, maxBitrate: 1_500_000 },
];
export const CAMERA_START_KBIT = 600;
/** Low-data mode sends the lowest layer only, and no more frames than this per second. */
export const LOW_DATA_FPS = 15;
/** Text must be legible: every pixel of the screen, few of its frames. */
export const SCREEN_FPS = 5;
const SCREEN_MAX_BITRATE = 2_500_000;
export const SCREEN_START_KBIT = 1500;
/** A larger screen is scaled to this by the browser, which keeps its shape. */
export const SCREEN_WIDTH = 1920;
export const SCREEN_HEIGHT = 1200;

/** A layer is worth sending beside the next larger one if it is no wider than this share of it. */
const SMALLER = 0.75;

/** Layers of 320 and 640 pixels as far as they are smaller than the camera's picture, and that, up to 1280 pixels. */
export function cameraEncodings(width: number): types.RtpEncodingParameters[] {
  const largest = CAMERA_LAYERS[CAMERA_LAYERS.length - 1]!;
  const full = width || largest.width;
  const top = Math.min(full, largest.width);
  const below = CAMERA_LAYERS.filter((layer) => layer.width <= top * SMALLER);
  const model = CAMERA_LAYERS.find((layer) => layer.width >= top) ?? largest;
  const bits = Math.round(model.maxBitrate * (top / model.width) ** 2);
  return [...below, { width: top, maxBitrate: bits }].map((layer) => ({
    scaleResolutionDownBy: Math.max(1, full / layer.width),
    maxBitrate: layer.maxBitrate,
  }));
}

export const screenEncodings = (): types.RtpEncodingParameters[] => [
  { maxBitrate: SCREEN_MAX_BITRATE, maxFramerate: SCREEN_FPS, scaleResolutionDownBy: 1 },
];

/** What of a camera's encodings is sent: all, or in low-data mode the lowest.  True if that is a change. */
export function thin(encodings: RTCRtpEncodingParameters[], lowData: boolean): boolean {
  let changed = false;
  encodings.forEach((encoding, layer) => {
    const active = !lowData || layer === 0;
    const frames = lowData ? LOW_DATA_FPS : undefined;
    if ((encoding.active ?? true) === active && encoding.maxFramerate === frames) return;
    changed = true;
    encoding.active = active;
    if (frames === undefined) delete encoding.maxFramerate;
    else encoding.maxFramerate = frames;
  });
  return changed;
}
