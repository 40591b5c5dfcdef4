// Behaviour on Windows, as far as another machine can show it.
import assert from "node:assert/strict";
import { constants } from "node:os";
import { test } from "node:test";

import { passOn } from "../dist/signals.js";
import { belowHome } from "../dist/store/places.js";

test("a tilde leads home before either slash on Windows, and elsewhere before one", () => {
  for (const [path, windows, unix] of [
    ["~", "", ""],
    ["~/pi", "pi", "pi"],
    ["~\\pi", "pi", undefined],
    ["~\\a\\b", "a\\b", undefined],
    ["~user/pi", undefined, undefined],
    ["C:\\~\\pi", undefined, undefined],
    ["", undefined, undefined],
  ]) {
    assert.deepEqual([belowHome(path, "win32"), belowHome(path, "linux"), belowHome(path, "darwin")], [windows, unix, unix], path);
  }
});

test("a signal that cannot be sent ends the process as it would have, and throws nothing", (context) => {
  const kill = context.mock.method(process, "kill", () => {
    throw Object.assign(new Error("kill ENOSYS"), { code: "ENOSYS" });
  });
  const exit = context.mock.method(process, "exit", () => {});
  for (const signal of ["SIGHUP", "SIGINT", "SIGTERM"]) passOn(signal);
  kill.mock.restore();
  exit.mock.restore();
  assert.deepEqual(kill.mock.calls.map((call) => call.arguments), ["SIGHUP", "SIGINT", "SIGTERM"].map((it) => [process.pid, it]));
  assert.deepEqual(exit.mock.calls.map((call) => call.arguments), ["SIGHUP", "SIGINT", "SIGTERM"].map((it) => [128 + constants.signals[it]]));
});
