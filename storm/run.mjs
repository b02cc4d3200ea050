// `npm run storm`. Needs nothing but Node 20: installs what is missing, then hands over to the bundled Node.
import { becomeBundledNode, installWhatIsMissing } from "../scripts/bootstrap.mjs";

installWhatIsMissing();
becomeBundledNode("storm/main.mjs", process.argv.slice(2));
