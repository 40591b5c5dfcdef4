// The package as its users get it: packed, and installed from the tarball in a fresh folder.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The built package. */
export const here = fileURLToPath(new URL("..", import.meta.url));
export const manifest = JSON.parse(readFileSync(join(here, "package.json"), "utf8"));

/** The folder of a program that has installed it. */
export const folder = mkdtempSync(join(tmpdir(), "pi-auth-pack-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

const npm = (parameters, cwd) => {
  const quiet = ["--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"];
  return execFileSync("npm", [...parameters, ...quiet], { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
};

/** What `npm pack` says of it. */
export const [packed] = JSON.parse(npm(["pack", "--json", "--pack-destination", folder], here));
export const tarball = join(folder, packed.filename);

writeFileSync(join(folder, "package.json"), '{"private":true,"type":"module"}');
npm(["install", "--ignore-scripts", "--omit=dev", tarball], folder);

/** The package in there. */
export const installed = join(folder, "node_modules/pi-auth");

/** Runs a module in there to its end; gives what it has printed. */
export const node = (source) =>
  execFileSync(process.execPath, ["--input-type=module", "--eval", source], { cwd: folder, encoding: "utf8" });

/** Runs one of the development tools. */
export const tool = (path, parameters) =>
  execFileSync(process.execPath, [join(here, "node_modules", path), ...parameters], { cwd: folder, encoding: "utf8" });

/** Compiles these files in there, without writing anything; throws what is wrong with them. */
export function compile(files, options = {}) {
  const types = join(folder, "node_modules/@types");
  rmSync(types, { force: true });
  symlinkSync(join(here, "node_modules/@types"), types);
  const compilerOptions = { target: "ES2022", module: "NodeNext", strict: true, noEmit: true, types: ["node"], lib: ["ES2022"], ...options };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files }));
  try {
    tool("typescript/bin/tsc", ["--project", folder]);
  } catch (error) {
    throw new Error(error.stdout);
  }
}
