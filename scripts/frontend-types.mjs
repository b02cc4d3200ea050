// The printed graph as types of gql.tada, for the typed client in examples/frontend. By its library: its command line needs an older TypeScript.
// With --check also compiles the client against them.
import { readFileSync, writeFileSync } from "node:fs";
import { minifyIntrospection, outputIntrospectionFile } from "@gql.tada/internal";
import { buildSchema, introspectionFromSchema } from "graphql";
import { inProject, runTool } from "./project.mjs";

const printed = readFileSync(inProject("src", "schema", "schema.graphql"), "utf8");
const introspection = minifyIntrospection(introspectionFromSchema(buildSchema(printed)));
const types = outputIntrospectionFile(introspection, { fileType: ".d.ts", shouldPreprocess: true });
writeFileSync(inProject("examples", "frontend", "graphql-env.d.ts"), types);
if (process.argv.includes("--check")) process.exitCode = runTool("tsc", ["-p", "examples/frontend"]).ok ? 0 : 1;
