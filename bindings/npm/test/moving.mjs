// The lock and the file while the agent moves oauth.json to auth.json, which it does when it starts, without a
// lock: it renames oauth.json to oauth.json.migrated, and then writes auth.json.
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { Lock } from "../dist/store/lock.js";
import { besideIn, NEVER, scratch, storeIn } from "./folder.mjs";

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
    const path = join(folder, "auth.json");
    assert.deepEqual(await store.lock(NEVER), { type: "store_failed", path, failure: "not_a_file" });
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
