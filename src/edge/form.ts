/** A submitted form, read up to a limit before anything in it is believed. */
import { limits } from "../core/limits.ts";
import { err, ok, type Result } from "../core/result.ts";
import { readBody } from "./body.ts";

export type FormFault = "TOO_LARGE" | "UNREADABLE";

/** Text fields only; a file is nothing that a form of ours sends. */
export async function readForm(request: Request): Promise<Result<URLSearchParams, FormFault>> {
  const type = request.headers.get("content-type") ?? "";
  if (!/^(application\/x-www-form-urlencoded|multipart\/form-data)\b/i.test(type)) return err("UNREADABLE");
  const body = await readBody(request, limits.formBytesMax);
  if (body === null) return err("TOO_LARGE");
  try {
    const fields = await new Response(body, { headers: { "content-type": type } }).formData();
    return ok(
      new URLSearchParams(
        [...fields].flatMap(([name, value]): [string, string][] => (typeof value === "string" ? [[name, value]] : [])),
      ),
    );
  } catch {
    return err("UNREADABLE");
  }
}
