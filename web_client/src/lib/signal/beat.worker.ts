onmessage = (event: MessageEvent<number>) => {
  setInterval(() => postMessage(0), event.data);
};
