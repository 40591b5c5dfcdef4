// The core as a WebAssembly module in Node: `node run.mjs raw|javascript FOLDER-OF-THE-MODULE`.
//
// A call a line on standard input, its answer a line on standard output, as the module gave it:
//
//   {"start": "REQUEST"}    {"step": "EVENT", "handle": 7, "now_ms": 1700000000000}    {"drop": 7}
//
// What to call, and what has to come of it, is told by `tests/tests/conformance`.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const [door, folder] = process.argv.slice(2);
const bytes = readFileSync(join(folder, "pi_auth.wasm"));

/** The exports of the module itself: an instance without imports, as any runtime has it. */
function raw() {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), {});
  const asking = (text, ask) => {
    const input = new TextEncoder().encode(text);
    const ptr = exports.raw_alloc(input.length) >>> 0;
    new Uint8Array(exports.memory.buffer).set(input, ptr);
    const answer = BigInt.asUintN(64, ask(ptr, input.length));
    const [at, len] = [Number(answer >> 32n), Number(answer & 0xffff_ffffn)];
    const output = new TextDecoder("utf-8", { fatal: true }).decode(
      new Uint8Array(exports.memory.buffer, at, len),
    );
    exports.raw_free(ptr);
    exports.raw_free(at);
    return output;
  };
  return {
    start: (request) => asking(request, exports.raw_start),
    step: (handle, event, now_ms) =>
      asking(event, (ptr, len) => exports.raw_step(handle, ptr, len, BigInt(now_ms))),
    drop: exports.raw_drop,
  };
}

/** wasm-bindgen's functions. */
async function javascript() {
  const module = await import(pathToFileURL(join(folder, "pi_auth.js")).href);
  module.initSync({ module: bytes });
  return module;
}

const core = await { raw, javascript }[door]();
for await (const line of createInterface({ input: process.stdin })) {
  const call = JSON.parse(line);
  if (call.drop !== undefined) core.drop(call.drop);
  else {
    const { start, step, handle, now_ms } = call;
    console.log(start === undefined ? core.step(handle, step, now_ms) : core.start(start));
  }
}
