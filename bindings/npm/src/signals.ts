/** Signals that have to wait: between a provider's answer and the file, a token exists nowhere else. */
import { constants } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";

const SIGNALS: NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP"];

/** How long a signal that is let through may take to arrive, in milliseconds. */
const ARRIVAL_MS = 100;

/** How many jobs are in such a stretch. */
let jobs = 0;
/** The signals that are held meanwhile, and the one that came. */
let held: NodeJS.Signals[] = [];
let came: NodeJS.Signals | undefined;

/**
 * Keeps signals from ending this process, unless the program deals with them itself. Gives what ends
 * this, once: after the last of several, a signal that came meanwhile goes its way.
 */
export function holdSignals(): () => Promise<void> {
  jobs += 1;
  if (jobs === 1) {
    held = SIGNALS.filter((signal) => !isHandled(signal));
    for (const signal of held) process.on(signal, hold);
  }
  return async () => {
    jobs -= 1;
    if (jobs > 0) return;
    for (const signal of held) process.off(signal, hold);
    const signal = came;
    came = undefined;
    if (!signal) return;
    passOn(signal);
    // It arrives by the event loop: a program that is done must not end as if nothing had happened.
    await sleep(ARRIVAL_MS);
  };
}

/** Sends a signal that was held to this process, to end it as if it had come just now. */
export function passOn(signal: NodeJS.Signals): void {
  try {
    process.kill(process.pid, signal);
  } catch {
    // Windows can tell of a closed console, and cannot send that: ENOSYS.
    process.exit(128 + constants.signals[signal]);
  }
}

function hold(signal: NodeJS.Signals): void {
  came ??= signal;
}

/**
 * Whether the program has a handler of its own. Those of npm's signal-exit, which removes locks when
 * a process ends, do not count: they leave the decision to whoever else is there.
 */
function isHandled(signal: NodeJS.Signals): boolean {
  const emitters = process as unknown as Record<PropertyKey, { count?: number } | undefined>;
  const keys = ["__signal_exit_emitter__", Symbol.for("signal-exit emitter")];
  const passive = keys.reduce((sum, key) => sum + (emitters[key]?.count ?? 0), 0);
  return process.listenerCount(signal) > passive;
}
