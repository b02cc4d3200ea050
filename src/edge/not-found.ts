/** One answer for malformed, forged and unknown codes, the same to the byte: a guess learns nothing. Says itself in every language at once. */
import { page } from "./headers.ts";
import { style } from "./pages/style.ts";

const markup = `<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>No such code</title><style>${style}</style></head><body><main class="sheet"><section class="card state"><h1>No such code</h1><p class="soft">Please scan it again, or ask for a new one.</p><h2 lang="zh-CN">没有此付款码</h2><p class="soft" lang="zh-CN">请重新扫描，或向商家索取新的付款码。</p></section></main></body></html>`;

export const notFound = (): Response => page(markup, { status: 404 });
