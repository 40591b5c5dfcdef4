// Every way in which the sandbox misbehaves and still answers: its name, what it is told (`tests/src/sandbox/fault.rs`),
// the code of the error that an expired token leads to, and words of it. The native host meets the same.
import { readFileSync } from "node:fs";

export const FAULTS = JSON.parse(readFileSync(new URL("../../../tests/every_fault.json", import.meta.url), "utf8"));
