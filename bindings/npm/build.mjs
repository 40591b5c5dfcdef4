// Builds the package into dist: `node build.mjs [MODULE.wasm]`; with --check only tells whether it is whole.
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, "dist");
const license = join(here, "LICENSE");
const argument = process.argv[2];

if (argument === "--check") {
  const parts = ["index.js", "core.js", "pi-extension.js", "core.wasm"].map((it) => join(dist, it));
  const missing = [...parts, license].filter((it) => !existsSync(it));
  if (missing.length > 0) {
    console.error(`The package is not built (${missing.join(", ")}): run \`npm run build\`.`);
    process.exit(1);
  }
} else {
  const target = process.env.CARGO_TARGET_DIR ?? join(here, "../../target");
  const wasm = argument ?? join(target, "wasm/pi_auth.wasm");
  if (!existsSync(wasm)) {
    console.error(`There is no ${wasm}: run \`cargo xtask wasm\`, or name the module.`);
    process.exit(1);
  }
  // What was once built and is no more must not be shipped.
  rmSync(dist, { recursive: true, force: true });
  const tsc = join(here, "node_modules/typescript/bin/tsc");
  execFileSync(process.execPath, [tsc, "--project", here], { stdio: "inherit" });
  copyFileSync(wasm, join(dist, "core.wasm"));
  copyFileSync(join(here, "../../LICENSE"), license);
}
