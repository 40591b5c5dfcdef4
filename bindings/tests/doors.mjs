// What both doors of the module do with wrong calls, in Node: `node doors.mjs FOLDER-OF-THE-MODULE`.
//
// Right ones are the business of the vectors: see `tests/tests/conformance`, which runs this, too.
import assert from "node:assert/strict";

import { javascript, moduleIn, raw } from "./door.mjs";

const folder = process.argv[2];
const bytes = moduleIn(folder);
const NOW_MS = 1_700_000_000_000;

/** A door whose answers are read. */
const read = (door) => ({
  start: (request) => JSON.parse(door.start(request)),
  step: (handle, event, now) => JSON.parse(door.step(handle, event, now)),
  call: (call) => JSON.parse(door.call(call)),
  drop: door.drop,
});

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

/** Calls that need no flow. */
function questions(door) {
  const about = door.call('{"type":"about"}').value;
  assert.ok(about.variables.includes("ANTHROPIC_API_KEY"));
  const ask = (query) => door.call(JSON.stringify({ type: "is_answered_by", state: "s", query })).value;
  assert.deepEqual([ask("code=c&state=s"), ask("code=c&state=t")], [true, false]);
  assert.equal(door.call(JSON.stringify({ type: "plain", text: "a\u001b[2Jb" })).value, "a[2Jb");
}

/** An address that was not lent, a length beyond a buffer's, and bytes that are no text. */
function buffers() {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), {});
  const at = exports.raw_alloc(4);
  new Uint8Array(exports.memory.buffer).fill(0xff, at, at + 4);
  const wrong = [[0, 4], [at + 1, 2], [-1, -1], [at, 5], [1 << 20, 1 << 30], [at, 4]];
  const calls = [exports.raw_start, exports.raw_call, (ptr, len) => exports.raw_step(1, ptr, len, 0n)];
  for (const [ptr, len] of wrong) {
    for (const call of calls) {
      const answer = BigInt.asUintN(64, call(ptr, len));
      const [from, size] = [Number(answer >> 32n), Number(answer & 0xffff_ffffn)];
      const text = new TextDecoder().decode(new Uint8Array(exports.memory.buffer, from, size));
      assert.equal(JSON.parse(text).error.code, "bad_input");
      exports.raw_free(from);
    }
  }
  exports.raw_free(123);
  assert.equal(exports.raw_alloc(-1), 0);
  assert.equal(exports.raw_alloc((16 << 20) + 1), 0);
}

assert.deepEqual(WebAssembly.Module.imports(new WebAssembly.Module(bytes)), []);
for (const door of [read(await javascript(folder)), read(raw(folder))]) {
  mistakes(door);
  questions(door);
}
buffers();
