/**
 * A steady beat, also while the page is hidden.
 *
 * Browsers slow the timers of a hidden page down to one a minute; the court would take a person who reads another
 * page in the waiting room for gone.  A worker's timers are not slowed.
 */
export function beat(periodMs: number, tick: () => void): () => void {
  let timer: number | undefined;
  const onPage = () => {
    timer ??= window.setInterval(tick, periodMs);
  };
  let worker: Worker | null = null;
  try {
    worker = new Worker(new URL("./beat.worker.ts", import.meta.url), { type: "module" });
    worker.onmessage = tick;
    worker.onerror = onPage;
    worker.postMessage(periodMs);
  } catch {
    onPage(); // no workers here: the page's own timer must do
  }
  return () => {
    worker?.terminate();
    window.clearInterval(timer);
  };
}
