// Notes ten times a second what the page's players get; put into a page while it is measured.
(() => {
  if (window.__watch) return;
  const rows = [];
  let busy = false;
  const look = async () => {
    if (busy) return;
    busy = true;
    const row = { at: performance.now() / 1000, concealed: 0, events: 0, samples: 0, frames: 0, width: 0, freezes: 0, frozen: 0 };
    for (const report of await window.__probe.reports(["inbound-rtp"])) {
      if (report.kind === "audio") {
        row.concealed += (report.concealedSamples ?? 0) - (report.silentConcealedSamples ?? 0);
        row.events += report.concealmentEvents ?? 0;
        row.samples += report.totalSamplesReceived ?? 0;
      } else {
        row.frames += report.framesDecoded ?? 0;
        row.width = Math.max(row.width, report.frameWidth ?? 0);
        row.freezes += report.freezeCount ?? 0;
        row.frozen += report.totalFreezesDuration ?? 0;
      }
    }
    rows.push(row);
    busy = false;
  };
  window.__watch = { rows, timer: setInterval(look, 100) };
})();
