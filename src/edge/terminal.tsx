/** `GET /terminal`: the page only; all it does goes through the graph with the key that staff enter. */
import { assetPath } from "./assets.ts";
import { page } from "./headers.ts";
import { chooseLanguage } from "./language.ts";
import { render } from "./pages/frame.tsx";
import { TerminalPage } from "./pages/terminal.tsx";

export async function terminalDoor(request: Request): Promise<Response> {
  const asked = new URL(request.url).searchParams.get("lang");
  const language = chooseLanguage({ asked, acceptLanguage: request.headers.get("accept-language"), fallback: "en" });
  const markup = <TerminalPage language={language} script={assetPath("terminal")} />;
  return page(await render(markup), { headers: { "content-language": language, vary: "accept-language" } });
}
