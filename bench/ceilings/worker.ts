/**
 * What is unavoidable, and nothing else: the fastest that each of the product's doors could be on this machine. No keys, no checks, no state
 * machine, no events, no projection.
 */
import { DurableObject } from "cloudflare:workers";
import { Hono } from "hono";
import { answer, type Question } from "./graph.ts";
import { answerList } from "./list.ts";

export type CeilingsEnv = {
  CODE: DurableObjectNamespace<Code>;
  /** JSON of the order that the product answered: the bare graph answers the same. */
  ORDER: string;
  /** The picture that the product answered, as SVG. */
  PICTURE: string;
};

/** One object with one row, kept in memory once it was read. */
export class Code extends DurableObject<CeilingsEnv> {
  private target: string | null = null;

  create(target: string): void {
    this.ctx.storage.transactionSync(() => {
      this.ctx.storage.sql.exec("CREATE TABLE code (id INTEGER PRIMARY KEY, target TEXT NOT NULL) STRICT");
      this.ctx.storage.sql.exec("INSERT INTO code (id, target) VALUES (1, ?)", target);
    });
    this.target = target;
  }

  /** As a live code must begin: with a row of an order's size, the alarm that guards it, and, once others were told, the mark and the alarm of its end. */
  place(): void {
    this.ctx.storage.transactionSync(() => {
      this.create(this.env.ORDER);
      void this.ctx.storage.setAlarm(Date.now() + 2_000);
    });
    this.ctx.waitUntil(this.told());
  }

  private async told(): Promise<void> {
    await scheduler.wait(0);
    this.ctx.storage.transactionSync(() => {
      this.write(this.env.ORDER);
      void this.ctx.storage.setAlarm(Date.now() + 7_200_000);
    });
  }

  override alarm(): void {
    // Nothing is owed to anybody.
  }

  read(): string {
    this.target ??= this.ctx.storage.sql.exec<{ target: string }>("SELECT target FROM code").one().target;
    return this.target;
  }

  /** The order's JSON, as an object that keeps it in memory gives it away. */
  order(): string {
    this.read();
    return this.env.ORDER;
  }

  write(target: string): void {
    this.ctx.storage.sql.exec("UPDATE code SET target = ?", target);
    this.target = target;
  }
}

type Sending = { readonly url: string; readonly count: number; readonly atOnce: number; readonly body: string };

/** A bare loop of `fetch`, as many at once as the product sends: nothing is signed, kept or retried. */
async function sendAll({ url, count, atOnce, body }: Sending): Promise<void> {
  const headers = {
    "content-type": "application/json",
    "user-agent": "Ceiling/1.0",
    "webhook-id": "ceiling_01H455VB4PEX5VSK0001",
    "webhook-timestamp": "1795420800",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
  };
  let left = count;
  const sender = async (): Promise<void> => {
    while ((left -= 1) >= 0) await (await fetch(url, { method: "POST", headers, body })).arrayBuffer();
  };
  await Promise.all(Array.from({ length: atOnce }, sender));
}

let constant: unknown;

const code = (env: CeilingsEnv, name: string) => env.CODE.getByName(name);

const app = new Hono<{ Bindings: CeilingsEnv }>()
  .get("/c/:name", async ({ env, req, redirect }) => redirect(await code(env, req.param("name")).read(), 302))
  .post("/c/:name", async ({ env, req, body }) => {
    await code(env, req.param("name")).write(await req.text());
    return body(null, 204);
  })
  .post("/c", async ({ env, req, text }) => {
    const name = crypto.randomUUID();
    await code(env, name).create(await req.text());
    return text(name);
  })
  .post("/graphql/place", async ({ env, req }) => {
    const question = await req.json<Question>();
    await code(env, crypto.randomUUID()).place();
    constant ??= JSON.parse(env.ORDER) as unknown;
    return Response.json(await answer(constant, question));
  })
  .post("/fetches", async ({ req, body }) => {
    await sendAll(await req.json());
    return body(null, 204);
  })
  .post("/yoga", ({ env, req }) => answerList(req.raw, env.ORDER))
  .post("/graphql/:name", async ({ env, req }) =>
    Response.json(await answer(JSON.parse(await code(env, req.param("name")).order()), await req.json())),
  )
  .post("/graphql", async ({ env, req }) => {
    constant ??= JSON.parse(env.ORDER) as unknown;
    return Response.json(await answer(constant, await req.json()));
  });

export default {
  fetch(request, env, ctx) {
    if (request.url.endsWith("/picture.svg"))
      return new Response(env.PICTURE, { headers: { "content-type": "image/svg+xml" } });
    return app.fetch(request, env, ctx);
  },
} satisfies ExportedHandler<CeilingsEnv>;
