// The module as it is shipped, in node, by both of its doors: `node doors.mjs FOLDER-OF-THE-MODULE`.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const folder = process.argv[2];
const bytes = readFileSync(join(folder, "pi_auth.wasm"));
const vectors = join(import.meta.dirname ?? new URL(".", import.meta.url).pathname, "../../tests/vectors");
const NOW_MS = 1_700_000_000_000;

/** wasm-bindgen's functions. */
async function javascript() {
  const door = await import(pathToFileURL(join(folder, "pi_auth.js")).href);
  door.initSync({ module: bytes });
  return {
    name: "JavaScript's",
    start: (request) => JSON.parse(door.start(request)),
    step: (handle, event, now) => JSON.parse(door.step(handle, event, now)),
    call: (call) => JSON.parse(door.call(call)),
    drop: door.drop,
  };
}

/** The raw ABI, as any runtime sees it: an instance of its own, and no import. */
function raw() {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), {});
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
    return JSON.parse(output);
  };
  return {
    name: "the raw",
    start: (request) => asking(request, exports.raw_start),
    step: (handle, event, now) =>
      asking(event, (ptr, len) => exports.raw_step(handle, ptr, len, BigInt(now))),
    call: (call) => asking(call, exports.raw_call),
    drop: exports.raw_drop,
    exports,
  };
}

/** Runs a vector, as the native core's test does. */
function run(door, vector) {
  let { handle, effect, critical } = door.start(JSON.stringify(vector.start));
  for (const step of vector.steps) {
    assert.deepEqual(effect, step.effect, vector.name);
    assert.equal(critical, step.critical ?? false, vector.name);
    if (step.event === undefined) continue;
    const event = JSON.stringify(step.event);
    ({ handle, effect, critical } = door.step(handle, event, step.now_ms ?? NOW_MS));
  }
  if (["done", "failed"].includes(effect.type)) assert.equal(handle, undefined);
  else door.drop(handle);
}

/** A call that is wrong is an answer, and leaves the flow as it was. */
function mistakes(door) {
  const is = (answer) => {
    assert.equal(answer.error.code, "bad_input");
    assert.equal(answer.effect, undefined);
    return answer.error.message;
  };
  for (const json of ["", "{", "null", '{"type":"sk-ant-canary"}', "[".repeat(100_000)]) {
    assert.ok(!is(door.start(json)).includes("canary"));
    assert.ok(!is(door.call(json)).includes("canary"));
  }
  is(door.step(4_000_000_000, '{"type":"locked"}', NOW_MS));
  const { handle } = door.start('{"type":"status"}');
  assert.ok(!is(door.step(handle, '{"type":"store_read","path":{"sk-ant-canary":1}}', 0)).includes("canary"));
  // A wrong event is the flow's own business: it fails.
  const { effect, ...rest } = door.step(handle, '{"type":"woke"}', NOW_MS);
  assert.deepEqual([effect.type, effect.error.code, rest], ["failed", "bad_input", { critical: false }]);
  is(door.step(handle, '{"type":"woke"}', NOW_MS));
  door.drop(handle);
  door.drop(0);
}

function questions(door) {
  const about = door.call('{"type":"about"}').value;
  assert.ok(about.variables.includes("ANTHROPIC_API_KEY"));
  const ask = (query) => door.call(JSON.stringify({ type: "is_answered_by", state: "s", query })).value;
  assert.deepEqual([ask("code=c&state=s"), ask("code=c&state=t")], [true, false]);
  assert.equal(door.call(JSON.stringify({ type: "plain", text: "a\u001b[2Jb" })).value, "a[2Jb");
}

assert.deepEqual(WebAssembly.Module.imports(new WebAssembly.Module(bytes)), []);
for (const door of [await javascript(), raw()]) {
  let count = 0;
  for (const file of readdirSync(vectors)) {
    for (const vector of JSON.parse(readFileSync(join(vectors, file), "utf8"))) {
      run(door, vector);
      count += 1;
    }
  }
  mistakes(door);
  questions(door);
  console.log(`${count} vectors by ${door.name} door`);
}

// An address that was not lent is an error, and no trap: neither are lengths beyond a buffer's.
const { exports } = raw();
const ptr = exports.raw_alloc(4);
for (const [at, len] of [[0, 4], [ptr + 1, 2], [-1, -1], [ptr, 5], [1 << 20, 1 << 30]]) {
  const answer = BigInt.asUintN(64, exports.raw_start(at, len));
  const [from, size] = [Number(answer >> 32n), Number(answer & 0xffff_ffffn)];
  const text = new TextDecoder().decode(new Uint8Array(exports.memory.buffer, from, size));
  assert.equal(JSON.parse(text).error.code, "bad_input");
  exports.raw_free(from);
}
exports.raw_free(123);
assert.equal(exports.raw_alloc(-1), 0);
assert.equal(exports.raw_alloc((16 << 20) + 1), 0);
