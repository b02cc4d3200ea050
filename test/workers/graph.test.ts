/** What merchants do through the graph: register, sell, place, record, with every mistake answered by name. */
import { env } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";
import { limits } from "../../src/core/limits.ts";
import {
  adminToken,
  ask,
  at,
  cny,
  eachAt,
  fieldsIn,
  openShop,
  placed,
  placing,
  recorded,
  sell,
  tell,
  textAt,
} from "./graph-shop.ts";

const stockOf = async (key: string, id: string) =>
  at(await ask(key, `query ($id: ID!) { node(id: $id) { ... on Product { stock } } }`, { id }), "node.stock");

describe("registering a merchant", () => {
  it("gives a key that may do everything and a sandbox account, and says which fields are wrong", async () => {
    const { key, merchantId, accountId } = await openShop({ locale: "zh-cn", timeZone: "Asia/Shanghai" });
    const { viewer } = await ask(
      key,
      `{ viewer { scopes merchant { id locale timeZone policy { codeLifetimeSeconds latePayment } paymentAccounts { id provider enabled notificationUrl fingerprints } } } }`,
    );
    expect(at(viewer, "scopes")).toHaveLength(11);
    expect(at(viewer, "merchant")).toMatchObject({
      id: merchantId,
      locale: "zh-CN",
      timeZone: "Asia/Shanghai",
      policy: { codeLifetimeSeconds: 7200, latePayment: "HONOR_IF_STOCK" },
      paymentAccounts: [{ id: accountId, provider: "SANDBOX", enabled: true }],
    });
    expect(JSON.stringify(viewer)).not.toMatch(/sandbox_/);

    const register = `mutation ($input: MerchantRegisterInput!) { merchantRegister(input: $input) { ... on ValidationError { code issues { path } } } }`;
    const wrong = { name: " ", slug: "Tea House", currency: "XXX", locale: "not a locale", timeZone: "Mars/Olympus" };
    const { merchantRegister } = await ask(adminToken, register, { input: wrong });
    expect(at(merchantRegister, "code")).toBe("VALIDATION");
    expect(eachAt(merchantRegister, "issues", "path")).toEqual([
      ["input", "slug"],
      ["input", "currency"],
      ["input", "name"],
      ["input", "locale"],
      ["input", "timeZone"],
    ]);
    const taken = await ask(adminToken, register, { input: { name: "Again", slug: "tea-1", currency: "CNY" } });
    expect(at(taken, "merchantRegister.issues")).toEqual([{ path: ["input", "slug"] }]);
  });

  it("changes what is given and leaves the rest, for the very next order", async () => {
    const { key } = await openShop();
    const change = `mutation ($input: MerchantUpdateInput!) { merchantUpdate(input: $input) { ... on MerchantUpdateSuccess { merchant { name locale policy { codeLifetimeSeconds latePayment } } } ... on ValidationError { issues { path } } } }`;
    const { merchantUpdate } = await ask(key, change, {
      input: { name: "Tea & Co", policy: { codeLifetimeSeconds: 600 } },
    });
    expect(merchantUpdate).toEqual({
      merchant: { name: "Tea & Co", locale: "en", policy: { codeLifetimeSeconds: 600, latePayment: "HONOR_IF_STOCK" } },
    });
    const order = await placed(key);
    const { order: told } = await ask(key, `query ($id: ID!) { order(by: { id: $id }) { createdAt expiresAt } }`, {
      id: at(order, "order.id"),
    });
    expect(Date.parse(textAt(told, "expiresAt")) - Date.parse(textAt(told, "createdAt"))).toBe(600_000);
    const refused = await ask(key, change, { input: { policy: { codeLifetimeSeconds: 1 } } });
    expect(at(refused, "merchantUpdate.issues")).toEqual([{ path: ["input", "policy", "codeLifetimeSeconds"] }]);
  });
});

