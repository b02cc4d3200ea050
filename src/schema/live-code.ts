import { limits } from "../core/limits.ts";
import type { Order } from "../core/order.ts";
import { stateOf } from "../core/state.ts";
import { builder, shape } from "./builder.ts";
import type { GraphContext, QrDrawing } from "./context.ts";
import { describedEnum } from "./enum.ts";
import { explain } from "./explain.ts";
import { LiveCode } from "./nouns.ts";
import { OrderState } from "./order-state.ts";
import { priced } from "./price.ts";
import { badRequest } from "./refusals.ts";

const QrFormat = describedEnum<QrDrawing["format"]>("QrFormat", "How an image is written.", {
  SVG: "Sharp at every size.",
  PNG: "For programs that cannot show SVG.",
});
const QrErrorCorrection = describedEnum<QrDrawing["errorCorrection"]>(
  "QrErrorCorrection",
  "How much of a QR code may be dirty or torn.",
  {
    L: "About 7 %.",
    M: "About 15 %.",
    Q: "About 25 %.",
    H: "About 30 %.",
  },
);

const QrImage = builder.objectRef<QrDrawing>("QrImage").implement({
  description: "A QR code, as a picture.",
  ...shape,
  fields: (t) => ({
    url: t.field({
      type: "URL",
      description: "Where the picture can be fetched by anyone; it never changes.",
      resolve: imageUrlOf,
    }),
    dataUri: t.string({
      description: "The picture itself, to be put into a page as it is.",
      ...priced({ points: 20 }),
      resolve: (drawing, _args, { qrImage }) => qrImage(drawing).then(({ dataUri }) => dataUri),
    }),
    size: t.exposeInt("size", { description: "Width and height in pixels." }),
  }),
});

/** The address of the very image that is inside `dataUri`. */
function imageUrlOf({ url, format, size, margin, errorCorrection }: QrDrawing): string {
  return `${url}/qr.${format.toLowerCase()}?size=${size}&margin=${margin}&ecc=${errorCorrection}`;
}

const slugOf = ({ terms }: Order, { deps }: GraphContext): string => deps.keys.slug(terms.key);
const urlOf = (order: Order, context: GraphContext): string => `${context.deps.origin}/c/${slugOf(order, context)}`;

LiveCode.implement({
  description: "What the payer scans: one code for the whole life of an order, leading wherever the order is by then.",
  ...shape,
  fields: (t) => ({
    slug: t.string({
      description: "What the URL ends in. Whoever knows it can see and pay the order.",
      resolve: (order, _args, context) => slugOf(order, context),
    }),
    url: t.field({
      type: "URL",
      description: "What the QR image encodes; never changes, whatever it leads to.",
      resolve: (order, _args, context) => urlOf(order, context),
    }),
    state: t.field({
      type: OrderState,
      description: "The order's state.",
      resolve: (order, _args, { deps }) => stateOf(order, deps.now()),
    }),
    scans: t.field({
      type: "SafeInt",
      description: "How often people scanned it; robots and previews do not count.",
      resolve: ({ scans }) => scans.count,
    }),
    firstScannedAt: t.field({
      type: "DateTime",
      nullable: true,
      description: "When somebody first scanned it.",
      resolve: ({ scans }) => scans.firstAt,
    }),
    expiresAt: t.field({
      type: "DateTime",
      description: "Until when it can be paid.",
      resolve: ({ expiresAt }) => expiresAt,
    }),
    qr: t.field({
      type: QrImage,
      description: "The code as a picture.",
      args: {
        format: t.arg({
          type: QrFormat,
          required: true,
          defaultValue: "SVG",
          description: "How the picture is written.",
        }),
        size: t.arg.int({
          required: true,
          defaultValue: limits.qrSizePx.default,
          description: `Width and height in pixels, ${limits.qrSizePx.min} to ${limits.qrSizePx.max}.`,
        }),
        margin: t.arg.int({
          required: true,
          defaultValue: 4,
          description: `The quiet zone in modules, 0 to ${limits.qrMarginModulesMax}.`,
        }),
        errorCorrection: t.arg({
          type: QrErrorCorrection,
          required: true,
          defaultValue: "M",
          description: "How much of it may be dirty or torn.",
        }),
      },
      resolve: (order, options, context) => {
        const { size, margin } = options;
        const { min, max } = limits.qrSizePx;
        if (size < min || size > max) throw badRequest(`size must be from ${min} to ${max}.`);
        if (margin < 0 || margin > limits.qrMarginModulesMax)
          throw badRequest(`margin must be from 0 to ${limits.qrMarginModulesMax}.`);
        return { ...options, url: urlOf(order, context) };
      },
    }),
    explain: t.stringList({
      description: "Why the code is in this state and leads where it leads, rule by rule.",
      resolve: (order, _args, { deps }) => explain(order, deps.now()),
    }),
  }),
});
