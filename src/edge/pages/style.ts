/**
 * The one style sheet of every page, inline so that a phone needs a single answer to show what is to be paid. Constant: the policy names its
 * hash. System fonts, light and dark, and nothing that moves when the system asks for calm.
 */
export const style = `
:root{color-scheme:light dark;--paper:#f4f3ee;--card:#fff;--ink:#15211c;--soft:#5b6862;--line:#e4e3dc;--accent:#0b6b4f;--on-accent:#fff;--tint:#e7f2ed;--warn:#8a5200;--warn-tint:#fdf3e1;--shadow:0 1px 2px #0000000a,0 12px 32px -12px #0f2a1f24}
@media (prefers-color-scheme:dark){:root{--paper:#0e1311;--card:#171e1b;--ink:#e9efec;--soft:#9fada6;--line:#2a332f;--accent:#3fcb97;--on-accent:#04241a;--tint:#16302699;--warn:#f0b765;--warn-tint:#33270f;--shadow:none}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;min-height:100vh;min-height:100dvh;background:var(--paper);color:var(--ink);font:400 1rem/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"PingFang SC","Hiragino Sans GB","Microsoft YaHei","Noto Sans CJK SC","Noto Sans SC",sans-serif;overflow-wrap:anywhere;font-variant-numeric:tabular-nums;-webkit-font-smoothing:antialiased}
h1,h2,p,ul,ol,dl,dd{margin:0;padding:0}
ul,ol{list-style:none}
[hidden]{display:none!important}
a{color:var(--accent)}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
.sheet{display:flex;flex-direction:column;max-width:27rem;min-height:100vh;min-height:100dvh;margin:0 auto;padding:1.25rem 1rem calc(1.25rem + env(safe-area-inset-bottom))}
.docs{max-width:60rem}
.docs>*+*{margin-top:.75rem}
.docs td{vertical-align:top;padding:.25rem 1rem .25rem 0}
.docs pre{overflow:auto}
.card{background:var(--card);border-radius:1.25rem;box-shadow:var(--shadow);padding:1.5rem 1.25rem}
.card+.card{margin-top:.75rem}
.merchant{display:flex;gap:.75rem;align-items:center;margin:0 .25rem 1rem}
.seal{flex:none;display:grid;place-items:center;width:2.75rem;height:2.75rem;border-radius:.9rem;background:var(--accent);color:var(--on-accent);font-size:1.25rem;font-weight:600}
.merchant h1{font-size:1.125rem;line-height:1.3;font-weight:650;display:-webkit-box;-webkit-line-clamp:3;-webkit-box-orient:vertical;overflow:hidden}
.soft{color:var(--soft)}
.small{font-size:.875rem}
.hero{text-align:center;padding:.25rem 0 1.25rem}
.amount{font-size:min(12vw,3rem);line-height:1.15;font-weight:700;letter-spacing:-.025em}
.amount.wide{font-size:min(9vw,2.25rem)}
.amount.widest{font-size:min(7vw,1.75rem)}
.lines:not(:first-child){border-top:1px solid var(--line)}
.lines:first-child{margin-top:-.75rem}
.lines li,.sums div{display:flex;justify-content:space-between;gap:1rem;padding:.75rem 0}
.lines li+li{border-top:1px solid var(--line)}
.lines .name{display:-webkit-box;-webkit-line-clamp:3;-webkit-box-orient:vertical;overflow:hidden}
.price{flex:none;text-align:end;max-width:60%}
.sums{border-top:1px solid var(--line);padding-top:.5rem;margin-bottom:-.375rem}
.sums div{padding:.3rem 0}
.sums dt{color:var(--soft);flex:none}
.sums dd{text-align:end}
.sums .sum{font-weight:650}
.sums .sum dt{color:inherit}
.card.state{text-align:center;padding:1.75rem 1.25rem}
.state h2{font-size:1.375rem;line-height:1.3;font-weight:650;margin:.75rem 0 .375rem}
.mark{width:4rem;height:4rem;color:var(--soft)}
.good .mark{color:var(--accent)}
.state p+p{margin-top:.5rem}
.state .button,.state .sums{margin-top:1.25rem}
.scan{margin:1rem auto}
.scan svg{display:block;width:min(100%,16rem);height:auto;margin:0 auto;border-radius:1rem}
.greeting{font-size:1.0625rem;font-weight:600}
.notice{background:var(--warn-tint);color:var(--warn);border-radius:.875rem;padding:.75rem 1rem;margin-bottom:.75rem}
.calm{background:var(--tint);color:var(--ink);border-radius:.875rem;padding:.75rem 1rem;margin-bottom:.75rem}
.calm strong{display:block}
.apart{margin-top:1rem}
.act{position:sticky;bottom:0;margin:auto -1rem 0;padding:1.5rem 1rem .75rem;background:linear-gradient(to top,var(--paper) calc(100% - 1.25rem),transparent)}
.act form,form.act{display:grid;gap:.625rem}
.button{appearance:none;display:flex;flex-direction:column;justify-content:center;align-items:center;width:100%;min-height:3.5rem;padding:.75rem 1.25rem;border:0;border-radius:1rem;background:var(--accent);color:var(--on-accent);font:inherit;font-size:1.0625rem;font-weight:650;line-height:1.3;text-align:center;text-decoration:none;cursor:pointer;touch-action:manipulation}
.button small{font-size:.8125rem;font-weight:450;opacity:.86}
.button:hover{filter:brightness(1.06)}
.button:active{transform:translateY(1px)}
.button[aria-disabled=true],.button:disabled{opacity:.55;cursor:default}
.button.plain{background:var(--card);color:var(--ink);box-shadow:inset 0 0 0 1px var(--line)}
.under{display:flex;justify-content:center;flex-wrap:wrap;gap:.25rem 1rem;padding-top:.875rem;text-align:center}
.wait .mark{animation:turn 1.6s linear infinite}
@keyframes turn{to{transform:rotate(1turn)}}
@media (prefers-reduced-motion:reduce){*{animation:none!important;transition:none!important}}
@media (min-width:40rem){.sheet{padding-top:3rem}.act{position:static}}
.till{max-width:64rem;margin:0 auto;padding:1rem 1rem calc(1rem + env(safe-area-inset-bottom))}
.bar{display:flex;align-items:center;justify-content:space-between;gap:1rem;margin-bottom:1rem}
.bar h1{font-size:1.125rem;line-height:1.3;font-weight:650}
.bar nav{display:flex;flex:none;gap:.875rem}
#signin{max-width:27rem;margin:0 auto}
.link{appearance:none;border:0;background:none;color:var(--soft);font:inherit;font-size:.875rem;text-decoration:underline;cursor:pointer;padding:.75rem .25rem}
.field{display:grid;gap:.375rem;margin-bottom:.875rem}
.field input{font:inherit;min-height:3rem;padding:.5rem .875rem;border:1px solid var(--line);border-radius:.75rem;background:var(--paper);color:var(--ink);width:100%}
.asks{margin-top:.875rem}
.asks .button{margin-top:.75rem}
.consent{display:flex;gap:.625rem;align-items:flex-start;padding:.375rem 0}
.consent input{flex:none;width:1.25rem;height:1.25rem;margin:.125rem 0 0}
.code{font:650 1.25rem/1.4 ui-monospace,Menlo,Consolas,monospace;letter-spacing:.06em}
.counter{display:grid;gap:.75rem}
@media (min-width:52rem){.counter{grid-template-columns:1fr 22rem;align-items:start}.counter .basket{position:sticky;top:1rem}}
.products{display:grid;grid-template-columns:repeat(auto-fill,minmax(9.5rem,1fr));gap:.625rem}
.product{appearance:none;display:flex;flex-direction:column;justify-content:space-between;gap:.75rem;min-height:6.5rem;padding:.875rem 1rem;border:1px solid var(--line);border-radius:1rem;background:var(--card);color:var(--ink);font:inherit;text-align:start;cursor:pointer;touch-action:manipulation}
.product:hover{border-color:var(--accent)}
.product .name{display:-webkit-box;-webkit-line-clamp:3;-webkit-box-orient:vertical;overflow:hidden;line-height:1.35;font-weight:550}
.product[aria-pressed=true]{border-color:var(--accent);background:var(--tint)}
.basket li{display:grid;grid-template-columns:1fr auto;gap:.25rem .75rem;padding:.625rem 0;border-bottom:1px solid var(--line)}
.steps{display:inline-flex;align-items:center;gap:.25rem}
.step{appearance:none;width:2.75rem;height:2.75rem;border:1px solid var(--line);border-radius:.75rem;background:var(--card);color:var(--ink);font:inherit;font-size:1.25rem;cursor:pointer;touch-action:manipulation}
.count{min-width:2ch;text-align:center;font-weight:600}
.sumline{display:flex;justify-content:space-between;align-items:baseline;gap:1rem;padding:1rem 0}
.sumline strong{font-size:1.625rem;letter-spacing:-.02em}
.showing{display:grid;gap:.75rem;justify-items:stretch}
.codebox{text-align:center}
.codebox img{display:block;width:min(100%,22rem,58vh);aspect-ratio:1;margin:.5rem auto;border-radius:1rem;background:#fff}
.codebox .mark{display:none;margin:0 auto .5rem}
.codebox.over img,.codebox.over h2{display:none}
.codebox.good .mark{display:block;color:var(--accent)}
.codebox.over+.button{background:var(--accent);color:var(--on-accent);box-shadow:none}
.progress{display:grid;grid-auto-flow:column;grid-auto-columns:1fr;gap:.25rem;margin:.75rem -.5rem 0}
.progress li{font-size:.75rem;line-height:1.3;letter-spacing:-.01em;color:var(--soft);border-top:.25rem solid var(--line);padding-top:.375rem;text-align:center;overflow-wrap:normal}
.progress li[data-done=true]{color:var(--ink);border-color:var(--accent)}
.outcome{font-size:1.25rem;font-weight:650;line-height:1.35;margin-top:.75rem}
@media (min-width:52rem){.showing{max-width:34rem;margin:0 auto}}
`;