describe("a catalogue", () => {
  it("keeps what is given, takes away what is set to null, and refuses what cannot be", async () => {
    const { key } = await openShop();
    const id = await sell(key, { sku: "A", description: "Green", stock: 3, imageUrl: "https://shop.example/a.png" });
    const create = `mutation ($input: ProductCreateInput!) { productCreate(input: $input) { ... on ValidationError { issues { path } } } }`;
    const paths = async (input: Record<string, unknown>) =>
      fieldsIn(
        at(await ask(key, create, { input: { sku: "B", name: "B", price: cny("1.00"), ...input } }), "productCreate"),
      );
    expect(await paths({ sku: "A" })).toEqual(["sku"]);
    expect(await paths({ name: "", price: cny("-1.00") })).toEqual(["name", "price.amount"]);
    expect(await paths({ price: cny("1.001") })).toEqual(["price.amount"]);
    expect(await paths({ price: cny("99999999999999999") })).toEqual(["price.amount"]);
    expect(await paths({ price: { amount: "1.00", currency: "USD" } })).toEqual(["price.currency"]);
    expect(await paths({ stock: -1, imageUrl: "javascript:alert(1)" })).toEqual(["imageUrl", "stock"]);

    const change = `mutation ($input: ProductUpdateInput!) { productUpdate(input: $input) { __typename ... on ProductUpdateSuccess { product { name description stock archived price { amount } } } ... on NotFoundError { id } } }`;
    const { productUpdate } = await ask(key, change, {
      input: { productId: id, description: null, stock: null, price: cny("21.00") },
    });
    expect(at(productUpdate, "product")).toEqual({
      name: "Longjing",
      description: null,
      stock: null,
      archived: false,
      price: { amount: "21.00" },
    });
    const absent = await ask(key, change, { input: { productId: "product_NOPE", name: "x" } });
    expect(at(absent, "productUpdate")).toEqual({ __typename: "NotFoundError", id: "product_NOPE" });
  });
});

