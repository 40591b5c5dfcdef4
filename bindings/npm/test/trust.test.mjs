// Whose files are believed, where tokens go, and that both are said.
import assert from "node:assert/strict";
import { chmodSync, chownSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { Auth } from "pi-auth";

import { Http } from "../dist/http.js";
import { aboutCore } from "../dist/module.js";
import { EXPIRED, FRESH, home, isRoot, serve } from "./support.mjs";

const OTHER = 54321;
const needsRoot = { skip: !isRoot && "only root may give files away" };
const NEVER = new AbortController().signal;

const login = (left) => ({ anthropic: { type: "oauth", refresh: "r", access: "a", expires: Date.now() + left } });

/** A home whose overrides lead to a server of the test's own, which must hear nothing. */
async function planted(context, make) {
  const heard = [];
  const { url } = await serve(context, (request, response) => {
    heard.push(request.url);
    response.end("{}");
  });
  const it = await home();
  it.store(login(EXPIRED), "auth.json");
  it.write("auth-providers.json", JSON.stringify({ anthropic: { token_url: url } }));
  const { PI_AUTH_PROVIDERS: _, ...environment } = it.environment;
  make(it, it.path("auth-providers.json"));
  const auth = new Auth({ environment });
  for (const job of [() => auth.token("anthropic"), () => auth.headers("anthropic"), () => auth.status()]) {
    await assert.rejects(job, (error) => {
      assert.match(error.message, /decides where your tokens go, and is not used/);
      assert.match(error.advice, /chmod go-w|sudo chown|directory of your own/);
      return error.code === "bad_input";
    });
  }
  assert.deepEqual(heard, []);
}

test("overrides that others can write are refused, with the command that mends it", (context) =>
  planted(context, (_, file) => chmodSync(file, 0o666)));

test("overrides in a directory that others can write are refused", (context) =>
  planted(context, (it) => chmodSync(it.directory, 0o777)));

test("overrides behind a link into a directory that others can write are refused", (context) =>
  planted(context, (it, file) => {
    const open = join(it.root, "open");
    mkdirSync(open);
    renameSync(file, join(open, "real.json"));
    symlinkSync(join(open, "real.json"), file);
    chmodSync(open, 0o777);
  }));

test("overrides of another user are refused, in a sticky directory as well", needsRoot, (context) =>
  planted(context, (it, file) => {
    const shared = join(it.root, "shared");
    mkdirSync(shared);
    chmodSync(shared, 0o1777);
    renameSync(file, join(shared, "real.json"));
    symlinkSync(join(shared, "real.json"), file);
    chownSync(join(shared, "real.json"), OTHER, OTHER);
  }));

test("one's own overrides in a sticky directory are used, and each host that they name is told", async () => {
  const it = await home();
  rmSync(it.overrides);
  const shared = join(it.root, "shared");
  mkdirSync(shared);
  chmodSync(shared, 0o1777);
  const overrides = join(shared, "providers.json");
  writeFileSync(overrides, JSON.stringify({ anthropic: { token_url: "http://127.0.0.1:1/t" } }), { mode: 0o644 });
  const { redirected, notes } = await new Auth({ environment: it.environment, overrides }).status();
  assert.deepEqual(redirected[0].hosts, ["127.0.0.1:1"]);
  assert.match(notes[0], /sends logins and tokens of Anthropic to 127\.0\.0\.1:1\. The API of Anthropic is still api\.anthropic\.com/);
});

test("a credential file that others can write is never used in silence", async () => {
  const it = await home();
  writeFileSync(it.overrides, "{}");
  it.store(login(FRESH), "auth.json");
  const auth = new Auth(it.options);
  assert.deepEqual((await auth.token("anthropic")).notes, []);
  chmodSync(it.path("auth.json"), 0o666);
  for (const job of [auth.token("anthropic"), auth.headers("anthropic"), auth.status()]) {
    assert.match((await job).notes.join(" "), /auth\.json is in use, but other users can change it \(mode 666\)/);
  }
  const told = [];
  const there = new Auth({ ...it.options, interaction: { waiting: (note) => told.push(note) } });
  const stored = await there.credential("anthropic");
  assert.match(told.join(" "), /auth\.json is in use, but other users can change it \(mode 666\)/);
  told.length = 0;
  await there.storeCredential("anthropic", stored);
  assert.match(told.join(" "), /auth\.json is in use, but other users can change it \(mode 666\)/);
});

test("a credential file of another user is never used in silence, nor to be adopted", needsRoot, async () => {
  const it = await home();
  writeFileSync(it.overrides, "{}");
  it.store(login(FRESH), "auth.json");
  chownSync(it.path("auth.json"), OTHER, OTHER);
  const auth = new Auth(it.options);
  for (const job of [auth.token("anthropic"), auth.status()]) {
    const said = (await job).notes.join(" ");
    assert.match(said, /belongs to user 54321.*delete it/);
    assert.doesNotMatch(said, /chown/);
  }
  // Root works for whom the directory belongs to.
  chownSync(it.directory, OTHER, OTHER);
  assert.deepEqual((await auth.token("anthropic")).notes, []);
});

test("a request goes to the origins that it carries, and to no other", async (context) => {
  const heard = [];
  const { url } = await serve(context, (request, response) => {
    heard.push(request.headers.authorization);
    response.end("{}");
  });
  const http = new Http({}, aboutCore());
  context.after(() => http.close());
  const headers = [{ name: "Authorization", value: "Bearer canary" }];
  const request = { method: "GET", url, headers, body: "" };
  for (const origins of [[], ["https://api.anthropic.com"], ["http://127.0.0.1:1"], ["http://localhost"]]) {
    const event = await http.send({ ...request, origins }, NEVER);
    assert.deepEqual(event, { type: "transport_failed", failure: "forbidden_origin" });
  }
  assert.deepEqual(heard, []);
  assert.equal((await http.send({ ...request, origins: [new URL(url).origin] }, NEVER)).status, 200);
  assert.deepEqual(heard, ["Bearer canary"]);
});
