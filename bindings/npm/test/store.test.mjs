// The credential file's lock and its paths, from inside: what the native host does as well.
import assert from "node:assert/strict";
import fs, { chmodSync, chownSync, existsSync, lstatSync, mkdirSync, readdirSync, rmdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { bury, LockDirectory, Watch } from "../dist/store/directory.js";
import { Lock, NoLock } from "../dist/store/lock.js";
import { Memory, MemoryStore } from "../dist/store/memory.js";
import { Places, real } from "../dist/store/places.js";
import { failureOf } from "../dist/store/text.js";
import { NEVER, scratch, storeIn, withFs } from "./folder.mjs";
import { age, isRoot, run } from "./support.mjs";

// What is written against the agent's move from oauth.json to auth.json is of this file, too.
import "./moving.mjs";

const modified = (path) => lstatSync(path, { bigint: true }).mtimeNs;
/** The mode of a lock of ours, and of one of the agent's. */
const [OURS, AGENTS] = [0o1700, 0o755];

/** A lock that somebody has left this long ago. */
function leave(path, mode, ms) {
  mkdirSync(path);
  chmodSync(path, mode);
  age(path, ms);
}

test("one holder at a time, and nothing is left behind", async (context) => {
  const file = join(scratch(context), "auth.json");
  const lock = await LockDirectory.tryTake(file, new Watch());
  assert.ok(lock.isOurs);
  assert.equal(await LockDirectory.tryTake(file, new Watch()), undefined);
  await lock.release();
  assert.ok(!existsSync(`${file}.lock`));
  assert.ok(!lock.isOurs);
});

test("whatever the umask takes away, the holder can touch its lock", async (context) => {
  const file = join(scratch(context), "auth.json");
  const before = process.umask(0o777);
  try {
    const lock = await LockDirectory.tryTake(file, new Watch());
    assert.equal(statSync(`${file}.lock`).mode & 0o7777, OURS);
    await lock.release();
  } finally {
    process.umask(before);
  }
});

test("where no bit can be set that tells our locks from the agent's, the lock is taken all the same", async (context) => {
  const file = join(scratch(context), "auth.json");
  const chmod = fs.fchmodSync;
  const chmodWithoutBit = (descriptor, mode) => {
    if (mode & ~0o777) throw Object.assign(new Error("operation not permitted"), { code: "EPERM" });
    chmod(descriptor, mode);
  };
  await withFs(context, { fchmodSync: chmodWithoutBit }, async () => {
    const lock = await LockDirectory.tryTake(file, new Watch());
    assert.ok(lock.isOurs);
    assert.equal(statSync(`${file}.lock`).mode & 0o7777, 0o700);
    await lock.release();
  });
});

/** A clock that advances by so much with each look; an attempt at a lock looks once or twice. */
function fastClock(context, stepMs = 100) {
  const clock = { nowMs: 0 };
  context.mock.method(performance, "now", () => {
    clock.nowMs += stepMs;
    clock.tick?.(clock.nowMs);
    return clock.nowMs;
  });
  return clock;
}

test("a lock that looks dead is watched, and a touch saves it", async (context) => {
  const file = join(scratch(context), "auth.json");
  leave(`${file}.lock`, OURS, 31_000);
  const stop = new AbortController();
  let isTouched = false;
  fastClock(context).tick = (nowMs) => {
    // The holder's machine wakes up.
    if (nowMs > 1500 && !isTouched) isTouched = (age(`${file}.lock`, 0), true);
    if (nowMs > 6000) stop.abort();
  };
  await assert.rejects(Lock.take([file], stop.signal), { name: "AbortError" });
  assert.ok(isTouched && existsSync(`${file}.lock`));
});

test("a lock of ours is believed to be dead in a moment, and one that its holder may touch later is not", async (context) => {
  const folder = scratch(context);
  const clock = fastClock(context);
  for (const [name, mode] of [["ours", OURS], ["agents", AGENTS]]) leave(join(folder, `${name}.lock`), mode, 31_000);
  const stop = new AbortController();
  clock.tick = (nowMs) => nowMs > 15_000 && stop.abort();
  await (await Lock.take([join(folder, "ours")], stop.signal)).release();
  assert.ok(clock.nowMs < 10_000, String(clock.nowMs));
  await assert.rejects(Lock.take([join(folder, "agents")], stop.signal), { name: "AbortError" });
  assert.deepEqual(readdirSync(folder), ["agents.lock"]);
});

test("a lock is dead when it looks so and stays so, or when it was watched for long enough", (context) => {
  let nowMs = 0;
  context.mock.method(performance, "now", () => nowMs);
  const ago = (ms) => BigInt(Date.now() - ms) * 1_000_000n;
  for (const [mode, enoughMs] of [
    [OURS, 2500],
    [AGENTS, 18_000],
    // What a file system without the bit makes of ours.
    [0o700, 18_000],
  ]) {
    const verdicts = (watch, mtimeNs, times) => times.map((ms) => ((nowMs = ms), watch.isDead({ mtimeNs, mode: BigInt(mode) })));
    assert.deepEqual(verdicts(new Watch(), ago(31_000), [0, enoughMs - 100, enoughMs + 100]), [false, false, true]);
    assert.deepEqual(verdicts(new Watch(), ago(20_000), [0, enoughMs + 100]), [false, false]);
    // From the future: clocks jump.
    const watch = new Watch();
    assert.deepEqual(verdicts(watch, ago(-3_600_000), [0, 29_000, 31_000]), [false, false, true]);
    assert.deepEqual(verdicts(watch, ago(-3_601_000), [31_000, 32_000]), [false, false]);
  }
});

test("burying spares a lock that is not the one seen", (context) => {
  const folder = scratch(context);
  const path = join(folder, "auth.json.lock");
  mkdirSync(path);
  const theirs = modified(path);
  bury(path, theirs - 60_000_000_000n);
  assert.equal(modified(path), theirs);
  assert.deepEqual(readdirSync(folder), ["auth.json.lock"]);
  bury(path, theirs);
  assert.deepEqual(readdirSync(folder), []);
});

test("a lock that was taken over is not ours, not touched and not removed", async (context) => {
  const file = join(scratch(context), "auth.json");
  const lock = await LockDirectory.tryTake(file, new Watch());
  rmdirSync(`${file}.lock`);
  assert.ok(!lock.isOurs);
  mkdirSync(`${file}.lock`);
  age(`${file}.lock`, 5000);
  const theirs = modified(`${file}.lock`);
  assert.ok(!lock.isOurs);
  // Past the next touch.
  await sleep(2500);
  assert.equal(modified(`${file}.lock`), theirs);
  await lock.release();
  assert.ok(existsSync(`${file}.lock`));
});

test("a process that ends at once leaves a lock that was taken over, and none of its own", async (context) => {
  for (const [takenOver, left] of [[true, ["auth.json.lock"]], [false, []]]) {
    const folder = scratch(context);
    const path = `${join(folder, "auth.json")}.lock`;
    const program = `
      import { mkdirSync, rmdirSync, utimesSync } from "node:fs";
      import { LockDirectory, Watch } from ${JSON.stringify(new URL("../dist/store/directory.js", import.meta.url))};
      const lock = await LockDirectory.tryTake(${JSON.stringify(join(folder, "auth.json"))}, new Watch());
      if (${takenOver}) {
        rmdirSync(${JSON.stringify(path)});
        mkdirSync(${JSON.stringify(path)});
        utimesSync(${JSON.stringify(path)}, 1e9, 1e9);
        await lock.release();
      }
      process.exit();
    `;
    const { code, stderr } = await run(process.execPath, ["--input-type=module", "--eval", program], process.env).ended;
    assert.equal(code, 0, stderr);
    assert.deepEqual(readdirSync(folder), left);
  }
});

test("a lock is touched every two seconds, for the agent's shortest patience is ten", async (context) => {
  const file = join(scratch(context), "auth.json");
  const lock = await LockDirectory.tryTake(file, new Watch());
  const first = modified(`${file}.lock`);
  const began = Date.now();
  // The first touch, and one that follows it.
  for (let touches = 0, last = first; touches < 2; await sleep(20)) {
    const now = modified(`${file}.lock`);
    if (now !== last) [touches, last] = [touches + 1, now];
  }
  assert.ok(Date.now() - began >= 3500, "and not more often");
  assert.ok(lock.isOurs);
  await lock.release();
});

test("where auth.json is a link, the lock beside the link and the one beside the file are taken", async (context) => {
  const folder = scratch(context);
  const [named, target] = [join(folder, "auth.json"), join(folder, "real.json")];
  symlinkSync("real.json", named);
  const { locked } = new Places(folder);
  assert.deepEqual(locked, [target, named]);
  const lock = await Lock.take(locked, NEVER);
  assert.deepEqual(readdirSync(folder).sort(), ["auth.json", "auth.json.lock", "real.json.lock"]);
  await lock.release();
  assert.deepEqual(readdirSync(folder), ["auth.json"]);
  // The second cannot be had: the first is let go.
  mkdirSync(`${named}.lock`);
  await assert.rejects(Lock.take(locked, AbortSignal.timeout(200)), { name: "AbortError" });
  assert.deepEqual(readdirSync(folder), ["auth.json", "auth.json.lock"]);
});

test("a lock that another user holds for too long is named with its owner", { skip: !isRoot && "only root may give files away" }, async (context) => {
  for (const [of_, around, owner] of [[12345, 0, 12345], [0, 0, undefined], [12345, 12345, undefined], [0, 12345, undefined]]) {
    const folder = scratch(context);
    const store = storeIn(folder, "{}");
    mkdirSync(join(folder, "auth.json.lock"));
    chownSync(join(folder, "auth.json.lock"), of_, of_);
    chownSync(folder, around, around);
    // Its holder is alive.
    fastClock(context, 1000).tick = () => age(join(folder, "auth.json.lock"), 0);
    const { type, path, owner: named } = await store.lock(NEVER);
    context.mock.restoreAll();
    assert.deepEqual([type, path.endsWith("auth.json.lock"), named], ["lock_timed_out", true, owner]);
  }
});

test("a dead lock that only its owner may remove is named with that owner", { skip: !isRoot && "only root may act as another user" }, async (context) => {
  for (const [of_, failure] of [[12345, { owned_by: 12345 }], [0, "permission_denied"]]) {
    const folder = scratch(context);
    const store = storeIn(folder, "{}");
    const lock = join(folder, "auth.json.lock");
    mkdirSync(lock);
    chownSync(lock, of_, of_);
    // As in /tmp: anybody may make what only its owner, or the folder's, may remove.
    chmodSync(folder, 0o1777);
    age(lock, 3_600_000);
    fastClock(context, 1000);
    process.seteuid(54321);
    const event = await store.lock(NEVER).finally(() => process.seteuid(0));
    context.mock.restoreAll();
    assert.deepEqual([event.type, event.failure], ["store_failed", failure]);
    assert.ok(event.path.endsWith("auth.json.lock"), event.path);
  }
});

test("a lock that cannot be made is named", async (context) => {
  const file = join(scratch(context), "gone", "auth.json");
  await assert.rejects(Lock.take([file], NEVER), (error) => {
    assert.ok(error instanceof NoLock);
    assert.deepEqual([error.path, error.cause.code], [`${file}.lock`, "ENOENT"]);
    return true;
  });
});

test("links lead where the system says: `..` is above what a linked folder leads to", (context) => {
  const folder = scratch(context);
  mkdirSync(join(folder, "disk", "agent"), { recursive: true });
  symlinkSync(join("disk", "agent"), join(folder, "agent"));
  writeFileSync(join(folder, "disk", "credentials.json"), "{}");
  symlinkSync("../credentials.json", join(folder, "disk", "agent", "auth.json"));
  assert.equal(real(join(folder, "agent", "auth.json")), join(folder, "disk", "credentials.json"));
});

test("links that lead in a circle are an error, and no endless loop", (context) => {
  const folder = scratch(context);
  symlinkSync("b", join(folder, "a"));
  symlinkSync("a", join(folder, "b"));
  assert.throws(() => real(join(folder, "a")), { code: "ELOOP" });
});

test("what somebody wrote without the lock is not overwritten", async (context) => {
  const folder = scratch(context);
  const store = storeIn(folder, "{}");
  assert.equal((await store.lock(NEVER)).type, "locked");
  assert.equal(store.read().contents, "{}");
  writeFileSync(join(folder, "auth.json"), '{"a":1}');
  assert.equal(store.write("{}", false).type, "lock_lost");
  assert.equal(store.read().contents, '{"a":1}');
  // The room that was taken is used up; the lock is still ours.
  assert.equal((await store.lock(NEVER)).type, "locked");
  assert.equal(store.write('{"b":2}', false).type, "written");
  await store.unlock();
  assert.equal(store.read().contents, '{"b":2}');
  assert.deepEqual(readdirSync(folder), ["auth.json"]);
});

test("room for the new file is taken with the lock, and given back", async (context) => {
  const folder = scratch(context);
  const store = storeIn(folder, "{}");
  await store.lock(NEVER);
  const [reserve] = readdirSync(folder).filter((name) => name.endsWith(".tmp"));
  const { size, mode } = statSync(join(folder, reserve));
  assert.deepEqual([size, mode & 0o777], [2 + 16 * 1024, 0o600]);
  await store.unlock();
  assert.deepEqual(readdirSync(folder), ["auth.json"]);
});

test("what a killed process left behind is swept, and what a living one is writing is not", async (context) => {
  const folder = scratch(context);
  const store = storeIn(folder, "{}");
  const name = (id) => join(folder, `.auth.json.${id}-0123456789abcdef.tmp`);
  // Beside the name that the file had before the agent moved it.
  const former = join(folder, `.oauth.json.${2 ** 22 + 1}-0123456789abcdef.tmp`);
  for (const path of [name(2 ** 22 + 1), name(process.pid), join(folder, ".auth.json.x.tmp"), former]) writeFileSync(path, "");
  await store.lock(NEVER);
  await store.unlock();
  assert.deepEqual(readdirSync(folder).sort(), [`.auth.json.${process.pid}-0123456789abcdef.tmp`, ".auth.json.x.tmp", "auth.json"]);
});

test("a leftover that cannot be removed blocks nobody", async (context) => {
  const folder = scratch(context);
  const store = storeIn(folder, "{}");
  const [first, second] = ["0123456789abcdef", "1123456789abcdef"].map((it) => `.auth.json.${2 ** 22 + 1}-${it}.tmp`);
  mkdirSync(join(folder, first, "full"), { recursive: true });
  writeFileSync(join(folder, second), "");
  assert.equal((await store.lock(NEVER)).type, "locked");
  await store.unlock();
  assert.deepEqual(readdirSync(folder).sort(), [first, "auth.json"]);
});

test("what the system says of a failure is told without the path, which may hold anything", (context) => {
  const path = join(scratch(context), "a\u001b[2J b");
  mkdirSync(path);
  const failureFrom = (act) => {
    try {
      act();
    } catch (error) {
      return failureOf(error);
    }
  };
  assert.equal(failureFrom(() => rmSync(path)), "is_a_directory");
  assert.deepEqual(failureFrom(() => rmdirSync(join(path, "gone"))), { other: "ENOENT: no such file or directory" });
  const odd = new Error(`Something: rm returned EIO (i/o error) ${path}`);
  assert.deepEqual(failureOf(odd), { other: "Something: rm returned EIO (i/o error)" });
});

test("who waits for memory may give up, and lets nobody by", async () => {
  const memory = new Memory(null);
  const [first, second, third] = [1, 2, 3].map(() => new MemoryStore(memory, {}));
  await first.lock(NEVER);
  const stop = new AbortController();
  const [gaveUp, turn] = [second.lock(stop.signal), third.lock(NEVER)];
  stop.abort();
  await assert.rejects(gaveUp, { name: "AbortError" });
  assert.equal(await Promise.race([turn, sleep(20, "waits")]), "waits");
  await first.unlock();
  assert.deepEqual(await turn, { type: "locked" });
});

test("root that refreshes a user's file leaves it, and the lock, to that user", { skip: !isRoot && "only root may give files away" }, async (context) => {
  const folder = scratch(context);
  const store = storeIn(folder, "{}");
  for (const path of [folder, join(folder, "auth.json")]) chownSync(path, 12345, 12345);
  const owner = (name) => [statSync(join(folder, name)).uid, statSync(join(folder, name)).gid];
  await store.lock(NEVER);
  assert.deepEqual(owner("auth.json.lock"), [12345, 12345]);
  store.read();
  store.writeBackoff("{}");
  assert.equal(store.write('{"a":1}', false).type, "written");
  await store.unlock();
  assert.deepEqual([owner("auth.json"), owner("auth.json.backoff")], [[12345, 12345], [12345, 12345]]);
});

test("a lock that cannot be made is what the error names", { skip: isRoot && "root may write anything" }, async (context) => {
  const folder = scratch(context);
  const store = storeIn(folder, "{}");
  chmodSync(folder, 0o500);
  const { type, path, failure } = await store.lock(NEVER);
  chmodSync(folder, 0o700);
  assert.deepEqual([type, failure], ["store_failed", "permission_denied"]);
  assert.ok(path.endsWith("/auth.json.lock"), path);
});

test("the memory of failed refreshes is for this user alone, whatever the umask", (context) => {
  const folder = scratch(context);
  const store = storeIn(folder, "{}");
  for (const umask of [0, 0o777]) {
    const before = process.umask(umask);
    store.writeBackoff("{}");
    process.umask(before);
    assert.equal(statSync(join(folder, "auth.json.backoff")).mode & 0o777, 0o600);
  }
  // A pipe or a folder in its place is no reason to fail.
  rmSync(join(folder, "auth.json.backoff"));
  mkdirSync(join(folder, "auth.json.backoff"));
  store.writeBackoff("{}");
  assert.equal(store.readBackoff().contents, null);
});

test("a memory of failed refreshes that cannot be given away, or for which a descriptor has to be freed, is written", async (context) => {
  const folder = scratch(context);
  const store = storeIn(folder, "{}");
  const own = { fstatSync: fs.fstatSync, openSync: fs.openSync, closeSync: fs.closeSync };
  // As if the file were another's: then it is to be given to the owner of the folder.
  const foreign = {
    fstatSync: (...all) => Object.assign(own.fstatSync(...all), { uid: 54321 }),
    fchownSync: () => { throw Object.assign(new Error("no"), { code: "EPERM" }); },
  };
  await withFs(context, foreign, () => store.writeBackoff('{"a":1}'));
  assert.equal(store.readBackoff().contents, '{"a":1}');
  await store.lock(NEVER);
  let free = 0;
  const limited = {
    openSync: (...all) => {
      if (free === 0) throw Object.assign(new Error("no"), { code: "EMFILE" });
      free -= 1;
      return own.openSync(...all);
    },
    closeSync: (descriptor) => (own.closeSync(descriptor), (free += 1)),
  };
  await withFs(context, limited, () => store.writeBackoff('{"b":1}'));
  await store.unlock();
  assert.equal(store.readBackoff().contents, '{"b":1}');
});
