// Looks at a page from inside without changing what it does: its peer connections, the sound its players really play,
// and the pictures they really show.  Put into every page before its own scripts.
(() => {
  if (window.__probe) return;
  const connections = [];
  let sockets = 0;
  const players = new Set();
  const microphones = new Set();
  const started = performance.timeOrigin;

  const Native = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Native {
    constructor(...args) {
      super(...args);
      connections.push(this);
    }
  };

  const NativeSocket = window.WebSocket;
  window.WebSocket = class extends NativeSocket {
    constructor(...args) {
      super(...args);
      sockets += 1;
    }
  };

  const play = HTMLMediaElement.prototype.play;
  HTMLMediaElement.prototype.play = function () {
    players.add(this);
    return play.call(this);
  };

  const getUserMedia = navigator.mediaDevices?.getUserMedia?.bind(navigator.mediaDevices);
  if (getUserMedia) {
    navigator.mediaDevices.getUserMedia = async (constraints) => {
      const stream = await getUserMedia(constraints);
      for (const track of stream.getAudioTracks()) microphones.add(track);
      return stream;
    };
  }

  // Silence all microphones of the page together; answers when, in ms since 1970 on this computer's clock.
  const silence = (ms) =>
    new Promise((done) => {
      const open = [...microphones].filter((track) => track.readyState === "live" && track.enabled);
      const at = started + performance.now();
      for (const track of open) track.enabled = false;
      setTimeout(() => {
        for (const track of open) track.enabled = true;
        done({ at, count: open.length });
      }, ms);
    });

  const allPlayers = () => {
    for (const element of document.querySelectorAll("audio, video")) players.add(element);
    return [...players].filter((element) => (element.srcObject || element.currentSrc) && !element.paused);
  };

  // One mix of everything that is audible in the page, as 32-bit samples.
  let context = null;
  const listen = async () => {
    context ??= new AudioContext({ sampleRate: 48000 });
    await context.resume();
    const mix = context.createAnalyser();
    mix.fftSize = 32768;
    const sources = [];
    const heardTracks = new Set();
    for (const element of allPlayers()) {
      if (!element.srcObject || element.muted || element.volume === 0) continue;
      for (const track of element.srcObject.getAudioTracks()) {
        if (heardTracks.has(track.id) || track.readyState !== "live") continue;
        heardTracks.add(track.id);
        const source = context.createMediaStreamSource(new MediaStream([track]));
        source.connect(mix);
        sources.push(source);
      }
    }
    const seconds = mix.fftSize / context.sampleRate;
    await new Promise((done) => setTimeout(done, seconds * 1000 + 150));
    const samples = new Float32Array(mix.fftSize);
    mix.getFloatTimeDomainData(samples);
    for (const source of sources) source.disconnect();
    await context.suspend(); // a context that runs keeps the computer busy in every page
    return { tracks: sources.length, samples: encode(new Uint8Array(samples.buffer)) };
  };

  const encode = (bytes) => {
    let text = "";
    for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
    return btoa(text);
  };

  // The colour of most of each picture that is shown, as red, green and blue, and whose place in the page it fills.
  const pictures = () => {
    const shown = [];
    for (const element of allPlayers()) {
      if (!(element instanceof HTMLVideoElement) || element.videoWidth === 0) continue;
      const canvas = new OffscreenCanvas(16, 16);
      const drawing = canvas.getContext("2d", { willReadFrequently: true });
      drawing.drawImage(element, 0, 0, 16, 16);
      const { data } = drawing.getImageData(0, 0, 16, 16);
      const middle = [0, 1, 2].map((channel) => {
        const values = [];
        for (let at = channel; at < data.length; at += 4) values.push(data[at]);
        return values.sort((a, b) => a - b)[values.length >> 1];
      });
      const quality = element.getVideoPlaybackQuality?.();
      shown.push({
        role: element.closest("[data-role]")?.dataset.role ?? element.dataset.testid ?? "",
        colour: middle,
        frames: quality ? quality.totalVideoFrames : 0,
        width: element.videoWidth,
        height: element.videoHeight,
      });
    }
    return shown;
  };

  // Sums over all open peer connections.
  const counters = async () => {
    const sum = { connections: 0, packetsReceived: 0, packetsSent: 0, framesDecoded: 0, packetsLost: 0, tracks: [] };
    for (const connection of connections) {
      if (connection.connectionState === "closed") continue;
      sum.connections += 1;
      for (const report of (await connection.getStats()).values()) {
        if (report.type === "inbound-rtp") {
          sum.packetsReceived += report.packetsReceived ?? 0;
          sum.packetsLost += report.packetsLost ?? 0;
          sum.framesDecoded += report.framesDecoded ?? 0;
          sum.tracks.push({
            kind: report.kind,
            packets: report.packetsReceived ?? 0,
            frames: report.framesDecoded ?? 0,
            width: report.frameWidth ?? 0,
          });
        } else if (report.type === "outbound-rtp") {
          sum.packetsSent += report.packetsSent ?? 0;
        }
      }
    }
    return sum;
  };

  // All reports of these kinds, with the number of the peer connection they are of.
  const reports = async (kinds) => {
    const found = [];
    for (const [connection, each] of connections.entries()) {
      if (each.connectionState === "closed") continue;
      for (const report of (await each.getStats()).values()) {
        if (kinds.includes(report.type)) found.push({ ...report, connection });
      }
    }
    return found;
  };

  // The pair of candidates that each open peer connection uses now.
  const routes = async () => {
    const found = [];
    for (const [connection, each] of connections.entries()) {
      if (each.connectionState === "closed") continue;
      const all = await each.getStats();
      const transport = [...all.values()].find((report) => report.type === "transport");
      const pair = all.get(transport?.selectedCandidatePairId);
      const local = all.get(pair?.localCandidateId);
      const remote = all.get(pair?.remoteCandidateId);
      found.push({
        connection,
        state: each.connectionState,
        type: local?.candidateType ?? "",
        protocol: local?.protocol ?? "",
        relayProtocol: local?.relayProtocol ?? "",
        address: local?.address ?? "",
        remote: remote?.address ?? "",
        remoteProtocol: remote?.protocol ?? "",
      });
    }
    return found;
  };

  // What flows now, stream by stream, and how many connections and sockets were ever made in this page.
  const streams = async () => {
    const owners = new Map();
    for (const element of document.querySelectorAll("audio, video")) {
      const { personId, source } = element.dataset;
      for (const track of element.srcObject?.getTracks() ?? []) owners.set(track.id, { person: personId, source });
    }
    const received = [];
    const sent = [];
    for (const connection of connections) {
      if (connection.connectionState === "closed") continue;
      const all = await connection.getStats();
      for (const report of all.values()) {
        const codec = all.get(report.codecId)?.mimeType ?? "";
        const size = { width: report.frameWidth ?? 0, height: report.frameHeight ?? 0, codec };
        if (report.type === "inbound-rtp") {
          const bytes = report.bytesReceived + report.headerBytesReceived;
          const { kind, packetsReceived: packets, framesDecoded: frames = 0 } = report;
          received.push({ ...owners.get(report.trackIdentifier), id: report.id, kind, bytes, packets, frames, ...size });
        } else if (report.type === "outbound-rtp") {
          const bytes = report.bytesSent + report.headerBytesSent;
          sent.push({ id: report.id, kind: report.kind, rid: report.rid ?? "", bytes, packets: report.packetsSent, fps: report.framesPerSecond ?? 0, ...size });
        }
      }
    }
    return { connections: connections.length, sockets, received, sent };
  };

  window.__probe = { listen, pictures, counters, streams, silence, reports, routes };
})();
