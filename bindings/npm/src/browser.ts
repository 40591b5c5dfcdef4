/** Opening a browser, without a shell. */
import { spawn } from "node:child_process";

/** How long a program is watched before it counts as one that works, in milliseconds. */
const WATCHED_MS = 1000;

/** Opens `url`; tells whether something was started that should show it. BROWSER is honoured. */
export async function openBrowser(url: string, environment: NodeJS.ProcessEnv): Promise<boolean> {
  const { protocol } = new URL(url);
  if (protocol !== "https:" && protocol !== "http:") return false;
  for (const [program, ...parameters] of commands(url, environment)) {
    if (program !== undefined && (await starts(program, parameters, environment))) return true;
  }
  return false;
}

/** What to try, in order: a program and its arguments, of which the URL is always one of its own. */
function commands(url: string, environment: NodeJS.ProcessEnv): string[][] {
  const named = environment["BROWSER"];
  if (named) {
    // Several with colons between them; `%s` stands for the URL, which comes last without one.
    return named.split(":").map((command) => {
      const words = command.split(/\s+/).filter(Boolean);
      const filled = words.map((word) => word.replaceAll("%s", () => url));
      return command.includes("%s") ? filled : [...filled, url];
    });
  }
  switch (process.platform) {
    case "darwin":
      return [["open", url]];
    case "win32":
      return [["rundll32", "url.dll,FileProtocolHandler", url]];
    default: {
      const wsl = environment["WSL_DISTRO_NAME"] ? [["wslview", url]] : [];
      return [...wsl, ["xdg-open", url], ["gio", "open", url]];
    }
  }
}

async function starts(
  program: string,
  parameters: string[],
  env: NodeJS.ProcessEnv,
): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(program, parameters, { stdio: "ignore", detached: true, env });
    // One that fails does so at once; one that stays is the browser itself.
    const timer = setTimeout(() => resolve(true), WATCHED_MS);
    const end = (worked: boolean): void => {
      clearTimeout(timer);
      resolve(worked);
    };
    child.once("error", () => end(false));
    child.once("exit", (code) => end(code === 0));
    child.unref();
  });
}
