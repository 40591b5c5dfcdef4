// Failures of system calls, made by strace in a process that saves when it is told to.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { age, home, run, runNode } from "./support.mjs";

/** For `test`: why strace cannot be used here. */
export const needsStrace = { skip: whyNot() };

function whyNot() {
  if (process.platform !== "linux") return "strace is for Linux only";
  const watched = spawn("sleep", ["0.2"]);
  const { error, status } = spawnSync("strace", ["-o", "/dev/null", "-p", String(watched.pid)]);
  if (error) return "strace is not installed";
  return status === 0 ? false : "strace is not allowed to watch processes here";
}

/**
 * Returns the file by which calls of this name are counted, since Node reads its own pipes as often
 * as it likes; `undefined` where all calls of the name are counted.
 */
const countedBy = (name, line) => (name === "read" ? /<([^>]*)>/.exec(line)?.[1] : undefined);

/** Tells if a call concerns this folder; root uses the folder's descriptor to make things there. */
export const isIn = (directory, line) => line.includes(directory) || /"\/proc\/self\/fd\/\d+/.test(line);

/** Returns the calls of a save in its folder: name, number, file that is counted, strace's line. */
export async function callsOfASave(context) {
  const saver = await Saver.start(context);
  const { answered, log } = await saver.save("new");
  assert.equal(answered, "saved");
  const counts = new Map();
  return log.flatMap((line) => {
    const name = /^\w+(?=\()/.exec(line)?.[0];
    const path = countedBy(name, line);
    const key = `${name} ${path}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
    const file = path?.slice(saver.it.directory.length + 1);
    return isIn(saver.it.directory, line) ? [{ name, number: counts.get(key), file, line }] : [];
  });
}

/** Whether a call changes something, or makes it last. */
export const isChange = ({ name, line }) => /mkdir|rmdir|rename|unlink|chmod|chown|utime|write|truncate|sync/.test(name) || /O_CREAT/.test(line);

const OTHER = { type: "api_key", key: "k" };

/** A process in a home of its own that saves an access token when it is told to, beside what is not its own. */
export class Saver {
  /** One that has loaded all, and saved `old`; it ends with the test. */
  static async start(context) {
    const saver = new Saver();
    saver.it = await home();
    saver.it.store({ openai: OTHER }, "auth.json");
    const { child, ended } = runNode("save", [], saver.it.environment, { keepInput: true });
    context.after(() => child.kill());
    Object.assign(saver, { child, ended });
    saver.lines = createInterface({ input: saver.child.stdout })[Symbol.asyncIterator]();
    assert.equal(await saver.answer(), "saved");
    return saver;
  }

  /** `undefined` when it has ended. */
  async answer() {
    return (await this.lines.next()).value;
  }

  /** Saves while strace does this to that call; gives the answer, and what strace has noted. */
  async save(access, what, call) {
    const log = join(this.it.root, "strace.log");
    const only = call?.file === undefined ? [] : ["-P", this.it.path(call.file)];
    const injected = call ? [...only, "-e", `trace=${call.name}`, "-e", `inject=${call.name}:${what}:when=${call.number}`] : [];
    const tracer = run("strace", ["-y", "-o", log, ...injected, "-p", String(this.child.pid)], process.env);
    await tracer.hear(/attached/);
    this.child.stdin.write(`${access}\n`);
    // Nobody has half a minute to wait until a lock that could not be removed is dead.
    const late = setTimeout(() => this.age("auth.json.lock"), 1000);
    const answered = await this.answer();
    clearTimeout(late);
    tracer.child.kill("SIGINT");
    await tracer.ended;
    return { answered, log: readFileSync(log, "utf8").split("\n") };
  }

  /** Makes a file look as if it had been left long ago. */
  age(name) {
    age(this.it.path(name), 60_000);
  }

  /** The access token in the file, which is whole. */
  get saved() {
    const { openai, anthropic, ...rest } = JSON.parse(this.it.read("auth.json"));
    assert.deepEqual([openai, rest, Object.keys(anthropic)], [OTHER, {}, ["type", "refresh", "access", "expires"]]);
    return anthropic.access;
  }
}
