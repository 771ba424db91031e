/** Files go by XMLHttpRequest, since only that says how far it is. */
import { prefs } from "./prefs.svelte";
import { Refusal, understood } from "./http";

export interface Upload<T> {
  done: Promise<T>;
  stop(): void;
}

/** A file as the body of a POST.  `progress` gets the share that has left the device, 0 to 1. */
export function upload<T>(path: string, file: Blob, progress: (share: number) => void): Upload<T> {
  const request = new XMLHttpRequest();
  const done = new Promise<T>((resolve, reject) => {
    request.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
    request.onload = () => {
      try {
        resolve(understood<T>(request.status, request.responseText));
      } catch (error) {
        reject(error);
      }
    };
    request.onerror = () => reject(new Refusal("unreachable", prefs.t.errors.unreachable));
    request.onabort = () => reject(new Refusal("stopped", ""));
  });
  request.open("POST", path);
  request.setRequestHeader("Accept-Language", prefs.locale);
  request.setRequestHeader("Content-Type", file.type || "application/octet-stream");
  request.send(file);
  return { done, stop: () => request.abort() };
}