describe("placing an order", () => {
  it("names the field of every mistake", async () => {
    const { key } = await openShop();
    const archived = await sell(key, { sku: "OLD" });
    await ask(key, `mutation ($id: ID!) { productUpdate(input: { productId: $id, archived: true }) { __typename } }`, {
      id: archived,
    });
    const line = { name: "Tea", unitPrice: cny("19.90") };
    const cases: [Record<string, unknown>, string[]][] = [
      [{ lines: [] }, ["lines"]],
      [{ lines: Array.from({ length: 101 }, () => line) }, ["lines"]],
      [{ lines: [{ ...line, quantity: 0 }] }, ["lines.0.quantity"]],
      [{ lines: [line, { ...line, quantity: -1 }] }, ["lines.1.quantity"]],
      [{ lines: [{ ...line, quantity: 10_001 }] }, ["lines.0.quantity"]],
      [{ lines: [{ name: "Tea" }] }, ["lines.0.unitPrice"]],
      [{ lines: [{ unitPrice: cny("1.00") }] }, ["lines.0.name"]],
      [{ lines: [{ productId: archived, name: "x", quantity: 1 }] }, ["lines.0.name", "lines.0.productId"]],
      [{ lines: [{ ...line, unitPrice: { amount: "19.90", currency: "USD" } }] }, ["lines.0.unitPrice.currency"]],
      [{ lines: [{ ...line, unitPrice: { amount: "19.90", currency: "yuan" } }] }, ["lines.0.unitPrice.currency"]],
      [{ lines: [{ ...line, unitPrice: cny("-19.90") }] }, ["lines.0.unitPrice.amount"]],
      [{ lines: [{ ...line, unitPrice: cny("1e3") }] }, ["lines.0.unitPrice.amount"]],
      [{ lines: [{ ...line, unitPrice: cny("19.905") }] }, ["lines.0.unitPrice.amount"]],
      [{ lines: [{ ...line, unitPrice: cny("9999999999.00"), quantity: 10_000 }] }, ["lines"]],
      [{ lines: [{ ...line, unitPrice: cny("0.00") }] }, ["lines"]],
      [{ lines: [line], discount: cny("19.91") }, ["discount.amount"]],
      [{ lines: [line], discount: cny("19.90") }, ["discount.amount"]],
      [{ lines: [line], lifetimeSeconds: 59 }, ["lifetimeSeconds"]],
      [{ lines: [line], lifetimeSeconds: 2_592_001 }, ["lifetimeSeconds"]],
      [{ lines: [line], checkoutUrl: "ftp://shop.example" }, ["checkoutUrl"]],
      [{ lines: [line], checkoutUrl: "https://user@shop.example" }, ["checkoutUrl"]],
      [{ lines: [line], externalReference: "x".repeat(201) }, ["externalReference"]],
      [{ lines: [line], metadata: { note: "x".repeat(5_000) } }, ["metadata"]],
      [{ lines: [line], metadata: JSON.parse("[".repeat(5_000) + "]".repeat(5_000)) as unknown }, ["metadata"]],
      [{ lines: [line], attribution: { channel: "x".repeat(201) } }, ["attribution.channel"]],
    ];
    for (const [input, fields] of cases) {
      const { orderPlace } = await ask(key, placing, { input });
      expect(at(orderPlace, "__typename")).toBe("ValidationError");
      expect(fieldsIn(orderPlace)).toEqual(fields);
    }
    for (const input of [
      { lines: [{ productId: "product_NOPE" }] },
      { lines: [line], conversionBlockId: "block_NOPE" },
      { lines: [line], attribution: { placementId: "placement_NOPE" } },
    ])
      expect(at(await ask(key, placing, { input }), "orderPlace")).toMatchObject({
        __typename: "NotFoundError",
        id: expect.stringMatching(/_NOPE$/) as unknown,
        retryable: false,
      });
    const order = await placed(key, {
      discount: cny("0.90"),
      metadata: { table: [7] },
      attribution: { channel: "counter" },
    });
    expect(order).toMatchObject({
      __typename: "OrderPlaceSuccess",
      replayed: false,
      order: { state: "OPEN", total: { amount: "19.00" } },
    });
  });

  it("with one key makes one order, however often and however much at once it is asked", async () => {
    const { key } = await openShop();
    const product = await sell(key, { sku: "A", stock: 3 });
    const input = { lines: [{ productId: product, quantity: 2 }] };
    const header = { "idempotency-key": "till-7/42" };
    const all = await Promise.all(Array.from({ length: 20 }, () => placed(key, input, header)));
    expect(new Set(all.map((one) => at(one, "order.id"))).size).toBe(1);
    expect(all.filter((one) => !at(one, "replayed"))).toHaveLength(1);
    expect(await stockOf(key, product)).toBe(1);

    // Sold out and archived since: the order is what it was.
    await ask(
      key,
      `mutation ($id: ID!) { productUpdate(input: { productId: $id, archived: true, stock: 0 }) { __typename } }`,
      { id: product },
    );
    expect(await placed(key, input, header)).toMatchObject({ replayed: true, order: { id: at(all, "0.order.id") } });
    const directive = placing.replace(
      "orderPlace(input: $input)",
      'orderPlace(input: $input) @idempotent(key: "till-7/42")',
    );
    expect(at(await ask(key, directive, { input }), "orderPlace")).toMatchObject({ replayed: true });
    expect(at(await ask(key, directive, { input }, header), "orderPlace")).toMatchObject({ replayed: true });
    const other = await ask(key, placing, { input: { lines: [{ productId: product, quantity: 1 }] } }, header);
    expect(at(other, "orderPlace")).toMatchObject({
      __typename: "IdempotencyError",
      code: "IDEMPOTENCY",
      key: "till-7/42",
    });

    const differing = await tell(key, directive, { input }, { "idempotency-key": "another" });
    expect(differing.errors[0]!.extensions.code).toBe("BAD_REQUEST");
    const elsewhere = await openShop();
    expect(await placed(elsewhere.key, {}, header)).toMatchObject({ replayed: false });
  });

  it("takes the stock of what is counted, or says how many are left", async () => {
    const { key } = await openShop();
    const counted = await sell(key, { sku: "A", stock: 2 });
    const free = await sell(key, { sku: "B" });
    const order = (quantity: number) =>
      placed(key, {
        lines: [
          { productId: counted, quantity },
          { productId: free, quantity: 5 },
        ],
      });
    expect(await order(3)).toMatchObject({
      __typename: "OutOfStockError",
      code: "OUT_OF_STOCK",
      available: 2,
      product: { id: counted },
    });
    expect(await order(2)).toMatchObject({ __typename: "OrderPlaceSuccess" });
    expect(await order(1)).toMatchObject({ __typename: "OutOfStockError", available: 0 });
    expect(await stockOf(key, counted)).toBe(0);
  });

  it("gives every order its own short number", async () => {
    const { key } = await openShop();
    const numbers = (await Promise.all(Array.from({ length: 12 }, () => placed(key)))).map((one) =>
      at(one, "order.number"),
    );
    expect(new Set(numbers).size).toBe(12);
    for (const number of numbers) expect(number).toMatch(/^\d{4}$/);
  });

  it("is found again by any of its names", async () => {
    const { key } = await openShop();
    const { order, liveCode } = await placed(key, { externalReference: "web-1" });
    const find = async (by: Record<string, unknown>) =>
      at(await ask(key, `query ($by: OrderBy!) { order(by: $by) { id } }`, { by }), "order");
    await vi.waitFor(async () => expect(await find({ number: at(order, "number") })).toEqual({ id: at(order, "id") }), {
      timeout: 10_000,
    });
    for (const by of [{ id: at(order, "id") }, { liveCode: at(liveCode, "slug") }, { externalReference: "web-1" }])
      expect(await find(by)).toEqual({ id: at(order, "id") });
    for (const by of [
      { id: "order_0000000000000000" },
      { id: "nonsense" },
      { liveCode: "NONSENSE" },
      { number: "1" },
      { externalReference: "x" },
    ])
      expect(await find(by)).toBeNull();
    const two = await tell(key, `{ order(by: { number: "1", id: "2" }) { id } }`);
    expect(two.errors[0]!.extensions.code).toBe("GRAPHQL_VALIDATION_FAILED");
  });
});

