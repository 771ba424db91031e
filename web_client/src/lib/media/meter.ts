/** Loudness as steps of a meter. */

const QUIET_DB = -60;

/** Steps lit of `steps` for a level in dBov (0 loudest). */
export function stepsOf(db: number, steps: number): number {
  if (db <= QUIET_DB) return 0;
  return Math.min(steps, Math.max(1, Math.round(((db - QUIET_DB) / -QUIET_DB) * steps)));
}

/** Measures a track until stopped; calls back about eight times a second with dBov, and whether it could measure. */
export function measure(track: MediaStreamTrack, tell: (db: number, running: boolean) => void): () => void {
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = 2048;
  const source = context.createMediaStreamSource(new MediaStream([track]));
  source.connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const timer = window.setInterval(() => {
    if (context.state !== "running") void context.resume().catch(() => undefined);
    analyser.getFloatTimeDomainData(samples);
    let sum = 0;
    for (const sample of samples) sum += sample * sample;
    tell(10 * Math.log10(sum / samples.length + 1e-12), context.state === "running");
  }, 125);
  return () => {
    window.clearInterval(timer);
    source.disconnect();
    void context.close();
  };
}
