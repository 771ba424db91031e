/** Keep the screen on during the hearing.  Asked again each time the page comes back, since browsers let go then. */
export class ScreenLock {
  #lock: WakeLockSentinel | null = null;
  #wanted = false;
  #again = () => void this.#ask();

  hold(): void {
    if (this.#wanted) return;
    this.#wanted = true;
    document.addEventListener("visibilitychange", this.#again);
    void this.#ask();
  }

  release(): void {
    this.#wanted = false;
    document.removeEventListener("visibilitychange", this.#again);
    void this.#lock?.release().catch(() => undefined);
    this.#lock = null;
  }

  async #ask(): Promise<void> {
    if (!this.#wanted || document.visibilityState !== "visible" || !("wakeLock" in navigator)) return;
    try {
      this.#lock = await navigator.wakeLock.request("screen");
    } catch {
      // low battery or no gesture yet: the screen may dim; the next return to the page asks again
    }
  }
}