describe("an order at the counter", () => {
  const cancelling = `mutation ($input: OrderCancelInput!) { orderCancel(input: $input) { __typename ... on OrderCancelSuccess { order { state } } ... on OrderStateError { code order { state allowedActions } } ... on NotFoundError { id } } }`;
  const extending = `mutation ($input: OrderExtendInput!) { orderExtend(input: $input) { __typename ... on OrderExtendSuccess { order { expiresAt } } ... on ValidationError { issues { path message } } ... on OrderStateError { order { state } } } }`;

  it("is paid in cash, once, and makes the payer a customer whom the merchant finds again", async () => {
    const { key } = await openShop();
    const orderId = at(await placed(key), "order.id");
    expect(await recorded(key, { orderId, amount: cny("19.00") })).toMatchObject({
      __typename: "AmountMismatchError",
      expected: { amount: "19.90" },
      received: { amount: "19.00" },
    });
    expect(await recorded(key, { orderId, amount: { amount: "19.90", currency: "USD" } })).toMatchObject({
      issues: [{ path: ["input", "amount", "currency"] }],
    });
    expect(
      await recorded(key, {
        orderId,
        amount: cny("0.00"),
        reference: " ",
        paidAt: "2999-01-01T00:00:00Z",
        payer: { phone: "call me", email: "at" },
      }),
    ).toMatchObject({
      issues: [
        ["input", "reference"],
        ["input", "amount", "amount"],
        ["input", "paidAt"],
        ["input", "payer", "phone"],
        ["input", "payer", "email"],
      ].map((path) => ({ path })),
    });
    const payment = { orderId, payer: { phone: "+86 138-0000 0000", email: "Li.Lei@Example.com", name: "Li Lei" } };
    const first = await recorded(key, payment, { "idempotency-key": "cash-1" });
    expect(first).toMatchObject({
      replayed: false,
      order: { state: "PAID" },
      conversion: {
        customer: {
          identities: [
            { kind: "PHONE", value: "+8613800000000", verified: false },
            { kind: "EMAIL", value: "li.lei@example.com" },
          ],
        },
      },
    });
    expect(await recorded(key, payment, { "idempotency-key": "cash-1" })).toMatchObject({
      replayed: true,
      order: { state: "PAID" },
    });
    expect(await recorded(key, { ...payment, amount: cny("5.00") }, { "idempotency-key": "cash-1" })).toMatchObject({
      code: "IDEMPOTENCY",
    });
    expect(await recorded(key, { ...payment, reference: "till 2" })).toMatchObject({
      __typename: "OrderStateError",
      order: { state: "PAID", allowedActions: ["REFUND"] },
    });

    const again = at(await placed(key), "order.id");
    const second = await recorded(key, { orderId: again, payer: { phone: "0086 (138) 00000000" } });
    const customer = at(first, "conversion.customer.id");
    expect(at(second, "conversion.customer.id")).toBe(customer);
    await vi.waitFor(
      async () =>
        expect(
          await ask(
            key,
            `query ($id: ID!) { customer(id: $id) { displayName tags ordersPaid lifetimeValue { amount } orders { totalCount } firstConversion { firstTime order { id } } } }`,
            { id: customer },
          ),
        ).toMatchObject({
          customer: {
            displayName: "Li Lei",
            tags: ["paid"],
            ordersPaid: 2,
            lifetimeValue: { amount: "39.80" },
            orders: { totalCount: 2 },
            firstConversion: { firstTime: true, order: { id: orderId } },
          },
        }),
      { timeout: 10_000 },
    );
    const strangers = await Promise.all(
      [1, 2].map(async () => recorded(key, { orderId: at(await placed(key), "order.id"), reference: "cash" })),
    );
    expect(at(strangers, "0.conversion.customer.id")).not.toBe(at(strangers, "1.conversion.customer.id"));
  });

  it("gives money back, in part and in whole, and never more than came in", async () => {
    const { key } = await openShop();
    const orderId = at(await placed(key), "order.id");
    await recorded(key, { orderId });
    const back = async (input: Record<string, unknown>) =>
      at(
        await ask(
          key,
          `mutation ($input: OrderRefundInput!) { orderRefund(input: $input) { __typename
            ... on OrderRefundSuccess { replayed refund { state amount { amount } reason automatic } order { state refunded { amount } conversion { state } } }
            ... on AmountMismatchError { expected { amount } } ... on ValidationError { issues { path } } } }`,
          { input: { orderId, ...input } },
        ),
        "orderRefund",
      );
    expect(await back({ amount: cny("20.00") })).toEqual({
      __typename: "AmountMismatchError",
      expected: { amount: "19.90" },
    });
    expect(await back({ amount: cny("0.00") })).toMatchObject({ issues: [{ path: ["input", "amount", "amount"] }] });
    expect(await back({ amount: cny("5.00"), reason: "cold tea" })).toMatchObject({
      replayed: false,
      refund: { state: "SUCCEEDED", amount: { amount: "5.00" }, reason: "cold tea", automatic: false },
      order: { state: "PAID", refunded: { amount: "5.00" }, conversion: { state: "PARTLY_REVERSED" } },
    });
    expect(await back({})).toMatchObject({
      order: { refunded: { amount: "19.90" }, conversion: { state: "REVERSED" } },
    });
    expect(await back({})).toEqual({ __typename: "OrderStateError" });
  });

  it("gives money back once under one key, at once and later, and puts what was sold back on the shelf with the last of it", async () => {
    const { key } = await openShop();
    const tea = await sell(key, { sku: "tea", stock: 5 });
    const orderId = at(await placed(key, { lines: [{ productId: tea, quantity: 2 }] }), "order.id");
    await recorded(key, { orderId, amount: cny("39.80") });
    const back = async (idempotencyKey: string, input: Record<string, unknown>) =>
      at(
        await ask(
          key,
          `mutation ($input: OrderRefundInput!) { orderRefund(input: $input) { __typename
            ... on OrderRefundSuccess { replayed refund { id amount { amount } } order { refunded { amount } } }
            ... on IdempotencyError { code key } ... on AmountMismatchError { expected { amount } } } }`,
          { input: { orderId, ...input } },
          { "idempotency-key": idempotencyKey },
        ),
        "orderRefund",
      );
    const ten = { amount: cny("10.00"), reason: "cold" };
    const answers = await Promise.all(Array.from({ length: 10 }, () => back("r-1", ten)));
    expect(answers.filter((answer) => at(answer, "replayed") === false)).toHaveLength(1);
    expect(new Set(answers.map((answer) => at(answer, "refund.id"))).size).toBe(1);
    for (const other of [{ ...ten, amount: cny("9.00") }, { ...ten, restock: false }, {}])
      expect(await back("r-1", other)).toEqual({ __typename: "IdempotencyError", code: "IDEMPOTENCY", key: "r-1" });
    expect(await back("r-2", { amount: cny("29.81") })).toMatchObject({ expected: { amount: "29.80" } });
    // What was refused left the key free.
    expect(await back("r-2", ten)).toMatchObject({ replayed: false, order: { refunded: { amount: "20.00" } } });
    await vi.waitFor(async () => expect(await stockOf(key, tea)).toBe(3));
    expect(await back("r-3", {})).toMatchObject({ replayed: false, order: { refunded: { amount: "39.80" } } });
    expect(await back("r-3", {})).toMatchObject({ replayed: true });
    expect(await back("r-1", ten)).toMatchObject({ replayed: true, refund: { amount: { amount: "10.00" } } });
    await vi.waitFor(async () => expect(await stockOf(key, tea)).toBe(5), { timeout: 10_000 });
  });

  it("is extended and called off, or says why not", async () => {
    const { key } = await openShop();
    const orderId = at(await placed(key), "order.id");
    const inHours = (hours: number) => new Date(Date.now() + hours * 3_600_000).toISOString();
    expect(at(await ask(key, extending, { input: { orderId, expiresAt: inHours(5) } }), "orderExtend")).toMatchObject({
      __typename: "OrderExtendSuccess",
    });
    for (const hours of [-1, 24 * 31])
      expect(
        at(await ask(key, extending, { input: { orderId, expiresAt: inHours(hours) } }), "orderExtend"),
      ).toMatchObject({
        issues: [{ path: ["input", "expiresAt"] }],
      });
    for (const _ of [1, 2])
      expect(at(await ask(key, cancelling, { input: { orderId, reason: "closing time" } }), "orderCancel")).toEqual({
        __typename: "OrderCancelSuccess",
        order: { state: "CANCELLED" },
      });
    expect(at(await ask(key, extending, { input: { orderId, expiresAt: inHours(6) } }), "orderExtend")).toEqual({
      __typename: "OrderStateError",
      order: { state: "CANCELLED" },
    });
    const paid = at(await placed(key), "order.id");
    await recorded(key, { orderId: paid });
    expect(at(await ask(key, cancelling, { input: { orderId: paid } }), "orderCancel")).toEqual({
      __typename: "OrderStateError",
      code: "STATE",
      order: { state: "PAID", allowedActions: ["REFUND"] },
    });
    const review = await ask(
      key,
      `mutation ($id: ID!) { orderReviewResolve(input: { orderId: $id, decision: HONOR, note: "x" }) { __typename } }`,
      { id: paid },
    );
    expect(at(review, "orderReviewResolve")).toEqual({ __typename: "OrderStateError" });
    expect(
      at(await ask(key, cancelling, { input: { orderId: "order_0000000000000000" } }), "orderCancel"),
    ).toMatchObject({ __typename: "NotFoundError" });
  });

  it("tells everything about itself, its code and its events", async () => {
    const { key } = await openShop();
    const product = await sell(key, { sku: "A" });
    const { order, liveCode } = await placed(key, { lines: [{ productId: product, quantity: 2 }] });
    await recorded(key, { orderId: at(order, "id"), amount: cny("39.80") });
    const { node } = await ask(
      key,
      `query ($id: ID!) { node(id: $id) { id ... on Order {
        settlement paidLate paidAt received { formatted(locale: "zh-CN") minorUnits } refunded { amount }
        lines { quantity total { amount } product { sku } } merchant { name }
        payments { id provider transaction state duplicate amount { amount } } refunds { id }
        liveCode { slug url state scans explain qr(format: PNG, size: 256) { url size dataUri } }
        conversion { id blockVersion state block { id } target { kind url } actions { key kind state detail } }
        timeline { id type sequence data order { id } }
      } } }`,
      { id: at(order, "id") },
    );
    const url = `https://pay.example/c/${textAt(liveCode, "slug")}`;
    expect(node).toMatchObject({
      settlement: "EXACT",
      paidLate: false,
      received: { formatted: "¥39.80", minorUnits: 3980 },
      refunded: { amount: "0.00" },
      lines: [{ quantity: 2, total: { amount: "39.80" }, product: { sku: "A" } }],
      payments: [
        // By the number that such money has had since the first release.
        {
          id: expect.stringMatching(/^payment_.{16}001K$/) as unknown,
          provider: "MANUAL",
          transaction: "till 1",
          state: "SUCCEEDED",
          duplicate: false,
          amount: { amount: "39.80" },
        },
      ],
      refunds: [],
      liveCode: {
        url,
        state: "PAID",
        qr: {
          url: `${url}/qr.png?size=256&margin=4&ecc=M`,
          size: 256,
          dataUri: expect.stringMatching(/^data:image\/png;base64,/) as unknown,
        },
      },
      conversion: {
        state: "COMMITTED",
        block: null,
        blockVersion: 1,
        target: { kind: "RECEIPT", url },
        actions: [{ key: "tag", kind: "TAG_ADD", state: "DONE", detail: "paid" }],
      },
    });
    expect((at(node, "liveCode.explain") as string[]).join("\n")).toMatch(
      /PAID[^]*Received 39\.80 CNY of 39\.80 CNY[^]*receipt/,
    );
    const types = eachAt(node, "timeline", "type");
    expect(types.slice(0, 3)).toEqual(["ORDER_PLACED", "ORDER_PAID", "CONVERSION_COMMITTED"]);
    expect(at(node, "timeline.0")).toMatchObject({
      sequence: 1,
      data: { orderId: at(order, "id"), sequence: 1 },
      order: { id: at(order, "id") },
    });
    const conversion = at(node, "conversion.id");
    expect(
      at(
        await ask(key, `query ($id: ID!) { node(id: $id) { id __typename ... on Conversion { order { number } } } }`, {
          id: conversion,
        }),
        "node",
      ),
    ).toEqual({ id: conversion, __typename: "Conversion", order: { number: at(order, "number") } });
  });
});

