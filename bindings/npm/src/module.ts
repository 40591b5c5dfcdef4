/** The core as it is shipped, loaded once per process. */
import { readFileSync } from "node:fs";

import { loadCoreSync, type About, type Core } from "./core.js";

let loaded: Core | undefined;
let about: About | undefined;

export function shippedCore(): Core {
  // Small enough to be compiled at once, and then a fresh token costs no turn of the event loop.
  loaded ??= loadCoreSync(readFileSync(new URL("core.wasm", import.meta.url)));
  return loaded;
}

export function aboutCore(): About {
  about ??= shippedCore().call("about", {});
  return about;
}
