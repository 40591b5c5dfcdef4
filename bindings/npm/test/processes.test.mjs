// Many processes at once, some of them ended by a signal.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { Auth } from "pi-auth";

import { age, anthropic, codeOf, EXPIRED, home, isValid, listen, needsSandbox, nextGrant, runNode, set, settings } from "./support.mjs";

/** Nobody has half a minute to wait until a lock is seen to be dead. */
const ageLock = (it) => age(it.path("auth.json.lock"), 60_000);

/** What is there but the memory of a refused refresh. */
const leftIn = (it) => it.names().filter((name) => !name.endsWith(".backoff"));

for (const [title, rotate] of [
  ["one of them asks again, and all have its token", false],
  ["and its answer with it, one of them asks, and all say that a login is due", true],
]) {
  test(`when the winner is killed before those who wait for it, ${title}`, needsSandbox, async (context) => {
    const it = await home();
    const stored = await anthropic(EXPIRED);
    it.store({ anthropic: stored });
    const before = it.read();
    await set(context, { rotate, token_delay_ms: 20_000 });
    const granted = await nextGrant();
    const winner = runNode("token", ["anthropic"], it.environment);
    await granted();
    const waiting = Array.from({ length: 5 }, () => runNode("token", ["anthropic"], it.environment));
    // Long enough for some of them to be there.
    await sleep(500);
    winner.child.kill("SIGKILL");
    assert.equal((await winner.ended).signal, "SIGKILL");
    assert.deepEqual([it.read(), it.names().includes("auth.json.lock")], [before, true], "it died with the lock");
    const log = await listen();
    await settings({ token_delay_ms: 0 });
    ageLock(it);
    const all = await Promise.all(waiting.map(({ ended }) => ended));
    const { access, refresh } = it.entry("anthropic");
    for (const { code, stdout, stderr } of all) {
      assert.deepEqual([code, stdout], rotate ? [1, ""] : [0, `${access}\n`], stderr);
      if (rotate) assert.match(stderr, /login_required/);
    }
    assert.equal((await log()).filter(({ kind }) => kind === (rotate ? "refused" : "refreshed")).length, 1);
    // A provider that does not rotate has answered the killed one with the same, too.
    assert.deepEqual([refresh, await isValid({ refresh })], [stored.refresh, !rotate]);
    assert.deepEqual(leftIn(it), ["oauth.json"]);
  });
}

test("a process that is killed at any moment leaves a whole file, and the next goes on or says that a login is due", needsSandbox, async () => {
  const killed = async (pauseMs) => {
    const it = await home();
    it.store({ anthropic: await anthropic(EXPIRED) });
    const { child, ended } = runNode("token", ["anthropic"], it.environment);
    await sleep(pauseMs);
    child.kill("SIGKILL");
    await ended;
    JSON.parse(it.read());
    ageLock(it);
    const next = await new Auth(it.options).token("anthropic").then(() => "token", ({ code }) => code);
    assert.ok(["token", "login_required"].includes(next), next);
    if (next === "token") assert.ok(await isValid({ refresh: it.entry("anthropic").refresh }));
    // Killed between the file and the lock: a fresh token needs none, so nobody has buried it yet.
    assert.deepEqual(leftIn(it).filter((name) => next !== "token" || name !== "auth.json.lock"), ["oauth.json"]);
    return next;
  };
  const outcomes = [];
  for (let pauseMs = 100; pauseMs < 460; pauseMs += 60) {
    outcomes.push(...(await Promise.all([0, 15, 30, 45].map((more) => killed(pauseMs + more)))));
  }
  assert.ok(outcomes.includes("token"), "not every moment is between the request and the file");
});

test("a signal waits for an answer to be stored, of a refresh as of a login", needsSandbox, async (context) => {
  await set(context, { token_delay_ms: 1000 });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    const it = await home();
    const stored = await anthropic(EXPIRED);
    it.store({ anthropic: stored });
    const granted = await nextGrant();
    const refresh = runNode("token", ["anthropic"], it.environment);
    const there = await home();
    const login = runNode("login", ["anthropic"], { ...there.environment, SSH_TTY: "/dev/pts/9" }, { keepInput: true });
    const [url] = await login.hear(/http:\/\/\S+\/oauth\/authorize\S+/);
    const code = await codeOf(url);
    const log = await listen();
    login.child.stdin.write(`${code}\n`);
    await granted();
    while (!(await log()).some(({ kind }) => kind === "code_exchanged")) await sleep(10);
    for (const { child } of [refresh, login]) {
      child.kill(signal);
      // An impatient person presses it again.
      child.kill(signal);
    }
    for (const { ended } of [refresh, login]) assert.equal((await ended).signal, signal);
    for (const home_ of [it, there]) {
      assert.notEqual(home_.entry("anthropic").refresh, stored.refresh);
      assert.ok(await isValid({ refresh: home_.entry("anthropic").refresh }));
      assert.deepEqual(home_.names(), ["oauth.json"]);
    }
  }
});
