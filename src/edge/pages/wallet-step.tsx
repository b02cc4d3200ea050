/** The page between a code and a wallet: a code to scan, a wallet to call, or a form that goes on by itself. Each says what to do without a script. */
import { assetPath } from "../assets.ts";
import { formatMoney } from "../format.ts";
import type { Language } from "../language.ts";
import { messages } from "../messages.ts";
import { drawSvg, qrDefaults } from "../qr.ts";
import type { ShownStep } from "../wallet-step.tsx";
import { Amount, Frame } from "./frame.tsx";

type Props = { readonly slug: string; readonly nonce: string; readonly shown: ShownStep; readonly language: Language };

export function WalletStepPage({ slug, nonce, shown, language }: Props) {
  const words = messages[language];
  const name = words.providers[shown.provider as keyof typeof words.providers] ?? shown.provider;
  const back = (
    <a class="button plain" href={`/c/${slug}`}>
      {words.backToOrder}
    </a>
  );
  return (
    <Frame language={language} title={words.payWith(name)} script={assetPath("wallet")}>
      <main class="sheet" id="wallet" data-events={`/c/${slug}/events`} data-back={`/c/${slug}`} {...handOver(shown)}>
        {"scanText" in shown && (
          <section class="card state">
            <h2>{words.scanTitle(name)}</h2>
            {shown.asks && <Amount text={formatMoney(shown.asks.minor, shown.asks.currency, language)} />}
            <figure
              class="scan"
              dangerouslySetInnerHTML={{ __html: drawSvg({ ...qrDefaults, url: shown.scanText }) }}
            />
            <p class="soft">{words.scanText}</p>
          </section>
        )}
        {"invocation" in shown && (
          <section class="card state" role="status">
            <h2>{words.openingWallet(name)}</h2>
            <p class="soft">{words.openingWalletText}</p>
          </section>
        )}
        <div class="act">
          <form method="post" action={`/c/${slug}/pay`} id={"grant" in shown ? "goes-on" : undefined}>
            <input type="hidden" name="nonce" value={nonce} />
            {"grant" in shown ? (
              <input type="hidden" name="grant" value={shown.grant} />
            ) : (
              <input type="hidden" name="afresh" value="1" />
            )}
            <button class={"grant" in shown ? "button" : "button plain"} name="provider" value={shown.provider}>
              {"grant" in shown ? words.payWith(name) : words.startAfresh}
            </button>
            {back}
          </form>
        </div>
      </main>
    </Frame>
  );
}

const handOver = (shown: ShownStep) =>
  "invocation" in shown ? { "data-invocation": JSON.stringify(shown.invocation) } : {};
