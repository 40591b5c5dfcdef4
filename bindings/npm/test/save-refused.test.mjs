// A save tries all that it needs before a token is spent, and then ends with nothing but success.
import assert from "node:assert/strict";
import fs, { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { Auth } from "pi-auth";

import { aboutCore } from "../dist/module.js";
import { isUnsupported, pausesAfter } from "../dist/store/refusal.js";
import { Spares } from "../dist/store/spares.js";
import { NEVER, scratch, storeIn, withFs } from "./folder.mjs";
import { anthropic, EXPIRED, home, isValid, listen, needsSandbox, run } from "./support.mjs";

/** For `test`: limits are set by a shell. */
const onUnix = { skip: needsSandbox.skip || (process.platform === "win32" && "Windows has no such limits") };

const failure = (code) => Object.assign(new Error(`${code}: as this test has it`), { code });
/** A function that fails so as long as this holds, and else does what it is for. */
const failing = (name, code, holds) => {
  const own = fs[name];
  return { [name]: (...all) => { if (holds(...all)) throw failure(code); return own(...all); } };
};

/** A home with an expired login in it. */
async function expired() {
  const it = await home();
  const stored = await anthropic(EXPIRED);
  it.store({ anthropic: stored }, "auth.json");
  return { it, stored, target: it.path("auth.json") };
}

/** The refresh is made, and its answer is in the file. */
async function assertStored(it, why) {
  const { key, notes } = await new Auth(it.options).token("anthropic");
  const { access, refresh } = it.entry("anthropic", "auth.json");
  assert.deepEqual([access, notes], [key.value, []], why);
  assert.ok(await isValid({ refresh }), why);
  assert.deepEqual(it.names(), ["auth.json"], why);
  assert.equal(it.mode("auth.json"), "600", why);
}

/** It is refused, and the provider has heard nothing of it. */
async function assertNothingSent(it, why) {
  const [before, log] = [it.read("auth.json"), await listen()];
  await assert.rejects(new Auth(it.options).token("anthropic"), { code: "store_unavailable" }, why);
  assert.deepEqual([await log(), it.read("auth.json"), it.names()], [[], before, ["auth.json"]], why);
}

test("a disk that cannot sync stores a refresh all the same", needsSandbox, async (context) => {
  for (const code of ["EINVAL", "ENOSYS", "ENOTSUP", "EOPNOTSUPP"]) {
    const { it } = await expired();
    await withFs(context, failing("fsyncSync", code, () => true), () => assertStored(it, code));
  }
});

test("a disk whose sync fails is found out before anything is sent", needsSandbox, async (context) => {
  for (const code of ["EIO", "ENOSPC", "EDQUOT"]) {
    const { it } = await expired();
    await withFs(context, failing("fsyncSync", code, () => true), () => assertNothingSent(it, code));
    await assertStored(it, code);
  }
});

test("a sync that fails with an answer in hand does not keep it from being stored", needsSandbox, async (context) => {
  for (const code of ["EIO", "ENOSPC", "EINVAL", "ESTALE"]) {
    const { it } = await expired();
    let syncs = 0;
    await withFs(context, failing("fsyncSync", code, () => (syncs += 1) > 1), () => assertStored(it, code));
    assert.equal(syncs, 3, "before the request, of the file, of its directory");
  }
});

test("a rename that is refused here is found out before anything is sent", needsSandbox, async (context) => {
  for (const code of ["EPERM", "EACCES", "ESTALE", "EXDEV", "EIO"]) {
    const { it } = await expired();
    await withFs(context, failing("renameSync", code, () => true), () => assertNothingSent(it, code));
    await assertStored(it, code);
  }
});

test("a rename that is refused with an answer in hand is tried again, and then the file is written in place", needsSandbox, async (context) => {
  for (const [code, times, attempts] of [
    ["EPERM", 1, 2], ["EACCES", 2, 3], ["ESTALE", 3, 4],
    ["EPERM", Infinity, 4], ["EACCES", Infinity, 4], ["ESTALE", Infinity, 4], ["EXDEV", Infinity, 4], ["ENOSYS", Infinity, 4],
    ["EBUSY", Infinity, 1],
  ]) {
    const { it, target } = await expired();
    const { ino } = statSync(target);
    let tried = 0;
    const refused = (_, to) => to === target && (tried += 1) <= times;
    await withFs(context, failing("renameSync", code, refused), () => assertStored(it, code));
    assert.deepEqual([tried, statSync(target).ino === ino], [attempts, times === Infinity], `${code} ${times}`);
  }
});

test("a rename for which no other way helps leaves the old file, and the token is handed out with a note", needsSandbox, async (context) => {
  const { it, target } = await expired();
  const before = it.read("auth.json");
  const { key, notes } = await withFs(context, failing("renameSync", "EIO", (_, to) => to === target), () =>
    new Auth(it.options).token("anthropic"));
  assert.ok(await isValid({ access: key.value }));
  assert.equal(notes.length, 1);
  assert.deepEqual([it.read("auth.json"), it.names()], [before, ["auth.json"]]);
});

test("a disk that is gone when the answer comes costs no token: it is handed out with a note", needsSandbox, async (context) => {
  const { it } = await expired();
  // Only a save with an answer in hand cuts its file to size.
  const { key, notes } = await withFs(context, failing("ftruncateSync", "EIO", () => true), () => new Auth(it.options).token("anthropic"));
  assert.ok(await isValid({ access: key.value }));
  assert.equal(notes.length, 1);
});

test("what is written in place is whole, whether it is shorter or longer than what was there", async (context) => {
  for (const [before, after] of [["{}", `{"a":"${"x".repeat(500)}"}`], [`{"a":"${"x".repeat(500)}"}`, "{}"]]) {
    const folder = scratch(context);
    const [store, target] = [storeIn(folder, before), join(folder, "auth.json")];
    await store.lock(NEVER);
    store.read();
    const written = await withFs(context, failing("renameSync", "EXDEV", (_, to) => to === target), () => store.write(after, false));
    assert.equal(written.type, "written");
    await store.unlock();
    assert.deepEqual([readFileSync(target, "utf8"), readdirSync(folder)], [after, ["auth.json"]]);
  }
});

test("a lock that is lost, or a file that changes, between two attempts at a rename is noticed", async (context) => {
  const folder = scratch(context);
  const [store, target] = [storeIn(folder, "{}"), join(folder, "auth.json")];
  await store.lock(NEVER);
  store.read();
  const refusedOnce = (_, to) => to === target && (writeFileSync(target, '{"theirs":1}'), true);
  const written = await withFs(context, failing("renameSync", "EPERM", refusedOnce), () => store.write('{"a":1}', false));
  assert.equal(written.type, "lock_lost");
  assert.equal(readFileSync(target, "utf8"), '{"theirs":1}');
  await store.unlock();
});

test("a link that is put in the file's place before it is written in place is not followed", async (context) => {
  const folder = scratch(context);
  const [store, target, victim] = [storeIn(folder, "{}"), join(folder, "auth.json"), join(folder, "victim")];
  writeFileSync(victim, "victim's own");
  await store.lock(NEVER);
  const refused = (_, to) => to === target && (fs.rmSync(target), fs.symlinkSync(victim, target), true);
  // Without the lock, as in the last resort of a login.
  const written = await withFs(context, failing("renameSync", "EBUSY", refused), () => store.write('{"a":1}', true));
  assert.equal(written.type, "store_failed");
  assert.equal(readFileSync(victim, "utf8"), "victim's own");
  await store.unlock();
});

/** No further file can be opened, but where another is closed. */
function full() {
  const { openSync, closeSync } = fs;
  let free = 0;
  return {
    openSync: (...all) => {
      if (free === 0) throw failure("EMFILE");
      const descriptor = openSync(...all);
      free -= 1;
      return descriptor;
    },
    closeSync: (descriptor) => {
      closeSync(descriptor);
      free += 1;
    },
  };
}

test("where no descriptor is left once a request is under way, its answer is read for and stored", async (context) => {
  const folder = scratch(context);
  const store = storeIn(folder, "{}");
  context.mock.timers.enable({ apis: ["setTimeout"] });
  await store.lock(NEVER);
  await withFs(context, { ...full(), futimesSync: undefined }, (_open, _close, touch) => {
    context.mock.timers.tick(aboutCore().lock_touch_every_ms);
    assert.deepEqual(touch.calls.map(({ error }) => error), [undefined], "the lock is touched meanwhile");
    assert.equal(store.read().contents, "{}");
    assert.equal(store.write('{"a":1}', false).type, "written");
  });
  await store.unlock();
  assert.deepEqual([readFileSync(join(folder, "auth.json"), "utf8"), readdirSync(folder)], ['{"a":1}', ["auth.json"]]);
});

test("where no descriptor is left while a person logs in, the login is stored, with the lock or without it", async (context) => {
  for (const isLocked of [true, false]) {
    const folder = scratch(context);
    const store = storeIn(folder, "{}");
    assert.equal((await store.probe(NEVER)).contents, "{}");
    assert.deepEqual(readdirSync(folder), ["auth.json"], "the lock is let go");
    await withFs(context, full(), async () => {
      if (isLocked) assert.equal((await store.lock(NEVER, "answer_in_hand")).type, "locked");
      assert.equal(store.read().contents, "{}");
      assert.equal(store.write('{"a":1}', !isLocked).type, "written");
      await store.unlock();
    });
    assert.deepEqual([readFileSync(join(folder, "auth.json"), "utf8"), readdirSync(folder)], ['{"a":1}', ["auth.json"]]);
  }
});

test("a lock that is not to be had leaves the spare descriptors for the next attempt", async (context) => {
  const folder = scratch(context);
  const store = storeIn(folder, "{}");
  await store.probe(NEVER);
  await withFs(context, full(), async () => {
    const refused = context.mock.method(fs, "mkdirSync", () => { throw failure("EIO"); });
    syncBuiltinESMExports();
    assert.equal((await store.lock(NEVER, "answer_in_hand")).type, "store_failed");
    refused.mock.restore();
    syncBuiltinESMExports();
    assert.throws(() => fs.openSync(folder, "r"), { code: "EMFILE" }, "they are held again");
    assert.equal((await store.lock(NEVER, "answer_in_hand")).type, "locked");
    assert.equal(store.read().contents, "{}");
    assert.equal(store.write('{"a":1}', false).type, "written");
    await store.unlock();
  });
  assert.deepEqual([readFileSync(join(folder, "auth.json"), "utf8"), readdirSync(folder)], ['{"a":1}', ["auth.json"]]);
});

test("what a probe holds is let go with the job", async (context) => {
  const store = storeIn(scratch(context), "{}");
  const open = new Set();
  const { openSync, closeSync } = fs;
  const watched = {
    openSync: (...all) => {
      const descriptor = openSync(...all);
      open.add(descriptor);
      return descriptor;
    },
    closeSync: (descriptor) => {
      closeSync(descriptor);
      open.delete(descriptor);
    },
  };
  await withFs(context, watched, async () => {
    await store.probe(NEVER);
    assert.ok(open.size > 4, `${open.size} are held`);
    await store.unlock();
    assert.equal(open.size, 0);
  });
});

test("a disk that begins to fail while a person logs in does not keep the login from being stored", async (context) => {
  for (const name of ["fsyncSync", "renameSync"]) {
    const folder = scratch(context);
    const store = storeIn(folder, "{}");
    await store.probe(NEVER);
    await withFs(context, failing(name, name === "fsyncSync" ? "EIO" : "EPERM", () => true), async () => {
      assert.equal((await store.lock(NEVER, "answer_in_hand")).type, "locked");
      store.read();
      assert.equal(store.write('{"a":1}', false).type, "written");
      await store.unlock();
    });
    assert.deepEqual([readFileSync(join(folder, "auth.json"), "utf8"), readdirSync(folder)], ['{"a":1}', ["auth.json"]], name);
  }
});

test("where no descriptor is left before a request, nothing is sent", needsSandbox, async (context) => {
  const { it, target } = await expired();
  // The first one that is needed beside those of the lock.
  await withFs(context, failing("openSync", "EMFILE", (path) => /null$|nul$|\.tmp$/i.test(path)), () => assertNothingSent(it));
  assert.ok(statSync(target).size > 2);
  await assertStored(it);
});

test("spare descriptors that cannot all be had are given back", async (context) => {
  let opened = 0;
  const { closeSync } = fs;
  const closed = [];
  const limited = { ...failing("openSync", "EMFILE", () => (opened += 1) > 2), closeSync: (it) => (closed.push(it), closeSync(it)) };
  await withFs(context, limited, () => assert.throws(() => Spares.take(), { code: "EMFILE" }));
  assert.equal(closed.length, 2);
});

/** Runs a job that refreshes a login, in a process with these limits. */
async function tokenUnder(limits, it) {
  const program = fileURLToPath(new URL("programs/token.mjs", import.meta.url));
  return run("sh", ["-c", `${limits}; exec "$0" "$@"`, process.execPath, program, "anthropic"], it.environment).ended;
}

test("however few files a process may have open, its login survives", onUnix, async () => {
  const codes = [];
  for (const most of [8, 12, 16, 18, 20, 22, 24, 26, 28, 32, 64]) {
    const { it } = await expired();
    const { code, stdout } = await tokenUnder(`ulimit -n ${most}`, it);
    codes.push(code);
    if (code === 0) assert.equal(it.entry("anthropic", "auth.json").access, stdout.trim(), String(most));
    assert.ok(await isValid({ refresh: it.entry("anthropic", "auth.json").refresh }), String(most));
  }
  assert.ok(codes.at(-1) === 0 && codes[0] !== 0, String(codes));
});

test("a process that may write no large file sends nothing, and its login survives", onUnix, async () => {
  const { it, stored } = await expired();
  const log = await listen();
  const { code, signal } = await tokenUnder("ulimit -f 0", it);
  assert.ok(code !== 0 || signal !== null);
  assert.deepEqual(await log(), []);
  assert.deepEqual(it.entry("anthropic", "auth.json"), stored);
});

/** Does this on what says that it is Windows, without its pauses; hands it what counts them. */
async function onWindows(context, act) {
  const platform = Object.getOwnPropertyDescriptor(process, "platform");
  Object.defineProperty(process, "platform", { ...platform, value: "win32" });
  const slept = context.mock.method(Atomics, "wait", () => "timed-out");
  try {
    return await act(slept.mock);
  } finally {
    slept.mock.restore();
    Object.defineProperty(process, "platform", platform);
  }
}

test("on Windows the rename that is tried before a request is tried again as well", async (context) => {
  for (const code of ["EPERM", "EACCES", "EBUSY"]) {
    const store = storeIn(scratch(context), "{}");
    const many = pausesAfter(code, "win32").length;
    for (const [times, type, pauses] of [[many, "locked", many], [many + 1, "store_failed", many]]) {
      let tried = 0;
      await onWindows(context, async (slept) => {
        const locked = await withFs(context, failing("renameSync", code, () => (tried += 1) <= times), () => store.lock(NEVER));
        assert.deepEqual([locked.type, slept.callCount()], [type, pauses], `${code} ${times}`);
      });
      await store.unlock();
    }
  }
});

test("on Windows a rename is tried again for more than a second while another program has the file open", async (context) => {
  for (const code of ["EPERM", "EACCES", "EBUSY"]) {
    const pauses = pausesAfter(code, "win32");
    assert.ok(pauses.reduce((sum, ms) => sum + ms, 0) >= 1500, code);
    const folder = scratch(context);
    const [store, target] = [storeIn(folder, "{}"), join(folder, "auth.json")];
    await store.lock(NEVER);
    store.read();
    const { ino } = statSync(target);
    const platform = Object.getOwnPropertyDescriptor(process, "platform");
    Object.defineProperty(process, "platform", { ...platform, value: "win32" });
    const slept = context.mock.method(Atomics, "wait", () => "timed-out");
    let tried = 0;
    const written = await withFs(context, failing("renameSync", code, (_, to) => to === target && (tried += 1) <= pauses.length), () =>
      store.write('{"a":1}', false));
    slept.mock.restore();
    Object.defineProperty(process, "platform", platform);
    assert.deepEqual([written.type, tried, slept.mock.callCount()], ["written", pauses.length + 1, pauses.length], code);
    assert.notEqual(statSync(target).ino, ino, "it was renamed in the end");
    await store.unlock();
  }
  for (const code of ["ENOSPC", "EIO", "ENOENT", undefined]) assert.equal(pausesAfter(code, "win32"), undefined, code);
});

test("what a sync says where there is none to be had is told from a disk that fails", () => {
  for (const code of ["EINVAL", "ENOSYS", "ENOTSUP", "EOPNOTSUPP"]) assert.ok(isUnsupported(code), code);
  for (const code of ["EIO", "ENOSPC", "EACCES", undefined]) assert.ok(!isUnsupported(code), code);
});
