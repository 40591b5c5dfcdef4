// Whatever the disk, the system or somebody else does to the credential file, no login is lost.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import fs, { chmodSync, chownSync, closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { test } from "node:test";

import { Auth, saveOAuthCredentials } from "pi-auth";

import { withFs } from "./folder.mjs";
import { anthropic, EXPIRED, FRESH, home, isRoot, isValid, listen, needsSandbox, run } from "./support.mjs";
import { callsOfASave, isChange, isIn, needsStrace, Saver } from "./strace.mjs";

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
  // The one before it only tries whether files can be renamed here.
  const renamed = calls.findIndex(({ name, line }) => name.startsWith("rename") && /\/auth\.json"\)? /.test(line));
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
    assert.ok(log.some((line) => line.includes("INJECTED") && isIn(saver.it.directory, line)), why);
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

/** What a disk of this test's own is mounted with; why it cannot be, where it cannot. */
function mounted(context, it, options) {
  mkdirSync(it.directory, { mode: 0o700 });
  if (!isRoot) return "only root can mount a disk";
  const mount = (...parameters) => spawnSync("mount", [...parameters, it.directory], { encoding: "utf8" });
  const { error, status, stderr } = mount("-t", "tmpfs", "-o", options, "none");
  if (error || status !== 0) return `no disk can be mounted here: ${error ?? stderr}`;
  context.after(() => spawnSync("umount", ["-l", it.directory]));
  return (more) => assert.equal(mount("-o", `remount,${more}`).status, 0);
}

/** A refresh, a login and a logout are refused before anything is sent; a fresh token is served. */
async function assertReadOnly(it, failure) {
  const [stored, log] = [it.read(), await listen()];
  const interaction = { show: () => assert.fail("nobody is asked") };
  const auth = new Auth({ ...it.options, interaction });
  for (const job of [
    () => auth.token("anthropic"),
    () => auth.login({ provider: "anthropic", noBrowser: true }),
    () => auth.logout({ provider: "anthropic", confirmed: true }),
    () => auth.storeCredential("anthropic", login("x".repeat(20_000))),
  ]) {
    await assert.rejects(job, { code: "store_unavailable", message: failure });
  }
  assert.equal((await auth.status()).keys.length, 2);
  assert.equal((await auth.token("github-copilot")).key.value, "tid=fresh");
  assert.deepEqual([await log(), it.read(), it.names()], [[], stored, it.names().filter((name) => !/lock|tmp/.test(name))]);
}

/** An expired login, and another one that is fresh. */
const two = async () => ({ anthropic: await anthropic(EXPIRED), "github-copilot": { ...login("tid=fresh"), expires: Date.now() + FRESH } });

test("a full disk is told before anything is sent; the file stays, and reading works", needsSandbox, async (context) => {
  const it = await home();
  const disk = mounted(context, it, "size=64k,mode=700");
  if (typeof disk === "string") return context.skip(disk);
  it.store(await two());
  const filler = openSync(it.path("filler"), "w");
  assert.throws(() => { for (;;) fs.writeSync(filler, Buffer.alloc(4096)); }, { code: "ENOSPC" });
  closeSync(filler);
  await assertReadOnly(it, /disk is full|no space/i);
  rmSync(it.path("filler"));
  assert.ok(await isValid({ access: (await new Auth(it.options).token("anthropic")).key.value }));
});

test("a disk that is read-only is told before anything is sent; reading works", needsSandbox, async (context) => {
  const it = await home();
  const disk = mounted(context, it, "size=64k,mode=700");
  if (typeof disk === "string") return context.skip(disk);
  it.store(await two());
  disk("ro");
  await assertReadOnly(it, /read-only/i);
});

for (const [title, folder, file] of [
  ["a directory", 0o500, 0o600],
  ["a file", 0o700, 0o400],
]) {
  test(`${title} that may not be written is told before anything is sent; a fresh token is served`, needsSandbox, async (context) => {
    const it = await home();
    it.store(await two());
    chmodSync(it.path("oauth.json"), file);
    chmodSync(it.directory, folder);
    // Root may write anything, so there it is somebody else.
    const other = isRoot ? ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] : [];
    for (const path of isRoot ? [it.root, it.directory, it.path("oauth.json"), it.overrides] : []) chownSync(path, 65534, 65534);
    const program = new URL("programs/token.mjs", import.meta.url).pathname;
    const token = async (provider) => {
      const [first, ...words] = [...other, process.execPath, program, provider];
      return run(first, words, it.environment).ended;
    };
    const [stored, log] = [it.read(), await listen()];
    const fresh = await token("github-copilot");
    if (isRoot && /setpriv|ERR_MODULE_NOT_FOUND|EACCES.*programs/.test(fresh.stderr)) return context.skip("nobody but root may run these programs");
    assert.deepEqual([fresh.code, fresh.stdout], [0, "tid=fresh\n"], fresh.stderr);
    const { code, stdout, stderr } = await token("anthropic");
    assert.deepEqual([code, stdout], [1, ""]);
    assert.match(stderr, /permission denied/);
    assert.match(stderr, /store_unavailable/);
    assert.deepEqual([await log(), it.read(), it.names()], [[], stored, ["oauth.json"]]);
  });
}

