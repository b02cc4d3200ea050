// `npm run mutate`: breaks the core in every small way there is, and sees whether its tests notice. See docs/mutation.md.
import { installWhatIsMissing } from "./bootstrap.mjs";
import { runTool } from "./project.mjs";

installWhatIsMissing();
const { ok } = runTool("node", ["test/mutation/mutate.ts", ...process.argv.slice(2)]);
process.exitCode = ok ? 0 : 1;
