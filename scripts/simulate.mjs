// `npm run simulate -- --seeds 1000 --from 1`: more days of simulated shops than the tests play. See docs/simulation.md.
import { installWhatIsMissing } from "./bootstrap.mjs";
import { runTool } from "./project.mjs";

installWhatIsMissing();
const { ok } = runTool("node", ["test/simulation/play.ts", ...process.argv.slice(2)]);
process.exitCode = ok ? 0 : 1;