test("nobody else may read what is written, whatever the umask and whatever stood there", needsSandbox, async () => {
  for (const umask of [0o000, 0o022, 0o077, 0o777]) {
    const before = process.umask(umask);
    try {
      const it = await home();
      await saveOAuthCredentials("anthropic", await anthropic(EXPIRED), { environment: it.environment, directory: `${it.directory}/new` });
      assert.deepEqual([it.mode("new"), it.mode("new/oauth.json")], ["700", "600"]);
    } finally {
      process.umask(before);
    }
  }
  const it = await home();
  it.store({ anthropic: await anthropic(EXPIRED) });
  chmodSync(it.directory, 0o777);
  chmodSync(it.path("oauth.json"), 0o644);
  const { key } = await new Auth(it.options).token("anthropic");
  assert.deepEqual([it.mode("oauth.json"), it.entry("anthropic").access], ["600", key.value]);
});

/** Every job that looks into the file. */
const jobs = (auth) => [
  () => auth.token("anthropic"),
  () => auth.headers("anthropic"),
  () => auth.status(),
  () => auth.credential("anthropic"),
  () => auth.storeCredential("anthropic", login("new")),
  () => auth.login({ provider: "anthropic", noBrowser: true }),
  () => auth.logout({ provider: "anthropic", confirmed: true }),
  () => auth.logout({ all: true, confirmed: true }),
];

/** Every job fails so, names the file, asks nobody and sends nothing. */
async function assertRefused(it, expected) {
  const interaction = { show: () => assert.fail("nobody is asked") };
  // A key in the environment is no reason to look away.
  const environment = { ...it.environment, ANTHROPIC_API_KEY: "sk-ant-api03-x" };
  for (const job of jobs(new Auth({ environment, interaction }))) {
    await assert.rejects(job, (error) => {
      assert.deepEqual([error.name, error.code], ["AuthError", expected.code]);
      assert.match(error.message, expected.message);
      assert.ok(error.message.includes("auth.json"), error.message);
      return true;
    });
  }
}

/** A socket that somebody listens on, until the test is over. */
async function socket(path, context) {
  const server = createServer().listen(path);
  context.after(() => server.close());
  await once(server, "listening");
}

test("a pipe and a directory in its place are refused, and stay", needsSandbox, async (context) => {
  for (const [make, message] of [
    [(path) => mkdirSync(path), /: it is a directory, not a file\.$/],
    [(path) => assert.equal(spawnSync("mkfifo", [path]).status, 0), /: it is not a regular file\.$/],
    [socket, /: it is not a regular file\.$/],
  ]) {
    const it = await home();
    it.write("keep", "");
    await make(it.path("auth.json"), context);
    const kind = statSync(it.path("auth.json")).mode;
    await assertRefused(it, { code: "store_unavailable", message });
    assert.equal(statSync(it.path("auth.json")).mode, kind);
    assert.deepEqual(it.names(), ["auth.json", "keep"]);
  }
});

