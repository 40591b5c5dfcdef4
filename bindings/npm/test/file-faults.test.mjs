// Whatever the disk, the system or somebody else does to the credential file, no login is lost.
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { test } from "node:test";

import { saveOAuthCredentials } from "pi-auth";

import { callsOfASave, isChange, needsStrace, Saver } from "./strace.mjs";

const login = (access) => ({ type: "oauth", refresh: "refresh", access, expires: 1 });

/** Does all of this, four at a time: most of it is waiting. */
async function inLanes(all, begin, act) {
  const lanes = Array.from({ length: 4 }, async (_, lane) => {
    const own = await begin();
    for (const [index, one] of all.entries()) if (index % 4 === lane) await act(own, one);
  });
  await Promise.all(lanes);
}

test("a save that is killed at any change it makes leaves the old file or the new one, whole, and the next sweeps up", needsStrace, async (context) => {
  const calls = await callsOfASave(context);
  const renamed = calls.findIndex(({ name }) => name.startsWith("rename"));
  assert.ok(renamed > 0);
  await inLanes(calls.filter(isChange), () => {}, async (_, call) => {
    const saver = await Saver.start(context);
    await saver.save("new", "signal=KILL", call);
    assert.equal((await saver.ended).signal, "SIGKILL", call.line);
    const at = calls.indexOf(call);
    if (at !== renamed) assert.equal(saver.saved, at < renamed ? "old" : "new", call.line);
    // Which lock is dead, and who takes it over, is another claim.
    rmSync(saver.it.path("auth.json.lock"), { recursive: true, force: true });
    await saveOAuthCredentials("anthropic", login("next"), saver.it.options);
    assert.equal(saver.saved, "next");
    assert.deepEqual(saver.it.names(), ["auth.json"]);
  });
});

test("a save in which any system call fails is done or says so, leaves the old file or the new one, whole, and nothing to trip over", needsStrace, async (context) => {
  const calls = await callsOfASave(context);
  const cases = [
    ...calls.map((call) => ["EIO", call]),
    ...["ENOSPC", "EACCES"].flatMap((code) => calls.filter(isChange).map((call) => [code, call])),
    ["EXDEV", calls.find(({ name }) => name.startsWith("rename"))],
  ];
  assert.ok(cases.length > 50);
  let count = 0;
  await inLanes(cases, () => Saver.start(context), async (saver, [code, call]) => {
    const [before, access] = [saver.saved, `access-${(count += 1)}`];
    const { answered, log } = await saver.save(access, `error=${code}`, call);
    const why = `${code} of ${call.line}: ${answered}`;
    assert.ok(log.some((line) => line.includes("INJECTED") && line.includes(saver.it.directory)), why);
    assert.ok(["saved", "store_unavailable"].includes(answered), why);
    assert.ok([access, ...(answered === "saved" ? [] : [before])].includes(saver.saved), why);
    // What could not be removed is left; a lock among it is touched by nobody any more.
    const left = saver.it.names().filter((name) => name !== "auth.json");
    assert.ok(left.length <= 1, `${why}: ${left}`);
    for (const name of left) saver.age(name);
    if (left.length > 0) {
      await saveOAuthCredentials("anthropic", login("next"), saver.it.options);
      assert.deepEqual(saver.it.names(), ["auth.json"], why);
    }
  });
});
