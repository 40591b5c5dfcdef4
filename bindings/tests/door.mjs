// The module's two doors as Node sees them, texts in and texts out: what `doors.mjs` and the vectors'
// `tests/conformance/run.mjs` knock at.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/** The bytes of the module in this folder. */
export const moduleIn = (folder) => readFileSync(join(folder, "pi_auth.wasm"));

/** wasm-bindgen's functions. */
export async function javascript(folder) {
  const door = await import(pathToFileURL(join(folder, "pi_auth.js")).href);
  door.initSync({ module: moduleIn(folder) });
  return door;
}

/** The raw ABI, as any runtime sees it: an instance of its own, and no import. */
export function raw(folder) {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(moduleIn(folder)), {});
  assert.equal(exports.raw_version(), 1);
  const asking = (text, ask) => {
    const input = new TextEncoder().encode(text);
    const ptr = exports.raw_alloc(input.length);
    assert.notEqual(ptr, 0);
    new Uint8Array(exports.memory.buffer).set(input, ptr >>> 0);
    const answer = BigInt.asUintN(64, ask(ptr, input.length));
    const [at, len] = [Number(answer >> 32n), Number(answer & 0xffff_ffffn)];
    const view = () => new Uint8Array(exports.memory.buffer, at, len);
    const output = new TextDecoder("utf-8", { fatal: true }).decode(view());
    exports.raw_free(ptr);
    exports.raw_free(at);
    const left = Buffer.from(view()).toString("latin1");
    assert.ok(!left.includes("effect") && !left.includes("error"), `what is freed is wiped: ${left}`);
    return output;
  };
  return {
    start: (request) => asking(request, exports.raw_start),
    step: (handle, event, now_ms) =>
      asking(event, (ptr, len) => exports.raw_step(handle, ptr, len, BigInt(now_ms))),
    call: (call) => asking(call, exports.raw_call),
    drop: exports.raw_drop,
  };
}