test("a corrupt file is named and left as it is by every job", needsSandbox, async () => {
  const log = await listen();
  for (const [contents, message] of [
    ["{", /not valid JSON/],
    ['{"anthropic":{"type":"oauth","refresh":"r","acc', /not valid JSON/],
    ["[]", /not a JSON object/],
    ["null", /not a JSON object/],
    ['"x"', /not a JSON object/],
    ["{} {}", /not valid JSON/],
    ['{"a":1,}', /not valid JSON/],
    ["\ufeff{}", /byte-order mark/],
    ["\0".repeat(8), /not valid JSON/],
    ["[".repeat(100_000), /not valid JSON/],
    [Buffer.from('{"a":"\xff"}', "latin1"), /not UTF-8/],
    [`{"x":"${"x".repeat(2 << 20)}"}`, /larger than 1 MiB/],
  ]) {
    const it = await home();
    it.write("auth.json", contents);
    await assertRefused(it, { code: contents.length > 1 << 20 ? "store_unavailable" : "store_corrupt", message });
    assert.deepEqual(readFileSync(it.path("auth.json")), Buffer.from(contents));
    assert.deepEqual(it.names(), ["auth.json"]);
  }
  assert.deepEqual(await log(), []);
});

test("a file of a gigabyte is refused without a byte of it being read", needsSandbox, async (context) => {
  const it = await home();
  it.write("auth.json", "{");
  const file = openSync(it.path("auth.json"), "r+");
  ftruncateSync(file, 2 ** 30);
  closeSync(file);
  await withFs(context, { readSync: undefined, writeSync: undefined }, async (read, write) => {
    await assertRefused(it, { code: "store_unavailable", message: /larger than 1 MiB/ });
    // The overrides are read, and nothing else.
    const ofOverrides = Buffer.byteLength(readFileSync(it.overrides));
    for (const { result } of read.calls) assert.ok([0, ofOverrides].includes(result), String(result));
    assert.equal(write.callCount(), 0, "no room is taken for its like");
  });
  assert.equal(statSync(it.path("auth.json")).size, 2 ** 30);
});

test("of keys that stand twice, and of what nobody knows, a refresh changes the login that is used and no other byte", needsSandbox, async () => {
  const it = await home();
  // Made in the same millisecond, both would end in the same.
  const [first, second] = [{ ...(await anthropic(EXPIRED)), expires: 1 }, await anthropic(EXPIRED)];
  const deep = `${"[".repeat(60)}${"]".repeat(60)}`;
  const before = `\r\n {"\u00e9":{"type":"api_key" , "key":"\\u0041"},\t"dup":1,"dup":[ 2 ],"deep":${deep},\n"anthropic":${JSON.stringify(first)},"anthropic": ${JSON.stringify(second)},"n":1.50e+1}  \n`;
  it.write("auth.json", before);
  const { key } = await new Auth(it.options).token("anthropic");
  const used = it.entry("anthropic", "auth.json");
  assert.equal(used.access, key.value);
  let expected = before;
  for (const name of ["refresh", "access", "expires"]) expected = expected.replace(second[name], used[name]);
  assert.equal(it.read("auth.json"), expected);
});

test("whatever the file says of its end, a token is refreshed, and its end is known then", needsSandbox, async () => {
  for (const expires of ["0", "-1", "-1e400", "1e400", "0.5", "1e-5", '"soon"', '"4102444800000"', "null", "[]", "true", undefined]) {
    const it = await home();
    const { access, refresh } = await anthropic(FRESH);
    const end = expires === undefined ? "" : `,"expires":${expires}`;
    it.write("auth.json", `{"anthropic":{"type":"oauth","refresh":"${refresh}","access":"${access}"${end}}}`);
    const { key } = await new Auth(it.options).token("anthropic");
    const stored = it.entry("anthropic", "auth.json");
    assert.deepEqual([key.value !== access, stored.access], [true, key.value], expires);
    assert.ok(stored.expires > Date.now() && Number.isSafeInteger(stored.expires), expires);
  }
});