describe("a page of a list", () => {
  it("walks forward and backward over the same things, and refuses what makes no sense", async () => {
    const { key } = await openShop();
    for (const sku of "ABCDEFG") await sell(key, { sku });
    const page = async (args: Record<string, unknown>) =>
      at(
        await ask(
          key,
          `query ($first: Int, $after: String, $last: Int, $before: String) { viewer { merchant { products(first: $first, after: $after, last: $last, before: $before) {
          totalCount edges { cursor node { sku } } nodes { sku } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
        } } } }`,
          args,
        ),
        "viewer.merchant.products",
      );
    const skus = (one: Awaited<ReturnType<typeof page>>): string => eachAt(one, "nodes", "sku").join("");
    let walked = "";
    for (let after: unknown = null; ;) {
      const one = await page({ first: 3, after });
      walked += skus(one);
      expect(eachAt(one, "edges", "node")).toEqual(at(one, "nodes"));
      expect(at(one, "totalCount")).toBe(7);
      if (!at(one, "pageInfo.hasNextPage")) break;
      after = at(one, "pageInfo.endCursor");
    }
    expect(walked).toBe("ABCDEFG");
    const last = await page({ last: 2 });
    expect(skus(last)).toBe("FG");
    expect(skus(await page({ last: 3, before: at(last, "pageInfo.startCursor") }))).toBe("CDE");
    expect(await page({ first: 0 })).toMatchObject({ nodes: [], pageInfo: { startCursor: null, hasNextPage: true } });
    for (const wrong of [{ first: -1 }, { first: 101 }, { first: 1, last: 1 }, { after: "nonsense" }]) {
      const { errors } = await tell(
        key,
        `query ($first: Int, $last: Int, $after: String) { viewer { merchant { products(first: $first, last: $last, after: $after) { totalCount } } } }`,
        wrong,
      );
      expect(errors[0]!.extensions.code).toBe("BAD_REQUEST");
    }
  });

  it("shows orders by what they are, customers by who they are, and events without gaps", async () => {
    const { key } = await openShop();
    for (const reference of ["a", "b", "c"]) {
      const { order } = await placed(key, {
        externalReference: reference,
        attribution: { channel: reference === "c" ? "web" : "counter" },
      });
      if (reference === "a")
        await recorded(key, { orderId: at(order, "id"), payer: { loyalty: "VIP 7", name: "Han Meimei" } });
    }
    const lists = `query ($filter: OrderFilter) { viewer { merchant {
      orders(filter: $filter) { totalCount nodes { externalReference state customer { id } } }
      customers(filter: { search: "meimei" }) { nodes { displayName } }
      events(first: 100) { nodes { id type sequence order { id } } pageInfo { hasNextPage endCursor } }
    } } }`;
    const read = async (filter: unknown) => at(await ask(key, lists, { filter }), "viewer.merchant");
    await vi.waitFor(async () => expect(at(await read(null), "events.nodes")).toHaveLength(6), { timeout: 10_000 });
    expect(at(await read({ state: ["PAID"] }), "orders")).toMatchObject({
      totalCount: 1,
      nodes: [{ externalReference: "a" }],
    });
    expect(at(await read({ channel: "web" }), "orders")).toMatchObject({
      nodes: [{ externalReference: "c", state: "OPEN", customer: null }],
    });
    expect(eachAt(await read(null), "orders.nodes", "externalReference")).toEqual(["c", "b", "a"]);
    expect(at(await read(null), "customers.nodes")).toEqual([{ displayName: "Han Meimei" }]);
    const after = at(await read(null), "events.pageInfo.endCursor");
    const resumed = await ask(
      key,
      `query ($after: String) { viewer { merchant { events(after: $after, types: [ORDER_PAID]) { nodes { id } } } } }`,
      { after },
    );
    expect(at(resumed, "viewer.merchant.events.nodes")).toEqual([]);
  });
});

