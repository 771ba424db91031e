/**
 * What this page has use for of everybody's pictures: whether at all, and how large.  Without I/O.
 *
 * Each place on the page says how large it stands there and whether it is in sight; the media worker then sends what is
 * looked at and nothing else.  Sound is never part of this: it always comes.
 */
export type Layer = 0 | 1 | 2;
export type Pictured = "camera" | "screen";
/** What is asked for: nothing, or the picture up to this layer. */
export type Wish = { shown: false } | { shown: true; layer: Layer };

/** A simulcast layer fills a picture of this width, in device pixels (layers are 320, 640 and 1280 wide). */
const LOW_WIDTH = 360;
const MIDDLE_WIDTH = 720;
/** A width must pass a bound by this share before the layer changes, so that a moving edge does not switch it to and fro. */
const SLACK = 0.12;
/** A picture out of sight for this long is no longer asked for: a tile that moves is not out of sight. */
export const LINGER_MS = 1500;

/** The layer for a picture this wide, given the one it has now. */
export function layerFor(width: number, now: Layer | null): Layer {
  const bound = (value: number, upper: Layer) => {
    if (now === null) return value;
    return now >= upper ? value * (1 - SLACK) : value * (1 + SLACK);
  };
  if (width > bound(MIDDLE_WIDTH, 2)) return 2;
  return width > bound(LOW_WIDTH, 1) ? 1 : 0;
}

/** What may be asked for at most, by the person's own choice to save data. */
export interface Thrift {
  lowData: boolean;
  /** Shared screens are left out, too. */
  noScreens: boolean;
  /** The one camera that low-data mode keeps. */
  mainPerson: string | null;
}

export const UNLIMITED: Thrift = { lowData: false, noScreens: false, mainPerson: null };

/** In low-data mode a shared screen goes before the cameras of others, of which only the main picture stays, small. */
export function capOf(source: Pictured, personId: string, thrift: Thrift, screenShown: boolean): Layer | null {
  if (source === "screen") return thrift.noScreens ? null : 2;
  if (!thrift.lowData) return 2;
  return personId === thrift.mainPerson && (!screenShown || thrift.noScreens) ? 0 : null;
}

interface Picture {
  places: Map<number, number>;
  /** Since when nobody looks at it; null: somebody does. */
  unseenMs: number | null;
  layer: Layer | null;
}

const keyOf = (personId: string, source: Pictured) => `${source} ${personId}`;

export class Viewing {
  thrift: Thrift = UNLIMITED;
  /** The page itself is in sight. */
  #awake = true;
  #pictures = new Map<string, Picture>();
  #places = 0;

  /** A new place on the page, for `see` and `leave`. */
  place(): number {
    return ++this.#places;
  }

  /** This place shows the picture so wide, in device pixels; 0: out of sight. */
  see(place: number, personId: string, source: Pictured, width: number, nowMs: number): void {
    const picture = this.#of(personId, source, nowMs);
    if (width > 0) picture.places.set(place, width);
    else picture.places.delete(place);
    this.#note(picture, nowMs);
  }

  leave(place: number, nowMs: number): void {
    for (const picture of this.#pictures.values()) {
      if (picture.places.delete(place)) this.#note(picture, nowMs);
    }
  }

  wake(awake: boolean): void {
    this.#awake = awake;
  }

  wish(personId: string, source: Pictured, screenShown: boolean, nowMs: number): Wish {
    const picture = this.#pictures.get(keyOf(personId, source));
    const cap = capOf(source, personId, this.thrift, screenShown);
    if (!this.#awake || !picture || cap === null) return { shown: false };
    const seen = picture.unseenMs === null || nowMs - picture.unseenMs < LINGER_MS;
    if (!seen || picture.layer === null) return { shown: false };
    return { shown: true, layer: Math.min(cap, picture.layer) as Layer };
  }

  /** When the wishes should be looked at again although nothing happens, ms; null: not by themselves. */
  nextMs(nowMs: number): number | null {
    const waits = [...this.#pictures.values()]
      .filter((picture) => picture.unseenMs !== null && nowMs - picture.unseenMs < LINGER_MS)
      .map((picture) => LINGER_MS - (nowMs - picture.unseenMs!));
    return waits.length > 0 ? Math.min(...waits) : null;
  }

  #of(personId: string, source: Pictured, nowMs: number): Picture {
    const key = keyOf(personId, source);
    let picture = this.#pictures.get(key);
    if (!picture) {
      picture = { places: new Map(), unseenMs: nowMs - LINGER_MS, layer: null };
      this.#pictures.set(key, picture);
    }
    return picture;
  }

  #note(picture: Picture, nowMs: number): void {
    if (picture.places.size === 0) {
      picture.unseenMs ??= nowMs;
      return;
    }
    picture.unseenMs = null;
    picture.layer = layerFor(Math.max(...picture.places.values()), picture.layer);
  }
}
