// Gives a page a microphone with one tone and a camera with one colour, both of its own: many people can then share one
// browser, whose own fake devices are the same for all.  Called with what the person has.
({ hz, colour, clockMs }) => {
  if (!navigator.mediaDevices) return; // a page of the browser's own
  const none = (kind) => new DOMException(`no ${kind}`, "NotFoundError");
  const RATE_HZ = 48000;
  const STEP_S = 0.1;

  // Written without an AudioContext, which would keep a sound card's clock running in every page.
  const microphone = () => {
    if (!hz) throw none("microphone");
    const track = new MediaStreamTrackGenerator({ kind: "audio" });
    const writer = track.writable.getWriter();
    const begun = performance.now() / 1000;
    let at = 0;
    const write = () => {
      for (; at < performance.now() / 1000 - begun + STEP_S; at += STEP_S) {
        const first = Math.round(at * RATE_HZ);
        const data = Float32Array.from({ length: STEP_S * RATE_HZ }, (_, n) => 0.2 * Math.sin((2 * Math.PI * hz * (first + n)) / RATE_HZ));
        const about = { format: "f32", sampleRate: RATE_HZ, numberOfFrames: data.length, numberOfChannels: 1 };
        writer.write(new AudioData({ ...about, timestamp: Math.round(at * 1e6), data })).catch(() => {});
      }
    };
    write();
    const timer = setInterval(() => (track.readyState === "ended" ? clearInterval(timer) : write()), 500 * STEP_S);
    return track;
  };

  const camera = () => {
    if (!colour) throw none("camera");
    const canvas = Object.assign(document.createElement("canvas"), { width: 320, height: 180 });
    const drawing = canvas.getContext("2d");
    let at = 0;
    const draw = () => {
      drawing.fillStyle = colour;
      drawing.fillRect(0, 0, canvas.width, canvas.height);
      drawing.fillStyle = "white";
      drawing.fillRect((at = (at + 8) % canvas.width), 0, 12, canvas.height);
    };
    draw();
    const [track] = canvas.captureStream(4).getVideoTracks();
    const timer = setInterval(() => (track.readyState === "ended" ? clearInterval(timer) : draw()), 250);
    return track;
  };

  navigator.mediaDevices.getUserMedia = async ({ audio, video }) =>
    new MediaStream([...(audio ? [microphone()] : []), ...(video ? [camera()] : [])]);

  // A computer whose clock is wrong.
  if (clockMs) {
    const Right = Date;
    const now = () => Right.now() + clockMs;
    window.Date = class Date extends Right {
      constructor(...args) {
        super(...(args.length > 0 ? args : [now()]));
      }
      static now = now;
    };
    const origin = performance.timeOrigin + clockMs;
    Object.defineProperty(performance, "timeOrigin", { get: () => origin });
  }
};
