// The lock and the file while the agent moves oauth.json to auth.json, which it does when it starts, without a
// lock: it renames oauth.json to oauth.json.migrated, and then writes auth.json.
import assert from "node:assert/strict";
import fs, { mkdirSync, readdirSync, readFileSync, renameSync, rmdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { FileStore } from "../dist/store/file.js";
import { Lock } from "../dist/store/lock.js";
import { Places } from "../dist/store/places.js";
import { besideIn, NEVER, scratch, storeIn, withFs } from "./folder.mjs";

test("the lock and the memory of failed refreshes are those of auth.json, whichever file is in use", async (context) => {
  for (const [file, room] of [["auth.json", ".auth.json.ID.tmp"], ["oauth.json", ".oauth.json.ID.tmp"]]) {
    const folder = scratch(context);
    const store = storeIn(folder, "{}", file);
    assert.equal((await store.lock(NEVER)).type, "locked");
    assert.deepEqual(besideIn(folder), [room, "auth.json.lock"]);
    store.read();
    store.writeBackoff("{}");
    assert.equal(store.write('{"a":1}', false).type, "written");
    await store.unlock();
    assert.deepEqual(readdirSync(folder).sort(), [file, "auth.json.backoff"].sort());
    assert.equal(readFileSync(join(folder, file), "utf8"), '{"a":1}');
    assert.equal(store.readBackoff().contents, "{}");
  }
});

test("a lock that is still ours is kept when the agent has moved the file, and room is taken beside the new one", async (context) => {
  const folder = scratch(context);
  const store = storeIn(folder, "{}", "oauth.json");
  const release = context.mock.method(Lock.prototype, "release");
  await store.lock(NEVER);
  store.read();
  renameSync(join(folder, "oauth.json"), join(folder, "oauth.json.migrated"));
  writeFileSync(join(folder, "auth.json"), '{"moved":1}');
  assert.equal(store.write("{}", false).type, "lock_lost");
  assert.equal((await store.lock(NEVER)).type, "locked");
  assert.deepEqual(besideIn(folder), [".auth.json.ID.tmp", "auth.json.lock"]);
  assert.equal(store.read().contents, '{"moved":1}');
  assert.equal(store.write('{"a":1}', false).type, "written");
  assert.equal(release.mock.callCount(), 0, "it is never let go in between");
  await store.unlock();
  assert.deepEqual(readdirSync(folder).sort(), ["auth.json", "oauth.json.migrated"]);
  assert.equal(readFileSync(join(folder, "auth.json"), "utf8"), '{"a":1}');
});

test("where there is no room beside the file that was moved, the lock is kept, and room is taken once there is", async (context) => {
  const folder = scratch(context);
  const store = storeIn(folder, "{}", "oauth.json");
  const release = context.mock.method(Lock.prototype, "release");
  await store.lock(NEVER);
  store.read();
  mkdirSync(join(folder, "auth.json"));
  for (let time = 0; time < 2; time += 1) {
    const { type, path, failure } = await store.lock(NEVER);
    assert.deepEqual([type, failure], ["store_failed", "is_a_directory"]);
    assert.ok(path.endsWith("/auth.json"), path);
    assert.deepEqual(besideIn(folder), ["auth.json.lock"]);
    assert.equal(store.write("{}", false).type, "lock_lost");
  }
  rmdirSync(join(folder, "auth.json"));
  writeFileSync(join(folder, "auth.json"), "{}");
  assert.equal((await store.lock(NEVER)).type, "locked");
  assert.deepEqual(besideIn(folder), [".auth.json.ID.tmp", "auth.json.lock"]);
  assert.equal(store.write('{"a":1}', false).type, "written");
  assert.equal(release.mock.callCount(), 0, "it is never let go in between");
  await store.unlock();
  assert.deepEqual(besideIn(folder), []);
});

test("a lock whose place was moved, while it was held or waited for, is taken where it belongs", async (context) => {
  for (const title of ["held", "waited for"]) {
    const folder = scratch(context);
    const store = storeIn(folder, "{}");
    const move = () => {
      renameSync(join(folder, "auth.json"), join(folder, "real.json"));
      symlinkSync("real.json", join(folder, "auth.json"));
    };
    if (title === "waited for") {
      mkdirSync(join(folder, "auth.json.lock"));
      const locking = store.lock(NEVER);
      await sleep(100);
      move();
      rmdirSync(join(folder, "auth.json.lock"));
      assert.equal((await locking).type, "locked", title);
    } else {
      await store.lock(NEVER);
      move();
      assert.equal(store.write("{}", false).type, "lock_lost");
      assert.equal((await store.lock(NEVER)).type, "locked", title);
    }
    assert.deepEqual(besideIn(folder), [".real.json.ID.tmp", "auth.json.lock", "real.json.lock"], title);
    assert.equal(store.write('{"a":1}', false).type, "written");
    await store.unlock();
    assert.deepEqual(besideIn(folder), [], title);
    assert.equal(readFileSync(join(folder, "real.json"), "utf8"), '{"a":1}');
  }
});

/** A rename with the first half of the agent's move right before this file is replaced: nobody can look later. */
function renameAfterMove(folder, file) {
  const rename = fs.renameSync;
  return (from, to) => {
    if (to === file) rename(join(folder, "oauth.json"), join(folder, "oauth.json.migrated"));
    rename(from, to);
  };
}

test("what is written while the agent moves the file counts only where it is what is read in the end", async (context) => {
  const moved = '{"moved":1}';
  for (const name of ["oauth.json", "real.json"]) {
    for (const [title, made] of [["whole", moved], ["made first, and written later", ""]]) {
      const why = `${name}, ${title}`;
      const folder = scratch(context);
      const [file, target] = [join(folder, name), join(folder, "auth.json")];
      const store = storeIn(folder, "{}", name);
      if (name === "real.json") symlinkSync(name, join(folder, "oauth.json"));
      await store.lock(NEVER);
      store.read();
      // While we pause, the agent makes the file, and writes it later.
      const steps = [() => {}, () => writeFileSync(target, made), () => {}, () => writeFileSync(target, moved)];
      const pause = context.mock.method(Atomics, "wait", () => steps.shift()?.());
      await withFs(context, { renameSync: renameAfterMove(folder, file) }, () =>
        assert.equal(store.write('{"a":1}', false).type, "lock_lost", why));
      assert.equal((await store.lock(NEVER)).type, "locked", why);
      assert.equal(store.read().contents, moved, why);
      pause.mock.restore();
      assert.equal(store.write('{"moved":1,"a":1}', false).type, "written", why);
      assert.equal(readFileSync(target, "utf8"), '{"moved":1,"a":1}');
      await store.unlock();
    }
  }
});

test("a link that was renamed just now is a move, however old what it leads to", (context) => {
  const folder = scratch(context);
  assert.ok(!new Places(folder).isMigrating());
  symlinkSync(process.execPath, join(folder, "oauth.json.migrated"));
  assert.ok(new Places(folder).isMigrating());
});

test("an agent that never ends its move is waited for, but not for long, and one that ended long ago is not", async (context) => {
  for (const [agoMs, pauses] of [[0, 10], [60_000, 0]]) {
    const folder = scratch(context);
    const store = storeIn(folder, "{}", "oauth.json");
    writeFileSync(join(folder, "oauth.json.migrated"), "{}");
    await store.lock(NEVER);
    store.read();
    const nowMs = Date.now() + agoMs;
    const clock = context.mock.method(Date, "now", () => nowMs);
    const pause = context.mock.method(Atomics, "wait", () => "timed-out");
    assert.equal(store.write('{"a":1}', false).type, "written");
    for (const { mock } of [clock, pause]) mock.restore();
    assert.deepEqual(pause.mock.calls.map((call) => call.arguments[3]), Array(pauses).fill(20));
    await store.unlock();
  }
});

test("a read waits for the file that the agent is about to write, and for no other", (context) => {
  for (const [title, names, pauses, contents] of [
    ["nobody is logged in", [], 0, null],
    ["in the middle of a move", ["oauth.json.migrated"], 3, "{}"],
    ["made, and not written yet", ["oauth.json.migrated", "auth.json (empty)"], 3, "{}"],
    ["after it", ["oauth.json.migrated", "auth.json"], 0, "{}"],
    ["empty for another reason", ["auth.json (empty)"], 0, ""],
  ]) {
    const folder = scratch(context);
    const store = new FileStore(new Places(folder));
    for (const name of names) writeFileSync(join(folder, name.split(" ")[0]), name.endsWith("(empty)") ? "" : "{}");
    // Meanwhile it is written.
    const pause = context.mock.method(Atomics, "wait", () => {
      if (pause.mock.callCount() === 2) writeFileSync(join(folder, "auth.json"), "{}");
    });
    assert.equal(store.read().contents, contents, title);
    pause.mock.restore();
    assert.equal(pause.mock.callCount(), pauses, title);
  }
});
