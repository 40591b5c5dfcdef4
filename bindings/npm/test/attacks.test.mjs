// Another user of this machine, in whose folder root works: nothing of root's may change by that.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import fs, { chmodSync, chownSync, closeSync, existsSync, fstatSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";

import { LockDirectory, Watch } from "../dist/store/directory.js";
import { Places } from "../dist/store/places.js";
import { NewDirectory } from "../dist/store/private-directory.js";
import { scratch } from "./folder.mjs";
import { isRoot } from "./support.mjs";

/** The other user. */
const OTHER = 65534;
const needsRoot = { skip: !isRoot && "only root may act as two users" };
const ROUNDS = 1000;
/** How often the attacker has to have come between, for a test to mean anything. */
const ENOUGH_SWAPS = 100;

/** The other user's folder, and root's victims: a file and a directory elsewhere, one in it. */
function stage(context, name) {
  const root = scratch(context);
  chmodSync(root, 0o755);
  const folder = join(root, "theirs");
  mkdirSync(folder);
  const path = join(folder, name);
  const elsewhere = [join(root, "file"), join(root, "directory")];
  const beside = `${path}.roots`;
  writeFileSync(elsewhere[0], "root's own");
  chmodSync(elsewhere[0], 0o600);
  for (const directory of [elsewhere[1], beside]) {
    mkdirSync(directory);
    chmodSync(directory, 0o755);
    // Or anybody who owns the folder could remove it.
    writeFileSync(join(directory, "roots"), "");
  }
  chownSync(folder, OTHER, OTHER);
  const victims = [...elsewhere, beside];
  for (const victim of victims) utimesSync(victim, 1e9, 1e9);
  // By descriptor: the other user may give what stands in their folder another name.
  const open = victims.map((victim) => openSync(victim, "r"));
  context.after(() => open.forEach(closeSync));
  const looks = () =>
    open.map((descriptor) => {
      const { uid, gid, mode, mtimeMs } = fstatSync(descriptor);
      const at = `/proc/self/fd/${descriptor}`;
      return { uid, gid, mode, mtimeMs, inside: statSync(at).isDirectory() ? readdirSync(at) : readFileSync(at, "utf8") };
    });
  return { folder, path, victims, looks };
}

/** Repeats this while the other user swaps `path` for links to the victims; gives both counts. */
async function underAttack(context, { path, victims }, act) {
  const source = readFileSync(new URL("programs/attacker.mjs", import.meta.url), "utf8");
  const words = ["--input-type=module", "--eval", source, "--", path, ...victims];
  const attacker = spawn(process.execPath, words, { uid: OTHER, gid: OTHER, cwd: "/", env: {}, stdio: ["ignore", "ignore", "inherit"] });
  context.after(() => attacker.kill("SIGKILL"));
  const ended = once(attacker, "exit");
  const swaps = () => (existsSync(`${path}.swaps`) ? Number(readFileSync(`${path}.swaps`, "utf8")) : 0);
  let rounds = 0;
  const deadline = Date.now() + 80_000;
  for (; rounds < ROUNDS || swaps() < ENOUGH_SWAPS; rounds += 1) {
    assert.equal(attacker.exitCode, null, "the attacker runs");
    assert.ok(Date.now() < deadline, `only ${swaps()} swaps`);
    await act(rounds);
    await turn();
  }
  writeFileSync(`${path}.stop`, "");
  assert.deepEqual(await ended, [0, null]);
  return { rounds, swaps: swaps() };
}

test("1,000 locks by root change nothing of root's, whatever their user puts in the lock's place", needsRoot, async (context) => {
  const it = stage(context, "auth.json.lock");
  const before = it.looks();
  let taken = 0;
  const { rounds, swaps } = await underAttack(context, it, async () => {
    const lock = await LockDirectory.tryTake(join(it.folder, "auth.json"), new Watch()).catch((error) => assert.ok(error.code, error));
    if (lock) taken += 1;
    await lock?.release();
  });
  assert.deepEqual(it.looks(), before);
  context.diagnostic(`${rounds} locks, ${taken} taken, ${swaps} swaps`);
});

test("1,000 directories that root makes for a user change nothing of root's, whatever is put in their place", needsRoot, async (context) => {
  const it = stage(context, "dot-pi");
  // In a directory that root has made there itself, root may make another.
  it.victims.pop();
  const before = it.looks();
  let made = 0;
  const { rounds, swaps } = await underAttack(context, it, (round) => {
    try {
      new Places(join(it.path, "agent")).create();
      made += 1;
      renameSync(it.path, `${it.path}.done-${round}`);
    } catch (error) {
      assert.ok(error.code, error);
    }
  });
  assert.deepEqual(it.looks(), before);
  context.diagnostic(`${rounds} directories, ${made} made, ${swaps} swaps`);
});

test("what root makes for a user belongs to that user: every new directory, as the nearest one that was there", needsRoot, (context) => {
  const { folder } = stage(context, "x");
  const directory = join(folder, "a", "b", "agent");
  new Places(directory).create();
  for (const path of [join(folder, "a"), join(folder, "a", "b"), directory]) {
    const { uid, gid, mode } = statSync(path);
    assert.deepEqual([uid, gid, mode & 0o7777], [OTHER, OTHER, 0o700], path);
  }
});

test("root makes no directory where a user's link leads to what is not theirs, and follows one that leads to what is", needsRoot, (context) => {
  const { folder, victims } = stage(context, "x");
  const [theirs, roots] = [join(folder, "real"), victims[1]];
  mkdirSync(theirs);
  chownSync(theirs, OTHER, OTHER);
  for (const [link, target] of [["to-theirs", theirs], ["to-roots", roots]]) symlinkSync(target, join(folder, link));
  for (const link of ["to-theirs", "to-roots"]) fs.lchownSync(join(folder, link), OTHER, OTHER);
  new Places(join(folder, "to-theirs", "agent")).create();
  assert.equal(statSync(join(theirs, "agent")).uid, OTHER);
  assert.throws(() => new Places(join(folder, "to-roots", "agent")).create(), { code: "EACCES" });
  assert.deepEqual(readdirSync(roots), ["roots"]);
});

test("a directory that was there before, and was put in the place of a new one, keeps its mode and owner", needsRoot, (context) => {
  const { folder, victims, looks } = stage(context, "x");
  const before = looks();
  const path = join(folder, "new");
  const { mkdirSync: make } = fs;
  const swap = context.mock.method(fs, "mkdirSync", (at, mode) => {
    make(at, mode);
    fs.rmdirSync(at);
    fs.renameSync(victims[2], path);
  });
  syncBuiltinESMExports();
  assert.throws(() => new NewDirectory(path, 0), { code: "ESWAPPED" });
  swap.mock.restore();
  syncBuiltinESMExports();
  fs.renameSync(path, victims[2]);
  assert.deepEqual(looks(), before);
});
