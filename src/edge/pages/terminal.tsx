/** The terminal: shop staff pick products, show the live code, and watch the payer become a customer. Its script fills in what is live. */
import { languages, type Language } from "../language.ts";
import { messages } from "../messages.ts";
import { terminalMessages, type TerminalMessages } from "../terminal-messages.ts";
import { Frame, Mark } from "./frame.tsx";

type Words = { readonly words: TerminalMessages };

export function TerminalPage({ language, script }: { readonly language: Language; readonly script: string }) {
  const words = terminalMessages[language];
  return (
    <Frame language={language} title={words.title} script={script}>
      <main
        class="till"
        id="terminal"
        data-wrong={words.keyWrong}
        data-failed={words.failed}
        data-offline={words.offline}
      >
        <header class="bar">
          <h1>
            <bdi id="merchant">{words.title}</bdi>
          </h1>
          <nav>
            {languages
              .filter((other) => other !== language)
              .map((other) => (
                <a class="link" href={`/terminal?lang=${other}`} lang={other} hreflang={other}>
                  {messages[other].languageName}
                </a>
              ))}
            <button class="link" type="button" id="forget" hidden>
              {words.signOut}
            </button>
          </nav>
        </header>
        <noscript>
          <p class="notice">{words.needsScript}</p>
        </noscript>
        <p class="notice" id="fault" role="alert" hidden />
        <SignIn words={words} />
        <Counter words={words} />
        <Showing words={words} />
      </main>
    </Frame>
  );
}

const SignIn = ({ words }: Words) => (
  <form class="card" id="signin" hidden>
    <div class="field">
      <label for="key">{words.keyLabel}</label>
      <input
        id="key"
        type="password"
        required
        autocomplete="off"
        autocapitalize="off"
        spellcheck={false}
        placeholder="hk_…"
      />
      <p class="soft small">{words.keyHint}</p>
    </div>
    <button class="button" type="submit">
      {words.open}
    </button>
  </form>
);

const Counter = ({ words }: Words) => (
  <div class="counter" id="counter" hidden>
    <section aria-label={words.products}>
      <div class="products" id="products" />
      <p class="soft" id="no-products" hidden>
        {words.noProducts}
      </p>
    </section>
    <section class="card basket" aria-label={words.cart}>
      <h2>{words.cart}</h2>
      <p class="soft" id="cart-empty">
        {words.cartEmpty}
      </p>
      <ul id="cart" />
      <p class="sumline">
        <span>{words.total}</span>
        <strong id="total" aria-live="polite" />
      </p>
      <button class="button" type="button" id="place" disabled data-busy={words.placing}>
        {words.place}
      </button>
    </section>
    <template id="product">
      <button class="product" type="button" aria-pressed="false">
        <bdi class="name" data-slot="name" />
        <span class="soft">
          <span data-slot="price" />{" "}
          <span class="small" data-slot="sold-out">
            {words.soldOut}
          </span>
        </span>
      </button>
    </template>
    <template id="cart-line">
      <li>
        <span>
          <bdi data-slot="name" />
          <br />
          <span class="soft small" data-slot="sum" />
        </span>
        <span class="steps">
          <button class="step" type="button" data-slot="less" aria-label={words.less}>
            −
          </button>
          <span class="count" data-slot="count" />
          <button class="step" type="button" data-slot="more" aria-label={words.more}>
            +
          </button>
        </span>
      </li>
    </template>
  </div>
);

const Showing = ({ words }: Words) => (
  <section class="showing" id="showing" hidden aria-label={words.codeTitle}>
    <div class="card codebox" id="codebox">
      <Mark name="tick" />
      <h2 tabindex={-1} id="code-title">
        {words.codeTitle}
      </h2>
      <p class="amount" id="amount" />
      <p class="soft small">
        {words.order} <span id="number" />
      </p>
      <a id="code-link" target="_blank" rel="noopener">
        <img id="qr" alt={words.codeAlt} width="352" height="352" />
      </a>
      <p
        class="outcome"
        id="outcome"
        role="status"
        data-open={words.waiting}
        data-scanned={words.isScanned}
        data-paying={words.isPaying}
        data-paid={words.isPaid}
        data-converted={words.isConverted}
        data-named={words.isConvertedName}
        data-review={words.isReview}
        data-expired={words.isExpired}
        data-cancelled={words.isCancelled}
      />
      <ol class="progress" id="progress">
        <li data-step="placed">{words.placed}</li>
        <li data-step="scanned">{words.scanned}</li>
        <li data-step="paying">{words.paying}</li>
        <li data-step="paid">{words.paid}</li>
        <li data-step="converted">{words.converted}</li>
      </ol>
    </div>
    <button class="button plain" type="button" id="new-sale">
      {words.newSale}
    </button>
  </section>
);
