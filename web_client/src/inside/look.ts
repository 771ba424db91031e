/** Tells the court how large a picture stands on this page and whether it is in sight (an attachment). */
import type { Attachment } from "svelte/attachments";
import type { Hearing } from "../lib/hearing.svelte";
import type { Pictured } from "../lib/media/viewing";

/** Pictures this near to the edge of the window are fetched already, so that scrolling meets no black tiles. */
const NEAR = "80px";

export function look(hearing: Hearing, personId: string, source: Pictured): Attachment<HTMLElement> {
  return (element) => {
    const place = hearing.place();
    let width = 0;
    let inSight = false;
    const tell = () => hearing.see(place, personId, source, inSight ? width * devicePixelRatio : 0);
    const sizes = new ResizeObserver(([entry]) => {
      if (!entry) return;
      width = entry.contentRect.width;
      tell();
    });
    const sights = new IntersectionObserver(
      ([entry]) => {
        if (!entry) return;
        inSight = entry.isIntersecting;
        tell();
      },
      { rootMargin: NEAR },
    );
    sizes.observe(element);
    sights.observe(element);
    return () => {
      sizes.disconnect();
      sights.disconnect();
      hearing.leavePlace(place);
    };
  };
}
