import { createProduct } from "../resolvers/create-product.ts";
import { updateProduct } from "../resolvers/update-product.ts";
import { builder, shape } from "./builder.ts";
import { connection } from "./connection.ts";
import { merchantOf } from "./context.ts";
import { loadersOf } from "./loaders.ts";
import { Money, MoneyInput } from "./money.ts";
import { mutation } from "./mutation.ts";
import { findable, Node } from "./node.ts";
import { Product } from "./nouns.ts";

Product.implement({
  description: "The patent's commodity.",
  interfaces: [Node],
  authScopes: { merchant: true },
  fields: (t) => ({
    id: t.exposeID("id", { description: "`product_…`" }),
    sku: t.exposeString("sku", { description: "The merchant's own name of it; unique per merchant." }),
    name: t.exposeString("name", { description: "What the payer reads." }),
    description: t.exposeString("description", { nullable: true, description: "More about it." }),
    price: t.field({
      type: Money,
      description: "For one of it, in the merchant's currency.",
      resolve: ({ price }) => price,
    }),
    imageUrl: t.field({
      type: "URL",
      nullable: true,
      description: "A picture of it.",
      resolve: ({ imageUrl }) => imageUrl,
    }),
    stock: t.exposeInt("stock", { nullable: true, description: "How many may still be sold. Null means not counted." }),
    archived: t.exposeBoolean("archived", { description: "Archived products cannot be ordered." }),
    createdAt: t.field({
      type: "DateTime",
      description: "When it was put on sale.",
      resolve: ({ createdAt }) => createdAt,
    }),
  }),
});
export const ProductConnection = connection(Product, "products");
findable("product", {
  typeName: Product.name,
  anyOf: [],
  load: (context, _caller, id) => loadersOf(context).product(id),
});

mutation("productCreate", {
  description: "Puts something on sale.",
  needs: "CATALOG_WRITE",
  input: builder.inputType("ProductCreateInput", {
    description: "Something to put on sale.",
    fields: (t) => ({
      sku: t.string({ required: true, description: "Your own name of it; unique among your products." }),
      name: t.string({ required: true, description: "What the payer reads." }),
      description: t.string({ description: "More about it." }),
      price: t.field({ type: MoneyInput, required: true, description: "For one of it, in your currency." }),
      imageUrl: t.field({ type: "URL", description: "A picture of it." }),
      stock: t.int({ description: "How many there are; leave out if they are not counted." }),
    }),
  }),
  success: builder.objectRef<{ product: typeof Product.$inferType }>("ProductCreateSuccess").implement({
    description: "It is on sale.",
    ...shape,
    fields: (t) => ({
      product: t.field({ type: Product, description: "The product.", resolve: ({ product }) => product }),
    }),
  }),
  failures: ["VALIDATION"],
  resolve: (input, context) => createProduct(context.deps, merchantOf(context), input),
});

mutation("productUpdate", {
  description: "Changes what is on sale. Orders already placed keep the name and the price they were placed at.",
  needs: "CATALOG_WRITE",
  input: builder.inputType("ProductUpdateInput", {
    description: "What to change. What is left out stays as it is.",
    fields: (t) => ({
      productId: t.id({ required: true, description: "Which product." }),
      name: t.string({ description: "What the payer reads." }),
      description: t.string({ description: "More about it; null takes it away." }),
      price: t.field({ type: MoneyInput, description: "For one of it, in your currency." }),
      imageUrl: t.field({ type: "URL", description: "A picture of it; null takes it away." }),
      stock: t.int({ description: "How many may still be sold; null stops counting." }),
      archived: t.boolean({ description: "Archived products cannot be ordered." }),
    }),
  }),
  success: builder.objectRef<{ product: typeof Product.$inferType }>("ProductUpdateSuccess").implement({
    description: "It is changed.",
    ...shape,
    fields: (t) => ({
      product: t.field({ type: Product, description: "The product as it is now.", resolve: ({ product }) => product }),
    }),
  }),
  failures: ["VALIDATION", "NOT_FOUND"],
  resolve: (input, context) => updateProduct(context.deps, merchantOf(context), input),
});