describe("partners' endpoints", () => {
  it("are registered with a secret that is shown once, and show what they were sent", async () => {
    vi.spyOn(globalThis, "fetch").mockImplementation(async () => new Response(null, { status: 500 }));
    const { key } = await openShop();
    const { webhookEndpointCreate } = await ask(
      key,
      `mutation { webhookEndpointCreate(input: { url: "https://partner.example/hook", types: [ORDER_PLACED], description: "CRM" }) {
        ... on WebhookEndpointCreateSuccess { secret webhookEndpoint { id url state types payload secrets { hint expiresAt } } }
      } }`,
    );
    expect(at(webhookEndpointCreate, "secret")).toMatch(/^whsec_/);
    const id = at(webhookEndpointCreate, "webhookEndpoint.id");
    const { order } = await placed(key);
    const endpoint = `query ($id: ID!) { node(id: $id) { ... on WebhookEndpoint { state backlog deliveries(first: 1) { totalCount pageInfo { hasNextPage } nodes { id state attempts { number status } event { type order { id } } } } dead: deliveries(state: DEAD) { totalCount nodes { id } } } } }`;
    await vi.waitFor(
      async () =>
        expect(at(await ask(key, endpoint, { id }), "node")).toMatchObject({
          state: "ENABLED",
          backlog: 1,
          deliveries: {
            totalCount: 1,
            pageInfo: { hasNextPage: false },
            nodes: [
              {
                state: "RETRYING",
                attempts: [{ number: 1, status: 500 }],
                event: { type: "ORDER_PLACED", order: { id: at(order, "id") } },
              },
            ],
          },
          dead: { totalCount: 0, nodes: [] },
        }),
      { timeout: 10_000 },
    );
    const delivery = at(await ask(key, endpoint, { id }), "node.deliveries.nodes.0.id");
    expect(
      at(await ask(key, `query ($id: ID!) { node(id: $id) { id __typename } }`, { id: delivery }), "node"),
    ).toEqual({
      id: delivery,
      __typename: "WebhookDelivery",
    });
    const refused = await ask(
      key,
      `mutation { webhookEndpointCreate(input: { url: "https://user:pw@partner.example/", types: [] }) { ... on UrlNotAllowedError { code url reason } } }`,
    );
    expect(at(refused, "webhookEndpointCreate")).toMatchObject({
      code: "URL_NOT_ALLOWED",
      url: "https://user:pw@partner.example/",
    });
    vi.restoreAllMocks();
  });
});

