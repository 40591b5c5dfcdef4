/** Opens a browser without a shell. The core decides on the programs and their environment. */
import { spawn } from "node:child_process";

import { shippedCore } from "./module.js";

/** How long a program is watched before it counts as one that works, in milliseconds. */
const WATCHED_MS = 1000;

/**
 * Opens `url`; tells whether a program was started that should show it. Honours BROWSER. Nothing is
 * watched any more once `over` is aborted.
 */
export async function openBrowser(
  url: string,
  environment: NodeJS.ProcessEnv,
  over: AbortSignal,
): Promise<boolean> {
  const commands = shippedCore().call("browser_commands", {
    url,
    browser: environment["BROWSER"] ?? "",
    is_wsl: Boolean(environment["WSL_DISTRO_NAME"]),
    system: systemOf(process.platform),
  });
  const inherited = withoutSecrets(environment);
  for (const [program, ...parameters] of commands) {
    if (program !== undefined && (await starts(program, parameters, inherited, over))) return true;
  }
  return false;
}

function systemOf(platform: NodeJS.Platform): "freedesktop" | "mac" | "windows" {
  if (platform === "win32") return "windows";
  return platform === "darwin" ? "mac" : "freedesktop";
}

/** The variables that a browser may see. */
function withoutSecrets(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const set = (pair: [string, string | undefined]): pair is [string, string] => pair[1] !== undefined;
  const variables = Object.entries(environment).filter(set);
  const secret = new Set(shippedCore().call("secret_variables", { variables }));
  return Object.fromEntries(variables.filter(([name]) => !secret.has(name)));
}

async function starts(
  program: string,
  parameters: string[],
  env: NodeJS.ProcessEnv,
  over: AbortSignal,
): Promise<boolean> {
  return new Promise((resolve) => {
    // A session of its own has no terminal that a program could take.
    const child = spawn(program, parameters, { stdio: "ignore", detached: true, env });
    const end = (worked: boolean): void => {
      clearTimeout(timer);
      over.removeEventListener("abort", stop);
      resolve(worked);
    };
    const stop = (): void => end(true);
    // One that fails does so at once; one that stays is the browser itself.
    const timer = setTimeout(stop, WATCHED_MS);
    over.addEventListener("abort", stop, { once: true });
    if (over.aborted) stop();
    child.once("error", () => end(false));
    child.once("exit", (code) => end(code === 0));
    child.unref();
  });
}
