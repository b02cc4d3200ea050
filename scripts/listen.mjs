// `npm run listen`. Needs nothing but Node 20: installs what is missing, then hands over to the bundled Node.
import { becomeBundledNode, installWhatIsMissing } from "./bootstrap.mjs";

installWhatIsMissing();
becomeBundledNode("scripts/listener.mjs", process.argv.slice(2));