describe("a fault inside", () => {
  it("is told as nothing but that, and logged", async () => {
    const { key } = await openShop();
    const logged = vi.spyOn(console, "error").mockImplementation(() => {});
    await env.DB.prepare("ALTER TABLE products RENAME TO gone").run();
    const { errors, data } = await tell(key, `{ viewer { scopes merchant { products { totalCount } } } }`);
    await env.DB.prepare("ALTER TABLE gone RENAME TO products").run();
    expect(errors).toEqual([
      expect.objectContaining({
        message: "Unexpected error.",
        path: ["viewer", "merchant", "products"],
        extensions: { code: "INTERNAL_SERVER_ERROR" },
      }),
    ]);
    expect(JSON.stringify(errors)).not.toMatch(/no such table|SQL|stack/i);
    expect(at(data, "viewer.merchant")).toBeNull();
    expect(logged).toHaveBeenCalledOnce();

    // The key is believed for a moment; after it the database is asked again.
    vi.setSystemTime(Date.now() + limits.apiKeyCacheMs);
    await env.DB.prepare("ALTER TABLE api_keys RENAME TO gone").run();
    const early = await tell(key, `{ viewer { scopes } }`);
    await env.DB.prepare("ALTER TABLE gone RENAME TO api_keys").run();
    expect(early).toEqual({
      status: 500,
      data: null,
      errors: [{ message: "Unexpected error.", extensions: { code: "INTERNAL_SERVER_ERROR" } }],
    });
    vi.useRealTimers();
    logged.mockRestore();
  });
});
